package sim

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// savedChange is what Persist is told and Restore reads: parts of the group's state, each
// whole. Documents are put and removed one by one.
type savedChange struct {
	Tenants map[string]*savedTenant `json:"tenants,omitempty"`
	// All are documents that every tenant has.
	All map[string]object `json:"all,omitempty"`
	// Promotion is the machinery without its history, which is kept apart as it grows.
	Promotion *savedPromotion                `json:"promotion,omitempty"`
	History   map[string][]map[string]object `json:"history,omitempty"`
	Reports   map[string][]savedReport       `json:"reports,omitempty"`
}

type savedTenant struct {
	Put     map[string]object `json:"put,omitempty"`
	Removed []string          `json:"removed,omitempty"`
	Side    *savedSide        `json:"side,omitempty"`
	// Before is what a direct-configuration session goes back to; empty ends it.
	Before *map[string]object `json:"before,omitempty"`
}

// savedSide is all of a tenant that is no document.
type savedSide struct {
	Variables    []savedVariable       `json:"variables,omitempty"`
	Secrets      []savedSecret         `json:"secrets,omitempty"`
	Seq          int64                 `json:"seq"`
	Restart      *savedStage           `json:"restart,omitempty"`
	RestartSeq   int64                 `json:"restartSeq,omitempty"`
	Plain        map[string]object     `json:"plain,omitempty"`
	Cookie       string                `json:"cookie"`
	Session      string                `json:"session,omitempty"`
	Certificates map[string]object     `json:"certificates,omitempty"`
	Tokens       map[string]savedToken `json:"tokens,omitempty"`
	Counter      int64                 `json:"counter"`
	Services     map[string]string     `json:"services,omitempty"`
	Taught       map[string]string     `json:"taught,omitempty"`
}

type savedVariable struct {
	ID, Description, Kind, Value, By string
	Changed                          time.Time
	Loaded                           bool
	Seq                              int64
}

type savedSecret struct {
	ID, Description, Encoding, By string
	Placeholders                  bool
	Changed                       time.Time
	LoadedVersion                 int
	Versions                      []savedVersion
}

type savedVersion struct {
	Number        int
	Value, Status string
	Created       time.Time
	Seq           int64
}

type savedToken struct {
	Scopes  []string
	Expires time.Time
	Account string `json:",omitempty"`
	Client  bool   `json:",omitempty"`
}

type savedStage struct {
	Since time.Time
	Seen  bool
}

type savedPromotion struct {
	Lock    *savedLock             `json:"lock,omitempty"`
	Run     *savedRun              `json:"run,omitempty"`
	Status  map[string]savedStatus `json:"status,omitempty"`
	Blocked map[string]bool        `json:"blocked,omitempty"`
}

type savedLock struct {
	savedStage
	State, ID, Upper, Failure string
}

type savedRun struct {
	savedStage
	Upper       string
	Phase       int
	Kind        string
	Dry, Ignore bool
	Unlock      bool
	By, Why     string
}

type savedStatus struct {
	Status, Message    string
	Blocking           bool
	Missing, Encrypted []string
	Kind               string
	At                 time.Time
}

type savedReport struct {
	ID         string
	Head, Body object
}

// savedParts is what was last given to Persist of the parts that are saved whole, so
// that only what changed is given again.
type savedParts struct {
	sides     map[string]string
	sessions  map[string]string
	promotion string
	history   int
	reports   int
}

// Save gives the whole state of the group to save, secret values and tokens with it,
// for Restore. Nothing is served meanwhile, so that no change falls between a state
// and the changes that Persist is told after it.
func (g *Group) Save(save func(state []byte) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.saved
	g.saved = savedParts{}
	all := map[string]object{}
	for path, o := range g.tenants[0].store.docs {
		if !slices.ContainsFunc(g.tenants, func(t *Tenant) bool { x, found := t.store.get(path); return !found || !same(x, o) }) {
			all[path] = o
		}
	}
	for _, t := range g.tenants {
		clear(t.store.dirty)
		for path := range t.store.docs {
			if all[path] == nil {
				t.store.dirty[path] = true
			}
		}
	}
	change := g.changes()
	change.All = all
	state, err := json.Marshal(change)
	if err == nil {
		err = save(state)
	}
	if err != nil {
		g.saved = before
	}
	return err
}

// Restore brings a state back: what Save gave, and after it the changes that Persist
// was told, in their order. It is meant for a group that served no request yet.
func (g *Group) Restore(state []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	v, err := decode(state) // numbers stay as they were written
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	var c savedChange
	if err := json.Unmarshal(state, &c); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	for path, o := range obj(obj(v)["all"]) {
		for _, t := range g.tenants {
			t.store.put(path, obj(o))
		}
	}
	tenants := obj(obj(v)["tenants"])
	for role, s := range c.Tenants {
		t := g.tenantOf(role)
		if t == nil {
			return fmt.Errorf("the state has a tenant %s, and the group has none", role)
		}
		exact := obj(tenants[role])
		for path, o := range obj(exact["put"]) {
			t.store.put(path, obj(o))
		}
		for _, path := range s.Removed {
			t.store.remove(path)
		}
		if s.Side != nil {
			t.restoreSide(s.Side, obj(exact["side"]))
		}
		if s.Before != nil {
			t.env.session.before = documentsOf(obj(exact["before"]))
		}
	}
	g.restorePromotion(c, obj(v))
	for _, t := range g.tenants {
		clear(t.store.dirty)
	}
	return nil
}

func documentsOf(o object) map[string]object {
	docs := map[string]object{}
	for path, v := range o {
		docs[path] = obj(v)
	}
	return docs
}

func (g *Group) tenantOf(role string) *Tenant {
	for _, t := range g.tenants {
		if t.role == role {
			return t
		}
	}
	return nil
}

// persist gives Persist what changed since it was last told.
func (g *Group) persist() error {
	if g.o.Persist == nil {
		return nil
	}
	c := g.changes()
	if c == nil {
		return nil
	}
	return g.o.Persist(encode(c))
}

// changes is what is not saved yet; nil when there is nothing.
func (g *Group) changes() *savedChange {
	if g.saved.sides == nil {
		g.saved = savedParts{sides: map[string]string{}, sessions: map[string]string{}}
	}
	c, any := &savedChange{Tenants: map[string]*savedTenant{}}, false
	for _, t := range g.tenants {
		if s := t.changes(); s != nil {
			c.Tenants[t.role], any = s, true
		}
	}
	p := g.savedPromotion()
	if text := string(encode(p)); text != g.saved.promotion {
		c.Promotion, g.saved.promotion, any = p, text, true
	}
	past, reports := 0, 0
	for _, l := range g.promotion.history {
		past += len(l)
	}
	for _, l := range g.promotion.reports {
		reports += len(l)
	}
	if past != g.saved.history {
		c.History, g.saved.history, any = g.promotion.history, past, true
	}
	if reports != g.saved.reports {
		c.Reports, g.saved.reports, any = map[string][]savedReport{}, reports, true
		for role, l := range g.promotion.reports {
			for _, r := range l {
				c.Reports[role] = append(c.Reports[role], savedReport{r.id, r.head, r.body})
			}
		}
	}
	if !any {
		return nil
	}
	return c
}

func (t *Tenant) changes() *savedTenant {
	s, any := &savedTenant{}, false
	for path := range t.store.dirty {
		any = true
		if o, found := t.store.get(path); found {
			if s.Put == nil {
				s.Put = map[string]object{}
			}
			s.Put[path] = o
		} else {
			s.Removed = append(s.Removed, path)
		}
	}
	clear(t.store.dirty)
	side := t.side()
	saved := &t.group.saved
	if text := string(encode(side)); text != saved.sides[t.role] {
		s.Side, saved.sides[t.role], any = side, text, true
	}
	if status := t.env.session.status; status != saved.sessions[t.role] {
		before := t.env.session.before
		if before == nil {
			before = map[string]object{}
		}
		s.Before, saved.sessions[t.role], any = &before, status, true
	}
	if !any {
		return nil
	}
	return s
}

func (t *Tenant) side() *savedSide {
	e := &t.env
	s := &savedSide{Seq: e.seq, Plain: e.plain, Cookie: e.ssoCookie, Session: e.session.status, Certificates: e.certificates,
		Counter: t.counter, Services: t.services, Taught: t.taught, Tokens: map[string]savedToken{}}
	for _, id := range keysOf(e.variables) {
		v := e.variables[id]
		s.Variables = append(s.Variables, savedVariable{v.id, v.description, v.kind, v.value, v.by, v.changed, v.loaded, v.seq})
	}
	for _, id := range keysOf(e.secrets) {
		x := e.secrets[id]
		one := savedSecret{x.id, x.description, x.encoding, x.by, x.placeholders, x.changed, x.loadedVersion, nil}
		for _, v := range x.versions {
			one.Versions = append(one.Versions, savedVersion{v.number, v.value, v.status, v.created, v.seq})
		}
		s.Secrets = append(s.Secrets, one)
	}
	if e.restart != nil {
		s.Restart, s.RestartSeq = &savedStage{e.restart.since, e.restart.seen}, e.restart.seq
	}
	for value, k := range t.tokens {
		if t.now().Before(k.expires) {
			s.Tokens[value] = savedToken{k.scopes, k.expires, k.account, k.client}
		}
	}
	return s
}

func (t *Tenant) restoreSide(s *savedSide, exact object) {
	e := newEnvironment()
	e.seq, e.ssoCookie = s.Seq, s.Cookie
	e.session = session{status: s.Session, before: t.env.session.before}
	e.plain, e.certificates = documentsOf(obj(exact["plain"])), documentsOf(obj(exact["certificates"]))
	for _, v := range s.Variables {
		e.variables[v.ID] = &variable{v.ID, v.Description, v.Kind, v.Value, v.By, v.Changed, v.Loaded, v.Seq}
	}
	for _, x := range s.Secrets {
		one := &secret{id: x.ID, description: x.Description, encoding: x.Encoding, by: x.By, placeholders: x.Placeholders,
			changed: x.Changed, loadedVersion: x.LoadedVersion}
		for _, v := range x.Versions {
			one.versions = append(one.versions, &secretVersion{v.Number, v.Value, v.Status, v.Created, v.Seq})
		}
		e.secrets[x.ID] = one
	}
	if s.Restart != nil {
		e.restart = &restart{stage: stage{s.Restart.Since, s.Restart.Seen}, seq: s.RestartSeq}
	}
	t.env = e
	t.counter = s.Counter
	for name, title := range s.Services {
		t.services[name] = title
	}
	for name, title := range s.Taught {
		t.taught[name] = title
	}
	t.tokens = map[string]token{}
	for value, k := range s.Tokens {
		t.tokens[value] = token{k.Scopes, k.Expires, k.Account, k.Client}
	}
}

func (g *Group) savedPromotion() *savedPromotion {
	p := &g.promotion
	s := &savedPromotion{Status: map[string]savedStatus{}, Blocked: p.blocked}
	if l := p.lock; l.state != "" && l.id != otherPromotion {
		s.Lock = &savedLock{savedStage{l.since, l.seen}, l.state, l.id, l.upper.role, l.failure}
	}
	if r := p.run; r != nil {
		s.Run = &savedRun{savedStage{r.since, r.seen}, r.upper.role, r.phase, r.kind, r.dry, r.ignore, r.unlock, r.by, r.why}
	}
	for role, x := range p.status {
		s.Status[role] = savedStatus{x.status, x.message, x.blocking, x.missing, x.encrypted, x.kind, x.at}
	}
	return s
}

func (g *Group) restorePromotion(c savedChange, exact object) {
	p := &g.promotion
	if c.History != nil {
		p.history = map[string][]map[string]object{}
		for role, l := range obj(exact["history"]) {
			for _, docs := range list(l) {
				p.history[role] = append(p.history[role], documentsOf(obj(docs)))
			}
		}
	}
	if c.Reports != nil {
		p.reports = map[string][]report{}
		for role, l := range c.Reports {
			for _, r := range l {
				p.reports[role] = append(p.reports[role], report{r.ID, r.Head, r.Body})
			}
		}
	}
	s := c.Promotion
	if s == nil {
		return
	}
	p.lock, p.run, p.status, p.blocked = lock{}, nil, map[string]status{}, map[string]bool{}
	if l := s.Lock; l != nil && g.tenantOf(l.Upper) != nil {
		p.lock = lock{stage{l.Since, l.Seen}, l.State, l.ID, g.tenantOf(l.Upper), l.Failure}
	}
	if r := s.Run; r != nil && g.tenantOf(r.Upper) != nil {
		p.run = &run{stage{r.Since, r.Seen}, g.tenantOf(r.Upper), r.Phase, r.Kind, r.Dry, r.Ignore, r.Unlock, r.By, r.Why}
	}
	for role, x := range s.Status {
		p.status[role] = status{x.Status, x.Message, x.Blocking, x.Missing, x.Encrypted, x.Kind, x.At}
	}
	for role, is := range s.Blocked {
		p.blocked[role] = is
	}
}

// same tells whether two objects are one and the same.
func same(a, b object) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }
