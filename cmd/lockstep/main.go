// Command lockstep keeps PingOne Advanced Identity Cloud tenants in lockstep with git.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// A run is short, and most of what it reads lives to its end: half the collections find little. A repository
		// of a thousand journeys takes 350 MB so, of 500 that it may.
		debug.SetGCPercent(200)
	}
	os.Exit(newApp().main())
}

// main runs the program's arguments until they are done or a signal ends them, and returns the exit code.
func (a *app) main() int {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	defer stop()
	return a.run(ctx, os.Args[1:])
}
