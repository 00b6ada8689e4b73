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
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	code := newApp().run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
