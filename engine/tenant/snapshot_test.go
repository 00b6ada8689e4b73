package tenant

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/schema"
)

// seedSet is a set with a resource of every type, in both realms where there are realms.
func seedSet(t *testing.T) *schema.Set {
	t.Helper()
	set := schema.NewSet("test")
	for _, r := range append(samples(t), login(t), shared(t)) {
		set.Add(r)
		if r.Realm != "" {
			b := *r
			b.Realm = "bravo"
			set.Add(&b)
		}
	}
	return set
}

// sameSets compares two sets by what their resources say.
func sameSets(t *testing.T, got, want *schema.Set) {
	t.Helper()
	for _, w := range want.All() {
		g, ok := got.Get(w.Key)
		if !ok {
			t.Errorf("missing: %s", w.Key)
			continue
		}
		if a, b := normal(t, g), normal(t, w); a != b {
			t.Errorf("%s differs:\n%s", w.Key, differing(a, b))
		}
	}
	for _, g := range got.All() {
		if _, ok := want.Get(g.Key); !ok {
			t.Errorf("too much: %s", g.Key)
		}
	}
}

// differing shows the lines that only one of two texts has.
func differing(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	var out []string
	for _, l := range a {
		if !slices.Contains(b, l) {
			out = append(out, "got  "+l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			out = append(out, "want "+l)
		}
	}
	return strings.Join(out, "\n")
}

func TestSnapshot(t *testing.T) {
	for _, version := range []string{"9.0.0-SNAPSHOT", "8.0.0-SNAPSHOT"} {
		t.Run(version, func(t *testing.T) {
			tn, c := simulated(t, sim.Options{AMVersion: version})
			before, err := c.Snapshot(t.Context(), SnapshotOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want := seedSet(t)
			seed(t, tn, schema.Documents(want))
			for _, r := range before.All() { // what no tenant is without
				want.Add(r)
			}
			var done []int
			last := 0
			got, err := c.Snapshot(t.Context(), SnapshotOptions{OnProgress: func(d, total int, what string) {
				done = append(done, d)
				last = total
				if what == "" || d > total {
					t.Errorf("progress %d of %d %q", d, total, what)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Partial) > 0 || len(got.Broken()) > 0 {
				t.Errorf("partial %q, broken %v", got.Partial, got.Broken())
			}
			sameSets(t, got, want)
			if len(done) == 0 || done[len(done)-1] != last || !slices.IsSorted(done) {
				t.Errorf("progress %v of %d", done, last)
			}
			for _, r := range got.All() {
				if one, err := c.Get(t.Context(), r.Key); err != nil || normal(t, one) != normal(t, r) {
					t.Errorf("get %s: %v differs from the list", r.Key, err)
				}
			}
		})
	}
}

// The tenant is read in lists: the number of requests doesn't grow with the number of resources.
func TestSnapshotIsBulk(t *testing.T) {
	tn, c := simulated(t, sim.Options{})
	set := seedSet(t)
	seed(t, tn, schema.Documents(set))
	count := func() int {
		n := len(tn.Requests())
		if _, err := c.Snapshot(t.Context(), SnapshotOptions{Types: []string{"journey", "script", "email-template", "variable"}}); err != nil {
			t.Fatal(err)
		}
		return len(tn.Requests()) - n
	}
	few := count()
	text := string(schema.CompactJSON(login(t).Body))
	for _, x := range []string{"d", "e", "f"} {
		id := "Login " + x
		r := resource(t, "journey", "alpha", id, strings.ReplaceAll(strings.ReplaceAll(text, "8000-0000000000", "8000-00000000"+x+x), `"_id":"Login"`, `"_id":"`+id+`"`))
		set.Add(r)
	}
	seed(t, tn, schema.Documents(set))
	if many := count(); many > few {
		t.Errorf("%d requests, and %d for more journeys of the same node types", few, many)
	}
}

func TestSnapshotOfSomeTypes(t *testing.T) {
	tn, c := simulated(t, sim.Options{})
	seed(t, tn, schema.Documents(seedSet(t)))
	for _, tt := range []struct {
		types, realms []string
		want          map[string]int
	}{
		{[]string{"script"}, []string{"alpha"}, map[string]int{"script": 1}},
		{[]string{"theme"}, []string{"bravo"}, map[string]int{"theme": 1}},
		{[]string{"service-child"}, nil, map[string]int{"service-child": 2}},
		{[]string{"idp"}, nil, map[string]int{"idp": 2}},
		{[]string{"journey"}, []string{"bravo"}, map[string]int{"journey": 2}},
		{[]string{"secret", "cors"}, nil, map[string]int{"secret": 1, "cors": 1}},
	} {
		got, err := c.Snapshot(t.Context(), SnapshotOptions{Types: tt.types, Realms: tt.realms})
		if err != nil {
			t.Fatal(err)
		}
		if mustJSON(t, got.CountByType()) != mustJSON(t, tt.want) {
			t.Errorf("%v in %v: %v, want %v", tt.types, tt.realms, got.CountByType(), tt.want)
		}
		if !slices.Equal(got.Types, tt.types) || !slices.Equal(got.Realms, tt.realms) || got.Origin != "env:development" {
			t.Errorf("the set says %q %q %q", got.Origin, got.Types, got.Realms)
		}
	}
	if _, err := c.Snapshot(t.Context(), SnapshotOptions{Types: []string{"made-up"}}); err == nil {
		t.Error("no error for a type that is none")
	}
}

// refusing answers some paths itself.
type refusing struct {
	next   http.RoundTripper
	answer func(path, query string) (status int, kind, body string)
}

func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if status, kind, body := r.answer(req.URL.Path, req.URL.RawQuery); status != 0 {
		return inProcess{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})}.RoundTrip(req)
	}
	return r.next.RoundTrip(req)
}

func TestPartialSnapshot(t *testing.T) {
	const js = "application/json"
	unavailable := `{"code":403,"reason":"Forbidden","message":"This operation is not available in PingOne Advanced Identity Cloud."}`
	for name, tt := range map[string]struct {
		path         string // of the refused request ends in this
		status       int
		kind, body   string
		partial      []string
		broken       []string
		err          string
		absent, here string // types that are absent, and one that must be here
	}{
		"scripts": {"/alpha/scripts", 403, js, unavailable, []string{"alpha/script"}, nil, "", "", "journey"},
		"esv":     {"/environment/variables", 403, js, `{"code":403,"message":"forbidden"}`, []string{"variable"}, nil, "", "variable", "secret"},
		"no esv":  {"/environment/secrets", 404, js, `{"code":404,"message":"path was not found"}`, []string{"secret"}, nil, "", "secret", "variable"},
		"services": {"/alpha/realm-config/services", 403, js, unavailable,
			[]string{"alpha/service", "alpha/service-child"}, nil, "", "", "idp"},
		"children":  {"/alpha/realm-config/services/pingOneWorkerService", 403, js, unavailable, []string{"alpha/service-child"}, nil, "", "", "service"},
		"trees":     {"/alpha/realm-config/authentication/authenticationtrees/trees", 403, js, unavailable, []string{"alpha/journey"}, nil, "", "", "script"},
		"themes":    {"themerealm", 403, js, `{"code":403,"message":"Access"}`, []string{"alpha/theme", "bravo/theme"}, nil, "", "theme", "script"},
		"provider":  {"external.email", 404, js, `{"code":404,"message":"Not Found"}`, nil, nil, "", "email-provider", "script"},
		"bad list":  {"/alpha/scripts", 400, js, `{"code":400,"message":"oops"}`, []string{"alpha/script"}, nil, "", "", "journey"},
		"no method": {"/alpha/scripts", 405, js, `{"code":405}`, []string{"alpha/script"}, nil, "", "", "journey"},
		"classic":   {"/alpha/scripts", 501, js, `{"code":501,"message":"not here"}`, []string{"alpha/script"}, nil, "", "", "journey"},
		"node list": {"/nodes/PageNode/1.0", 403, js, unavailable, nil, nil, "", "", "journey"},
		"node": {"/nodes/DataStoreDecisionNode", 403, js, unavailable, nil, []string{"alpha/journey/Login", "alpha/journey/Other", "bravo/journey/Login", "bravo/journey/Other"},
			"", "journey", "script"},
		"html 404": {"/alpha/scripts", 404, "text/html", "<html>", nil, nil, "answered HTML", "", ""},
		"500":      {"/alpha/scripts", 500, js, `{"code":500,"message":"oops"}`, nil, nil, "oops", "", ""},
		"401":      {"/alpha/scripts", 401, js, `{"code":401,"message":"no"}`, nil, nil, "401", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := group(t, sim.Options{})
			tn := g.Tenant("development")
			seed(t, tn, schema.Documents(seedSet(t)))
			c := of(t, g, "development", func(c *Config) {
				c.Transport = refusing{c.Transport, func(path, query string) (int, string, string) {
					// What can't be read as a document is in no list either.
					inStore := !strings.Contains(tt.path, "/") && path == configStore && query == "_queryFilter=true"
					if strings.HasSuffix(path, tt.path) || name == "node" && strings.Contains(path, tt.path) || inStore {
						return tt.status, tt.kind, tt.body
					}
					return 0, "", ""
				}}
			})
			got, err := c.Snapshot(t.Context(), SnapshotOptions{})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var broken []string
			for _, k := range got.Broken() {
				broken = append(broken, k.String())
			}
			if !slices.Equal(got.Partial, tt.partial) || !slices.Equal(broken, tt.broken) {
				t.Errorf("partial %q, want %q; broken %q, want %q", got.Partial, tt.partial, broken, tt.broken)
			}
			for _, p := range tt.partial {
				if why := got.Why[p]; !strings.HasPrefix(why, strconv.Itoa(tt.status)+" ") {
					t.Errorf("%s could not be read: %q", p, why)
				}
			}
			counts := got.CountByType()
			if counts[tt.absent] != 0 || counts[tt.here] == 0 {
				t.Errorf("read %v", counts)
			}
		})
	}
}

// What says something about us, and nothing about what the tenant shows, ends the reading: a snapshot must not
// be replaced by nothing.
func TestNoSnapshot(t *testing.T) {
	const js = "application/json"
	for name, f := range map[string]func(path string) (int, string, string){
		"no token": func(path string) (int, string, string) {
			if path == tokenPath {
				return 400, js, `{"error":"invalid_grant","error_description":"JWT has expired or is not valid"}`
			}
			return 0, "", ""
		},
		"no scopes": func(path string) (int, string, string) {
			if path != tokenPath {
				return 403, js, `{"code":403,"message":"Access denied"}`
			}
			return 0, "", ""
		},
	} {
		g := group(t, sim.Options{})
		c := of(t, g, "development", func(c *Config) {
			c.Transport = refusing{c.Transport, func(path, _ string) (int, string, string) { return f(path) }}
		})
		if set, err := c.Snapshot(t.Context(), SnapshotOptions{}); err == nil {
			t.Errorf("%s: partial %q", name, set.Partial)
		} else if want := map[string]string{"no token": "expired", "no scopes": "Access denied"}[name]; !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The recorded tenants come back whole.
func TestSnapshotOfRecordedTenants(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpus", "tenant-snapshots", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the corpus is not beside the repository")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			docs := readRecorded(t, file)
			want, _ := schema.FromDocuments("recorded", docs)
			tn, c := simulated(t, sim.Options{})
			none, err := c.Snapshot(t.Context(), SnapshotOptions{Types: schema.TypeNames()})
			if err != nil {
				t.Fatal(err)
			}
			seed(t, tn, docs)
			got, err := c.Snapshot(t.Context(), SnapshotOptions{Types: schema.TypeNames()})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range none.All() {
				want.Add(r)
			}
			if want.Len() < 100 {
				t.Fatalf("only %d resources", want.Len())
			}
			sameSets(t, got, want)
			// What a list says and what the resource says by itself mean the same: a plan relies on it.
			for _, r := range got.All() {
				if one, err := c.Get(t.Context(), r.Key); err != nil {
					t.Error(err)
				} else if normal(t, one) != normal(t, r) {
					t.Errorf("%s by itself is\n%s\nin the list\n%s", r.Key, normal(t, one), normal(t, r))
				}
			}
		})
	}
}

func readRecorded(t *testing.T, file string) []schema.Document {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var docs []schema.Document
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := decode(t, lines.Text())
		body, ok := line["body"].(map[string]any)
		if path := schema.Str(line, "/path"); ok && path != "" {
			docs = append(docs, schema.Document{Path: path, Body: body})
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return docs
}
