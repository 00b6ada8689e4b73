package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

// lockedByOther says whose lock it is that stands in the way.
func lockedByOther(env string, lock tenant.LockResult) error {
	return &engine.LockedError{What: fmt.Sprintf("%s is locked: promotion %s\nIt is not this one. Wait for it:  lockstep promote status %s\nIf nobody is at it any more:     lockstep promote unlock %s", env, cmp.Or(lock.PromotionID, "(unknown)"), env, env)}
}

// preflight finds before any lock what would stop the promotion, or make it another one than was reviewed:
// the upper tenant lacks ESVs, the lower holds encrypted secrets, or is not what the plan left. It returns
// the names that the dry run may report, when a plan was given.
func (a *app) preflight(ctx context.Context, p *config.Project, pr *pair, o promoteOptions, lock tenant.LockResult, plan *engine.Plan) (reviewed []engine.Reviewed, text string, err error) {
	if !lock.Unlocked() {
		// Under a lock the tenants show no ESVs: nothing can be said before it is given back.
		return nil, "", lockedByOther(pr.upper.Name, lock)
	}
	status, err := promoter{pr.upperC}.PromotionStatus(ctx)
	if err != nil {
		return nil, "", err
	}
	if status.Status == tenant.PromotionError && status.BlockingError {
		return nil, "", &engine.PromotionError{Environment: pr.upper.Name, Phase: "an earlier promotion", Status: status, Earlier: true}
	}
	lower, err := a.snapshot(ctx, p, pr.lowerC)
	if err != nil {
		return nil, "", err
	}
	pr.nodes = nodeNames(lower)
	have, _, err := a.esvNames(ctx, p, pr.upper, askAlways)
	if err != nil {
		return nil, "", err
	}
	own := a.repository(p)
	check := promotionCheck(pr.upper.Name, lower.Set, have)
	if o.ignoreEncrypted {
		check.EncryptedSecrets = nil
	}
	if len(check.MissingESVs)+len(check.EncryptedSecrets) > 0 {
		return nil, "", &preflightError{pr.upper.Name, lower.Set, own, check, have}
	}
	pending, err := pr.upperC.RestartPending(ctx)
	if err != nil {
		return nil, "", err
	}
	text = fmt.Sprintf("%d ESVs loaded", len(have))
	if pending {
		// The promotion restarts services itself.
		text = fmt.Sprintf("%d ESVs there", len(have))
	}
	if !o.ignoreEncrypted {
		text += " · no encrypted secrets"
	}
	if plan == nil {
		return nil, text + a.comparedWithGit(pr.lower.Name, lower.Set, own), nil
	}
	if err := planLanded(plan, lower.Set, pr.lower.Name); err != nil {
		if pr.lower.PromoteFrom != "" {
			err = fmt.Errorf("%w\nNo environment is skipped: promote to %s first, or say lockstep promote --through %s", err, pr.lower.Name, pr.upper.Name)
		}
		return nil, "", err
	}
	changes, err := a.staticChangesFrom(ctx, p, pr, lower.Set)
	if err != nil {
		return nil, "", err
	}
	reviewed = []engine.Reviewed{}
	for _, c := range changes {
		reviewed = append(reviewed, reviewedOf(c))
	}
	return reviewed, text + fmt.Sprintf(" · %s is %s", pr.lower.Name, cmp.Or(short(plan.Source.Commit), "the plan")), nil
}

// repository is the project's own configuration, for places that a tenant can't name; nil when it can't be
// read: what it would add is nice to have.
func (a *app) repository(p *config.Project) *loaded {
	set, err := a.loadPath(p, "")
	if err != nil || set.Len() == 0 {
		return nil
	}
	a.settle(p, set)
	return set
}

// comparedWithGit says whether a tenant holds what the repository has.
func (a *app) comparedWithGit(env string, live *schema.Set, own *loaded) string {
	if own == nil {
		return ""
	}
	changes, err := diff.Compare(live, own.Set, diff.Options{Tenant: true})
	if err != nil {
		return ""
	}
	n := 0
	for _, c := range changes {
		if c.Class == schema.Static {
			n++
		}
	}
	name := "the work tree"
	if own.commit != "" {
		name = "git " + short(own.commit)
	}
	if n == 0 {
		return fmt.Sprintf(" · %s equals %s", env, name)
	}
	return fmt.Sprintf(" · %s differs from %s in %d %s (lockstep drift --env %s)", env, name, n, plural(n, "resource", "resources"), env)
}

// esvPlaces lists where the repository refers to an ESV: "file:line".
func esvPlaces(set *loaded, esv string) []string {
	var out []string
	for _, r := range schema.ESVReferences(set.Set) {
		if r.ESV == esv && !r.Pos.IsZero() {
			if at := fmt.Sprintf("%s:%d", r.Pos.File, r.Pos.Line); !slices.Contains(out, at) {
				out = append(out, at)
			}
		}
	}
	return out
}

// encryptedPlaces lists where the repository holds encrypted values.
func encryptedPlaces(set *loaded) []string {
	var out []string
	for _, v := range schema.EncryptedValues(set.Set) {
		if !v.Exempt && !v.Pos.IsZero() {
			out = append(out, fmt.Sprintf("%s:%d", v.Pos.File, v.Pos.Line))
		}
	}
	return out
}

// reviewedOf names a change in all the ways that a report may.
func reviewedOf(c diff.Change) engine.Reviewed {
	out := engine.Reviewed{Label: c.Label(), Aliases: []string{c.ID, c.Name, c.ID[strings.LastIndexByte(c.ID, '/')+1:]}}
	for _, r := range []*schema.Resource{c.Before, c.After} {
		if r == nil {
			continue
		}
		out.Aliases = append(out.Aliases, schema.Str(r.Body, "/displayName"))
		for _, n := range schema.NodeRefs(r.Body) {
			out.Aliases = append(out.Aliases, n.ID)
		}
	}
	return out
}

// planLanded checks that the lower tenant holds what the plan made of it.
func planLanded(plan *engine.Plan, lower *schema.Set, env string) error {
	var moved []engine.Moved
	for _, s := range plan.Steps {
		if s.Restart || s.Stub || s.Class != schema.Static {
			continue
		}
		live, ok := lower.Get(s.Key)
		switch {
		case s.Action == diff.Delete && ok:
			moved = append(moved, engine.Moved{Key: s.Key, Name: s.Name, Why: "is still there"})
		case s.Action != diff.Delete && !ok:
			moved = append(moved, engine.Moved{Key: s.Key, Name: s.Name, Why: "is not there"})
		case s.Action != diff.Delete && !holds(live, s):
			moved = append(moved, engine.Moved{Key: s.Key, Name: s.Name, Why: "is not what the plan made of it"})
		}
	}
	if len(moved) == 0 {
		return nil
	}
	return fmt.Errorf("%s does not hold what the plan says\n%w", env, &engine.StaleError{Moved: moved})
}

// holds says whether the tenant's body is the step's, less what the tenant added on the way in.
func holds(live *schema.Resource, s engine.Step) bool {
	if diff.Digest(live) == s.Want {
		return true
	}
	v, err := schema.ParseJSON(s.Body)
	if err != nil {
		return false
	}
	body, _ := v.(map[string]any)
	want, got := schema.NewSet("plan"), schema.NewSet("tenant")
	want.Add(&schema.Resource{Key: s.Key, Body: body})
	got.Add(live)
	changes, err := diff.Compare(want, got, diff.Options{})
	if err != nil {
		return false
	}
	for _, c := range changes {
		for _, op := range c.Patch {
			if op.Op != "add" {
				return false
			}
		}
	}
	return true
}

func short(commit string) string {
	if len(commit) > 7 {
		return commit[:7]
	}
	return commit
}

// preflightError says before a promotion what would stop it, with the places: the repository's, where it has
// them, else the tenant's resource.
type preflightError struct {
	env   string
	lower *schema.Set
	own   *loaded // nil when there is none
	check engine.Promotion
	have  map[string]bool
}

func (e *preflightError) Error() string {
	var b strings.Builder
	if n := len(e.check.MissingESVs); n > 0 {
		fmt.Fprintf(&b, "%s lacks %d %s: ", e.env, n, plural(n, "ESV", "ESVs"))
		b.WriteString(strings.Join(esvNamesOf(e.check.MissingESVs), ", "))
		b.WriteByte('\n')
		said := map[string]bool{}
		for _, r := range schema.MissingESVs(schema.ESVReferences(e.lower), e.have) {
			var places []string
			if e.own != nil {
				places = esvPlaces(e.own, r.ESV)
			}
			if len(places) == 0 {
				k := r.Key
				k.ID = cmp.Or(r.Name, k.ID)
				places = []string{k.String()}
			}
			for _, place := range places {
				if line := "referenced in " + place; !said[line] {
					said[line] = true
					fmt.Fprintf(&b, "  %s\n", line)
				}
			}
		}
	}
	for _, v := range schema.EncryptedValues(e.lower) {
		if len(e.check.EncryptedSecrets) == 0 || v.Exempt {
			continue
		}
		fmt.Fprintf(&b, "encrypted secret in %s at %s\n", v.Key, v.Pointer)
		if e.own == nil {
			continue
		}
		if r, ok := e.own.Get(v.Key); ok && r.Source != nil {
			if pos := r.Source.At(v.Pointer); !pos.IsZero() {
				fmt.Fprintf(&b, "  in the repository: %s:%d\n", pos.File, pos.Line)
			}
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
