package engine

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/placeholders"
	"github.com/lockstep-gitops/lockstep/schema"
)

// PlanFormat is the version of the plan file.
const PlanFormat = 1

// A Plan is the work that makes a tenant match a source. It is a value: it holds no client and no secret,
// prints nothing, and means the same after a trip through a file.
type Plan struct {
	Format      int         `json:"format"`
	Tool        string      `json:"tool"`
	Environment PlanTarget  `json:"environment"`
	Source      PlanSource  `json:"source"`
	Steps       []Step      `json:"steps"` // in an order that is safe to run one by one
	Reads       []Expect    `json:"reads"` // what the steps rely on and do not touch
	Findings    []Finding   `json:"findings"`
	Promotions  []Promotion `json:"promotions"` // what a promotion to each environment above would say
	// Elsewhere lists differences in static configuration of an upper environment: they come by promotion,
	// not by this plan.
	Elsewhere []Mention `json:"elsewhere"`
	// Included lists what no --target names, and what they name needs.
	Included []Mention `json:"included,omitempty"`
	Kept     []Mention `json:"kept"` // what the source does not have and the plan does not delete, and why
	Warnings []string  `json:"warnings"`
	// Digest is the SHA-256 of the plan's canonical JSON with an empty digest.
	Digest string `json:"digest"`
}

// PlanTarget is the tenant a plan is for.
type PlanTarget struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Role string `json:"role"`
	// Direct: static configuration of an upper environment is written too, in a direct-configuration session.
	Direct bool `json:"direct,omitempty"`
}

// PlanSource is what a plan was made from.
type PlanSource struct {
	Origin  string `json:"origin"`
	Commit  string `json:"commit,omitempty"`
	Subject string `json:"subject,omitempty"` // the commit's first line
	Author  string `json:"author,omitempty"`  // the mail address of the commit's author
	Digest  string `json:"digest"`
}

// A Step is one write, one deletion, or a restart.
type Step struct {
	Number  int          `json:"number"` // 1-based
	Action  diff.Action  `json:"action,omitempty"`
	Restart bool         `json:"restart,omitempty"`
	Key     schema.Key   `json:"resource,omitzero"`
	Name    string       `json:"name,omitempty"`
	Class   schema.Class `json:"class,omitempty"`
	// Stub: a first, smaller body; a later step writes the whole.
	Stub bool `json:"stub,omitempty"`
	// Was is the digest of the live body the step expects to find; empty if there is none.
	Was string `json:"was,omitempty"`
	// Want is the digest of the body it writes.
	Want  string          `json:"want,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
	Needs []int           `json:"needs,omitempty"` // steps that must be done first
	// Patch and Lines are for show only and must not influence what is done.
	Patch []diff.Op `json:"patch,omitempty"`
	Lines []string  `json:"lines,omitempty"`
}

// An Expect is a live resource whose state a plan relies on.
type Expect struct {
	Key    schema.Key `json:"resource"`
	Digest string     `json:"digest"`
}

// A Finding is a diagnostic as a plan keeps it.
type Finding struct {
	Code     string     `json:"code"`
	Severity string     `json:"severity"`
	Message  string     `json:"message"`
	Resource schema.Key `json:"resource,omitzero"`
	Place    string     `json:"place,omitempty"`
}

// A Promotion is what a promotion to an upper environment would say about the configuration, in the
// promotion API's own words.
type Promotion struct {
	Environment      string   `json:"environment"`
	Known            bool     `json:"known"` // whether the environment's ESVs are known
	MissingESVs      []string `json:"missingESVs"`
	EncryptedSecrets []string `json:"encryptedSecrets"`
}

// A Mention names a resource and says something about it.
type Mention struct {
	Key    schema.Key  `json:"resource"`
	Name   string      `json:"name"`
	Action diff.Action `json:"action,omitempty"`
	Why    string      `json:"why"`
}

// PlanOptions shape a plan.
type PlanOptions struct {
	Tool        string
	Environment PlanTarget
	Source      PlanSource
	// Prune deletes what the source does not have and nothing uses. ESVs are deleted only where the source
	// declares ESVs of that type at all: most repositories keep them elsewhere.
	Prune       bool
	Diff        diff.Options
	Findings    schema.Diagnostics
	Promotions  []Promotion
	MaxDeletes  int // 0 means no limit
	MaxPercent  int // of the live resources; 0 means no limit
	AllowDelete int // deletes the user agreed to
	// Rewrite names secrets whose value changed, with what to show of it: the sides don't tell.
	Rewrite map[schema.Key]string
}

// A LimitError says that a plan deletes more than the project allows.
type LimitError struct {
	Deletes, Live, MaxDeletes, MaxPercent int
}

func (e *LimitError) Error() string {
	var allowed []string
	if e.MaxDeletes > 0 {
		allowed = append(allowed, fmt.Sprint(e.MaxDeletes))
	}
	if e.MaxPercent > 0 {
		allowed = append(allowed, fmt.Sprintf("%d%%", e.MaxPercent))
	}
	return fmt.Sprintf("the plan deletes %d of %d resources; lockstep.yaml allows %s. If that is meant, run it again with --allow-deletes %d",
		e.Deletes, e.Live, strings.Join(allowed, ", or "), e.Deletes)
}

// NewPlan makes the plan that turns live into want. Whether the source's findings forbid one is for the
// caller to say; what would put a secret into the plan, or fail in the middle of a run, is refused here.
func NewPlan(live, want *schema.Set, o PlanOptions) (*Plan, error) {
	changes, included, err := Select(live, want, o.Diff)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Format: PlanFormat, Tool: o.Tool, Environment: o.Environment, Source: o.Source,
		Steps: []Step{}, Reads: []Expect{}, Findings: []Finding{}, Promotions: o.Promotions, Elsewhere: []Mention{}, Kept: []Mention{}, Warnings: []string{},
	}
	p.Included = included
	if p.Promotions == nil {
		p.Promotions = []Promotion{}
	}
	for _, d := range o.Findings {
		p.Findings = append(p.Findings, Finding{d.Code, d.Severity.String(), d.Message, d.Key, placeOf(d.Pos)})
	}
	changes = p.leaveReadOnly(p.leaveStatic(o.addRewrites(changes, live, want)))
	writes, deletes := split(changes)
	liveRefs, wantRefs := schema.References(live), schema.References(want)
	esvs, liveESVs := schema.ESVReferences(want), schema.ESVReferences(live)
	deletes = p.keep(deletes, usage{live, want, liveRefs, wantRefs, liveESVs, esvs, keysOf(writes)}, o)
	if err := o.limit(len(deletes), live.Len()); err != nil {
		return nil, err
	}
	if err := nameTaken(writes, live); err != nil {
		return nil, err
	}
	if err := secretInClear(writes); err != nil {
		return nil, err
	}
	p.addWrites(orderWrites(writes, wantRefs, esvs), esvs, liveESVs)
	for _, c := range orderDeletes(deletes, liveRefs, liveESVs) {
		p.addDelete(c)
	}
	p.link(wantRefs, esvs)
	p.linkDeletes(liveRefs, liveESVs)
	p.expect(live, want, wantRefs)
	for _, u := range live.Partial {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%s could not be read from the tenant and is left out", u))
	}
	if n := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Restart }); n >= 0 {
		p.Warnings = append(p.Warnings, "services restart: about 10 minutes, in which the new values are not there yet")
	}
	p.Digest = p.digest()
	return p, nil
}

func placeOf(p schema.Pos) string {
	if p.IsZero() {
		return ""
	}
	return p.String()
}

// leaveReadOnly takes out what nobody but the product can write, and says so once a type.
func (p *Plan) leaveReadOnly(changes []diff.Change) []diff.Change {
	left := map[string]int{}
	changes = slices.DeleteFunc(changes, func(c diff.Change) bool {
		t, ok := schema.TypeOf(c.Type)
		if ok && t.ReadOnly != "" {
			left[t.Name]++
		}
		return ok && t.ReadOnly != ""
	})
	for _, name := range schema.SortedKeys(left) {
		t, _ := schema.TypeOf(name)
		p.Warnings = append(p.Warnings, fmt.Sprintf("%d of the %s differ and stay as they are: %s", left[name], t.Plural, t.ReadOnly))
	}
	return changes
}

// leaveStatic takes static configuration out of a plan for an upper environment: it is not writable
// there and comes by promotion.
func (p *Plan) leaveStatic(changes []diff.Change) []diff.Change {
	if !Upper(p.Environment.Role) || p.Environment.Direct {
		return changes
	}
	return slices.DeleteFunc(changes, func(c diff.Change) bool {
		if c.Class != schema.Static {
			return false
		}
		p.Elsewhere = append(p.Elsewhere, Mention{c.Key, c.Name, c.Action, "comes by promotion"})
		return true
	})
}

// Upper says whether an environment takes its static configuration by promotion only.
func Upper(role string) bool {
	return role == "uat" || role == "staging" || role == "production"
}

func split(changes []diff.Change) (writes, deletes []diff.Change) {
	for _, c := range changes {
		if c.Action == diff.Delete {
			deletes = append(deletes, c)
		} else {
			writes = append(writes, c)
		}
	}
	return writes, deletes
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (o PlanOptions) limit(deletes, live int) error {
	if deletes <= o.AllowDelete {
		return nil
	}
	tooMany := o.MaxDeletes > 0 && deletes > o.MaxDeletes
	tooLarge := o.MaxPercent > 0 && live > 0 && deletes*100 > o.MaxPercent*live
	if tooMany || tooLarge {
		return &LimitError{deletes, live, o.MaxDeletes, o.MaxPercent}
	}
	return nil
}

// secretInClear refuses to write a body that holds a secret: a plan is a file that people keep and share,
// and holds none.
func secretInClear(writes []diff.Change) error {
	for _, c := range writes {
		t, _ := schema.TypeOf(c.Type)
		body := diff.Strip(t, c.After.Body)
		for _, pattern := range t.Secret {
			for _, m := range schema.Select(body, pattern) {
				if s, ok := m.Value.(string); ok && s != "" && !placeholders.Has(s) && !strings.Contains(s, "${") {
					return fmt.Errorf("%s %s: %s holds a secret in the clear, and a plan holds none; keep it in an ESV and write its placeholder, \"&{esv-…}\"", c.Action, c.Label(), m.Pointer)
				}
			}
		}
	}
	return nil
}

// reference is a value that only says which environment variable has it.
var reference = regexp.MustCompile(`^\$\{(BASE64:)?[A-Za-z_][A-Za-z0-9_]*\}$`)

// PlanBody is the body as a plan keeps it: without a secret's value, but with the ${NAME} that says where
// the value is had, so that nobody has to guess it when the plan is carried out.
func PlanBody(t *schema.Type, body map[string]any) map[string]any {
	out := diff.Strip(t, body)
	if v, ok := body[t.API.Value].(string); ok && reference.MatchString(v) {
		out[t.API.Value] = v
	}
	return out
}

// nameTaken refuses to write a resource whose name another live one of its type has: the tenant would
// answer 409, in the middle of a run (tenant-api, section 10.4: script names are unique in a realm).
func nameTaken(writes []diff.Change, live *schema.Set) error {
	for _, c := range writes {
		t, _ := schema.TypeOf(c.Type)
		if !t.UniqueName || c.Before != nil && c.Before.Name() == c.Name {
			continue
		}
		for _, other := range live.FindByName(c.Type, c.Realm, c.Name) {
			if other.ID != c.ID {
				return fmt.Errorf("%s %s: the tenant has a %s of that name under another id (%s, here %s); give the one in the source the tenant's id, or rename it",
					c.Action, c.Label(), c.Type, other.ID, c.ID)
			}
		}
	}
	return nil
}

func (p *Plan) add(s Step) {
	s.Number = len(p.Steps) + 1
	p.Steps = append(p.Steps, s)
}

// addWrites makes steps of the writes. A restart comes after the ESVs when something that follows reads
// one of them: placeholders resolve from loaded values only (tenant-api, section 6).
func (p *Plan) addWrites(writes []ordered, esvs, liveESVs []schema.ESVReference) {
	pending := map[string]bool{} // ESVs written and not loaded
	for _, w := range writes {
		t, _ := schema.TypeOf(w.Type)
		if t.Class == schema.PerEnvironment {
			if needsLoading(w.Change) {
				pending[w.ID] = true
			}
		} else if len(pending) > 0 && readsAny(w.Key, pending, esvs) {
			p.add(Step{Restart: true, Name: "restart services"})
			pending = map[string]bool{}
		}
		body, items := w.After.Body, w.Items
		if w.stub {
			body = t.Stub(body)
			items = []diff.Item{{Kind: "+", Subject: "without what it refers to; completed below"}}
		}
		was := ""
		if w.Before != nil {
			was = diff.Digest(w.Before)
		}
		p.add(Step{
			Action: w.Action, Key: w.Key, Name: w.Name, Class: w.Class, Stub: w.stub, Was: was,
			Want: diff.Digest(&schema.Resource{Key: w.Key, Body: body}), Body: schema.CompactJSON(PlanBody(t, body)),
			Patch: w.Patch, Lines: lines(items),
		})
	}
	// ESVs that exist already and are used by what is there keep their old value until a restart.
	if len(pending) > 0 {
		for _, e := range slices.Concat(esvs, liveESVs) {
			if pending[e.ESV] {
				p.add(Step{Restart: true, Name: "restart services"})
				return
			}
		}
	}
}

// addDelete adds a deletion, or the write that takes out what the resource refers to before it.
func (p *Plan) addDelete(c ordered) {
	was := diff.Digest(c.Before)
	if !c.stub {
		p.add(Step{Action: diff.Delete, Key: c.Key, Name: c.Name, Class: c.Class, Was: was, Patch: c.Patch, Lines: lines(c.Items)})
		return
	}
	t, _ := schema.TypeOf(c.Type)
	body := t.Stub(diff.Strip(t, c.Before.Body))
	p.add(Step{
		Action: diff.Update, Key: c.Key, Name: c.Name, Class: c.Class, Stub: true, Was: was,
		Want: diff.Digest(&schema.Resource{Key: c.Key, Body: body}), Body: schema.CompactJSON(PlanBody(t, body)),
		Lines: []string{"- what it refers to; it is deleted below"},
	})
}

// needsLoading says whether an ESV's change takes effect at a restart only. A secret that is not for
// placeholders is loaded at once (tenant-api, section 5), and a description is never loaded.
func needsLoading(c diff.Change) bool {
	if use, ok := c.After.Body["useInPlaceholders"].(bool); ok && !use {
		return false
	}
	return c.Action == diff.Create || slices.ContainsFunc(c.Patch, func(op diff.Op) bool { return op.Path != "/description" })
}

func readsAny(k schema.Key, names map[string]bool, esvs []schema.ESVReference) bool {
	return slices.ContainsFunc(esvs, func(e schema.ESVReference) bool { return e.Key == k && names[e.ESV] })
}

// lines turns items into the few lines a plan shows for a step.
func lines(items []diff.Item) []string {
	var out []string
	for _, i := range items {
		if i.Minor {
			continue
		}
		s := strings.TrimSpace(i.Kind + " " + i.Subject)
		if i.Detail != "" {
			s += "  " + i.Detail
		}
		if n := len(i.Text); n > 0 {
			s += fmt.Sprintf("  %s", countLines(i.Text))
		}
		out = append(out, s)
	}
	return out
}

func countLines(hunk []string) string {
	added, removed := 0, 0
	for _, l := range hunk {
		switch {
		case strings.HasPrefix(l, "+"):
			added++
		case strings.HasPrefix(l, "-"):
			removed++
		}
	}
	return fmt.Sprintf("+%d −%d lines", added, removed)
}

// Empty says that there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }
