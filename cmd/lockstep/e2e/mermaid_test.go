//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mermaidVersion is what GitHub and GitLab draw charts with, or near it.
const mermaidVersion = "11"

// mermaid installs Mermaid from npm, once, and gives its bundle.
func mermaid(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "lockstep-e2e", "mermaid-"+mermaidVersion)
	bundle := filepath.Join(dir, "node_modules", "mermaid", "dist", "mermaid.min.js")
	if _, err := os.Stat(bundle); err == nil {
		return bundle
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		offline(t, "npm is not here, so Mermaid can't be installed")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if c := command(t, dir, os.Environ(), npm, "install", "--no-fund", "--no-audit", "--prefix", dir, "mermaid@"+mermaidVersion); c.code != 0 {
		offline(t, "npm can't install mermaid@%s:\n%s", mermaidVersion, c.output)
	}
	return bundle
}

// mermaidPage draws every chart with the settings that forges use, and writes down what came of it.
const mermaidPage = `<!doctype html><meta charset="utf-8"><body><pre id="seen"></pre><script src="mermaid.min.js"></script><script>
(async () => {
  mermaid.initialize({startOnLoad: false, securityLevel: "strict"});
  const seen = [];
  const charts = await (await fetch("charts.json")).json();
  for (const [i, c] of charts.entries()) {
    try {
      const {svg} = await mermaid.render("c" + i, c);
      const d = new DOMParser().parseFromString(svg, "text/html");
      seen.push({error: "", scripts: d.querySelectorAll("script, img, a[href^=javascript]").length, nodes: d.querySelectorAll("g.node").length,
        wires: d.querySelectorAll("g.edgePaths path").length, text: d.body.textContent});
    } catch (e) { seen.push({error: String(e)}); }
  }
  document.getElementById("seen").textContent = JSON.stringify(seen);
})();
</script>`

// TestMermaidInBrowser has Mermaid itself draw the charts: one that the program writes for a change, and one of
// a journey whose names are markup.
func TestMermaidInBrowser(t *testing.T) {
	t.Parallel()
	chromium, bundle := browser(t), mermaid(t)
	dir := t.TempDir()
	copyTree(t, filepath.Join(repository(t), "examples", "quickstart"), filepath.Join(dir, "before"))
	copyTree(t, filepath.Join(repository(t), "examples", "quickstart"), filepath.Join(dir, "after"))
	copyTree(t, filepath.Join(repository(t), "examples", "history", "2-change"), filepath.Join(dir, "after"))
	chart := func(args ...string) string {
		r := command(t, dir, nil, lockstep, append(append([]string{"graph"}, args...), "-q", "-o", "mermaid")...)
		if r.code != 0 {
			t.Fatalf("lockstep graph: exit code %d\n%s", r.code, r.output)
		}
		return r.output
	}
	charts := []string{chart("after/config", "alpha/Login", "--diff", "before/config"), chart("after/config", "alpha/ResetPassword")}
	nasty := filepath.Join(dir, "after", "config", "realms", "alpha", "journeys", "Login", "Login.json")
	text := strings.ReplaceAll(read(t, nasty), `"displayName": "`, `"displayName": "1. <script>alert(1)</script> <img src=x> end; %% \"'#[]{}()| `+"`")
	write(t, nasty, text)
	charts = append(charts, chart("after/config", "alpha/Login", "--diff", "before/config"))
	data, err := json.Marshal(charts)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, mermaidPage)
		case "/charts.json":
			_, _ = w.Write(data)
		case "/mermaid.min.js":
			http.ServeFile(w, r, bundle)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	r := command(t, dir, nil, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=30000", "--dump-dom", server.URL+"/")
	m := regexp.MustCompile(`(?s)<pre id="seen">(.+?)</pre>`).FindStringSubmatch(r.output)
	if r.code != 0 || m == nil {
		t.Fatalf("the browser shows nothing (exit code %d):\n%s", r.code, r.output)
	}
	var seen []struct {
		Error, Text           string
		Scripts, Nodes, Wires int
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &seen); err != nil || len(seen) != len(charts) {
		t.Fatalf("%v in %s", err, m[1])
	}
	wire := regexp.MustCompile(`(?m) (-->|==>|-\.->)`)
	node := regexp.MustCompile(`(?m)^  n\d+[\[({]`)
	for i, s := range seen {
		if s.Error != "" || s.Scripts > 0 || s.Nodes != len(node.FindAllString(charts[i], -1)) || s.Wires != len(wire.FindAllString(charts[i], -1)) {
			t.Errorf("chart %d: error %q, %d nodes, %d wires, %d elements that do something\n%s", i, s.Error, s.Nodes, s.Wires, s.Scripts, charts[i])
		}
	}
	if !strings.Contains(seen[0].Text, "Reset Expired Password") || !strings.Contains(seen[2].Text, "1. <script>alert(1)</script>") {
		t.Errorf("names are not as they are written: %q, %q", seen[0].Text, seen[2].Text)
	}
}
