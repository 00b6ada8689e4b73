package schema

import (
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// A form is a schema made ready to say quickly that a value has nothing to report: nearly all values have not,
// and the validator, which collects errors and copies, takes ten times as long. Where a form is not sure, the
// validator is asked.
type form struct {
	sure     bool // it knows all that the schema asks
	types    []string
	enum     []string
	examples []any // another text may be nearly one of them
	props    map[string]*form
	required []string
	more     *form // of members that props does not name; nil when they may be anything
	closed   bool  // there may be no others
	items    *form

	minItems, maxItems, minLength, maxLength int // -1 when there is none
	pattern                                  *regexp.Regexp
	minimum, maximum                         *big.Rat
}

// form gives a compiled schema's form; nil for nil.
func (t *schemaTable) form(s *jsonschema.Schema) *form {
	if s == nil {
		return nil
	}
	if f, ok := t.forms.Load(s); ok {
		return f.(*form)
	}
	f, _ := t.forms.LoadOrStore(s, newForm(s))
	return f.(*form)
}

func newForm(s *jsonschema.Schema) *form {
	f := &form{
		types: s.Types, required: s.Required, minItems: s.MinItems, maxItems: s.MaxItems, minLength: s.MinLength, maxLength: s.MaxLength,
		pattern: s.Pattern, minimum: s.Minimum, maximum: s.Maximum, examples: s.Examples, sure: isPlainSchema(s),
	}
	if !f.sure {
		return f
	}
	if s.Enum != nil {
		f.enum = []string{}
	}
	for _, v := range s.Enum {
		text, ok := v.(string)
		f.sure = f.sure && ok
		f.enum = append(f.enum, text)
	}
	if s.Items2020 != nil {
		f.items = newForm(s.Items2020)
	}
	switch more := s.AdditionalProperties.(type) {
	case bool:
		f.closed = !more
	case *jsonschema.Schema:
		f.more = newForm(more)
	}
	if len(s.Properties) > 0 {
		f.props = make(map[string]*form, len(s.Properties))
		for name, p := range s.Properties {
			f.props[name] = newForm(p)
		}
	}
	return f
}

// isPlainSchema says whether a schema has no keyword but those that a form knows.
func isPlainSchema(s *jsonschema.Schema) bool {
	switch {
	case s.Format != "", s.Always != nil && !*s.Always, s.Ref != nil, s.RecursiveRef != nil, s.DynamicRef != nil, s.Constant != nil,
		s.Not != nil, s.AllOf != nil, s.AnyOf != nil, s.OneOf != nil, s.If != nil, s.MinProperties != -1, s.MaxProperties != -1,
		s.PropertyNames != nil, len(s.PatternProperties) > 0, s.Dependencies != nil, s.DependentRequired != nil, s.DependentSchemas != nil,
		s.UnevaluatedProperties != nil, s.UniqueItems, s.Items != nil, s.AdditionalItems != nil, s.PrefixItems != nil, s.Contains != nil,
		s.UnevaluatedItems != nil, s.ContentEncoding != "", s.ContentMediaType != "", s.ContentSchema != nil,
		s.ExclusiveMinimum != nil, s.ExclusiveMaximum != nil, s.MultipleOf != nil, len(s.Extensions) > 0:
		return false
	}
	return true
}

// fits says that nothing is to be reported about a value that must be of both forms, of which b may be nil.
// False says nothing.
func (v *shape) fits(a, b *form, value any) bool {
	if x, ok := value.(map[string]any); ok {
		if wrapper, _, ok := placeholders.Wrapper(x); ok {
			return fitsSample(a, sample(placeholders.WrapperType(wrapper))) && fitsSample(b, sample(placeholders.WrapperType(wrapper)))
		}
		if _, ok := inherited(x); ok && v.t.API.Inherited {
			return false
		}
	}
	if !a.holds(value) || !b.holds(value) {
		return false
	}
	switch x := value.(type) {
	case []any:
		ia, ib := a.element(), b.element()
		if ia == nil {
			ia, ib = ib, nil
		}
		return ia == nil || !slices.ContainsFunc(x, func(e any) bool { return !v.fits(ia, ib, e) })
	case map[string]any:
		return v.members(a, b, x)
	}
	return true
}

// fitsSample is fits of what stands in a coercing object's place. What a schema says about members is then not
// about the object's.
func fitsSample(f *form, value any) bool {
	return f == nil || f.props == nil && f.more == nil && !f.closed && f.required == nil && f.holds(value)
}

func (v *shape) members(a, b *form, m map[string]any) bool {
	open := b == nil || b.props == nil && b.more == nil
	open = open && a.props == nil && a.more == nil // then unknown members mean nothing
	for name, e := range m {
		if own, ok := inherited(e); ok && v.t.API.Inherited {
			e = own
		}
		absent := e == nil
		if absent && (a.requires(name) || b.requires(name)) {
			return false
		}
		pa, pb := a.prop(name), b.prop(name)
		switch {
		case pa == nil && pb == nil && open:
			continue
		case pa == nil && pb == nil && (a.more != nil || b != nil && b.more != nil):
			pa, pb = a.more, b.other()
		case pa == nil && pb == nil:
			if !v.mayBeUnknown(a, b, name, m) {
				return false
			}
			continue
		case pa == nil && a.more != nil, pb == nil && b.other() != nil:
			return false // one schema's other members are named by the other
		}
		if pa == nil {
			pa, pb = pb, nil
		}
		if !absent && !v.fits(pa, pb, e) {
			return false
		}
	}
	return a.hasRequired(m) && b.hasRequired(m)
}

// mayBeUnknown says whether a member that no schema names is worth no finding.
func (v *shape) mayBeUnknown(a, b *form, name string, m map[string]any) bool {
	if a.closed || b != nil && b.closed {
		return false
	}
	var absent []string
	for _, f := range []*form{a, b} {
		if f == nil {
			continue
		}
		for p := range f.props {
			if _, there := m[p]; !there {
				absent = append(absent, p)
			}
		}
	}
	return slipOf(name, absent) == ""
}

func (f *form) prop(name string) *form {
	if f == nil {
		return nil
	}
	return f.props[name]
}

func (f *form) other() *form {
	if f == nil {
		return nil
	}
	return f.more
}

func (f *form) element() *form {
	if f == nil {
		return nil
	}
	return f.items
}

func (f *form) requires(name string) bool { return f != nil && slices.Contains(f.required, name) }

func (f *form) hasRequired(m map[string]any) bool {
	return f == nil || !slices.ContainsFunc(f.required, func(name string) bool { _, ok := m[name]; return !ok })
}

// holds checks a value without what is in it.
func (f *form) holds(value any) bool {
	if f == nil {
		return true
	}
	if !f.sure || !f.isOfType(value) {
		return false
	}
	if f.enum != nil {
		if s, ok := value.(string); !ok || !slices.Contains(f.enum, s) {
			return false
		}
	}
	switch x := value.(type) {
	case string:
		if f.examples != nil && !slices.Contains(f.examples, any(x)) {
			return false
		}
		if f.minLength > 0 && utf8.RuneCountInString(x) < f.minLength || f.maxLength >= 0 && utf8.RuneCountInString(x) > f.maxLength {
			return false
		}
		return f.pattern == nil || f.pattern.MatchString(x)
	case json.Number:
		if f.minimum == nil && f.maximum == nil {
			return true
		}
		n, err := strconv.ParseInt(x.String(), 10, 64)
		return err == nil && (f.minimum == nil || f.minimum.Cmp(new(big.Rat).SetInt64(n)) <= 0) && (f.maximum == nil || f.maximum.Cmp(new(big.Rat).SetInt64(n)) >= 0)
	case []any:
		return len(x) >= f.minItems && (f.maxItems < 0 || len(x) <= f.maxItems)
	}
	return true
}

func (f *form) isOfType(value any) bool {
	if f.types == nil {
		return true
	}
	var is string
	switch x := value.(type) {
	case nil:
		is = "null"
	case bool:
		is = "boolean"
	case string:
		is = "string"
	case json.Number:
		if is = "number"; !slices.Contains(f.types, is) && !strings.ContainsAny(x.String(), ".eE") {
			is = "integer"
		}
	case []any:
		is = "array"
	case map[string]any:
		is = "object"
	}
	return slices.Contains(f.types, is)
}
