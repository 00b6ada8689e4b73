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
// is not displayed. It looks again with everything unfolded, in a narrow window, after a search, at the
// texts of the pictures with the browser's own measures, and at all of it with scripts off.
const probe = `<!doctype html><meta charset="utf-8"><pre id="seen"></pre>
<iframe id="f" src="report.html" style="width:1200px;height:900px;border:0"></iframe>
<iframe id="g" sandbox="allow-same-origin" src="report.html" style="width:1200px;height:900px;border:0"></iframe>
<script>
const f = document.getElementById("f"), g = document.getElementById("g");
const loaded = e => new Promise(done => e.addEventListener("load", done));
Promise.all([loaded(f), loaded(g)]).then(() => {
  const w = f.contentWindow, d = f.contentDocument, seen = {};
  const wide = () => d.documentElement.scrollWidth - w.innerWidth;
  seen.title = d.title;
  seen.folded = d.body.innerText;
  seen.overWide = wide();
  d.querySelectorAll("details").forEach(e => e.open = true);
  seen.unfolded = d.body.innerText;
  // Pictures: every text within its card, none on another.
  seen.pictures = 0; seen.texts = 0; seen.outside = []; seen.overlaps = [];
  for (const svg of d.querySelectorAll(".merged svg.lp")) {
    seen.pictures++;
    const texts = [...svg.querySelectorAll("text")].map(e => [e, e.getBBox()]);
    seen.texts += texts.length;
    texts.forEach(([e, b], i) => {
      const card = e.closest(".lp-n") && e.closest(".lp-n").querySelector("rect.lp-card, rect.lp-ok, rect.lp-no");
      if (card) {
        const c = card.getBBox();
        if (b.x < c.x - 1 || b.x + b.width > c.x + c.width + 2 || b.y < c.y - 2 || b.y + b.height > c.y + c.height + 6) seen.outside.push(e.textContent);
      }
      for (const [o, q] of texts.slice(i + 1))
        if (b.x < q.x + q.width && q.x < b.x + b.width && b.y + 2 < q.y + q.height - 2 && q.y + 2 < b.y + b.height - 2) seen.overlaps.push(e.textContent + " / " + o.textContent);
    });
  }
  // Before and after, without a script: a radio button shows it.
  const radio = d.querySelector(".shot input:nth-of-type(2)");
  seen.sidesBefore = !!radio && w.getComputedStyle(d.querySelector(".sides")).display !== "none";
  if (radio) radio.checked = true;
  seen.sidesAfter = !!radio && w.getComputedStyle(d.querySelector(".sides")).display !== "none";
  // Search and filter.
  const q = d.getElementById("q");
  d.dispatchEvent(new w.KeyboardEvent("keydown", {key: "/", bubbles: true}));
  seen.slash = d.activeElement === q;
  q.value = "journey login"; q.dispatchEvent(new w.Event("input"));
  const shown = () => [...d.querySelectorAll("[data-item]")].filter(e => !e.hidden);
  seen.found = shown().map(e => e.innerText.split("\n")[0]);
  q.value = ""; q.dispatchEvent(new w.Event("input"));
  const errors = d.querySelector("[data-kind=error]");
  errors.click();
  seen.onlyErrors = shown().length > 0 && shown().every(e => e.dataset.item === "error");
  errors.click();
  seen.all = shown().length === d.querySelectorAll("[data-item]").length;
  f.style.width = "400px";
  seen.overNarrow = wide();
  const off = g.contentDocument;
  seen.offTools = off.getElementById("tools").hidden;
  seen.off = off.body.innerText;
  document.getElementById("seen").textContent = JSON.stringify(seen);
});
</script>`

type seen struct {
	Title, Folded, Unfolded, Off                              string
	OverWide, OverNarrow, Pictures, Texts                     int
	Outside, Overlaps, Found                                  []string
	SidesBefore, SidesAfter, Slash, OnlyErrors, All, OffTools bool
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
		if strings.Contains(line, ":CONSOLE") && !strings.Contains(line, "favicon.ico") && !strings.Contains(line, "frame is sandboxed") {
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
	if page.Pictures == 0 || page.Texts < 10 || len(page.Outside) > 0 || len(page.Overlaps) > 0 {
		t.Errorf("%d pictures with %d texts; outside of their cards: %q; on each other: %q", page.Pictures, page.Texts, page.Outside, page.Overlaps)
	}
	if page.SidesBefore || !page.SidesAfter {
		t.Errorf("before and after is shown at first: %t, when asked for: %t", page.SidesBefore, page.SidesAfter)
	}
	if !page.Slash || !page.OnlyErrors || !page.All || len(page.Found) == 0 || !strings.Contains(strings.Join(page.Found, " "), "alpha/journey/Login") {
		t.Errorf("search: / goes there %t, finds %q; the filter leaves errors only %t, and gives all back %t", page.Slash, page.Found, page.OnlyErrors, page.All)
	}
	if !page.OffTools || !strings.Contains(page.Off, "encrypted-secret") || !strings.Contains(page.Off, "alpha/journey/Login") || !strings.Contains(page.Off, "Identity Store Decision") {
		t.Errorf("with scripts off, the tools are hidden %t, and the page says\n%s", page.OffTools, page.Off)
	}
	for _, p := range asked {
		if p != "/probe.html" && p != "/report.html" && p != "/favicon.ico" {
			t.Errorf("the report is not self-contained: it asks for %s", p)
		}
	}
	if dir := os.Getenv("LOCKSTEP_E2E_SCREENSHOTS"); dir != "" {
		// Print's rules apply on paper only; a copy has them on the screen.
		paper := strings.ReplaceAll(report, "@media print", "@media all")
		write(t, filepath.Join(dir, "paper.html"), paper)
		for name, args := range map[string][]string{
			"desktop": {"--window-size=1280,2400"}, "mobile": {"--window-size=400,3200"}, "dark": {"--window-size=1280,2400", "--blink-settings=preferredColorScheme=0"},
		} {
			shot := filepath.Join(dir, "report-"+name+".png")
			command(t, t.TempDir(), nil, chromium, append(append(slices.Clone(flags), args...), "--screenshot="+shot, server.URL+"/report.html")...)
		}
		command(t, t.TempDir(), nil, chromium, append(slices.Clone(flags), "--window-size=800,3600", "--screenshot="+filepath.Join(dir, "report-print.png"), "file://"+filepath.Join(dir, "paper.html"))...)
		command(t, t.TempDir(), nil, chromium, append(slices.Clone(flags), "--no-pdf-header-footer", "--print-to-pdf="+filepath.Join(dir, "report.pdf"), server.URL+"/report.html")...)
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
