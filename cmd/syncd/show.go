package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"syncd/internal/plan"
	"syncd/internal/sync"
)

// A palette colours text, or does not.
type palette bool

func (p palette) paint(s string, c ...text.Color) string {
	if !p {
		return s
	}
	return text.Colors(c).Sprint(s)
}

func (p palette) action(a plan.Action, s string) string {
	switch a {
	case plan.Create:
		return p.paint(s, text.FgGreen)
	case plan.Update:
		return p.paint(s, text.FgYellow)
	case plan.Delete:
		return p.paint(s, text.FgRed)
	}
	return p.paint(s, text.FgCyan)
}

func (p palette) outcome(o sync.Outcome) string {
	s := said(o)
	switch o {
	case sync.InStep, sync.Changed, sync.Skipped:
		return p.paint(s, text.FgGreen)
	case sync.Held:
		return p.paint(s, text.FgYellow, text.Bold)
	case sync.Failed, sync.Partial, sync.Incomplete:
		return p.paint(s, text.FgRed, text.Bold)
	}
	return p.paint(s, text.Faint)
}

// said is an outcome as a person would say it.
func said(o sync.Outcome) string {
	switch o {
	case sync.InStep:
		return "in step"
	case sync.Incomplete:
		return "source not proven"
	}
	return string(o)
}

// writeReport writes a run as people read it: what is quiet in one line, what
// changes or waits in full.
func writeReport(w io.Writer, r *sync.Report, colour bool) error {
	out := &page{w: w, palette: palette(colour)}
	quiet, unmapped, ignored := 0, 0, 0
	noted, codes := 0, map[string]int{}
	for i := range r.Scopes {
		if onlyNoted(&r.Scopes[i]) {
			noted++
		}
	}
	for i := range r.Scopes {
		s := &r.Scopes[i]
		switch {
		case noted > mostNoted && onlyNoted(s):
			for _, v := range s.Violations {
				codes[v.Code]++
			}
		case s.Ignored && len(s.Violations) == 0:
			ignored++
		case s.Outcome == sync.Unmapped && len(s.Violations) == 0:
			unmapped++
		case s.Count() == 0 && len(s.Violations) == 0 && s.Error == nil && len(s.Trace)+len(s.Looked) == 0:
			quiet++
		default:
			full := s.Unpacked()
			out.scope(&full)
		}
	}
	if quiet > 0 {
		out.line("%d in step, nothing to do", quiet)
	}
	if len(codes) > 0 {
		var parts []string
		for _, code := range slices.Sorted(maps.Keys(codes)) {
			parts = append(parts, fmt.Sprintf("%s %d", code, codes[code]))
		}
		out.line("%d in step, with something to note (%s): --customer NAME shows one, --json all", noted, strings.Join(parts, ", "))
	}
	if unmapped > 0 {
		out.line("%d not linked: syncd map suggest", unmapped)
	}
	if ignored > 0 {
		out.line("%d ignored on purpose", ignored)
	}
	out.totals(r)
	return out.err
}

// mostNoted is how many customers who are in step may speak at length: what is
// noted of hundreds on every run drowns what matters.
const mostNoted = 10

// onlyNoted reports whether a scope is in step and has nothing but notes.
func onlyNoted(s *sync.ScopeReport) bool {
	return (s.Outcome == sync.InStep || s.Outcome == sync.Skipped) && s.Count() == 0 && len(s.Violations) > 0 && s.Error == nil && len(s.Trace) == 0 && len(s.Looked) == 0 &&
		!plan.Holds(s.Violations)
}

// A page writes lines and remembers the first error.
type page struct {
	w io.Writer
	palette
	err     error
	decided string // a person's word on the scope that is shown next
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *page) scope(s *sync.ScopeReport) {
	head := fmt.Sprintf("%s at %s", clean(s.Customer.Name), s.Target)
	tail := ""
	if s.Digest != "" {
		tail = "plan " + s.Digest
	}
	p.line("%s%s%s  %s", p.paint(head, text.Bold), pad(head, 50), p.outcome(s.Outcome), tail)
	p.changes(s.Changes)
	if s.MonthlyDelta != "0.00" && s.MonthlyDelta != "" {
		p.line("  %s%s", pad("", 75), p.paint(signed(s.MonthlyDelta)+" "+s.Currency+" a month", text.Bold))
	}
	p.violations(s)
	if s.Error != nil {
		p.line("  %s %s", p.paint("x", text.FgRed), clean(*s.Error))
	}
	for _, text := range s.Looked {
		p.line("  ? %s", clean(text))
	}
	for _, t := range s.Trace {
		p.line("  ? %s %s.%s: wanted %s, there %s, last left %s (%s): %s", t.Kind, clean(t.Label), t.Field, dash(t.Desired), dash(t.Observed), dash(t.Recorded), t.Owner, t.Verdict)
	}
	p.line("")
}

// violations writes what stops or is left out, and the way on once.
func (p *page) violations(s *sync.ScopeReport) {
	wayOn, curable := plan.WayOn(s.Digest), false
	for _, v := range s.Violations {
		mark := p.paint("!", text.FgYellow)
		if v.Note {
			mark = p.paint("i", text.FgCyan)
		}
		message, cut := strings.CutSuffix(v.Message, "; "+wayOn)
		if !cut {
			message = strings.TrimSuffix(message, ", then "+wayOn)
		}
		curable = curable || !v.Note && !v.Stays && s.Digest != ""
		p.line("  %s %s: %s", mark, v.Code, clean(message))
	}
	switch {
	case p.decided != "":
		p.line("  > %s", p.decided)
	case curable && s.Outcome == sync.Held:
		p.line("  > to let it pass: %s", wayOn)
	}
}

// changes writes one line a change:
//
//	~ Microsoft 365 Business Premium   quantity 41 -> 44   +66.00   changed at source
func (p *page) changes(changes []plan.Change) {
	for i := range changes {
		c := &changes[i]
		fields := changed(c)
		money := ""
		if !c.MonthlyDelta.IsZero() {
			money = signed(c.MonthlyDelta.StringFixed(2))
		}
		label := c.Key.Kind + " " + clean(c.Label)
		what := clean(abridged(fields))
		reason := string(c.Reason)
		if c.Held != "" {
			reason += ", waits"
		}
		p.line("  %s %s%s %s%s %10s  %s", p.action(c.Action, c.Action.Glyph()), label, pad(label, 51), what, pad(what, 24), money, reason)
	}
}

// changed says what becomes of each field. Of what is new, what is empty or no
// says nothing.
func changed(c *plan.Change) []string {
	var fields []string
	for _, f := range c.Fields {
		switch {
		case c.Action == plan.Create && (f.After.Blank() || f.After.String() == "no"):
		case c.Action == plan.Create && f.Set && len(f.After) > 2:
			fields = append(fields, fmt.Sprintf("%d %s", len(f.After), f.Name))
		case c.Action == plan.Create:
			fields = append(fields, fmt.Sprintf("%s %s", f.Name, short(f.After.String())))
		case f.Set:
			fields = append(fields, f.Name+" "+setChange(f))
		default:
			fields = append(fields, fmt.Sprintf("%s %s -> %s", f.Name, cmp.Or(short(f.Before.String()), "-"), cmp.Or(short(f.After.String()), "-")))
		}
	}
	if c.Action == plan.Adopt && len(fields) == 0 && c.After != nil {
		for _, f := range c.After.Fields {
			if !f.Value.Blank() {
				fields = append(fields, f.Name+" "+short(f.Value.String()))
			}
		}
	}
	return fields
}

// short cuts a long text where a line has no room for it; --json has all of it.
func short(text string) string {
	const most = 48
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// abridged joins what fits into a line, and says how much more there is.
func abridged(fields []string) string {
	const most = 120
	text := ""
	for i, f := range fields {
		if i > 0 && utf8.RuneCountInString(text)+utf8.RuneCountInString(f) > most {
			return fmt.Sprintf("%s, and %d more", text, len(fields)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += f
	}
	return text
}

// setChange says how a set changes: how many come and how many go.
func setChange(f plan.FieldChange) string {
	more, fewer := 0, 0
	has := map[string]bool{}
	for _, v := range f.Before {
		has[v] = true
	}
	for _, v := range f.After {
		if has[v] {
			delete(has, v)
		} else {
			more++
		}
	}
	fewer = len(has)
	return fmt.Sprintf("+%d -%d", more, fewer)
}

func (p *page) totals(r *sync.Report) {
	var parts []string
	for _, o := range sync.Outcomes {
		if n := r.Totals[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, p.outcome(o)))
		}
	}
	text := strings.Join(parts, ", ")
	switch {
	case text == "" && r.Error != nil:
		return // it ended before anybody was looked at; the command says why
	case text == "":
		text = "nobody to look at"
	}
	if up, down := r.MonthlyDelta(); !up.IsZero() || !down.IsZero() {
		text += fmt.Sprintf("; monthly bills +%s -%s", up.StringFixed(2), down.StringFixed(2))
	}
	p.line("%s", text)
	if !r.PlanOnly && r.Totals[sync.Held] > 0 {
		p.line("syncd holds shows what waits; syncd approve lets it pass at the next apply")
	}
}

// count says how many of a thing there are.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func signed(amount string) string {
	if strings.HasPrefix(amount, "-") {
		return amount
	}
	return "+" + amount
}

func dash(s *string) string {
	if s == nil {
		return "-"
	}
	return `"` + clean(*s) + `"`
}

// pad fills up to a column, with one space at least.
func pad(s string, width int) string {
	return strings.Repeat(" ", max(1, width-utf8.RuneCountInString(s)))
}

// clean keeps foreign text from moving the cursor or colouring the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
