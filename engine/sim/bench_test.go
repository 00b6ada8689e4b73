package sim_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// tenNodes seeds a journey of ten nodes, two of them on a page.
func tenNodes(tb testing.TB, g *sim.Group) {
	tb.Helper()
	c := &client{t: tb, group: g, tenant: g.Tenant("development")}
	refs, page := m{}, []any{}
	for i, id := range strings.Fields("a b c d e f g h i j") {
		body := m{"_id": id, "message": m{"en": strings.Repeat("A message of some length. ", 8)}, "_type": m{"_id": "MessageNode", "name": "Message Node"}}
		if i < 2 {
			page = append(page, m{"_id": id, "nodeType": "MessageNode", "displayName": id, "nodeVersion": "1.0"})
		} else {
			refs[id] = m{"nodeType": "MessageNode", "displayName": id, "x": i, "y": 1.5, "connections": m{"true": "b"}, "version": "1.0"}
		}
		c.seed(nodes+"MessageNode/"+id, body)
	}
	c.seed(nodes+"PageNode/p", m{"_id": "p", "nodes": page, "pageHeader": m{"en": "Sign in"}})
	refs["p"] = m{"nodeType": "PageNode", "displayName": "p", "x": 1, "y": 2, "connections": m{}, "version": "1.0"}
	c.seed(trees+"Login", m{"_id": "Login", "entryNodeId": "p", "nodes": refs, "enabled": true, "staticNodes": m{}, "uiConfig": m{}})
}

// BenchmarkStart5000 starts a tenant of 5,000 journeys of eleven nodes and gets one
// answer of it.
func BenchmarkStart5000(b *testing.B) {
	for b.Loop() {
		g, err := sim.NewGroup(sim.Options{Key: testKey()})
		if err != nil {
			b.Fatal(err)
		}
		tenNodes(b, g)
		g.Scale(5000)
		rec := httptest.NewRecorder()
		g.Tenant("development").ServeHTTP(rec, httptest.NewRequest("GET", "/am/json/serverinfo/*", nil))
		if rec.Code != http.StatusOK {
			b.Fatal(rec.Code)
		}
		var mem runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&mem)
		b.ReportMetric(float64(mem.HeapAlloc)/(1<<20), "MB-heap")
		runtime.KeepAlive(g)
	}
}

// BenchmarkRequests compares the simulator with a handler that only answers: both
// behind a server on loopback, read by eight clients. The ratio is what a fake
// tenant costs beside an ideal one.
func BenchmarkRequests(b *testing.B) {
	g, err := sim.NewGroup(sim.Options{Key: testKey()})
	if err != nil {
		b.Fatal(err)
	}
	tenNodes(b, g)
	answer := []byte(`{"restartStatus":"ready","padding":"` + strings.Repeat("x", 2048) + `"}`)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
	token := ""
	perSecond := map[string]float64{}
	for _, c := range []struct {
		name, path string
		handler    http.Handler
	}{{"bare", trees + "Login", bare}, {"sim", trees + "Login", g.Tenant("development")}} {
		b.Run(c.name, func(b *testing.B) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			if c.name == "sim" {
				one := &client{t: b, group: g, tenant: g.Tenant("development"), base: server.URL}
				one.login()
				token = one.token
			}
			transport := &http.Transport{MaxIdleConnsPerHost: 8}
			defer transport.CloseIdleConnections()
			b.ResetTimer()
			var wait sync.WaitGroup
			for worker := range 8 {
				wait.Go(func() {
					for i := worker; i < b.N; i += 8 {
						r, err := http.NewRequest("GET", server.URL+c.path, nil)
						if err != nil {
							b.Error(err)
							return
						}
						r.Header.Set("Authorization", "Bearer "+token)
						res, err := transport.RoundTrip(r)
						if err != nil {
							b.Error(err)
							return
						}
						drain(res)
						if res.StatusCode != http.StatusOK {
							b.Errorf("status %d", res.StatusCode)
							return
						}
					}
				})
			}
			wait.Wait()
			perSecond[c.name] = float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(perSecond[c.name], "req/s")
			if c.name == "sim" && perSecond["bare"] > 0 {
				b.ReportMetric(perSecond["sim"]/perSecond["bare"], "of-bare")
			}
		})
	}
}
