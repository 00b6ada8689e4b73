package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/forge"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

func newCommentCommand(a *app) *cobra.Command {
	var to, file, id string
	cmd := &cobra.Command{
		Use:   "comment --to SERVICE [--file FILE]",
		Short: "Keep one comment on the pull request up to date",
		Long: `Posts a Markdown report, as check -o markdown writes it, as a comment on the pull request, or edits the one that is
there. The repository, the pull request and the token come from the variables that the service's CI sets;
LOCKSTEP_PULL_REQUEST names another pull request.

On pull requests from forks a job has no token that may comment: let it keep the report as an artifact, and run
this in a job of the base repository that trusts nothing but that file's text.` + exitHelp(),
		Example: "  lockstep check --base origin/main -o markdown > report.md\n  lockstep comment --to github --file report.md",
		Args:    maxArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := a.stdin
			if file != "" && file != "-" {
				name, err := a.path(file)
				if err != nil {
					return err
				}
				f, err := os.Open(name)
				if err != nil {
					return err
				}
				defer f.Close() //nolint:errcheck // only read from
				in = f
			}
			text, err := io.ReadAll(io.LimitReader(in, 1<<20))
			if err != nil {
				return err
			}
			return a.postComment(cmd.Context(), to, string(text), id)
		},
	}
	cmd.Flags().StringVar(&to, "to", "auto", "the service: auto, "+strings.Join(forge.Names(), ", "))
	cmd.Flags().StringVar(&file, "file", "", "the Markdown file (default: standard input)")
	cmd.Flags().StringVar(&id, "id", "", "keep several comments apart: letters, digits and dashes")
	return cmd
}

// forge opens the service; "auto" is the one whose CI this is.
func (a *app) forge(name string) (*forge.Forge, error) {
	if name == "auto" {
		if name = forge.Detect(forge.Lookup(a.env)); name == "" {
			return nil, fmt.Errorf("this is no CI that is known here; name the service: %s", strings.Join(forge.Names(), ", "))
		}
	}
	if !slices.Contains(forge.Names(), name) {
		return nil, unknown("service", name, forge.Names())
	}
	return forge.New(name, forge.Lookup(a.env), forge.Options{Transport: a.transport})
}

// postReport comments on the pull request with as much of a report as the service takes, and puts the findings beside
// the lines where the service takes them so. Findings from failOn on make that report a failed one.
func (a *app) postReport(ctx context.Context, service string, r *report.Report, failOn schema.Severity) error {
	f, err := a.forge(service)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	o := a.options()
	o.MaxBytes = min(f.Limit, 65_000) - 500
	if err := report.Write(&b, report.Markdown, r, o); err != nil {
		return err
	}
	if err := a.comment(ctx, f, b.String(), ""); err != nil {
		return err
	}
	notes := forge.Notes{
		ID: "lockstep", Title: "Lockstep", Reporter: cmp.Or(r.Tool, "lockstep"), Passed: len(r.Findings.AtLeast(failOn)) == 0,
		Details: fmt.Sprintf("%d errors, %d warnings. The comment on the pull request has the rest.", r.Findings.Count(schema.Error), r.Findings.Count(schema.Warning)),
	}
	for _, n := range r.Annotations() {
		notes.List = append(notes.List, forge.Note{ID: n.ID, Path: n.Path, Line: n.Line, Severity: n.Severity.String(), Summary: n.Summary, Details: n.Details})
	}
	left, err := f.Annotate(ctx, notes)
	if left > 0 {
		a.note("%s shows no more: %d findings are left out beside the lines", f.Name, left)
	}
	return err
}

func (a *app) postComment(ctx context.Context, service, text, id string) error {
	f, err := a.forge(service)
	if err != nil {
		return err
	}
	return a.comment(ctx, f, text, id)
}

var commentID = regexp.MustCompile(`^[A-Za-z0-9-]{0,40}$`)

func (a *app) comment(ctx context.Context, f *forge.Forge, text, id string) error {
	if !commentID.MatchString(id) {
		return errors.New("--id: letters, digits and dashes, 40 at most")
	}
	if strings.TrimSpace(text) == "" {
		return errors.New("there is nothing to post: the report is empty")
	}
	mark := marker("report", id)
	text = strings.TrimPrefix(text, report.Marker+"\n")
	address, err := f.Comment(ctx, mark, mark+"\n\n"+flavour(f.Name, text))
	if err != nil {
		return err
	}
	a.note("Commented on %s %s", f.Name, address)
	return nil
}

// marker is a line that no viewer shows, in none of the services' Markdown: a link that nothing refers to.
func marker(what, id string) string {
	return "[//]: # (lockstep-" + what + cmp.Or(strings.TrimSuffix("-"+id, "-"), "") + ")"
}

// flavour writes Markdown as a service understands it. Bitbucket shows HTML as text.
func flavour(service, text string) string {
	if service != "bitbucket" {
		return text
	}
	text = summaryTag.ReplaceAllString(text, "**$1**\n")
	text = strings.NewReplacer("</details>", "", "<sub>", "", "</sub>", "", "<br>", "", "&#8203;", "\u200b", "**<b>", "**", "</b>", "", "<b>", "").Replace(text)
	return text
}

var summaryTag = regexp.MustCompile(`<details><summary>(?:<b>)?(.*?)</summary>`)

// postDrift keeps one issue for each environment. What could not be looked at stays as it is.
func (a *app) postDrift(ctx context.Context, service string, r *report.Report) error {
	f, err := a.forge(service)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range r.Drift {
		if d.Problem != "" {
			a.note("%s: not looked at, so its issue stays as it is: %s", d.Environment, d.Problem)
			continue
		}
		issue := driftIssue(r, d, f.Name)
		address, err := f.Issue(ctx, issue)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d.Environment, err))
			continue
		}
		if address != "" {
			a.note("%s: %s", d.Environment, address)
		}
	}
	return errors.Join(errs...)
}

// state is the line in which an issue remembers what it told of.
var state = regexp.MustCompile(`\[//\]: # \(lockstep-state ([0-9a-f ]*)\)`)

// driftIssue is what an environment's issue should say. The same drift gives the same text, so that nothing is
// edited, and nobody is told, when nothing is new.
func driftIssue(r *report.Report, d report.DriftView, service string) forge.Issue {
	one := *r
	one.Title, one.Drift, one.Commit, one.Tool = "Drift in "+d.Environment, []report.DriftView{d}, "", ""
	var ids []string
	open := map[string]report.DriftItem{}
	for _, i := range d.Items {
		if i.Accepted {
			continue
		}
		sum := sha256.Sum256([]byte(i.Key.String() + "\x00" + i.Text))
		id := hex.EncodeToString(sum[:4])
		ids, open[id] = append(ids, id), i
	}
	slices.Sort(ids)
	mark := marker("drift", d.Environment)
	var b bytes.Buffer
	if err := report.Write(&b, report.Markdown, &one, report.Options{MaxBytes: 30_000}); err != nil {
		b.WriteString(err.Error())
	}
	body := mark + "\n[//]: # (lockstep-state " + strings.Join(ids, " ") + ")\n\n" + strings.TrimPrefix(b.String(), report.Marker+"\n")
	if len(ids) > 0 {
		body += "\nBring it into git with `lockstep export`, or put git's state back with `lockstep plan` and `lockstep apply`. What may stay for a while goes into `acceptedDrift` in lockstep.yaml.\n"
	}
	return forge.Issue{
		Marker: mark, Title: fmt.Sprintf("Drift in %s: the tenant is not what git says", d.Environment), Body: flavour(service, body), Open: len(ids) > 0,
		News: func(old string) string {
			var known []string
			if m := state.FindStringSubmatch(old); m != nil {
				known = strings.Fields(m[1])
			}
			one.Drift = []report.DriftView{d}
			one.Drift[0].Items = nil
			for _, id := range ids {
				if !slices.Contains(known, id) {
					one.Drift[0].Items = append(one.Drift[0].Items, open[id])
				}
			}
			if len(one.Drift[0].Items) == 0 {
				return ""
			}
			one.Title = "New drift in " + d.Environment
			var b bytes.Buffer
			if err := report.Write(&b, report.Markdown, &one, report.Options{MaxBytes: 30_000}); err != nil {
				return ""
			}
			return flavour(service, strings.TrimPrefix(b.String(), report.Marker+"\n"))
		},
	}
}
