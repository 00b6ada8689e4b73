package sim

import (
	"net/http"
	"strings"
	"time"
)

// logSources are a tenant's, as recorded in 2023.
func logSources() []any {
	return []any{"am-access", "am-activity", "am-authentication", "am-config", "am-core", "am-everything",
		"idm-access", "idm-activity", "idm-authentication", "idm-config", "idm-core", "idm-everything", "idm-recon", "idm-sync"}
}

// serveLogs answers for the logs of a tenant, which hold nothing, and for its health. Logs have keys of their own:
// any will do.
func (t *Tenant) serveLogs(r *request) *reply {
	if r.method != http.MethodGet && r.method != http.MethodHead {
		return unknown(r)
	}
	path := strings.TrimSuffix(r.path, "/")
	if path == "/monitoring/health" {
		return &reply{status: http.StatusOK, raw: []byte("OK"), kind: "text/plain; charset=utf-8"}
	}
	if (r.header.Get("X-Api-Key") == "" || r.header.Get("X-Api-Secret") == "") && t.authorize(r, "") != nil {
		return envRefusal(http.StatusUnauthorized, "unauthorized")
	}
	switch path {
	case "/monitoring/logs/sources":
		return ok(with(envelope(logSources(), "NONE", 1, 0), "resultCount", len(logSources())))
	case "/monitoring/logs", "/monitoring/logs/tail":
		return ok(envelope(nil, "NONE", -1, -1))
	}
	return unknown(r)
}

// serveLogKeys makes keys for the logs, and forgets them.
func (t *Tenant) serveLogKeys(r *request) *reply {
	if a := t.authorize(r, ""); a != nil {
		return envRefusal(http.StatusUnauthorized, "unauthorized")
	}
	switch {
	case len(r.segs) == 1 && r.method == http.MethodGet:
		return ok(envelope(nil, "NONE", -1, -1))
	case len(r.segs) == 1 && r.isAction("create"):
		body, a := jsonBody(r)
		if a != nil {
			return a
		}
		return ok(object{"name": body["name"], "api_key_id": strings.ReplaceAll(newUUID(), "-", ""),
			"api_key_secret": strings.ReplaceAll(newUUID()+newUUID(), "-", ""), "created_at": t.now().UTC().Format(time.RFC3339)})
	case len(r.segs) == 2 && (r.method == http.MethodGet || r.method == http.MethodDelete):
		return envRefusal(http.StatusNotFound, "not found")
	}
	return unknown(r)
}
