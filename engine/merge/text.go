package merge

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Text writes a JSON file as text whose differences are those of its meaning: one line a value, in the order of
// names; a journey's nodes by what the admin UI calls them; long texts line by line. What is no JSON stays as
// it is. A file with conflict markers is shown as both of its sides are, with markers around what differs.
func Text(data []byte) string {
	if text, ok := textOf(data); ok {
		return text
	}
	a, b, ok := sides(string(data))
	if !ok {
		return string(data)
	}
	ours, ok := textOf([]byte(a))
	theirs, ok2 := textOf([]byte(b))
	if !ok || !ok2 {
		return string(data)
	}
	return beside(strings.SplitAfter(ours, "\n"), strings.SplitAfter(theirs, "\n"))
}

func textOf(data []byte) (string, bool) {
	v, err := schema.ParseJSON(data)
	if err != nil {
		return "", false
	}
	t := &texter{}
	t.value("", v)
	return t.b.String(), true
}

// sides takes a text with conflict markers apart; false when it has none, or they don't match.
func sides(text string) (ours, theirs string, ok bool) {
	var a, b strings.Builder
	in := ""
	found := false
	for line := range strings.Lines(text) {
		marker := ""
		if len(line) >= 7 && strings.Count(line[:7], line[:1]) == 7 && strings.Contains("<|=>", line[:1]) {
			marker = line[:1]
		}
		switch {
		case marker == "<" && in == "", marker == "|" && in == "<", marker == "=" && (in == "<" || in == "|"):
			in, found = marker, true
		case marker == ">" && in == "=":
			in = ""
		case marker != "":
			return "", "", false
		case in == "" || in == "<":
			a.WriteString(line)
			if in == "" {
				b.WriteString(line)
			}
		case in == "=":
			b.WriteString(line)
		}
	}
	return a.String(), b.String(), found && in == ""
}

// beside writes two texts as one, with markers around what differs.
func beside(ours, theirs []string) string {
	var b strings.Builder
	at, next := matches(ours, theirs), 0
	for i := 0; i <= len(ours); {
		from := i
		for i < len(ours) && at[i] < 0 {
			i++
		}
		to := len(theirs)
		if i < len(ours) {
			to = at[i]
		}
		if i > from || to > next {
			b.WriteString("<<<<<<< ours\n" + strings.Join(ours[from:i], "") + "=======\n" + strings.Join(theirs[next:to], "") + ">>>>>>> theirs\n")
		}
		if i < len(ours) {
			b.WriteString(ours[i])
		}
		i, next = i+1, to+1
	}
	return b.String()
}

// A texter writes lines.
type texter struct {
	b     strings.Builder
	names map[string]string // of the nodes of the journey it is in
}

func (t *texter) value(at string, v any) {
	switch x := v.(type) {
	case map[string]any:
		t.object(at, x)
	case []any:
		if len(x) == 0 {
			t.line(at, "[]")
		}
		for i, e := range x {
			name := fmt.Sprintf("[%d]", i)
			for _, key := range []string{"_id", "id", "name"} {
				if s := schema.Str(e, "/"+key); s != "" {
					name = "[" + s + "]"
					break
				}
			}
			if _, isText := e.(string); isText {
				name = "[]"
			}
			t.value(at+name, e)
		}
	case string:
		t.text(at, x)
	default:
		t.line(at, string(schema.CompactJSON(v)))
	}
}

func (t *texter) line(at, value string) {
	if at != "" {
		t.b.WriteString(at + ": ")
	}
	t.b.WriteString(value + "\n")
}

func (t *texter) object(at string, m map[string]any) {
	if _, encrypted := m["$crypto"]; encrypted {
		t.line(at, "(encrypted)")
		return
	}
	if len(m) == 0 {
		t.line(at, "{}")
		return
	}
	nodes, isJourney := m["nodes"].(map[string]any)
	if isJourney {
		outer := t.names
		defer func() { t.names = outer }()
		t.names = nodeNames(nodes)
	}
	for _, k := range schema.SortedKeys(m) {
		name := k
		if at != "" {
			name = at + "." + k
		}
		switch {
		case k == "_rev":
		case isJourney && (k == "nodes" || k == "staticNodes"):
			t.nodes(k, m[k])
		case isJourney && k == "entryNodeId":
			t.line(name, t.node(m[k]))
		default:
			t.value(name, m[k])
		}
	}
}

func nodeNames(nodes map[string]any) map[string]string {
	names := map[string]string{"70e691a5-1e33-4ac3-a356-e7b6d60d92e0": "Success", "e301438c-0bd0-429c-ab0c-66126501069a": "Failure"}
	count := map[string]int{}
	for _, n := range nodes {
		count[schema.Str(n, "/displayName")]++
	}
	for id, n := range nodes {
		name := schema.Str(n, "/displayName")
		if name == "" || count[name] > 1 {
			name = strings.TrimSpace(name + " " + id[:min(8, len(id))])
		}
		names[id] = name
	}
	return names
}

func (t *texter) node(v any) string {
	id, _ := v.(string)
	if name, ok := t.names[id]; ok {
		return name
	}
	return string(schema.CompactJSON(v))
}

// nodes writes each node's outcomes and members below its name.
func (t *texter) nodes(what string, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		t.value(what, v)
		return
	}
	byName := map[string]string{}
	for id := range m {
		byName[t.node(id)+"\x00"+id] = id
	}
	for _, key := range schema.SortedKeys(byName) {
		id := byName[key]
		at := what + "[" + t.node(id) + "]"
		n, isObject := m[id].(map[string]any)
		if !isObject {
			t.value(at, m[id])
			continue
		}
		for _, k := range schema.SortedKeys(n) {
			connections, isMap := n[k].(map[string]any)
			if k == "connections" && isMap {
				for _, outcome := range schema.SortedKeys(connections) {
					t.line(at+" "+outcome, "→ "+t.node(connections[outcome]))
				}
				continue
			}
			t.value(at+"."+k, n[k])
		}
	}
}

// text writes a string: short ones as they are, scripts and templates line by line, base64 decoded.
func (t *texter) text(at, s string) {
	if strings.HasSuffix(at, "-encrypted") {
		t.line(at, "(encrypted)")
		return
	}
	if plain, ok := decoded(s); ok {
		s = plain
	}
	if !strings.Contains(s, "\n") {
		t.line(at, string(schema.CompactJSON(s)))
		return
	}
	t.line(at, "|")
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		t.b.WriteString("    " + l + "\n")
	}
}

// decoded undoes base64 where the result is text of several lines: a script.
func decoded(s string) (string, bool) {
	if len(s) < 24 || len(s)%4 != 0 || strings.ContainsAny(s, " \n.(){}") {
		return "", false
	}
	text, ok := schema.DecodeBase64(s)
	if !ok || !utf8.ValidString(text) || !strings.Contains(text, "\n") {
		return "", false
	}
	for _, r := range text {
		if unicode.IsControl(r) && !strings.ContainsRune("\n\r\t\f\v", r) {
			return "", false
		}
	}
	return text, true
}
