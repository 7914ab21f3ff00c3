package main

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
)

// A line is one thing that was measured.
type line struct {
	what, limit, measured string
	ok                    bool
	informational         bool // has no limit: for people to know
}

// A results is the table that is printed.
type results []line

// gate adds a measurement with a limit.
func (r *results) gate(ok bool, what, limit, format string, args ...any) {
	*r = append(*r, line{what: what, limit: limit, measured: fmt.Sprintf(format, args...), ok: ok})
}

// inform adds a measurement that nothing depends on.
func (r *results) inform(what, format string, args ...any) {
	*r = append(*r, line{what: what, measured: fmt.Sprintf(format, args...), informational: true})
}

// missed reports whether one of the limits does not hold.
func (r results) missed() bool {
	for _, l := range r {
		if !l.informational && !l.ok {
			return true
		}
	}
	return false
}

func (r results) write(out io.Writer) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"what", "limit", "measured", "ok"})
	for _, l := range r {
		verdict := "MISSED"
		switch {
		case l.informational:
			verdict = ""
		case l.ok:
			verdict = "ok"
		}
		t.AppendRow(table.Row{l.what, l.limit, l.measured, verdict})
	}
	_, err := fmt.Fprintln(out, t.Render())
	return err
}
