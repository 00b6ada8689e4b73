package report

import (
	"fmt"
	"io"
	"strings"
)

// Promotion writes a promotion as it stands.
func Promotion(w io.Writer, v *PromotionView, o Options) error {
	p := &printer{w: w, o: o}
	p.promotion(v)
	return p.err
}

func (p *printer) promotion(v *PromotionView) {
	head := clean(v.From) + " → " + clean(v.To)
	if v.ID != "" {
		head += " · promotion " + clean(v.ID)
	}
	if v.Source != "" {
		head += " · " + clean(v.Source)
	}
	p.line(p.o.Style.bold(head))
	if len(v.Steps) > 0 {
		p.line()
	}
	names := 0
	for _, s := range v.Steps {
		names = max(names, width(clean(s.Name)))
	}
	names = max(names, 9) // "preflight": the columns stay where they are while it goes on
	for _, s := range v.Steps {
		sign := p.state(s.State)
		if s.State == Waiting {
			sign = p.o.Style.dim("·")
		}
		left := " " + pad(clean(s.Name), names+3)
		took := ""
		if s.Took > 0 {
			took = fmt.Sprintf("%7s", duration(s.Took))
		}
		indent := strings.Repeat(" ", names+5)
		text := left + clean(s.Text)
		if took == "" {
			text = wrap(text, indent, p.o.Width)
		}
		p.sides(sign+text, "x"+text, took, p.columns()-7)
		for _, d := range s.Detail {
			p.line(indent, clean(d))
		}
	}
	if v.Message != "" {
		p.line()
		p.line(wrap(clean(v.Message), "  ", p.o.Width))
	}
	p.next(v.Next)
}
