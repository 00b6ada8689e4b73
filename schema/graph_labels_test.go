package schema_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

type graphLabel struct {
	Source         string   `json:"source"`
	Realm          string   `json:"realm"`
	Journey        string   `json:"journey"`
	InnerJourneys  []idName `json:"innerJourneys"`
	Scripts        []idName `json:"scripts"`
	EmailTemplates []idName `json:"emailTemplates"`
	Themes         []idName `json:"themes"`
	IDPs           []idName `json:"idps"`
	CustomNodes    []idName `json:"customNodeTypes"`
	SAML           []idName `json:"samlEntities"`
	Dangling       []struct {
		Target string `json:"target"`
	} `json:"danglingConnections"`
	Unreachable []string `json:"unreachableNodes"`
}

type idName struct {
	ID  string   `json:"id"`
	How []string `json:"how"`
}

// implied says that the journey itself does not name it: an empty filter means every provider of the
// realm, and a theme names the journeys that it is for.
func (n idName) implied() bool {
	return len(n.How) == 1 && (strings.HasPrefix(n.How[0], "every provider") || n.How[0] == "linkedTrees")
}

// TestJourneyGraphLabels holds what References and Validate say of journeys against the labels.
func TestJourneyGraphLabels(t *testing.T) {
	const root = "../../shared/corpus"
	data, err := os.ReadFile(root + "/labels-sample/journey-graph.json")
	if err != nil {
		t.Skipf("no labels at %s", root)
	}
	var labels struct{ Journeys []graphLabel }
	if err := json.Unmarshal(data, &labels); err != nil {
		t.Fatal(err)
	}
	sets := map[string]*schema.Set{}
	agree := 0
	for _, l := range labels.Journeys {
		set, ok := sets[l.Source]
		if !ok {
			if set, _, err = repo.LoadPath(filepath.Join(root, filepath.FromSlash(l.Source)), repo.Options{}); err != nil {
				t.Fatalf("%s: %v", l.Source, err)
			}
			sets[l.Source] = set
		}
		k := schema.Key{Type: "journey", Realm: strings.TrimPrefix(l.Realm, "/"), ID: l.Journey}
		r, ok := set.Get(k)
		if !ok {
			t.Errorf("%s: %v is not there", l.Source, k)
			continue
		}
		want, got := map[string]bool{}, map[string]bool{}
		for typ, list := range map[string][]idName{
			"journey": l.InnerJourneys, "script": l.Scripts, "email-template": l.EmailTemplates, "theme": l.Themes, "idp": l.IDPs,
		} {
			for _, x := range list {
				if !x.implied() {
					want[typ+" "+x.ID] = true
				}
			}
		}
		for _, x := range l.CustomNodes { // the labels have the service's name; its first version is the resource
			want["custom-node "+x.ID+"-1"] = true
		}
		for _, x := range l.SAML { // by entity id; of the hosted ones nodes have the alias only
			if slices.Contains(x.How, "remote") {
				want["saml-remote "+x.ID] = true
			}
		}
		for _, ref := range schema.ReferencesOf(set, r) {
			name := ref.To.ID
			if ref.Link != nil && ref.Link.ByName {
				name = ref.Value
			}
			if ref.To.Type == "managed-object" {
				continue // whose identities they are: the labels leave them out
			}
			got[ref.To.Type+" "+name] = true
		}
		for _, d := range l.Dangling {
			want["dangling "+d.Target] = true
		}
		for _, id := range l.Unreachable {
			want["unreachable "+id] = true
		}
		for _, d := range schema.Validate(set, schema.Options{Only: func(o schema.Key) bool { return o == k }}) {
			switch d.Code {
			case "journey-dangling-connection", "journey-entry-missing":
				got["dangling "+schema.Str(r.Body, d.Pointer)] = true
			case "journey-unreachable-node":
				got["unreachable "+strings.TrimPrefix(d.Pointer, "/nodes/")] = true
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s %v (-label +found):\n%s", l.Source, k, d)
			continue
		}
		agree++
	}
	if agree == 0 {
		t.Fatal("no journeys")
	}
	t.Logf("%d of %d journeys", agree, len(labels.Journeys))
}
