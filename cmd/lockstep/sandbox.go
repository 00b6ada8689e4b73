package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/examples"
	"github.com/lockstep-gitops/lockstep/schema"
)

type sandboxOptions struct {
	seeds, faults   []string
	state, listen   string
	port, scale     int
	portSet         bool
	onePort         bool
	uat, standalone bool
	governance      bool
	amVersion       string
	slow            time.Duration
}

func newSandboxCommand(a *app) *cobra.Command {
	var o sandboxOptions
	cmd := &cobra.Command{
		Use:   "sandbox [--seed SOURCE] [--port N] [--state DIR]",
		Short: "Run a simulated tenant group on this machine",
		Long: `Runs a development, a staging and a production tenant on loopback, speaking the tenant's REST API: journeys,
scripts, services, CORS, IDM configuration, ESVs with restart, promotions with their integrity checks. Static
configuration can't be written in staging and production, as in the real ones.

Development listens on the port, staging and production on the next two. Once they listen,
DIR/sandbox.json holds their addresses and a service account. The state is kept in DIR over a restart: every
change is written there before it is answered, so that nothing is lost when the process is killed.

--seed may be given more than once: a bare SOURCE is for all tenants, ROLE=SOURCE for one.

Faults are told with --fault, for all tenants or ROLE:FAULT for one, or at the admin address that is printed
(GET /tenants/ROLE/counts, PUT and DELETE /tenants/ROLE/faults):

` + sim.FaultHelp() + exitHelp(),
		Example: `  lockstep sandbox
  lockstep sandbox --seed . --port 9000
  lockstep sandbox --seed development=. --seed production=snapshots/prod.json.gz
  lockstep sandbox --fault latency=50ms --fault every=20:429:2s --fault production:maintenance
  lockstep sandbox --scale 1000`,
		Args: maxArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.portSet = cmd.Flags().Changed("port")
			return runSandbox(cmd.Context(), a, o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.seeds, "seed", nil, "a SOURCE that the tenants start with, or ROLE=SOURCE for one (default: the embedded quickstart)")
	f.IntVar(&o.port, "port", 8440, "port of development; the others take the next ones. 0 takes free ones")
	f.BoolVar(&o.onePort, "one-port", false, "all tenants on one port, told apart by host name: development.localhost, ...")
	f.StringVar(&o.listen, "listen", "127.0.0.1", "address to listen on; any other than loopback lets others in, with the service account's key alone between")
	f.StringVar(&o.state, "state", "", "folder for the sandbox's state (default: .lockstep/sandbox)")
	f.IntVar(&o.scale, "scale", 0, "add this many journeys made of the seed's")
	f.BoolVar(&o.uat, "uat", false, "a UAT tenant between development and staging")
	f.BoolVar(&o.standalone, "standalone", false, "a stand-alone sandbox tenant beside the group")
	f.BoolVar(&o.governance, "governance", false, "tenants with Identity Governance: its APIs and scope")
	f.StringVar(&o.amVersion, "am-version", "", "version of AM that the tenants have, as 8.0.0-SNAPSHOT (default: the newest known)")
	f.StringArrayVar(&o.faults, "fault", nil, "let something go wrong, for all tenants or ROLE:FAULT for one")
	f.DurationVar(&o.slow, "phase", 2*time.Second, "how long a lock, a restart and each phase of a promotion take")
	return cmd
}

// A sandboxRole is a tenant's role, with its name in lockstep.yaml and where it is promoted from.
type sandboxRole struct{ role, name, from string }

// sandboxEnvironments are those of a plain sandbox.
var sandboxEnvironments = [...]sandboxRole{
	{"development", "dev", ""}, {"staging", "staging", "dev"}, {"production", "prod", "staging"},
}

// sandboxRoles are those of a group.
func sandboxRoles(g *sim.Group) []sandboxRole {
	names := map[string]string{"development": "dev", "production": "prod"}
	var all []sandboxRole
	from := ""
	for _, t := range g.Tenants() {
		name := names[t.Role()]
		if name == "" {
			name = t.Role()
		}
		e := sandboxRole{t.Role(), name, from}
		if t.Role() == "sandbox" {
			e.from = ""
		}
		all = append(all, e)
		from = name
	}
	return all
}

func runSandbox(ctx context.Context, a *app, o sandboxOptions) (err error) {
	p, err := a.project()
	if err != nil {
		return err
	}
	dir := filepath.Join(stateDir(p), "sandbox")
	if o.state != "" {
		if dir, err = a.path(o.state); err != nil {
			return err
		}
	} else if err := ensureStateDir(p); err != nil {
		return err
	}
	start := sandboxStart{
		dir: dir, host: o.listen, port: o.port, onePort: o.onePort, admin: true, scale: o.scale,
		options: sim.Options{
			Now: a.now, RestartDuration: o.slow, LockDuration: o.slow, PhaseDuration: o.slow,
			UAT: o.uat, Standalone: o.standalone, Governance: o.governance, AMVersion: o.amVersion,
		},
	}
	if !o.portSet {
		// A sandbox that is started again listens where lockstep.yaml looks for it.
		start.port = keptPort(dir, o.port)
	}
	if start.seeds, err = a.sandboxSeeds(ctx, p, o); err != nil {
		return err
	}
	sb, err := openSandbox(start)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.close()) }()
	if err := sb.setFaults(o.faults); err != nil {
		return err
	}
	a.printSandbox(sb, start.seeds)
	<-ctx.Done()
	a.note("\n%s\nThe sandbox's state is kept in %s.", sandboxCounts(sb.group), dir)
	return nil
}

// sandboxSeeds reads what the tenants start with, by role; "" is for those that are not named.
func (a *app) sandboxSeeds(ctx context.Context, p *config.Project, o sandboxOptions) (map[string]*schema.Set, error) {
	seeds := map[string]*schema.Set{}
	for _, text := range o.seeds {
		role, source, named := strings.Cut(text, "=")
		if !named || !slices.Contains([]string{"development", "uat", "staging", "production", "sandbox"}, role) {
			role, source = "", text
		}
		if seeds[role] != nil {
			return nil, fmt.Errorf("--seed %s: there is a seed for the same tenants already\nGive one SOURCE for all, and ROLE=SOURCE for each that differs", text)
		}
		if role == "uat" && !o.uat || role == "sandbox" && !o.standalone {
			return nil, fmt.Errorf("--seed %s: there is no %s tenant without --%s", text, role, map[string]string{"uat": "uat", "sandbox": "standalone"}[role])
		}
		l, err := a.load(ctx, p, source)
		if err != nil {
			return nil, err
		}
		// A seed may hold faults on purpose; what can't be read is left out, and said.
		for _, d := range l.diags.AtLeast(schema.Error) {
			a.note("%s: %s", d.Pos, d.Message)
		}
		seeds[role] = l.Set
	}
	if seeds[""] == nil {
		s, diags, err := repo.Load(examples.Quickstart(), ".", repo.Options{Origin: "the embedded quickstart"})
		if err != nil {
			return nil, err
		}
		if n := diags.Count(schema.Error); n > 0 {
			return nil, fmt.Errorf("the embedded quickstart has %d errors: %s", n, diags[0].Message)
		}
		seeds[""] = s
	}
	return seeds, nil
}

// sandboxCounts tells what was asked of a group, and what it has no answer for.
func sandboxCounts(g *sim.Group) string {
	var lines []string
	for _, t := range g.Tenants() {
		requests := 0
		for _, c := range t.Counts() {
			requests += c.Requests
		}
		line := fmt.Sprintf("  %-12s %d requests, %d writes", t.Role(), requests, t.Writes())
		if unknown := t.Unknown(); len(unknown) > 0 {
			line += fmt.Sprintf(", %d that the sandbox doesn't know, the first %s %s", len(unknown), unknown[0].Method, unknown[0].Path)
		}
		lines = append(lines, line)
	}
	return "Asked of the sandbox:\n" + strings.Join(lines, "\n")
}

func (a *app) printSandbox(sb *sandbox, seeds map[string]*schema.Set) {
	s := a.style(a.stdout)
	w := a.stdout
	if sb.kept {
		fmt.Fprintf(w, "Sandbox tenant group, as it was left (state in %s)\n\n", sb.dir)
	} else {
		fmt.Fprintf(w, "Sandbox tenant group, seeded with %s: %d resources\n", seeds[""].Origin, seeds[""].Len())
		for _, role := range slices.Sorted(maps.Keys(seeds)) {
			if role != "" {
				fmt.Fprintf(w, "  %s with %s: %d resources\n", role, seeds[role].Origin, seeds[role].Len())
			}
		}
		fmt.Fprintln(w)
	}
	for _, e := range sandboxRoles(sb.group) {
		fmt.Fprintf(w, "  %-12s %s\n", e.role, s.Bold(sb.urls[e.role]))
	}
	if sb.adminURL != "" {
		fmt.Fprintf(w, "  %-12s %s\n", "admin", sb.adminURL)
	}
	fmt.Fprintf(w, "\nIn lockstep.yaml:\n\n%s", sandboxYAML(sb))
	a.printClients(sb)
	if !onLoopback("http://" + sb.host) {
		fmt.Fprintf(w, "\nWarning: listening on %s, so others can reach the sandbox.\n", sb.host)
	}
	fmt.Fprintf(w, "\nCtrl-C ends it. Addresses and account: %s\n", filepath.Join(sb.dir, "sandbox.json"))
}

// sandboxScope is what the printed variables ask for: all that configuration needs.
const sandboxScope = "fr:am:* fr:idm:* fr:idc:esv:* fr:idc:promotion:* fr:idc:direct-configuration:session:* fr:idc:content-security-policy:* " +
	"fr:idc:cookie-domain:* fr:idc:custom-domain:* fr:idc:certificate:* fr:idc:sso-cookie:* fr:idc:telemetry:*"

// printClients prints what the peers' clients want to know, to be pasted into a shell. Each wants all its variables.
func (a *app) printClients(sb *sandbox) {
	w := a.stdout
	id, roles, key := sb.group.ServiceAccount().ID, sandboxRoles(sb.group), fmt.Sprintf(`"$(cat '%s')"`, sb.keyFile)
	export := func(name, value string) { fmt.Fprintf(w, "  export %s=%s\n", name, value) }
	fmt.Fprint(w, "\nOr for fr-config-manager and lockstep, in the shell:\n\n")
	export("TENANT_BASE_URL", sb.urls["development"])
	export("SERVICE_ACCOUNT_ID", id)
	export("SERVICE_ACCOUNT_KEY", key)
	export("SERVICE_ACCOUNT_CLIENT_ID", "service-account")
	export("SERVICE_ACCOUNT_SCOPE", "'"+sandboxScope+"'")
	export("REALMS", `'["alpha","bravo"]'`)
	export("TENANT_ENV_UPPER_FQDN", sb.urls[roles[1].role])
	export("SERVICE_ACCOUNT_UPPER_ID", id)
	export("SERVICE_ACCOUNT_UPPER_KEY", key)
	export("SERVICE_ACCOUNT_UPPER_CLIENT_ID", "service-account")
	export("SERVICE_ACCOUNT_PROMOTION_SCOPE", "'fr:idc:promotion:*'")
	fmt.Fprint(w, "\nOr for frodo:\n\n")
	export("FRODO_HOST", sb.urls["development"]+"/am")
	export("FRODO_SA_ID", id)
	export("FRODO_SA_JWK", key)
	fmt.Fprint(w, "\nfrodo 3.1.0 is of spring 2025, and ends at what tenants have changed since (agent list, config export -a\nwithout -g or -r): --am-version 8.0.0-SNAPSHOT runs tenants of its time.\n")
	fmt.Fprintf(w, "\nA client without a service account logs in as administrator@sandbox.example, with the password in\n%s\n", sb.password)
}

// sandboxYAML is a lockstep.yaml's environments for the sandbox.
func sandboxYAML(sb *sandbox) string {
	out := "environments:\n"
	for _, e := range sandboxRoles(sb.group) {
		out += fmt.Sprintf("  %s:\n    url: %s\n    role: %s\n", e.name, sb.urls[e.role], e.role)
		if e.from != "" {
			out += fmt.Sprintf("    promoteFrom: %s\n", e.from)
		}
		out += fmt.Sprintf("    serviceAccount: {id: %s, keyFile: %q}\n", sb.group.ServiceAccount().ID, sb.keyFile)
	}
	return out
}
