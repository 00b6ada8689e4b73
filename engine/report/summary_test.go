package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// TestLongTextsAreBoundedAloud: a text longer than a screenful is cut, and the line that says so counts what
// is missing. --all and the page's fold show more.
func TestLongTextsAreBoundedAloud(t *testing.T) {
	text := func(n int) *Report {
		lines := make([]string, n)
		for i := range lines {
			lines[i] = fmt.Sprintf("+line %d", i+1)
		}
		k := schema.Key{Type: "script", Realm: "alpha", ID: "s"}
		return &Report{Compared: true, Changes: []ChangeView{{Change: diff.Change{Key: k, Name: "S", Action: diff.Update, Items: []diff.Item{script(lines...)}}}}}
	}
	for _, c := range []struct {
		format Format
		all    bool
		lines  int
		last   int // the last line that is shown
		says   string
	}{
		{Text, false, maxText + 1, maxText + 1, ""},
		{Text, false, maxText + 512, maxText, "… 512 more lines; --all shows them, -o json has all"},
		{Text, true, maxText + 512, maxText + 512, ""},
		{HTML, false, maxHTMLText + 1001, maxHTMLText, "… 1,001 more lines; -o json has all"},
	} {
		var b bytes.Buffer
		if err := Write(&b, c.format, text(c.lines), Options{All: c.all}); err != nil {
			t.Fatal(err)
		}
		got := strings.NewReplacer("&#43;", "+", "<", "\n<").Replace(b.String())
		if !strings.Contains(got, fmt.Sprintf("+line %d\n", c.last)) || c.last < c.lines && strings.Contains(got, fmt.Sprintf("+line %d\n", c.last+1)) {
			t.Errorf("%s of %d lines does not end with line %d", c.format, c.lines, c.last)
		}
		if c.says == "" && strings.Contains(got, "more lines") || !strings.Contains(got, c.says) {
			t.Errorf("%s of %d lines does not say %q", c.format, c.lines, c.says)
		}
	}
}

// TestTotals: one kind of change needs no breakdown; the largest part comes first.
func TestTotals(t *testing.T) {
	change := func(typ, realm string, a diff.Action) diff.Change {
		return diff.Change{Key: schema.Key{Type: typ, Realm: realm, ID: "x"}, Action: a, Class: schema.Static}
	}
	if got := totals(diff.Summarize([]diff.Change{change("script", "alpha", diff.Create)})); got != nil {
		t.Errorf("one change is broken down: %v", got)
	}
	got := totals(diff.Summarize([]diff.Change{
		change("script", "alpha", diff.Create), change("theme", "alpha", diff.Update), change("theme", "bravo", diff.Delete), change("cors", "", diff.Update),
	}))
	var lines []string
	for _, l := range got {
		lines = append(lines, l.By+": "+l.text())
	}
	want := "type: theme ~1 -1 · cors ~1 · script +1\nrealm: alpha +1 ~1 · bravo -1 · global ~1\nclass: static +1 ~2 -1"
	if strings.Join(lines, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), want)
	}
}

// TestLongDriftIsBoundedAloud: a tenant that is far from git fills no more than some screens, and the line that
// says so counts the rest.
func TestLongDriftIsBoundedAloud(t *testing.T) {
	v := DriftView{Environment: "prod"}
	for i := range maxDrift + 12 {
		typ := "script"
		if i%3 == 0 {
			typ = "journey"
		}
		k := schema.Key{Type: typ, Realm: "alpha", ID: fmt.Sprint("r", i)}
		v.Items = append(v.Items, DriftItem{Label: k.String(), Key: k, Text: "only the tenant has it"})
	}
	for all, says := range map[bool]string{
		false: "… 12 more differences, script 8, journey 4; --all shows them, -o json has all",
		true:  fmt.Sprintf("alpha/script/r%d", maxDrift+11),
	} {
		var b bytes.Buffer
		if err := Write(&b, Text, &Report{Drift: []DriftView{v}}, Options{All: all}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), says) {
			t.Errorf("all %t: %q is not in:\n%s", all, says, b.String())
		}
	}
}

// TestLongPlanIsCounted: more steps than a screen takes are counted by type, realm and class as well.
func TestLongPlanIsCounted(t *testing.T) {
	v := &PlanView{Environment: "dev", Summary: diff.Summary{
		Create: screen, Update: 1, ByType: map[string]diff.Counts{"script": {Create: screen}, "journey": {Update: 1}},
	}}
	for _, more := range []bool{false, true} {
		for len(v.Steps) < screen || more && len(v.Steps) == screen {
			v.Steps = append(v.Steps, PlanStep{Number: len(v.Steps) + 1, Kind: "script", Name: "alpha/s", Text: "create"})
		}
		var b bytes.Buffer
		if err := Write(&b, Text, &Report{Plan: v}, Options{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), "by type   script +20 · journey ~1"); got != more {
			t.Errorf("%d steps:\n%s", len(v.Steps), b.String())
		}
	}
}
