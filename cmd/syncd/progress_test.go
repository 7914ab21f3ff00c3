package main

import (
	"strings"
	"testing"

	"syncd/internal/web/control"
)

func TestWordsPushTheProgressLineAside(t *testing.T) {
	var terminal strings.Builder
	a := &app{console: &control.Console{Err: &terminal, Progress: true}}
	d := &technician{app: a, bar: a.progress("steps")}
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
