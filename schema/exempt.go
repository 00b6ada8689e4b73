package schema

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// An Exemption is a finding that is known and let be until a day, with the reason why.
type Exemption struct {
	Code    string
	Match   Glob   // the resources it is for; the zero Glob when File is set
	File    string // a path glob, for files that are no resource; "**" at its end is everything below
	Pointer string // a pattern of the place in the resource; empty for every place
	Reason  string
	Until   time.Time // the last day on which it holds
	Pos     Pos       // where it is written
	UntilAt Pos       // where its day is written
}

// covers says whether the exemption is for the finding, whatever the day.
func (x Exemption) covers(d Diagnostic) bool {
	if x.Code != d.Code {
		return false
	}
	if x.Pointer != "" && !matchPointer(x.Pointer, d.Pointer) {
		return false
	}
	if x.File != "" {
		if dir, ok := strings.CutSuffix(x.File, "/**"); ok {
			return strings.HasPrefix(d.Pos.File, dir+"/")
		}
		ok, err := path.Match(x.File, d.Pos.File)
		return err == nil && ok
	}
	return d.Key != (Key{}) && x.Match.Match(d.Key, d.Name)
}

// Exempt takes out the findings that an exemption covers on that day, and reports the exemptions whose
// day has passed and those that cover nothing. A finding about an exemption can't be exempted.
func (ds Diagnostics) Exempt(list []Exemption, today time.Time) Diagnostics {
	var out Diagnostics
	used := make([]bool, len(list))
	day := today.UTC().Truncate(24 * time.Hour)
	for _, d := range ds {
		let := false
		for i, x := range list {
			if x.covers(d) {
				used[i] = true
				let = let || !x.Until.Before(day)
			}
		}
		if !let {
			out = append(out, d)
		}
	}
	for i, x := range list {
		switch {
		case x.Until.Before(day):
			out = append(out, Diagnostic{
				Code: "exemption-expired", Severity: severityOf("exemption-expired"), Pos: x.UntilAt,
				Message: fmt.Sprintf("the exemption of %s held until %s", x.Code, x.Until.Format(time.DateOnly)),
				Hint:    "Mend what it covered (" + x.Reason + ") and take it out, or agree on another day.",
			})
		case !used[i]:
			out = append(out, Diagnostic{
				Code: "exemption-unused", Severity: severityOf("exemption-unused"), Pos: x.Pos,
				Message: fmt.Sprintf("the exemption of %s covers nothing", x.Code), Hint: "Take it out, or mend its match.",
			})
		}
	}
	out.Sort()
	return out
}
