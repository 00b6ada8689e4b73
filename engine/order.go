package engine

import (
	"cmp"
	"slices"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// work is a change on its way to becoming steps.
type work struct {
	diff.Change
	needs map[schema.Key]bool // changed resources that must be there first
}

// ordered is one write in a safe order. stub marks the first of two writes of a resource whose full body
// refers to something that in turn needs the resource: a cycle, cut here and linked later.
type ordered struct {
	*work
	stub bool
}

// A sorter hands out work, one by one, so that what is needed comes first. It ends for every graph: each
// round takes an item out, or cuts at least one edge of a cycle.
type sorter struct {
	queue []*work
	byKey map[schema.Key]*work
	users map[schema.Key][]*work // by whom a key is needed
}

// newSorter takes the items in the order in which those come that may come next.
func newSorter(queue []*work) *sorter {
	s := &sorter{queue: queue, byKey: map[schema.Key]*work{}, users: map[schema.Key][]*work{}}
	for _, w := range queue {
		s.byKey[w.Key] = w
	}
	return s
}

func (s *sorter) need(from, to schema.Key) {
	if w := s.byKey[from]; w != nil && s.byKey[to] != nil && from != to && !w.needs[to] {
		w.needs[to] = true
		s.users[to] = append(s.users[to], w)
	}
}

// ready is the first item that needs nothing any more; nil when what is left stands in cycles.
func (s *sorter) ready() *work {
	if i := slices.IndexFunc(s.queue, func(w *work) bool { return len(w.needs) == 0 }); i >= 0 {
		return s.queue[i]
	}
	return nil
}

func (s *sorter) done(w *work) {
	for _, u := range s.users[w.Key] {
		delete(u.needs, w.Key)
	}
	delete(s.byKey, w.Key)
	s.queue = slices.DeleteFunc(s.queue, func(o *work) bool { return o == w })
}

// reach is all that w needs, directly or not.
func (s *sorter) reach(w *work) map[schema.Key]bool {
	seen := map[schema.Key]bool{}
	stack := []*work{w}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for k := range at.needs {
			if next := s.byKey[k]; next != nil && !seen[k] {
				seen[k] = true
				stack = append(stack, next)
			}
		}
	}
	return seen
}

// cycle is what needs itself, directly or not, and nothing outside: when nothing is ready, there is such a
// group. It gives the group's first item that fits the earliest of the wishes.
func (s *sorter) cycle(wishes ...func(*work) bool) *work {
	var group []*work
	for _, w := range s.queue {
		reached := s.reach(w)
		closed := true
		for k := range reached {
			if closed = s.reach(s.byKey[k])[w.Key]; !closed {
				break
			}
		}
		if closed {
			group = slices.DeleteFunc(slices.Clone(s.queue), func(o *work) bool { return !reached[o.Key] })
			break
		}
	}
	for _, fits := range wishes {
		if i := slices.IndexFunc(group, fits); i >= 0 {
			return group[i]
		}
	}
	return group[0]
}

// cut lets the others of w's cycles go before it. Who uses w without being in a cycle with it still waits
// for it: until w is whole, nobody may be sent there.
func (s *sorter) cut(w *work) {
	reached := s.reach(w)
	for _, u := range s.users[w.Key] {
		if reached[u.Key] {
			delete(u.needs, w.Key)
		}
	}
}

// orderWrites sorts creations and updates so that what is referred to comes first; among those that may
// come next, the table's order, realm and name decide. Cycles are cut: an existing resource may be
// referred to before it is updated; one that is new is created as a stub first.
func orderWrites(changes []diff.Change, refs []schema.Reference, esvs []schema.ESVReference) []ordered {
	var queue []*work
	for _, c := range changes {
		queue = append(queue, &work{Change: c, needs: map[schema.Key]bool{}})
	}
	slices.SortFunc(queue, compareWork)
	s := newSorter(queue)
	for _, r := range refs {
		if !r.Soft {
			s.need(r.From, r.To)
		}
	}
	for _, e := range esvs {
		s.need(e.Key, schema.Key{Type: "variable", ID: e.ESV})
		s.need(e.Key, schema.Key{Type: "secret", ID: e.ESV})
	}
	var out []ordered
	stubbed := map[schema.Key]bool{}
	for len(s.queue) > 0 {
		if w := s.ready(); w != nil {
			out = append(out, ordered{work: w})
			s.done(w)
			continue
		}
		// A cycle. What exists already can be referred to as it is; the stub of what is new can be.
		w := s.cycle(func(w *work) bool { return w.Action == diff.Update }, func(w *work) bool { return !stubbed[w.Key] && hasStub(w) })
		switch {
		case w.Action == diff.Update:
			s.cut(w)
		case !stubbed[w.Key] && hasStub(w):
			stubbed[w.Key] = true
			out = append(out, ordered{work: w, stub: true})
			s.cut(w)
		default:
			// Scripts that require each other: the tenant takes them in any order.
			out = append(out, ordered{work: w})
			s.done(w)
		}
	}
	return out
}

func hasStub(w *work) bool {
	t, ok := schema.TypeOf(w.Type)
	return ok && t.Stub != nil
}

func compareWork(a, b *work) int {
	return cmp.Or(cmp.Compare(rank(a.Type), rank(b.Type)), cmp.Compare(a.Realm, b.Realm), libraryFirst(a, b), cmp.Compare(a.Name, b.Name), a.Key.Compare(b.Key))
}

func rank(name string) int {
	t, ok := schema.TypeOf(name)
	if !ok {
		return -1
	}
	return t.Rank()
}

// libraryFirst puts what other resources of the type read from before them: the reference graph knows
// require(), this only keeps the list readable.
func libraryFirst(a, b *work) int {
	lib := func(w *work) int {
		if w.After != nil && schema.Str(w.After.Body, "/context") == "LIBRARY" {
			return 0
		}
		return 1
	}
	return cmp.Compare(lib(a), lib(b))
}

// orderDeletes puts what refers before what is referred to, the reverse of writing: an ESV goes after all
// that reads it, since the tenant refuses to delete one in use. Where resources refer to each other in a
// circle, one is first written without what it refers to: no step leaves a reference to what is gone.
func orderDeletes(changes []diff.Change, refs []schema.Reference, esvs []schema.ESVReference) []ordered {
	var queue []*work
	for _, c := range changes {
		queue = append(queue, &work{Change: c, needs: map[schema.Key]bool{}})
	}
	slices.SortFunc(queue, func(a, b *work) int {
		return cmp.Or(cmp.Compare(rank(b.Type), rank(a.Type)), a.Key.Compare(b.Key))
	})
	s := newSorter(queue)
	for _, r := range refs {
		s.need(r.To, r.From)
	}
	for _, e := range esvs {
		s.need(schema.Key{Type: "variable", ID: e.ESV}, e.Key)
		s.need(schema.Key{Type: "secret", ID: e.ESV}, e.Key)
	}
	var out []ordered
	stubbed := map[schema.Key]bool{}
	for len(s.queue) > 0 {
		w := s.ready()
		if w == nil {
			w = s.cycle(func(w *work) bool { return !stubbed[w.Key] && hasStub(w) })
			if !stubbed[w.Key] && hasStub(w) {
				stubbed[w.Key] = true
				out = append(out, ordered{work: w, stub: true})
				s.cut(w)
				continue
			}
		}
		out = append(out, ordered{work: w})
		s.done(w)
	}
	return out
}
