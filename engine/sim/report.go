package sim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// promotable is the part of a tenant's configuration that has one of the classes.
func (t *Tenant) promotable(classes ...class) map[string]object {
	config := map[string]object{}
	for path, o := range t.store.docs {
		if slices.Contains(classes, classOf(path)) {
			config[path] = o
		}
	}
	return config
}

// replace makes the tenant's configuration of these classes equal to config. What
// is static and not in config goes; SAML, which is not static, is only added to.
func (t *Tenant) replace(config map[string]object, classes ...class) {
	for path := range t.promotable(classes...) {
		if _, kept := config[path]; !kept && classOf(path) == static {
			t.store.remove(path)
		}
	}
	for path, o := range config {
		if !slices.Contains(classes, classOf(path)) {
			continue
		}
		if strings.HasPrefix(path, "/openidm/internal/") {
			old, found := t.store.get(path)
			if found && sameContent(old, o) {
				continue
			}
			o = with(o, "_rev", t.nextRev())
		}
		t.learn(path, o)
		t.store.put(path, o)
	}
}

// sameContent compares two documents without what a server writes by itself.
func sameContent(a, b object) bool {
	stamps := []string{"_rev", "_outcomes", "createdBy", "creationDate", "lastModifiedBy", "lastModifiedDate"}
	return equal(without(a, stamps...), without(b, stamps...))
}

// difference maps the path of each document that differs to added, deleted or
// modified.
func difference(before, after map[string]object) map[string]string {
	changes := map[string]string{}
	for path, o := range after {
		old, found := before[path]
		switch {
		case !found:
			changes[path] = "added"
		case !sameContent(old, o):
			changes[path] = "modified"
		}
	}
	for path := range before {
		if _, found := after[path]; !found && classOf(path) == static {
			changes[path] = "deleted"
		}
	}
	return changes
}

// report is a finished promotion report; head is its line in the list of reports.
type report struct {
	id         string
	head, body object
}

// report keeps the report of a run, which makes the upper tenant's configuration
// the one in after.
func (g *Group) report(r *run, changes map[string]string, after map[string]object) {
	lower := r.upper.lower()
	o := r.upper.reportBody(changes, after)
	o["dryRun"], o["type"], o["promotionId"] = r.dry, r.kind, g.promotion.lock.id
	if r.by != "" {
		o["promoter"] = r.by
	}
	if r.why != "" {
		o["promotionDescription"] = r.why
	}
	if r.kind == "promotion" {
		config := lower.promotable(static)
		if missing := missingESVs(config, r.upper); len(missing) > 0 {
			o["missingESVs"] = missing
		}
		if found := encryptedSecrets(config); r.ignore && len(found) > 0 {
			o["previouslyIgnoredEncryptedSecrets"] = found
		}
	}
	id := newUUID()
	o["reportId"] = id
	dry := "false"
	if r.dry {
		dry = "true"
	}
	o["reportName"] = "Report_" + g.o.Now().UTC().Format("2006-01-02T15-04") + "+00Z_dryrun=" + dry + "_" + g.promotion.lock.id
	head := object{"createdDate": o["createdDate"], "dryRun": r.dry, "promotionId": g.promotion.lock.id, "reportId": id, "type": r.kind}
	if r.by != "" {
		head["promoter"] = r.by
	}
	role := r.upper.role
	g.promotion.reports[role] = append(g.promotion.reports[role], report{id: id, head: head, body: o})
}

// reportBody groups changes the way the admin UI names things. The names of what
// is deleted are found in the receiving tenant, others in what it will have.
func (t *Tenant) reportBody(changes map[string]string, after map[string]object) object {
	type group struct{ surface, item string }
	groups := map[group]object{}
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		o, found := after[path]
		if !found {
			o, _ = t.store.get(path)
		}
		g := group{surface: "AMConfig", item: configItem(path)}
		if strings.HasPrefix(path, "/openidm/") {
			g.surface = "IDMConfig"
		}
		realm, _ := splitRealm(path)
		entry := object{"name": displayName(path, o), "uid": last(path)}
		if realm != "" {
			entry["realm"] = realm
		}
		if groups[g] == nil {
			groups[g] = object{}
		}
		kind := changes[path]
		groups[g][kind] = append(list(groups[g][kind]), entry)
	}
	body := object{}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b group) int { return strings.Compare(a.item, b.item) })
	for _, g := range keys {
		entry := object{"configItem": g.item, "configChange": groups[g]}
		if g.item == "Email > Templates" {
			entry["fileDestinationPattern"], entry["fileName"], entry["type"] = "idm/conf/emailTemplate-*.json", "displayName", "single"
		}
		body[g.surface] = append(list(body[g.surface]), entry)
	}
	return object{"createdDate": t.now().UTC().Format(time.RFC3339), "report": body}
}

func displayName(path string, o object) string {
	for _, member := range []string{"displayName", "name", "entityId"} {
		if s := str(o[member]); s != "" {
			return s
		}
	}
	return last(path)
}

// configItem is the heading a document's changes stand under. The documents show
// two of them; the others are the simulator's.
func configItem(path string) string {
	_, rest := splitRealm(path)
	for _, row := range []struct{ prefix, item string }{
		{treesBelow, "Journeys"},
		{nodesBelow, "Journey nodes"},
		{"scripts/", "Scripts"},
		{"realm-config/services/SocialIdentityProviders/", "Social identity providers"},
		{"realm-config/services/", "Services"},
		{"realm-config/authentication", "Authentication"},
		{"realm-config/secrets/", "Secret mappings"},
		{"realm-config/saml2/", "SAML 2.0 entities"},
		{"realm-config/federation/", "Circles of trust"},
		{"/am/saml2/", "SAML 2.0 entities"},
		{"/am/json/global-config/services/CorsService", "CORS"},
		{"/am/json/global-config/", "Global services"},
		{"/am/json/node-designer/", "Custom nodes"},
		{"/openidm/config/emailTemplate/", "Email > Templates"},
		{"/openidm/config/external.email", "Email > Provider"},
		{"/openidm/config/ui/themerealm", "Themes"},
		{"/openidm/config/managed", "Managed objects"},
		{"/openidm/config/mapping/", "Mappings"},
		{"/openidm/config/sync", "Mappings"},
		{"/openidm/config/provisioner", "Connectors"},
		{"/openidm/config/endpoint/", "Endpoints"},
		{"/openidm/config/schedule/", "Schedules"},
		{"/openidm/internal/role/", "Internal roles"},
	} {
		if strings.HasPrefix(rest, row.prefix) {
			return row.item
		}
	}
	return "Other"
}

// getReports answers the five report calls.
func (t *Tenant) getReports(rest []string) *reply {
	all := t.group.promotion.reports[t.role]
	if rest[0] == "reports" {
		heads := []any{}
		for _, r := range all {
			heads = append(heads, r.head)
		}
		return &reply{status: http.StatusOK, kind: envType, body: heads}
	}
	none := envRefusal(http.StatusNotFound, "Report not found")
	if len(rest) == 1 {
		if len(all) == 0 {
			return none
		}
		return ok(all[len(all)-1].body)
	}
	switch rest[1] {
	case "provisional":
		return ok(t.provisional())
	case "provisional-rollback":
		past := t.group.promotion.history[t.role]
		changes, after := map[string]string{}, map[string]object{}
		if len(past) > 0 {
			after = past[len(past)-1]
			changes = difference(t.promotable(static, promoted), after)
		}
		o := t.reportBody(changes, after)
		o["dryRun"], o["type"] = true, "rollback"
		return ok(o)
	}
	for _, r := range all {
		if r.id == rest[1] {
			return ok(r.body)
		}
	}
	return none
}

// provisional is asked of a lower tenant: what a promotion out of it would change.
// The last tenant of the group has no upper, and answers for the pair it ends.
func (t *Tenant) provisional() object {
	lower, upper := t, t.upper()
	if upper == nil {
		lower, upper = t.lower(), t
	}
	after := lower.promotable(static, promoted)
	o := upper.reportBody(difference(upper.promotable(static, promoted), after), after)
	o["dryRun"], o["type"] = true, "promotion"
	return o
}
