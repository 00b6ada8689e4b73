package placeholders_test

import (
	"fmt"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

func ExampleScan() {
	refs, err := placeholders.Scan("https://&{esv.host|&{fqdn}}/x")
	if err != nil {
		fmt.Println(err)
	}
	for _, r := range placeholders.All(refs) {
		fmt.Println(r.Kind, r.Name, r.Start, r.End)
	}
	// Output:
	// esv esv.host 8 27
	// property fqdn 19 26
}

func ExampleWrapper() {
	wrapper, value, _ := placeholders.Wrapper(map[string]any{"$int": "&{esv.port|389}"})
	text, missing, _ := placeholders.Expand(value, func(string) (string, bool) { return "", false })
	port, _ := placeholders.Coerce(wrapper, text)
	fmt.Println(port, len(missing), placeholders.FitsType(wrapper, "int"))
	// Output: 389 0 true
}

func ExampleScriptRefs() {
	src := "// a comment\nvar url = systemEnv.getProperty('esv.' + \"url\");\n"
	for _, r := range placeholders.ScriptRefs(src) {
		fmt.Println(r.ESV, r.Line, r.Column)
	}
	// Output: esv-url 2 11
}
