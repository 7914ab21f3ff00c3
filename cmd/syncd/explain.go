package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// An explanation says why a number is what it is.
type explanation struct {
	Customer sync.Party          `json:"customer"`
	Month    string              `json:"month,omitempty"`
	Licences []directory.Licence `json:"licences"` // what Microsoft says; empty for a month that is over
	Rules    []mapping.Rule      `json:"rules"`
	Lines    []explainedLine     `json:"lines"`
	Journal  []state.Entry       `json:"journal"` // newest first
	Unproven string              `json:"unproven,omitempty"`
}

// An explainedLine is a line of the agreement, or what should be one.
type explainedLine struct {
	Key      string            `json:"key"`
	Label    string            `json:"label"`
	Ref      string            `json:"ref"`
	Due      string            `json:"due"`
	Billed   string            `json:"billed"`
	LastLeft string            `json:"last_left"`
	Run      string            `json:"run,omitempty"`
	At       time.Time         `json:"at,omitzero"`
	Info     map[string]string `json:"info,omitempty"`
}

func explainCommand(a *app) *cobra.Command {
	var month string
	cmd := &cobra.Command{Use: "explain CUSTOMER SKU", Short: "Say why the billed number is what it is", Args: cobra.ExactArgs(2),
		Long: "Show what Microsoft says about a licence (by SKU id, part number or product name), the rules that count it, the line that bills it, and every change syncd made to that line. With --month, what the journal says of that month."}
	cmd.Flags().StringVar(&month, "month", "", "`YYYY-MM`: only what happened up to the end of that month")
	completeArgs(cmd, a, "customer")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, args []string) error {
		until, err := monthEnd(month, w.Location)
		if err != nil {
			return err
		}
		c, err := w.customer(ctx, args[0])
		if err != nil {
			return err
		}
		x, err := w.explain(ctx, c, args[1], until)
		if err != nil {
			return err
		}
		x.Month = month
		return a.print(x, func(out io.Writer) error { return x.write(a.page(out), w) })
	})
	return cmd
}

// monthEnd is the moment a month is over; zero for no month.
func monthEnd(month string, zone *time.Location) (time.Time, error) {
	if month == "" {
		return time.Time{}, nil
	}
	start, err := time.ParseInLocation("2006-01", month, zone)
	if err != nil {
		return time.Time{}, usage("%q is not a month; write it as 2026-11", month)
	}
	return start.AddDate(0, 1, 0), nil
}

func (w *World) explain(ctx context.Context, c mapping.Customer, text string, until time.Time) (*explanation, error) {
	x := &explanation{Customer: sync.Party{Key: c.Key, Name: c.Name}, Licences: []directory.Licence{}, Rules: []mapping.Rule{}, Lines: []explainedLine{}, Journal: []state.Entry{}}
	rules, err := w.rules(ctx)
	if err != nil {
		return nil, err
	}
	means := func(sku, part, name string) bool {
		return strings.EqualFold(sku, text) || strings.EqualFold(part, text) || strings.EqualFold(name, text)
	}
	skus := map[string]bool{}
	for _, r := range rules.Rules {
		if means(r.SKU, r.Part, r.Name) {
			skus[r.SKU] = true
		}
	}
	now := until.IsZero() || until.After(w.Now())
	if now {
		if err := w.explainNow(ctx, c, x, skus, means); err != nil {
			return nil, err
		}
	}
	for _, r := range rules.Rules {
		if skus[r.SKU] {
			x.Rules = append(x.Rules, r)
		}
	}
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Customer: c.Key}) {
		if err != nil {
			return nil, fmt.Errorf("reading the journal: %w", err)
		}
		if concerns(e.Key, skus) && (until.IsZero() || e.At.Before(until)) {
			x.Journal = append(x.Journal, e)
		}
	}
	if len(skus) == 0 {
		return nil, usage("%s has no licence called %q, and no rule knows it; syncd products lists them", c.Name, text)
	}
	return x, nil
}

// concerns reports whether an object is made from one of the SKUs.
func concerns(k plan.Key, skus map[string]bool) bool {
	ids, _, _ := strings.Cut(k.ID, "@")
	return slices.ContainsFunc(strings.Split(ids, "+"), func(id string) bool { return skus[id] })
}

// explainNow looks at the source and the target as they are.
func (w *World) explainNow(ctx context.Context, c mapping.Customer, x *explanation, skus map[string]bool, means func(sku, part, name string) bool) error {
	sel := sync.Selection{Jobs: w.Jobs, Customer: c.Key, Unmapped: true, Trigger: "command"}
	sel.Witness = func(e sync.Evidence) {
		if e.Snapshot != nil && len(x.Licences) == 0 {
			items, err := e.Snapshot.Licences.Items()
			if err != nil {
				x.Unproven = err.Error()
			}
			for _, l := range items {
				if means(l.SKU, l.PartNumber, l.Name) {
					skus[l.SKU] = true
				}
			}
			for _, l := range items {
				if skus[l.SKU] {
					x.Licences = append(x.Licences, l)
				}
			}
		}
		lines := map[plan.Key]*explainedLine{}
		var order []plan.Key
		at := func(o *plan.Object) *explainedLine {
			if lines[o.Key] == nil {
				lines[o.Key] = &explainedLine{Key: o.ID, Label: o.Label}
				order = append(order, o.Key)
			}
			return lines[o.Key]
		}
		for _, o := range e.Desired.Objects {
			if concerns(o.Key, skus) {
				at(&o).Due = o.Fields.Text("quantity")
			}
		}
		for _, o := range e.Observed.Objects {
			if concerns(o.Key, skus) {
				l := at(&o)
				l.Ref, l.Billed, l.Info = o.Ref, o.Fields.Text("quantity"), o.Info
			}
		}
		for _, r := range e.Records {
			if concerns(r.Key, skus) {
				l := at(&r.Object)
				l.LastLeft, l.Run, l.At = r.Fields.Text("quantity"), r.Run, r.At
			}
		}
		for _, key := range order {
			x.Lines = append(x.Lines, *lines[key])
		}
	}
	_, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
	return err
}

func (x *explanation) write(p *page, w *World) error {
	if x.Unproven != "" {
		p.line("Microsoft: %s", clean(x.Unproven))
	}
	for _, l := range x.Licences {
		p.line("Microsoft says: %s (%s): %d purchased, %d assigned, %d free", clean(l.Name), l.PartNumber, l.Purchased, l.Assigned, l.Unassigned())
		for _, s := range l.Subscriptions {
			trial, renews := "", ""
			if s.Trial {
				trial = ", a trial: not counted"
			}
			if !s.Renews.IsZero() {
				renews = ", renews " + s.Renews.In(w.Location).Format(time.DateOnly)
			}
			p.line("  subscription %s: %d, %s%s%s", s.ID, s.Total, s.Status, trial, renews)
		}
		if l.Grace > 0 {
			p.line("  %d of them are in their grace period and still count", l.Grace)
		}
		if l.Disputed != "" {
			p.line("  ! disputed: %s", clean(l.Disputed))
		}
	}
	for _, r := range x.Rules {
		limits := ""
		if r.Minimum != nil {
			limits += fmt.Sprintf(", at least %d", *r.Minimum)
		}
		if r.Maximum != nil {
			limits += fmt.Sprintf(", at most %d", *r.Maximum)
		}
		switch r.Status {
		case mapping.Bill:
			p.line("The rule: %s is billed as %s, counting what is %s%s", clean(r.Name), r.Product, r.Count, limits)
		case mapping.Ignore:
			p.line("The rule: %s is not billed%s", clean(r.Name), reason(r.Reason))
		}
	}
	if len(x.Rules) == 0 {
		p.line("No rule says what it is billed as: syncd products")
	}
	for _, l := range x.Lines {
		p.line("The line: %s %s: due %s, billed %s, last left by syncd %s", clean(l.Label), l.Ref, or(l.Due), or(l.Billed), or(l.LastLeft))
		if next := l.Info["next_invoice"]; next != "" {
			p.line("  agreement %s, next invoice %s, unit price %s; a change takes effect with that invoice", l.Info["agreement"], next, l.Info["unit_price"])
		}
		if by := l.Info["updated_by"]; by != "" {
			p.line("  last changed in ConnectWise by %s at %s", clean(by), l.Info["updated_at"])
		}
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

func or(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
