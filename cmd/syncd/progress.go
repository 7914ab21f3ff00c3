package main

import (
	"fmt"
	"io"
	"strings"
	gosync "sync"
	"time"
)

// A progress is one line on a terminal that says how far long work is. Where
// nobody looks, it writes nothing.
type progress struct {
	w       io.Writer
	what    string
	started time.Time

	mu    gosync.Mutex
	shown time.Time
	width int
}

func (a *app) progress(what string) *progress {
	p := &progress{what: what, started: time.Now()}
	if a.console.Progress {
		p.w = a.console.Err
	}
	return p
}

// at shows that done of total are done, the last of them name's.
func (p *progress) at(done, total int, name string) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
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

// end takes the line away, for good or until at is called again.
func (p *progress) end() {
	if p == nil || p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
}
