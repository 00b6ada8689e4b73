#!/bin/sh
# The check of a change, for any CI that runs a shell: lockstep-check.sh BASE [REPORTS-FOLDER].
# It ends with 3 when the change introduces errors. Set LOCKSTEP_POST to github, gitlab, azure or bitbucket, and the
# variables that `lockstep comment --help` names, to comment on the pull request as well.
set -eu
base=${1:?usage: lockstep-check.sh BASE [REPORTS-FOLDER]}
reports=${2:-lockstep-reports}
mkdir -p "$reports"
if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
	git fetch --quiet --unshallow || true
fi
lockstep check --base "$base" -o markdown >"$reports/report.md" || true
lockstep check --base "$base" -o html >"$reports/report.html" || true
lockstep check --base "$base" -o junit >"$reports/lockstep.xml" || true
lockstep check --base "$base" -o sarif >"$reports/lockstep.sarif" || true
if [ -n "${LOCKSTEP_POST:-}" ]; then
	lockstep comment --to "$LOCKSTEP_POST" --file "$reports/report.md"
fi
exec lockstep check --base "$base"
