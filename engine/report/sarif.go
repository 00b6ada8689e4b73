package report

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// The parts of SARIF 2.1.0 (OASIS) that Lockstep uses.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string         `json:"id"`
		Short   *sarifMessage  `json:"shortDescription,omitempty"`
		Full    *sarifMessage  `json:"fullDescription,omitempty"`
		Help    *sarifMessage  `json:"help,omitempty"`
		Default *sarifDefaults `json:"defaultConfiguration,omitempty"`

		Properties *sarifRuleProperties `json:"properties,omitempty"`
	}
	sarifRuleProperties struct {
		Documentation string `json:"documentation"` // the sections of the vendor's documentation
	}
	sarifDefaults struct {
		Level string `json:"level"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifMessage      `json:"message"`
		Locations    []sarifLocation   `json:"locations,omitempty"`
		Related      []sarifLocation   `json:"relatedLocations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		ID       int            `json:"id,omitempty"`
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifMessage  `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI       string `json:"uri"`
		URIBaseID string `json:"uriBaseId"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifLogical struct {
		Name          string `json:"name"`
		QualifiedName string `json:"fullyQualifiedName"`
		Kind          string `json:"kind"`
	}
)

func sarifLevel(s schema.Severity) string {
	switch s {
	case schema.Error:
		return "error"
	case schema.Warning:
		return "warning"
	case schema.Info:
		return "note"
	default:
		return "none"
	}
}

func writeSARIF(w io.Writer, r *Report) error {
	name, version := "lockstep", ""
	if i := strings.LastIndexByte(r.Tool, ' '); i > 0 {
		name, version = r.Tool[:i], r.Tool[i+1:]
	}
	driver := sarifDriver{Name: name, Version: version, Rules: []sarifRule{}}
	index := map[string]int{}
	codes := map[string]bool{}
	for _, d := range r.Findings {
		codes[d.Code] = true
	}
	for i, code := range schema.SortedKeys(codes) {
		index[code] = i
		driver.Rules = append(driver.Rules, sarifRuleOf(code))
	}
	results := make([]sarifResult, 0, len(r.Findings))
	for _, d := range r.Findings {
		results = append(results, sarifResultOf(d, index[d.Code]))
	}
	return EncodeJSON(w, sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		// Columns count characters: the specification's default counts UTF-16 units.
		Runs: []sarifRun{{Tool: sarifTool{driver}, ColumnKind: "unicodeCodePoints", Results: results}},
	})
}

func sarifResultOf(d schema.Diagnostic, rule int) sarifResult {
	text := d.Message
	if d.Hint != "" {
		text += "\n" + d.Hint
	}
	res := sarifResult{RuleID: d.Code, RuleIndex: rule, Level: sarifLevel(d.Severity), Message: sarifMessage{text},
		Fingerprints: map[string]string{"lockstep/v1": fingerprint(d)}}
	var at sarifLocation
	at.Physical = sarifPlace(d.Pos)
	if d.Key != (schema.Key{}) {
		at.Logical = []sarifLogical{{Name: label(d.Key, d.Name), QualifiedName: d.Key.String() + d.Pointer, Kind: "resource"}}
	}
	// A finding without a place gets none: code scanners would show it at the head of some file.
	if at.Physical != nil || at.Logical != nil {
		res.Locations = []sarifLocation{at}
	}
	for i, rel := range d.Related {
		if p := sarifPlace(rel.Pos); p != nil {
			loc := sarifLocation{ID: i + 1, Physical: p}
			if rel.Text != "" {
				loc.Message = &sarifMessage{rel.Text}
			}
			res.Related = append(res.Related, loc)
		}
	}
	return res
}

func sarifPlace(p schema.Pos) *sarifPhysical {
	if p.IsZero() {
		return nil
	}
	out := &sarifPhysical{Artifact: sarifArtifact{escapePath(p.File), "%SRCROOT%"}}
	if p.Line > 0 {
		out.Region = &sarifRegion{p.Line, p.Column, p.EndLine, p.EndColumn}
	}
	return out
}

// fingerprint names a finding so that it is known again when it only moved to another line.
func fingerprint(d schema.Diagnostic) string {
	h := sha256.New()
	id := d.Key.String()
	if d.Key == (schema.Key{}) {
		id = d.Pos.File
	}
	for _, s := range []string{d.Code, id, d.Pointer, d.StableMessage()} {
		io.WriteString(h, s+"\x00") // a hash takes all
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// escapePath makes a slash-separated path a relative URI.
func escapePath(file string) string {
	var b strings.Builder
	for _, c := range []byte(file) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~/!$&'*+,;=@", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}
