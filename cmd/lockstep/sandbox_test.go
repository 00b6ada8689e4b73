package main

import (
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/examples"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A real tenant has what its configuration refers to; the peers' clients fail where the sandbox has not.
func TestSandboxHasWhatTenantsHave(t *testing.T) {
	set, _, err := repo.Load(examples.Quickstart(), ".", repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for _, d := range sandboxDocuments(set) {
		if paths[d.Path] {
			t.Errorf("%s is there twice", d.Path)
		}
		paths[d.Path] = true
	}
	brought := 0
	for _, ref := range schema.References(set) {
		typ, ok := schema.TypeOf(ref.To.Type)
		if !ok || !typ.Libraries || !ref.Found {
			continue
		}
		if !set.Knows(ref.To) {
			brought++
		}
		if p := strings.NewReplacer("{realm}", ref.To.Realm, "{id}", ref.To.ID).Replace(typ.API.Path); !paths[p] {
			t.Errorf("%s, which %s names, is not there", ref.To, ref.From)
		}
	}
	if brought == 0 {
		t.Error("the quickstart names no script of the product's; this test needs one that does")
	}
	if !paths["/openidm/config/sync"] || !paths["/am/json/realms/root/realms/alpha/realm-config/authentication"] {
		t.Error("the mappings or the realm's authentication settings are not there")
	}
}
