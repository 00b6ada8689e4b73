package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/diff/picture"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

type graphOptions struct {
	source, journey string
	diffFrom        string
	sides           bool
	out, dir        string
}

// The formats of a picture.
const (
	formatSVG     = "svg"
	formatMermaid = "mermaid"
)

func newGraphCommand(a *app) *cobra.Command {
	var o graphOptions
	var chosen bool
	cmd := &cobra.Command{
		Use:   "graph SOURCE JOURNEY",
		Short: "Draw a journey, or what a change does to it, as SVG or Mermaid",
		Long: `Draws a journey the way the admin UI lays it out. JOURNEY is its name, with the realm in front where several
realms have one of that name: alpha/Login. With --diff, what turns FROM's journey into SOURCE's is marked, by
colour and by shape: added, removed, changed, rewired.

Without -o the picture is SVG; on a terminal without --out it is told in lines (-o text). With --dir the journey
and the inner journeys that it runs are written to a folder, a file each, linked to one another; without JOURNEY
all journeys of SOURCE are, or with --diff all that differ.` + exitHelp(),
		Example: `  lockstep graph . Login --out Login.svg
  lockstep graph git:HEAD alpha/Login --diff git:main -o mermaid
  lockstep graph env:dev --dir pictures`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.dir != "" && len(args) == 1 {
				return nil
			}
			return exactArgs(2, "SOURCE or JOURNEY")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.source = args[0]
			if len(args) > 1 {
				o.journey = args[1]
			}
			chosen = cmd.Flags().Changed("output")
			return runGraph(cmd.Context(), a, o, chosen)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.diffFrom, "diff", "", "mark what turns the journey of this SOURCE into the one that is drawn")
	f.BoolVar(&o.sides, "side-by-side", false, "with --diff: before and after beside each other")
	f.StringVar(&o.out, "out", "", "write to this file; .svg, .mmd and .md say the format")
	f.StringVarP(&o.dir, "dir", "d", "", "write the journey and its inner journeys to this folder")
	return cmd
}

func runGraph(ctx context.Context, a *app, o graphOptions, chosen bool) error {
	format, err := a.graphFormat(o, chosen)
	if err != nil {
		return err
	}
	p, err := a.project()
	if err != nil {
		return err
	}
	to, err := a.load(ctx, p, o.source)
	if err != nil {
		return err
	}
	all := gallery{to: to}
	if o.diffFrom != "" {
		if all.from, err = a.load(ctx, p, o.diffFrom); err != nil {
			return err
		}
		if err := a.unreadable(all.from, to); err != nil {
			return err
		}
		if err := all.compare(a, p); err != nil {
			return err
		}
	}
	if o.dir != "" {
		return a.writeGallery(&all, o, format)
	}
	key, err := all.find(a, o.journey)
	if err != nil {
		return err
	}
	pic, err := all.picture(key)
	if err != nil {
		return err
	}
	if all.from != nil && !all.differs(key) {
		a.note("%s is the same on both sides", key)
	}
	if o.out == "" {
		return a.printPicture(pic, format, o.sides)
	}
	file, err := a.path(o.out)
	if err != nil {
		return err
	}
	if err := engine.WriteFile(file, drawn(pic, format, o.sides, nil), 0o644); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	a.note("%s → %s", pic.Summary(), o.out)
	return nil
}

// graphFormat is the format that was asked for, by -o, by the file's name, or by where it goes.
func (a *app) graphFormat(o graphOptions, chosen bool) (string, error) {
	byName := map[string]string{".svg": formatSVG, ".mmd": formatMermaid, ".mermaid": formatMermaid, ".md": string(report.Markdown), ".txt": string(report.Text)}[strings.ToLower(filepath.Ext(o.out))]
	allowed := []string{formatSVG, formatMermaid, string(report.Markdown), string(report.Text)}
	_, tty := a.terminal(a.stdout)
	switch {
	case o.out != "" && o.dir != "":
		return "", errors.New("--out names one file, --dir a folder: only one of them")
	case o.sides && o.diffFrom == "":
		return "", errors.New("--side-by-side needs two sides: name the other one with --diff")
	case chosen && !slices.Contains(allowed, a.output):
		return "", fmt.Errorf("-o %s: this command writes %s", a.output, strings.Join(allowed, ", "))
	case chosen && byName != "" && byName != a.output:
		return "", fmt.Errorf("-o %s, and a file that ends in %s: only one of them", a.output, filepath.Ext(o.out))
	case chosen:
		return a.output, nil
	case byName != "":
		return byName, nil
	case o.out == "" && o.dir == "" && tty:
		return string(report.Text), nil
	}
	return formatSVG, nil
}

// gallery is the journeys of a source, or of two of them.
type gallery struct {
	to, from *loaded
	changes  map[schema.Key]*diff.Change
}

func (g *gallery) compare(a *app, p *config.Project) error {
	changes, err := a.compare(p, g.from, g.to, nil, nil)
	if err != nil {
		return err
	}
	g.changes = map[schema.Key]*diff.Change{}
	for i := range changes {
		if isJourney(changes[i].Type) {
			g.changes[changes[i].Key] = &changes[i]
		}
	}
	return nil
}

func isJourney(typ string) bool {
	t, ok := schema.TypeOf(typ)
	return ok && t.Journey
}

func (g *gallery) differs(k schema.Key) bool { return g.changes[k] != nil }

// keys lists the journeys of both sides, sorted.
func (g *gallery) keys() []schema.Key {
	var keys []schema.Key
	for _, side := range []*loaded{g.to, g.from} {
		if side == nil {
			continue
		}
		for _, r := range side.All() {
			if isJourney(r.Type) {
				keys = append(keys, r.Key)
			}
		}
	}
	slices.SortFunc(keys, schema.Key.Compare)
	return slices.Compact(keys)
}

// find finds a journey by its name, realm/name or realm/type/name.
func (g *gallery) find(a *app, name string) (schema.Key, error) {
	var found []schema.Key
	var names []string
	for _, k := range g.keys() {
		if name == k.ID || name == k.Realm+"/"+k.ID || name == k.String() {
			found = append(found, k)
		}
		names = append(names, k.ID, k.Realm+"/"+k.ID)
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		var both []string
		for _, k := range found {
			both = append(both, k.Realm+"/"+k.ID)
		}
		return schema.Key{}, fmt.Errorf("several realms have a journey %s; say which: %s", name, strings.Join(both, ", "))
	}
	// It may be there and not be readable: then that is what there is to say.
	var broken schema.Diagnostics
	for _, d := range g.to.diags.AtLeast(schema.Error) {
		if isJourney(d.Key.Type) && (name == d.Key.ID || name == d.Key.Realm+"/"+d.Key.ID) {
			broken = append(broken, d)
		}
	}
	if len(broken) > 0 {
		if err := a.printFindings(broken, 0); err != nil {
			return schema.Key{}, err
		}
		return schema.Key{}, said(exitFailed)
	}
	hint := ""
	if s := schema.Suggest(name, names); s != "" {
		hint = fmt.Sprintf("; did you mean %s?", s)
	} else if len(names) == 0 {
		hint = "; it holds no journey at all"
	} else {
		hint = "; it holds " + listed(g.keys())
	}
	return schema.Key{}, fmt.Errorf("%s has no journey %s%s", g.to.Origin, name, hint)
}

// listed names the first few journeys.
func listed(keys []schema.Key) string {
	const most = 8
	var names []string
	for _, k := range keys[:min(len(keys), most)] {
		names = append(names, k.Realm+"/"+k.ID)
	}
	s := strings.Join(names, ", ")
	if len(keys) > most {
		s += fmt.Sprintf(" and %d more", len(keys)-most)
	}
	return s
}

// picture draws a journey: its change where there is one, else as it is.
func (g *gallery) picture(k schema.Key) (*picture.Picture, error) {
	if c := g.changes[k]; c != nil {
		p, _, err := picture.Change(c)
		return p, err
	}
	r, ok := g.to.Get(k)
	if !ok {
		r, ok = g.from.Get(k) // equal by meaning, and only one side has it: a tenant's own journey
	}
	if !ok {
		return nil, fmt.Errorf("%s is not there", k)
	}
	return picture.Journey(r)
}

// drawn is the picture in a format.
func drawn(p *picture.Picture, format string, sides bool, link func(string) string) []byte {
	switch format {
	case formatMermaid:
		return []byte(p.Mermaid())
	case string(report.Markdown):
		return []byte("```mermaid\n" + p.Mermaid() + "```\n")
	case string(report.Text):
		var b strings.Builder
		writeOutline(&b, p, report.Style{})
		return []byte(b.String())
	}
	o := picture.Options{Link: link}
	if sides {
		o.View = picture.Sides
	}
	return p.SVG(o)
}

func (a *app) printPicture(p *picture.Picture, format string, sides bool) error {
	if format == string(report.Text) {
		var b strings.Builder
		writeOutline(&b, p, a.style(a.stdout))
		_, err := a.stdout.Write([]byte(b.String()))
		return err
	}
	_, err := a.stdout.Write(drawn(p, format, sides, nil))
	return err
}

// writeOutline tells a picture in lines.
func writeOutline(b *strings.Builder, p *picture.Picture, s report.Style) {
	fmt.Fprintln(b, s.Bold(p.Summary()))
	for _, l := range p.Outline() {
		sign := cmp.Or(l.Sign, " ")
		text := l.Text
		if l.Node {
			text = s.Bold(text)
			fmt.Fprintln(b)
		} else {
			text = "    " + text
		}
		if l.Note != "" {
			text += "  " + s.Dim(l.Note)
		}
		fmt.Fprintf(b, "%s %s\n", s.Sign(sign), text)
	}
}

// writeGallery writes a file a journey.
func (a *app) writeGallery(g *gallery, o graphOptions, format string) error {
	if format == string(report.Text) {
		return errors.New("-o text is for the terminal; --dir writes svg, mermaid or markdown")
	}
	dir, err := a.path(o.dir)
	if err != nil {
		return err
	}
	keys, err := g.chosen(a, o)
	if err != nil {
		return err
	}
	files := fileNames(keys, map[string]string{formatMermaid: ".mmd", string(report.Markdown): ".md"}[format])
	for _, k := range keys {
		pic, err := g.picture(k)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, filepath.FromSlash(files[k]))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("write the pictures: %w", err)
		}
		link := func(inner string) string {
			name, ok := files[schema.Key{Type: k.Type, Realm: k.Realm, ID: inner}]
			if !ok {
				return ""
			}
			_, name, _ = strings.Cut(name, "/") // they lie in one folder
			return "./" + url.PathEscape(name)
		}
		if err := engine.WriteFile(file, drawn(pic, format, o.sides, link), 0o644); err != nil {
			return fmt.Errorf("write the pictures: %w", err)
		}
	}
	a.note("%d %s → %s", len(keys), plural(len(keys), "journey", "journeys"), o.dir)
	return nil
}

// chosen are the journeys to write: the named one with all that it runs, else all, or all that differ.
func (g *gallery) chosen(a *app, o graphOptions) ([]schema.Key, error) {
	if o.journey == "" {
		if g.from == nil {
			return g.keys(), nil
		}
		return slices.DeleteFunc(g.keys(), func(k schema.Key) bool { return !g.differs(k) }), nil
	}
	first, err := g.find(a, o.journey)
	if err != nil {
		return nil, err
	}
	seen := map[schema.Key]bool{first: true}
	keys := []schema.Key{first}
	there := g.keys()
	for i := 0; i < len(keys); i++ {
		pic, err := g.picture(keys[i])
		if err != nil {
			return nil, err
		}
		for _, inner := range pic.Inner() {
			k := schema.Key{Type: first.Type, Realm: first.Realm, ID: inner}
			if !seen[k] && slices.Contains(there, k) {
				seen[k] = true
				keys = append(keys, k)
			}
		}
	}
	slices.SortFunc(keys, schema.Key.Compare)
	return keys, nil
}

// fileNames gives each journey the name of its file, realm/name.svg. Names that differ only in case, which many
// file systems take for one, get a number.
func fileNames(keys []schema.Key, ext string) map[schema.Key]string {
	files := map[schema.Key]string{}
	taken := map[string]int{}
	for _, k := range keys {
		name := repo.SafeName(cmp.Or(k.Realm, "global")) + "/" + repo.SafeName(k.ID)
		taken[strings.ToLower(name)]++
		if n := taken[strings.ToLower(name)]; n > 1 {
			name += fmt.Sprintf("~%d", n)
		}
		files[k] = name + cmp.Or(ext, ".svg")
	}
	return files
}
