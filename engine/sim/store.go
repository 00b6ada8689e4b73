package sim

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// store keeps documents by canonical path. A canonical path has the long realm
// form, a version on every node, and its segments unescaped but for "/" and "%".
type store struct {
	docs     map[string]object
	children map[string]map[string]bool // parent path -> paths
	dirty    map[string]bool            // written or removed since the state was last saved
}

func newStore() *store {
	return &store{docs: map[string]object{}, children: map[string]map[string]bool{}, dirty: map[string]bool{}}
}

func (s *store) get(path string) (object, bool) {
	o, ok := s.docs[path]
	return o, ok
}

func (s *store) put(path string, o object) {
	if old, found := s.docs[path]; found && same(old, o) {
		return
	}
	s.docs[path] = o
	s.dirty[path] = true
	p := parent(path)
	if s.children[p] == nil {
		s.children[p] = map[string]bool{}
	}
	s.children[p][path] = true
}

func (s *store) remove(path string) {
	if _, found := s.docs[path]; !found {
		return
	}
	delete(s.docs, path)
	s.dirty[path] = true
	p := parent(path)
	delete(s.children[p], path)
	if len(s.children[p]) == 0 {
		delete(s.children, p)
	}
}

// in lists the paths right below a collection, sorted.
func (s *store) in(collection string) []string {
	return slices.Sorted(maps.Keys(s.children[collection]))
}

// under lists every path below prefix, at any depth, sorted.
func (s *store) under(prefix string) []string {
	var l []string
	for p := range s.docs {
		if strings.HasPrefix(p, prefix+"/") {
			l = append(l, p)
		}
	}
	slices.Sort(l)
	return l
}

func (s *store) paths() []string { return slices.Sorted(maps.Keys(s.docs)) }

func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return ""
	}
	return path[:i]
}

// last is the id a path ends in, unescaped.
func last(path string) string { return unescape(path[strings.LastIndexByte(path, '/')+1:]) }

func unescape(segment string) string {
	s, err := url.PathUnescape(segment)
	if err != nil {
		return segment
	}
	return s
}

func escape(segment string) string {
	return strings.ReplaceAll(strings.ReplaceAll(segment, "%", "%25"), "/", "%2F")
}

func join(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(escape(s))
	}
	return b.String()
}

// segments splits an escaped path; a slash at the end means nothing to AM.
func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	l := strings.Split(path, "/")
	for i := range l {
		l[i] = unescape(l[i])
	}
	return l
}
