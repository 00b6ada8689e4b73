package placeholders

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestScriptRefs(t *testing.T) {
	tests := []struct {
		name, src, want string // per call: API initial, argument, ESV, flags
	}{
		{"none", `var x = 1;`, ""},
		{"AM", `var a = systemEnv.getProperty("esv.my.var");`, "s esv.my.var=esv-my-var"},
		{"IDM", `identityServer.getProperty('esv.x', "d", true)`, "i esv.x=esv-x default"},
		{"backtick", "systemEnv.getProperty(`esv.x`)", "s esv.x=esv-x"},
		{"spread out", "systemEnv\n  . /* c */ getProperty // c\n (\n'esv.x' ,\n)", "s esv.x=esv-x"},
		{"folded", `systemEnv.getProperty("esv." + 'a' + (".b"), null)`, "s esv.a.b=esv-a-b default"},
		{"escapes", `systemEnv.getProperty("\x65sv.\u0061\u{62}\
c")`, "s esv.abc=esv-abc"},
		{"no ESV", `systemEnv.getProperty("fqdn")`, "s fqdn="},
		{"slip", `systemEnv.getProperty("esv-x")`, "s esv-x="},
		{"dynamic", `systemEnv.getProperty(key.label || "esv.x")`, `s key.label || "esv.x"= dynamic`},
		{"dynamic half", `systemEnv.getProperty("esv." + env)`, `s "esv." + env= dynamic`},
		{"dynamic template", "systemEnv.getProperty(`esv.${env}`)", "s `esv.${env}`= dynamic"},
		{"dynamic GString", `systemEnv.getProperty("esv.$env")`, `s "esv.$env"= dynamic`},
		{"nested", `systemEnv.getProperty(systemEnv.getProperty('esv.a'))`, `s systemEnv.getProperty('esv.a')= dynamic; s esv.a=esv-a`},
		{"in template", "log(`a ${systemEnv.getProperty(\"esv.a\")} ${`${systemEnv.getProperty('esv.b')}`}`)", "s esv.a=esv-a; s esv.b=esv-b"},
		{"braces in template", "log(`${f({a:{}})} ${systemEnv.getProperty('esv.b')}`)", "s esv.b=esv-b"},
		{"line comment", "// systemEnv.getProperty('esv.x')\n", ""},
		{"block comment", "/* systemEnv.getProperty('esv.x') */", ""},
		{"in string", `log("systemEnv.getProperty('esv.x')")`, ""},
		{"in template text", "log(`systemEnv.getProperty('esv.x')`)", ""},
		{"in regex", `x.match(/systemEnv.getProperty("esv.x")/)`, ""},
		{"regex with quote", `if (a) /["'/]/.test(b); systemEnv.getProperty('esv.x')`, "s esv.x=esv-x"},
		{"regex after return", "return /`/g; systemEnv.getProperty('esv.x')", "s esv.x=esv-x"},
		{"division", `var a = b / c; var d = (e) / 2; systemEnv.getProperty('esv.x') / 3`, "s esv.x=esv-x"},
		{"unclosed string", "var s = 'it\nsystemEnv.getProperty('esv.x')", "s esv.x=esv-x"},
		{"unclosed call", "systemEnv.getProperty('esv.x'", "s esv.x=esv-x"},
		{"other object", `session.getProperty('esv.x'); foo.systemEnv.getProperty('esv.x')`, ""},
		{"global object", `this.systemEnv.getProperty('esv.x')`, "s esv.x=esv-x"},
		{"other method", `systemEnv.getPropertySet('esv.x'); mysystemEnv.getProperty('esv.x')`, ""},
		{"no argument", `systemEnv.getProperty()`, ""},
		{"reference only", `var f = systemEnv.getProperty; f("esv.x")`, ""},
		{"optional chaining", `systemEnv?.getProperty('esv.x')`, "s esv.x=esv-x"},
		{"brackets", `systemEnv["getProperty"]('esv.x')`, "s esv.x=esv-x"},
		{"Groovy command", `def a = systemEnv.getProperty "esv.x", "d"`, "s esv.x=esv-x default"},
		{"Groovy text block", "def s = '''it's\nsystemEnv.getProperty('esv.no')\n'''\nsystemEnv.getProperty('''esv.x''')", "s esv.x=esv-x"},
		{"shebang", "#!/usr/bin/groovy 'x\nsystemEnv.getProperty('esv.x')", "s esv.x=esv-x"},
	}
	for _, tt := range tests {
		var got []string
		for _, r := range ScriptRefs(tt.src) {
			s := fmt.Sprintf("%c %s=%s", r.API[0], r.Argument, r.ESV)
			if r.Dynamic {
				s += " dynamic"
			}
			if r.HasDefault {
				s += " default"
			}
			got = append(got, s)
		}
		if g := strings.Join(got, "; "); g != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, g, tt.want)
		}
	}
}

func TestScriptRefsPlaces(t *testing.T) {
	src := "é = systemEnv.getProperty('esv.a'); systemEnv.getProperty('esv.b')\r\n\r  systemEnv.getProperty('esv.c')\n"
	want := [][3]int{{5, 1, 5}, {37, 1, 37}, {72, 3, 3}}
	refs := ScriptRefs(src)
	if len(refs) != len(want) {
		t.Fatalf("got %d calls, want %d", len(refs), len(want))
	}
	for i, r := range refs {
		if got := [3]int{r.Offset, r.Line, r.Column}; got != want[i] {
			t.Errorf("call %d is at %v, want %v", i, got, want[i])
		}
	}
}

// Scripts come in with pushes from others; none may keep a hook busy.
func TestScriptRefsTime(t *testing.T) {
	for _, unit := range []string{"systemEnv.getProperty(", "/[", "'''", "`${", "((", "/*", "systemEnv.getProperty('esv.x'+"} {
		start := time.Now()
		ScriptRefs("getProperty " + strings.Repeat(unit, 1<<16/len(unit)))
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("64 kB of %q took %v", unit, d)
		}
	}
}
