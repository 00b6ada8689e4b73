package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// progress shows how long work goes on: a bar with counts on a terminal, nothing elsewhere, so that logs
// and pipes stay clean.
type progress struct {
	w     io.Writer
	title string
	width int
	on    bool
	mu    sync.Mutex
	drawn bool
}

func (a *app) progress(title string) *progress {
	width, tty := a.terminal(a.stderr)
	return &progress{w: a.stderr, title: title, width: width, on: tty && !a.quiet}
}

const barWidth = 24

// update draws the bar anew.
func (p *progress) update(done, total int, what string) {
	if !p.on {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
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
