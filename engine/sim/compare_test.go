package sim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"
)

// compare tells how an answer differs from the recorded one: in headers that matter,
// in members and their types, and in values where the state determines them.
func compare(e exchange, a answer) []string {
	var p []string
	p = append(p, compareHeaders(e, a)...)
	if e.ResponseBody == nil {
		if a.text != "" && e.Status < 400 {
			p = append(p, fmt.Sprintf("a body, recorded none: %.100s", a.text))
		}
		return p
	}
	if text, isText := e.ResponseBody.(string); isText {
		if a.body == nil && !strings.HasPrefix(strings.ToLower(text), "<!doctype") && strings.TrimSpace(a.text) != strings.TrimSpace(text) {
			p = append(p, fmt.Sprintf("body %.60q, recorded %.60q", a.text, text))
		}
		return p
	}
	return append(p, differ(e, "", e.ResponseBody, a.body)...)
}

func compareHeaders(e exchange, a answer) []string {
	var p []string
	want, _, _ := mime.ParseMediaType(e.ResponseHeaders["content-type"])
	got, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	if e.ResponseBody != nil && want != got {
		p = append(p, fmt.Sprintf("content type %q, recorded %q", got, want))
	}
	// A weak ETag is the front end's, of no use to a client; so are the environment's.
	if tag := e.ResponseHeaders["etag"]; tag != "" && !strings.HasPrefix(tag, "W/") && !strings.HasPrefix(e.Path, "/environment") && a.header.Get("ETag") == "" {
		p = append(p, "no ETag, recorded "+tag)
	}
	if at := e.ResponseHeaders["location"]; at != "" && e.Status == 201 {
		have := a.header.Get("Location")
		if have == "" || parentOf(have) != parentOf(unescaped(at)) && parentOf(have) != parentOf(at) {
			p = append(p, fmt.Sprintf("Location %q, recorded %q", have, at))
		}
	}
	if e.Status == 429 && a.header.Get("Retry-After") == "" {
		p = append(p, "no Retry-After")
	}
	return p
}

func unescaped(path string) string { return exchange{Path: path}.plainPath() }

// owned are members whose values the server makes by itself: they must be there and
// of the recorded type, whatever they are.
func owned() []string {
	return []string{"_rev", "createdBy", "creationDate", "lastModifiedBy", "lastModifiedDate", "lastChangeDate", "lastChangedBy",
		"createDate", "createdDate", "timeStamp", "promotionId", "reportId", "access_token", "expires_in", "scope", "scopes",
		"revision", "date", "fullVersion", "version", "currentVersion", "jwks", "ipAddresses", "expireTime", "validFromTime"}
}

// differ lists the differences below a place of the body.
func differ(e exchange, at string, want, got any) []string {
	name := at[strings.LastIndex(at, "/")+1:]
	if added(e, at) {
		return nil
	}
	if kindOf(want) != kindOf(got) {
		if want == nil && got == nil || added(e, at) {
			return nil
		}
		return []string{fmt.Sprintf("%s is %s, recorded %s", place(at), short(got), short(want))}
	}
	switch want := want.(type) {
	case map[string]any:
		return differObjects(e, at, want, got.(map[string]any))
	case []any:
		return differLists(e, at, want, got.([]any))
	}
	if slices.Contains(owned(), name) || sameJSON(want, got) || added(e, at) {
		return nil
	}
	return []string{fmt.Sprintf("%s is %s, recorded %s", place(at), short(got), short(want))}
}

func differObjects(e exchange, at string, want, got map[string]any) []string {
	var p []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		v, found := got[name]
		switch {
		case !found && !added(e, at+"/"+name):
			p = append(p, fmt.Sprintf("no %s, recorded %s", place(at+"/"+name), short(want[name])))
		case found:
			p = append(p, differ(e, at+"/"+name, want[name], v)...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, found := want[name]; !found && !added(e, at+"/"+name) {
			p = append(p, fmt.Sprintf("%s is %s, recorded nothing", place(at+"/"+name), short(got[name])))
		}
	}
	return p
}

// differLists compares objects with an id by the id, whatever their order is; the
// rest as sets, since no list of AM keeps its order from one answer to the next.
func differLists(e exchange, at string, want, got []any) []string {
	if len(want) != len(got) {
		return []string{fmt.Sprintf("%s has %d, recorded %d", place(at), len(got), len(want))}
	}
	key := func(v any) string {
		o, isMap := v.(map[string]any)
		if !isMap {
			raw, _ := json.Marshal(v)
			return string(raw)
		}
		kind, _ := o["_type"].(map[string]any)
		return fmt.Sprint(kind["_id"], "\x00", o["_id"], "\x00", o["uuid"], "\x00", o["name"], "\x00", o["id"], "\x00", o["scope"])
	}
	sort := func(l []any) []any {
		l = slices.Clone(l)
		slices.SortStableFunc(l, func(a, b any) int { return strings.Compare(key(a), key(b)) })
		return l
	}
	var p []string
	want, got = sort(want), sort(got)
	for i := range want {
		p = append(p, differ(e, at+"/*", want[i], got[i])...)
	}
	return p
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case float64, json.Number:
		return "number"
	case string:
		return "text"
	case []any:
		return "list"
	}
	return "object"
}

func place(at string) string {
	if at == "" {
		return "the body"
	}
	return at
}

func short(v any) string {
	raw, _ := json.Marshal(v)
	if len(raw) > 60 {
		raw = append(raw[:60], "..."...)
	}
	return string(raw)
}

// added names members that depend on the tenant's version or product, and that no
// state of the simulator can have: they are not looked at.
func added(e exchange, at string) bool {
	switch {
	case strings.HasSuffix(at, "/_rev") && e.Method == "POST" && strings.Contains(e.Query, "nextdescendents"):
		return true
	case strings.HasPrefix(e.Path, "/openidm/managed/svcacct/"):
		return true // which account it is
	case strings.HasPrefix(at, "/_outcomes") && strings.Contains(e.Path, "/PageNode/"):
		return true // they are its children's, which the exchange does not show
	case strings.HasSuffix(e.Path, "/versions") && at == "/*/loaded":
		return true // of a version it says nothing reliable (tenant-api.md, 5)
	case e.Path == "/environment/release" && at == "/channel":
		return true // optional
	case e.Path == "/environment/csrs" || e.Path == "/environment/certificates":
		return e.Method == "POST" // read out of the certificate
	case e.Path == "/environment/count":
		return true
	case e.Path == "/environment/info" && strings.HasPrefix(at, "/ipAddresses"):
		return true
	case at == "/status" && strings.Contains(e.Path, "/direct-configuration/"), at == "/status" && strings.Contains(e.Path, "/ccc/"):
		return true // fr-config-manager reads it, the recordings of the same month lack it (tenant-api.md, 7)
	case strings.HasPrefix(e.Path, "/am/json/serverinfo/"):
		return strings.Count(at, "/") > 1 || slices.Contains([]string{"/cookieName", "/domains", "/userIdAttributes", "/cloudOnlyFeaturesEnabled",
			"/oauth2AIAgentsEnabled", "/cdkDeployment", "/lang", "/fileBasedConfiguration"}, at) // which tenant, of which day
	}
	return false
}
