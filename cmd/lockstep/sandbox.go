package main

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/examples"
	"github.com/lockstep-gitops/lockstep/schema"
)

type sandboxOptions struct {
	seed, state string
	port, scale int
	portSet     bool
	slow        time.Duration
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
DIR/sandbox.json holds their addresses and a service account. The state is kept in DIR over a restart.` + exitHelp(),
		Example: `  lockstep sandbox
  lockstep sandbox --seed . --port 9000
  lockstep sandbox --scale 1000`,
		Args: maxArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.portSet = cmd.Flags().Changed("port")
			return runSandbox(cmd.Context(), a, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.seed, "seed", "", "a SOURCE that all three tenants start with (default: the embedded quickstart)")
	f.IntVar(&o.port, "port", 8440, "port of development; staging and production take the next two. 0 takes three free ones")
	f.StringVar(&o.state, "state", "", "folder for the sandbox's state (default: .lockstep/sandbox)")
	f.IntVar(&o.scale, "scale", 0, "add this many journeys made of the seed's")
	f.DurationVar(&o.slow, "phase", 2*time.Second, "how long a lock, a restart and each phase of a promotion take")
	return cmd
}

// sandboxEnvironments are the roles with the names they go by in lockstep.yaml.
var sandboxEnvironments = [...]struct{ role, name, from string }{
	{"development", "dev", ""}, {"staging", "staging", "dev"}, {"production", "prod", "staging"},
}

// sandboxAccountID is the service account of every sandbox, so that a lockstep.yaml can name it. Its key is
// made anew for each.
const sandboxAccountID = "5a4db0c5-10c5-4e90-b0c5-5a4db0c50001"

// sandbox is a running tenant group.
type sandbox struct {
	group   *sim.Group
	servers []*http.Server
	urls    map[string]string // by role
	dir     string
	keyFile string
}

// sandboxFile is DIR/sandbox.json (product contract, "Commands").
type sandboxFile struct {
	Environments map[string]sandboxEnvironment `json:"environments"`
	Account      sandboxAccount                `json:"serviceAccount"`
}

type sandboxEnvironment struct {
	URL string `json:"url"`
}

type sandboxAccount struct {
	ID      string `json:"id"`
	KeyFile string `json:"keyFile"`
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
	seed, err := a.sandboxSeed(ctx, p, o)
	if err != nil {
		return err
	}
	ports := consecutive(o.port)
	if !o.portSet {
		// A sandbox that is started again listens where lockstep.yaml looks for it.
		ports = keptPorts(dir, ports)
	}
	sb, kept, err := startSandbox(dir, ports, sim.Options{Now: a.now, RestartDuration: o.slow, LockDuration: o.slow, PhaseDuration: o.slow}, seed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.close()) }()
	a.printSandbox(sb, seed, kept)
	for {
		select {
		case <-ctx.Done():
			a.note("\nThe sandbox's state is kept in %s.", dir)
			return nil
		case <-time.After(2 * time.Second):
			if err := sb.save(); err != nil {
				return err
			}
		}
	}
}

// sandboxSeed reads what the tenants start with.
func (a *app) sandboxSeed(ctx context.Context, p *config.Project, o sandboxOptions) (*schema.Set, error) {
	var set *schema.Set
	if o.seed == "" {
		s, diags, err := repo.Load(examples.Quickstart(), ".", repo.Options{Origin: "the embedded quickstart"})
		if err != nil {
			return nil, err
		}
		if n := diags.Count(schema.Error); n > 0 {
			return nil, fmt.Errorf("the embedded quickstart has %d errors: %s", n, diags[0].Message)
		}
		set = s
	} else {
		l, err := a.load(ctx, p, o.seed)
		if err != nil {
			return nil, err
		}
		// A seed may hold faults on purpose; what can't be read is left out, and said.
		for _, d := range l.diags.AtLeast(schema.Error) {
			a.note("%s: %s", d.Pos, d.Message)
		}
		set = l.Set
	}
	multiply(set, o.scale)
	return set, nil
}

// startSandbox starts the three tenants, from the state kept in dir, else from the seed. kept says which.
func startSandbox(dir string, ports [3]int, o sim.Options, seed *schema.Set) (_ *sandbox, kept bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, false, err
	}
	state, err := readSandboxState(dir)
	if err != nil {
		return nil, false, err
	}
	o.AccountID = sandboxAccountID
	if state != nil {
		o.AccountID, o.Key = state.Account, state.key
	}
	group, err := sim.NewGroup(o)
	if err != nil {
		return nil, false, err
	}
	sb := &sandbox{group: group, urls: map[string]string{}, dir: dir, keyFile: filepath.Join(dir, "service-account.jwk")}
	documents := sandboxDocuments(seed)
	for _, e := range sandboxEnvironments {
		docs := documents
		if state != nil {
			docs = state.Tenants[e.role]
		}
		if err := group.Tenant(e.role).Seed(docs); err != nil {
			return nil, false, fmt.Errorf("seed %s: %w", e.role, err)
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, sb.stop())
		}
	}()
	for i, e := range sandboxEnvironments {
		if err := sb.listen(e.role, ports[i]); err != nil {
			return nil, false, err
		}
	}
	return sb, state != nil, sb.describe()
}

// consecutive gives the ports of the three tenants; 0 stands for any free one.
func consecutive(port int) [3]int {
	if port == 0 {
		return [3]int{}
	}
	return [3]int{port, port + 1, port + 2}
}

// keptPorts are those that the sandbox in dir had when it last ran, if it did.
func keptPorts(dir string, otherwise [3]int) [3]int {
	data, err := os.ReadFile(filepath.Join(dir, "sandbox.json"))
	if err != nil {
		return otherwise
	}
	var f sandboxFile
	if json.Unmarshal(data, &f) != nil {
		return otherwise
	}
	var ports [3]int
	for i, e := range sandboxEnvironments {
		u, err := url.Parse(f.Environments[e.role].URL)
		if err != nil {
			return otherwise
		}
		if ports[i], err = strconv.Atoi(u.Port()); err != nil {
			return otherwise
		}
	}
	return ports
}

func (sb *sandbox) listen(role string, port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return fmt.Errorf("listen for %s: %w\nAnother sandbox may be running; --port takes another port, --port 0 a free one", role, err)
	}
	s := &http.Server{Handler: sb.group.Tenant(role), ReadHeaderTimeout: 10 * time.Second}
	sb.servers = append(sb.servers, s)
	sb.urls[role] = "http://" + l.Addr().String()
	go func() { _ = s.Serve(l) }() // ends with ErrServerClosed when the sandbox is stopped
	return nil
}

// describe writes the service account's key and sandbox.json.
func (sb *sandbox) describe() error {
	account := sb.group.ServiceAccount()
	if err := engine.WriteFile(sb.keyFile, account.JWK, 0o600); err != nil {
		return err
	}
	f := sandboxFile{Environments: map[string]sandboxEnvironment{}, Account: sandboxAccount{account.ID, sb.keyFile}}
	for role, url := range sb.urls {
		f.Environments[role] = sandboxEnvironment{url}
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return engine.WriteFile(filepath.Join(sb.dir, "sandbox.json"), append(data, '\n'), 0o644)
}

// sandboxState is what a sandbox keeps over a restart.
type sandboxState struct {
	Account string                    `json:"account"`
	Tenants map[string][]sim.Document `json:"tenants"`
	key     *rsa.PrivateKey
}

func readSandboxState(dir string) (*sandboxState, error) {
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s sandboxState
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("read the sandbox's state: %w\nDelete %s to start anew", err, dir)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "service-account.jwk"))
	if err != nil {
		return nil, err
	}
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(raw, &jwk); err != nil {
		return nil, fmt.Errorf("read the sandbox's key: %w", err)
	}
	key, ok := jwk.Key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the sandbox's key in %s is no RSA key", dir)
	}
	s.key = key
	return &s, nil
}

// save writes the state of all tenants.
func (sb *sandbox) save() error {
	s := sandboxState{Account: sb.group.ServiceAccount().ID, Tenants: map[string][]sim.Document{}}
	for _, t := range sb.group.Tenants() {
		s.Tenants[t.Role()] = t.DocumentsWithSecrets()
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return engine.WriteFile(filepath.Join(sb.dir, "state.json"), data, 0o600)
}

func (sb *sandbox) stop() error {
	var errs []error
	for _, s := range sb.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func (sb *sandbox) close() error { return errors.Join(sb.save(), sb.stop()) }

// sandboxDocuments turns a set into the documents of a tenant. ESV values that only a real environment knows
// get one that says so, and what every tenant has from the start is there, as far as the peers' clients ask
// for it: they fail when it is not.
func sandboxDocuments(set *schema.Set) []sim.Document {
	seed := schema.NewSet(set.Origin)
	for _, r := range set.All() {
		t, _ := schema.TypeOf(r.Type)
		if t.Class == schema.PerEnvironment {
			r = withSandboxValue(r)
		}
		seed.Add(r)
	}
	for _, ref := range schema.References(seed) {
		if r, ok := schema.ProductDefault(ref.To); ok && !seed.Knows(ref.To) {
			seed.Add(r)
		}
	}
	var out []sim.Document
	for _, d := range schema.Documents(seed) {
		out = append(out, sim.Document{Path: d.Path, Body: schema.CompactJSON(d.Body)})
	}
	return append(out, unmanagedBaseline()...)
}

// unmanagedBaseline is what every tenant has from the start of what Lockstep does not manage, as recorded.
func unmanagedBaseline() []sim.Document {
	out := []sim.Document{{Path: "/openidm/config/sync", Body: json.RawMessage(`{"_id":"sync","mappings":[]}`)}}
	for _, realm := range []string{"alpha", "bravo"} {
		out = append(out, sim.Document{
			Path: "/am/json/realms/root/realms/" + realm + "/realm-config/authentication",
			Body: json.RawMessage(`{"_id":"","core":{"adminAuthModule":"Login","orgConfig":"Login"},"_type":{"_id":"EMPTY","name":"Core","collection":false}}`),
		})
	}
	return out
}

// sandboxValues are values that fit each expression type.
var sandboxValues = map[string]string{
	"bool": "false", "int": "1", "number": "1", "array": `["sandbox"]`, "object": `{"sandbox":true}`, "keyvaluelist": "sandbox=true",
}

func withSandboxValue(r *schema.Resource) *schema.Resource {
	if v := schema.Str(r.Body, "/valueBase64"); v != "" {
		if _, ok := schema.DecodeBase64(v); ok {
			return r
		}
	}
	value, ok := sandboxValues[schema.Str(r.Body, "/expressionType")]
	if !ok {
		value = "sandbox"
	}
	body := schema.CloneObject(r.Body)
	body["valueBase64"] = schema.EncodeBase64(value)
	return &schema.Resource{Key: r.Key, Body: body, Source: r.Source}
}

// multiply adds n journeys made of those that are there, with node ids of their own.
func multiply(set *schema.Set, n int) {
	var journeys []*schema.Resource
	for _, r := range set.All() {
		if t, _ := schema.TypeOf(r.Type); t.Journey {
			journeys = append(journeys, r)
		}
	}
	for i := range n {
		if len(journeys) == 0 {
			return
		}
		from := journeys[i%len(journeys)]
		id := fmt.Sprintf("%s-%04d", from.ID, i+1)
		ids := map[string]string{}
		for j, ref := range schema.NodeRefs(from.Body) {
			ids[ref.ID] = fmt.Sprintf("%08x-0000-4000-8000-%012x", i+1, j)
		}
		body, _ := rename(from.Body, ids).(map[string]any)
		body["_id"] = id
		set.Add(&schema.Resource{Key: schema.Key{Type: from.Type, Realm: from.Realm, ID: id}, Body: body})
	}
}

// rename replaces ids, as keys and as values.
func rename(v any, ids map[string]string) any {
	swap := func(s string) string {
		if to, ok := ids[s]; ok {
			return to
		}
		return s
	}
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[swap(k)] = rename(e, ids)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = rename(e, ids)
		}
		return out
	case string:
		return swap(x)
	default:
		return v
	}
}

func (a *app) printSandbox(sb *sandbox, seed *schema.Set, kept bool) {
	s := a.style(a.stdout)
	w := a.stdout
	if kept {
		fmt.Fprintf(w, "Sandbox tenant group, as it was left (state in %s)\n\n", sb.dir)
	} else {
		fmt.Fprintf(w, "Sandbox tenant group, seeded with %s: %d resources\n\n", seed.Origin, seed.Len())
	}
	for _, e := range sandboxEnvironments {
		fmt.Fprintf(w, "  %-12s %s\n", e.role, s.Bold(sb.urls[e.role]))
	}
	id := sb.group.ServiceAccount().ID
	fmt.Fprintf(w, "\nIn lockstep.yaml:\n\n%s", sandboxYAML(sb))
	fmt.Fprintf(w, "\nOr for fr-config-manager and lockstep, in the shell:\n\n  export TENANT_BASE_URL=%s\n  export SERVICE_ACCOUNT_ID=%s\n  export SERVICE_ACCOUNT_KEY=\"$(cat '%s')\"\n", sb.urls["development"], id, sb.keyFile)
	fmt.Fprintf(w, "\nOr for frodo:\n\n  export FRODO_HOST=%s/am\n  export FRODO_SA_ID=%s\n  export FRODO_SA_JWK=\"$(cat '%s')\"\n", sb.urls["development"], id, sb.keyFile)
	fmt.Fprintf(w, "\nCtrl-C ends it. Addresses and account: %s\n", filepath.Join(sb.dir, "sandbox.json"))
}

// sandboxYAML is a lockstep.yaml's environments for the sandbox.
func sandboxYAML(sb *sandbox) string {
	out := "environments:\n"
	for _, e := range sandboxEnvironments {
		out += fmt.Sprintf("  %s:\n    url: %s\n    role: %s\n", e.name, sb.urls[e.role], e.role)
		if e.from != "" {
			out += fmt.Sprintf("    promoteFrom: %s\n", e.from)
		}
		out += fmt.Sprintf("    serviceAccount: {id: %s, keyFile: %q}\n", sb.group.ServiceAccount().ID, sb.keyFile)
	}
	return out
}
