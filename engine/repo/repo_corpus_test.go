package repo_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

const corpus = "../../../shared/corpus"

// corpusPath gives a place in the corpus of real configuration, which is not part of the repository.
func corpusPath(t testing.TB, name string) string {
	t.Helper()
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("the corpus is not here: ", err)
	}
	return filepath.Join(corpus, name)
}

func loadCorpus(t testing.TB, name string) *schema.Set {
	t.Helper()
	set, diags, err := repo.LoadPath(corpusPath(t, name), repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range diags {
		if !slices.Contains(knownFaults(), name+": "+d.Code+" "+d.Pos.String()) {
			t.Errorf("%s: %s %s: %s", name, d.Code, d.Pos, d.Message)
		}
	}
	if len(set.Broken())+len(set.Partial) > 0 {
		t.Errorf("%s: broken %v, partial %v", name, set.Broken(), set.Partial)
	}
	return set
}

// knownFaults are the real faults of the corpus.
func knownFaults() []string {
	return []string{
		// The realm's themes stand there twice, under "alpha" and "/alpha".
		"frodo-export/by-type/all.idm.json: duplicate-resource all.idm.json:14372:11",
		// That day's reader asked for nodes without their version: page nodes of version 2.0 came back as
		// others than the trees name, and with them their children.
		"tenant-snapshots/frodo-dev_2026-07-08.jsonl: journey-orphan-node frodo-dev_2026-07-08.jsonl:133:227",
		"tenant-snapshots/frodo-dev_2026-07-08.jsonl: journey-orphan-node frodo-dev_2026-07-08.jsonl:134:227",
		"tenant-snapshots/frodo-dev_2026-07-08.jsonl: journey-orphan-node frodo-dev_2026-07-08.jsonl:138:227",
		"tenant-snapshots/frodo-dev_2026-07-08.jsonl: journey-orphan-node frodo-dev_2026-07-08.jsonl:144:227",
		"tenant-snapshots/frodo-dev_2026-07-08.jsonl: journey-orphan-node frodo-dev_2026-07-08.jsonl:224:240",
		"tenant-snapshots/frodo-dev_2026-07-08.jsonl: journey-orphan-node frodo-dev_2026-07-08.jsonl:227:240",
	}
}

func wantCounts(t *testing.T, name string, set *schema.Set, want map[string]int) {
	t.Helper()
	got := set.CountByType()
	maps.DeleteFunc(want, func(_ string, n int) bool { return n == 0 })
	if !maps.Equal(got, want) {
		t.Errorf("%s:\ngot  %v\nwant %v", name, got, want)
	}
}

// frCount counts resources of fr-config-manager's tree by nothing but the names of files.
var frCount = []struct{ typ, pattern string }{
	{"journey", `^realms/[^/]+/journeys/([^/]+)/[^/]+\.json$`},
	{"script", `^realms/[^/]+/scripts/scripts-config/[^/]+\.json$`},
	{"idp", `^realms/[^/]+/services/SocialIdentityProviders/[^/]+\.json$`},
	{"service-child", `^realms/[^/]+/services/[^/]+/[^/]+\.json$`},
	{"service", `^realms/[^/]+/services/[^/]+\.json$`},
	{"theme", `^realms/[^/]+/themes/[^/]+/[^/]+\.json$`},
	{"email-template", `^email-templates/[^/]+/[^/]+\.json$`},
	{"email-provider", `^email-provider/.*\.json$`},
	{"access", `^access-config/access\.json$`},
	{"agent", `^realms/[^/]+/realm-config/agents/(AIAgent|IdentityGatewayAgent|J2EEAgent|WebAgent|2\.2_Agent|RemoteConsentAgent|SoftwarePublisher)/[^/]+\.json$`},
	{"oauth2-client", `^realms/[^/]+/realm-config/agents/OAuth2Client/[^/]+\.json$`},
	{"audit", `^audit/audit\.json$`},
	{"authentication-settings", `^realms/[^/]+/realm-config/authentication\.json$`},
	{"circle-of-trust", `^realms/[^/]+/realm-config/saml/COT/[^/]+\.json$`},
	{"saml-hosted", `^realms/[^/]+/realm-config/saml/hosted/[^/]+\.json$`},
	{"saml-remote", `^realms/[^/]+/realm-config/saml/remote/[^/]+\.json$`},
	{"connector", `^sync/connectors/[^/]+\.json$`},
	{"sync-mapping", `^sync/mappings/[^/]+/[^/]+\.json$`},
	{"remote-server", `^sync/rcs/[^/]+\.json$`},
	{"cookie-domains", `^cookie-domains/[^/]+\.json$`},
	{"custom-node", `^custom-nodes/nodes/[^/]+/[^/]+\.json$`},
	{"endpoint", `^endpoints/[^/]+/[^/]+\.json$`},
	{"schedule", `^schedules/[^/]+/[^/]+\.json$`},
	{"idm-authentication", `^idm-authentication-config/[^/]+\.json$`},
	{"internal-role", `^internal-roles/[^/]+\.json$`},
	{"kba", `^kba/[^/]+\.json$`},
	{"locale", `^locales/[^/]+\.json$`},
	{"managed-object", `^managed-objects/[^/]+/[^/]+\.json$`},
	{"org-privileges", `^org-privileges/[^/]+\.json$`},
	{"password-policy", `^realms/[^/]+/password-policy/[^/]+\.json$`},
	{"policy-set", `^realms/[^/]+/authorization/policy-sets/[^/]+/[^/]+\.json$`},
	{"policy", `^realms/[^/]+/authorization/policy-sets/[^/]+/policies/[^/]+\.json$`},
	{"resource-type", `^realms/[^/]+/authorization/resource-types/[^/]+\.json$`},
	{"raw", `^raw/.*\.json$`},
	{"secret-mapping", `^realms/[^/]+/secret-mappings/[^/]+\.json$`},
	{"service-object", `^service-objects/[^/]+/[^/]+\.json$`},
	{"terms-and-conditions", `^terms-conditions/terms-conditions\.json$`},
	{"ui-configuration", `^ui/[^/]+\.json$`},
	{"variable", `^esvs/variables/.*\.json$`},
	{"secret", `^esvs/secrets/.*\.json$`},
	{"cors-service", `^cors/cors-config\.json$`},
	{"cors-idm", `^cors/cors-config\.json$`},
}

func TestCorpusFrConfig(t *testing.T) {
	for name, atLeast := range map[string]int{"fr-config-manager-repo": 200, "fr-config-manager-push-input": 2} {
		set := loadCorpus(t, name)
		want := map[string]int{}
		taken := map[string]bool{}
		for _, c := range frCount {
			re := regexp.MustCompile(c.pattern)
			for _, f := range walk(t, corpusPath(t, name)) {
				if re.MatchString(f) && (!taken[f] || strings.HasPrefix(c.typ, "cors")) {
					taken[f] = true
					want[c.typ]++
				}
			}
		}
		if _, err := os.Stat(filepath.Join(corpusPath(t, name), "csp/csp.json")); err == nil {
			want["csp"] = len(decodeFile(t, filepath.Join(corpusPath(t, name), "csp/csp.json"))) // a file of two
		}
		wantCounts(t, name, set, want)
		if len(set.Unmanaged) > 0 {
			t.Errorf("%s: not managed: %v", name, set.Unmanaged)
		}
		t.Logf("%s: %d resources of %d files: %v", name, set.Len(), set.Files, set.CountByType())
		if set.Len() < atLeast {
			t.Errorf("%s: %d resources", name, set.Len())
		}
		everyFile(t, name, set)
	}
}

func walk(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, p)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	return files
}

// everyFile: a file is read into a resource, or named as what is not managed, or no configuration.
func everyFile(t *testing.T, name string, set *schema.Set) {
	t.Helper()
	named := map[string]bool{}
	for _, r := range set.All() {
		for _, f := range r.Source.Files() {
			named[f] = true
		}
	}
	for _, u := range set.Unmanaged {
		if u.Type == schema.OtherKind {
			t.Errorf("%s: of no known type: %q", name, u.Files)
		}
		for _, f := range u.Files {
			file, _, _ := strings.Cut(f, "#")
			named[file] = true
		}
	}
	files := walk(t, corpusPath(t, name))
	n := 0
	for _, f := range files {
		if named[f] {
			n++
		} else if path.Ext(f) != ".env" {
			t.Errorf("%s: %s is neither read nor named", name, f)
		}
	}
	if set.Files != n {
		t.Errorf("%s: Files says %d, and %d are named", name, set.Files, n)
	}
}

func decodeFile(t *testing.T, name string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// countSections counts the resources of one scope of an export, from the JSON alone.
func countSections(want map[string]map[string]bool, realm string, sections map[string]any) {
	add := func(typ, id string) {
		if want[typ] == nil {
			want[typ] = map[string]bool{}
		}
		want[typ][realm+"/"+id] = true
	}
	objects := func(v any) map[string]any { m, _ := v.(map[string]any); return m }
	for section, typ := range sectionTypes() {
		for id := range objects(sections[section]) {
			add(typ, strings.TrimPrefix(id, "mapping/"))
		}
	}
	for part, typ := range map[string]string{"hosted": "saml-hosted", "remote": "saml-remote", "cot": "circle-of-trust"} {
		for id := range objects(objects(sections["saml"])[part]) {
			add(typ, id)
		}
	}
	for id, v := range objects(sections["secretstore"]) {
		add("secret-store", id)
		list, _ := objects(v)["mappings"].([]any)
		for _, m := range list {
			add("secret-mapping", schema.Str(m, "/_id"))
		}
	}
	if len(objects(sections["authentication"])) > 0 {
		add("authentication-settings", "")
	}
	for _, m := range elementsOf(sections["sync"], "mappings") {
		add("sync-mapping", m)
	}
	for id, v := range objects(sections["idm"]) {
		switch {
		case idmSingles()[id] != "":
			add(idmSingles()[id], id)
		case strings.HasPrefix(id, "fieldPolicy/"):
			add("password-policy", id)
		case strings.HasPrefix(id, "provisioner.openicf/"):
			add("connector", strings.TrimPrefix(id, "provisioner.openicf/"))
		case id == "managed":
			for _, name := range elementsOf(v, "objects") {
				add("managed-object", name)
			}
		case id == "sync":
			for _, name := range elementsOf(v, "mappings") {
				add("sync-mapping", name)
			}
		case id == "external.email":
			add("email-provider", id)
		case strings.Contains(id, "/") && idmFolders()[strings.SplitN(id, "/", 2)[0]] != "":
			folder, rest, _ := strings.Cut(id, "/")
			add(idmFolders()[folder], rest)
		case id == "servletfilter/cors":
			add("cors-idm", id)
		case strings.HasPrefix(id, "emailTemplate/"):
			add("email-template", strings.TrimPrefix(id, "emailTemplate/"))
		case id == "ui/themerealm":
			for r, list := range objects(objects(objects(sections["idm"])[id])["realm"]) {
				for _, x := range list.([]any) {
					if r = strings.TrimPrefix(r, "/"); r != "" {
						add("theme", r+schema.Str(x, "/_id"))
					}
				}
			}
		default:
			add("idm-config", id)
		}
	}
	for id, v := range objects(sections["service"]) {
		children, _ := objects(v)["nextDescendents"].([]any)
		switch {
		case id == "CorsService":
			add("cors-service", id)
			for _, c := range children {
				add("cors", schema.Str(c, "/_id"))
			}
		case schema.Str(v, "/location") == "global":
			add("global-service", id)
			for _, c := range children {
				add("global-service-child", id+schema.Str(c, "/_id"))
			}
		default:
			add("service", id)
			for _, c := range children {
				if id == "SocialIdentityProviders" {
					add("idp", schema.Str(c, "/_id"))
				} else {
					add("service-child", id+schema.Str(c, "/_id"))
				}
			}
		}
	}
	for _, tree := range objects(sections["trees"]) {
		for member, typ := range map[string]string{"scripts": "script", "emailTemplates": "email-template", "socialIdentityProviders": "idp"} {
			for id := range objects(objects(tree)[member]) {
				add(typ, id)
			}
		}
		for id := range objects(objects(tree)["circlesOfTrust"]) {
			add("circle-of-trust", id)
		}
		for id, v := range objects(objects(tree)["saml2Entities"]) {
			add("saml-"+schema.Str(v, "/entityLocation"), id)
		}
		list, _ := objects(tree)["themes"].([]any)
		for _, x := range list {
			add("theme", schema.Str(x, "/_id"))
		}
	}
}

// sectionTypes are the sections whose objects are resources, one each, as frodo calls them.
func sectionTypes() map[string]string {
	return map[string]string{
		"script": "script", "theme": "theme", "idp": "idp", "trees": "journey", "emailTemplate": "email-template", "secret": "secret", "variable": "variable",
		"agent": "agent", "agentGroup": "agent-group", "application": "oauth2-client", "trustedJwtIssuer": "trusted-jwt-issuer", "managedApplication": "application",
		"policy": "policy", "policyset": "policy-set", "resourcetype": "resource-type", "internalRole": "internal-role", "nodeTypes": "custom-node",
		"mapping": "mapping", "connector": "connector",
	}
}

// idmSingles are IDM's documents that have a type of their own.
func idmSingles() map[string]string {
	return map[string]string{
		"access": "access", "audit": "audit", "authentication": "idm-authentication", "selfservice.kba": "kba", "selfservice.terms": "terms-and-conditions",
		"ui/configuration": "ui-configuration", "provisioner.openicf.connectorinfoprovider": "remote-server", "alphaOrgPrivileges": "org-privileges",
		"bravoOrgPrivileges": "org-privileges", "privilegeAssignments": "org-privileges",
	}
}

// idmFolders are the first segments of ids that tell the type.
func idmFolders() map[string]string {
	return map[string]string{"endpoint": "endpoint", "schedule": "schedule", "uilocale": "locale", "mapping": "mapping"}
}

// elementsOf names the elements of a list, whether they stand in it or in files of their own.
func elementsOf(v any, member string) []string {
	doc, _ := v.(map[string]any)
	list, _ := doc[member].([]any)
	var names []string
	for _, x := range list {
		if file, ok := x.(string); ok {
			names = append(names, file)
		} else {
			names = append(names, schema.Str(x, "/name"))
		}
	}
	return names
}

func counts(want map[string]map[string]bool) map[string]int {
	n := map[string]int{}
	for typ, ids := range want {
		n[typ] = len(ids)
	}
	return n
}

func TestCorpusFrodoExports(t *testing.T) {
	for _, name := range []string{"all.cloud.json", "all.config.json"} {
		set := loadCorpus(t, "frodo-export/"+name)
		doc := decodeFile(t, corpusPath(t, "frodo-export/"+name))
		want := map[string]map[string]bool{}
		countSections(want, "", doc["global"].(map[string]any))
		for realm, sections := range doc["realm"].(map[string]any) {
			if realm != "root" {
				countSections(want, realm, sections.(map[string]any))
			}
		}
		wantCounts(t, name, set, counts(want))
	}
	files, err := filepath.Glob(corpusPath(t, "frodo-export/by-type/*.json"))
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		name := "frodo-export/by-type/" + filepath.Base(f)
		set := loadCorpus(t, name)
		want := map[string]map[string]bool{}
		countSections(want, "", decodeFile(t, f))
		wantCounts(t, name, set, counts(want))
		if set.Len()+len(set.Others) == 0 {
			t.Errorf("%s: nothing", name)
		}
	}
}

func TestCorpusFrodoSeparate(t *testing.T) {
	for _, name := range []string{"frodo-export/all-separate", "frodo-export/all-separate-legacy"} {
		set := loadCorpus(t, name)
		want := map[string]map[string]bool{}
		for _, f := range walk(t, corpusPath(t, name)) {
			segs := strings.Split(f, "/")
			if path.Ext(f) != ".json" {
				continue
			}
			doc := decodeFile(t, filepath.Join(corpusPath(t, name), f))
			if doc["tree"] != nil {
				doc = map[string]any{"trees": map[string]any{schema.Str(doc, "/tree/_id"): doc}}
			}
			realm := ""
			if segs[0] == "realm" {
				realm = segs[1]
			}
			countSections(want, realm, doc)
		}
		wantCounts(t, name, set, counts(want))
		everyFile(t, name, set)
	}
}

// One tenant, exported once as one file and once as separate files of other days: what both have must
// be the same kind of thing, and scripts, which did not change, the same.
func TestCorpusFrodoFormsAgree(t *testing.T) {
	one, many := loadCorpus(t, "frodo-export/all.cloud.json"), loadCorpus(t, "frodo-export/all-separate")
	same := 0
	for _, r := range one.OfType("script") {
		o, ok := many.Get(r.Key)
		if !ok {
			continue
		}
		if schema.Str(o.Body, "/script") == schema.Str(r.Body, "/script") {
			same++
		} else if !strings.HasPrefix(r.Name(), "Next Generation") { // the product's own, new in a release between the two
			t.Errorf("%s: the text differs", r.Label())
		}
	}
	if same < 100 {
		t.Errorf("only %d scripts were compared", same)
	}
}

func TestCorpusSnapshots(t *testing.T) {
	files, err := filepath.Glob(corpusPath(t, "tenant-snapshots/*.jsonl"))
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	types := map[string]string{
		"script": "script", "idp": "idp", "emailTemplate": "email-template", "journey": "journey", "secret": "secret", "variable": "variable",
		"service": "service", "serviceChild": "service-child", "corsIdm": "cors-idm",
		"agent": "agent", "agentGroup": "agent-group", "managedApplication": "application", "authentication": "authentication-settings", "circleOfTrust": "circle-of-trust",
		"customNodeType": "custom-node", "endpoint": "endpoint", "globalService": "global-service", "globalServiceChild": "global-service-child", "internalRole": "internal-role",
		"locale": "locale", "mapping": "mapping", "oauth2Client": "oauth2-client", "passwordPolicy": "password-policy", "policy": "policy", "policySet": "policy-set",
		"resourceType": "resource-type", "schedule": "schedule", "secretMapping": "secret-mapping", "secretStore": "secret-store", "trustedJwtIssuer": "trusted-jwt-issuer",
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{}
		var lines int
		for line := range bytes.Lines(data) {
			lines++
			var rec struct {
				Type, Realm, ID, Path string
				Body                  json.RawMessage
			}
			if err := json.Unmarshal(line, &rec); err != nil {
				t.Fatal(err)
			}
			switch {
			case rec.Type == "service" && (rec.ID == "DataStoreService" || rec.ID == "id-repositories" || rec.ID == "scripts"):
			case strings.HasPrefix(rec.Type, "policy") && rec.Realm == "/" || rec.Type == "resourceType" && rec.Realm == "/": // the root realm is not managed
			case types[rec.Type] != "":
				want[types[rec.Type]]++
			case rec.Type == "samlEntity":
				want["saml-"+path.Base(path.Dir(rec.Path))]++
			case rec.Type == "managedObjects", rec.Type == "syncMappings":
				var doc struct{ Objects, Mappings []json.RawMessage }
				if err := json.Unmarshal(rec.Body, &doc); err != nil {
					t.Fatal(err)
				}
				want["managed-object"] += len(doc.Objects)
				want["sync-mapping"] += len(doc.Mappings)
			case rec.Type == "environment":
				want[rec.ID]++
			case idmSingles()[rec.ID] != "":
				want[idmSingles()[rec.ID]]++
			case rec.Type == "connector" && strings.HasPrefix(rec.ID, "provisioner.openicf/"):
				want["connector"]++
			case rec.Type == "corsAm" && strings.HasSuffix(rec.Path, "/CorsService"):
				want["cors-service"]++
			case rec.Type == "corsAm":
				want["cors"]++
			case rec.Type == "emailProvider" && rec.ID == "external.email":
				want["email-provider"]++
			case rec.Type == "themes":
				var doc struct{ Realm map[string][]json.RawMessage }
				if err := json.Unmarshal(rec.Body, &doc); err != nil {
					t.Fatal(err)
				}
				for realm, list := range doc.Realm {
					if realm != "/" {
						want["theme"] += len(list)
					}
				}
			case strings.HasPrefix(rec.Path, "/openidm/config/"):
				want["idm-config"]++
			}
		}
		name := "tenant-snapshots/" + filepath.Base(f)
		set := loadCorpus(t, name)
		wantCounts(t, name, set, want)
		r := set.OfType("script")[0]
		pos := r.Source.At("/name")
		all := strings.Split(string(data), "\n")
		if pos.Line < 1 || pos.Line > lines || cut(data, pos) != string(schema.CompactJSON(r.Body["name"])) || !strings.Contains(all[pos.Line-1], r.ID) {
			t.Errorf("%s: the place of a script's name is %s: %q", name, pos, cut(data, pos))
		}
	}
}

// The corpus goes through every layout and comes back the same.
func TestCorpusRoundTrip(t *testing.T) {
	for _, name := range []string{"fr-config-manager-repo", "frodo-export/all.cloud.json", "tenant-snapshots/frodo-dev_2026-07-13.jsonl"} {
		set := loadCorpus(t, name)
		for target, layout := range map[string]repo.Layout{"fr": repo.FrConfig, "flat": repo.Flat, "separate": repo.Frodo, "one.json": repo.Frodo} {
			dir := filepath.Join(t.TempDir(), target)
			mustWrite(t, dir, set, layout, repo.WriteOptions{Existing: schema.NewSet("")})
			got, diags, err := repo.LoadPath(dir, repo.Options{})
			if err != nil || len(diags) > 0 {
				t.Errorf("%s to %s: %v %v", name, target, diags, err)
				continue
			}
			sameSets(t, name+" to "+target, got, set)
		}
	}
}

// Writing over the repository that another tool made changes no file.
func TestCorpusAdopted(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(corpusPath(t, "fr-config-manager-repo"))); err != nil {
		t.Fatal(err)
	}
	set := loadCorpus(t, "fr-config-manager-repo")
	res := mustWrite(t, dir, set, repo.FrConfig, repo.WriteOptions{})
	if len(res.Written)+len(res.Removed)+len(res.Stale) > 0 || len(res.Unchanged) < 500 {
		t.Errorf("written %q, removed %q, stale %q, %d unchanged", res.Written, res.Removed, res.Stale, len(res.Unchanged))
	}
	// And a tree made anew has the other tool's names and bytes.
	fresh := t.TempDir()
	mustWrite(t, fresh, set, repo.FrConfig, repo.WriteOptions{})
	want := listFiles(t, dir)
	same, byHand := 0, 0
	for f, data := range listFiles(t, fresh) {
		if want[f] == data {
			same++
			continue
		}
		switch data {
		case strings.TrimSuffix(want[f], "\n"): // not pulled but made by hand: eight files, which end with a newline
			byHand++
		default:
			// Its users give a SAML entity's file its name; without one, it is the entity's.
			if f != "realms/alpha/realm-config/saml/remote/urn%3Afederation%3AMicrosoftOnline.json" || data != want["realms/alpha/realm-config/saml/remote/microsoftOnline.json"] {
				t.Errorf("%s is not what the other tool wrote", f)
			}
		}
	}
	if len(want)-same != byHand+1 || byHand != 8 {
		t.Errorf("of %d files %d are the same, and %d but for the newline at their end", len(want), same, byHand)
	}
	t.Logf("%d of %d files have the other tool's names and bytes; %d end with a newline, one has a name of its user's", same, len(want), byHand)
}

func BenchmarkLoadFrConfig(b *testing.B) {
	dir := corpusPath(b, "fr-config-manager-repo")
	for b.Loop() {
		if _, _, err := repo.LoadPath(dir, repo.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkValid is the measure for the one above: the same bytes through json.Valid.
func BenchmarkValid(b *testing.B) {
	var all [][]byte
	dir := corpusPath(b, "fr-config-manager-repo")
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".json") {
			var data []byte
			data, err = os.ReadFile(p)
			all = append(all, data)
		}
		return err
	})
	if err != nil || len(all) == 0 {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, data := range all {
			if !json.Valid(data) {
				b.Fatal("not valid")
			}
		}
	}
}
