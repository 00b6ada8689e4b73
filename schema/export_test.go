package schema

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

func TestExportSchemas(t *testing.T) {
	files, err := ExportSchemas(".schemas")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Errorf("only %d files", len(files))
	}
	compile := func(name string) *jsonschema.Schema {
		c := jsonschema.NewCompiler()
		if err := c.AddResource("lockstep:///x", strings.NewReader(string(files[name]))); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s, err := c.Compile("lockstep:///x")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return s
	}
	for name := range files {
		if strings.HasSuffix(name, ".schema.json") {
			compile(name)
		}
	}
	tests := []struct {
		file, body string
		ok         bool
	}{
		{"email-provider.schema.json", `{"port": 25}`, true},
		{"email-provider.schema.json", `{"port": {"$int": "&{esv.port|25}"}}`, true},
		{"email-provider.schema.json", `{"port": "&{esv.port}"}`, true},
		{"email-provider.schema.json", `{"port": "25"}`, false},
		{"email-provider.schema.json", `{"port": {"$bool": "&{esv.port}"}}`, false},
		{"journey-node.schema.json", `{"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}`, true},
		{"journey-node.schema.json", `{"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOKC"}`, false},
		{"journey-node.schema.json", `{"_type": {"_id": "BrandNewNode"}, "lockAction": "LOKC"}`, true},
		{"nodes/RetryLimitDecisionNode.schema.json", `{"_type": {"_id": "RetryLimitDecisionNode"}, "retryLimit": -1}`, false},
	}
	for _, tt := range tests {
		v := mustParse(t, []byte(tt.body))
		if err := compile(tt.file).Validate(v); (err == nil) != tt.ok {
			t.Errorf("%s %s: %v", tt.file, tt.body, err)
		}
	}
	settings := mustParse(t, files["settings.json"])
	found := false
	Walk(settings, func(_ string, v any) bool {
		found = found || v == "**/journeys/*/nodes/**/*.json"
		return true
	})
	if !found || !strings.Contains(string(files["settings.json"]), `"url": "./.schemas/script.schema.json"`) {
		t.Errorf("the mapping: %s", files["settings.json"])
	}
}
