package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"syncd/internal/app"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/sync"
	"syncd/internal/visible"
)

// scope writes one plan: what differs with its money, what stops it, the way on.
func (p *page) scope(s *sync.ScopeReport) {
	head := fmt.Sprintf("%s at %s", clean(s.Customer.Name), s.Target)
	tail := ""
	if s.Digest != "" {
		tail = "  plan " + s.Digest
	}
	column := 50
	stands := cmp.Or(p.stands, s.Standing(p.planned))
	if p.width > 0 && max(50, utf8.RuneCountInString(head)+1)+utf8.RuneCountInString(stands+tail) > p.width {
		p.line("%s", p.paint(head, text.Bold))
		head, column = "", min(column, p.width-utf8.RuneCountInString(stands+tail))
	}
	p.line("%s%s%s%s", p.paint(head, text.Bold), pad(head, column), p.standing(stands, stands), tail)
	shown := s.Changes
	if !p.all {
		shown = slices.DeleteFunc(slices.Clone(s.Changes), func(c plan.Change) bool { return !differs(&c) })
	}
	p.changes(shown)
	if n := len(s.Changes) - len(shown); n > 0 {
		p.line("  %s %s", p.action(plan.Adopt, plan.Adopt.Glyph()), asTheyAre(n))
	}
	p.monthly(s)
	p.credits(s.Credits)
	p.violations(s, p.own(s))
	if s.Error != nil {
		p.flow("  "+p.paint("x", text.FgRed)+" ", clean(*s.Error))
	}
	for _, text := range s.Looked {
		p.flow("  ? ", clean(text))
	}
	for _, t := range s.Trace {
		p.flow("  ? ", fmt.Sprintf("%s %s.%s: wanted %s, there %s, last left %s (%s): %s", t.Kind, clean(t.Label), t.Field, dash(t.Desired), dash(t.Observed), dash(t.Recorded), t.Owner, t.Verdict))
	}
	p.line("")
}

func asTheyAre(n int) string {
	if n == 1 {
		return "1 taken on as it is (syncd plan --all shows it)"
	}
	return fmt.Sprintf("%d taken on as they are (syncd plan --all shows them)", n)
}

// credits writes what is to be credited by hand.
func (p *page) credits(credits []money.Credit) {
	for _, c := range credits {
		p.flow("  - ", "credit by hand: "+c.Ref+", "+clean(c.String()))
	}
}

// unknownMoney stands where nobody knows an amount.
const unknownMoney = "unknown"

// monthly writes what a plan does to the monthly bill.
func (p *page) monthly(s *sync.ScopeReport) {
	if n := s.Unpriced(); n > 0 {
		p.line("%s%s", pad("", moneyEnd-len(unknownMoney)), p.paint(unknownMoney+" a month: "+app.Count(n, "change")+" without a known price", text.Bold))
		return
	}
	if s.MonthlyDelta == "0.00" || s.MonthlyDelta == "" {
		return
	}
	amount := signed(s.MonthlyDelta)
	sum := amount + " " + s.Currency + " a month"
	before := moneyEnd - len(amount)
	if p.width > 0 && p.width < moneyEnd+len(sum)-len(amount) {
		before = p.width - len(sum)
	}
	p.line("%s%s", pad("", before), p.paint(sum, text.Bold))
}

// violations writes what stops or is left out, and the way on once.
func (p *page) violations(s *sync.ScopeReport, own []plan.Violation) {
	curable := false
	for _, v := range own {
		curable = curable || !v.Note && !v.NeedsRepair && s.Digest != ""
		p.flow(p.mark(v.Note), v.Code+": "+clean(plan.WithoutWayOn(v.Message)))
	}
	switch {
	case p.decided != "":
		p.flow("  > ", p.decided)
	case curable && s.Outcome == sync.Held && p.part:
		p.flow("  > ", fmt.Sprintf("to let it pass, approve the plan of the customer as a whole: syncd approve %s %s", typed(s.Customer.Key, s.Customer.Name, nil), s.Target))
	case curable && s.Outcome == sync.Held:
		p.flow("  > ", "to let it pass: "+plan.ApproveCommand(s.Digest))
	}
}

func (p *page) mark(note bool) string {
	if note {
		return "  " + p.paint("i", text.FgCyan) + " "
	}
	return "  " + p.paint("!", text.FgYellow) + " "
}

// The columns of a change on a terminal that has room for them.
const (
	labelColumn = 51
	whatColumn  = 34
	moneyWidth  = 10
	moneyEnd    = 4 + labelColumn + whatColumn + 1 + moneyWidth
)

// changes writes one line a change, the most money first, under the agreement
// that they are on:
//
//	on Managed services (agreement 55): billed from 1 to 31 December 2026, invoice not made
//	~ Microsoft 365 Business Premium   quantity 41 -> 44 at 22.00   +66.00   changed at source
//
// Where the terminal has no room for that, what changes stands below.
func (p *page) changes(changes []plan.Change) {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b plan.Change) int { return b.MonthlyDelta.Abs().Cmp(a.MonthlyDelta.Abs()) })
	where, effect := "", ""
	for i := range changes {
		c := &changes[i]
		if on := agreementOf(c); on != "" && on != where {
			where = on
			if effect = commonEffect(changes, c.Billing.Agreement); effect != "" {
				on += ": " + effect
			}
			p.flow("  ", "on "+on)
		}
		money := ""
		if c.Unpriced {
			money = unknownMoney
		} else if !c.MonthlyDelta.IsZero() {
			money = signed(c.MonthlyDelta.StringFixed(2))
		}
		label := c.Key.Kind + " " + clean(c.Label)
		what := clean(abridged(changed(c))) + priced(c)
		reason := string(c.Reason)
		if c.Held != "" {
			reason += ", waits"
		}
		glyph := p.action(glyphed(c), c.Glyph())
		line := fmt.Sprintf("%s%s%s%s %*s  %s", label, pad(label, labelColumn), what, pad(what, whatColumn), moneyWidth, money, reason)
		if p.width == 0 || 4+utf8.RuneCountInString(line) <= p.width {
			p.line("  %s %s", glyph, line)
			p.explained(c)
			p.effect(c, effect)
			continue
		}
		switch room := p.width - 4 - len(money); {
		case money != "" && utf8.RuneCountInString(label) < room:
			p.line("  %s %s%s%s", glyph, label, pad(label, room), money)
		default:
			p.flow("  "+glyph+" ", strings.TrimSpace(label+" "+money))
		}
		p.flow("      ", what+", "+reason)
		p.explained(c)
		p.effect(c, effect)
	}
}

// explained says below a change why a counted quantity falls.
func (p *page) explained(c *plan.Change) {
	if c.Explanation != nil {
		p.flow("      ", clean(c.Explanation.Text()))
	}
}

// effect writes which days a change is billed for, where that was not said of all
// changes on the agreement.
func (p *page) effect(c *plan.Change, said string) {
	if c.Effect != nil && c.Effect.Text != said {
		p.flow("      ", clean(c.Effect.Text))
	}
}

// commonEffect is which days the changes on an agreement are billed for, where that
// is the same for all of them.
func commonEffect(changes []plan.Change, agreement string) string {
	common := ""
	for i := range changes {
		switch c := &changes[i]; {
		case c.Effect == nil || c.Billing == nil || c.Billing.Agreement != agreement:
		case common != "" && common != c.Effect.Text:
			return ""
		default:
			common = c.Effect.Text
		}
	}
	return clean(common)
}

// glyphed is the action that a change looks like.
func glyphed(c *plan.Change) plan.Action {
	if c.Action == plan.Adopt && c.Writes() {
		return plan.Update
	}
	return c.Action
}

// agreementOf names the agreement that a change is on, or nothing.
func agreementOf(c *plan.Change) string {
	if b := c.Billing; b != nil && b.Agreement != "" && b.AgreementName != "" {
		return fmt.Sprintf("%s (agreement %s)", clean(b.AgreementName), b.Agreement)
	}
	return ""
}

// priced is the price of one unit, after a quantity.
func priced(c *plan.Change) string {
	if c.Billing == nil || c.Billing.UnitPrice == nil {
		return ""
	}
	return " at " + plan.Price(c.Billing.UnitPrice) + c.Billing.Cycle.Per()
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
	return visible.Clip(text, 48)
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
