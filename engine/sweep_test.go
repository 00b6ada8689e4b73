package engine_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lockstep-gitops/lockstep/schema"
)

// TestMain sweeps what all tests' runs kept (journals, bodies, hashes, audits, temporary files) for the secret that
// they were given.
func TestMain(m *testing.M) {
	code := m.Run()
	for _, l := range sweeps.leaks {
		fmt.Fprintln(os.Stderr, l)
		code = 1
	}
	fmt.Printf("%d files of %d runs swept for the planted secret\n", sweeps.files, sweeps.dirs)
	if sweeps.dirs > 0 && sweeps.files == 0 {
		fmt.Fprintln(os.Stderr, "the runs left no file to sweep")
		code = 1
	}
	os.Exit(code)
}

// sweeps is what was swept so far: the tests' folders are gone when all are over.
var sweeps struct {
	sync.Mutex
	dirs, files int
	leaks       []string
}

// sweep looks through a folder of a test once it is over.
func sweep(t *testing.T, dir string) {
	t.Helper()
	t.Cleanup(func() {
		sweeps.Lock()
		defer sweeps.Unlock()
		sweeps.dirs++
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(name)
			sweeps.files++
			if bytes.Contains(data, []byte(hush)) || bytes.Contains(data, []byte(schema.EncodeBase64(hush))) {
				sweeps.leaks = append(sweeps.leaks, fmt.Sprintf("%s: %s holds the planted secret", t.Name(), name))
			}
			return err
		})
		if err != nil {
			sweeps.leaks = append(sweeps.leaks, err.Error())
		}
	})
}
