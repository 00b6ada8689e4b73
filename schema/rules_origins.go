package schema

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// headerName is a token of RFC 9110, section 5.6.2.
var headerName = lazily("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// checkHeaders reports header names that are none.
func checkHeaders(c *checker, t *Type, r *Resource) {
	for _, at := range checksOf(t.Name).Headers {
		for _, e := range listElements(r.Body, at) {
			if e.value != "" && !headerName().MatchString(e.value) && !placeholders.Has(e.value) {
				c.report(r, e.pointer, "cors-header", fmt.Sprintf("%q is no name of a header", e.value), "A header's name has letters, digits and dashes, and no colon: X-Requested-With.")
			}
		}
	}
}

// checkCORSAgreement reports origins that one of the tenant's two CORS filters lets in and the other
// doesn't: an application then works against half of the API.
func checkCORSAgreement(c *checker, t *Type, r *Resource) {
	// The filter that is the tenant's one resource of its type is held against the many of the other.
	if t.CORS == nil || t.API.Fixed == "" {
		return
	}
	own := originSet(r, t)
	if own == nil {
		return
	}
	theirs := map[string]*Resource{}
	others, all := 0, false
	for _, o := range c.all {
		ot, ok := TypeOf(o.Type)
		if !ok || ot.CORS == nil || ot == t || o.Body["enabled"] == false {
			continue
		}
		others++
		set := originSet(o, ot)
		if set == nil {
			return // a placeholder decides
		}
		for origin := range set {
			all = all || origin == "*"
			if theirs[origin] == nil {
				theirs[origin] = o
			}
		}
	}
	if others == 0 || all || own["*"] {
		return
	}
	for _, e := range listElements(r.Body, t.CORS.Origins) {
		if theirs[e.value] == nil && originFaultless(e.value) {
			c.report(r, e.pointer, "cors-disagree", fmt.Sprintf("%s may call IDM and not AM", e.value), "Add the origin to an AM CORS configuration as well, or take it out here.")
		}
	}
	for _, origin := range SortedKeys(theirs) {
		if own[origin] || !originFaultless(origin) {
			continue
		}
		o := theirs[origin]
		ot := typeRow(o.Type)
		for _, e := range listElements(o.Body, ot.CORS.Origins) {
			if e.value == origin {
				c.report(o, e.pointer, "cors-disagree", fmt.Sprintf("%s may call AM and not IDM", origin), "Add the origin to the IDM CORS filter as well, or take it out here.")
				break
			}
		}
	}
}

func originFaultless(s string) bool { why, _ := originFault(s); return why == "" }

// originSet are the origins of a CORS configuration; nil when a placeholder decides.
func originSet(r *Resource, t *Type) map[string]bool {
	set := map[string]bool{}
	v, _ := Lookup(r.Body, t.CORS.Origins)
	if m, ok := v.(map[string]any); ok && len(m) > 0 {
		return nil
	}
	for _, e := range listElements(r.Body, t.CORS.Origins) {
		if placeholders.Has(e.value) {
			return nil
		}
		set[e.value] = true
	}
	return set
}

// urlFault says what is wrong with an address.
func urlFault(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "is no URL"
	case strings.ContainsAny(s, " \t\n"):
		return "has white space in it"
	case u.Scheme == "" && u.Host == "":
		return "is no absolute URL"
	case !slices.Contains([]string{"http", "https"}, strings.ToLower(u.Scheme)):
		return "" // an application's own scheme may be a redirect's
	case u.Hostname() == "":
		return "has no host"
	}
	return ""
}
