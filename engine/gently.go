package engine

import "context"

// Gently returns a context that ends when stop closes, for work that is asked to stop before it is told to:
// Apply, Rollback, Direct and Promote then begin nothing more, and what they have begun on the tenant (a write,
// the request for a lock) goes on to its answer, or until ctx itself ends. Cut off in the middle, a journey is
// half written, and nobody knows whether a lock was given.
func Gently(ctx context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	soft, cancel := context.WithCancel(context.WithValue(ctx, wholeKey{}, ctx))
	go func() {
		select {
		case <-stop:
			cancel()
		case <-soft.Done():
		}
	}()
	return soft, cancel
}

type wholeKey struct{}

// whole is the context for what should not be cut off in the middle: ctx, unless it comes from Gently.
func whole(ctx context.Context) context.Context {
	if w, ok := ctx.Value(wholeKey{}).(context.Context); ok {
		return w
	}
	return ctx
}
