package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

// shownOfOne is how many findings of one code are shown unless all are asked for.
const shownOfOne = 5

// A printer writes lines and keeps the first error.
type printer struct {
	w   io.Writer
	o   Options
	err error
	any bool // something was written
}

func (p *printer) line(parts ...string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.TrimRight(strings.Join(parts, ""), " ")+"\n")
	}
	p.any = true
}

// gap puts an empty line between two parts.
func (p *printer) gap() {
	if p.any {
		p.line()
	}
}

// Findings writes findings as text, without a summary.
func Findings(w io.Writer, ds schema.Diagnostics, o Options) error {
	p := &printer{w: w, o: o}
	p.findings(ds)
	return p.err
}

func (p *printer) findings(ds schema.Diagnostics) {
	infos := 0
	if !p.o.All && ds.Count(schema.Info) < len(ds) {
		// What is only worth knowing must not hide what has to be done.
		infos = ds.Count(schema.Info)
		ds = ds.AtLeast(schema.Warning)
	}
	total := map[string]int{}
	for _, d := range ds {
		total[d.Code]++
	}
	inFile := map[string]schema.Diagnostics{}
	for _, d := range ds {
		inFile[d.Pos.File] = append(inFile[d.Pos.File], d)
	}
	shown := map[string]int{}
	hidden := map[string][]schema.Diagnostic{}
	group := ""
	for _, d := range ds {
		// One left out would take a line to say so; it can as well be shown.
		if !p.o.All && shown[d.Code] >= shownOfOne && total[d.Code] > shownOfOne+1 {
			hidden[d.Code] = append(hidden[d.Code], d)
			continue
		}
		p.gap()
		// A file with several findings has a heading; one that has one says its name below the finding.
		if f := d.Pos.File; f != group && f != "" && len(inFile[f]) > 1 {
			p.line(p.o.Style.bold(clean(f)), p.o.Style.dim("  "+verdict(inFile[f])))
		}
		group = d.Pos.File
		p.finding(d, shown[d.Code] == 0)
		shown[d.Code]++
	}
	if len(hidden) > 0 || infos > 0 {
		p.gap()
	}
	if infos > 0 {
		p.line(count(infos, "info", "infos"), " not shown: --all shows them")
	}
	for _, code := range schema.SortedKeys(hidden) {
		files := map[string]bool{}
		for _, d := range hidden[code] {
			files[where(d)] = true
		}
		p.line(fmt.Sprintf("%s more %s in %s not shown: --all shows them", number(len(hidden[code])), clean(code), count(len(files), "place", "places")))
	}
}

// where names what a finding is about, for counting.
func where(d schema.Diagnostic) string {
	if d.Key != (schema.Key{}) {
		return d.Key.String()
	}
	return d.Pos.File
}

func (p *printer) severity(s schema.Severity) string {
	switch s {
	case schema.Error:
		return p.o.Style.red(p.o.Style.bold("error"))
	case schema.Warning:
		return p.o.Style.yellow("warning")
	default:
		return p.o.Style.cyan(s.String())
	}
}

// finding writes one finding; help says whether to point to its explanation, which is done once a code.
func (p *printer) finding(d schema.Diagnostic, help bool) {
	st := p.o.Style
	head := d.Severity.String() + "[" + clean(d.Code) + "]"
	text := wrap(head+": "+clean(d.Message), "  ", p.o.Width)
	p.line(p.severity(d.Severity), "["+clean(d.Code)+"]", st.bold(strings.TrimPrefix(text, head)))
	switch {
	case !d.Pos.IsZero():
		p.line("  ", clean(d.Pos.String()))
	case d.Key != (schema.Key{}):
		p.line("  ", clean(label(d.Key, d.Name)), st.dim(pointerNote(d.Pointer)))
	}
	p.excerpt(d)
	places := 0
	for _, r := range d.Related {
		places = max(places, width(clean(r.Pos.String())))
	}
	for _, r := range d.Related {
		at := clean(r.Pos.String())
		switch {
		case r.Pos.IsZero():
			p.line("  ", clean(r.Text))
		case r.Text == "":
			p.line("  ", at)
		default:
			p.line("  ", pad(at, min(places, 50)+2), clean(r.Text))
		}
	}
	if d.Hint != "" {
		for _, l := range strings.Split(d.Hint, "\n") {
			p.hint(clean(l))
		}
	}
	if help && explained(d.Code) {
		p.line("  ", st.dim("help: lockstep explain "+clean(d.Code)))
	}
}

// hint writes one line of a way out. A command at its end stays whole, on a line of its own if need be,
// so that it can be copied.
func (p *printer) hint(l string) {
	before, command, found := strings.Cut(l, ": lockstep ")
	if p.o.Width <= 0 || width(l)+2 <= p.o.Width || !found {
		p.line(wrap("  "+l, "  ", p.o.Width))
		return
	}
	p.line(wrap("  "+before+":", "  ", p.o.Width))
	p.line("    lockstep ", command)
}

func pointerNote(pointer string) string {
	if pointer == "" {
		return ""
	}
	return "  " + clean(pointer)
}

// label names a resource as people know it.
func label(k schema.Key, name string) string {
	if name != "" {
		k.ID = name
	}
	return k.String()
}

// verdict says in a few words how findings are: "2 errors, 1 warning".
func verdict(ds schema.Diagnostics) string {
	var parts []string
	for _, s := range []struct {
		severity  schema.Severity
		one, many string
	}{{schema.Error, "error", "errors"}, {schema.Warning, "warning", "warnings"}, {schema.Info, "info", "infos"}} {
		if n := ds.Count(s.severity); n > 0 {
			parts = append(parts, count(n, s.one, s.many))
		}
	}
	return strings.Join(parts, ", ")
}

// Summary is the last line about findings: "2 errors, 1 warning in 3 of 1,234 resources (0.4 s)". The
// time is left out when zero.
func Summary(ds schema.Diagnostics, resources int, elapsed time.Duration) string {
	took := ""
	if elapsed > 0 {
		took = " (" + duration(elapsed) + ")"
	}
	if len(ds) == 0 {
		return "no findings in " + count(resources, "resource", "resources") + took
	}
	keys, files := map[schema.Key]bool{}, map[string]bool{}
	for _, d := range ds {
		if d.Key != (schema.Key{}) {
			keys[d.Key] = true
		} else {
			files[d.Pos.File] = true
		}
	}
	delete(files, "")
	in := ""
	switch {
	case len(keys) > 0 && resources >= len(keys):
		in = fmt.Sprintf(" in %s of %s", number(len(keys)), count(resources, "resource", "resources"))
	case len(keys) > 0:
		in = " in " + count(len(keys), "resource", "resources")
	case len(files) > 0:
		in = " in " + count(len(files), "file", "files")
	}
	return verdict(ds) + in + took
}

// duration is short and for people: 0.4 s, 12 s, 2m14s, 1h03m.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0.0 s"
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute-500*time.Millisecond:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	d = d.Round(time.Second)
	if d < time.Hour {
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// Unmanaged writes what is there and not managed, a line a kind.
func Unmanaged(w io.Writer, us []schema.Unmanaged, o Options) error {
	p := &printer{w: w, o: o}
	p.unmanaged(us)
	return p.err
}

func (p *printer) unmanaged(us []schema.Unmanaged) {
	us = slices.Clone(us)
	slices.SortStableFunc(us, func(a, b schema.Unmanaged) int { return strings.Compare(a.Type, b.Type) })
	digits := 0
	for _, u := range us {
		digits = max(digits, len(number(len(u.Files))))
	}
	before := "not managed yet:  "
	for _, u := range us {
		word, kind := "files", " of "+clean(u.Type)
		if len(u.Files) == 1 {
			word = "file "
		}
		if u.Type == schema.OtherKind {
			kind = " of no known type: " + clean(u.Files[0])
			if len(u.Files) > 1 {
				kind += ", …"
			}
		}
		p.line(p.o.Style.dim(fmt.Sprintf("%s%*s %s%s", before, digits, number(len(u.Files)), word, kind)))
		before = strings.Repeat(" ", len(before))
	}
}
