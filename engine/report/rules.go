package report

import "github.com/lockstep-gitops/lockstep/schema"

// sarifRuleOf describes a code by the table that `lockstep explain` prints.
func sarifRuleOf(code string) sarifRule {
	rule := sarifRule{ID: code}
	info, ok := schema.CodeOf(code)
	if !ok {
		return rule
	}
	rule.Default = &sarifDefaults{sarifLevel(info.Severity)}
	if info.Summary != "" {
		rule.Short = &sarifMessage{info.Summary}
	}
	if info.Explain != "" {
		rule.Full, rule.Help = &sarifMessage{info.Summary}, &sarifMessage{info.Help()}
	}
	if info.Docs != "" {
		rule.Properties = &sarifRuleProperties{info.Docs}
	}
	return rule
}

// explained says whether `lockstep explain` knows the code.
func explained(code string) bool {
	_, ok := schema.CodeOf(code)
	return ok
}
