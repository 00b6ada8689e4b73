package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// whyForeign says why a live resource can't be what a step left behind that was cut off: neither what was there
// before, nor what the step writes, nor, of a journey, something in between. Somebody wrote it since, and it is
// not ours to write over. "" when it can be. A secret's value can't be told apart: nobody can read it.
func (r *run) whyForeign(ctx context.Context, s Step, live *schema.Resource) (string, error) {
	old, _, kept, err := r.j.Kept(s.Number)
	if err != nil || !kept {
		return "", err
	}
	t, _ := schema.TypeOf(s.Key.Type)
	if live == nil {
		if s.Action == diff.Delete || old == nil {
			return "", nil
		}
		return "is gone since the run was cut off", nil
	}
	was := normal(t, old)
	if t.API.Versioned || bytes.Equal(schema.CompactJSON(was), schema.CompactJSON(normal(t, live))) {
		return "", nil
	}
	var want map[string]any
	if s.Action != diff.Delete {
		body, err := r.body(ctx, s)
		if err != nil {
			return "", err
		}
		want = diff.Normalize(t, body)
	}
	if between(t, was, want, normal(t, live)) {
		return "", nil
	}
	return "was changed" + byWhom(live) + " after the run was cut off", nil
}

func normal(t *schema.Type, r *schema.Resource) map[string]any {
	if r == nil {
		return nil
	}
	return diff.Normalize(t, r.Body)
}

// between says whether a live body is the one that was to be written, less what the tenant added, or the rest of
// one that was to be deleted. A journey is written node by node: each node, and the tree, may be the old or the
// new one.
func between(t *schema.Type, old, want, live map[string]any) bool {
	if want == nil {
		return covers(live, old)
	}
	if !t.Journey {
		return covers(want, live)
	}
	const nodes = "nodeConfigs"
	tree := func(body map[string]any) map[string]any {
		out := make(map[string]any, len(body))
		for k, v := range body {
			if k != nodes {
				out[k] = v
			}
		}
		return out
	}
	if !same(tree(old), tree(live)) && !(covers(tree(want), tree(live)) && sameKeys(want, live, "nodes")) {
		return false
	}
	had, _ := old[nodes].(map[string]any)
	wants, _ := want[nodes].(map[string]any)
	has, _ := live[nodes].(map[string]any)
	for id, v := range has {
		if h, ok := had[id]; ok && same(h, v) {
			continue
		}
		if w, ok := wants[id]; !ok || !covers(w, v) {
			return false
		}
	}
	return true
}

func sameKeys(a, b map[string]any, member string) bool {
	x, _ := a[member].(map[string]any)
	y, _ := b[member].(map[string]any)
	return slices.Equal(schema.SortedKeys(x), schema.SortedKeys(y))
}

func same(a, b any) bool { return bytes.Equal(schema.CompactJSON(a), schema.CompactJSON(b)) }

// covers says whether everything of small is in large.
func covers(small, large any) bool {
	switch s := small.(type) {
	case map[string]any:
		l, ok := large.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range s {
			if w, ok := l[k]; !ok || !covers(v, w) {
				return false
			}
		}
		return true
	case []any:
		l, ok := large.([]any)
		if !ok || len(s) != len(l) {
			return false
		}
		for i := range s {
			if !covers(s[i], l[i]) {
				return false
			}
		}
		return true
	}
	return same(small, large)
}

// byWhom says who changed the resource last, and when, where the tenant tells: " by id=ada, 2026-11-22 02:00 UTC".
func byWhom(r *schema.Resource) string {
	text := ""
	for _, p := range []string{"/lastChangedBy", "/lastModifiedBy"} {
		if by := schema.Str(r.Body, p); by != "" && by != "null" {
			text = " by " + by
			break
		}
	}
	for _, p := range []string{"/lastChangeDate", "/lastModifiedDate"} {
		v, _ := schema.Lookup(r.Body, p)
		if at, ok := moment(v); ok {
			return fmt.Sprintf("%s, %s", text, at.UTC().Format("2006-01-02 15:04 MST"))
		}
	}
	return text
}

// moment reads a time as tenants write it: milliseconds since 1970, or RFC 3339.
func moment(v any) (time.Time, bool) {
	switch v := v.(type) {
	case json.Number:
		ms, err := v.Int64()
		return time.UnixMilli(ms), err == nil && ms > 0
	case string:
		at, err := time.Parse(time.RFC3339, v)
		return at, err == nil
	}
	return time.Time{}, false
}
