package diff

import (
	"encoding/json"

	"github.com/lockstep-gitops/lockstep/schema"
)

// An Action is what a change does to a resource.
type Action string

// The actions.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// An Op is one operation of an RFC 6902 patch.
type Op struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	From  string          `json:"from,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
}

// A Change turns one resource of the live set into the wanted one.
type Change struct {
	schema.Key
	Name   string // what people call it
	Action Action
	Class  schema.Class
	// Before and After are as read; nil where there is none.
	Before, After *schema.Resource
	// Patch turns the body of Before, as it was read (the "body" of a file in the flat layout), into one
	// that means the same as that of After: what is no difference stays as it was. A value that is secret
	// stands in it as a keyed hash. A creation's adds the normal form of After as a whole; a deletion's
	// removes the whole.
	Patch []Op
	// Items say the same to people.
	Items []Item
}

// Label names the resource: realm/type/name.
func (c *Change) Label() string {
	return schema.Key{Type: c.Type, Realm: c.Realm, ID: c.Name}.String()
}

// Cosmetic says that only the look of a journey's canvas changes.
func (c *Change) Cosmetic() bool {
	if c.Action != Update || len(c.Items) == 0 {
		return false
	}
	for _, i := range c.Items {
		if !i.Minor {
			return false
		}
	}
	return true
}

// An Item is one line about a change, with a text below it where the text of a script changed.
type Item struct {
	Kind    string   // "+" added, "-" removed, "~" changed, "·" of no consequence
	Subject string   // what: a node's name, a property
	Detail  string   // how: "outcome FALSE: Failure → Retry Limit Decision"
	Text    []string // lines of a unified diff, without file header
	Minor   bool     // folded away unless all is asked for
	Pointer string   // where in the body; empty when the item is about several places
}
