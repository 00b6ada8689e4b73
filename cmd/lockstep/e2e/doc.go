// Package e2e tries the built program with the real programs of others: frodo from npm and a browser, against the
// sandbox, and an ssh server in front of a repository. Its tests are built with the tag e2e only, since they install
// what they need:
//
//	go test -tags e2e ./cmd/lockstep/e2e
//
// What can't be installed fails the test. Where there is no network, LOCKSTEP_E2E_OFFLINE=1 skips those.
package e2e
