package schema

import (
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// What the rules about one resource read of others. A check of a change that reads only part of the
// configuration asks here what else it must read.

// Outward is what rules about other resources read of this one, in a form that can be compared; "" when
// they read nothing, or what they like best: a journey that is active.
func Outward(r *Resource) string {
	t, row := typeRow(r.Type), checksOf(r.Type)
	if t == nil {
		return ""
	}
	var out []string
	if row.Inner != "" && r.Body["enabled"] == false {
		out = append(out, "disabled")
	}
	for _, m := range expectedMembers(r.Type) {
		out = append(out, Str(r.Body, m))
	}
	if t.Class == PerEnvironment {
		out = append(out, Str(r.Body, "/expressionType"), string(CompactJSON(r.Body["useInPlaceholders"])))
	}
	return strings.Join(out, "\n")
}

// expectedMembers are the members of a type that others' rows expect something of.
func expectedMembers(typ string) []string {
	var out []string
	for i := range checkRows {
		for _, x := range checkRows[i].Expects {
			for _, l := range typeRow(checkRows[i].Type).Links {
				if l.To == typ && !slices.Contains(out, x.Member) {
					out = append(out, x.Member)
				}
			}
		}
	}
	return out
}

// Company are the types that a rule about one resource of a type reads whole; nil for most.
func Company(typ string) []string {
	row, t := checksOf(typ), typeRow(typ)
	if t == nil {
		return nil
	}
	var out []string
	for i := range Types() {
		o := Types()[i]
		other := checksOf(o.Name)
		switch {
		case (row.Sender != "" || row.Email != nil) && (other.Sender != "" || other.Email != nil),
			row.OneDefault != "" && o == t,
			row.Relations && o == t,
			t.CORS != nil && o.CORS != nil:
			out = append(out, o.Name)
		}
	}
	return out
}

// Inner gives a function that lists the journeys that a journey of the set calls, sorted; nil for what is no
// journey.
func Inner(s *Set) func(*Resource) []Key {
	refs := newResolver(s)
	return func(r *Resource) []Key {
		code := checksOf(r.Type).Inner
		if code == "" {
			return nil
		}
		var out []Key
		for _, ref := range refs.of(r) {
			if ref.Code == code && !slices.Contains(out, ref.To) {
				out = append(out, ref.To)
			}
		}
		slices.SortFunc(out, Key.Compare)
		return out
	}
}

// NamesAFile says whether the resource's name is a file's name, which another may differ from only by case.
func NamesAFile(r *Resource) bool { return checksOf(r.Type).FileID }

// ESVsOf lists the ESVs whose declarations the rules about a resource ask for: those that it refers to, and
// those that it may have meant.
func ESVsOf(r *Resource) []string {
	names := map[string]bool{}
	scan := scanResource(r)
	for _, ref := range esvReferences(scan, r.Key, "") {
		names[ref.ESV] = true
	}
	for _, u := range scan.Slips {
		names["esv-"+strings.ReplaceAll(u.Argument, ".", "-")] = true
		if meant, ok := placeholders.MeantESV(u.Argument); ok {
			names[strings.ReplaceAll(meant, ".", "-")] = true
		}
	}
	delete(names, "")
	return SortedKeys(names)
}

// MentionedESVs are the names of ESVs that stand anywhere in a set, in whatever form, declarations aside.
func MentionedESVs(s *Set) map[string]bool { return newKnown(s, Options{}).mentioned() }

// HoldsTenant says whether a rule may take a type for the sign of a whole tenant's configuration: there are
// scripts and journeys.
func HoldsTenant(has func(typ string) bool) bool {
	scripts, journeys := false, false
	for _, t := range Types() {
		if t.Libraries || t.Journey {
			there := has(t.Name)
			scripts, journeys = scripts || t.Libraries && there, journeys || t.Journey && there
		}
	}
	return scripts && journeys
}
