package repo

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A snapshot says what it is of, so that what it does not hold is not taken for deleted:
//
//	{"lockstep": {"format": 1, "tenant": "https://…", "time": "…", "tool": "…",
//	  "types": ["cors", …], "realms": ["alpha"],
//	  "partial": {"alpha/script": "403 Forbidden: …"}, "unreadable": ["alpha/journey/Login"]}}
//
// types are those that were asked for, always named: one that the tool learns later is not in them. realms
// are left out when all were. partial and unreadable are left out when the snapshot is whole. It stands
// in the one file beside "resources", or in a folder as the file aboutFile.
const (
	aboutFile   = "snapshot.json"
	aboutMember = "lockstep"
)

// about is that description.
func about(s *schema.Set, meta SnapshotMeta) map[string]any {
	out := map[string]any{"format": snapshotFormat}
	for name, v := range map[string]string{"tenant": meta.Tenant, "tool": meta.Tool} {
		if v != "" {
			out[name] = v
		}
	}
	if !meta.Time.IsZero() {
		out["time"] = meta.Time.UTC().Format(time.RFC3339)
	}
	types := slices.Clone(s.Types)
	if types == nil {
		types = schema.TypeNames()
	}
	slices.Sort(types)
	out["types"] = anyStrings(types)
	if len(s.Realms) > 0 {
		out["realms"] = anyStrings(slices.Sorted(slices.Values(s.Realms)))
	}
	if len(s.Partial) > 0 {
		partial := map[string]any{}
		for _, p := range s.Partial {
			partial[p] = s.Why[p]
		}
		out["partial"] = partial
	}
	var broken []string
	for _, k := range s.Broken() {
		broken = append(broken, k.String())
	}
	if len(broken) > 0 {
		out["unreadable"] = anyStrings(broken)
	}
	return out
}

func anyStrings(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func stringsOf(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// readAbout takes a snapshot's description into account. Without one, the snapshot is of everything.
func (l *loader) readAbout(m map[string]any) {
	a, ok := m[aboutMember].(map[string]any)
	if !ok {
		return
	}
	l.types, l.realms = stringsOf(a["types"]), stringsOf(a["realms"])
	partial, _ := a["partial"].(map[string]any)
	for _, p := range schema.SortedKeys(partial) {
		if !slices.Contains(l.set.Partial, p) {
			l.set.Partial = append(l.set.Partial, p)
		}
		if l.set.Why == nil {
			l.set.Why = map[string]string{}
		}
		l.set.Why[p], _ = partial[p].(string)
	}
	slices.Sort(l.set.Partial)
	for _, name := range stringsOf(a["unreadable"]) {
		if k, ok := parseKey(name); ok {
			l.set.MarkBroken(k)
		}
	}
}

// parseKey is the inverse of schema.Key.String.
func parseKey(s string) (schema.Key, bool) {
	realm, rest, _ := strings.Cut(s, "/")
	typ, id, ok := strings.Cut(rest, "/")
	t, known := schema.TypeOf(typ)
	if !ok || !known {
		return schema.Key{}, false
	}
	if !t.Realm {
		realm = ""
	}
	return schema.Key{Type: typ, Realm: realm, ID: id}, true
}

// covered are the types or realms that were asked for here, of those that the source was asked for; nil means
// all on both sides. all are the ones there are; nil when that is not known.
func covered(asked, source, all []string) []string {
	missing := func(s string) bool { return !slices.Contains(source, s) }
	switch {
	case source == nil:
		return asked
	case asked == nil && all != nil && !slices.ContainsFunc(all, missing):
		return nil
	case asked == nil:
		return source
	}
	out := slices.DeleteFunc(slices.Clone(asked), missing)
	if len(out) == 0 {
		return []string{""} // nothing: an empty list would mean everything
	}
	return out
}

// isAbout says whether a file of a folder is its snapshot's description.
func isAbout(m map[string]any) bool {
	_, ok := m[aboutMember].(map[string]any)
	return ok && m["type"] == nil && m["resources"] == nil
}

// describe plans the description of a folder of flat files. It is written anew when something in the folder
// is, or when it says something else than when: a second export of an unchanged tenant changes nothing.
func (w *writer) describe(dir string, s *schema.Set, res *WriteResult, todo map[string][]byte) error {
	if w.layout != Flat || w.o.About == nil {
		return nil
	}
	now := about(s, *w.o.About)
	data, err := os.ReadFile(filepath.Join(dir, aboutFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write configuration: %w", err)
	}
	v, perr := schema.ParseJSON(data)
	was, _ := v.(map[string]any)
	if err == nil && perr == nil && isAbout(was) {
		old, _ := was[aboutMember].(map[string]any)
		if w.old.Len() > 0 {
			joinAbout(now, old, s)
		}
		then := maps.Clone(now)
		then["time"] = old["time"]
		text := schema.EncodeJSON(map[string]any{aboutMember: then})
		if len(todo)+len(res.Removed) == 0 && bytes.Equal(text, data) {
			res.Unchanged = append(res.Unchanged, aboutFile)
			return nil
		}
	}
	todo[aboutFile] = schema.EncodeJSON(map[string]any{aboutMember: now})
	res.Written = append(res.Written, aboutFile)
	slices.Sort(res.Written)
	return nil
}

// joinAbout makes the description of a folder into which only some types or realms were exported: what else
// it holds is as it was described.
func joinAbout(now, old map[string]any, s *schema.Set) {
	types, realms := stringsOf(now["types"]), stringsOf(now["realms"])
	oldTypes, oldRealms := stringsOf(old["types"]), stringsOf(old["realms"])
	sameRealms := slices.Equal(realms, oldRealms)
	within := func(list, of []string) bool {
		return of == nil || list != nil && !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(of, s) })
	}
	switch {
	case within(types, oldTypes) && within(realms, oldRealms):
		types, realms = oldTypes, oldRealms
	case sameRealms:
		types = append(types, oldTypes...)
	default:
		return // the one doesn't hold the other, and together they make no rectangle: only the new is sure
	}
	slices.Sort(types)
	now["types"] = anyStrings(slices.Compact(types))
	delete(now, "realms")
	if realms != nil {
		now["realms"] = anyStrings(realms)
	}
	keep := func(realm, typ string) bool { // what this export was not asked for
		return s.Types != nil && !slices.Contains(s.Types, typ) || realm != "" && len(s.Realms) > 0 && !slices.Contains(s.Realms, realm)
	}
	partial, _ := now["partial"].(map[string]any)
	before, _ := old["partial"].(map[string]any)
	for name, why := range before {
		realm, typ, ok := strings.Cut(name, "/")
		if !ok {
			realm, typ = "", name
		}
		if keep(realm, typ) {
			if partial == nil {
				partial = map[string]any{}
				now["partial"] = partial
			}
			partial[name] = why
		}
	}
	broken := stringsOf(now["unreadable"])
	for _, name := range stringsOf(old["unreadable"]) {
		if k, ok := parseKey(name); ok && keep(k.Realm, k.Type) {
			broken = append(broken, name)
		}
	}
	if slices.Sort(broken); len(broken) > 0 {
		now["unreadable"] = anyStrings(slices.Compact(broken))
	}
}

// SnapshotTime is when the snapshot in data was taken; zero when it does not say, or is none.
func SnapshotTime(data []byte, gz bool) time.Time {
	if gz {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return time.Time{}
		}
		if data, err = io.ReadAll(io.LimitReader(z, maxSource)); err != nil {
			return time.Time{}
		}
	}
	v, err := schema.ParseJSON(data)
	if err != nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, schema.Str(v, "/"+aboutMember+"/time"))
	if err != nil {
		return time.Time{}
	}
	return at
}
