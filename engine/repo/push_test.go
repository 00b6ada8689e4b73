package repo_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/repo"
)

const (
	oidA = "1111111111111111111111111111111111111111"
	oidB = "2222222222222222222222222222222222222222"
	zero = "0000000000000000000000000000000000000000"
)

func TestReadPushLines(t *testing.T) {
	in := "refs/heads/main " + oidA + " refs/heads/main " + oidB + "\n(delete) " + zero + " refs/heads/old " + oidB + "\nHEAD~1 " + oidA + " refs/heads/new " + zero + "\n"
	got, err := repo.ReadPushLines(strings.NewReader(in))
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	if got[0] != (repo.Update{LocalRef: "refs/heads/main", LocalOID: oidA, RemoteRef: "refs/heads/main", RemoteOID: oidB}) || got[0].Deletes() || got[0].Creates() {
		t.Errorf("%+v", got[0])
	}
	if !got[1].Deletes() || !got[2].Creates() {
		t.Errorf("%+v", got[1:])
	}
	if got, err := repo.ReadPushLines(strings.NewReader("")); err != nil || len(got) != 0 {
		t.Errorf("nothing to push: %v %v", got, err)
	}
	for _, bad := range []string{
		"\n", "main", "refs/heads/main " + oidA + " refs/heads/main", "refs/heads/main " + oidA + "  refs/heads/main " + oidB,
		"refs/heads/main " + oidA[:39] + " refs/heads/main " + oidB, "refs/heads/main " + strings.ToUpper("a"+oidA[1:]) + " refs/heads/main " + oidB,
		"refs/heads/main " + oidA + " main " + oidB, " " + oidA + " refs/heads/main " + oidB, "a\tb " + oidA + " refs/heads/main " + oidB,
		"refs/heads/main " + oidA + " refs/heads/main " + oidB + " more", "x " + oidA + oidA[:24] + " refs/heads/main " + oidB, strings.Repeat("x", 100_000),
	} {
		if got, err := repo.ReadPushLines(strings.NewReader(bad)); err == nil {
			t.Errorf("%.60q is %v", bad, got)
		}
	}
}

func TestReadReceiveLines(t *testing.T) {
	got, err := repo.ReadReceiveLines(strings.NewReader(oidB + " " + oidA + " refs/heads/main\n"))
	if err != nil || len(got) != 1 || got[0] != (repo.Update{LocalOID: oidA, RemoteRef: "refs/heads/main", RemoteOID: oidB}) {
		t.Errorf("%v %v", got, err)
	}
	if got, err := repo.ReadReceiveLines(strings.NewReader(oidB + " " + oidA)); err == nil {
		t.Errorf("%v", got)
	}
}

// What is accepted says exactly what was read.
func FuzzReadPushLines(f *testing.F) {
	f.Add("refs/heads/main " + oidA + " refs/heads/main " + oidB + "\n")
	f.Add("(delete) " + zero + " refs/heads/old " + oidB)
	f.Add("a b c d\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := repo.ReadPushLines(strings.NewReader(in))
		if err != nil {
			return
		}
		var b strings.Builder
		for _, u := range got {
			b.WriteString(u.LocalRef + " " + u.LocalOID + " " + u.RemoteRef + " " + u.RemoteOID + "\n")
		}
		if want := strings.TrimSuffix(strings.ReplaceAll(in, "\r\n", "\n"), "\n"); strings.TrimSuffix(b.String(), "\n") != strings.TrimSuffix(want, "\r") {
			t.Errorf("%q became %q", in, b.String())
		}
	})
}

// What a cache holds may be cut off or changed: it is read as it was written, or refused.
func FuzzParseStamps(f *testing.F) {
	f.Add([]byte("1700000000000000000\n" + strings.Repeat("ab", 32) + " 1 2 3 4 5 \"realms/a b.json\"\n"))
	f.Add([]byte("0\n"))
	f.Add([]byte("1\nab 1 2 3 4 5 x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		stamps, err := repo.ParseStamps(data)
		if err != nil {
			return
		}
		again, err := repo.ParseStamps(stamps.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(stamps, again) {
			t.Errorf("%q is read anew as something else", data)
		}
	})
}
