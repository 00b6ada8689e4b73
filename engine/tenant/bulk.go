package tenant

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-gitops/lockstep/schema"
)

// configStore is IDM's store of configuration documents, whose list brings them whole (tenant-api, section 11.1).
const configStore = "/openidm/config"

// storeList asks for all of the store's documents.
func storeList() call {
	return call{method: http.MethodGet, path: configStore, query: "_queryFilter=true"}
}

// A question is a request that several types want the answer of.
type question struct {
	once  sync.Once
	items []map[string]any
	doc   map[string]any
	err   error
}

// ask sends a request once, however many types want its answer. Those bodies are shared: nobody changes
// them in place.
func (s *snapshot) ask(k call, send func(*question)) *question {
	name := strings.Join([]string{k.method, k.path, k.query, k.version}, "\x00")
	s.mu.Lock()
	q := s.asked[name]
	if q == nil {
		q = &question{}
		s.asked[name] = q
	}
	s.mu.Unlock()
	q.once.Do(func() { send(q) })
	return q
}

func (s *snapshot) askList(ctx context.Context, k call) ([]map[string]any, error) {
	q := s.ask(k, func(q *question) { q.items, q.err = s.c.list(ctx, k) })
	return q.items, q.err
}

// wantsStore says whether one list of the whole store takes the place of more than one request.
func (s *snapshot) wantsStore() bool {
	requests := map[string]bool{}
	for _, t := range schema.Types() {
		switch {
		case !s.want[t.Name]:
		case t.API.Fixed != "" || t.API.Member != "":
			for _, realm := range s.o.Realms {
				if path := t.RESTPath(schema.Key{Type: t.Name, Realm: realm, ID: t.API.Fixed}, nil); strings.HasPrefix(path, configStore+"/") {
					requests[path] = true
				}
			}
		case inStoreList(t, listCall(t, "", "")):
			requests[t.API.List.Query] = true
		}
	}
	return len(requests) > 1
}

// document reads one document: out of the store's list when that is asked for, else by itself.
func (s *snapshot) document(ctx context.Context, path, version string) (map[string]any, error) {
	if id, ok := strings.CutPrefix(path, configStore+"/"); ok && s.store {
		if id, err := url.PathUnescape(id); err == nil {
			docs, err := s.askList(ctx, storeList())
			if err == nil {
				for _, body := range docs {
					if schema.Str(body, "/_id") == id {
						return body, nil
					}
				}
				return nil, fmt.Errorf("%s: %s: %w", s.c.name, path, fs.ErrNotExist)
			}
			if !refuses(err) {
				return nil, err
			}
		}
	}
	k := call{method: http.MethodGet, path: path, version: version}
	q := s.ask(k, func(q *question) { q.doc, q.err = s.c.object(ctx, k) })
	return q.doc, q.err
}

var prefixFilter = regexp.MustCompile(`^_id sw ["']([^"']+)["']$`)

// inStoreList says whether the answer of a type's own list is a part of the store's. That of the email
// templates is not: they are asked for with a cut prefix, since some tenants leave product templates out of
// other lists (tenant-api, section 11.3).
func inStoreList(t *schema.Type, k call) bool {
	if k.method != http.MethodGet || k.path != configStore || t.IDPrefix == "" {
		return false
	}
	q, err := url.ParseQuery(k.query)
	if err != nil || len(q) != 1 {
		return false
	}
	filter := q.Get("_queryFilter")
	m := prefixFilter.FindStringSubmatch(filter)
	return filter == "true" || m != nil && (m[1] == t.IDPrefix || m[1]+"/" == t.IDPrefix)
}

// items reads a list. One of IDM's store that is refused is put together of single documents.
func (s *snapshot) items(ctx context.Context, t *schema.Type, k call) ([]map[string]any, error) {
	if s.store && inStoreList(t, k) {
		items, err := s.askList(ctx, storeList())
		if err == nil || !refuses(err) {
			return items, err
		}
	}
	items, err := s.askList(ctx, k)
	if err != nil && refuses(err) && k.path == configStore && t.IDPrefix != "" {
		if each, eachErr := s.eachOfStore(ctx, t.IDPrefix); eachErr == nil || !refuses(eachErr) {
			return each, eachErr
		}
	}
	return items, err
}

// eachOfStore reads the documents whose id begins with prefix one by one. Which there are tells a list of
// ids that has no filter.
func (s *snapshot) eachOfStore(ctx context.Context, prefix string) ([]map[string]any, error) {
	k := call{method: http.MethodGet, path: configStore}
	q := s.ask(k, func(q *question) { q.doc, q.err = s.c.object(ctx, k) })
	if q.err != nil {
		return nil, q.err
	}
	stubs, ok := q.doc["configurations"].([]any)
	if !ok {
		return nil, s.c.bad(k, "answered without a list of configurations")
	}
	var out []map[string]any
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.c.parallel)
	for _, stub := range stubs {
		id := schema.Str(stub, "/_id")
		if !strings.HasPrefix(id, prefix) {
			continue
		}
		g.Go(func() error {
			body, err := s.c.object(ctx, call{method: http.MethodGet, path: configStore + "/" + escapeSegments(id)})
			var e *Error
			if errors.As(err, &e) && e.Status == http.StatusNotFound && !e.html {
				return nil // deleted meanwhile
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			out = append(out, body)
			return nil
		})
	}
	return out, g.Wait()
}
