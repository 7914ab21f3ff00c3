package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A progress is one line on a terminal that says how far long work is. Where
// nobody looks, it writes nothing.
type progress struct {
	w       io.Writer
	what    string
	started time.Time
	shown   time.Time
	width   int
}

func (a *app) progress(what string) *progress {
	p := &progress{what: what, started: time.Now()}
	if a.console.Progress {
		p.w = a.console.Err
	}
	return p
}

// at is called from one goroutine at a time.
func (p *progress) at(done, total int, name string) {
	if p.w == nil {
		return
	}
	now := time.Now()
	if now.Sub(p.shown) < 100*time.Millisecond && done < total {
		return
	}
	p.shown = now
	left := ""
	if spent := now.Sub(p.started); done > 0 && done < total && spent > 2*time.Second {
		left = fmt.Sprintf(", %s left", (spent / time.Duration(done) * time.Duration(total-done)).Round(time.Second))
	}
	text := fmt.Sprintf("%d of %d %s%s  %.30s", done, total, p.what, left, clean(name))
	fmt.Fprintf(p.w, "\r%s%s", text, strings.Repeat(" ", max(0, p.width-len(text))))
	p.width = len(text)
}

// end takes the line away.
func (p *progress) end() {
	if p.w != nil && p.width > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width))
	}
}
