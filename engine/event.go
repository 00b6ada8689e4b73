package engine

import (
	"time"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// An Event is one thing that happened during a run. The set is closed.
type Event interface{ event() }

// StepStarted says that a step is about to be carried out.
type StepStarted struct {
	Step    int // 1-based
	Of      int
	Action  diff.Action
	Key     schema.Key
	Name    string
	Restart bool
}

// StepProgress says how a long step is going.
type StepProgress struct {
	Step    int
	Text    string
	Elapsed time.Duration
}

// StepDone says that a step is done.
type StepDone struct {
	Step    int
	Outcome string // "created", "updated", "deleted", "restarted", "already done"
	// Changed lists what the tenant made of the body on the way in, beyond defaults: nobody asked for it.
	Changed []diff.Item
	Took    time.Duration
}

// StepFailed says that a step failed; the run stops after it.
type StepFailed struct {
	Step int
	Err  error
}

// PhaseStarted and PhaseDone frame the phases of a promotion: preflight, lock, dry run, promote, report,
// unlock.
type PhaseStarted struct{ Phase string }

// PhaseProgress tells the tenant's own words about a phase.
type PhaseProgress struct {
	Phase, Text string
	Elapsed     time.Duration
}

// PhaseDone says how a phase ended; Err is nil when it went well.
type PhaseDone struct {
	Phase, Text string
	Took        time.Duration
	Err         error
}

func (StepStarted) event()   {}
func (StepProgress) event()  {}
func (StepDone) event()      {}
func (StepFailed) event()    {}
func (PhaseStarted) event()  {}
func (PhaseProgress) event() {}
func (PhaseDone) event()     {}
