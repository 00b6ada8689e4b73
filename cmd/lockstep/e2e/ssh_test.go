//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sshd finds an ssh server, or unpacks Debian's into a folder of its own: nothing is installed. The environment is
// what it needs to find its library.
func sshd(t *testing.T) (program string, env []string) {
	t.Helper()
	for _, p := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		offline(t, "there is no sshd, and no apt-get to fetch one with")
	}
	dir := t.TempDir()
	for _, args := range [][]string{{"update", "-q"}, {"download", "openssh-server", "libwrap0"}} {
		// What it can't update it may still know; then the download works or says why not.
		if r := command(t, dir, nil, apt, args...); r.code != 0 && args[0] != "update" {
			offline(t, "apt-get %s failed:\n%s", strings.Join(args, " "), r.output)
		}
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 2 {
		t.Fatalf("apt-get downloaded %v: %v", debs, err)
	}
	for _, deb := range debs {
		if r := command(t, dir, nil, "dpkg", "-x", deb, dir); r.code != 0 {
			t.Fatalf("dpkg -x: %s", r.output)
		}
	}
	libs := map[string]bool{}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(d.Name(), ".so.") {
			libs[filepath.Dir(name)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for l := range libs {
		list = append(list, l)
	}
	return filepath.Join(dir, "usr", "sbin", "sshd"), []string{"LD_LIBRARY_PATH=" + strings.Join(list, ":")}
}

// startSSH runs an ssh server on loopback until the test ends. The result is git's ssh command and the host with
// its port.
func startSSH(t *testing.T, path string) (client, host string) {
	t.Helper()
	program, env := sshd(t)
	dir := t.TempDir()
	for _, key := range []string{"host", "user"} {
		if r := command(t, dir, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)); r.code != 0 {
			t.Fatalf("ssh-keygen: %s", r.output)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "sshd_config"), fmt.Sprintf(`ListenAddress 127.0.0.1
Port %d
HostKey %[2]s/host
AuthorizedKeysFile %[2]s/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
AcceptEnv GIT_PROTOCOL
SetEnv PATH=%[3]s
`, port, dir, path))
	args := []string{program, "-D", "-e", "-f", filepath.Join(dir, "sshd_config")}
	if os.Geteuid() == 0 {
		// As root it wants a user and a folder of its own. It gets them in a view of the machine that is its alone.
		write(t, filepath.Join(dir, "passwd"), read(t, "/etc/passwd")+"sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n")
		args = append([]string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/passwd && mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec "$@"`, filepath.Join(dir, "passwd")}, args...)
	}
	ctx, stop := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env, c.WaitDelay = append([]string{"PATH=" + os.Getenv("PATH")}, env...), 10*time.Second
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		stop()
		offline(t, "sshd does not start: %v", err)
	}
	said := make(chan string)
	go func() {
		defer close(said)
		for in := bufio.NewScanner(log); in.Scan(); {
			said <- in.Text()
		}
	}()
	t.Cleanup(func() {
		stop()
		for range said { //nolint:revive // until it has ended
		}
		_ = c.Wait() //nolint:errcheck // it was ended
	})
	var before []string
	for line := range said {
		if before = append(before, line); strings.Contains(line, "Server listening on 127.0.0.1") {
			go func() {
				for line := range said {
					t.Log("sshd:", line)
				}
			}()
			return fmt.Sprintf("ssh -F none -i %[1]s/user -o IdentitiesOnly=yes -o UserKnownHostsFile=%[1]s/known -o StrictHostKeyChecking=accept-new -o BatchMode=yes", dir), fmt.Sprintf("127.0.0.1:%d", port)
		}
	}
	offline(t, "sshd ended:\n%s", strings.Join(before, "\n"))
	return "", ""
}

// objectsOf lists the objects and references that a repository holds.
func objectsOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, sub := range []string{"objects", "refs"} {
		err := filepath.WalkDir(filepath.Join(dir, sub), func(name string, _ fs.DirEntry, err error) error {
			fmt.Fprintln(&b, name)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// A push over a real ssh server meets the check as one over anything else, its objects loose or in a pack.
func TestPushOverSSH(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"git", "ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(name); err != nil {
			offline(t, "%v", err)
		}
	}
	client, host := startSSH(t, filepath.Dir(lockstep)+":"+os.Getenv("PATH"))
	dir := t.TempDir()
	env := []string{"GIT_SSH_COMMAND=" + client, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@acme.example", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@acme.example"}
	work := filepath.Join(dir, "work")
	git := func(code int, args ...string) string {
		t.Helper()
		r := command(t, work, env, "git", args...)
		if r.code != code {
			t.Fatalf("git %s: exit code %d, want %d\n%s", strings.Join(args, " "), r.code, code, r.output)
		}
		return r.output
	}
	copyTree(t, filepath.Join(repository(t), "examples", "quickstart", "config"), filepath.Join(work, "config"))
	write(t, filepath.Join(work, "lockstep.yaml"), "version: 1\nconfig: {dir: config}\nreceive:\n  branches: [{match: \"**\", failOn: error, bypass: true}]\n")
	git(0, "init", "-q", "-b", "main")
	git(0, "add", "-A")
	git(0, "commit", "-qm", "as it is")
	journeys, err := filepath.Glob(filepath.Join(work, "config", "realms", "alpha", "journeys", "*", "*.json"))
	if err != nil || len(journeys) == 0 {
		t.Fatal("no journeys", err)
	}
	for _, limit := range []string{"default", "1"} {
		up := filepath.Join(dir, "up-"+limit+".git")
		git(0, "init", "-q", "--bare", "-b", "main", up)
		git(0, "-C", up, "config", "receive.advertisePushOptions", "true")
		if limit != "default" {
			git(0, "-C", up, "config", "receive.unpackLimit", limit)
		}
		remote := "ssh://root@" + host + up
		if name := os.Getenv("USER"); os.Geteuid() != 0 {
			remote = "ssh://" + name + "@" + host + up
		}
		ours(t, dir, nil, 0, "-C", up, "hook", "install", "pre-receive")
		git(0, "push", "-q", remote, "main")
		write(t, filepath.Join(work, "config", "realms", "alpha", "services", "Note.json"), `{"_id": "Note", "_type": {"_id": "Note", "name": "Note", "collection": false}}`)
		git(0, "add", "-A")
		git(0, "commit", "-qm", "fine")
		git(0, "push", "-q", remote, "main:fine")

		before := objectsOf(t, up)
		broken := strings.Replace(read(t, journeys[0]), `"entryNodeId": "`, `"entryNodeId": "00000000-`, 1)
		write(t, journeys[0], broken)
		git(0, "commit", "-qam", "a slip")
		for _, to := range []string{"slip", "fine", "refs/tags/v1"} {
			out := strings.Join(strings.Fields(strings.ReplaceAll(git(1, "push", remote, "HEAD:"+to), "remote: ", "")), " ")
			short, _ := filepath.Rel(work, journeys[0])
			for _, want := range []string{"error[journey-", filepath.ToSlash(short) + ":", "is refused; the server keeps nothing of it", "pre-receive hook declined"} {
				if !strings.Contains(out, want) {
					t.Errorf("unpackLimit %s, to %s: %q is missing in\n%s", limit, to, want, out)
				}
			}
		}
		if now := objectsOf(t, up); now != before {
			t.Errorf("unpackLimit %s: something stays:\n%s", limit, now)
		}
		if out := git(0, "push", "-o", "lockstep.skip=incident 4711", remote, "HEAD:slip"); !strings.Contains(out, "goes past the check, and that is logged") {
			t.Error(out)
		}
		git(0, "push", "-q", remote, "--delete", "slip")
		git(0, "reset", "-q", "--hard", "HEAD~2")
	}
}
