package sim

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// A Request is one line of a tenant's log. Status is 0 where the connection was
// cut before an answer.
type Request struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Query  string `json:"query,omitempty"`
	Status int    `json:"status"`
	// Write tells a request that asks for a change, Unknown one that no part of
	// the simulator knows.
	Write   bool `json:"write,omitempty"`
	Unknown bool `json:"unknown,omitempty"`
}

// A Count is how often requests of one pattern came, by the status they got.
type Count struct {
	Pattern  string      `json:"pattern"` // "GET /am/json/{realm}/scripts/{id}"
	Requests int         `json:"requests"`
	Statuses map[int]int `json:"statuses"`
}

// keptRequests is how long a log grows before its older half is dropped; counts are
// of all requests, ever.
const keptRequests = 100_000

// requestLog is a tenant's log. Entries that are not answered yet are in it, too.
type requestLog struct {
	entries []*Request
	unknown []*Request
	counts  map[string]*Count
	total   int
}

func (l *requestLog) open(q Request) *Request {
	e := &q
	if len(l.entries) >= keptRequests {
		l.entries = slices.Clone(l.entries[keptRequests/2:])
	}
	l.entries = append(l.entries, e)
	l.total++
	return e
}

func (l *requestLog) close(e *Request) {
	if l.counts == nil {
		l.counts = map[string]*Count{}
	}
	p := e.Method + " " + pattern1(e)
	c := l.counts[p]
	if c == nil {
		c = &Count{Pattern: p, Statuses: map[int]int{}}
		l.counts[p] = c
	}
	c.Requests++
	c.Statuses[e.Status]++
	if e.Unknown && len(l.unknown) < keptRequests {
		l.unknown = append(l.unknown, e)
	}
}

var (
	realmPart  = regexp.MustCompile(`^/am/json/(?:realms/root/realms/)?(alpha|bravo)(/|$)`)
	configPart = regexp.MustCompile(`^(/openidm/config/(?:emailTemplate|mapping|endpoint|schedule|uilocale|provisioner\.openicf|fieldPolicy)/).+$`)
	idPart     = regexp.MustCompile(`^((?:/am/json/\{realm\}|/am/json|/openidm|/environment)(?:/.*)?/(?:trees|scripts|policies|applications|resourcetypes|mappings|circlesoftrust|hosted|remote|node-type|variables|secrets|versions|role|certificates|csrs|lock|report))/([^/]+)(/.*)?$`)
	nodePart   = regexp.MustCompile(`^(.*/authenticationtrees/nodes)/([^/]+)(?:/(\d+\.\d+))?(?:/([^/]+))?$`)
	childPart  = regexp.MustCompile(`^(.*/(?:services/[^/]+|agents(?:/groups)?)/[^/]+)/[^/]+$`)
	objectPart = regexp.MustCompile(`^(/openidm/managed/[^/]+)/[^/]+(/.*)?$`)
)

// pattern1 is a request's path with ids left out, and what of the query says which
// call it is.
func pattern1(e *Request) string {
	p := realmPart.ReplaceAllString(e.Path, "/am/json/{realm}$2")
	switch {
	case strings.HasSuffix(p, "/lock/state") || strings.Contains(p, "/report/provisional"):
	case configPart.MatchString(p):
		p = configPart.ReplaceAllString(p, "$1{id}")
	case nodePart.MatchString(p):
		m := nodePart.FindStringSubmatch(p)
		p = m[1] + "/{type}"
		if m[3] != "" {
			p += "/{version}"
		}
		if m[4] != "" {
			p += "/{id}"
		}
	case idPart.MatchString(p):
		// greedy: the last collection first, then the one above it
		p = idPart.ReplaceAllString(p, "$1/{id}$3")
		if head, tail, nested := strings.Cut(p, "/versions"); nested {
			p = idPart.ReplaceAllString(head, "$1/{id}$3") + "/versions" + tail
		}
	case childPart.MatchString(p):
		p = childPart.ReplaceAllString(p, "$1/{id}")
	case objectPart.MatchString(p):
		p = objectPart.ReplaceAllString(p, "$1/{id}$2")
	}
	for part := range strings.SplitSeq(e.Query, "&") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "_action":
			p += "?_action=" + value
		case "_queryFilter", "_queryId":
			p += "?" + name
		}
	}
	return p
}

// Requests is the log, oldest first. Of very many requests, the newest are kept.
func (t *Tenant) Requests() []Request {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return copied(t.log.entries)
}

func copied(entries []*Request) []Request {
	l := make([]Request, len(entries))
	for i, e := range entries {
		l[i] = *e
	}
	return l
}

// Unknown lists the requests the simulator has no answer for. Tests expect none.
func (t *Tenant) Unknown() []Request {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return copied(t.log.unknown)
}

// Counts says how often each kind of request came, sorted by pattern.
func (t *Tenant) Counts() []Count {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	var l []Count
	for _, p := range slices.Sorted(maps.Keys(t.log.counts)) {
		c := *t.log.counts[p]
		c.Statuses = maps.Clone(c.Statuses)
		l = append(l, c)
	}
	return l
}

// begin opens the log entry, so that a request whose connection is cut is in it.
func (t *Tenant) begin(r *request) *Request {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return t.log.open(Request{Method: r.method, Path: r.path, Query: r.query.Encode(), Write: r.writes()})
}

// statusOK tells an answer that changed something.
func statusOK(status int) bool { return status >= http.StatusOK && status < http.StatusMultipleChoices }
