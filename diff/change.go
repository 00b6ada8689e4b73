package diff

import (
	"encoding/json"
	"fmt"

	"github.com/wI2L/jsondiff"

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
	// Patch turns the normal form of Before into that of After. Secrets stand in it as keyed hashes.
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

// patch makes the operations between two normal forms.
func patch(before, after any) ([]Op, error) {
	b, a := schema.CompactJSON(before), schema.CompactJSON(after)
	ops, err := jsondiff.CompareJSON(b, a, jsondiff.UnmarshalFunc(decodeExactly), jsondiff.MarshalFunc(func(v any) ([]byte, error) { return schema.CompactJSON(v), nil }))
	if err != nil {
		return nil, fmt.Errorf("compare bodies: %w", err)
	}
	out := make([]Op, 0, len(ops))
	for _, op := range ops {
		o := Op{Op: op.Type, Path: op.Path, From: op.From}
		if op.Type == jsondiff.OperationAdd || op.Type == jsondiff.OperationReplace || op.Type == jsondiff.OperationTest {
			o.Value = schema.CompactJSON(op.Value)
		}
		out = append(out, o)
	}
	return out, nil
}

// decodeExactly keeps numbers as written: as floats, two long numbers that differ would be equal.
func decodeExactly(b []byte, v any) error {
	x, err := schema.ParseJSON(b)
	if err != nil {
		return err
	}
	p, ok := v.(*any)
	if !ok {
		return fmt.Errorf("decode into %T", v)
	}
	*p = x
	return nil
}
