package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/examples"
	"github.com/lockstep-gitops/lockstep/schema"
)

const (
	exportJourneys = 1000
	exportLatency  = 50 * time.Millisecond
	exportParallel = 8
	// frodoJourneys is what frodo is measured with: it asks for every node, one after the other, and a thousand
	// journeys take it far longer than anybody waits for a benchmark.
	frodoJourneys = 50
)

// A farTenant is a sandbox's development tenant behind a line: each request takes a while longer.
type farTenant struct {
	*httptest.Server
	account  sim.ServiceAccount
	latency  time.Duration
	requests atomic.Int64
	noLists  bool // of nodes
	kinds    int  // of nodes in use: types and versions, by realm
	journeys int
	inRealm  map[string]int // journeys
	nodes    int
}

var nodeList = regexp.MustCompile(`/authenticationtrees/nodes/[^/]+(/[^/]+)?$`)

func (f *farTenant) ServeHTTP(w http.ResponseWriter, r *http.Request, next http.Handler) {
	f.requests.Add(1)
	time.Sleep(f.latency)
	if f.noLists && r.URL.RawQuery == "_queryFilter=true" && nodeList.MatchString(r.URL.Path) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotImplemented)
		_, _ = w.Write([]byte(`{"code":501,"reason":"Not Implemented","message":"Queries are not supported"}`))
		return
	}
	next.ServeHTTP(w, r)
}

// newFarTenant makes a tenant with the quickstart's configuration and n journeys more, each of the nodes of one
// or two of its own: about ten.
func newFarTenant(b *testing.B, n int, latency time.Duration) *farTenant {
	b.Helper()
	set, diags, err := repo.Load(examples.Quickstart(), ".", repo.Options{Origin: "the embedded quickstart"})
	if err != nil || len(diags) > 0 {
		b.Fatal(diags, err)
	}
	manyJourneys(set, n)
	group, err := sim.NewGroup(sim.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := group.Tenant("development").Seed(sandboxDocuments(set)); err != nil {
		b.Fatal(err)
	}
	f := &farTenant{account: group.ServiceAccount(), latency: latency, inRealm: map[string]int{}}
	kinds := map[string]bool{}
	for _, r := range set.OfType("journey") {
		f.journeys++
		f.inRealm[r.Realm]++
		for _, ref := range schema.NodeRefs(r.Body) {
			f.nodes++
			kinds[r.Realm+" "+ref.Type+" "+ref.Version] = true
		}
	}
	f.kinds = len(kinds)
	tenant := group.Tenant("development")
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.ServeHTTP(w, r, tenant) }))
	b.Cleanup(f.Close)
	return f
}

func manyJourneys(set *schema.Set, n int) {
	seeds := set.OfType("journey")
	for i := range n {
		one := seeds[i%len(seeds)]
		// Of the same realm: what they refer to, frodo asks for.
		near := slices.DeleteFunc(slices.Clone(seeds), func(r *schema.Resource) bool { return r.Realm != one.Realm })
		other := near[(i/len(seeds)+i+1)%len(near)]
		var body map[string]any
		for half, from := range []*schema.Resource{one, other}[:1+i%2] {
			ids := map[string]string{}
			for j, ref := range schema.NodeRefs(from.Body) {
				ids[ref.ID] = fmt.Sprintf("%08x-000%d-4000-8000-%012x", i+1, half, j)
			}
			part, _ := renamed(from.Body, ids).(map[string]any)
			if half == 0 {
				body = part
				continue
			}
			for _, member := range []string{"nodes", "nodeConfigs"} {
				into, _ := body[member].(map[string]any)
				more, _ := part[member].(map[string]any)
				for id, v := range more {
					into[id] = v
				}
			}
		}
		id := fmt.Sprintf("Journey %04d", i+1)
		body["_id"] = id
		set.Add(&schema.Resource{Key: schema.Key{Type: one.Type, Realm: one.Realm, ID: id}, Body: body})
	}
}

// export runs a command that exports, and gives what it took.
func (f *farTenant) export(b *testing.B, dir string, args ...string) (wall time.Duration, requests int, peak float64, output string) {
	b.Helper()
	key := filepath.Join(dir, "key.jwk")
	if err := os.WriteFile(key, f.account.JWK, 0o600); err != nil {
		b.Fatal(err)
	}
	env := []string{
		"TENANT_BASE_URL=" + f.URL, "SERVICE_ACCOUNT_ID=" + f.account.ID, "SERVICE_ACCOUNT_KEY_PATH=" + key, "HOME=" + dir,
		"FRODO_HOST=" + f.URL + "/am", "FRODO_SA_ID=" + f.account.ID, "FRODO_SA_JWK=" + string(f.account.JWK), "NO_COLOR=1",
	}
	before, start := f.requests.Load(), time.Now()
	peak, output = measured(b, dir, env, args...)
	return time.Since(start), int(f.requests.Load() - before), peak, output
}

// ours exports with lockstep into an empty folder, and checks that all is there.
func (f *farTenant) ours(b *testing.B, program string) (wall time.Duration, requests int, peak float64) {
	b.Helper()
	dir := b.TempDir()
	wall, requests, peak, output := f.export(b, dir, program, "export", "--env", "default", "-d", "out", "--layout", "fr-config-manager", "--parallel", fmt.Sprint(exportParallel))
	if got := countFiles(b, filepath.Join(dir, "out")); !strings.Contains(output, " 0 unchanged") || got < f.journeys+f.nodes {
		b.Fatalf("%d files of %d journeys with %d nodes:\n%s", got, f.journeys, f.nodes, output)
	}
	return wall, requests, peak
}

func countFiles(b *testing.B, dir string) (n int) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func buildProgram(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "lockstep")
	if said, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, said)
	}
	return program
}

// within reports a bound that was missed. Those of time are a loaded machine's as much as ours.
func within(b *testing.B, what string, got, bound float64, hard bool) {
	b.Helper()
	switch {
	case got <= bound:
	case hard:
		b.Errorf("%s: %.2f, beyond the bound of %.2f", what, got, bound)
	default:
		b.Logf("%s: %.2f, BEYOND THE BOUND of %.2f", what, got, bound)
	}
}

// BenchmarkExport exports a sandbox with a thousand journeys as a process. Its measure is the same export
// without latency, which is the sandbox's own time and that of the disk, and frodo's export of the same kind of
// sandbox.
func BenchmarkExport(b *testing.B) {
	program := buildProgram(b)
	b.Run("lists", func(b *testing.B) {
		f := newFarTenant(b, exportJourneys, 0)
		b.Logf("%d journeys with %d nodes of %d types and versions", f.journeys, f.nodes, f.kinds)
		for b.Loop() {
			f.latency = 0
			own, _, _ := f.ours(b, program)
			f.latency = exportLatency
			wall, requests, peak := f.ours(b, program)
			b.ReportMetric(wall.Seconds(), "s-wall")
			b.ReportMetric(own.Seconds(), "s-without-latency")
			b.ReportMetric(float64(requests), "requests")
			b.ReportMetric(float64(f.kinds+2*30), "requests-allowed")
			b.ReportMetric(peak, "MiB-peak")
			within(b, "requests", float64(requests), float64(f.kinds+2*30), true)
			within(b, "MiB", peak, 300, true)
			within(b, "seconds beyond the sandbox's own", (wall - own).Seconds(), 3, false)
		}
	})
	b.Run("one-by-one", func(b *testing.B) {
		f := newFarTenant(b, exportJourneys, exportLatency)
		f.noLists = true
		for b.Loop() {
			wall, requests, peak := f.ours(b, program)
			ideal := float64(requests) * exportLatency.Seconds() / exportParallel
			b.ReportMetric(wall.Seconds(), "s-wall")
			b.ReportMetric(float64(requests), "requests")
			b.ReportMetric(wall.Seconds()/ideal, "x-ideal")
			b.ReportMetric(peak, "MiB-peak")
			within(b, "wall by requests x latency / parallelism", wall.Seconds()/ideal, 1.15, false)
			within(b, "MiB", peak, 300, true)
		}
	})
	b.Run("frodo", func(b *testing.B) {
		frodo := benchFrodo(b)
		f := newFarTenant(b, frodoJourneys, exportLatency)
		b.Logf("%d journeys with %d nodes", f.journeys, f.nodes)
		for b.Loop() {
			wall, requests, peak := f.ours(b, program)
			dir := b.TempDir()
			var theirs time.Duration
			var asked int
			var most float64
			for realm, more := range map[string][]string{"alpha": {"-g"}, "bravo": nil} {
				args := append([]string{"env", "FRODO_REALM=" + realm, frodo, "config", "export", "-A", "-r", "-D", "out-" + realm}, more...)
				w, n, p, output := f.export(b, dir, args...)
				journeys, err := filepath.Glob(filepath.Join(dir, "out-"+realm, "realm", "root-"+realm, "journey", "*.journey.json"))
				if err != nil || len(journeys) != f.inRealm[realm] {
					b.Fatalf("frodo exported %d journeys of %d in %s: %v\n%s", len(journeys), f.inRealm[realm], realm, err, output)
				}
				theirs, asked, most = theirs+w, asked+n, max(most, p)
			}
			b.ReportMetric(wall.Seconds(), "s-wall")
			b.ReportMetric(theirs.Seconds(), "s-frodo")
			b.ReportMetric(float64(requests), "requests")
			b.ReportMetric(float64(asked), "requests-frodo")
			b.ReportMetric(peak, "MiB-peak")
			b.ReportMetric(most, "MiB-frodo")
			b.ReportMetric(theirs.Seconds()/wall.Seconds(), "x-faster")
			b.ReportMetric(float64(asked)/float64(requests), "x-fewer-requests")
		}
	})
}

// benchFrodo is frodo from npm, in the user's cache, where the tests with real peer clients keep it as well.
func benchFrodo(b *testing.B) string {
	b.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "lockstep-e2e", "frodo-3.1.0")
	program := filepath.Join(dir, "node_modules", ".bin", "frodo")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		b.Skip("npm is not here, so frodo can't be installed and there is nothing to compare with")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	c := exec.Command(npm, "install", "--no-fund", "--no-audit", "--prefix", dir, "@rockcarver/frodo-cli@3.1.0")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		b.Skipf("npm can't install frodo, so there is nothing to compare with: %v\n%s", err, out)
	}
	return program
}

// renamed replaces ids, as keys and as values.
func renamed(v any, ids map[string]string) any {
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
			out[swap(k)] = renamed(e, ids)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = renamed(e, ids)
		}
		return out
	case string:
		return swap(x)
	}
	return v
}
