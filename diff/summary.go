package diff

import (
	"cmp"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Counts are numbers of changes by action.
type Counts struct {
	Create int `json:"create"`
	Update int `json:"update"`
	Delete int `json:"delete"`
}

// Total is the number of changes.
func (c Counts) Total() int { return c.Create + c.Update + c.Delete }

func (c *Counts) count(a Action) {
	switch a {
	case Create:
		c.Create++
	case Update:
		c.Update++
	case Delete:
		c.Delete++
	}
}

// Summary counts changes by action, and the same for each type, realm and class that has any; "global" is
// what belongs to the whole tenant.
type Summary struct {
	Create  int                     `json:"create"`
	Update  int                     `json:"update"`
	Delete  int                     `json:"delete"`
	ByType  map[string]Counts       `json:"byType,omitempty"`
	ByRealm map[string]Counts       `json:"byRealm,omitempty"`
	ByClass map[schema.Class]Counts `json:"byClass,omitempty"`
}

// Summarize counts changes.
func Summarize(changes []Change) Summary {
	var s Summary
	var all Counts
	for _, c := range changes {
		all.count(c.Action)
		add(&s.ByType, c.Type, c.Action)
		add(&s.ByRealm, cmp.Or(c.Realm, "global"), c.Action)
		add(&s.ByClass, c.Class, c.Action)
	}
	s.Create, s.Update, s.Delete = all.Create, all.Update, all.Delete
	return s
}

func add[K comparable](m *map[K]Counts, k K, a Action) {
	if *m == nil {
		*m = map[K]Counts{}
	}
	c := (*m)[k]
	c.count(a)
	(*m)[k] = c
}
