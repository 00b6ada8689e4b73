package schema

import (
	"fmt"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// slip reports a script's getProperty call whose name was most likely meant to be an ESV's.
func (c *checker) slip(r *Resource, u ScriptUse) {
	if rest, ok := legacyName(u.Argument); ok {
		c.legacy(r, u.Pointer, u.Pos, u.Argument, rest)
		return
	}
	meant, ok := placeholders.MeantESV(u.Argument)
	if !ok {
		name := "esv-" + strings.ReplaceAll(u.Argument, ".", "-")
		if c.declared[name] == nil {
			return // a property of the platform
		}
		meant = placeholders.PlaceholderName(name)
	}
	c.reportAt(r, u.Pointer, u.Pos, "esv-name", fmt.Sprintf("the script reads %q, which is no ESV's name", u.Argument),
		fmt.Sprintf("Did you mean %q? Scripts read an ESV by its full name, with a dot for each dash.", meant))
}

// defaultOf reports a default that the value's type can't take.
func (c *checker) defaultOf(r *Resource, p Placeholder) {
	if p.Wrapper == "" || p.Default == nil || placeholders.Has(*p.Default) || p.NestedIn != "" || !p.Whole {
		return
	}
	if _, err := placeholders.Coerce(p.Wrapper, *p.Default); err != nil {
		_, why, found := strings.Cut(err.Error(), ": ")
		if !found {
			why = err.Error()
		}
		c.reportAt(r, p.Pointer, p.Pos, "esv-default", fmt.Sprintf("the default of %s can't be read as %s: it is %s", p.Name, strings.TrimPrefix(p.Wrapper, "$"), why),
			"Where the ESV is not set, the tenant has no value here. Correct the default, or the type.")
	}
}

// restricted reports a secret that only secret mappings may use.
func (c *checker) restricted(r *Resource, esv, pointer string, pos Pos, who string) {
	v := c.declared[esv]
	if v == nil || v.Body["useInPlaceholders"] != false {
		return
	}
	if at, ok := c.restrictedAt[esv]; ok && r.Key != (Key{}) {
		c.found[at].relate(pos, "here as well")
		return
	}
	d := c.reportAt(r, pointer, pos, "esv-restricted", fmt.Sprintf("%s %s, a secret that may be used in secret mappings only", who, esv),
		"It was created with useInPlaceholders false, which can't be changed. Map it to a secret ID, or create another secret without the restriction.")
	d.relate(v.Source.At("/useInPlaceholders"), "restricted here")
	if c.restrictedAt == nil {
		c.restrictedAt = map[string]int{}
	}
	c.restrictedAt[esv] = len(c.found) - 1
}

// alias reports a secret mapping that names a variable: only secrets can be mapped.
func (c *checker) alias(r *Resource, a Alias) {
	v := c.declared[a.ESV]
	if v == nil || typeRow(v.Type).API.Versioned {
		return
	}
	d := c.reportAt(r, a.Pointer, a.Pos, "esv-secret-use", fmt.Sprintf("a secret mapping names %s, which is a variable", a.ESV), "Only ESV secrets can be mapped to secret IDs. Create a secret.")
	d.relate(v.Source.At(""), "declared here")
}

// legacyName takes the prefix off a name from before the ESV API.
func legacyName(name string) (rest string, ok bool) {
	if len(name) > 5 && (strings.HasPrefix(name, "byos-") || strings.HasPrefix(name, "byos.")) {
		return name[5:], true
	}
	return "", false
}

func (c *checker) legacy(r *Resource, pointer string, pos Pos, name, rest string) {
	rest = strings.TrimRight(rest, "}")
	c.reportAt(r, pointer, pos, "esv-legacy-name", fmt.Sprintf("%s is a name from before the ESV API", name),
		fmt.Sprintf("The tenant may know it as esv-%s as well: use that name, which can be read and set by the API.", strings.ReplaceAll(rest, ".", "-")))
}

// deletedESV reports a reference to an ESV that the base declares and the change takes away.
func (c *checker) deletedESV(ref ESVReference) bool {
	if !c.base[ref.ESV] {
		return false
	}
	r, ok := c.set.Get(ref.Key)
	if !ok {
		r = &Resource{Source: &Source{}}
	}
	c.reportAt(r, ref.Pointer, ref.Pos, "esv-deleted", ref.ESV+" is deleted and still referenced here",
		"The tenant refuses to delete an ESV that configuration or a script refers to, also one that no journey uses. Take the reference out first.")
	return true
}

var mention = lazily(`esv[.-][a-z0-9._-]+`)

// findMentioned lists all names of ESVs that stand anywhere: what a dynamic getProperty builds out of
// constants counts as used.
func (k *known) findMentioned() map[string]bool {
	mentions := map[string]bool{}
	for _, r := range k.all {
		noteMentions(r, mentions)
	}
	for _, o := range k.set.Others {
		if o.Value == nil {
			noteNames(string(o.File.Data), mentions)
			continue
		}
		eachString(o.Value, func(s string) {
			noteNames(s, mentions)
			if plain, ok := DecodeBase64(s); ok && len(s) > 40 {
				noteNames(plain, mentions)
			}
		})
	}
	return mentions
}

// mentionsOf lists the names of ESVs that a resource speaks of, but for its own declaration.
func mentionsOf(r *Resource) []any {
	mentions := map[string]bool{}
	noteMentions(r, mentions)
	var out []any
	for _, name := range SortedKeys(mentions) {
		out = append(out, name)
	}
	return out
}

func noteMentions(r *Resource, mentions map[string]bool) {
	if t, ok := TypeOf(r.Type); !ok || t.Class != PerEnvironment {
		eachString(r.Body, func(s string) { noteNames(s, mentions) })
	}
}

func noteNames(s string, mentions map[string]bool) {
	if !strings.Contains(s, "esv") {
		return
	}
	for _, name := range mention().FindAllString(s, -1) {
		mentions[strings.ReplaceAll(strings.TrimRight(name, "."), ".", "-")] = true
	}
}

func eachString(v any, f func(string)) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			f(k)
			eachString(e, f)
		}
	case []any:
		for _, e := range x {
			eachString(e, f)
		}
	case string:
		f(x)
	}
}

// checkUnused reports ESVs that nothing uses, where the set holds more than ESVs.
func checkUnused(c *checker, t *Type, r *Resource) {
	if t.Class != PerEnvironment || r.Source == nil || !c.whole || c.mentioned()[r.ID] {
		return
	}
	if placeholders.CheckESVName(r.ID) != nil {
		return // reported, and the name that was meant may be used
	}
	c.report(r, "/_id", "esv-unused", r.ID+" is declared and nothing refers to it",
		"If no other environment needs it, delete it. The tenant does so only when no script refers to it, not even one that no journey uses.")
}

// hasScripts says whether a set is a tenant's configuration rather than a part of it.
func hasScripts(s *Set) bool {
	return HoldsTenant(func(typ string) bool {
		for k := range s.byKey {
			if k.Type == typ {
				return true
			}
		}
		return false
	})
}

// checkDynamic reports ESVs in dynamic configuration, where nothing is substituted.
func checkDynamic(c *checker, t *Type, r *Resource) {
	if t.Class != Dynamic {
		return
	}
	for _, p := range c.scan(r).Placeholders {
		if p.Kind == placeholders.ESV {
			c.reportAt(r, p.Pointer, p.Pos, "placeholder-dynamic", fmt.Sprintf("%s stands in dynamic configuration, where nothing is put in its place", p.Raw),
				"Placeholders work in static configuration only. Write the value that this environment needs.")
		}
	}
}
