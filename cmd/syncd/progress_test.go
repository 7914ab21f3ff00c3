package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/rest"
	"syncd/internal/web/control"
)

func TestWaitingIsSaid(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		wait     time.Duration
		want     string
	}{
		{"a terminal", true, time.Hour, "\rwaiting for connectwise until 2000-01-01 01:00:00: it answered 429, 59m59s left\rwaiting for connectwise until 2000-01-01 01:00:00: it answered 429, 59m58s left"},
		{"a terminal, not worth it", true, 3 * time.Second, ""},
		{"a log", false, time.Hour, "syncd: waiting for connectwise until 2000-01-01 01:00:00: it answered 429\n"},
		{"a log, not worth it", false, 20 * time.Second, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			var err strings.Builder
			a := &cli{console: &control.Console{Err: &err, Progress: c.terminal}}
			until := time.Now().Add(c.wait)
			stop := a.watch(t.Context(), func(time.Time) []rest.Pause {
				return []rest.Pause{{System: "connectwise", Until: until, Why: "it answered 429"}}
			}, time.UTC)
			time.Sleep(2500 * time.Millisecond)
			synctest.Wait()
			if got := err.String(); got != c.want {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
			stop()
		})
	}
}

func TestWordsPushTheProgressLineAside(t *testing.T) {
	var terminal strings.Builder
	a := &cli{console: &control.Console{Err: &terminal, Progress: true}}
	d := &cippOptions{cli: a, bar: a.progress("steps")}
	d.bar.at(1, 3, "ada")
	d.waiting("CIPP is asked again")
	d.bar.shown = d.bar.started.AddDate(0, 0, -1) // long ago
	d.bar.at(2, 3, "ben")
	d.bar.end()
	line, blank := "1 of 3 steps  ada", strings.Repeat(" ", len("1 of 3 steps  ada"))
	if got, want := terminal.String(), "\r"+line+"\r"+blank+"\rCIPP is asked again\n\r2 of 3 steps  ben\r"+blank+"\r"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var nowhere *progress
	nowhere.end()
}
