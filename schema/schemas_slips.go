package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// merge makes one finding of a required member that is missing and of another that has nearly its name.
func (v *shape) merge() {
	both := func(d Diagnostic) bool {
		return d.Key == v.r.Key && (d.Code == "schema-invalid" || d.Code == "schema-unknown-property") && v.absent[d.slip] && v.slips[d.slip]
	}
	v.c.found = slices.DeleteFunc(v.c.found, func(d Diagnostic) bool { return d.Code == "schema-invalid" && both(d) })
	for i := range v.c.found {
		d := &v.c.found[i]
		if both(*d) {
			d.Severity = Error
			d.Message += fmt.Sprintf(", and %q is missing", lastSegment(d.slip))
		}
		d.slip = ""
	}
	clear(v.absent)
	clear(v.slips)
}

// almost reports a text that is nearly one of a schema's examples and none of them. Where others may be right
// as well, now or in the product's next release, a schema has examples rather than an enum.
func (v *shape) almost(list []*jsonschema.Schema, value, at string) {
	var examples []string
	for _, s := range list {
		for _, e := range s.Examples {
			if text, ok := e.(string); ok {
				examples = append(examples, text)
			}
		}
	}
	if len(examples) == 0 || slices.Contains(examples, value) || placeholders.Has(value) || v.perTenant(value) {
		return
	}
	if near := nearest(value, examples); near != "" {
		d := v.c.report(v.r, at, "schema-invalid", fmt.Sprintf("%q is %q, which is no known value", lastSegment(at), value), fmt.Sprintf("Did you mean %q?\nKnown are %s.", near, strings.Join(examples, ", ")))
		d.Severity = Warning
	}
}

// nearest is Suggest for words of a choice, of which another case is a slip as well.
func nearest(word string, choice []string) string {
	if i := slices.IndexFunc(choice, func(c string) bool { return strings.EqualFold(c, word) }); i >= 0 {
		return choice[i]
	}
	return Suggest(word, choice)
}

// shorter finds the word of a fixed choice that another begins with: int for integer.
func shorter(word string, choice []string) string {
	if i := slices.IndexFunc(choice, func(c string) bool { return len(c) >= 3 && strings.HasPrefix(word, c) }); i >= 0 {
		return choice[i]
	}
	return ""
}
