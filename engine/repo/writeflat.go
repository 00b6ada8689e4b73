package repo

import (
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

func flatResource(r *schema.Resource) map[string]any {
	m := map[string]any{"type": r.Type, "id": r.ID, "body": r.Body}
	if r.Realm != "" {
		m["realm"] = r.Realm
	}
	return m
}

func (w *writer) flat() error {
	for _, pass := range []bool{true, false} {
		for _, r := range w.all {
			old, ok := w.old.Get(r.Key)
			kept := ok && old.Source != nil && old.Source.Parts()[0].Root == "/body"
			if kept != pass {
				continue
			}
			name := cmp.Or(safeRealm(r.Realm), "global") + "/" + safeName(r.Type) + "/" + safeName(r.ID) + ".json"
			if kept {
				name = old.Source.Parts()[0].File.Name
			}
			m := flatResource(r)
			if w.o.About != nil && w.o.About.Digest != nil {
				m["digest"] = w.o.About.Digest(r)
			}
			w.put(w.used.take(name), schema.EncodeJSON(m), r.Key)
		}
	}
	return nil
}

func safeRealm(realm string) string {
	if realm == "" {
		return ""
	}
	return safeName(realm)
}

// SnapshotMeta says what a snapshot is of.
type SnapshotMeta struct {
	Tenant string
	Time   time.Time // left out when zero, so that one configuration gives one file
	Tool   string
	// Digest, if set, gives the digest that stands beside each resource.
	Digest func(*schema.Resource) string
}

// snapshotFormat is the version of the form.
const snapshotFormat = 1

// WriteSnapshot writes a set as one file, which Load reads back: a line about its origin, and the
// resources in the order of their keys.
func WriteSnapshot(w io.Writer, s *schema.Set, meta SnapshotMeta, gz bool) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write snapshot: %w", err)
		}
	}()
	resources := make([]any, 0, s.Len())
	for _, r := range s.All() {
		m := flatResource(r)
		if meta.Digest != nil {
			m["digest"] = meta.Digest(r)
		}
		resources = append(resources, m)
	}
	data := append(schema.EncodeJSON(map[string]any{aboutMember: about(s, meta), "resources": resources}), '\n')
	if !gz {
		_, err = w.Write(data)
		return err
	}
	z := gzip.NewWriter(w)
	_, err = z.Write(data)
	return errors.Join(err, z.Close())
}
