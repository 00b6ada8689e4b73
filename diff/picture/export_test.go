package picture

// Placed says whether a picture has a layout of our own, and how many cards had to leave their coordinates.
func Placed(p *Picture) (layered bool, forced int) { return p.g.layered, p.g.forced }

// TextWidth is the estimate that pictures are laid out by.
func TextWidth(class, s string) float64 {
	f := map[string]font{"lp-t": titleFont, "lp-y": typeFont, "lp-k": kidFont, "lp-o": outcomeFont, "lp-h": headFont, "lp-s": noteFont}[class]
	return f.width(s)
}
