package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/schema"
)

// sandboxAccountID is the service account of every sandbox, so that a lockstep.yaml can name it. Its key is
// made anew for each.
const sandboxAccountID = "5a4db0c5-10c5-4e90-b0c5-5a4db0c50001"

// sandbox is a running tenant group.
type sandbox struct {
	group    *sim.Group
	servers  []*http.Server
	urls     map[string]string // by role
	adminURL string
	dir      string
	host     string // it listens on
	keyFile  string
	password string     // the file with the administrator's
	kept     bool       // it was there before
	mu       sync.Mutex // guards changes
	changes  *os.File
	account  string
	shape    sandboxShape
}

// sandboxFile is DIR/sandbox.json (product contract, "Commands").
type sandboxFile struct {
	Environments map[string]sandboxEnvironment `json:"environments"`
	Account      sandboxAccount                `json:"serviceAccount"`
}

type sandboxEnvironment struct {
	URL string `json:"url"`
}

type sandboxAccount struct {
	ID      string `json:"id"`
	KeyFile string `json:"keyFile"`
}

// sandboxStart says how a sandbox is started.
type sandboxStart struct {
	dir     string // for its state
	host    string // to listen on; loopback when empty
	port    int    // the first one; 0 takes any
	onePort bool
	admin   bool
	scale   int // journeys to add
	options sim.Options
	seeds   map[string]*schema.Set // by role; "" for those that are not named
}

// startSandbox starts the three tenants, from the state kept in dir, else from the seed. kept says which.
func startSandbox(dir string, ports [3]int, o sim.Options, seed *schema.Set) (_ *sandbox, kept bool, err error) {
	sb, err := openSandbox(sandboxStart{dir: dir, port: ports[0], options: o, seeds: map[string]*schema.Set{"": seed}})
	if err != nil {
		return nil, false, err
	}
	return sb, sb.kept, nil
}

// consecutive gives the ports of the three tenants; 0 stands for any free one.
func consecutive(port int) [3]int {
	if port == 0 {
		return [3]int{}
	}
	return [3]int{port, port + 1, port + 2}
}

func openSandbox(start sandboxStart) (_ *sandbox, err error) {
	if err := os.MkdirAll(start.dir, 0o700); err != nil {
		return nil, err
	}
	state, err := readSandboxState(start.dir)
	if err != nil {
		return nil, err
	}
	sb := &sandbox{urls: map[string]string{}, dir: start.dir, host: start.host, keyFile: filepath.Join(start.dir, "service-account.jwk"), kept: state != nil}
	if sb.host == "" {
		sb.host = "127.0.0.1"
	}
	o := start.options
	o.AccountID, o.Persist, o.Complete = sandboxAccountID, sb.persist, true
	if state != nil {
		o.AccountID, o.Key = state.Account, state.key
		o.UAT, o.Standalone, o.Governance = state.Shape.UAT, state.Shape.Standalone, state.Shape.Governance
	}
	sb.password = filepath.Join(start.dir, "administrator.password")
	if o.Administrator, err = sandboxAdministrator(sb.password); err != nil {
		return nil, err
	}
	sb.shape = sandboxShape{o.UAT, o.Standalone, o.Governance}
	if sb.group, err = sim.NewGroup(o); err != nil {
		return nil, err
	}
	if state != nil {
		err = state.restore(start.dir, sb.group)
	} else {
		err = seedSandbox(sb.group, start.seeds)
		sb.group.Scale(start.scale)
	}
	if err != nil {
		return nil, err
	}
	sb.account = sb.group.ServiceAccount().ID
	if err := engine.WriteFile(sb.keyFile, sb.group.ServiceAccount().JWK, 0o600); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, sb.stop())
		}
	}()
	if err := sb.save(); err != nil {
		return nil, err
	}
	if err := sb.listenAll(start); err != nil {
		return nil, err
	}
	return sb, sb.describe()
}

// sandboxAdministrator is the tenants' administrator, whose password is in a file: the one that is there, else a new one.
func sandboxAdministrator(file string) (sim.Administrator, error) {
	password, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		password = []byte(rand.Text())
		err = engine.WriteFile(file, password, 0o600)
	}
	return sim.Administrator{Name: "administrator@sandbox.example", Password: strings.TrimSpace(string(password))}, err
}

// seedSandbox gives every tenant its seed; tenants of one seed share what they hold.
func seedSandbox(g *sim.Group, seeds map[string]*schema.Set) error {
	var others []*sim.Tenant
	for _, t := range g.Tenants() {
		set := seeds[t.Role()]
		if set == nil {
			others = append(others, t)
			continue
		}
		if err := t.Seed(sandboxDocuments(set)); err != nil {
			return fmt.Errorf("seed %s: %w", t.Role(), err)
		}
	}
	if len(others) == 0 {
		return nil
	}
	return g.Seed(sandboxDocuments(seeds[""]), others...)
}

// keptPort is the one that the sandbox in dir had when it last ran, if it did.
func keptPort(dir string, otherwise int) int {
	data, err := os.ReadFile(filepath.Join(dir, "sandbox.json"))
	if err != nil {
		return otherwise
	}
	var f sandboxFile
	if json.Unmarshal(data, &f) != nil {
		return otherwise
	}
	u, err := url.Parse(f.Environments["development"].URL)
	if err != nil {
		return otherwise
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return otherwise
	}
	return port
}

// listenAll opens a port for each tenant, or one for all, and one more for the admin endpoint.
func (sb *sandbox) listenAll(start sandboxStart) error {
	port := start.port
	next := func() int {
		p := port
		if port != 0 {
			port++
		}
		return p
	}
	if start.onePort {
		address, err := sb.listen("the tenants", sb.host, next(), sb.group)
		if err != nil {
			return err
		}
		_, p, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		for _, t := range sb.group.Tenants() {
			sb.urls[t.Role()] = "http://" + t.Role() + ".localhost:" + p
		}
	} else {
		for _, t := range sb.group.Tenants() {
			address, err := sb.listen(t.Role(), sb.host, next(), t)
			if err != nil {
				return err
			}
			sb.urls[t.Role()] = "http://" + address
		}
	}
	if start.admin {
		address, err := sb.listen("the admin endpoint", "127.0.0.1", next(), sb.group.Admin())
		if err != nil {
			return err
		}
		sb.adminURL = "http://" + address
	}
	return nil
}

// listen serves h, and gives the address that clients of this machine use.
func (sb *sandbox) listen(what, host string, port int, h http.Handler) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return "", fmt.Errorf("listen for %s: %w\nAnother sandbox may be running; --port takes another port, --port 0 a free one", what, err)
	}
	s := sandboxServer(h)
	sb.servers = append(sb.servers, s)
	go func() { _ = s.Serve(l) }() // ends with ErrServerClosed when the sandbox is stopped
	address := l.Addr().(*net.TCPAddr)
	if address.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(address.Port)), nil
	}
	return address.String(), nil
}

// sandboxServer is a server where a client that opens connections and sends nothing, or sends without end, loses them
// again.
func sandboxServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute, IdleTimeout: time.Minute, ErrorLog: nil}
}

// describe writes sandbox.json, and where the admin endpoint is.
func (sb *sandbox) describe() error {
	f := sandboxFile{Environments: map[string]sandboxEnvironment{}, Account: sandboxAccount{sb.account, sb.keyFile}}
	for role, url := range sb.urls {
		f.Environments[role] = sandboxEnvironment{url}
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if sb.adminURL != "" {
		admin := fmt.Sprintf("{\n  \"url\": %q\n}\n", sb.adminURL)
		if err := engine.WriteFile(filepath.Join(sb.dir, "admin.json"), []byte(admin), 0o644); err != nil {
			return err
		}
	}
	// Last: who waits for this file finds all else.
	return engine.WriteFile(filepath.Join(sb.dir, "sandbox.json"), append(data, '\n'), 0o644)
}

// setFaults lets go wrong what --fault asks for.
func (sb *sandbox) setFaults(texts []string) error {
	for _, t := range sb.group.Tenants() {
		var own []string
		for _, text := range texts {
			role, fault, named := strings.Cut(text, ":")
			switch {
			case !named || strings.Contains(role, "="):
				own = append(own, text)
			case sb.group.Tenant(role) == nil:
				return fmt.Errorf("--fault %s: there is no tenant %s", text, role)
			case role == t.Role():
				own = append(own, fault)
			}
		}
		if err := t.SetFaultTexts(own); err != nil {
			return err
		}
	}
	return nil
}

// sandboxState is what a sandbox keeps over a restart: the state as it was once, and what changed since.
type sandboxState struct {
	Format  int             `json:"format"`
	Account string          `json:"account"`
	Shape   sandboxShape    `json:"shape"`
	Group   json.RawMessage `json:"group"`
	key     *rsa.PrivateKey
	changes [][]byte
}

// sandboxShape is which tenants there are.
type sandboxShape struct {
	UAT        bool `json:"uat,omitempty"`
	Standalone bool `json:"standalone,omitempty"`
	Governance bool `json:"governance,omitempty"`
}

const sandboxFormat = 2

func readSandboxState(dir string) (*sandboxState, error) {
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s sandboxState
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, damagedSandbox(dir, "state.json", err)
	}
	if s.Format != sandboxFormat {
		return nil, fmt.Errorf("the sandbox's state in %s is of another version of Lockstep\nDelete it to start anew", dir)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "service-account.jwk"))
	if err != nil {
		return nil, damagedSandbox(dir, "service-account.jwk", err)
	}
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(raw, &jwk); err != nil {
		return nil, damagedSandbox(dir, "service-account.jwk", err)
	}
	key, ok := jwk.Key.(*rsa.PrivateKey)
	if !ok {
		return nil, damagedSandbox(dir, "service-account.jwk", errors.New("not an RSA key"))
	}
	s.key = key
	s.changes, err = readChanges(filepath.Join(dir, "changes.ndjson"))
	return &s, err
}

// damagedSandbox says which file of a sandbox's state can't be used, and the way out.
func damagedSandbox(dir, file string, err error) error {
	return fmt.Errorf("%s: the sandbox's state can't be read: %w\nPut the folder back from a copy, or delete %s to start anew from the seed", filepath.Join(dir, file), err, dir)
}

// readChanges reads the lines of a file that a process may have been killed over: a last line without its end
// was never answered to anybody, and is dropped.
func readChanges(name string) ([][]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines [][]byte
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
}

func (s *sandboxState) restore(dir string, g *sim.Group) error {
	if err := g.Restore(s.Group); err != nil {
		return damagedSandbox(dir, "state.json", err)
	}
	for i, line := range s.changes {
		if err := g.Restore(line); err != nil {
			return damagedSandbox(dir, fmt.Sprintf("changes.ndjson:%d", i+1), err)
		}
	}
	return nil
}

// persist keeps one change. It is written before the request is answered, and a process that is killed leaves
// to the system what it wrote; only a loss of power could take it away.
func (sb *sandbox) persist(change []byte) error {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.changes == nil {
		return nil // before the first save, which has it all
	}
	_, err := sb.changes.Write(append(change, '\n'))
	return err
}

// save writes the whole state, and begins the changes anew. A process that is killed between the two leaves
// changes that are in the state already: they lead to the same state again.
func (sb *sandbox) save() error {
	return sb.group.Save(func(group []byte) error {
		data, err := json.Marshal(sandboxState{Format: sandboxFormat, Account: sb.account, Shape: sb.shape, Group: group})
		if err != nil {
			return err
		}
		if err := engine.WriteFile(filepath.Join(sb.dir, "state.json"), data, 0o600); err != nil {
			return err
		}
		// The new state is there for good before the changes that it holds go.
		if err := syncDir(sb.dir); err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(sb.dir, "changes.ndjson"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		sb.mu.Lock()
		defer sb.mu.Unlock()
		if sb.changes != nil {
			err = sb.changes.Close()
		}
		sb.changes = f
		return err
	})
}

// syncDir makes the names in a folder durable; where folders can't be synced, the system sees to it.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync() // Windows has no such thing
	return d.Close()
}

func (sb *sandbox) stop() error {
	var errs []error
	for _, s := range sb.servers {
		errs = append(errs, s.Close())
	}
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.changes != nil {
		errs = append(errs, sb.changes.Close())
		sb.changes = nil
	}
	return errors.Join(errs...)
}

// close ends the sandbox. Its servers are closed first: what they answered is in the state.
func (sb *sandbox) close() error {
	var errs []error
	for _, s := range sb.servers {
		errs = append(errs, s.Close())
	}
	sb.servers = nil
	return errors.Join(append(errs, sb.save(), sb.stop())...)
}
