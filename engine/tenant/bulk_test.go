package tenant

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/schema"
)

// readOf counts the requests of one snapshot below a path.
func readOf(t *testing.T, tn *sim.Tenant, c *Client, prefix string, types ...string) (set *schema.Set, asked []string) {
	t.Helper()
	n := len(tn.Requests())
	set, err := c.Snapshot(t.Context(), SnapshotOptions{Types: types})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tn.Requests()[n:] {
		if strings.HasPrefix(r.Path, prefix) {
			asked = append(asked, strings.TrimSuffix(r.Method+" "+r.Path+"?"+r.Query, "?"))
		}
	}
	slices.Sort(asked)
	return set, asked
}

const (
	wholeStore = "GET /openidm/config?_queryFilter=true"
	templates  = `GET /openidm/config?_queryFilter=_id+sw+%22emailTemplat%22`
)

// All of IDM's documents come with one list, and the email templates with theirs.
func TestStoreIsOneList(t *testing.T) {
	tn, c := simulated(t, sim.Options{})
	seed(t, tn, schema.Documents(seedSet(t)))
	set, asked := readOf(t, tn, c, "/openidm/config")
	if want := []string{templates, wholeStore}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	for _, typ := range []string{"theme", "email-provider", "cors-idm", "email-template"} {
		if len(set.OfType(typ)) == 0 {
			t.Errorf("no %s", typ)
		}
	}
	// One document alone is not worth a list; what the list lacks is not there.
	if _, asked = readOf(t, tn, c, "/openidm/", "theme"); !slices.Equal(asked, []string{"GET /openidm/config/ui/themerealm"}) {
		t.Errorf("for one document: %q", asked)
	}
	tn, c = simulated(t, sim.Options{})
	if _, asked = readOf(t, tn, c, "/openidm/", "theme", "cors-idm"); !slices.Equal(asked, []string{wholeStore}) {
		t.Errorf("of an empty tenant: %q", asked)
	}
}

// A tenant that refuses lists is read document by document.
func TestStoreWithoutLists(t *testing.T) {
	for _, status := range []int{400, 403, 404, 405, 501} {
		g := group(t, sim.Options{})
		tn := g.Tenant("development")
		seed(t, tn, schema.Documents(seedSet(t)))
		whole, _ := readOf(t, tn, of(t, g, "development"), "/openidm/")
		for name, refused := range map[string]func(query string) bool{
			"the store's list": func(q string) bool { return q == "_queryFilter=true" },
			"every list":       func(q string) bool { return q != "" },
		} {
			c := of(t, g, "development", func(c *Config) {
				next := c.Transport
				c.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
					if req.URL.Path == configStore && refused(req.URL.RawQuery) {
						return refusing{nil, func(string, string) (int, string, string) {
							return status, "application/json", fmt.Sprintf(`{"code":%d,"message":"no"}`, status)
						}}.RoundTrip(req)
					}
					return next.RoundTrip(req)
				})
			})
			set, asked := readOf(t, tn, c, "/openidm/")
			if len(set.Partial) > 0 {
				t.Errorf("%d for %s: partial %q", status, name, set.Partial)
			}
			sameSets(t, set, whole)
			if byOne := slices.Contains(asked, "GET /openidm/config"); byOne != (name == "every list") {
				t.Errorf("%d for %s: asked %q", status, name, asked)
			}
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestInStoreList(t *testing.T) {
	for _, tt := range []struct {
		prefix, method, path, query string
		want                        bool
	}{
		{"mapping/", "GET", configStore, "_queryFilter=_id+sw+%22mapping%22", true},
		{"mapping/", "GET", configStore, "_queryFilter=_id%20sw%20'mapping/'", true},
		{"uilocale/", "GET", configStore, "_queryFilter=true", true},
		{"emailTemplate/", "GET", configStore, "_queryFilter=_id+sw+%22emailTemplat%22", false}, // the cut prefix
		{"mapping/", "GET", configStore, "_queryFilter=_id+sw+%22mapping%22&_fields=_id", false},
		{"mapping/", "GET", configStore, "_queryFilter=enabled+eq+true", false},
		{"mapping/", "GET", configStore, "", false},
		{"", "GET", configStore, "_queryFilter=true", false}, // which of them are the type's?
		{"mapping/", "POST", configStore, "_queryFilter=true", false},
		{"mapping/", "GET", "/openidm/internal/role", "_queryFilter=true", false},
	} {
		row := &schema.Type{IDPrefix: tt.prefix, API: schema.API{List: schema.List{Method: tt.method, Path: tt.path, Query: tt.query}}}
		if got := inStoreList(row, listCall(row, "", "")); got != tt.want {
			t.Errorf("%s %s?%s of %q: %t", tt.method, tt.path, tt.query, tt.prefix, got)
		}
	}
}

func TestListCallFillsPathAndQuery(t *testing.T) {
	row := &schema.Type{API: schema.API{List: schema.List{Method: "GET", Path: "/am/{realm}/x/{parent}", Query: `_queryFilter=applicationName+eq+"{parent}"`}}}
	k := listCall(row, "alpha", `a b/c"&d`)
	if k.path != "/am/alpha/x/a%20b/c%22&d" || k.query != `_queryFilter=applicationName+eq+"a+b%2Fc%22%26d"` {
		t.Errorf("%s?%s", k.path, k.query)
	}
	if !isBelow(row) || isBelow(&schema.Type{}) {
		t.Error("a list with {parent} stands below each parent")
	}
}

// The budget of requests: one for each type and version of nodes in use, and thirty for each realm.
func TestSnapshotBudget(t *testing.T) {
	tn, c := simulated(t, sim.Options{})
	set := seedSet(t)
	seed(t, tn, schema.Documents(set))
	kinds := map[string]bool{}
	for _, r := range set.OfType("journey") {
		for _, n := range schema.NodeRefs(r.Body) {
			kinds[r.Realm+n.Type+n.Version] = true
		}
	}
	_, asked := readOf(t, tn, c, "/")
	if len(kinds) == 0 || len(asked) > len(kinds)+30 {
		t.Errorf("%d requests for %d kinds of nodes: %q", len(asked), len(kinds), asked)
	}
	// A token is asked for again without the scopes that this tenant doesn't know.
	asked = slices.DeleteFunc(asked, func(s string) bool { return s == "POST /am/oauth2/access_token" })
	if once := slices.Compact(slices.Clone(asked)); len(once) != len(asked) {
		t.Errorf("something was asked for twice: %q", asked)
	}
}

// A list that is refused costs one GET a node, as many at a time as are allowed, and no more goroutines.
func TestNodesOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, total atomic.Int32
		const nodes, parallel = 400, 8
		c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			total.Add(1)
			time.Sleep(50 * time.Millisecond)
			switch {
			case strings.HasSuffix(r.URL.Path, "/serverinfo/version"):
				answer(w, 200, `{"version":"9.0.0"}`)
			case strings.HasSuffix(r.URL.Path, "/trees"):
				refs := make([]string, nodes)
				for i := range refs {
					refs[i] = fmt.Sprintf(`"n%d":{"nodeType":"X","version":"1.0"}`, i)
				}
				answer(w, 200, `{"result":[{"_id":"J","nodes":{`+strings.Join(refs, ",")+`}}]}`)
			case strings.HasSuffix(r.URL.Path, "/nodes/X/1.0"):
				answer(w, 501, `{"code":501,"message":"no lists"}`)
			default:
				_, id, _ := strings.Cut(r.URL.Path, "/nodes/X/1.0/")
				answer(w, 200, `{"_id":"`+id+`"}`)
			}
		}, func(c *Config) { c.Parallel = parallel })
		start := time.Now()
		set, err := c.Snapshot(t.Context(), SnapshotOptions{Types: []string{"journey"}, Realms: []string{"alpha"}})
		if err != nil {
			t.Fatal(err)
		}
		if r := set.OfType("journey"); len(r) != 1 || len(r[0].Body["nodeConfigs"].(map[string]any)) != nodes {
			t.Errorf("read %d journeys", len(r))
		}
		ideal := time.Duration(total.Load()) * 50 * time.Millisecond / parallel
		if took := time.Since(start); float64(took) > 1.15*float64(ideal) || most.Load() != parallel {
			t.Errorf("%d requests took %s, %d at once; want at most 1.15 x %s", total.Load(), took, most.Load(), ideal)
		}
	})
}
