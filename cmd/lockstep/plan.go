package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/placeholders"
	"github.com/lockstep-gitops/lockstep/schema"
)

type planOptions struct {
	env, source, out string
	prune, exitCode  bool
	target, exclude  globs
	allowDeletes     int
	direct           bool
	sign             string // key file
}

func newPlanCommand(a *app) *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan --env NAME [SOURCE]",
		Short: "Write down the steps that make a tenant match a source",
		Long: `Compares SOURCE with the live tenant of an environment and writes the steps that make the tenant match,
in a safe order: what is referred to first, journeys last, deletions at the very end and only with --prune.

The plan is a file that can be reviewed, kept and carried out once, exactly as it was shown. It holds no
secret value. Errors in the source are shown and stop it.` + exitHelp(exitChanges, exitFindings),
		Example: `  lockstep plan --env dev --out plan.json
  lockstep plan --env dev git:main --target 'alpha/journey/Login'`,
		Args: maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.source = args[0]
			}
			return runPlan(cmd.Context(), a, o)
		},
	}
	addEnv(cmd, a, &o.env)
	cmd.Flags().StringVar(&o.out, "out", "", "write the plan to this file")
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit with 2 when there is something to do")
	cmd.Flags().StringVar(&o.sign, "sign", "", "sign the plan file with this private key: SSH, or Ed25519 in PEM")
	addPlanFlags(cmd, &o)
	return cmd
}

func addPlanFlags(cmd *cobra.Command, o *planOptions) {
	cmd.Flags().BoolVar(&o.prune, "prune", false, "delete what the source does not have")
	cmd.Flags().IntVar(&o.allowDeletes, "allow-deletes", 0, "agree to this many deletions, beyond the limits in lockstep.yaml")
	cmd.Flags().BoolVar(&o.direct, "direct", false, "write static configuration of an upper environment, too, in a direct-configuration session")
	addTargets(cmd, &o.target, &o.exclude)
}

// addEnv adds --env with completion from lockstep.yaml.
func addEnv(cmd *cobra.Command, a *app, env *string) {
	cmd.Flags().StringVar(env, "env", "", "environment in lockstep.yaml")
	_ = cmd.RegisterFlagCompletionFunc("env", a.completeEnv) // fails only for a flag that is not there
}

func (a *app) completeEnv(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	p, err := a.project()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return envNames(p), cobra.ShellCompDirectiveNoFileComp
}

func envNames(p *config.Project) []string {
	var names []string
	for _, e := range p.Environments {
		names = append(names, e.Name)
	}
	return names
}

// environment finds --env; without it, the only environment there is, or the development one.
func environment(p *config.Project, name string) (*config.Environment, error) {
	if name != "" {
		return p.Env(name)
	}
	if len(p.Environments) == 1 {
		return p.Env(p.Environments[0].Name)
	}
	if len(p.Environments) == 0 {
		return nil, errors.New("no environment is configured\nlockstep init writes a lockstep.yaml; or set TENANT_BASE_URL, SERVICE_ACCOUNT_ID and SERVICE_ACCOUNT_KEY")
	}
	return nil, fmt.Errorf("which environment? Say --env with one of: %s", strings.Join(envNames(p), ", "))
}

func runPlan(ctx context.Context, a *app, o planOptions) error {
	format, p, err := a.begin(report.Text, report.JSON, report.Markdown, report.HTML)
	if err != nil {
		return err
	}
	if o.sign != "" && o.out == "" {
		return errors.New("--sign signs a plan file: say --out FILE, too")
	}
	plan, changes, err := a.makePlan(ctx, p, o)
	if err != nil {
		return err
	}
	if o.out != "" {
		name, err := a.path(o.out)
		if err != nil {
			return err
		}
		if err := a.savePlanSigned(name, plan, o.sign); err != nil {
			return err
		}
	}
	if err := a.showPlan(format, plan, changes, o.out); err != nil {
		return err
	}
	if o.exitCode && !plan.Empty() {
		return said(exitChanges)
	}
	return nil
}

// makePlan reads both sides and makes the plan. Findings of severity error are printed and end the command.
func (a *app) makePlan(ctx context.Context, p *config.Project, o planOptions) (*engine.Plan, []diff.Change, error) {
	e, err := environment(p, o.env)
	if err != nil {
		return nil, nil, err
	}
	c, err := a.client(e, false)
	if err != nil {
		return nil, nil, err
	}
	if o.direct && !engine.Upper(e.Role) {
		return nil, nil, fmt.Errorf("--direct is for uat, staging and production; %s takes its static configuration as it is", e.Name)
	}
	want, err := a.load(ctx, p, o.source)
	if err != nil {
		return nil, nil, err
	}
	a.settle(p, want)
	if err := addDeclared(p, e, want.Set); err != nil {
		return nil, nil, err
	}
	// What can't be read can't be planned. What the rules find counts where the plan would write it: an old
	// fault that the tenant has as well must not keep people from changing something else.
	if err := a.refuse(want.diags.WithSeverities(p.Rules).AtLeast(schema.Error), want.Len()); err != nil {
		return nil, nil, err
	}
	diags := a.findings(p, want)
	role, err := tenantRole(ctx, c, e)
	if err != nil {
		return nil, nil, err
	}
	live, err := a.snapshot(ctx, p, c)
	if err != nil {
		return nil, nil, err
	}
	d := diff.Options{Target: o.target, Exclude: o.exclude, HashKey: hashKey(p), Tenant: true}
	changes, _, err := engine.Select(live.Set, want.Set, d)
	if err != nil {
		return nil, nil, err
	}
	if more := unlisted(ctx, c, changes); len(more) > 0 {
		for _, r := range more {
			live.Add(r)
		}
		if changes, _, err = engine.Select(live.Set, want.Set, d); err != nil {
			return nil, nil, err
		}
	}
	if err := a.refuse(about(diags.AtLeast(schema.Error), changes), want.Len()); err != nil {
		return nil, nil, err
	}
	promotions, err := a.promotionsAhead(p, e, want.Set)
	if err != nil {
		return nil, nil, err
	}
	plan, err := engine.NewPlan(live.Set, want.Set, engine.PlanOptions{
		Tool:        toolVersion(),
		Environment: engine.PlanTarget{Name: e.Name, URL: c.URL(), Role: role, Direct: o.direct},
		Source:      engine.PlanSource{Origin: want.Origin, Commit: want.Commit, Subject: want.subject, Author: authorOf(p, want.Commit), Digest: diff.SetDigest(want.Set)},
		Prune:       o.prune, Diff: d, Findings: diags, Promotions: promotions,
		MaxDeletes: p.Limits.Deletes, MaxPercent: p.Limits.DeletePercent, AllowDelete: o.allowDeletes,
	})
	return plan, changes, err
}

// unlisted finds what a tenant's lists don't show and it has all the same: a plan that would create it is stale before
// it begins. What can't be asked for is found out before the first write.
func unlisted(ctx context.Context, c *tenant.Client, changes []diff.Change) []*schema.Resource {
	found := make([]*schema.Resource, len(changes))
	var g errgroup.Group
	g.SetLimit(8)
	for i, x := range changes {
		if x.Action != diff.Create {
			continue
		}
		g.Go(func() error {
			if r, err := c.Get(ctx, x.Key); err == nil {
				found[i] = r
			}
			return nil
		})
	}
	_ = g.Wait()
	return slices.DeleteFunc(found, func(r *schema.Resource) bool { return r == nil })
}

// authorOf is the mail address of a commit's author: whoever made a change doesn't approve it.
func authorOf(p *config.Project, commit string) string {
	if commit == "" {
		return ""
	}
	g, err := repo.OpenGit(p.Root)
	if err != nil {
		return ""
	}
	return g.Author(commit)
}

// savePlanSigned writes a plan file, and its signature beside it. A signature of an older plan of that name goes.
func (a *app) savePlanSigned(name string, plan *engine.Plan, key string) error {
	if err := os.Remove(name + ".sig"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old plan's signature: %w", err)
	}
	if err := savePlan(name, plan); err != nil {
		return err
	}
	if key == "" {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return a.signFile(data, key, name+".sig")
}

// refuse ends a plan when there are errors, and shows them.
func (a *app) refuse(errs schema.Diagnostics, resources int) error {
	if len(errs) == 0 {
		return nil
	}
	if err := a.printFindings(errs, resources); err != nil {
		return err
	}
	a.note("No plan was made: the source has errors.")
	return said(exitFindings)
}

// about selects the findings about resources that change.
func about(diags schema.Diagnostics, changes []diff.Change) schema.Diagnostics {
	return slices.DeleteFunc(diags, func(d schema.Diagnostic) bool {
		return !slices.ContainsFunc(changes, func(c diff.Change) bool { return c.Key == d.Key && c.Action != diff.Delete })
	})
}

// tenantRole is what the environment is, by lockstep.yaml and by the tenant's own word: static configuration
// is never planned for a tenant that takes it by promotion only.
func tenantRole(ctx context.Context, c *tenant.Client, e *config.Environment) (string, error) {
	info, err := c.Info(ctx)
	switch {
	case err != nil && tenant.StatusOf(err) != 0:
		return e.Role, nil // not every account may ask
	case err != nil:
		return "", err
	case info.Immutable && e.Role == "":
		return "production", nil
	case info.Immutable && !engine.Upper(e.Role):
		return "", fmt.Errorf("%s is %s in lockstep.yaml, but the tenant is immutable: its static configuration comes by promotion\nSet role: staging or production, or check its url", e.Name, e.Role)
	}
	return e.Role, nil
}

// addDeclared puts the ESVs that the environment's file declares into the wanted set. A value that comes
// from elsewhere stands as ${NAME} until the plan is carried out. Declarations in the configuration itself
// that the file repeats give way to it.
func addDeclared(p *config.Project, e *config.Environment, want *schema.Set) error {
	declared, diags, err := p.ESVs(e)
	if err != nil {
		return err
	}
	if errs := diags.AtLeast(schema.Error); len(errs) > 0 {
		return fmt.Errorf("%s: %s", errs[0].Pos, errs[0].Message)
	}
	for _, d := range declared {
		k := schema.Key{Type: "variable", ID: d.Name}
		if d.Secret {
			k.Type = "secret"
		}
		// What the configuration itself says of the ESV stays, where the file is silent.
		body := map[string]any{"_id": d.Name, "description": ""}
		if r, ok := want.Get(k); ok {
			body = schema.CloneObject(r.Body)
		} else if d.Secret {
			body["encoding"], body["useInPlaceholders"] = d.Encoding, d.UseInPlaceholders
		} else {
			body["expressionType"] = d.Type
		}
		if d.Description != "" {
			body["description"] = d.Description
		}
		switch {
		case d.Secret:
		case d.Value != nil:
			body["valueBase64"] = schema.EncodeBase64(*d.Value)
		default:
			body["valueBase64"] = "${" + d.Name + "}"
		}
		want.Replace(&schema.Resource{Key: k, Body: body})
	}
	return nil
}

// resolver fills in ESV values at the last moment: from the environment's declarations, else from the
// process environment as fr-config-manager does.
func (a *app) resolver(p *config.Project, e *config.Environment) (func(context.Context, schema.Key, map[string]any) (map[string]any, error), error) {
	declared, _, err := p.ESVs(e)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, k schema.Key, body map[string]any) (map[string]any, error) {
		t, _ := schema.TypeOf(k.Type)
		if t == nil {
			return body, nil
		}
		if t.Class != schema.PerEnvironment {
			return fillIn(t, body, func(name string) (string, bool) {
				if v, ok := a.env(name); ok || name != "TENANT_BASE_URL" {
					return v, ok
				}
				return e.URL, true // fr-config-manager's own name for the tenant that is written to
			})
		}
		body = schema.CloneObject(body)
		i := slices.IndexFunc(declared, func(d config.DeclaredESV) bool { return d.Name == k.ID })
		if i >= 0 && declared[i].HasValue() {
			v, err := declared[i].Resolve(ctx, a.env, p.Root)
			if err != nil {
				return nil, err
			}
			body["valueBase64"] = schema.EncodeBase64(string(v.Reveal()))
			return body, nil
		}
		value, ok := body["valueBase64"].(string)
		if !ok && t.API.Versioned {
			// A plan holds no value of a secret, not even where it comes from. What fr-config-manager
			// pulls names the variable after the secret.
			value = "${" + envNameOf(k.ID) + "}"
		}
		resolved, err := placeholders.ExpandEnvBase64(value, a.env)
		if err != nil {
			return nil, err
		}
		body["valueBase64"] = resolved
		return body, nil
	}, nil
}

// envNameOf is the variable that fr-config-manager names for an ESV: esv-my-key is ESV_MY_KEY.
func envNameOf(esv string) string { return strings.ToUpper(strings.ReplaceAll(esv, "-", "_")) }

// promotionsAhead says what a promotion to each environment above would say, from what is known without
// asking their tenants.
func (a *app) promotionsAhead(p *config.Project, e *config.Environment, want *schema.Set) ([]engine.Promotion, error) {
	var out []engine.Promotion
	for _, name := range p.Chain(e.Name) {
		upper, err := p.Env(name)
		if err != nil {
			return nil, err
		}
		have, _, err := a.esvNames(context.Background(), p, upper, askNever)
		if err != nil {
			return nil, err
		}
		out = append(out, promotionCheck(name, want, have))
	}
	return out, nil
}

// promotionCheck speaks the promotion API's own words: missing ESVs without prefix and dotted, encrypted
// secrets as path:line.
func promotionCheck(name string, want *schema.Set, have map[string]bool) engine.Promotion {
	out := engine.Promotion{Environment: name, Known: have != nil, MissingESVs: []string{}, EncryptedSecrets: []string{}}
	if have != nil {
		for _, m := range schema.MissingESVs(schema.ESVReferences(want), have) {
			if s := apiName(m.ESV); !slices.Contains(out.MissingESVs, s) {
				out.MissingESVs = append(out.MissingESVs, s)
			}
		}
	}
	for _, v := range schema.EncryptedValues(want) {
		if v.Exempt {
			continue
		}
		out.EncryptedSecrets = append(out.EncryptedSecrets, fmt.Sprintf("%s:%d", v.Pos.File, v.Pos.Line))
	}
	slices.Sort(out.MissingESVs)
	return out
}

// esvNamesOf turns the promotion API's names back: email.from is esv-email-from.
func esvNamesOf(api []string) []string {
	out := make([]string, len(api))
	for i, m := range api {
		out[i] = "esv-" + strings.ReplaceAll(m, ".", "-")
	}
	return out
}

// apiName is how the promotion API names a missing ESV: esv-email-from is email.from.
func apiName(esv string) string {
	return strings.ReplaceAll(strings.TrimPrefix(esv, "esv-"), "-", ".")
}
