package report

import (
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/diff/picture"
	"github.com/lockstep-gitops/lockstep/schema"
)

const (
	maxPatch    = 200     // operations of a patch that are shown
	maxValue    = 600     // bytes of an operation's value
	maxPictures = 4 << 20 // bytes of pictures in one page
)

// htmlShot is the picture of a journey's change.
type htmlShot struct {
	ID, Summary           string
	Merged, Sides, Legend template.HTML
}

// htmlChangesOf describes the changes, with the pictures of those to journeys as far as the page has room. Their ids
// on the page begin with prefix.
func htmlChangesOf(prefix string, changes []ChangeView, room *int) []htmlChange {
	ids := map[schema.Key]string{}
	for i, c := range changes {
		ids[c.Key] = fmt.Sprintf("%s%d", prefix, i+1)
	}
	var out []htmlChange
	for i := range changes {
		h := htmlChangeOf(changes[i])
		h.ID = fmt.Sprintf("%s%d", prefix, i+1)
		h.Shot, h.NoPicture = htmlShotOf(&changes[i].Change, "p"+h.ID, ids, *room)
		if h.Shot != nil {
			*room -= len(h.Shot.Merged) + len(h.Shot.Sides)
		}
		out = append(out, h)
	}
	return out
}

// htmlShotOf draws a change of a journey; or says why it is not drawn.
func htmlShotOf(c *diff.Change, id string, ids map[schema.Key]string, room int) (shot *htmlShot, why string) {
	p, ok, err := picture.Change(c)
	var large *picture.TooLargeError
	switch {
	case errors.As(err, &large):
		return nil, clean(fmt.Sprintf("No picture: %v.", err))
	case err != nil || !ok:
		return nil, ""
	}
	// Inner journeys that change as well are a click away.
	link := func(inner string) string {
		if to, ok := ids[schema.Key{Type: c.Type, Realm: c.Realm, ID: inner}]; ok {
			return "#" + to
		}
		return ""
	}
	shot = &htmlShot{ID: id, Summary: p.Summary()}
	shot.Merged = safeSVG(p.SVG(picture.Options{Inline: true, Link: link}))
	if c.Before != nil && c.After != nil {
		shot.Sides = safeSVG(p.SVG(picture.Options{Inline: true, View: picture.Sides, Link: link}))
		shot.Legend = template.HTML(picture.Legend()) //nolint:gosec // holds no text of others
	}
	if len(shot.Merged)+len(shot.Sides) > room {
		return nil, "No picture: this page has its fill of them. Draw it: lockstep graph --diff"
	}
	return shot, ""
}

// safeSVG marks a picture as safe: package picture escapes all text that it draws, and its tests read every
// picture back strictly.
func safeSVG(svg []byte) template.HTML { return template.HTML(svg) } //nolint:gosec // as said

// tiles are the numbers at the top of the page.
func tiles(r *Report) []htmlTile {
	var out []htmlTile
	if r.hasFindings() {
		t := htmlTile{ID: "findings", Level: "good", Big: "0", What: "findings", Sub: "nothing to mend"}
		errs, warnings := r.Findings.Count(schema.Error), r.Findings.Count(schema.Warning)
		switch {
		case errs > 0:
			t.Level, t.Big, t.What, t.Sub = "bad", number(errs), words(errs, "error", "errors"), "no warnings"
			if warnings > 0 {
				t.Sub = "and " + count(warnings, "warning", "warnings")
			}
		case warnings > 0:
			t.Level, t.Big, t.What, t.Sub = "warning", number(warnings), words(warnings, "warning", "warnings"), "no errors"
		case len(r.Findings) > 0:
			t.Level, t.Big, t.What, t.Sub = "info", number(len(r.Findings)), words(len(r.Findings), "remark", "remarks"), "no errors"
		}
		out = append(out, t)
	}
	if r.hasChanges() {
		s := r.summarizeChanges()
		n := s.Create + s.Update + s.Delete
		out = append(out, htmlTile{ID: "changes", Level: "info", Big: number(n), What: words(n, "resource differs", "resources differ"), Sub: summaryText(s)})
	}
	if len(r.Environments) > 0 {
		out = append(out, environmentTile(r.Environments))
	}
	if r.Plan != nil {
		t := htmlTile{ID: "plan", Level: "info", Big: number(len(r.Plan.Steps)), What: words(len(r.Plan.Steps), "step", "steps") + " for " + clean(r.Plan.Environment), Sub: summaryText(r.Plan.Summary)}
		if r.Plan.Summary.Delete > 0 {
			t.Level = "warning"
		}
		out = append(out, t)
	}
	if len(r.Drift) > 0 {
		n := 0
		for _, d := range r.Drift {
			for _, i := range d.Items {
				if !i.Accepted {
					n++
				}
			}
		}
		t := htmlTile{ID: "drift", Level: "good", Big: number(n), What: words(n, "difference", "differences") + " not accepted", Sub: count(len(r.Drift), "environment", "environments") + " compared"}
		if n > 0 {
			t.Level = "bad"
		}
		out = append(out, t)
	}
	if len(out) < 2 { // one number alone is the verdict again
		return nil
	}
	return out
}

func environmentTile(es []EnvironmentStatus) htmlTile {
	ready, unknown, missing := 0, 0, map[string]bool{}
	for _, e := range es {
		for _, m := range e.MissingESVs {
			missing[m] = true
		}
		switch {
		case e.Problem != "":
			unknown++
		case len(e.MissingESVs)+len(e.EncryptedSecrets) == 0:
			ready++
		}
	}
	t := htmlTile{ID: "environments", Level: "good", Big: fmt.Sprintf("%d of %d", ready, len(es)), What: words(len(es), "environment is ready", "environments are ready"), Sub: "no ESV is missing"}
	switch {
	case len(missing) > 0:
		t.Sub = count(len(missing), "ESV is missing", "ESVs are missing")
	case unknown > 0:
		t.Sub = count(unknown, "environment was not looked at", "environments were not looked at")
	}
	if ready < len(es) {
		t.Level = "bad"
		if ready+unknown == len(es) {
			t.Level = "warning"
		}
	}
	return t
}

// summaryText says what differs how: "1 created, 3 updated"; "" when nothing does.
func summaryText(s diff.Summary) string {
	var parts []string
	for _, x := range []struct {
		n    int
		what string
	}{{s.Create, "created"}, {s.Update, "updated"}, {s.Delete, "deleted"}} {
		if x.n > 0 {
			parts = append(parts, number(x.n)+" "+x.what)
		}
	}
	return strings.Join(parts, ", ")
}

func words(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// chips are the filters of the page: what its entries are, where there are several kinds.
func chips(r *Report) []htmlSection {
	counts := map[string]int{}
	for _, d := range r.Findings {
		counts[d.Severity.String()]++
	}
	changes := slices.Clone(r.Changes)
	for _, d := range r.Drift {
		changes = append(changes, d.Changes...)
	}
	for _, c := range changes {
		counts[did(c.Action)]++
	}
	if t := htmlESVsOf(r.Environments); t != nil {
		for _, row := range t.Rows {
			if row.Missing {
				counts["missing"]++
			}
		}
	}
	var out []htmlSection
	for _, k := range []struct{ id, title string }{
		{"error", "Errors"}, {"warning", "Warnings"}, {"info", "Infos"}, {"created", "Created"}, {"updated", "Updated"}, {"deleted", "Deleted"}, {"missing", "Missing ESVs"},
	} {
		if counts[k.id] > 0 {
			out = append(out, htmlSection{ID: k.id, Title: k.title, Count: number(counts[k.id])})
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

func htmlChangeOf(c ChangeView) htmlChange {
	h := htmlChange{Label: clean(c.Label()), Did: did(c.Action), Class: string(c.Action), Restart: c.Restart, Open: c.Action == diff.Update}
	if strings.HasPrefix(c.Picture, "https://") {
		h.Picture = tameURL(c.Picture)
	}
	for _, i := range c.Items {
		item := htmlItem{Sign: i.Kind, Subject: clean(i.Subject), Detail: clean(i.Detail), Minor: i.Minor}
		switch i.Kind {
		case "+":
			item.Class = "add"
		case "-":
			item.Class = "del"
		case "~":
			item.Class = "mod"
		}
		shown, rest := bounded(i.Text, maxHTMLText, "-o json has all")
		for _, l := range shown {
			dl := htmlDiffLine{Text: cellsText(cells(strings.TrimRight(l, "\r\n")))}
			switch {
			case strings.HasPrefix(l, "@@"):
				dl.Class = "hunk"
			case strings.HasPrefix(l, "+"):
				dl.Class = "add"
			case strings.HasPrefix(l, "-"):
				dl.Class = "del"
			}
			item.Lines = append(item.Lines, dl)
		}
		if rest != "" {
			item.Lines = append(item.Lines, htmlDiffLine{Class: "hunk", Text: rest})
		}
		h.Items = append(h.Items, item)
	}
	for i, op := range c.Patch {
		if i == maxPatch {
			h.PatchLeft = len(c.Patch) - maxPatch
			break
		}
		h.Patch = append(h.Patch, htmlOp{op.Op, clean(op.Path), clean(clipBytes(string(op.Value), maxValue))})
	}
	return h
}
