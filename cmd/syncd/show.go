package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/visible"
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

// standing colours words for where a scope stands; see state.Standing.
func (p palette) standing(standing, s string) string {
	switch standing {
	case state.StandsInStep, state.StandsUnchanged, state.StandsChanged, state.StandsApproved:
		return p.paint(s, text.FgGreen)
	case state.StandsNeedsApproval, state.StandsWouldChange, state.StandsPutOff:
		return p.paint(s, text.FgYellow, text.Bold)
	case state.StandsFailed, state.StandsPartlyDone, state.StandsNotRead, state.StandsNeedsRepair, state.StandsRejected:
		return p.paint(s, text.FgRed, text.Bold)
	}
	return p.paint(s, text.Faint)
}

// A page writes lines for people and remembers the first error.
type page struct {
	w io.Writer
	palette
	width   int // columns of the terminal; 0 = what is long stays on its line
	all     bool
	planned bool // nothing was applied
	part    bool // what is shown is one object of each plan
	err     error
	stands  string          // of the scope that is shown next, where that is not what its report says
	decided string          // a person's word on the scope that is shown next
	shared  map[string]int  // guards that are said once at the end, with how many scopes they stop
	curable map[string]bool // those of them that an approval opens
}

func (a *cli) page(w io.Writer) *page {
	return &page{w: w, palette: palette(a.console.Color), width: a.console.Width}
}

// line writes a line, or several where the terminal is too narrow for it.
func (p *page) line(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if p.width > 0 && columns(line) > p.width && !strings.Contains(line, "\n") {
		indent := strings.Repeat(" ", columns(line)-columns(strings.TrimLeft(line, " ")))
		for i, part := range folded(strings.TrimLeft(line, " "), p.width-len(indent)-4) {
			if i == 1 {
				indent += "    "
			}
			p.write(indent + part)
		}
		return
	}
	p.write(line)
}

func (p *page) write(line string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, line)
	}
}

// columns is how many columns a text takes, whatever its colours.
func columns(s string) int { return text.StringWidthWithoutEscSequences(s) }

// flow writes a text after a mark, such as "  ! ", and where the terminal is too
// narrow goes on below the text's beginning.
func (p *page) flow(mark, message string) {
	indent := columns(mark)
	for i, part := range folded(message, p.width-indent) {
		if i > 0 {
			mark = strings.Repeat(" ", indent)
		}
		p.write(mark + part)
	}
}

// folded breaks a text between words; a width of nothing sensible leaves it whole.
func folded(message string, width int) []string {
	const least = 20
	if width < least {
		return []string{message}
	}
	var lines []string
	now, used := "", 0
	for word := range strings.SplitSeq(message, " ") {
		n := columns(word)
		if used > 0 && used+1+n > width {
			lines = append(lines, strings.TrimRight(now, " "))
			now, used = "", 0
		}
		if used > 0 {
			now, used = now+" ", used+1
		}
		now, used = now+word, used+n
	}
	return append(lines, now)
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

// clean is foreign text as it may stand on a terminal.
func clean(s string) string { return visible.Text(s) }
