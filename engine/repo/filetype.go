package repo

import (
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// TypesOfFile names the types whose resources a file of fr-config-manager's tree holds, by the end of its path:
// where in a repository the tree lies need not be known. A journey's node files are of no type of their own.
func TypesOfFile(name string) []*schema.Type {
	segs := strings.Split(name, "/")
	for _, p := range frConfigPatterns() {
		if len(p.segs) > len(segs) {
			continue
		}
		if _, ok := p.match(segs[len(segs)-len(p.segs):]); ok {
			return p.types
		}
	}
	return nil
}

// UnorderedIn lists the patterns, into a file's document, of lists whose order means nothing.
func UnorderedIn(name string) []string {
	var out []string
	for _, t := range TypesOfFile(name) {
		for _, u := range t.Unordered {
			out = append(out, t.FrConfig.Member+u)
		}
	}
	slices.Sort(out)
	return out
}
