package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/placeholders"
	"github.com/lockstep-gitops/lockstep/schema"
)

// secretHashes opens the hashes of the secrets that were pushed to a tenant from here.
func (a *app) secretHashes(p *config.Project, c *tenant.Client) (*engine.SecretHashes, error) {
	key, err := projectKey(p)
	if err != nil {
		return nil, err
	}
	if err := ensureStateDir(p); err != nil {
		return nil, err
	}
	host := strings.NewReplacer("://", "-", ":", "-", "/", "-", "[", "", "]", "").Replace(c.URL())
	return engine.OpenSecretHashes(filepath.Join(stateDir(p), "secrets-"+host+".json"), key)
}

// noteSecret remembers the hash of each secret value that the tenant has taken.
func (a *app) noteSecret(p *config.Project, e *config.Environment, c *tenant.Client) func(sent, now *schema.Resource) error {
	return func(sent, now *schema.Resource) error {
		t, _ := schema.TypeOf(sent.Type)
		if !t.API.Versioned || now == nil {
			return nil
		}
		value, ok := valueOf(t, sent.Body)
		if !ok {
			return nil
		}
		h, err := a.secretHashes(p, c)
		if err != nil {
			return err
		}
		return h.Note(sent.ID, tenant.ActiveVersion(now), value)
	}
}

// valueOf is an ESV's value as its body has it; ok is false when it has none, or only says where it is.
func valueOf(t *schema.Type, body map[string]any) ([]byte, bool) {
	s, ok := body[t.API.Value].(string)
	if !ok || strings.Contains(s, "${") {
		return nil, false
	}
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil
}

// esvPush is what a push is to do.
type esvPush struct {
	want    *schema.Set // with values
	left    []string    // declared, and their value is kept on the tenant only
	rewrite map[schema.Key]string
}

// preparePush gets all values and compares them with the tenant: one that is not there must not leave half
// of them written.
func (a *app) preparePush(ctx context.Context, p *config.Project, e *config.Environment, c *tenant.Client, todo []*schema.Resource, named bool, live *schema.Set) (*esvPush, error) {
	resolve, err := a.resolver(p, e)
	if err != nil {
		return nil, err
	}
	hashes, err := a.secretHashes(p, c)
	if err != nil {
		return nil, err
	}
	out := &esvPush{want: schema.NewSet("the declared ESVs"), rewrite: map[schema.Key]string{}}
	out.want.Types = esvTypes()
	for _, r := range todo {
		t, _ := schema.TypeOf(r.Type)
		// The value is had from where the plan's own body says, now and when it is carried out.
		planned := engine.PlanBody(t, r.Body)
		body, err := resolve(ctx, r.Key, planned)
		old, there := live.Get(r.Key)
		var unset *placeholders.UnsetError
		if there && !named && errors.As(err, &unset) {
			out.left = append(out.left, r.ID)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w\nNothing was written", r.ID, err)
		}
		if there {
			if err := sameKind(r.ID, old.Body, body); err != nil {
				return nil, err
			}
		}
		if value, ok := valueOf(t, body); ok && there && t.API.Versioned {
			if same, text := hashes.Compare(r.ID, tenant.ActiveVersion(old), value); !same {
				out.rewrite[r.Key] = text
			}
		}
		if t.API.Versioned {
			body = planned
		}
		out.want.Add(&schema.Resource{Key: r.Key, Body: body, Source: r.Source})
	}
	return out, nil
}

// sameKind refuses what a tenant fixes when an ESV is created: it would refuse in the middle of the run.
func sameKind(name string, live, want map[string]any) error {
	for member, what := range map[string]string{"expressionType": "type", "encoding": "encoding", "useInPlaceholders": "useInPlaceholders"} {
		had, has := live[member], want[member]
		if had != nil && has != nil && had != has {
			return fmt.Errorf("%s: its %s is %v on the tenant and %v here, and is fixed when an ESV is created\nDeclare it as it is, or create one of another name. Nothing was written", name, what, had, has)
		}
	}
	return nil
}

func runESVPush(ctx context.Context, a *app, o esvOptions) error {
	format, err := a.outputs(report.Text, report.JSON, report.NDJSON)
	if err != nil {
		return err
	}
	p, e, c, want, live, err := a.esvPair(ctx, o)
	if err != nil {
		return err
	}
	todo, err := pushList(want, o.names)
	if err != nil {
		return err
	}
	push, err := a.preparePush(ctx, p, e, c, todo, len(o.names) > 0, live)
	if err != nil {
		return err
	}
	role, err := tenantRole(ctx, c, e)
	if err != nil {
		return err
	}
	plan, err := engine.NewPlan(live, push.want, engine.PlanOptions{
		Tool: toolVersion(), Environment: engine.PlanTarget{Name: e.Name, URL: c.URL(), Role: role}, Rewrite: push.rewrite,
		Source: engine.PlanSource{Origin: "esv push", Digest: diff.SetDigest(push.want)}, Diff: diff.Options{HashKey: hashKey(p)},
	})
	if err != nil {
		return err
	}
	if format == report.Text {
		a.sayUntouched(push, plan)
	}
	if !plan.Empty() {
		if err := a.confirm(ctx, fmt.Sprintf("Write %d ESVs to %s?", len(plan.Steps), e.Name)); err != nil {
			return err
		}
		if err := a.carryOut(ctx, p, plan, carry{format: format, push: true}); err != nil {
			return err
		}
	}
	return a.afterPush(ctx, o, c, e.Name, plan, push, format)
}

// sayUntouched lists what a push does not write, and why.
func (a *app) sayUntouched(push *esvPush, plan *engine.Plan) {
	for _, n := range push.left {
		fmt.Fprintf(a.stdout, "%-40s left alone: its value is not set here\n", n)
	}
	for _, r := range push.want.All() {
		if !slices.ContainsFunc(plan.Steps, func(s engine.Step) bool { return s.Key == r.Key }) {
			fmt.Fprintf(a.stdout, "%-40s unchanged\n", r.ID)
		}
	}
}

// afterPush restarts and prunes where that was asked for, and says what is left to do.
func (a *app) afterPush(ctx context.Context, o esvOptions, c *tenant.Client, env string, plan *engine.Plan, push *esvPush, format report.Format) error {
	pending, err := c.RestartPending(ctx)
	if err != nil {
		return err
	}
	if o.restart && pending {
		if err := a.restartAndWait(ctx, c, env, format); err != nil {
			return err
		}
		pending = false
	}
	pruned := 0
	if o.pruneVersions {
		for _, r := range push.want.All() {
			if t, _ := schema.TypeOf(r.Type); !t.API.Versioned {
				continue
			}
			n, err := c.PruneSecret(ctx, r.ID)
			pruned += n
			if err != nil {
				return fmt.Errorf("%s: its old versions: %w\nThe same command goes on", r.ID, err)
			}
		}
	}
	if format != report.Text {
		return nil
	}
	if o.pruneVersions {
		fmt.Fprintf(a.stdout, "\n%d old %s of secrets destroyed.", pruned, plural(pruned, "version", "versions"))
		if pending {
			fmt.Fprint(a.stdout, " Those that are still loaded go after a restart.")
		}
		fmt.Fprintln(a.stdout)
	}
	if pending {
		fmt.Fprintf(a.stdout, "\n%d written. They count after a restart: lockstep esv restart --env %s\n", len(plan.Steps), env)
		return nil
	}
	fmt.Fprintf(a.stdout, "\n%d written; no restart is needed.\n", len(plan.Steps))
	return nil
}

// restartAndWait restarts a tenant's services, or joins a restart that is under way, and shows how it goes.
func (a *app) restartAndWait(ctx context.Context, c *tenant.Client, env string, format report.Format) error {
	view := &runView{a: a, w: a.stdout, format: format, style: a.style(a.stdout)}
	_, view.live = a.terminal(a.stdout)
	start := a.now()
	err := c.Restart(ctx, func(s string, d time.Duration) {
		if format == report.Text {
			view.transient("◐ %s: %s… %s (usually about 10 min)", env, s, took(d))
		}
	})
	if ctx.Err() != nil {
		return &interruptedError{err: ctx.Err(), text: "Interrupted. The restart goes on by itself; the same command waits for it."}
	}
	if err != nil {
		return err
	}
	if format == report.Text {
		view.line("%s %s restarted  %s", view.style.Good("✓"), env, took(a.now().Sub(start)))
	}
	return nil
}
