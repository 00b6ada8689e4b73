package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// codeQuality is one entry of GitLab's code quality report (docs.gitlab.com/ci/testing/code_quality, "Code Quality
// report format"): these members and no others.
type codeQuality struct {
	Description string              `json:"description"`
	CheckName   string              `json:"check_name"`
	Fingerprint string              `json:"fingerprint"`
	Severity    string              `json:"severity"` // info, minor, major, critical, blocker
	Location    codeQualityLocation `json:"location"`
}

type codeQualityLocation struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
	} `json:"lines"`
}

// writeCodeQuality writes the findings for a merge request's widget. A fingerprint has no line in it: a finding that
// only moved is the same one.
func writeCodeQuality(w io.Writer, r *Report) error {
	out := []codeQuality{}
	seen := map[string]int{}
	for _, d := range r.Findings {
		if d.Pos.IsZero() {
			continue // GitLab wants a file for each
		}
		id := strings.Join([]string{d.Code, d.Key.String(), d.Pointer, d.Pos.File, d.Message}, "\x00")
		seen[id]++
		sum := sha256.Sum256([]byte(id + strings.Repeat("+", seen[id]-1)))
		q := codeQuality{Description: clean(d.Message), CheckName: d.Code, Fingerprint: hex.EncodeToString(sum[:]), Severity: gitLabSeverity(d.Severity)}
		q.Location.Path, q.Location.Lines.Begin = d.Pos.File, max(d.Pos.Line, 1)
		out = append(out, q)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func gitLabSeverity(s schema.Severity) string {
	switch s {
	case schema.Error:
		return "critical"
	case schema.Warning:
		return "minor"
	default:
		return "info"
	}
}
