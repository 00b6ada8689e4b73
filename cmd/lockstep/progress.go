package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progress shows how long work goes on: a bar with counts on a terminal; elsewhere a plain line from time to
// time, so that a log shows that something moves and short work leaves nothing in it.
type progress struct {
	w     io.Writer
	title string
	width int
	bar   bool
	lines bool
	now   func() time.Time
	mu    sync.Mutex
	drawn bool
	last  time.Time // when a plain line was written last
}

// lineEvery is the time between two plain lines.
const lineEvery = 10 * time.Second

func (a *app) progress(title string) *progress {
	width, tty := a.terminal(a.stderr)
	return &progress{w: a.stderr, title: title, width: width, bar: tty && !a.quiet, lines: !tty && !a.quiet, now: a.now, last: a.now()}
}

const barWidth = 24

// update tells how far the work is.
func (p *progress) update(done, total int, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.bar:
		p.draw(done, total, what)
	case p.lines:
		if now := p.now(); now.Sub(p.last) >= lineEvery {
			fmt.Fprintf(p.w, "%s: %d of %d  %s\n", p.title, done, total, what)
			p.last = now
		}
	}
}

// draw draws the bar anew.
func (p *progress) draw(done, total int, what string) {
	full := 0
	if total > 0 {
		full = barWidth * min(done, total) / total
	}
	line := fmt.Sprintf("%s [%s%s] %d of %d  %s", p.title, strings.Repeat("█", full), strings.Repeat("░", barWidth-full), done, total, what)
	if r := []rune(line); len(r) > p.width-1 && p.width > 1 {
		line = string(r[:p.width-1])
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	p.drawn = true
}

// done takes the bar away.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}
