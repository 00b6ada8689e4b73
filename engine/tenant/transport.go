package tenant

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody       = 256 << 20 // of an answer; a large tenant's list of scripts is about 20 MB
	firstWait     = 500 * time.Millisecond
	longestWait   = 30 * time.Second // between two attempts, when the tenant names no time
	maxRetryAfter = 5 * time.Minute  // when it asks for more, that is the caller's decision
	reloadWait    = time.Second      // IDM reloads its filters in 70-250 ms (tenant-api, section 11.2)
)

// exchange does one HTTP exchange whole, body included, within a time limit. That the body is read here
// makes an answer that is cut off a failure of the attempt, which can be repeated.
type exchange struct {
	next    http.RoundTripper
	timeout time.Duration
	limit   int64 // of an answer, in bytes
	on      func(method, path string, status int, d time.Duration)
}

func (t *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), t.timeout)
	defer cancel()
	start := time.Now()
	resp, started, err := t.exchange(req.WithContext(ctx))
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	if t.on != nil {
		t.on(req.Method, req.URL.EscapedPath(), status, time.Since(start))
	}
	if err != nil && ctx.Err() != nil && req.Context().Err() == nil {
		return nil, &slowError{t.timeout, started}
	}
	return resp, err
}

// A slowError is an exchange that did not end within its time limit.
type slowError struct {
	limit   time.Duration
	started bool // an answer had begun
}

func (e *slowError) Error() string {
	if e.started {
		return fmt.Sprintf("the answer was not whole within %s", e.limit)
	}
	return fmt.Sprintf("nothing came within %s", e.limit)
}

func (t *exchange) exchange(req *http.Request) (_ *http.Response, started bool, _ error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(resp.Body, t.limit+1))
	if err != nil {
		return nil, true, fmt.Errorf("the answer was cut off: %w", err)
	}
	if n > t.limit {
		return nil, true, &Error{Method: req.Method, Path: req.URL.EscapedPath(), Message: fmt.Sprintf("answered with more than %d bytes", t.limit)}
	}
	resp.Body = io.NopCloser(&b)
	return resp, true, nil
}

// retry repeats what can be repeated: see repeatable.
type retry struct {
	next    http.RoundTripper
	retries int
	jitter  func() float64 // in [0,1)
}

func (t *retry) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, raced := req.Context(), false
	for n := 0; ; n++ {
		attempt, err := fresh(req)
		if err != nil {
			return nil, err
		}
		resp, err := t.next.RoundTrip(attempt)
		var wait time.Duration
		switch {
		case !repeatable(req) || ctx.Err() != nil:
			return resp, err
		case err == nil && !raced && isReload(req, resp):
			// Does not count as an attempt: the token is good and nothing is overloaded.
			raced, wait = true, reloadWait
			n--
		case n >= t.retries:
			return resp, err
		default:
			var again bool
			if wait, again = t.wait(resp, err, n); !again {
				return resp, err
			}
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("%w while waiting to try again", err)
		}
	}
}

// wait says whether to try again, and after how long.
func (t *retry) wait(resp *http.Response, err error, n int) (time.Duration, bool) {
	backoff := min(firstWait<<min(n, 10), longestWait)
	backoff = backoff/2 + time.Duration(t.jitter()*float64(backoff/2))
	if err != nil {
		return backoff, isTransient(err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return 0, false
	}
	if asked, ok := retryAfter(resp.Header, time.Now()); ok {
		// Never sooner than the tenant asked.
		return asked, asked <= maxRetryAfter
	}
	return backoff, true
}

// fresh is the request for one more attempt, with its body at the start.
func fresh(req *http.Request) (*http.Request, error) {
	if req.GetBody == nil {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	r := req.Clone(req.Context())
	r.Body = body
	return r, nil
}

// safeActions are POSTs that only read, or that may come twice: the tenant keeps one description, and
// gives back the latest version of a secret when a new one has the same value (tenant-api, section 5).
var safeActions = map[string]bool{"nextdescendents": true, "getAllTypes": true, "getType": true, "schema": true, "setDescription": true}

// repeatable says whether sending the request twice does no more than sending it once. A lock, a
// promotion, a restart and the opening of a session do not belong here: who sends them asks the tenant what became
// of them. A session that the first try opened would refuse the second.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case http.MethodPut:
		return req.URL.Path != sessionPath+"/init"
	case http.MethodGet, http.MethodDelete:
		return true
	case http.MethodPost:
		action := req.URL.Query().Get("_action")
		return safeActions[action] || req.URL.Path == tokenPath ||
			action == "create" && strings.HasPrefix(req.URL.Path, secretsPath+"/") && strings.HasSuffix(req.URL.Path, "/versions")
	}
	return false
}

// isReload recognises the moment in which IDM refuses a good token, because it reloads its filters.
func isReload(req *http.Request, resp *http.Response) bool {
	if !strings.HasPrefix(req.URL.Path, "/openidm/") || resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
		return false
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return err == nil && bytes.Contains(bytes.ToLower(body), []byte(`"access denied"`))
}

// isTransient says whether a connection's failure may pass by itself.
func isTransient(err error) bool {
	var refused *Error
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &refused): // the token was refused, or the answer is too long
		return false
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &dns) && dns.IsNotFound:
		return false
	case errors.As(err, &cert) || errors.As(err, &authority):
		return false
	}
	return true
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0, false
	}
	if s, err := strconv.ParseInt(v, 10, 32); err == nil {
		return max(0, time.Duration(s)*time.Second), true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	return max(0, at.Sub(now)), true
}

// sleep waits, or ends with the context.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
