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
	"slices"
	"strings"
	"sync"
	"testing"
)

// browser finds Chromium, or installs it where that is allowed.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		offline(t, "there is no Chromium, and nobody who may install it with apt-get")
	}
	env := append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	for _, args := range [][]string{{"update", "-q"}, {"install", "-y", "-q", "--no-install-recommends", "chromium"}} {
		if r := command(t, t.TempDir(), env, apt, args...); r.code != 0 {
			offline(t, "apt-get %s failed:\n%s", strings.Join(args, " "), r.output)
		}
	}
	p, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("apt-get installed chromium, and it is not on the path")
	}
	return p
}

// probe shows the report in a frame and writes down what a person would see there: innerText leaves out what
// is not displayed. It looks again with everything unfolded, and in a narrow window.
const probe = `<!doctype html><meta charset="utf-8"><pre id="seen"></pre>
<iframe id="f" src="report.html" style="width:1200px;height:900px;border:0"></iframe>
<script>
const f = document.getElementById("f");
f.onload = () => {
  const w = f.contentWindow, d = f.contentDocument, seen = {};
  const wide = () => d.documentElement.scrollWidth - w.innerWidth;
  seen.title = d.title;
  seen.folded = d.body.innerText;
  seen.overWide = wide();
  d.querySelectorAll("details").forEach(e => e.open = true);
  seen.unfolded = d.body.innerText;
  f.style.width = "400px";
  seen.overNarrow = wide();
  document.getElementById("seen").textContent = JSON.stringify(seen);
};
</script>`

type seen struct {
	Title, Folded, Unfolded string
	OverWide, OverNarrow    int
}

func TestReportInBrowser(t *testing.T) {
	t.Parallel()
	chromium := browser(t)
	report := checkReport(t)
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch r.URL.Path {
		case "/probe.html":
			fmt.Fprint(w, probe)
		case "/report.html":
			fmt.Fprint(w, report)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	flags := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir(),
	}
	r := command(t, t.TempDir(), nil, chromium, append(slices.Clone(flags), "--virtual-time-budget=10000", "--dump-dom", server.URL+"/probe.html")...)
	for line := range strings.SplitSeq(r.output, "\n") {
		if strings.Contains(line, ":CONSOLE") && !strings.Contains(line, "favicon.ico") {
			t.Errorf("the browser's console says: %s", line)
		}
	}
	m := regexp.MustCompile(`(?s)<pre id="seen">(.+?)</pre>`).FindStringSubmatch(r.output)
	if r.code != 0 || m == nil {
		t.Fatalf("the browser shows nothing (exit code %d):\n%s", r.code, r.output)
	}
	var page seen
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &page); err != nil {
		t.Fatalf("%v in %s", err, m[1])
	}
	// The verdict first, without a click; the rest on demand.
	for _, want := range []string{"error", "encrypted-secret", "staging"} {
		if !strings.Contains(strings.ToLower(page.Folded), want) {
			t.Errorf("%q can't be seen at first in:\n%s", want, page.Folded)
		}
	}
	for _, want := range []string{"external.email.json", "esv-", "Check Username", "Login", "shop"} {
		if !strings.Contains(page.Unfolded, want) {
			t.Errorf("%q can't be seen at all in:\n%s", want, page.Unfolded)
		}
	}
	if page.Title == "" || page.OverWide > 0 || page.OverNarrow > 0 {
		t.Errorf("title %q; it is %d px too wide at 1200 px, %d px at 400 px", page.Title, page.OverWide, page.OverNarrow)
	}
	for _, p := range asked {
		if p != "/probe.html" && p != "/report.html" && p != "/favicon.ico" {
			t.Errorf("the report is not self-contained: it asks for %s", p)
		}
	}
	if dir := os.Getenv("LOCKSTEP_E2E_SCREENSHOTS"); dir != "" {
		for _, size := range []string{"1280,1600", "400,1600"} {
			shot := filepath.Join(dir, "report-"+strings.Replace(size, ",", "x", 1)+".png")
			command(t, t.TempDir(), nil, chromium, append(slices.Clone(flags), "--window-size="+size, "--screenshot="+shot, server.URL+"/report.html")...)
		}
	}
}

// checkReport makes the report of a change that brings an encrypted secret and an ESV that staging lacks.
func checkReport(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	examples := filepath.Join(repository(t), "examples")
	env := []string{"GIT_CONFIG_NOSYSTEM=1"}
	for _, name := range []string{"user.name=Ada", "user.email=ada@acme.example", "init.defaultBranch=main"} {
		i := len(env) / 2
		key, value, _ := strings.Cut(name, "=")
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, value))
	}
	env = append(env, "GIT_CONFIG_COUNT=3")
	git := func(args ...string) {
		if r := command(t, dir, env, "git", args...); r.code != 0 {
			t.Fatalf("git %s: %s", strings.Join(args, " "), r.output)
		}
	}
	copyTree(t, filepath.Join(examples, "quickstart"), dir)
	git("init", "-q")
	git("add", "-A")
	git("commit", "-q", "-m", "as it is")
	copyTree(t, filepath.Join(examples, "history", "2-change"), dir)
	git("add", "-A")
	git("commit", "-q", "-m", "change")
	// Nobody answers there: what is checked of an environment are its declarations in git.
	write(t, filepath.Join(dir, "lockstep.yaml"), `version: 1
config: {dir: config}
environments:
  staging: {url: "https://staging.example", role: staging, esvs: esvs/staging.yaml}
`)
	report := filepath.Join(dir, "report.html")
	r := command(t, dir, env, "sh", "-c", `"$0" check --base HEAD~1 --env staging -o html > "$1"`, lockstep, report)
	if r.code != 3 {
		t.Fatalf("lockstep check: exit code %d, want 3\n%s", r.code, r.output)
	}
	return read(t, report)
}
