package schema

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// CORS says where a type keeps what the CORS rules look at. A list may be an array, or a string with
// commas.
type CORS struct {
	Origins, Methods, Credentials string // pointers
	// Open says that the product's own default lets every origin in, without credentials.
	Open bool
}

// checkCORS checks origins and methods (documentation, "Configure CORS").
func checkCORS(c *checker, t *Type, r *Resource) {
	if t.CORS == nil {
		return
	}
	credentials, _ := Lookup(r.Body, t.CORS.Credentials)
	for _, e := range listElements(r.Body, t.CORS.Origins) {
		c.origin(t, r, e, credentials == true)
	}
	for _, e := range listElements(r.Body, t.CORS.Methods) {
		if upper := strings.ToUpper(e.value); e.value != upper && !placeholders.Has(e.value) {
			c.report(r, e.pointer, "cors-methods", fmt.Sprintf("method %q must be written in upper case", e.value), fmt.Sprintf("Write %q.", upper))
		}
	}
}

type element struct{ pointer, value string }

func listElements(body map[string]any, pointer string) []element {
	v, _ := Lookup(body, pointer)
	var out []element
	switch x := v.(type) {
	case []any:
		for i, e := range x {
			if s, ok := e.(string); ok {
				out = append(out, element{pointer + "/" + itoa(i), s})
			}
		}
	case string:
		for s := range strings.SplitSeq(x, ",") {
			if s = strings.TrimSpace(s); s != "" {
				out = append(out, element{pointer, s})
			}
		}
	}
	return out
}

func (c *checker) origin(t *Type, r *Resource, e element, credentials bool) {
	if placeholders.Has(e.value) {
		return
	}
	if e.value == "*" {
		d := c.report(r, e.pointer, "cors-wildcard-origin", "every web site may call the tenant's API from its visitors' browsers",
			"Name the origins of your own applications, as https://app.example.com.")
		if credentials {
			d.Message = "every web site may call the tenant's API with its visitors' cookies"
			d.Severity = Error
		} else if t.CORS.Open {
			d.Severity = Info
		}
		return
	}
	if why, fixed := originFault(e.value); why != "" {
		hint := "An origin is scheme://host[:port], exactly as browsers send it."
		if fixed != "" {
			hint = fmt.Sprintf("Write %q: %s", fixed, strings.ToLower(hint[:1])+hint[1:])
		}
		c.report(r, e.pointer, "cors-malformed-origin", fmt.Sprintf("origin %q %s, so no browser's request matches it", e.value, why), hint)
	}
}

// originFault says what is wrong with an origin, and what it should be where that is clear.
func originFault(s string) (why, fixed string) {
	if s == "null" {
		return "", ""
	}
	if s != strings.TrimSpace(s) {
		return "has white space around it", strings.TrimSpace(s)
	}
	if strings.Contains(s, "*") {
		return "has a wildcard, which is not supported", ""
	}
	if !strings.Contains(s, "://") {
		return "has no scheme", ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return "is no URL with a host", ""
	case u.User != nil:
		return "has a user name", u.Scheme + "://" + u.Host
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "has a query or fragment", u.Scheme + "://" + u.Host
	case u.Path == "/":
		return "ends in a slash", strings.TrimSuffix(s, "/")
	case u.Path != "":
		return "has a path", u.Scheme + "://" + u.Host
	case strings.HasSuffix(u.Host, ":"):
		return "has a colon and no port", strings.TrimSuffix(s, ":")
	case s != strings.ToLower(s):
		return "has capital letters", strings.ToLower(s)
	}
	return "", ""
}
