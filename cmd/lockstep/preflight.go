package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

// preflight finds before any lock what would stop the promotion, or make it another one than was reviewed:
// the upper tenant lacks ESVs, the lower holds encrypted secrets, or is not what the plan left. It returns
// the names that the dry run may report, when a plan was given.
func (a *app) preflight(ctx context.Context, p *config.Project, pr *pair, o promoteOptions, lock tenant.LockResult) (reviewed []engine.Reviewed, text string, err error) {
	if !lock.Unlocked() {
		// Under a lock the tenants show no ESVs: nothing can be said before it is given back.
		return nil, "", &engine.LockedError{What: fmt.Sprintf("%s is locked: promotion %s\nIt is not this one. Wait for it: lockstep promote status %s", pr.upper.Name, cmp.Or(lock.PromotionID, "(unknown)"), pr.upper.Name)}
	}
	lower, err := a.snapshot(ctx, p, pr.lowerC)
	if err != nil {
		return nil, "", err
	}
	have, _, err := a.esvNames(ctx, p, pr.upper, askAlways)
	if err != nil {
		return nil, "", err
	}
	check := promotionCheck(pr.upper.Name, lower.Set, have)
	if o.ignoreEncrypted {
		check.EncryptedSecrets = nil
	}
	if len(check.MissingESVs)+len(check.EncryptedSecrets) > 0 {
		return nil, "", &preflightError{pr.upper.Name, lower.Set, check, have}
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
	if o.plan == "" {
		return nil, text, nil
	}
	plan, err := a.readPlan(o.plan)
	if err != nil {
		return nil, "", err
	}
	if err := planLanded(plan, lower.Set, pr.lower.Name); err != nil {
		return nil, "", err
	}
	upper, err := a.snapshot(ctx, p, pr.upperC)
	if err != nil {
		return nil, "", err
	}
	changes, err := diff.Compare(upper.Set, lower.Set, diff.Options{})
	if err != nil {
		return nil, "", err
	}
	reviewed = []engine.Reviewed{}
	for _, c := range changes {
		if c.Class == schema.Static {
			reviewed = append(reviewed, reviewedOf(c))
		}
	}
	return reviewed, text + fmt.Sprintf(" · %s is %s", pr.lower.Name, cmp.Or(short(plan.Source.Commit), "the plan")), nil
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

// preflightError says before a promotion what would stop it, with the places.
type preflightError struct {
	env   string
	lower *schema.Set
	check engine.Promotion
	have  map[string]bool
}

func (e *preflightError) Error() string {
	var b strings.Builder
	if n := len(e.check.MissingESVs); n > 0 {
		fmt.Fprintf(&b, "%s lacks %d %s: ", e.env, n, plural(n, "ESV", "ESVs"))
		b.WriteString(strings.Join(esvNamesOf(e.check.MissingESVs), ", "))
		b.WriteByte('\n')
		for _, r := range schema.MissingESVs(schema.ESVReferences(e.lower), e.have) {
			k := r.Key
			k.ID = cmp.Or(r.Name, k.ID)
			fmt.Fprintf(&b, "  referenced in %s\n", k)
		}
	}
	for _, v := range schema.EncryptedValues(e.lower) {
		if len(e.check.EncryptedSecrets) > 0 && !v.Exempt {
			fmt.Fprintf(&b, "encrypted secret in %s at %s\n", v.Key, v.Pointer)
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
