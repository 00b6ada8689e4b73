package schema_test

import (
	"testing"

	"github.com/lockstep-gitops/lockstep/schema"
)

func TestProductDefault(t *testing.T) {
	google := schema.Key{Type: "script", Realm: "alpha", ID: "58d29080-4563-480b-89bb-1e7719776a21"}
	r, ok := schema.ProductDefault(google)
	if !ok || r.Name() != "Google Profile Normalization" || r.Key != google {
		t.Errorf("got %v, %v", r, ok)
	}
	set := schema.NewSet("test")
	set.Add(r)
	if diags := schema.Validate(set, schema.Options{}); len(diags) != 0 {
		t.Errorf("it has findings: %v", diags)
	}
	if typ, _ := schema.TypeOf(r.Type); !typ.IsProtected(r) {
		t.Error("it could be deleted")
	}
	for _, k := range []schema.Key{{Type: "script", Realm: "alpha", ID: "mine"}, {Type: "journey", Realm: "alpha", ID: google.ID}} {
		if r, ok := schema.ProductDefault(k); ok {
			t.Errorf("%s is none, got %v", k, r)
		}
	}
}
