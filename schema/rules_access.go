package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dop251/goja/parser"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// hasAny says whether the set has resources of the type, in the realm, that k is of.
func (c *checker) hasAny(k Key) bool {
	return slices.ContainsFunc(c.set.OfType(k.Type), func(r *Resource) bool { return r.Realm == k.Realm })
}

// leftOut says that what is named is of a type that repositories need not have (it is read on request
// alone), and that this one has none of; what names it is of a type that they do have.
func (c *checker) leftOut(t *Type, ref Reference) bool {
	to, ok := TypeOf(ref.To.Type)
	return ok && to.OnRequest && !t.OnRequest && ref.Soft && !c.hasAny(ref.To)
}

// The words of IDM's access rules, and the roles that the product has.
var (
	accessMethods = []string{"create", "read", "update", "delete", "patch", "action", "query", "script", "*"}
	productRoles  = []string{
		"internal/role/openidm-admin", "internal/role/openidm-authorized", "internal/role/openidm-cert", "internal/role/openidm-reg",
		"internal/role/openidm-tasks-manager", "internal/role/platform-provisioning",
	}
	// anonymousRoles are those of who has not logged in.
	anonymousRoles = []string{"*", "internal/role/openidm-reg"}
	// idmActions are those of IDM's own parts (recorded access rules; IDM's REST documentation).
	idmActions = []string{
		"authenticate", "availableConnectors", "bind", "clean", "clear", "command", "complete", "compile", "create", "createCoreConfig", "createFullConfig",
		"createconfiguration", "decrypt", "deleteNotificationsForTarget", "encrypt", "eval", "getLinkedResources", "isEncrypted", "isHashed", "listPrivileges",
		"liveSync", "login", "logout", "onAsynchronousChange", "patch", "performAction", "query", "recon", "reconById", "resetPassword", "sendEmail", "sendTemplate",
		"sync", "syncById", "test", "testConfig", "trigger", "triggerSyncCheck", "unbind", "unlink", "update", "validate", "validateObject", "validateProperty",
	}
	// guarded are the parts of IDM that hold identities and configuration.
	guarded = []string{"*", "config", "external", "internal", "managed", "recon", "repo", "scheduler", "script", "sync", "system"}
)

// checkAccess checks the rules that say who may call which part of IDM.
func checkAccess(c *checker, t *Type, r *Resource) {
	at := checksOf(t.Name).AccessRules
	if at == "" {
		return
	}
	list, _ := Lookup(r.Body, at)
	configs, _ := list.([]any)
	for i, one := range configs {
		if m, ok := one.(map[string]any); ok {
			c.accessRule(r, at+"/"+itoa(i), m)
		}
	}
}

func (c *checker) accessRule(r *Resource, at string, m map[string]any) {
	for _, e := range listElements(m, "/methods") {
		if slices.Contains(accessMethods, e.value) || placeholders.Has(e.value) {
			continue
		}
		c.report(r, at+e.pointer, "access-method", fmt.Sprintf("%q is no method of IDM, so the rule lets nobody in by it", e.value), didYouMean(e.value, accessMethods, "The methods are "+strings.Join(accessMethods, ", ")+"."))
	}
	roles := slices.Clone(productRoles)
	for _, o := range c.set.OfType("internal-role") {
		roles = append(roles, "internal/role/"+o.ID, "internal/role/"+o.Name())
	}
	c.accessActions(r, at, m)
	open := false
	for _, e := range listElements(m, "/roles") {
		open = open || slices.Contains(anonymousRoles, e.value)
		if slices.Contains(roles, e.value) || e.value == "*" || strings.HasPrefix(e.value, "~") || placeholders.Has(e.value) {
			continue
		}
		if near := Suggest(e.value, roles); near != "" {
			c.report(r, at+e.pointer, "access-role", fmt.Sprintf("nobody has the role %q", e.value), fmt.Sprintf("Did you mean %q?", near))
		}
	}
	if open {
		c.openRule(r, at, m)
	}
}

// accessActions checks what a rule says of actions, which its methods may make void, and its function.
func (c *checker) accessActions(r *Resource, at string, m map[string]any) {
	methods := values(listElements(m, "/methods"))
	acts := slices.ContainsFunc(methods, func(m string) bool {
		return m == "action" || m == "*" || !slices.Contains(accessMethods, m) // reported, and perhaps meant
	})
	for _, e := range listElements(m, "/actions") {
		near := Suggest(e.value, idmActions)
		switch {
		case e.value == "*" || placeholders.Has(e.value):
		case !acts:
			c.report(r, at+e.pointer, "access-action", fmt.Sprintf("the rule allows the action %q and not the method action, so nobody may call it", e.value),
				`Add "action" to the methods, or take the action out.`)
			return // once a rule
		case near != "" && !slices.Contains(idmActions, e.value) && !slices.Contains(accessMethods, e.value):
			d := c.report(r, at+e.pointer, "access-action", fmt.Sprintf("no part of IDM has the action %q", e.value), fmt.Sprintf("Did you mean %q?", near))
			d.Severity = Warning
		}
	}
	if code := Str(m, "/customAuthz"); code != "" && !placeholders.Has(code) {
		if _, err := parser.ParseFile(nil, "", "("+code+"\n)", 0, parser.WithDisableSourceMaps); err != nil && !isRhinoOnly(code) {
			message := err.Error()
			var list parser.ErrorList
			if errors.As(err, &list) && len(list) > 0 {
				message = lowerFirst(list[0].Message)
			}
			c.report(r, at+"/customAuthz", "script-syntax", "customAuthz is no JavaScript expression: "+message, "The rule can't be evaluated, and nobody is let in by it.")
		}
	}
}

// openRule reports a rule that lets callers who have not logged in reach identities or configuration. What
// a function has the last word on is not known; a servlet of its own has checks of its own.
func (c *checker) openRule(r *Resource, at string, m map[string]any) {
	pattern := Str(m, "/pattern")
	first, _, _ := strings.Cut(pattern, "/")
	if !slices.Contains(guarded, first) || Str(m, "/customAuthz") != "" || Str(m, "/servlet") != "" {
		return
	}
	reads := true
	for _, e := range listElements(m, "/methods") {
		reads = reads && slices.Contains([]string{"read", "query"}, e.value)
	}
	// The login pages read their themes and texts before anybody has logged in.
	if reads && first == "config" && pattern != "config/*" {
		return
	}
	c.report(r, at, "access-open", fmt.Sprintf("everybody may %s %s, without logging in", strings.Join(values(listElements(m, "/methods")), ", "), pattern),
		"Give the roles that need it, or a customAuthz that decides.")
}

func values(list []element) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e.value
	}
	return out
}

// didYouMean puts the near candidate, if there is one, before the hint.
func didYouMean(word string, candidates []string, hint string) string {
	if near := Suggest(word, candidates); near != "" {
		return fmt.Sprintf("Did you mean %q?\n%s", near, hint)
	}
	return hint
}

// checkPrivileges checks that the attributes a privilege is for are those of its managed object. Where most are
// not, the source has but a part of the object.
func checkPrivileges(c *checker, t *Type, r *Resource) {
	at := checksOf(t.Name).Privileges
	if at == "" {
		return
	}
	for _, m := range Select(r.Body, at+"/*") {
		name := managedName(Str(m.Value, "/path"))
		object, ok := c.set.Get(Key{Type: "managed-object", ID: name})
		if !ok {
			continue // reported, or not part of the source
		}
		v, _ := Lookup(object.Body, "/schema/properties")
		props, _ := v.(map[string]any)
		flags := Select(r.Body, m.Pointer+"/accessFlags/*/attribute")
		strange := slices.DeleteFunc(slices.Clone(flags), func(f Match) bool {
			s, _ := f.Value.(string)
			_, ok := props[s]
			return ok || s == "" || strings.HasPrefix(s, "_") || placeholders.Has(s)
		})
		if 2*len(strange) > len(flags)+1 {
			continue
		}
		for _, flag := range strange {
			s, _ := flag.Value.(string)
			d := c.report(r, flag.Pointer, "privilege-attribute", fmt.Sprintf("the managed object %q has no attribute %q", name, s), didYouMean(s, SortedKeys(props), "Name one of its attributes, or take the entry out."))
			d.relate(object.Source.At("/schema/properties"), "its attributes")
		}
	}
}

// checkAudit checks that the handler which answers queries is there, and that each handler's class is
// one of the available ones.
func checkAudit(c *checker, t *Type, r *Resource) {
	if !checksOf(t.Name).Audit {
		return
	}
	var names []string
	for _, m := range Select(r.Body, "/eventHandlers/*/config/name") {
		if s, ok := m.Value.(string); ok {
			names = append(names, s)
		}
	}
	const asked = "/auditServiceConfig/handlerForQueries"
	if s := Str(r.Body, asked); s != "" && !slices.Contains(names, s) && !placeholders.Has(s) {
		c.report(r, asked, "audit-handler", fmt.Sprintf("there is no audit handler %q", s), didYouMean(s, names, "Name one of eventHandlers by its config.name."))
	}
	available := values(listElements(r.Body, "/auditServiceConfig/availableAuditEventHandlers"))
	for _, m := range Select(r.Body, "/eventHandlers/*/class") {
		s, _ := m.Value.(string)
		if s == "" || len(available) == 0 || slices.Contains(available, s) || placeholders.Has(s) {
			continue
		}
		c.report(r, m.Pointer, "audit-handler", fmt.Sprintf("the class %q is none of the available audit handlers", s), didYouMean(s, available, "Name one of availableAuditEventHandlers, or add the class there."))
	}
}

// cspDirectives are those of CSP level 3 and its companions; referrer is of a draft, and tenants hold it.
var cspDirectives = []string{
	"base-uri", "block-all-mixed-content", "child-src", "connect-src", "default-src", "fenced-frame-src", "font-src", "form-action",
	"frame-ancestors", "frame-src", "img-src", "manifest-src", "media-src", "navigate-to", "object-src", "plugin-types", "prefetch-src", "referrer",
	"report-sample", "report-to", "report-uri", "require-sri-for", "require-trusted-types-for", "sandbox", "script-src", "script-src-attr",
	"script-src-elem", "style-src", "style-src-attr", "style-src-elem", "trusted-types", "upgrade-insecure-requests", "worker-src",
}

// checkDirectives checks the names of CSP directives: browsers leave out what they don't know.
func checkDirectives(c *checker, t *Type, r *Resource) {
	at := checksOf(t.Name).Directives
	if at == "" {
		return
	}
	v, _ := Lookup(r.Body, at)
	m, _ := v.(map[string]any)
	for _, name := range SortedKeys(m) {
		if !slices.Contains(cspDirectives, name) {
			c.report(r, at+Pointer(name), "csp-directive", fmt.Sprintf("%q is no directive, and browsers leave it out", name), didYouMean(name, cspDirectives, "The names are in lower case, with dashes."))
		}
	}
}

// checkSecretLabels checks that a secret label which is named is mapped, where the source has mappings of
// the realm at all.
func checkSecretLabels(c *checker, t *Type, r *Resource) {
	for _, pattern := range checksOf(t.Name).SecretLabels {
		for _, m := range Select(r.Body, pattern) {
			s, _ := m.Value.(string)
			k := Key{Type: "secret-mapping", Realm: r.Realm}
			if s == "" || placeholders.Has(s) || !c.knows(k) || !c.hasAny(k) || c.mapped(k, s) {
				continue
			}
			c.report(r, m.Pointer, "secret-label-unmapped", fmt.Sprintf("%s names the secret label %q, which no secret mapping of the realm is for", c.subject(t, r, m.Pointer), s),
				"Map the label that holds it to an ESV secret, or correct the name.")
		}
	}
}

// mapped says whether a mapping's label is the identifier, or has it as one of its parts.
func (c *checker) mapped(k Key, identifier string) bool {
	return slices.ContainsFunc(c.set.OfType(k.Type), func(r *Resource) bool {
		return r.Realm == k.Realm && strings.Contains("."+r.ID+".", "."+identifier+".")
	})
}

// checkOverlaps reports a document by path that is a typed resource as well: both are pushed to one path,
// and the later one wins.
func checkOverlaps(c *checker, t *Type, r *Resource) {
	if !checksOf(t.Name).Overlaps {
		return
	}
	typed, _ := FromDocuments("", []Document{{Path: "/" + r.ID, Body: r.Body}})
	for _, o := range typed.All() {
		other, ok := c.set.Get(o.Key)
		if !ok || o.Type == r.Type {
			continue
		}
		d := c.report(r, "", "raw-overlaps", fmt.Sprintf("the document is also the %s %q, and both are pushed to /%s", singular(o.Type), other.Name(), r.ID),
			"Keep one of the two: the typed one is compared, checked and ordered.")
		d.relate(other.Source.At(""), "the typed one")
		return
	}
}
