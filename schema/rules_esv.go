package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// MaxESVValue is the most bytes that an ESV's value may have (tenant-api, section 4).
const MaxESVValue = 65535

// checkContents looks at the placeholders, scripts and encrypted values in a resource. In an ESV's own
// declaration they mean nothing: it is never promoted.
func checkContents(c *checker, t *Type, r *Resource) {
	if t.Class != PerEnvironment {
		c.contents(r, c.scan(r))
	}
}

// contents reports on what was found in r.
func (c *checker) contents(r *Resource, found Scanned) {
	for _, f := range found.Faults {
		c.reportAt(r, f.Pointer, f.Pos, "placeholder-syntax", "a placeholder can't be read: "+f.Err.Msg,
			`A placeholder is written &{esv.my.name} or, with a default, &{esv.my.name|value}.`)
	}
	for _, p := range found.Placeholders {
		c.placeholder(r, p)
	}
	for _, e := range found.Encrypted {
		c.encrypted(r, e)
	}
	for _, u := range found.Slips {
		c.slip(r, u)
	}
	for _, u := range found.Scripts {
		c.restricted(r, u.ESV, u.Pointer, u.Pos, "the script reads")
	}
	for _, a := range found.Aliases {
		c.alias(r, a)
	}
	c.undeclared(r, esvReferences(found, r.Key, ""))
}

func (c *checker) placeholder(r *Resource, p Placeholder) {
	c.defaultOf(r, p)
	switch p.Kind {
	case placeholders.ESV:
		if err := placeholders.CheckESVName(p.ESV); err != nil {
			c.reportAt(r, p.Pointer, p.Pos, "esv-name", fmt.Sprintf("%s names no possible ESV: %v", p.Raw, err),
				"The tenant finds no value for it. In a placeholder, a dot stands for each dash of the ESV's name.")
			return
		}
		c.wrapper(r, p)
	case placeholders.Property:
		if rest, ok := legacyName(p.Name); ok {
			c.legacy(r, p.Pointer, p.Pos, p.Raw, rest)
		}
		if meant, ok := placeholders.MeantESV(p.Name); ok {
			c.reportAt(r, p.Pointer, p.Pos, "esv-name", fmt.Sprintf("%s is no reference to an ESV", p.Raw),
				fmt.Sprintf("Did you mean &{%s}? In a placeholder, a dot stands for each dash of the ESV's name.", meant))
		}
	}
}

// wrapper checks that the type that configuration asks for is the one the ESV is declared with.
func (c *checker) wrapper(r *Resource, p Placeholder) {
	v := c.declared[p.ESV]
	if v == nil || p.NestedIn != "" {
		return
	}
	c.restricted(r, p.ESV, p.Pointer, p.Pos, "configuration reads")
	if p.Wrapper == "" {
		return // a bare placeholder takes the ESV's own type
	}
	t := typeRow(v.Type)
	if t.API.Versioned { // a secret
		if !hasValue([]string{"$string", "$base64:decode", "$base64:encode"}, p.Wrapper) {
			d := c.reportAt(r, p.Pointer, p.Pos, "esv-secret-use",
				fmt.Sprintf("%s is a secret and is read as %s here", p.ESV, strings.TrimPrefix(p.Wrapper, "$")),
				"A secret is text. Use an ESV variable for what is no text: its expressionType tells what it is.")
			d.relate(v.Source.At(""), "declared here")
		}
		return
	}
	declared := Str(v.Body, "/expressionType")
	if declared != "" && !placeholders.FitsType(p.Wrapper, declared) && !c.misshapen(parentPointer(p.Pointer)) {
		d := c.reportAt(r, p.Pointer, p.Pos, "esv-type",
			fmt.Sprintf("%s is read as %s here and declared as %s", p.ESV, strings.TrimPrefix(p.Wrapper, "$"), declared),
			"The type in configuration must match the ESV's expressionType, which can't be changed: change the configuration, or delete the ESV and create it anew.")
		d.relate(v.Source.At("/expressionType"), "declared here")
	}
}

// misshapen says whether the schema has spoken of the value already: the wrapper is wrong here for any ESV.
func (c *checker) misshapen(pointer string) bool {
	return slices.ContainsFunc(c.found, func(d Diagnostic) bool { return d.Code == "schema-invalid" && d.Pointer == pointer })
}

// undeclared reports ESVs that nothing declares, each once a resource.
func (c *checker) undeclared(r *Resource, refs []ESVReference) {
	if !c.knowsESVs {
		return
	}
	at := map[string]int{}
	for _, ref := range MissingESVs(refs, c.esvs) {
		if c.deletedESV(ref) || placeholders.CheckESVName(ref.ESV) != nil {
			continue
		}
		if i, ok := at[ref.ESV]; ok {
			c.found[i].Related = append(c.found[i].Related, Related{Pos: ref.Pos, Text: ref.Text})
			continue
		}
		hint := "A promotion stops when the upper environment lacks it. Declare it, or give the placeholder a default."
		if near := c.nearESV(ref.ESV); near != "" {
			hint = fmt.Sprintf("Did you mean %s?\n%s", near, hint)
		}
		c.reportAt(r, ref.Pointer, ref.Pos, "esv-undeclared", ref.ESV+" is referenced and nothing declares it", hint)
		at[ref.ESV] = len(c.found) - 1
	}
}

// nearESV finds the ESV that was probably meant. The prefix that all have says nothing.
func (c *checker) nearESV(esv string) string {
	names := SortedKeys(c.esvs)
	for i, n := range names {
		names[i] = strings.TrimPrefix(n, "esv-")
	}
	near := Suggest(strings.TrimPrefix(esv, "esv-"), names)
	if near == "" {
		return ""
	}
	return "esv-" + near
}

// MissingDiagnostics makes findings of what MissingESVs found for an environment: one an ESV, at its
// first reference, with the others as related places.
func MissingDiagnostics(env string, missing []ESVReference) Diagnostics {
	byESV := map[string][]ESVReference{}
	for _, r := range missing {
		byESV[r.ESV] = append(byESV[r.ESV], r)
	}
	var out Diagnostics
	for _, esv := range SortedKeys(byESV) {
		refs := slices.Clone(byESV[esv])
		slices.SortStableFunc(refs, func(a, b ESVReference) int {
			return cmp.Or(comparePos(a.Pos, b.Pos), a.Key.Compare(b.Key), strings.Compare(a.Pointer, b.Pointer))
		})
		first := refs[0]
		d := Diagnostic{
			Code: "esv-missing", Severity: severityOf("esv-missing"), Key: first.Key, Pointer: first.Pointer, Pos: first.Pos,
			Message: fmt.Sprintf("%s is referenced and %s does not have it", esv, env),
			Hint: fmt.Sprintf("A promotion to %s would stop with \"Missing ESVs\". Create it: lockstep esv push --env %s --name %s",
				env, env, esv),
		}
		if first.Name != first.Key.ID && first.Key != (Key{}) {
			d.Name = first.Name
		}
		for _, r := range refs[1:] {
			text := r.Text
			if r.Pos.IsZero() {
				text = fmt.Sprintf("%s %s: %s", r.Key, r.Pointer, r.Text)
			}
			d.Related = append(d.Related, Related{Pos: r.Pos, Text: text})
		}
		out = append(out, d)
	}
	return out
}

// checkDeclaration checks an ESV's own declaration. No message shows its value.
func checkDeclaration(c *checker, t *Type, r *Resource) {
	if t.Class != PerEnvironment {
		return
	}
	if strings.TrimSpace(Str(r.Body, "/description")) == "" && r.Source != nil {
		c.report(r, "/description", "esv-description", r.ID+" has no description", "Say what it is for, so that whoever sets it in the next environment knows.")
	}
	if rest, ok := legacyName(r.ID); ok {
		c.legacy(r, "/_id", r.Source.At("/_id"), r.ID, rest)
	} else if err := placeholders.CheckESVName(r.ID); err != nil {
		c.report(r, "/_id", "esv-name", err.Error(), `A name is "esv-" and up to 124 of a-z, 0-9, "-" and "_".`)
	}
	value, at, ok := c.declaredValue(r)
	if !ok {
		return
	}
	if len(value) > MaxESVValue {
		c.report(r, at, "esv-value", fmt.Sprintf("the value has %d bytes, and %d are the most", len(value), MaxESVValue), "")
		return
	}
	wrapper, ok := valueWrappers()[Str(r.Body, "/expressionType")]
	if !ok {
		return
	}
	if _, err := placeholders.Coerce(wrapper, value); err != nil {
		_, why, _ := strings.Cut(err.Error(), ": ")
		c.report(r, at, "esv-value", fmt.Sprintf("the value is declared as %s and is %s", Str(r.Body, "/expressionType"), why),
			"Where configuration uses it, the tenant would get no value. Change the value, or declare another type under another name.")
	}
}

// valueWrappers are the coercions that a value of a type must withstand.
func valueWrappers() map[string]string {
	return map[string]string{"array": "$array", "bool": "$bool", "int": "$int", "number": "$number", "object": "$object", "base64encodedinlined": "$string"}
}

// declaredValue decodes the value that a file declares for an ESV, if it does.
func (c *checker) declaredValue(r *Resource) (value, pointer string, ok bool) {
	if coded, ok := r.Body["valueBase64"].(string); ok {
		if coded == "" || strings.Contains(coded, "${") || placeholders.Has(coded) {
			return "", "", false
		}
		plain, ok := DecodeBase64(coded)
		if t, _ := TypeOf(r.Type); !ok && !slices.Contains(t.Secret, "/valueBase64") { // else it is a plain-text secret
			c.report(r, "/valueBase64", "esv-value", "the value is not base64", `Encode it, or leave it to the environment: "${NAME}".`)
		}
		return plain, "/valueBase64", ok
	}
	switch v := r.Body["value"].(type) {
	case string:
		if strings.Contains(v, "${") {
			return "", "", false
		}
		return v, "/value", v != ""
	case json.Number:
		return v.String(), "/value", true
	case bool:
		return fmt.Sprint(v), "/value", true
	case map[string]any, []any:
		return string(CompactJSON(v)), "/value", true
	}
	return "", "", false
}
