package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	gosync "sync"
	"time"

	"syncd/internal/rest"
)

// A statusLine is one line on a terminal that says what is going on, until
// something else is written. Where nobody looks, nothing is.
type statusLine struct {
	mu    gosync.Mutex
	width int // of what stands there
}

// show puts a text on the line.
func (a *cli) show(text string) {
	if !a.console.Progress {
		return
	}
	a.line.mu.Lock()
	defer a.line.mu.Unlock()
	fmt.Fprintf(a.console.Err, "\r%s%s", text, strings.Repeat(" ", max(0, a.line.width-len(text))))
	a.line.width = len(text)
}

// clear takes the line away.
func (a *cli) clear() {
	a.line.mu.Lock()
	defer a.line.mu.Unlock()
	if a.line.width > 0 {
		fmt.Fprintf(a.console.Err, "\r%s\r", strings.Repeat(" ", a.line.width))
		a.line.width = 0
	}
}

// cleared is a writer before which the line is taken away.
type cleared struct {
	a *cli
	w io.Writer
}

func (c cleared) Write(p []byte) (int, error) {
	c.a.clear()
	return c.w.Write(p)
}

// A progress says on the status line how far long work is.
type progress struct {
	a       *cli
	what    string
	started time.Time

	mu    gosync.Mutex
	shown time.Time
}

func (a *cli) progress(what string) *progress {
	return &progress{a: a, what: what, started: time.Now()}
}

// at shows that done of total are done, the last of them name's.
func (p *progress) at(done, total int, name string) {
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
	p.a.show(fmt.Sprintf("%d of %d %s%s  %.30s", done, total, p.what, left, clean(name)))
}

// end takes the line away, for good or until at is called again.
func (p *progress) end() {
	if p != nil {
		p.a.clear()
	}
}

// How long a wait is before it is worth a word: on a terminal, and in what a
// program or a mail keeps.
const (
	worthShowing = 3 * time.Second
	worthTelling = 30 * time.Second
)

// watch says for what a command waits, where a system asked to be left alone,
// until what it returns is called.
func (a *cli) watch(ctx context.Context, pauses func(now time.Time) []rest.Pause, zone *time.Location) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		told := map[string]time.Time{}
		for waits := false; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			now, was := time.Now(), waits
			waits = false
			for _, p := range pauses(now) {
				left := p.Until.Sub(now)
				switch {
				case left >= worthShowing && a.console.Progress:
					a.show(fmt.Sprintf("%s, %s left", waitingFor(p, zone), left.Round(time.Second)))
					waits = true
				case left >= worthTelling && !p.Until.Equal(told[p.System]):
					told[p.System] = p.Until
					fmt.Fprintf(a.err(), "syncd: %s\n", waitingFor(p, zone))
				}
			}
			if was && !waits {
				a.clear()
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		a.clear()
	}
}

func waitingFor(p rest.Pause, zone *time.Location) string {
	return fmt.Sprintf("waiting for %s until %s: %s", p.System, p.Until.In(zone).Format("2006-01-02 15:04:05"), clean(p.Why))
}
