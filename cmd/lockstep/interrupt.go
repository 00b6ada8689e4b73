package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/lockstep-gitops/lockstep/engine"
)

// stopSignals ask the program to end: Ctrl-C, a job that is cancelled, a terminal that is gone. Under nohup the
// last is none of our business.
func stopSignals() []os.Signal {
	s := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		s = append(s, syscall.SIGHUP)
	}
	return s
}

// slowStop is how long a run may take to stop before it is said why it does.
const slowStop = 2 * time.Second

// gently returns a context for work on a tenant. When ctx ends, nothing more is begun, and what was begun is
// carried to its end; the next signal cuts that off.
func (a *app) gently(ctx context.Context) (context.Context, context.CancelFunc) {
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-ctx.Done():
		case <-hard.Done():
			return
		}
		next, stop := signal.NotifyContext(hard, stopSignals()...)
		defer stop()
		select {
		case <-next.Done():
		case <-time.After(slowStop):
			a.note("\nInterrupted: what the tenant was asked for is seen to its end first. Once more cuts it off.")
			<-next.Done()
		}
		cut()
	}()
	soft, stop := engine.Gently(hard, ctx.Done())
	return soft, func() { stop(); cut() }
}

// withoutPipe keeps a closed pipe from ending the process in the middle of a run: whoever reads the output may
// go away, the lock and the half of a plan would stay. The function that it returns ends that.
func withoutPipe() func() {
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	return func() { signal.Stop(pipe) }
}

// interrupted asks what to do with the lock of a promotion, and does it. Each further signal leads one way down:
// from finishing to the question, from the question to unlocking, from unlocking to leaving the lock with the
// command that gives it back. done is true when the promotion came to its end after all: result and err are
// its own then, and the context is one that the next signal ends.
func (w *promotionRun) interrupted(ctx context.Context) (_ context.Context, result engine.PromotionResult, done bool, err error) {
	cause := ctx.Err()
	for choice := w.o.onInterrupt; ; choice = "ask" {
		next, stop := signal.NotifyContext(context.WithoutCancel(ctx), stopSignals()...)
		if choice == "ask" {
			choice = w.a.askInterrupted(next)
		}
		if choice == "leave" {
			stop()
			return ctx, result, false, w.left(cause)
		}
		if next.Err() != nil { // at the question
			stop()
			next, stop = signal.NotifyContext(context.WithoutCancel(ctx), stopSignals()...)
		}
		work, end := w.a.gently(next)
		if choice == "finish" {
			result, err = engine.Promote(work, promoter{w.pr.upperC}, w.j, w.opts)
		} else {
			err = w.leave(work, cause)
		}
		again := err != nil && work.Err() != nil && engine.LockHeld(w.j.Records)
		end()
		if choice == "finish" && !again {
			return next, result, true, err // its signals are those of the rest
		}
		stop()
		switch {
		case choice == "finish":
		case again:
			return ctx, result, false, w.left(cause)
		default:
			return ctx, result, false, err
		}
	}
}

// left says how to go on with a promotion whose lock may still be held.
func (w *promotionRun) left(cause error) error {
	return &interruptedError{err: cause, text: "Interrupted. The tenants may be locked.\n" + w.ways()}
}

// ways are the commands that go on with a promotion and that give its lock back; the last line is the latter.
func (w *promotionRun) ways() string {
	goOn := "promote resume"
	if w.o.rollback {
		goOn = "promote rollback"
	}
	me := w.a.commandLine()
	return fmt.Sprintf("Go on:   %s %s %s\nUnlock:  %s promote unlock %s", me, goOn, w.pr.upper.Name, me, w.pr.upper.Name)
}

// leave gives the lock back, once what runs on the tenant is over.
func (w *promotionRun) leave(ctx context.Context, cause error) error {
	opts := w.opts
	opts.Poll = min(opts.Poll, 2*time.Second)
	if onLoopback(w.pr.upperC.URL()) {
		opts.Poll = min(opts.Poll, 20*time.Millisecond)
	}
	opts.On = func(e engine.Event) {
		if p, ok := e.(engine.PhaseStarted); ok && p.Phase == "wait" {
			// Said beforehand: a job that is cancelled may be killed before the tenant is done.
			fmt.Fprintf(w.a.stderr, "\nThe tenant is still at it, and keeps its lock until it is done; then it is given back.\nIf this is cut off before:\n%s\n", w.ways())
		}
		w.view.event(e)
	}
	result, err := engine.Leave(ctx, promoter{w.pr.upperC}, w.j, opts)
	w.keepReports(result)
	name := w.pr.upper.Name
	var other *engine.LockedError
	switch {
	case errors.As(err, &other):
		return &interruptedError{err: cause, text: "Interrupted. Nothing was promoted.\n" + other.Error()}
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		return w.stopped(ctx, err, result)
	case result.Report == nil:
		return &interruptedError{err: cause, text: "Interrupted. Both environments are unlocked; nothing more was promoted."}
	case w.o.rollback:
		return &interruptedError{err: cause, text: "Interrupted. The rollback was carried out all the same; both environments are unlocked.\nWhat it changed:  lockstep promote report " + name}
	}
	return &interruptedError{err: cause, text: "Interrupted. It was promoted all the same; both environments are unlocked.\nWhat it changed:  lockstep promote report " + name}
}

// askInterrupted asks on the terminal; without one, or without an answer, the lock is given back.
func (a *app) askInterrupted(ctx context.Context) string {
	for a.canAsk() {
		answer, err := a.question(ctx, "\nInterrupted. [f]inish the promotion, [u]nlock and leave, or leave the [l]ock? [f/u/l] ")
		switch {
		case err != nil:
			return "unlock"
		case strings.HasPrefix("finish", answer) && answer != "":
			return "finish"
		case strings.HasPrefix("unlock", answer) && answer != "":
			return "unlock"
		case strings.HasPrefix("leave", answer) && answer != "" || answer == "lock":
			return "leave"
		}
	}
	return "unlock"
}

// commandLine is how this program is called in a command that somebody is told to type: with the flags that
// say which project is meant.
func (a *app) commandLine() string {
	line := "lockstep"
	for _, f := range []struct{ name, value string }{{"-C", a.chdir}, {"--config", a.configFile}} {
		if f.value == "" || f.name == "-C" && f.value == "." {
			continue
		}
		if strings.ContainsAny(f.value, " '\"$&;()*?<>|\\") {
			f.value = "'" + strings.ReplaceAll(f.value, "'", `'\''`) + "'"
		}
		line += " " + f.name + " " + f.value
	}
	return line
}
