package tenant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// An Error is a request that the tenant refused, or never answered (Status 0). A 404 is
// fs.ErrNotExist, unless a front end answered in the tenant's place.
type Error struct {
	Env          string // the environment's name
	Method, Path string
	Status       int
	Code         string        // the tenant's own code where it says more than Status: "invalid_scope"
	Message      string        // the tenant's words, one line, less everything that could be a secret
	Summary      string        // our words for what happened, where there are better ones; one line
	Hint         string        // the way out
	RetryAfter   time.Duration // how long the tenant asked to wait; 0 when it did not

	valid []string // the attributes the tenant knows, when it refused one
	html  bool     // a page for people came back: no word of the API's
	cause error
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Env != "" {
		b.WriteString(e.Env + ": ")
	}
	at := e.Method + " " + e.Path
	switch {
	case e.Summary != "":
		b.WriteString(e.Summary)
		if e.Status != 0 {
			fmt.Fprintf(&b, "\n  Tenant answered %s at %s.", e.answer(), e.Path)
		} else if e.cause != nil {
			b.WriteString(": " + e.cause.Error())
		}
	case e.Status != 0:
		fmt.Fprintf(&b, "%s: %s", at, e.answer())
		if e.Message != "" {
			b.WriteString(": " + e.Message)
		}
	default:
		b.WriteString(at)
		if e.Message != "" {
			b.WriteString(": " + e.Message)
		}
		if e.cause != nil {
			b.WriteString(": " + e.cause.Error())
		}
	}
	for line := range strings.SplitSeq(e.Hint, "\n") {
		if line != "" {
			b.WriteString("\n  " + line)
		}
	}
	return b.String()
}

func (e *Error) answer() string {
	s := strconv.Itoa(e.Status)
	if e.Code != "" {
		return s + " " + e.Code
	}
	if t := http.StatusText(e.Status); t != "" {
		return s + " " + t
	}
	return s
}

// Is makes a 404 fs.ErrNotExist and a 403 fs.ErrPermission.
func (e *Error) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return e.Status == http.StatusNotFound && !e.html
	case fs.ErrPermission:
		return e.Status == http.StatusForbidden
	}
	return false
}

// Unwrap gives the failure of the connection, if that is what it was.
// Refused says that the tenant understood and said no: asking again gives the same answer.
func (e *Error) Refused() bool {
	return e.Status >= 400 && e.Status < 500 && e.Status != http.StatusUnauthorized && e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooManyRequests
}

func (e *Error) Unwrap() error { return e.cause }

// StatusOf is the HTTP status of the Error in err's chain; 0 when there is none.
func StatusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// IsLocked says whether the tenant refused because it is locked, or because a promotion is under way or
// blocks it. The texts are tenant-api's, section 9.2.
func IsLocked(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	if e.Status == http.StatusLocked {
		return true
	}
	text := strings.ToLower(e.Message)
	return (e.Status == http.StatusConflict || e.Status == http.StatusForbidden) &&
		(strings.Contains(text, "locked") || strings.Contains(text, "blocked from a previous failed promotion")) &&
		!IsNotLocked(err)
}

// IsMaintenance says whether the tenant refused because the vendor has locked it (tenant-api, section 9.2).
func IsMaintenance(err error) bool {
	var e *Error
	return errors.As(err, &e) && IsLocked(err) && strings.Contains(strings.ToLower(e.Message), "maintenance")
}

// IsNotLocked says whether the tenant refused because it is not locked. It says so while locking and
// unlocking too: ask LockState before believing that no lock is left.
func IsNotLocked(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusConflict && strings.Contains(strings.ToLower(e.Message), "not in locked state")
}

var uuid = regexp.MustCompile(`[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

// LockedBy is the id of the promotion that holds the lock, when the refusal names it.
func LockedBy(err error) string {
	var e *Error
	if !errors.As(err, &e) || !IsLocked(err) {
		return ""
	}
	return uuid.FindString(e.Message)
}

// noAnswer is the error of a request that failed before there was an answer.
func (c *Client) noAnswer(method, path string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	e = &Error{Env: c.name, Method: method, Path: path, cause: err}
	if !errors.Is(err, context.Canceled) {
		e.Message = "no answer from " + strings.TrimPrefix(strings.TrimPrefix(c.base, "https://"), "http://")
	}
	return e
}

// bad is the error of an answer that is not what the API promises.
func (c *Client) bad(k call, message string) error {
	return &Error{Env: c.name, Method: k.method, Path: k.path, Message: message}
}

// refusal makes an Error of an answer that is none of success; nil for success.
func (c *Client) refusal(k call, resp *http.Response, body []byte) error {
	e := &Error{Env: c.name, Method: k.method, Path: k.path, Status: resp.StatusCode}
	e.RetryAfter, _ = retryAfter(resp.Header, time.Now())
	e.html = isHTML(resp.Header, body)
	ok := resp.StatusCode >= 200 && resp.StatusCode < 300
	switch {
	case ok && (!e.html || k.text):
		return nil
	case e.html && (ok || resp.StatusCode == http.StatusNotFound):
		e.Message = "answered HTML where JSON was due"
		e.Hint = "Is this the tenant's URL? " + c.base
		return e
	case e.html:
		e.Message = "the front end refused it, with an HTML page"
		return e
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e.Message = "answered with a redirect, which is not followed"
		e.Hint = "Is this the tenant's URL? " + c.base
		return e
	}
	readRefusal(e, resp, body, k.hide)
	if resp.StatusCode == http.StatusUnauthorized {
		e.Hint = c.tokens.unauthorizedHint()
	}
	return e
}

func readRefusal(e *Error, resp *http.Response, body []byte, hide []string) {
	var b struct {
		Code        json.RawMessage `json:"code"`
		Message     string          `json:"message"`
		Error       string          `json:"error"`
		Description string          `json:"error_description"`
		Detail      json.RawMessage `json:"detail"` // may repeat what was sent: only the attributes' names are taken
	}
	if json.Unmarshal(body, &b) != nil {
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
			e.Message = clean(string(body), hide)
		}
		return
	}
	var d struct {
		Valid []string `json:"validAttributes"`
	}
	if len(b.Detail) > 0 && json.Unmarshal(b.Detail, &d) == nil {
		e.valid = d.Valid
	}
	e.Message = clean(b.Message, hide)
	if b.Error != "" {
		e.Code, e.Message = clean(b.Error, hide), clean(b.Description, hide)
	} else if code := string(bytes.Trim(b.Code, `"`)); code != "" && code != strconv.Itoa(e.Status) && code != "null" {
		e.Code = clean(code, hide)
	}
}

// isHTML says whether a page for people came back.
func isHTML(h http.Header, body []byte) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/html") || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}

var jwt = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*`)

// clean takes the first line of a tenant's text, less what must not be shown. The environment API's
// validator repeats the offending value on the lines that follow.
func clean(s string, hide []string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	for _, h := range hide {
		if h != "" {
			s = strings.ReplaceAll(s, h, "***")
		}
	}
	s = jwt.ReplaceAllString(s, "***")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 400 {
		s = string(r[:400]) + "…"
	}
	return s
}
