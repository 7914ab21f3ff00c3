package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// An explanation says why a number is what it is.
type explanation struct {
	Customer sync.CustomerRef    `json:"customer"`
	Month    string              `json:"month,omitempty"`
	Licences []directory.Licence `json:"licences"` // what Microsoft says; empty for a month that is over
	Rules    []mapping.Rule      `json:"rules"`
	Lines    []explainedLine     `json:"lines"`
	Held     []plan.Violation    `json:"violations"` // what stops the product or its customer, and what else there is to know
	Journal  []state.Entry       `json:"journal"`    // newest first
	Unproven string              `json:"unproven,omitempty"`

	what    string // as a person called the licence
	listed  string // that the source lists none; empty where it does, or nobody knows
	unread  string // why ConnectWise's side was not read
	outcome sync.Outcome
	policy  money.Policy
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
	Beside   bool              `json:"beside,omitempty"` // it is there, and is not kept in step
	Info     map[string]string `json:"info,omitempty"`
}

func explainCommand(a *app) *cobra.Command {
	var month string
	cmd := &cobra.Command{Use: "explain CUSTOMER SKU", Short: "Say why the billed number is what it is", Args: cobra.ExactArgs(2),
		Long: "Show what Microsoft says about a licence (by SKU id, part number or product name), the rules that count it, the lines that bill it, what holds it, and every change syncd made to that line. With --month, what the journal says of that month."}
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
	x := &explanation{Customer: sync.CustomerRef{Key: c.Key, Name: c.Name}, Licences: []directory.Licence{}, Rules: []mapping.Rule{}, Lines: []explainedLine{}, Held: []plan.Violation{}, Journal: []state.Entry{},
		what: text, policy: money.Policy{Now: w.Now()}}
	if w.ConnectWise != nil {
		x.policy.Grace = w.Config.ConnectWise.Grace
	}
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
	if w.ConnectWise != nil {
		sel.Target = "connectwise"
	}
	sel.Inspect = func(e sync.Inspection) {
		x.source(e, skus, means)
		x.target(e, skus)
	}
	_, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
	return err
}

// source takes over what Microsoft says, and learns which SKUs are meant.
func (x *explanation) source(e sync.Inspection, skus map[string]bool, means func(sku, part, name string) bool) {
	if e.Snapshot == nil || len(x.Licences) > 0 {
		return
	}
	items, err := e.Snapshot.Licences.Items()
	if err != nil {
		x.Unproven = err.Error()
		return
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
	if len(x.Licences) == 0 {
		x.listed = "Microsoft lists none"
		if e.Snapshot.Licences.Proof().Partial {
			x.listed = "The source lists none, and it hides some licences: whether there are any is not known"
		}
	}
}

// target takes over what is due, what is there, what was left there, and what
// stops it.
func (x *explanation) target(e sync.Inspection, skus map[string]bool) {
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
	for _, o := range e.Observed.Beside {
		if concerns(o.Key, skus) {
			x.Lines = append(x.Lines, explainedLine{Key: o.ID, Label: o.Label, Ref: o.Ref, Billed: o.Fields.Text("quantity"), Info: o.Info, Beside: true})
		}
	}
	x.outcome = e.Report.Outcome
	if e.Report.Error != nil && x.Unproven == "" {
		x.unread = *e.Report.Error
	}
	for _, v := range e.Report.Violations {
		if v.Key == "" && !v.Note || concerns(plan.Key{ID: v.Key}, skus) {
			x.Held = append(x.Held, v)
		}
	}
}

func (x *explanation) write(p *page, w *World) error {
	x.writeSource(p, w.Location)
	x.writeRules(p)
	x.writeLines(p)
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
	case x.listed != "":
		p.line("%s of %s", x.listed, clean(x.what))
	}
	for i := range x.Licences {
		l := &x.Licences[i]
		if l.Unread != "" {
			p.line("Microsoft says of %s (%s) what makes no sense: %s", clean(l.Name), l.PartNumber, clean(l.Unread))
			continue
		}
		h := x.policy.Of(l)
		p.line("Microsoft says: %s (%s): %d purchased, %d assigned, %d unassigned", clean(l.Name), l.PartNumber, h.Purchased, l.Assigned, max(0, h.Purchased-l.Assigned))
		for j, s := range l.Subscriptions {
			p.line("  subscription %s: %d, %s", clean(s.ID), s.Total, h.Standings[j].Text(zone))
		}
		if n := h.Units[money.InGrace]; n > 0 {
			word := "billed on (connectwise.grace: bill)"
			if x.policy.Grace == money.GraceFree {
				word = "not billed (connectwise.grace: free)"
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

func (x *explanation) writeRules(p *page) {
	for _, r := range x.Rules {
		limits := ""
		if r.Minimum != nil {
			limits += fmt.Sprintf(", at least %d", *r.Minimum)
		}
		if r.Maximum != nil {
			limits += fmt.Sprintf(", at most %d", *r.Maximum)
		}
		name := clean(cmp.Or(r.Name, directory.ProductName(r.SKU, r.Part), r.SKU))
		switch r.Status {
		case mapping.Bill:
			p.line("The rule: %s is billed as %s, counting what is %s%s", name, r.Product, r.Count, limits)
		case mapping.Ignore:
			p.line("The rule: %s is not billed%s", name, reason(r.Reason))
		case mapping.Propose:
			p.line("A proposal that nobody accepted: %s as %s; it does nothing", name, r.Product)
		}
	}
	if len(x.Rules) == 0 {
		p.line("No rule says what it is billed as: syncd products")
	}
}

// writeLines says what the agreement holds. What a line shows of the next invoice
// is ConnectWise's own date; no invoice was read, and none is promised.
func (x *explanation) writeLines(p *page) {
	if x.unread != "" {
		p.line("ConnectWise: %s", clean(x.unread))
	}
	if x.outcome == sync.Unmapped {
		p.line("The customer is not linked to ConnectWise: syncd map")
	}
	for _, l := range x.Lines {
		name := clean(l.Label)
		switch {
		case l.Beside:
			p.line("There is a line: %s %s: %s", name, l.Ref, l.bills())
		case l.Ref == "":
			p.line("The line: %s: due %s, none is kept in step, last left by syncd %s", name, or(l.Due), or(l.LastLeft))
		default:
			p.line("The line: %s %s: due %s, billed %s, last left by syncd %s", name, l.Ref, or(l.Due), or(l.Billed), or(l.LastLeft))
		}
		if l.Info == nil {
			continue
		}
		text := fmt.Sprintf("  agreement %s", l.Info["agreement"])
		if name := l.Info["agreement_name"]; name != "" {
			text = fmt.Sprintf("  %s (agreement %s)", clean(name), l.Info["agreement"])
		}
		text += fmt.Sprintf(", unit price %s", or(l.Info["unit_price"]))
		if c := l.Info[plan.InfoCurrency]; c != "" {
			text += " " + c
		}
		if next := l.Info["next_invoice"]; next != "" {
			text += fmt.Sprintf("; ConnectWise shows %s as its next invoice date, and whether that invoice is made already was not read", next)
		}
		p.line("%s", text)
		if by := l.Info["updated_by"]; by != "" {
			p.line("  last changed in ConnectWise by %s at %s", clean(by), l.Info["updated_at"])
		}
	}
}

// bills says what a line does that is not kept in step.
func (l *explainedLine) bills() string {
	switch {
	case l.Info["bill"] != "" && l.Info["bill"] != "Billable":
		return or(l.Billed) + ", not billed (" + clean(l.Info["bill"]) + ")"
	case l.Info[plan.InfoIdle] != "":
		return or(l.Billed) + ", not billed yet (" + l.Info[plan.InfoIdle] + ")"
	}
	return "bills " + or(l.Billed)
}

func or(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
