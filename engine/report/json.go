package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// EncodeJSON writes a value as all of Lockstep's JSON is written: indented by two, no HTML escapes, a
// line break at the end.
func EncodeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// jsonFinding is the shape that product.md fixes. Fields are added, never renamed.
type jsonFinding struct {
	Code     string          `json:"code"`
	Severity schema.Severity `json:"severity"`
	Message  string          `json:"message"`
	Hint     string          `json:"hint,omitempty"`
	Resource *schema.Key     `json:"resource,omitempty"`
	Name     string          `json:"name,omitempty"`
	Pointer  string          `json:"pointer,omitempty"`
	jsonPlace
	Related []jsonRelated `json:"related,omitempty"`
}

type jsonPlace struct {
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndLine   int    `json:"endLine,omitempty"`
	EndColumn int    `json:"endColumn,omitempty"`
}

type jsonRelated struct {
	jsonPlace
	Text string `json:"text,omitempty"`
}

func placeOf(p schema.Pos) jsonPlace {
	return jsonPlace{p.File, p.Line, p.Column, p.EndLine, p.EndColumn}
}

func findingOf(d schema.Diagnostic) jsonFinding {
	f := jsonFinding{Code: d.Code, Severity: d.Severity, Message: d.Message, Hint: d.Hint, Name: d.Name, Pointer: d.Pointer, jsonPlace: placeOf(d.Pos)}
	if d.Key != (schema.Key{}) {
		f.Resource = &d.Key
	}
	for _, r := range d.Related {
		f.Related = append(f.Related, jsonRelated{placeOf(r.Pos), r.Text})
	}
	return f
}

type jsonChange struct {
	Action   diff.Action  `json:"action"`
	Resource schema.Key   `json:"resource"`
	Name     string       `json:"name,omitempty"`
	Class    schema.Class `json:"class"`
	Restart  bool         `json:"restart,omitempty"`
	Patch    []diff.Op    `json:"patch"`
}

func changeOf(c ChangeView) jsonChange {
	out := jsonChange{Action: c.Action, Resource: c.Key, Class: c.Class, Restart: c.Restart, Patch: c.Patch}
	if c.Name != c.ID {
		out.Name = c.Name
	}
	if out.Patch == nil {
		out.Patch = []diff.Op{}
	}
	return out
}

// jsonSummary holds the counts of findings, of changes, or of both.
type jsonSummary struct {
	*findingCounts
	*diff.Summary
}

type findingCounts struct {
	Resources int `json:"resources"`
	Errors    int `json:"errors"`
	Warnings  int `json:"warnings"`
	Infos     int `json:"infos"`
}

type jsonUnmanaged struct {
	Kind  string   `json:"kind"`
	Files []string `json:"files"`
}

type jsonDocument struct {
	Title        string              `json:"title,omitempty"`
	Tool         string              `json:"tool,omitempty"`
	Commit       string              `json:"commit,omitempty"`
	Base         string              `json:"base,omitempty"`
	Findings     *[]jsonFinding      `json:"findings,omitempty"`
	Changes      *[]jsonChange       `json:"changes,omitempty"`
	Environments []EnvironmentStatus `json:"environments,omitempty"`
	Plan         *PlanView           `json:"plan,omitempty"`
	Run          *RunView            `json:"run,omitempty"`
	Promotion    *PromotionView      `json:"promotion,omitempty"`
	Drift        []DriftView         `json:"drift,omitempty"`
	Steps        []StoryStep         `json:"steps,omitempty"`
	Unmanaged    []jsonUnmanaged     `json:"unmanaged,omitempty"`
	Summary      *jsonSummary        `json:"summary,omitempty"`
}

func (r *Report) hasFindings() bool { return r.Checked || len(r.Findings) > 0 }
func (r *Report) hasChanges() bool  { return r.Compared || len(r.Changes) > 0 }

func (r *Report) summarizeChanges() diff.Summary {
	changes := make([]diff.Change, len(r.Changes))
	for i := range r.Changes {
		changes[i] = r.Changes[i].Change
	}
	return diff.Summarize(changes)
}

func jsonReport(r *Report) *jsonDocument {
	doc := &jsonDocument{Title: r.Title, Tool: r.Tool, Commit: r.Commit, Base: r.Base,
		Environments: r.Environments, Plan: r.Plan, Run: r.Run, Promotion: r.Promotion, Drift: r.Drift, Steps: r.Steps}
	for _, u := range r.Unmanaged {
		doc.Unmanaged = append(doc.Unmanaged, jsonUnmanaged{u.Type, u.Files})
	}
	if r.hasFindings() {
		list := make([]jsonFinding, len(r.Findings))
		for i, d := range r.Findings {
			list[i] = findingOf(d)
		}
		doc.Findings = &list
	}
	if r.hasChanges() {
		list := make([]jsonChange, len(r.Changes))
		for i, c := range r.Changes {
			list[i] = changeOf(c)
		}
		doc.Changes = &list
	}
	doc.Summary = jsonSummaryOf(r)
	return doc
}

func jsonSummaryOf(r *Report) *jsonSummary {
	if !r.hasFindings() && !r.hasChanges() {
		return nil
	}
	s := &jsonSummary{}
	if r.hasFindings() {
		s.findingCounts = &findingCounts{r.Resources, r.Findings.Count(schema.Error), r.Findings.Count(schema.Warning), r.Findings.Count(schema.Info)}
	}
	if r.hasChanges() {
		sum := r.summarizeChanges()
		s.Summary = &sum
	}
	return s
}

// MarshalJSON writes the promotion API's own words, the lists never null.
func (e EnvironmentStatus) MarshalJSON() ([]byte, error) {
	list := func(s []string) []string {
		if s == nil {
			return []string{}
		}
		return s
	}
	refs := e.References
	if refs == nil {
		refs = []ReferenceView{}
	}
	return marshal(struct {
		Environment string          `json:"environment"`
		Role        string          `json:"role,omitempty"`
		Missing     []string        `json:"missingESVs"`
		Encrypted   []string        `json:"encryptedSecrets"`
		Unused      []string        `json:"unusedESVs,omitempty"`
		References  []ReferenceView `json:"references"`
		Plan        *PlanView       `json:"plan,omitempty"`
		Promotes    bool            `json:"promotes,omitempty"`
		Drift       *DriftView      `json:"drift,omitempty"`
		Problem     string          `json:"problem,omitempty"`
	}{e.Name, e.Role, apiNames(e.MissingESVs), list(e.EncryptedSecrets), e.UnusedESVs, refs, e.Plan, e.Promotes, e.Drift, e.Problem})
}

// marshal is json.Marshal without the escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// writeNDJSON writes one object a line: each finding and change, then a summary.
func writeNDJSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, d := range r.Findings {
		if err := e.Encode(struct {
			Event string `json:"event"`
			jsonFinding
		}{"finding", findingOf(d)}); err != nil {
			return err
		}
	}
	for _, c := range r.Changes {
		if err := e.Encode(struct {
			Event string `json:"event"`
			jsonChange
		}{"change", changeOf(c)}); err != nil {
			return err
		}
	}
	for _, v := range []struct {
		event string
		value any
		there bool
	}{{"plan", r.Plan, r.Plan != nil}, {"run", r.Run, r.Run != nil}, {"promotion", r.Promotion, r.Promotion != nil},
		{"drift", r.Drift, r.Drift != nil}, {"environments", r.Environments, r.Environments != nil}, {"summary", jsonSummaryOf(r), jsonSummaryOf(r) != nil}} {
		if !v.there {
			continue
		}
		if err := e.Encode(map[string]any{"event": v.event, v.event: v.value}); err != nil {
			return err
		}
	}
	return nil
}

// apiNames spells ESVs as the promotion API does: esv-email-from is email.from.
func apiNames(esvs []string) []string {
	out := []string{}
	for _, e := range esvs {
		if name, ok := strings.CutPrefix(e, "esv-"); ok {
			e = strings.ReplaceAll(name, "-", ".")
		}
		out = append(out, e)
	}
	return out
}
