// Package engine turns a difference into a plan, carries it out, and promotes it.
//
//	live Set ─┐
//	          ├─ diff.Compare ─► []Change ─ NewPlan ─► Plan ─ file ─► Apply ─► tenant
//	want Set ─┘                            (order)              │
//	                                                            └─► Journal (what was meant, what was done,
//	                                                                the bodies from before each write)
//
// A [Plan] is a value: it holds no client and no secret value, prints nothing, and means the same after
// a trip through a file. [Apply] refuses it when what it relies on has moved, keeps every body before it
// is overwritten, and writes a [Journal] so that a run which is cut off anywhere goes on where it
// stopped. A [Promotion] asks the tenants where they are before each move, so that it can be resumed by
// anyone, and never forgets a lock.
//
// The package talks to tenants only through the small interfaces it states ([Target], [Promoter],
// [ESVTarget]); it logs nothing and tells what it does by [Event] values.
package engine
