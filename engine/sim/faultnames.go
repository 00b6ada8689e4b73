package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A faultName is how a fault is spelled where people ask for one: on a command line,
// and at the admin endpoint.
type faultName struct {
	name, value, doc string
	set              func(f *Faults, value string) error
}

func faultNames() []faultName {
	span := func(at func(*Faults) *time.Duration) func(*Faults, string) error {
		return func(f *Faults, v string) error {
			d, err := time.ParseDuration(v)
			if err == nil && d < 0 {
				err = fmt.Errorf("%s is negative", v)
			}
			*at(f) = d
			return err
		}
	}
	count := func(at func(*Faults) *int) func(*Faults, string) error {
		return func(f *Faults, v string) error {
			n, err := strconv.Atoi(v)
			if err == nil && n < 0 {
				err = fmt.Errorf("%s is negative", v)
			}
			*at(f) = n
			return err
		}
	}
	flag := func(at func(*Faults) *bool) func(*Faults, string) error {
		return func(f *Faults, v string) error {
			on, err := strconv.ParseBool(v)
			*at(f) = on
			return err
		}
	}
	return []faultName{
		{"latency", "50ms", "added to every request", span(func(f *Faults) *time.Duration { return &f.Latency })},
		{"jitter", "20ms", "up to this much more, different each time", span(func(f *Faults) *time.Duration { return &f.Jitter })},
		{"seed", "1", "what the jitter is drawn from", func(f *Faults, v string) (err error) {
			f.Seed, err = strconv.ParseUint(v, 10, 64)
			return err
		}},
		{"every", "10:429:2s", "every Nth request gets this status, with Retry-After; may be given again", addEvery},
		{"html", "true", "refuse with the proxy's HTML page", flag(func(f *Faults) *bool { return &f.HTML })},
		{"cut-before-write", "3", "cut the connection of the Nth write, which is not carried out", count(func(f *Faults) *int { return &f.CutBeforeWrite })},
		{"cut-after-write", "3", "carry the Nth write out and cut before the answer", count(func(f *Faults) *int { return &f.CutAfterWrite })},
		{"cut-body", "3", "break the Nth answer off in its body", count(func(f *Faults) *int { return &f.CutBody })},
		{"cut-before-every", "10", "cut-before-write at every Nth", count(func(f *Faults) *int { return &f.CutBeforeEvery })},
		{"cut-after-every", "10", "cut-after-write at every Nth", count(func(f *Faults) *int { return &f.CutAfterEvery })},
		{"cut-body-every", "10", "cut-body at every Nth", count(func(f *Faults) *int { return &f.CutBodyEvery })},
		{"crash-after-write", "3", "answer nobody any more after the Nth write", count(func(f *Faults) *int { return &f.CrashAfterWrite })},
		{"second-administrator", "5", "edit an object after every Nth read of one", count(func(f *Faults) *int { return &f.SecondAdministrator })},
		{"reload-window", "250ms", "IDM answers 401 for so long after a write of access or authentication", span(func(f *Faults) *time.Duration { return &f.ReloadWindow })},
		{"slow-restart", "1m", "added to every restart", span(func(f *Faults) *time.Duration { return &f.SlowRestart })},
		{"slow-phases", "30s", "added to each phase of a promotion", span(func(f *Faults) *time.Duration { return &f.SlowPhases })},
		{"lock-held", "true", "another promotion holds the lock", flag(func(f *Faults) *bool { return &f.LockHeld })},
		{"maintenance", "true", "locked by the vendor for maintenance", flag(func(f *Faults) *bool { return &f.Maintenance })},
		{"fail-lock", "TEXT", "the next lock ends in an error of this text", func(f *Faults, v string) error {
			f.FailLock = v
			return nil
		}},
		{"fail-promotion", "true", "the next promotion ends in a blocking error", flag(func(f *Faults) *bool { return &f.FailPromotion })},
	}
}

// addEvery reads N:STATUS or N:STATUS:RETRYAFTER.
func addEvery(f *Faults, v string) error {
	parts := strings.Split(v, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return fmt.Errorf("want N:STATUS or N:STATUS:RETRYAFTER, as in 10:429:2s")
	}
	n, err := strconv.Atoi(parts[0])
	if err != nil || n < 1 {
		return fmt.Errorf("%q is no count", parts[0])
	}
	status, err := strconv.Atoi(parts[1])
	if err != nil || status < 200 || status > 599 {
		return fmt.Errorf("%q is no HTTP status", parts[1])
	}
	e := Every{N: n, Status: status}
	if len(parts) == 3 {
		if e.RetryAfter, err = time.ParseDuration(parts[2]); err != nil {
			return err
		}
	}
	f.Every = append(f.Every, e)
	return nil
}

// Set sets one fault from text: "latency=50ms", "every=10:429:2s", "maintenance".
func (f *Faults) Set(text string) error {
	name, value, given := strings.Cut(text, "=")
	all := faultNames()
	i := slices.IndexFunc(all, func(n faultName) bool { return n.name == name })
	if i < 0 {
		var known []string
		for _, n := range all {
			known = append(known, n.name)
		}
		return fmt.Errorf("there is no fault %q; there are %s", name, strings.Join(known, ", "))
	}
	if !given {
		if all[i].value != "true" && all[i].name != "fail-lock" {
			return fmt.Errorf("fault %s needs a value, as in %s=%s", name, name, all[i].value)
		}
		value = "true"
	}
	if err := all[i].set(f, value); err != nil {
		return fmt.Errorf("fault %s: %w", text, err)
	}
	return nil
}

// FaultHelp is a table of the faults that Set knows.
func FaultHelp() string {
	var b strings.Builder
	for _, n := range faultNames() {
		fmt.Fprintf(&b, "  %-28s %s\n", n.name+"="+n.value, n.doc)
	}
	return b.String()
}
