package schema

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

func itoa(n int) string { return strconv.Itoa(n) }

// An ESVReference is one place where configuration uses an ESV.
type ESVReference struct {
	ESV     string // "esv-my-var"; empty when the name is known only when the script runs
	Kind    string // placeholder, script or secret-mapping
	Wrapper string // of a placeholder: the coercing key around it ("$int"), empty for a bare string
	// Default is the text after a placeholder's "|"; nil when there is none.
	Default *string
	Dynamic bool // a script's call whose name is no constant
	Text    string
	Key     Key    // zero for a file of a kind that is not managed
	Name    string // the resource's name; the kind of an unmanaged file
	Pointer string
	Pos     Pos
}

// The kinds of an ESVReference.
const (
	FromPlaceholder   = "placeholder"
	FromScript        = "script"
	FromSecretMapping = "secret-mapping"
)

// ESVReferences lists all uses of ESVs in the set, in unmanaged files too, since a promotion checks
// the whole configuration. Sorted by file, place, key and pointer.
//
// Placeholders in the keys of objects are not looked for: the documentation substitutes values only.
// What an ESV's own declaration says is no use of it.
func ESVReferences(s *Set) []ESVReference {
	var refs []ESVReference
	for _, r := range s.All() {
		if t, ok := TypeOf(r.Type); ok && t.Class == PerEnvironment {
			continue
		}
		refs = append(refs, esvReferences(scanResource(r), r.Key, r.Name())...)
	}
	for _, o := range s.Others {
		refs = append(refs, esvReferences(scanOther(o), Key{}, o.Kind)...)
	}
	slices.SortStableFunc(refs, func(a, b ESVReference) int {
		return cmp.Or(comparePos(a.Pos, b.Pos), a.Key.Compare(b.Key), strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.ESV, b.ESV))
	})
	return refs
}

func comparePos(a, b Pos) int {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

func esvReferences(found Scanned, k Key, name string) []ESVReference {
	var refs []ESVReference
	for _, p := range found.Placeholders {
		if p.Kind == placeholders.ESV {
			refs = append(refs, ESVReference{
				ESV: p.ESV, Kind: FromPlaceholder, Wrapper: p.Wrapper, Default: p.Default, Text: p.Raw,
				Key: k, Name: name, Pointer: p.Pointer, Pos: p.Pos,
			})
		}
	}
	for _, u := range found.Scripts {
		refs = append(refs, ESVReference{
			ESV: u.ESV, Kind: FromScript, Dynamic: u.Dynamic, Text: u.Argument,
			Key: k, Name: name, Pointer: u.Pointer, Pos: u.Pos,
		})
	}
	for _, a := range found.Aliases {
		refs = append(refs, ESVReference{
			ESV: a.ESV, Kind: FromSecretMapping, Text: a.ESV, Key: k, Name: name, Pointer: a.Pointer, Pos: a.Pos,
		})
	}
	return refs
}

// MissingESVs returns the references to ESVs that an environment with those ESVs lacks.
//
// A placeholder with a default is not missing: "If no ESV is set, the default value is used instead",
// and only one that has neither stops a promotion (documentation, "Introduction to configuration
// placeholders"). A placeholder within a default counts by itself, since the documentation does not
// say that the check knows which default will be used. A script's call counts whatever its second
// argument is: the documentation makes the exception for placeholders only. A call whose name is not
// a constant can't be judged and is left out.
func MissingESVs(refs []ESVReference, have map[string]bool) []ESVReference {
	var missing []ESVReference
	for _, r := range refs {
		if r.ESV != "" && r.Default == nil && !have[r.ESV] {
			missing = append(missing, r)
		}
	}
	return missing
}

// Declared are the ESVs that the set itself declares.
func (s *Set) Declared() map[string]bool {
	declared := map[string]bool{}
	for k := range s.byKey {
		if t, ok := TypeOf(k.Type); ok && t.Class == PerEnvironment {
			declared[k.ID] = true
		}
	}
	for k := range s.broken {
		if t, ok := TypeOf(k.Type); ok && t.Class == PerEnvironment {
			declared[k.ID] = true
		}
	}
	return declared
}

// An EncryptedValue is a value that only the tenant that wrote it can decrypt; a promotion stops at it.
type EncryptedValue struct {
	Key     Key    // zero for a file of a kind that is not managed
	Name    string // the resource's name; the kind of an unmanaged file
	Pointer string // of the object that holds $crypto, of the string with it, of the "-encrypted" member
	Pos     Pos
	Form    string
	// Exempt: the value is an ESV's own (frodo exports an active value so). ESVs are never promoted,
	// so no promotion stops at it and no check may fail for it.
	Exempt bool
}

// EncryptedValues lists all encrypted values in the set, in unmanaged files too. Sorted as
// ESVReferences is.
func EncryptedValues(s *Set) []EncryptedValue {
	var all []EncryptedValue
	add := func(found []EncryptedValue, k Key, name string, exempt bool) {
		for _, e := range found {
			e.Key, e.Name, e.Exempt = k, name, exempt
			all = append(all, e)
		}
	}
	for _, r := range s.All() {
		t, ok := TypeOf(r.Type)
		add(scanResource(r).Encrypted, r.Key, r.Name(), ok && t.Class == PerEnvironment)
	}
	for _, o := range s.Others {
		add(scanOther(o).Encrypted, Key{}, o.Kind, false)
	}
	slices.SortStableFunc(all, func(a, b EncryptedValue) int {
		return cmp.Or(comparePos(a.Pos, b.Pos), a.Key.Compare(b.Key), strings.Compare(a.Pointer, b.Pointer))
	})
	return all
}
