package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mailgun/raymond/v2/lexer"
	handlebars "github.com/mailgun/raymond/v2/parser"
	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/css"
	"golang.org/x/net/html"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// checkEmail checks an email template (documentation, "Email templates").
func checkEmail(c *checker, t *Type, r *Resource) {
	e := checksOf(t.Name).Email
	if e == nil {
		return
	}
	locales := map[string]bool{}
	texts := append([]string{e.Subject}, e.Texts...)
	for _, part := range texts {
		m, _ := Lookup(r.Body, part)
		byLocale, _ := m.(map[string]any)
		for _, locale := range SortedKeys(byLocale) {
			at := part + Pointer(locale)
			text, _ := byLocale[locale].(string)
			if part != e.Subject && strings.TrimSpace(text) != "" {
				locales[locale] = true
			}
			c.template(r, at, text, part != e.Subject && Str(r.Body, "/mimeType") != "text/plain")
		}
	}
	if on, _ := Lookup(r.Body, e.Enabled); on != false {
		c.emailParts(r, e, locales)
		c.emailSender(r, e)
	}
	if styles := Str(r.Body, e.Styles); styles != "" {
		if offset, why, bad := cssFault(styles); bad {
			c.reportAt(r, e.Styles, r.Source.AtText(e.Styles, styles, offset, min(offset+1, len(styles))), "email-template-css",
				"the style sheet can't be read: "+why, "Mail programs skip the rest of it.")
		}
	}
}

// emailParts reports what an enabled template lacks.
func (c *checker) emailParts(r *Resource, e *EmailTemplate, locales map[string]bool) {
	locale := Str(r.Body, e.DefaultLocale)
	if len(locales) == 0 {
		c.report(r, e.Texts[len(e.Texts)-1], "email-template-text", "the template has no message", "Write one, at least in the default locale.")
		return
	}
	v, _ := Lookup(r.Body, e.Subject)
	subjects, _ := v.(map[string]any)
	if !slices.ContainsFunc(SortedKeys(subjects), func(l string) bool { s, _ := subjects[l].(string); return strings.TrimSpace(s) != "" }) {
		c.report(r, e.Subject, "email-template-text", "the template has no subject", "Write one, at least in the default locale.")
		return
	}
	if locale == "" {
		return
	}
	subject, _ := subjects[locale].(string)
	hint := fmt.Sprintf("Users whose language is none of the template's get the default locale's text. Add it, or choose another defaultLocale; the message is there in %s.", strings.Join(SortedKeys(locales), ", "))
	switch {
	case !locales[locale]:
		c.report(r, e.DefaultLocale, "email-template-locale", fmt.Sprintf("the message is not there in %q, the default locale", locale), hint)
	case strings.TrimSpace(subject) == "":
		c.report(r, e.Subject, "email-template-locale", fmt.Sprintf("the subject is not there in %q, the default locale", locale), hint)
	}
}

// emailSender reports a template without a sender when the provider has none either.
func (c *checker) emailSender(r *Resource, e *EmailTemplate) {
	if from := strings.TrimSpace(Str(r.Body, e.From)); from != "" {
		if !strings.Contains(from, "@") && !placeholders.Has(from) && !strings.Contains(from, "{{") {
			c.report(r, e.From, "email-sender", fmt.Sprintf("the sender %q has no email address", from), `Write the address, as in "Acme <no-reply@example.com>".`)
		}
		return
	}
	for _, p := range c.all {
		at := checksOf(p.Type).Sender
		if at == "" {
			continue
		}
		if v, _ := Lookup(p.Body, at); v != nil && v != "" {
			return
		}
		d := c.report(r, e.From, "email-sender", "nobody is named as the sender: neither here nor in the email provider", `Write "from", here or in the email provider: the email service sends nothing without.`)
		if pos := p.Source.At(at); !pos.IsZero() {
			d.Related = append(d.Related, Related{Pos: pos, Text: "the email provider"})
		}
		return
	}
}

// template checks a text with Handlebars expressions.
func (c *checker) template(r *Resource, at, text string, isHTML bool) {
	if text == "" {
		return
	}
	place := func(offset, end int) Pos {
		return r.Source.AtText(at, text, offset, min(max(end, offset+1), len(text)))
	}
	if strings.Contains(text, "{{") {
		if offset, end, why, bad := handlebarsFault(text); bad {
			c.reportAt(r, at, place(offset, end), "email-template-syntax", "the template can't be read: "+why,
				"Handlebars expressions are {{object.userName}} and {{#if object.mail}}…{{/if}}. No email is sent from a template that can't be read.")
			return
		}
	}
	if !isHTML {
		return
	}
	if offset, end, why, bad := htmlFault(text); bad {
		c.reportAt(r, at, place(offset, end), "email-template-html", why, "Mail programs repair this each in their own way, and what users see differs.")
	}
}

var onLine = lazily(`^(?:Parse|Lexer) error on line (\d+):\s*(?s:(.*))$`)

// handlebarsFault parses a template. The parser tells the line; the place is the first expression on it
// whose prefix does not parse, or the lexer's own.
func handlebarsFault(text string) (offset, end int, why string, bad bool) {
	defer func() {
		// The parser panics on a few inputs; that is a fault of the template's as well.
		if e := recover(); e != nil {
			offset, end, why, bad = 0, 1, "its expressions are not closed", true
		}
	}()
	for _, tok := range lexer.Collect(text) {
		if tok.Kind == lexer.TokenError {
			at := strings.LastIndex(text[:min(tok.Pos, len(text))], "{{")
			at = max(at, 0)
			return at, at + 2, lowerFirst(strings.TrimSpace(tok.Val)), true
		}
	}
	_, err := handlebars.Parse(text)
	if err == nil {
		return 0, 0, "", false
	}
	line, message := 1, err.Error()
	if m := onLine().FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	message, _, _ = strings.Cut(strings.TrimSpace(message), "\n")
	offset = offsetAt(text, line, 1)
	lineStop := lineEnd(text, offset)
	if n := strings.Index(text[offset:lineStop], "{{"); n >= 0 {
		offset += n
	}
	offset, message = blockFault(text, offset, message)
	return offset, offset + 2, strings.TrimSuffix(lowerFirst(message), "."), true
}

var blockTag = lazily(`\{\{\{?~?\s*([#/^])\s*([\w.@$/-]*)`)

// blockFault finds the block that has no partner, which is what most faults are; otherwise it gives
// back what it was given.
func blockFault(text string, offset int, message string) (int, string) {
	type open struct {
		at   int
		name string
	}
	var stack []open
	for _, m := range blockTag().FindAllStringSubmatchIndex(text, -1) {
		kind, name := text[m[2]], text[m[4]:m[5]]
		switch {
		case kind == '#' || kind == '^' && name != "":
			stack = append(stack, open{m[0], name})
		case kind == '/' && len(stack) == 0:
			return m[0], fmt.Sprintf("{{/%s}} closes nothing", name)
		case kind == '/':
			top := stack[len(stack)-1]
			if top.name != name {
				return m[0], fmt.Sprintf("{{/%s}} does not close {{#%s}}", name, top.name)
			}
			stack = stack[:len(stack)-1]
		}
	}
	if len(stack) > 0 {
		top := stack[len(stack)-1]
		return top.at, fmt.Sprintf("{{#%s}} is not closed", top.name)
	}
	return offset, message
}

// Elements whose end may be left out, and those that have none (HTML, sections 13.1.2 and 13.1.2.4).
// html, head and body may be left out whole.
func endIsOptional(tag string) bool {
	return slices.Contains([]string{
		"html", "head", "body", "p", "li", "dt", "dd", "rt", "rp", "optgroup", "option", "colgroup", "caption", "thead", "tbody", "tfoot", "tr", "td", "th",
		"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
	}, tag)
}

// isAutolink says whether Markdown makes a link of what looks like a tag: <https://example.com>, <a@example.com>.
func isAutolink(tag string) bool {
	return strings.HasSuffix(tag, ":") || strings.Contains(tag, "@") || strings.HasPrefix(tag, "mailto:")
}

var handlebarsExpr = lazily(`(?s)\{\{\{?.*?\}?\}\}`)

// htmlFault finds the first tag without a partner. Tags within Handlebars blocks may be there or not
// when the email is made, so a text whose tags are unbalanced within a block is not judged.
func htmlFault(text string) (offset, end int, why string, bad bool) {
	type open struct {
		start, end, block int
		tag               string
	}
	blocks := blockAt(text)
	plain := handlebarsExpr().ReplaceAllStringFunc(text, func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == '\n' {
				return r
			}
			return 'x'
		}, strings.Repeat("x", len(s)))
	})
	z := html.NewTokenizer(strings.NewReader(plain))
	at := 0
	var stack []open
	for {
		kind := z.Next()
		start := at
		at += len(z.Raw())
		if kind == html.ErrorToken {
			break
		}
		name, _ := z.TagName()
		tag := string(name)
		if kind != html.StartTagToken && kind != html.EndTagToken || endIsOptional(tag) || isAutolink(tag) {
			continue
		}
		if kind == html.StartTagToken {
			stack = append(stack, open{start, at, blocks(start), tag})
			continue
		}
		if len(stack) == 0 {
			return start, at, fmt.Sprintf("</%s> closes nothing", tag), blocks(start) == 0
		}
		top := stack[len(stack)-1]
		if top.block != blocks(start) {
			return 0, 0, "", false
		}
		if top.tag != tag {
			if slices.ContainsFunc(stack, func(o open) bool { return o.tag == tag && o.block == top.block }) {
				return top.start, top.end, fmt.Sprintf("<%s> is not closed", top.tag), true
			}
			return start, at, fmt.Sprintf("</%s> closes nothing", tag), true
		}
		stack = stack[:len(stack)-1]
	}
	if len(stack) > 0 {
		top := stack[len(stack)-1]
		return top.start, top.end, fmt.Sprintf("<%s> is not closed", top.tag), top.block == 0
	}
	return 0, 0, "", false
}

// blockAt gives for an offset a number that is the same within one branch of a block; 0 outside.
func blockAt(text string) func(int) int {
	type edge struct{ at, branch int }
	var edges []edge
	var stack []int
	next := 0
	for _, m := range handlebarsExpr().FindAllStringIndex(text, -1) {
		inner := strings.TrimLeft(text[m[0]:m[1]], "{~ ")
		switch {
		case strings.HasPrefix(inner, "#") || strings.HasPrefix(inner, "^") && len(inner) > 3:
			next++
			stack = append(stack, next)
			edges = append(edges, edge{m[1], next})
		case strings.HasPrefix(inner, "else") || strings.HasPrefix(inner, "^"):
			if len(stack) > 0 {
				next++
				stack[len(stack)-1] = next
				edges = append(edges, edge{m[1], next})
			}
		case strings.HasPrefix(inner, "/") && len(stack) > 0:
			stack = stack[:len(stack)-1]
			branch := 0
			if len(stack) > 0 {
				branch = stack[len(stack)-1]
			}
			edges = append(edges, edge{m[0], branch})
		}
	}
	return func(offset int) int {
		branch := 0
		for _, e := range edges {
			if e.at > offset {
				break
			}
			branch = e.branch
		}
		return branch
	}
}

// cssFault finds the first fault of a style sheet.
func cssFault(text string) (offset int, why string, bad bool) {
	if placeholders.Has(text) {
		return 0, "", false
	}
	if offset, why, bad = cssBalance(text); bad {
		return offset, why, true
	}
	p := css.NewParser(parse.NewInput(bytes.NewBufferString(text)), false)
	for {
		kind, _, _ := p.Next()
		if kind != css.ErrorGrammar {
			continue
		}
		err := p.Err()
		if errors.Is(err, io.EOF) {
			return 0, "", false
		}
		var pe *parse.Error
		if errors.As(err, &pe) {
			return offsetAt(text, pe.Line, pe.Column), lowerFirst(pe.Message), true
		}
		if err != nil {
			return 0, err.Error(), true
		}
		// Without an error, the parser has skipped something that it can't read.
		return min(max(p.Offset()-1, 0), len(text)), "a declaration is not one", true
	}
}

// cssBalance finds the first brace, comment or string that has no partner.
func cssBalance(text string) (offset int, why string, bad bool) {
	var open []int
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i+2:], "*/")
			if n < 0 {
				return i, "the comment is not closed", true
			}
			i += n + 3
		case c == '"' || c == '\'':
			end := endOfString(text, i)
			if end >= len(text) || text[end] != c {
				return i, "the string is not closed", true
			}
			i = end
		case c == '{':
			open = append(open, i)
		case c == '}':
			if len(open) == 0 {
				return i, `"}" closes nothing`, true
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return open[len(open)-1], `"{" is not closed`, true
	}
	return 0, "", false
}
