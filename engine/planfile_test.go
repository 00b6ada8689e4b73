package engine_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstep-gitops/lockstep/engine"
)

func planBytes(t testing.TB, p *engine.Plan) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPlanFileRoundTrip(t *testing.T) {
	p := newRoad(t, true).plan
	data := planBytes(t, p)
	got, err := engine.ReadPlan(bytes.NewReader(data), "plan.json")
	if err != nil {
		t.Fatal(err)
	}
	if again := planBytes(t, got); !bytes.Equal(again, data) {
		t.Error(cmp.Diff(string(data), string(again)))
	}
}

func smallPlan(t testing.TB) []byte {
	return planBytes(t, mustPlan(t, set(), set(template(t, "a", "Hi <b>&</b>")), planOptions(false)))
}

func TestAlteredPlan(t *testing.T) {
	data := smallPlan(t)
	for i := range data {
		for _, bit := range []byte{1, 2, 0x20, 0x80} {
			bad := bytes.Clone(data)
			bad[i] ^= bit
			if _, err := engine.ReadPlan(bytes.NewReader(bad), "plan.json"); err == nil {
				t.Errorf("byte %d of %d (%q) as %q is taken", i, len(data), data[i], bad[i])
			}
		}
		if _, err := engine.ReadPlan(bytes.NewReader(data[:i]), "plan.json"); err == nil {
			t.Errorf("cut at byte %d is taken", i)
		}
	}
}

func TestBadPlanFiles(t *testing.T) {
	data := string(smallPlan(t))
	for name, tc := range map[string]struct{ text, want string }{
		"unknown member": {strings.Replace(data, `"kept"`, `"kapt"`, 1), `unknown field "kapt"`},
		"other format":   {strings.Replace(data, `"format": 1`, `"format": 2`, 1), "has format 2; this lockstep reads format 1"},
		"a changed word": {strings.Replace(data, "Hi ", "Ho ", 1), "was changed after it was made"},
		"one blank more": {data + " ", "was changed after it was made"},
		"no plan":        {`{"environments": {}}`, "is no plan file"},
		"a list":         {`[1]`, "is no plan file"},
		"no JSON":        {"hello", "plan.json:1:1"},
		"twice a key":    {strings.Replace(data, `"format": 1,`, `"format": 1,"format": 1,`, 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.text == data {
				t.Fatal("not altered")
			}
			_, err := engine.ReadPlan(strings.NewReader(tc.text), "plan.json")
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "plan.json") {
				t.Errorf("got %v", err)
			}
		})
	}
	var altered *engine.AlteredError
	if _, err := engine.ReadPlan(strings.NewReader(data+"\n"), "plan.json"); !errors.As(err, &altered) {
		t.Errorf("got %v", err)
	}
}

func FuzzReadPlan(f *testing.F) {
	f.Add(smallPlan(f))
	f.Add([]byte(`{"format":1,"steps":[{"number":7}]}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := engine.ReadPlan(bytes.NewReader(data), "plan.json")
		if err == nil && !bytes.Equal(planBytes(t, p), data) {
			t.Error("taken, and written otherwise")
		}
	})
}
