package schema

import (
	"fmt"
	"strings"

	"github.com/reugn/go-quartz/quartz"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// checkIDM checks IDM's configuration: schedules, endpoints, managed objects, mappings.
func checkIDM(c *checker, t *Type, r *Resource) {
	row := checksOf(t.Name)
	for _, at := range row.Cron {
		c.cron(r, at)
	}
	if row.Relations {
		c.managedSchema(r)
	}
	if row.Mapping {
		c.mapping(r)
	}
	if row.Endpoint {
		c.endpoint(r)
	}
}

// cron checks a Quartz expression. A schedule of another type has none.
func (c *checker) cron(r *Resource, at string) {
	s := strings.TrimSpace(Str(r.Body, at))
	if s == "" || placeholders.Has(s) || Str(r.Body, "/type") == "simple" {
		return
	}
	why := cronFault(s)
	if why == "" {
		return
	}
	hint := "A Quartz expression has seconds, minutes, hours, day of month, month, day of week and, if need be, year: 0 0 3 * * ? is every night at three."
	if len(strings.Fields(s)) == 5 {
		hint = "This looks like crontab's form, which has no seconds.\n" + hint
	}
	c.report(r, at, "schedule-cron", fmt.Sprintf("the cron expression %q can't be read: %s", s, why), hint)
}

// quartzOnly are the forms that Quartz has and the parser doesn't: what they stand for is valid, and the
// rest of the expression is checked with another value in their place.
var quartzOnly = strings.NewReplacer("LW", "15", "L-", "1", "W", "")

func cronFault(s string) string {
	fields := strings.Fields(s)
	if n := len(fields); n < 6 || n > 7 {
		if n == 1 && strings.HasPrefix(s, "@") {
			return ""
		}
		return fmt.Sprintf("it has %d fields, not six or seven", n)
	}
	if fields[3] == "?" && fields[5] == "?" {
		return "one of the two days must be given"
	}
	err := quartz.ValidateCronExpression(s)
	if err == nil {
		return ""
	}
	plain := append([]string{}, fields...)
	plain[3] = quartzOnly.Replace(plain[3])
	if quartz.ValidateCronExpression(strings.Join(plain, " ")) == nil {
		return ""
	}
	// The parser's words begin with its own name for the fault.
	msg := err.Error()
	if i := strings.LastIndex(msg, ": "); i >= 0 {
		msg = msg[i+2:]
	}
	return lowerFirst(msg)
}

// managedSchema checks a managed object's schema: what it requires, what it orders, and the other sides
// of its relationships.
func (c *checker) managedSchema(r *Resource) {
	v, _ := Lookup(r.Body, "/schema/properties")
	props, _ := v.(map[string]any)
	if props == nil {
		return
	}
	names := SortedKeys(props)
	for _, list := range []string{"/schema/required", "/schema/order"} {
		for _, e := range listElements(r.Body, list) {
			if _, ok := props[e.value]; ok || e.value == "" || e.value[0] == '_' {
				continue
			}
			hint := "Add the property, or take the name out."
			if near := Suggest(e.value, names); near != "" {
				hint = fmt.Sprintf("Did you mean %q?\n%s", near, hint)
			}
			c.report(r, e.pointer, "managed-schema", fmt.Sprintf("%q is no property of the managed object %q", e.value, r.Name()), hint)
		}
	}
	for _, name := range names {
		at := Pointer("schema", "properties", name)
		c.relationship(r, at)
		c.relationship(r, at+"/items")
	}
}

// relationship checks that the other side of a relationship is there.
func (c *checker) relationship(r *Resource, at string) {
	p, _ := Lookup(r.Body, at)
	if Str(p, "/type") != "relationship" {
		return
	}
	both, _ := Lookup(p, "/reverseRelationship")
	reverse := Str(p, "/reversePropertyName")
	if both != true || reverse == "" {
		return
	}
	list, _ := Lookup(p, "/resourceCollection")
	collection, _ := list.([]any)
	for _, e := range collection {
		name := managedName(Str(e, "/path"))
		other, ok := c.set.Get(Key{Type: r.Type, ID: name})
		if name == "" || !ok {
			continue // reported as missing, or an internal object
		}
		v, _ := Lookup(other.Body, "/schema/properties")
		props, _ := v.(map[string]any)
		if _, ok := props[reverse]; ok || props == nil {
			continue
		}
		hint := "Add the property there, or name the one that is meant."
		if near := Suggest(reverse, SortedKeys(props)); near != "" {
			hint = fmt.Sprintf("Did you mean %q?\n%s", near, hint)
		}
		c.report(r, at+"/reversePropertyName", "relationship-reverse",
			fmt.Sprintf("the other side of %q is not there: %q has no property %q", lastSegment(strings.TrimSuffix(at, "/items")), name, reverse), hint)
	}
}

// mapping checks that each target of a mapping is filled once. Entries with a condition share one, and so do
// references to objects of several types, as the product's own template for Azure has them.
func (c *checker) mapping(r *Resource) {
	type filled struct{ target, object string }
	first := map[filled]string{}
	for _, m := range Select(r.Body, "/properties/*") {
		target := Str(m.Value, "/target")
		if condition, _ := Lookup(m.Value, "/condition"); target == "" || condition != nil {
			continue
		}
		m.Pointer += "/target"
		key := filled{target, Str(m.Value, "/referencedObjectType")}
		at, twice := first[key]
		if !twice {
			first[key] = m.Pointer
			continue
		}
		d := c.report(r, m.Pointer, "mapping-properties", fmt.Sprintf("the target %q is filled twice", target), "The later entry wins. Take one of them out.")
		d.relate(r.Source.At(at), "the first one")
	}
}

var endpointName = lazily(`^[A-Za-z0-9._/-]+$`)

func (c *checker) endpoint(r *Resource) {
	if !endpointName().MatchString(r.ID) {
		c.report(r, "/_id", "endpoint-name", fmt.Sprintf("%q can't be called as it stands: it is part of a path", r.ID), "Use letters, digits, dashes, dots, underscores and slashes.")
	}
	_, file := r.Body["file"].(string)
	source, _ := r.Body["source"].(string)
	if !file && strings.TrimSpace(source) == "" && hasMember(r.Body, "type") {
		c.report(r, "", "endpoint-script", "the endpoint has no script", `Give it a "source", or the "file" of one.`)
	}
}
