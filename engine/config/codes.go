package config

import (
	"gopkg.in/yaml.v3"

	"github.com/lockstep-gitops/lockstep/schema"
)

// knownCode says whether a key of rules names a finding.
func (r *reader) knownCode(key *yaml.Node) bool {
	if _, ok := schema.CodeOf(key.Value); ok {
		return true
	}
	var names []string
	for _, c := range schema.Codes() {
		names = append(names, c.Name)
	}
	hint := "lockstep explain lists them"
	if near := schema.Suggest(key.Value, names); near != "" {
		hint = "Did you mean \"" + near + "\"?"
	}
	r.fail(key, "no rule is called \""+key.Value+"\"", hint)
	return false
}
