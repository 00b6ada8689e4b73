package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// An appender is one of many clients that append words to the same object, each
// conditionally: read, append, write with If-Match. What it was told to be written
// must be there at the end, once.
type appender struct {
	*client
	path         string
	read, append func(body m, word string) (words []string, after m)
	confirmed    []string
	retries      int
}

// add appends one word, whatever goes wrong on the way.
func (a *appender) add(word string) error {
	for range 2000 {
		a.retries++
		got, err := a.send("GET", a.path, nil)
		if err != nil || got.status != http.StatusOK {
			continue // cut, or told to come again
		}
		words, _ := a.read(got.object(), "")
		if slices.Contains(words, word) { // the write came through, its answer didn't
			a.confirmed = append(a.confirmed, word)
			return nil
		}
		_, after := a.append(got.object(), word)
		put, err := a.send("PUT", a.path, after, "If-Match", got.header.Get("ETag"))
		if err == nil && put.status == http.StatusOK {
			a.confirmed = append(a.confirmed, word)
			return nil
		}
	}
	return fmt.Errorf("%s: %s could not be written in 2000 tries", a.path, word)
}

// TestLoad lets eight clients write and read two objects while requests are refused,
// cut off before and after the write, and in the body: no update is lost that
// If-Match should have caught, none is written twice, and all come to an end.
func TestLoad(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.dev.login()
	object, journey := "/openidm/managed/alpha_thing/o", trees+"t"
	w.dev.want(201, "PUT", object, m{"words": []any{}})
	w.dev.want(201, "PUT", nodes+"MessageNode/e", m{})
	w.dev.want(201, "PUT", journey, tree("e", m{"e": "MessageNode"}))
	faults, err := sim.ParseFaults([]string{"every=7:429:1s", "every=11:503", "every=13:500", "cut-before-every=5",
		"cut-after-every=6", "cut-body-every=9"})
	if err != nil {
		t.Fatal(err)
	}
	w.dev.tenant.SetFaults(faults)

	inList := func(body m, word string) ([]string, m) {
		list, _ := body["words"].([]any)
		var words []string
		for _, v := range list {
			words = append(words, v.(string))
		}
		return words, m{"words": append(slices.Clone(list), word)}
	}
	inText := func(body m, word string) ([]string, m) {
		text, _ := body["description"].(string)
		after := tree("e", m{"e": "MessageNode"})
		after["description"] = strings.TrimSpace(text + " " + word)
		return strings.Fields(text), after
	}
	const clients, words = 8, 12
	var all []*appender
	var wait sync.WaitGroup
	failures := make(chan error, 2*clients)
	for i := range clients {
		one := *w.dev
		a := &appender{client: &one, path: object, read: inList, append: inList}
		if i%2 == 1 {
			a.path, a.read, a.append = journey, inText, inText
		}
		all = append(all, a)
		wait.Go(func() {
			for j := range words {
				if err := a.add(fmt.Sprintf("%d-%d", i, j)); err != nil {
					failures <- err
					return
				}
				// Others look on meanwhile.
				_, _ = a.send("GET", trees+"?_queryFilter=true", nil)
				_, _ = a.send("GET", "/openidm/config?_queryFilter=true", nil)
			}
		})
	}
	wait.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	w.dev.tenant.Heal()
	have := map[string][]string{}
	have[object], _ = inList(w.dev.want(200, "GET", object, nil).object(), "")
	have[journey], _ = inText(w.dev.want(200, "GET", journey, nil).object(), "")
	retries := 0
	for _, a := range all {
		retries += a.retries
		for _, word := range a.confirmed {
			if n := count(have[a.path], word); n != 1 {
				t.Errorf("%s stands %d times in %s", word, n, a.path)
			}
		}
	}
	if n := len(have[object]) + len(have[journey]); n != clients*words {
		t.Errorf("%d words were written, want %d", n, clients*words)
	}
	statuses := map[int]int{}
	for _, c := range w.dev.tenant.Counts() {
		for status, n := range c.Statuses {
			statuses[status] += n
		}
	}
	raw, _ := json.Marshal(statuses)
	t.Logf("%d tries for %d words; answers by status: %s", retries, clients*words, raw)
	for _, status := range []int{0, 412, 429, 500, 503} {
		if statuses[status] == 0 {
			t.Errorf("no request ended with %d", status)
		}
	}
}

func count(l []string, s string) int {
	n := 0
	for _, e := range l {
		if e == s {
			n++
		}
	}
	return n
}
