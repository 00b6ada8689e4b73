package tenant

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// All promotion calls go to the upper tenant, with an account of the upper tenant; it pulls from the
// lower (tenant-api, section 9). No POST of them is ever repeated by itself: who gets an error asks
// LockState or PromotionStatus what became of it.
const promotionPath = "/environment/promotion"

// The states of a lock.
const (
	Unlocked  = "unlocked"
	Locking   = "locking"
	Locked    = "locked"
	Unlocking = "unlocking"
	LockError = "error"
)

// A LockSide is the lock of one of the two tenants.
type LockSide struct {
	PromotionID string `json:"promotionId,omitempty"`
	State       string `json:"state"`
	ProxyState  string `json:"proxyState,omitempty"`
}

// A LockResult is the state of the lock that a promotion needs.
type LockResult struct {
	Result      string   `json:"result"` // one of the states above
	PromotionID string   `json:"promotionId,omitempty"`
	Description string   `json:"description,omitempty"` // for people; differs between releases
	LowerEnv    LockSide `json:"lowerEnv"`
	UpperEnv    LockSide `json:"upperEnv"`
}

// Locked says whether both tenants are locked.
func (l LockResult) Locked() bool {
	return l.Result == Locked && l.side(l.LowerEnv, Locked) && l.side(l.UpperEnv, Locked)
}

// Unlocked says whether neither tenant is locked.
func (l LockResult) Unlocked() bool {
	return l.Result == Unlocked && l.side(l.LowerEnv, Unlocked) && l.side(l.UpperEnv, Unlocked)
}

// side holds for a side that is not told of: some answers leave it out.
func (LockResult) side(s LockSide, state string) bool { return s.State == "" || s.State == state }

// A PromoteRequest asks for a promotion. The texts go into the tenant's own history.
type PromoteRequest struct {
	DryRun                 bool   `json:"dryRun"`
	IgnoreEncryptedSecrets bool   `json:"ignoreEncryptedSecrets"`
	UnlockAfter            bool   `json:"unlockEnvironmentsAfterPromotion"`
	Promoter               string `json:"promoter,omitempty"`
	Description            string `json:"promotionDescription,omitempty"`
	Ticket                 string `json:"zendeskTicketReference,omitempty"`
}

// A RollbackRequest asks for the most recent promotion to be undone.
type RollbackRequest struct {
	UnlockAfter bool   `json:"unlockEnvironmentsAfterPromotion"`
	Promoter    string `json:"promoter,omitempty"`
	Description string `json:"promotionDescription,omitempty"`
	Ticket      string `json:"zendeskTicketReference,omitempty"`
}

// The states of a promotion.
const (
	PromotionReady   = "READY"
	PromotionRunning = "RUNNING"
	PromotionError   = "ERROR"
)

// A PromotionStatus says how far a promotion is. It means something only while the tenants are locked.
type PromotionStatus struct {
	Status        string `json:"status"` // one of the states above
	Message       string `json:"message"`
	BlockingError bool   `json:"blockingError"` // only the vendor's support can clear it
	GlobalLock    string `json:"globalLock"`    // LOCKED
	PromotionID   string `json:"promotionId,omitempty"`
	TimeStamp     string `json:"timeStamp,omitempty"`
	Type          string `json:"type,omitempty"` // promotion or rollback; older tenants don't say
	// MissingESVs are dotted placeholder names, less "esv": email.from means esv-email-from.
	MissingESVs []string `json:"missingESVs,omitempty"`
	// EncryptedSecrets are files and lines in the tenant's own repository.
	EncryptedSecrets []string `json:"encryptedSecrets,omitempty"`
}

// A Report says what a promotion changed, or would change.
type Report struct {
	ReportID         string   `json:"reportId"`
	ReportName       string   `json:"reportName,omitempty"`
	PromotionID      string   `json:"promotionId"`
	CreatedDate      string   `json:"createdDate"`
	DryRun           bool     `json:"dryRun"`
	Type             string   `json:"type,omitempty"`
	Promoter         string   `json:"promoter,omitempty"`
	Description      string   `json:"promotionDescription,omitempty"`
	MissingESVs      []string `json:"missingESVs,omitempty"`
	EncryptedIgnored []string `json:"previouslyIgnoredEncryptedSecrets,omitempty"`
	Changes          struct {
		AM  []ReportChange `json:"AMConfig,omitempty"`
		IDM []ReportChange `json:"IDMConfig,omitempty"`
	} `json:"report"`
}

// A ReportChange is what a report says of one kind of configuration.
type ReportChange struct {
	Item   string `json:"configItem"` // "Journeys", "Email > Templates"
	Change struct {
		Added    []ReportEntry `json:"added,omitempty"`
		Deleted  []ReportEntry `json:"deleted,omitempty"`
		Modified []ReportEntry `json:"modified,omitempty"`
	} `json:"configChange"`
}

// A ReportEntry names one resource. Older tenants give the name alone.
type ReportEntry struct {
	Name  string `json:"name,omitempty"`
	Realm string `json:"realm,omitempty"` // "/alpha"
	UID   string `json:"uid,omitempty"`
}

// UnmarshalJSON reads an object, or a name.
func (e *ReportEntry) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*e = ReportEntry{}
		return json.Unmarshal(b, &e.Name)
	}
	type plain ReportEntry
	return json.Unmarshal(b, (*plain)(e))
}

// A ReportMeta is a line in the list of reports.
type ReportMeta struct {
	ReportID    string `json:"reportId"`
	PromotionID string `json:"promotionId"`
	CreatedDate string `json:"createdDate"`
	DryRun      bool   `json:"dryRun"`
	Type        string `json:"type,omitempty"`
	Promoter    string `json:"promoter,omitempty"`
}

func promotionCall(method, path string) call {
	return call{method: method, path: promotionPath + path, version: environmentVersion}
}

// Lock begins to lock this tenant and the one below it. The error of a tenant that is locked already
// fulfils IsLocked, and LockedBy has the promotion's id.
func (c *Client) Lock(ctx context.Context) (LockResult, error) {
	var l LockResult
	err := c.into(ctx, promotionCall(http.MethodPost, "/lock"), &l)
	return l, err
}

// LockState reads the lock's state.
func (c *Client) LockState(ctx context.Context) (LockResult, error) {
	var l LockResult
	err := c.into(ctx, promotionCall(http.MethodGet, "/lock/state"), &l)
	return l, err
}

// Unlock begins to unlock the two tenants.
func (c *Client) Unlock(ctx context.Context, promotionID string) (LockResult, error) {
	var l LockResult
	err := c.into(ctx, promotionCall(http.MethodDelete, "/lock/"+url.PathEscape(promotionID)), &l)
	return l, err
}

// Promote starts a promotion, or a dry run of one.
func (c *Client) Promote(ctx context.Context, p PromoteRequest) error {
	k := promotionCall(http.MethodPost, "/promote")
	k.body = p
	_, err := c.send(ctx, k)
	return err
}

// RollbackPromotion starts undoing the most recent promotion.
func (c *Client) RollbackPromotion(ctx context.Context, r RollbackRequest) error {
	k := promotionCall(http.MethodPost, "/rollback")
	k.body = r
	_, err := c.send(ctx, k)
	return err
}

// PromotionStatus reads how far the promotion is.
func (c *Client) PromotionStatus(ctx context.Context) (PromotionStatus, error) {
	var s PromotionStatus
	err := c.into(ctx, promotionCall(http.MethodGet, "/promote"), &s)
	return s, err
}

// The reports that have a name in an id's place.
const (
	Provisional         = "provisional"          // what changed since the last promotion
	ProvisionalRollback = "provisional-rollback" // what a rollback would undo
)

// Report reads a report: the last one when id is empty.
func (c *Client) Report(ctx context.Context, id string) (Report, error) {
	var r Report
	path := "/report"
	if id != "" {
		path += "/" + url.PathEscape(id)
	}
	err := c.into(ctx, promotionCall(http.MethodGet, path), &r)
	return r, err
}

// Reports lists the reports, in the order of their dates.
func (c *Client) Reports(ctx context.Context) ([]ReportMeta, error) {
	var l []ReportMeta
	err := c.into(ctx, promotionCall(http.MethodGet, "/reports"), &l)
	return l, err
}

// ESVName is the ESV that a promotion's word for a missing one means: "email.from" is esv-email-from.
func ESVName(missing string) string {
	name := strings.ReplaceAll(missing, ".", "-")
	if strings.HasPrefix(name, "esv-") {
		return name
	}
	return "esv-" + name
}
