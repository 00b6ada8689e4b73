package picture

import (
	"strings"
)

// A Palette is the colours of a picture, by the names that the style sheet uses.
type Palette map[string]string

// Light is the palette for light surroundings. Text has a contrast of 4.5 : 1 to what it stands on, lines and
// signs of 3 : 1 (WCAG 2.2, 1.4.3 and 1.4.11); a test computes them.
func Light() Palette {
	return Palette{
		"bg": "#f7f8fa", "card": "#ffffff", "ink": "#1b2330", "soft": "#566174", "line": "#8792a5", "rule": "#e3e7ee", "wire": "#78849a", "kid": "#f1f3f7",
		"ok": "#17713d", "okbg": "#e2f4e8", "bad": "#b3261e", "badbg": "#fdeae8",
		"add": "#17713d", "addbg": "#e2f4e8", "del": "#b3261e", "delbg": "#fdeae8", "mod": "#8a5300", "modbg": "#fdf1d8", "rew": "#6a3bc4", "rewbg": "#efe8fc", "sign": "#ffffff",
		"slate": "#4a5568", "slatebg": "#e8ecf2", "blue": "#2556b8", "bluebg": "#e4ecfb", "teal": "#0b6b74", "tealbg": "#dcf2f3", "violet": "#6a3bc4", "violetbg": "#efe8fc",
		"rose": "#a82a5c", "rosebg": "#fbe6ee", "amber": "#8a5300", "amberbg": "#fdf1d8",
	}
}

// Dark is the palette for dark surroundings.
func Dark() Palette {
	return Palette{
		"bg": "#12161d", "card": "#1b222d", "ink": "#e6eaf1", "soft": "#a3aec0", "line": "#66748a", "rule": "#2b3442", "wire": "#8793a8", "kid": "#242d3a",
		"ok": "#6fd695", "okbg": "#14301f", "bad": "#ff9a92", "badbg": "#3a1a1a",
		"add": "#6fd695", "addbg": "#14301f", "del": "#ff9a92", "delbg": "#3a1a1a", "mod": "#f2c063", "modbg": "#35270c", "rew": "#c0a5ff", "rewbg": "#2b2147", "sign": "#12161d",
		"slate": "#b6c0d0", "slatebg": "#2b3442", "blue": "#8fb0ff", "bluebg": "#1a2b4d", "teal": "#6fd3dc", "tealbg": "#12343a", "violet": "#c0a5ff", "violetbg": "#2b2147",
		"rose": "#ff9dc0", "rosebg": "#401c2c", "amber": "#f2c063", "amberbg": "#35270c",
	}
}

// shapes are the rules without colours.
const shapes = `.lp text{font-family:"Helvetica Neue",Arial,"Liberation Sans",Roboto,"DejaVu Sans",sans-serif;stroke:none}
.lp-t{font-size:12px;font-weight:600}.lp-y{font-size:10px}.lp-k{font-size:10.5px}.lp-o{font-size:10.5px}.lp-h{font-size:15px;font-weight:600}.lp-s{font-size:11px}
.lp-o{text-anchor:end}.lp-w{fill:none;stroke-width:1.6}.lp-i{fill:none;stroke-width:1.4;stroke-linecap:round;stroke-linejoin:round}
.lp-card{stroke-width:1}.lp-n.lp-added .lp-card,.lp-n.lp-changed .lp-card{stroke-width:2.2}.lp-n.lp-removed .lp-card,.lp-n.lp-ghost .lp-card{stroke-width:2;stroke-dasharray:6 4}
.lp-n.lp-removed .lp-t,.lp-kid.lp-removed text{text-decoration:line-through}
.lp-w.lp-added{stroke-width:2.6}.lp-w.lp-removed{stroke-width:2;stroke-dasharray:7 4}.lp-w.lp-now{stroke-width:3}.lp-w.lp-was{stroke-width:2;stroke-dasharray:2 5;stroke-linecap:round}
.lp-b,.lp-g{fill:none;stroke-width:2;stroke-linecap:round}.lp a:hover text,.lp a:focus text{text-decoration:underline}
`

// colours are the rules with colours, to be filled in from a palette.
const colours = `.lp-bg{fill:$bg}.lp text{fill:$ink}.lp .lp-y,.lp .lp-s{fill:$soft}.lp-card{fill:$card;stroke:$line}.lp-rule{stroke:$rule}.lp-port{fill:$card;stroke:$wire}.lp-kid rect{fill:$kid}
.lp-w{stroke:$wire}.lp-a{fill:$wire}.lp .lp-link{fill:$blue}
.lp-start{fill:$slatebg;stroke:$slate}.lp-start-i{fill:$slate}.lp-ok{fill:$okbg;stroke:$ok}.lp .lp-ok-t{fill:$ok}.lp-ok-i{stroke:$ok}.lp-no{fill:$badbg;stroke:$bad}.lp .lp-no-t{fill:$bad}.lp-no-i{stroke:$bad}
.lp-tile{fill:$slatebg}.lp-i{stroke:$slate}
.lp-page .lp-tile,.lp-input .lp-tile{fill:$bluebg}.lp-page .lp-i,.lp-input .lp-i{stroke:$blue}
.lp-identity .lp-tile,.lp-decision .lp-tile{fill:$tealbg}.lp-identity .lp-i,.lp-decision .lp-i{stroke:$teal}
.lp-inner .lp-tile,.lp-social .lp-tile{fill:$violetbg}.lp-inner .lp-i,.lp-social .lp-i{stroke:$violet}
.lp-mfa .lp-tile,.lp-risk .lp-tile{fill:$rosebg}.lp-mfa .lp-i,.lp-risk .lp-i{stroke:$rose}
.lp-script .lp-tile,.lp-custom .lp-tile,.lp-message .lp-tile{fill:$amberbg}.lp-script .lp-i,.lp-custom .lp-i,.lp-message .lp-i{stroke:$amber}
.lp-n.lp-ghost .lp-card{fill:$badbg;stroke:$bad}
.lp-n.lp-added .lp-card{stroke:$add;fill:$addbg}.lp-n.lp-removed .lp-card{stroke:$del;fill:$delbg}.lp-n.lp-changed .lp-card{stroke:$mod;fill:$modbg}
.lp-kid.lp-added rect{fill:$addbg;stroke:$add}.lp-kid.lp-removed rect{fill:$delbg;stroke:$del}.lp-kid.lp-changed rect{fill:$modbg;stroke:$mod}.lp-row{fill:$rewbg}.lp .lp-rew{fill:$rew}
.lp-w.lp-added{stroke:$add}.lp-a.lp-added{fill:$add}.lp-w.lp-removed{stroke:$del}.lp-a.lp-removed{fill:$del}.lp-w.lp-now,.lp-w.lp-was{stroke:$rew}.lp-a.lp-now,.lp-a.lp-was{fill:$rew}
.lp-b-added{fill:$add}.lp-b-removed{fill:$del}.lp-b-changed{fill:$mod}.lp-b-rewired{fill:$rew}.lp-b{stroke:$sign}
`

// Style is the style sheet of pictures, for a page that holds some drawn with Options.Inline.
func Style() string {
	var b strings.Builder
	b.WriteString(shapes)
	b.WriteString(Light().fill(colours))
	b.WriteString("@media screen and (prefers-color-scheme:dark){\n" + Dark().fill(colours) + "}\n")
	return b.String()
}

// fill puts the colours into the rules.
func (p Palette) fill(rules string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(rules, '$')
		if i < 0 {
			b.WriteString(rules)
			return b.String()
		}
		end := i + 1
		for end < len(rules) && rules[end] >= 'a' && rules[end] <= 'z' {
			end++
		}
		b.WriteString(rules[:i] + p[rules[i+1:end]])
		rules = rules[end:]
	}
}
