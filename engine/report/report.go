// Package report shows what Lockstep found, compared, planned and did: to people (text, markdown,
// html), to scripts (json, ndjson) and to the services that read findings (sarif, junit, github).
//
// A [Report] is a value that the command fills; nothing here reads a file, asks a tenant or looks at a
// clock, so the same Report gives the same bytes. All text in it is untrusted: names come from tenants
// and from pull requests. Each format makes it harmless in its own way: a terminal gets no control
// characters, Markdown no markup and no mention, HTML goes through html/template.
//
// The pieces of the text format are exported one by one ([Findings], [Changes], [Plan], [Run],
// [Promotion], [Drift], [Problem]), for commands that show one thing.
package report

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A Report is all that there is to say. Parts that are empty are left out.
type Report struct {
	Title   string        // "Lockstep check"
	Tool    string        // "lockstep 1.2.0"
	Commit  string        // what was looked at; empty when it is no commit
	Base    string        // what it was compared with
	Source  string        // for people: "git 4f2c9e1", a path
	Elapsed time.Duration // left out when zero

	// Checked says that findings were looked for: then none is worth a line.
	Checked   bool
	Findings  schema.Diagnostics
	Resources int // that were looked at
	Unmanaged []schema.Unmanaged

	// Compared says that a difference was looked for.
	Compared bool
	Changes  []ChangeView

	Environments []EnvironmentStatus
	Plan         *PlanView
	Run          *RunView
	Promotion    *PromotionView
	Drift        []DriftView
	Steps        []StoryStep

	// Prefix stands before every file's name: the configuration's folder in the repository, since the
	// services that show findings want names from the repository's root.
	Prefix string
	// LinkBase is the address of the repository's files at Commit, ending in a slash; with it, places
	// in Markdown and HTML are links.
	LinkBase string
}

// A ChangeView is a change and what is said beside it.
type ChangeView struct {
	diff.Change
	Restart bool   // it takes effect when the tenant's services are restarted
	Picture string // address of the journey's picture; empty when there is none
}

// ViewsOf wraps changes that have nothing beside them.
func ViewsOf(changes []diff.Change) []ChangeView {
	views := make([]ChangeView, len(changes))
	for i := range changes {
		views[i].Change = changes[i]
	}
	return views
}

// EnvironmentStatus is what a check says of one tenant environment.
type EnvironmentStatus struct {
	Name, Role       string
	MissingESVs      []string // "esv-email-from"; in JSON as the promotion API spells them, "email.from"
	EncryptedSecrets []string // "file:line", as promotion reports name them
	UnusedESVs       []string // it has them, and the change takes their last use away
	Promotes         bool     // Plan is what a promotion would bring, not what a plan would do
	References       []ReferenceView
	Plan             *PlanView
	Drift            *DriftView
	Problem          string // why it could not be looked at
}

// ReferenceView is one place where an ESV is used.
type ReferenceView struct {
	ESV      string     `json:"esv"`
	Kind     string     `json:"kind"`    // placeholder, script, secret-mapping
	Wrapper  string     `json:"wrapper"` // "$int"; empty for a bare placeholder
	Default  *string    `json:"default"`
	Resource schema.Key `json:"resource"`
	Pointer  string     `json:"pointer"`
	File     string     `json:"file,omitempty"`
	Line     int        `json:"line,omitempty"`
	Column   int        `json:"column,omitempty"`
}

// PlanView is a plan, for people.
type PlanView struct {
	Environment string       `json:"environment"`
	Role        string       `json:"role,omitempty"`
	Source      string       `json:"source,omitempty"` // `git 4f2c9e1 "Retry limit on login"`
	Steps       []PlanStep   `json:"steps"`
	Ahead       []AheadView  `json:"ahead,omitempty"`
	Kept        int          `json:"kept,omitempty"` // bodies that are kept before they are written over
	File        string       `json:"file,omitempty"` // where it was saved
	Notes       []string     `json:"notes,omitempty"`
	Summary     diff.Summary `json:"summary"`
}

// PlanStep is one step of a plan.
type PlanStep struct {
	Number int    `json:"number"`
	Kind   string `json:"kind"` // "esv", "script"; "·" for what is no resource
	Name   string `json:"name"` // "alpha/Login Risk"
	Text   string `json:"text"` // "update: 1 node created, 1 rewired, then the tree"
	Delete bool   `json:"delete,omitempty"`
}

// AheadView says whether an upper environment is ready for what the plan does.
type AheadView struct {
	Environment string `json:"environment"`
	Ready       bool   `json:"ready"`
	Text        string `json:"text"` // "ready", "lacks esv-login-retry-limit"
}

// State is how far a step is.
type State string

// The states of a step.
const (
	Waiting State = "waiting"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed"
	Skipped State = "skipped"
)

// RunView is a run of a plan.
type RunView struct {
	ID          string    `json:"id"`
	Environment string    `json:"environment"`
	Steps       []RunStep `json:"steps"`
	Outcome     State     `json:"outcome"`
	Message     string    `json:"message"` // "Interrupted. Nothing is half written: 2 of 5 steps are done."
	Next        []Next    `json:"next,omitempty"`
}

// RunStep is one step of a run.
type RunStep struct {
	Number int           `json:"number"`
	Name   string        `json:"name"`
	State  State         `json:"state"`
	Text   string        `json:"text"`
	Detail []string      `json:"detail,omitempty"`
	Took   time.Duration `json:"-"`
}

// Next is something the user can do now.
type Next struct {
	Label   string `json:"label"` // "Go on"
	Command string `json:"command"`
}

// PromotionView is a promotion.
type PromotionView struct {
	From    string          `json:"from"`
	To      string          `json:"to"`
	ID      string          `json:"id,omitempty"`
	Source  string          `json:"source,omitempty"`
	Steps   []PromotionStep `json:"steps"`
	Message string          `json:"message,omitempty"` // "Nothing was promoted. Create it, then run this again:"
	Next    []Next          `json:"next,omitempty"`
}

// PromotionStep is one stage of a promotion.
type PromotionStep struct {
	Name   string        `json:"name"`
	State  State         `json:"state"`
	Text   string        `json:"text,omitempty"`
	Detail []string      `json:"detail,omitempty"`
	Took   time.Duration `json:"-"`
}

// DriftView is one environment, compared with git.
type DriftView struct {
	Environment string      `json:"environment"`
	Source      string      `json:"source,omitempty"`  // "git 4f2c9e1"
	Resources   int         `json:"resources"`         // that were compared
	Checked     string      `json:"checked,omitempty"` // "checked 3 s ago"
	Problem     string      `json:"problem,omitempty"` // why it could not be looked at
	Items       []DriftItem `json:"items"`

	Changes []ChangeView `json:"-"` // of the items that are not accepted, from git to the tenant: for pages with room
}

// DriftItem is one resource that differs.
type DriftItem struct {
	Label    string     `json:"label"` // "alpha/journey/Login"
	Key      schema.Key `json:"resource"`
	Text     string     `json:"text"` // "LDAP Decision: heartbeatInterval 10 → 60"
	Accepted bool       `json:"accepted"`
	Until    string     `json:"until,omitempty"` // the day; empty when without end
	Reason   string     `json:"reason,omitempty"`
}

// StoryStep is one scene of a demonstration.
type StoryStep struct {
	Heading string `json:"heading"`
	Text    string `json:"text,omitempty"`
	Command string `json:"command,omitempty"`
	Output  string `json:"output,omitempty"`
}

// A Format is one way to write a Report.
type Format string

// The formats.
const (
	Text     Format = "text"
	JSON     Format = "json"
	NDJSON   Format = "ndjson"
	Markdown Format = "markdown"
	SARIF    Format = "sarif"
	JUnit    Format = "junit"
	GitHub   Format = "github"
	HTML     Format = "html"
	// CodeQuality is GitLab's report of findings.
	CodeQuality Format = "codequality"
	// Azure is what Azure Pipelines reads in a log.
	Azure Format = "azure"
)

// Formats lists all formats.
func Formats() []Format {
	return []Format{Text, JSON, NDJSON, Markdown, SARIF, JUnit, GitHub, HTML, CodeQuality, Azure}
}

// ParseFormat reads a format's name.
func ParseFormat(s string) (Format, error) {
	if slices.Contains(Formats(), Format(s)) {
		return Format(s), nil
	}
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	hint := ""
	if near := schema.Suggest(s, names); near != "" {
		hint = fmt.Sprintf("did you mean %s? ", near)
	}
	return "", fmt.Errorf("output format %q is not known: %sThere are %s", s, hint, strings.Join(names, ", "))
}

// Options say how to show a Report.
type Options struct {
	Style Style
	Width int  // columns of the terminal; 0 when it is none: then no line is broken
	All   bool // show what is otherwise folded away
	// MaxBytes is how long a page of Markdown may be; 65,000 when 0.
	MaxBytes int
	// FailOn is the severity from which JUnit counts a finding as a failure; Error when Off.
	FailOn schema.Severity
}

// Write writes the report.
func Write(w io.Writer, f Format, r *Report, o Options) error {
	r = r.prepared()
	switch f {
	case Text:
		return writeText(w, r, o)
	case JSON:
		return EncodeJSON(w, jsonReport(r))
	case NDJSON:
		return writeNDJSON(w, r)
	case Markdown:
		return writeMarkdown(w, r, o)
	case SARIF:
		return writeSARIF(w, r)
	case JUnit:
		return writeJUnit(w, r, o)
	case GitHub:
		return writeGitHub(w, r)
	case Azure:
		return writeAzure(w, r)
	case HTML:
		return writeHTML(w, r)
	case CodeQuality:
		return writeCodeQuality(w, r)
	default:
		_, err := ParseFormat(string(f))
		return err
	}
}

// prepared returns a copy with the findings sorted and every file named from the repository's root.
func (r *Report) prepared() *Report {
	c := *r
	place := func(p schema.Pos) schema.Pos {
		if p.File != "" && r.Prefix != "" {
			p.File = path.Join(r.Prefix, p.File)
		}
		return p
	}
	c.Findings = slices.Clone(r.Findings)
	for i := range c.Findings {
		d := &c.Findings[i]
		d.Pos = place(d.Pos)
		d.Related = slices.Clone(d.Related)
		for j := range d.Related {
			d.Related[j].Pos = place(d.Related[j].Pos)
		}
	}
	c.Findings.Sort()
	// Lists are empty in JSON, never null.
	c.Drift = slices.Clone(r.Drift)
	for i := range c.Drift {
		c.Drift[i].Items = orEmpty(c.Drift[i].Items)
	}
	c.Environments = slices.Clone(r.Environments)
	for i := range c.Environments {
		e := &c.Environments[i]
		e.Plan = e.Plan.prepared()
		if e.Drift != nil {
			d := *e.Drift
			d.Items = orEmpty(d.Items)
			e.Drift = &d
		}
	}
	c.Plan = r.Plan.prepared()
	return &c
}

func (v *PlanView) prepared() *PlanView {
	if v == nil {
		return nil
	}
	c := *v
	c.Steps = orEmpty(c.Steps)
	return &c
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
