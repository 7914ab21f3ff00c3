package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/sync"
)

func explainCommand(a *cli) *cobra.Command {
	var month string
	cmd := &cobra.Command{Use: "explain CUSTOMER SKU", Short: "Say why the billed number is what it is", Args: cobra.ExactArgs(2),
		Long: "Show what Microsoft says about a licence (by SKU id, part number, name or product), the rules that count it, the lines that bill it, what holds it, and every change syncd made to that line.\n\n" +
			"With --month, what the ledger and the journal have of that month: what was purchased, assigned, due and billed on which days, by which rule, who was counted, who approved it, what was written. No system is asked."}
	cmd.Flags().StringVar(&month, "month", "", "what that month was, from the ledger alone (`YYYY-MM`)")
	completeArgs(cmd, a, "customer")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		if cmd.Flags().Changed("month") && month == "" {
			return usage("--month names no month; write it as 2026-11")
		}
		x, err := w.Explain(ctx, args[0], args[1], month)
		if err != nil {
			return err
		}
		return a.print(x, func(out io.Writer) error { return (*explanation)(x).write(a.page(out), w) })
	})
	return cmd
}

// An explanation is written for people.
type explanation app.Explanation

func (x *explanation) write(p *page, w *app.App) error {
	if x.Month != nil {
		x.writeMonth(p, w.Location)
		return p.err
	}
	x.writeSource(p, w.Location)
	x.writeRules(p)
	x.writeLines(p)
	x.writeInvoices(p)
	x.writeOpen(p, w.Location)
	for _, v := range x.Held {
		word := "Held"
		if v.Note {
			word = "Note"
		}
		p.line("%s: %s: %s", word, v.Code, clean(v.Message))
	}
	if len(x.Journal) == 0 {
		p.line("syncd never changed it")
		return p.err
	}
	p.line("What syncd did, newest first:")
	if p.err != nil {
		return p.err
	}
	return writeHistory(p.w, p.width, x.Journal, w.Location)
}

func (x *explanation) writeSource(p *page, zone *time.Location) {
	switch {
	case x.Unproven != "":
		p.line("Microsoft: %s", clean(x.Unproven))
	case x.Listed != "" && !x.ofPeople():
		p.line("%s of %s", x.Listed, clean(x.What))
	}
	for i := range x.Licences {
		l := &x.Licences[i]
		if l.Unread != "" {
			p.line("Microsoft says of %s (%s) what makes no sense: %s", clean(l.Name), l.PartNumber, clean(l.Unread))
			continue
		}
		h := x.Policy.Holding(l)
		p.line("Microsoft says: %s (%s): %d purchased, %d assigned, %d unassigned", clean(l.Name), l.PartNumber, h.Purchased, l.Assigned, max(0, h.Purchased-l.Assigned))
		for j, s := range l.Subscriptions {
			p.line("  subscription %s: %d, %s%s", clean(s.ID), s.Total, clean(h.Standings[j].Text(zone)), term(&s))
		}
		if n := h.Units[money.InGrace]; n > 0 {
			word := "billed on (" + x.Biller.Target + ".grace: bill)"
			if x.Policy.Grace == money.GraceFree {
				word = "not billed (" + x.Biller.Target + ".grace: free)"
			}
			p.line("  %d in their grace period: %s", n, word)
		}
		if n := h.Units[money.Suspended]; n > 0 {
			p.line("  %d suspended, and billed by Microsoft to the end of their term: they stay due", n)
		}
		if l.Disputed != "" {
			p.line("  ! disputed: %s", clean(l.Disputed))
		}
	}
}

// term is what is known of a subscription's term, and who says so.
func term(s *directory.Subscription) string {
	switch s.Claim.TermBy {
	case "":
		return ""
	case money.Observed:
		return ", " + s.Claim.Term + " as observed"
	}
	return ", " + s.Claim.Term + " says " + clean(s.Claim.TermBy)
}

// ofPeople reports whether the product is one of people, whatever Microsoft sells.
func (x *explanation) ofPeople() bool {
	return len(x.Rules) > 0 && !slices.ContainsFunc(x.Rules, func(r mapping.Rule) bool { return r.SKU != "" })
}

func (x *explanation) writeRules(p *page) {
	for i := range x.Rules {
		r := sync.SpanRule(&x.Rules[i])
		whose := "The rule"
		if r.Customer != "" {
			whose = "The customer's own rule"
		}
		switch r.Status {
		case mapping.Bill:
			p.line("%s: %s", whose, app.RuleText(&r))
		case mapping.Ignore:
			p.line("%s: %s is not billed%s", whose, app.RuledText(&r), app.Because(r.Reason))
		case mapping.Propose:
			p.line("A proposal that nobody accepted: %s as %s; it does nothing", app.RuledText(&r), clean(r.Product))
		}
	}
	if len(x.Rules) == 0 {
		p.line("No rule says what it is billed as: syncd products")
	}
}

// writeLines says what the agreement holds. What a line shows of the next invoice
// is ConnectWise's own date; no invoice was read, and none is promised.
func (x *explanation) writeLines(p *page) {
	if x.Unread != "" {
		p.line("%s: %s", x.Biller.Title, clean(x.Unread))
	}
	if x.Outcome == sync.Unmapped {
		p.line("The customer is not linked to %s: syncd map", x.Biller.Title)
	}
	for _, l := range x.Lines {
		name, due := clean(l.Label), or(l.Due)
		if l.DueUnknown {
			due = "not known"
		}
		switch {
		case l.Beside:
			p.line("There is a line: %s %s: %s", name, l.Ref, bills(&l))
		case l.NotRead:
			p.line("The line: %s: due %s, and what is there was not read; last left by syncd %s", name, due, or(l.LastLeft))
		case l.Ref == "":
			p.line("The line: %s: due %s, none is kept in step, last left by syncd %s", name, due, or(l.LastLeft))
		default:
			p.line("The line: %s %s: due %s, billed %s, last left by syncd %s", name, l.Ref, due, or(l.Billed), or(l.LastLeft))
		}
		b := l.Billing
		if b == nil {
			continue
		}
		text := fmt.Sprintf("  agreement %s", b.Agreement)
		if b.AgreementName != "" {
			text = fmt.Sprintf("  %s (agreement %s)", clean(b.AgreementName), b.Agreement)
		}
		text += ", unit price " + or(plan.Price(b.UnitPrice))
		if b.Currency != "" && b.UnitPrice != nil {
			text += " " + b.Currency + b.Cycle.Per()
		}
		if b.NextInvoice != "" {
			text += fmt.Sprintf("; %s shows %s as its next invoice date, and whether that invoice is made already was not read", x.Biller.Title, b.NextInvoice)
		}
		p.line("%s", text)
		if l.Edited.By != "" {
			p.line("  last changed in %s by %s at %s", x.Biller.Title, clean(l.Edited.By), l.Edited.At.UTC().Format(time.RFC3339))
		}
	}
}

// bills says what a line does that is not kept in step.
func bills(l *app.ExplainedLine) string {
	switch b := l.Billing; {
	case b == nil:
	case !b.Billable:
		return or(l.Billed) + ", not billed (" + clean(or(b.Bill)) + ")"
	case b.Idle != "":
		return or(l.Billed) + ", not billed yet (" + b.Idle + ")"
	}
	return "bills " + or(l.Billed)
}

func or(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
