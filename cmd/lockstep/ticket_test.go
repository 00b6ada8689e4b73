package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
)

// reportsOf is a tenant that has these reports, in no order.
type reportsOf struct {
	engine.Promoter
	reports []engine.PromotionReport
}

func (r reportsOf) Reports(context.Context) ([]engine.PromotionReport, error) { return r.reports, nil }

// The backup to restore is from before the last promotion, however long that is ago: a later one holds what is
// to be undone.
func TestTicketRevert(t *testing.T) {
	e := &config.Environment{Name: "live", URL: "https://openam-acme-prod.id.forgerock.io", Role: "production"}
	last, err := lastPromotion(t.Context(), reportsOf{reports: []engine.PromotionReport{
		{Created: "2026-11-01T00:30:00Z"}, {Created: "2026-10-05T12:00:00Z"}, {Created: "2026-11-03T12:00:00Z", DryRun: true},
		{Created: "2026-11-04T12:00:00Z", Type: "rollback"}, {Created: "yesterday"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	text := ticketRevert(e, last)
	for _, want := range []string{"openam-acme-prod.id.forgerock.io\n", "Restore from backup\n", " Prod\n", " 2026-10-31\n", "of 2026-11-01;"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	// Without the tenant's word there is a gap to fill in, and no guess.
	if text := ticketRevert(e, time.Time{}); !strings.Contains(text, "YYYY-MM-DD, from before the promotion") {
		t.Error(text)
	}
	for role, want := range map[string]string{"development": "Dev", "uat": "UAT", "staging": "Staging", "production": "Prod"} {
		if got := ticketOption(&config.Environment{Role: role}); got != want {
			t.Errorf("%s is %s, not %s", role, got, want)
		}
	}
}
