package schema_test

import (
	"testing"

	"github.com/lockstep-gitops/lockstep/schema"
)

// An agent's values stand in its file as {"inherited": false, "value": v} and in the resource as v.
func TestPlaceOfWrapped(t *testing.T) {
	f := &schema.File{Name: "a.json", Data: []byte(`{"core": {
 "uri": {"inherited": false, "value": "x &{esv.a}"},
 "list": {"inherited": false, "value": ["one", "two"]},
 "group": {"inherited": true, "value": 1},
 "none": {"inherited": false}
}}`)}
	src := schema.NewSource(schema.Part{File: f})
	for pointer, want := range map[string]string{
		"/core/uri": "a.json:2:39", "/core/list/1": "a.json:3:48", "/core/list": "a.json:3:40", "/core/group/value": "a.json:4:40",
		"/core/group/inherited": "a.json:4:25", "/core/none": "a.json:5:10", "/core/nowhere": "a.json:1:10", "/core": "a.json:1:10", "/core/list/9": "a.json:3:40",
	} {
		if got := src.At(pointer).String(); got != want {
			t.Errorf("%s: %s, not %s", pointer, got, want)
		}
	}
	if got := src.AtText("/core/uri", "x &{esv.a}", 2, 10).String(); got != "a.json:2:42" {
		t.Errorf("within the text: %s", got)
	}
}
