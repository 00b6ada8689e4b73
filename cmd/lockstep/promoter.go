package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
)

// promoter adapts the tenant's client to what the engine asks of the upper tenant.
type promoter struct{ c *tenant.Client }

func lockState(l tenant.LockResult) engine.LockState {
	return engine.LockState{Result: l.Result, Description: l.Description, PromotionID: l.PromotionID, Lower: l.LowerEnv.State, Upper: l.UpperEnv.State}
}

func (p promoter) Lock(ctx context.Context) (engine.LockState, error) {
	l, err := p.c.Lock(ctx)
	var answer *tenant.Error
	if errors.As(err, &answer) && answer.Status >= 400 && answer.Status < 500 {
		err = &lockRefused{answer}
	}
	return lockState(l), err
}

// lockRefused says, in the tenant's words alone, that it answered and did not give the lock.
type lockRefused struct{ answer *tenant.Error }

func (e *lockRefused) Error() string   { return codeAndMessage(e.answer) }
func (e *lockRefused) Unwrap() []error { return []error{engine.ErrLockRefused, e.answer} }

func (p promoter) LockState(ctx context.Context) (engine.LockState, error) {
	l, err := p.c.LockState(ctx)
	return lockState(l), err
}

func (p promoter) Unlock(ctx context.Context, id string) (engine.LockState, error) {
	l, err := p.c.Unlock(ctx, id)
	return lockState(l), err
}

func (p promoter) Promote(ctx context.Context, r engine.PromoteRequest) error {
	return blocked(p.c.Promote(ctx, tenant.PromoteRequest{DryRun: r.DryRun, IgnoreEncryptedSecrets: r.IgnoreEncryptedSecrets, Promoter: r.Promoter, Description: r.Description, Ticket: r.Ticket}))
}

func (p promoter) Rollback(ctx context.Context, r engine.PromoteRequest) error {
	err := p.c.RollbackPromotion(ctx, tenant.RollbackRequest{Promoter: r.Promoter, Description: r.Description, Ticket: r.Ticket})
	if s := tenant.StatusOf(err); s == http.StatusNotFound || s == http.StatusMethodNotAllowed || s == http.StatusNotImplemented {
		return errors.Join(engine.ErrNoRollback, err)
	}
	return blocked(err)
}

// blocked recognises the answer to a promotion after one that failed for good: 409 "Environment is blocked from a
// previous failed promotion" (tenant-api, section 9.2).
func blocked(err error) error {
	var answer *tenant.Error
	if errors.As(err, &answer) && answer.Status == http.StatusConflict && strings.Contains(strings.ToLower(answer.Message), "blocked") {
		return &refusedBlocked{answer}
	}
	return err
}

// refusedBlocked says what the tenant said, its code and its message.
type refusedBlocked struct{ answer *tenant.Error }

func (e *refusedBlocked) Error() string   { return codeAndMessage(e.answer) }
func (e *refusedBlocked) Unwrap() []error { return []error{engine.ErrBlocked, e.answer} }

// codeAndMessage is what a tenant's refusal says, as the vendor's support asks for it.
func codeAndMessage(e *tenant.Error) string { return fmt.Sprintf("%d, %s", e.Status, e.Message) }

func (p promoter) PromotionStatus(ctx context.Context) (engine.PromotionStatus, error) {
	s, err := p.c.PromotionStatus(ctx)
	return engine.PromotionStatus{
		Status: s.Status, Message: s.Message, BlockingError: s.BlockingError, GlobalLock: s.GlobalLock, PromotionID: s.PromotionID,
		MissingESVs: s.MissingESVs, EncryptedSecrets: s.EncryptedSecrets,
	}, err
}

func (p promoter) Report(ctx context.Context, id string) (engine.PromotionReport, error) {
	r, err := p.c.Report(ctx, id)
	out := engine.PromotionReport{ID: r.ReportID, PromotionID: r.PromotionID, Created: r.CreatedDate, DryRun: r.DryRun, Type: r.Type}
	for _, c := range append(r.Changes.AM, r.Changes.IDM...) {
		for _, g := range []struct {
			action  string
			entries []tenant.ReportEntry
		}{{"added", c.Change.Added}, {"modified", c.Change.Modified}, {"deleted", c.Change.Deleted}} {
			for _, e := range g.entries {
				out.Changes = append(out.Changes, engine.ReportChange{Item: c.Item, Action: g.action, Name: e.Name, Realm: strings.TrimPrefix(e.Realm, "/"), UID: e.UID})
			}
		}
	}
	return out, err
}

func (p promoter) Reports(ctx context.Context) ([]engine.PromotionReport, error) {
	metas, err := p.c.Reports(ctx)
	var out []engine.PromotionReport
	for _, m := range metas {
		out = append(out, engine.PromotionReport{ID: m.ReportID, PromotionID: m.PromotionID, Created: m.CreatedDate, DryRun: m.DryRun, Type: m.Type})
	}
	return out, err
}
