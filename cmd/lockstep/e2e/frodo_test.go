//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// frodoVersion is the newest that npm has. The later ones, with its copy of fr-config-manager's commands, are
// not there, and neither is fr-config-manager itself.
const frodoVersion = "3.1.0"

// installing lets one test install frodo and the others wait for it.
var installing sync.Mutex

// frodoFolder installs frodo into the user's cache, once, and gives the folder that it is in.
func frodoFolder(t *testing.T) string {
	t.Helper()
	return installed(t, "frodo-"+frodoVersion, "@rockcarver/frodo-cli@"+frodoVersion, filepath.Join(".bin", "frodo"))
}

// installed installs a package of npm into a folder of the user's cache, once; what is a file that it brings.
func installed(t *testing.T, folder, name, what string) string {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "lockstep-e2e", folder)
	if _, err := os.Stat(filepath.Join(dir, "node_modules", what)); err == nil {
		return dir
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		offline(t, "npm is not here, so %s can't be installed", name)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// npm is set up by the user's own files and variables: it gets them all.
	c := command(t, dir, os.Environ(), npm, "install", "--no-fund", "--no-audit", "--prefix", dir, name)
	if c.code != 0 {
		offline(t, "npm can't install %s:\n%s", name, c.output)
	}
	return dir
}

// A frodo is frodo, set up with what the sandbox printed.
type frodo struct {
	folder, dir string
	env         []string
}

// run starts frodo's application, dist/app.cjs, as its launcher does, but for the launcher's process, its
// loader for ES modules and its source maps: none of them changes what a command does, and together they cost
// three quarters of the time. launch runs it with them.
func (f frodo) run(t *testing.T, realm string, args ...string) result {
	t.Helper()
	app := filepath.Join(f.folder, "node_modules", "@rockcarver", "frodo-cli", "dist", "app.cjs")
	return f.start(t, realm, "node", append([]string{"--no-warnings", app}, args...))
}

// launch runs the command that npm installs, as people do.
func (f frodo) launch(t *testing.T, realm string, args ...string) result {
	t.Helper()
	return f.start(t, realm, filepath.Join(f.folder, "node_modules", ".bin", "frodo"), args)
}

func (f frodo) start(t *testing.T, realm, program string, args []string) result {
	t.Helper()
	return command(t, f.dir, append(slices.Clone(f.env), "FRODO_REALM="+realm), program, args...)
}

func (f frodo) must(t *testing.T, args ...string) {
	t.Helper()
	if r := f.run(t, "alpha", args...); r.code != 0 || strings.Contains(r.output, "Error") {
		t.Fatalf("frodo %s: exit code %d\n%s", strings.Join(args, " "), r.code, r.output)
	}
}

func TestFrodo(t *testing.T) {
	t.Parallel()
	folder := frodoFolder(t)
	s := startSandbox(t, filepath.Join(repository(t), "examples", "quickstart", "config"))
	dir := s.project(t)
	f := frodo{folder, dir, s.frodo}

	// These run one after the other: each goes on where the last one left the tenant.
	t.Run("its export of everything is what the tenant has", func(t *testing.T) {
		for _, realm := range []string{"alpha", "bravo"} {
			f.exportAll(t, realm, "theirs")
		}
		noDifferences(t, dir, nil, "theirs", "env:dev")
		noDifferences(t, dir, nil, "env:dev", "theirs")
	})
	t.Run("its exports of one kind are read", func(t *testing.T) {
		for _, c := range []struct{ file, command, glob string }{
			{"allAlphaJourneys.journey.json", "journey export -a", "alpha/journey/*"},
			{"allAlphaScripts.script.json", "script export -a", "alpha/script/*"},
			{"allEmailTemplates.template.email.json", "email template export -a", "global/email-template/*"},
			{"allVariables.variable.json", "esv variable export -a", "global/variable/*"},
			{"allSecrets.secret.json", "esv secret export -a", "global/secret/*"},
			{"allAlphaThemes.theme.json", "theme export -a", "alpha/theme/*"},
			{"allAlphaProviders.idp.json", "idp export -a", "alpha/idp/*"},
			{"allAlphaServices.service.json", "service export -a", "alpha/service/*"},
		} {
			f.must(t, append(strings.Fields(c.command), "-f", c.file)...)
			out := ours(t, dir, nil, 0, "diff", c.file, "env:dev", "--exit-code", "--target", c.glob)
			if !strings.Contains(out, "no differences") {
				t.Errorf("frodo %s:\n%s", c.command, out)
			}
			// An export that was read as nothing at all would differ from nothing, too.
			if m := regexp.MustCompile(`"resources": (\d+)`).FindStringSubmatch(ours(t, dir, nil, 0, "validate", c.file, "-o", "json", "-q")); m == nil || m[1] == "0" {
				t.Errorf("frodo %s: nothing was read of %s", c.command, c.file)
			}
		}
	})
	t.Run("it imports what Lockstep exports", func(t *testing.T) { frodoImports(t, f) })
	t.Run("it sees what Lockstep applies", func(t *testing.T) {
		template := filepath.Join(dir, "ours", "global", "emailTemplate", "welcome.emailTemplate.json")
		replaceIn(t, template, `"from": "`, `"from": "applied-`)
		ours(t, dir, nil, 0, "apply", "--env", "dev", "--yes", "ours")
		f.must(t, "email", "template", "export", "-i", "welcome", "-f", "welcome.json")
		if text := read(t, filepath.Join(dir, "welcome.json")); !strings.Contains(text, `"from": "applied-`) {
			t.Errorf("frodo exports:\n%s", text)
		}
	})
}

// exportAll exports what is tenant-wide and one realm, without the day of the export.
func (f frodo) exportAll(t *testing.T, realm, dir string) {
	t.Helper()
	if r := f.run(t, realm, "config", "export", "-A", "-g", "-r", "-N", "-D", dir); !exported(r) {
		t.Fatalf("frodo config export of %s: exit code %d\n%s", realm, r.code, r.output)
	}
}

// exported tells whether a whole export did what it can. A current tenant answers 404 for the agent type
// OAuth2Thing, as recorded, and this version of frodo then ends with 1 although all else is written.
func exported(r result) bool {
	return r.code == 0 || strings.Contains(r.output, "Resource 'OAuth2Thing' not found") && strings.Count(r.output, "HTTP client error") == 1
}

func frodoImports(t *testing.T, f frodo) {
	dir := f.dir
	ours(t, dir, nil, 0, "export", "--env", "dev", "-d", "ours", "--layout", "frodo")
	journey := filepath.Join("ours", "realm", "root-alpha", "journey", "FrodoTest.journey.json")
	script := filepath.Join("ours", "realm", "root-alpha", "script", "Check-Username.script")
	replaceIn(t, filepath.Join(dir, journey), `"description": "Frodo test journey`, `"description": "Changed: Frodo test journey`)
	write(t, filepath.Join(dir, script+".js"), read(t, filepath.Join(dir, script+".js"))+"\n// changed\n")
	for _, want := range []string{"alpha/journey/FrodoTest", "alpha/script/Check Username", "2 updated, 0 created, 0 deleted"} {
		if out := ours(t, dir, nil, 2, "diff", "env:dev", "ours", "--exit-code"); !strings.Contains(out, want) {
			t.Fatalf("%s is missing in:\n%s", want, out)
		}
	}
	f.must(t, "journey", "import", "-f", journey)
	f.must(t, "script", "import", "-f", script+".json")
	noDifferences(t, dir, nil, "env:dev", "ours")
	// Only these two changed on the tenant: the first export has them as they were.
	if out := ours(t, dir, nil, 2, "diff", "theirs", "env:dev", "--exit-code"); !strings.Contains(out, "2 updated, 0 created, 0 deleted") {
		t.Errorf("frodo changed something else, too:\n%s", out)
	}
	f.must(t, "config", "import", "-A", "-D", "ours")
	noDifferences(t, dir, nil, "env:dev", "ours")
	f.must(t, "esv", "variable", "create", "-i", "esv-made-by-frodo", "--value", "1", "--variable-type", "int", "--description", "d")
	if out := ours(t, dir, nil, 2, "diff", "ours", "env:dev", "--exit-code"); !strings.Contains(out, "esv-made-by-frodo") {
		t.Errorf("the variable that frodo made is missing in:\n%s", out)
	}
}

// On a tenant of its own time, frodo exports everything at once, root realm and agents with it; and a person who has but
// a name and a password saves a profile, for which frodo makes a service account.
func TestFrodoOfItsTime(t *testing.T) {
	t.Parallel()
	folder := frodoFolder(t)
	s := startSandbox(t, filepath.Join(repository(t), "examples", "quickstart", "config"), "--am-version", "8.0.0-SNAPSHOT")
	dir := s.project(t)
	f := frodo{folder, dir, s.frodo}
	f.must(t, "config", "export", "-a", "-f", "all.json")
	f.must(t, "config", "import", "-a", "-f", "all.json")
	f.must(t, "agent", "list")
	noDifferences(t, dir, nil, filepath.Join(repository(t), "examples", "quickstart", "config"), "env:dev")

	host := ""
	for _, v := range s.frodo {
		if value, found := strings.CutPrefix(v, "FRODO_HOST="); found {
			host = value
		}
	}
	bare := frodo{folder, dir, nil}
	if r := bare.run(t, "alpha", "conn", "save", host, "administrator@sandbox.example", read(t, s.secret)); r.code != 0 || !strings.Contains(r.output, "Created and added service account") {
		t.Fatalf("frodo conn save: exit code %d\n%s", r.code, r.output)
	}
	if r := bare.run(t, "alpha", "journey", "list", host); r.code != 0 || !strings.Contains(r.output, "as service account") || !strings.Contains(r.output, "FrodoTest") {
		t.Errorf("frodo journey list with the new account: exit code %d\n%s", r.code, r.output)
	}
}

// libraryVersion is newer than the library that frodo brings.
const libraryVersion = "3.3.3"

// The program of somebody who uses frodo's library: it reads, writes and deletes what configuration is made of.
const libraryProgram = `
const { frodo } = require(process.env.LIBRARY);
(async () => {
  const f = frodo.createInstanceWithServiceAccount(process.env.FRODO_HOST, process.env.FRODO_SA_ID, process.env.FRODO_SA_JWK, 'alpha');
  await f.login.getTokens();
  const did = {};
  const journeys = await f.authn.journey.exportJourneys();
  did.journeys = Object.keys(journeys.trees).length;
  await f.authn.journey.importJourneys(journeys, { deps: false, reUuid: false });
  did.scripts = (await f.script.readScripts()).length;
  did.nodeTypes = (await f.authn.node.readNodeTypes()).length;
  did.themes = (await f.theme.readThemes()).length;
  did.stores = (await f.secretStore.readSecretStores()).length;
  await f.cloud.secret.createSecret('esv-library', 'hush', 'd', 'generic', true);
  await f.cloud.secret.createVersionOfSecret('esv-library', 'hush2');
  await f.cloud.secret.disableVersionOfSecret('esv-library', '1');
  await f.cloud.secret.deleteVersionOfSecret('esv-library', '1');
  did.versions = (await f.cloud.secret.readVersionsOfSecret('esv-library')).length;
  await f.cloud.secret.deleteSecret('esv-library');
  await f.idm.config.createConfigEntity('endpoint/library', { _id: 'endpoint/library', type: 'text/javascript', source: '1' });
  await f.idm.config.deleteConfigEntity('endpoint/library');
  await f.oauth2oidc.client.createOAuth2Client('library', { coreOAuth2ClientConfig: { userpassword: 'hush', scopes: { inherited: false, value: ['fr:idm:*'] } } });
  did.token = !!(await f.oauth2oidc.endpoint.clientCredentialsGrant(process.env.FRODO_HOST, 'library', 'hush', 'fr:idm:*')).access_token;
  await f.oauth2oidc.client.deleteOAuth2Client('library');
  console.log('did ' + JSON.stringify(did));
  process.exit(0);
})().catch(e => { console.error(e.message, e.originalErrors || e.response?.data || ''); process.exit(1); });
`

func TestFrodoLibrary(t *testing.T) {
	t.Parallel()
	folder := installed(t, "frodo-lib-"+libraryVersion, "@rockcarver/frodo-lib@"+libraryVersion, filepath.Join("@rockcarver", "frodo-lib", "package.json"))
	s := startSandbox(t, filepath.Join(repository(t), "examples", "quickstart", "config"))
	dir := s.project(t)
	write(t, filepath.Join(dir, "program.cjs"), libraryProgram)
	env := append(slices.Clone(s.frodo), "LIBRARY="+filepath.Join(folder, "node_modules", "@rockcarver", "frodo-lib"), "FRODO_NO_CACHE=1")
	r := command(t, dir, env, "node", "--no-warnings", filepath.Join(dir, "program.cjs"))
	if r.code != 0 || !strings.Contains(r.output, `"stores":1`) || !strings.Contains(r.output, `"token":true`) || strings.Contains(r.output, `"journeys":0`) {
		t.Fatalf("exit code %d\n%s", r.code, r.output)
	}
	noDifferences(t, dir, nil, filepath.Join(repository(t), "examples", "quickstart", "config"), "env:dev")
}

// Lockstep takes both clients' variables where there is no lockstep.yaml.
func TestVariablesOfPeers(t *testing.T) {
	t.Parallel()
	config := filepath.Join(repository(t), "examples", "quickstart", "config")
	s := startSandbox(t, config)
	for name, env := range map[string][]string{"fr-config-manager": s.shared, "frodo": s.frodo} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			noDifferences(t, dir, env, config, "env:default")
			ours(t, dir, env, 0, "export", "--env", "default", "-d", "tree", "--layout", "fr-config-manager")
			noDifferences(t, dir, env, "tree", "env:default")
		})
	}
}
