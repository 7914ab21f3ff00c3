package app

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/sync"
	"syncd/internal/target"
)

// An Explanation says why a number is what it is.
type Explanation struct {
	Customer sync.CustomerRef    `json:"customer"`
	Month    *string             `json:"month"`    // nil: now
	Licences []directory.Licence `json:"licences"` // what Microsoft says; empty for a month that is over
	Rules    []mapping.Rule      `json:"rules"`
	Lines    []ExplainedLine     `json:"lines"`
	Held     []plan.Violation    `json:"violations"` // what stops the product or its customer, and what else there is to know
	Journal  []HistoryEntry      `json:"journal"`    // newest first
	Unproven string              `json:"unproven,omitempty"`

	RecordedFrom *time.Time         `json:"recorded_from"` // when the ledger begins to speak of it; nil where it never did
	Spans        []ExplainedSpan    `json:"spans"`         // those of the month; the one that lasts where there is none
	Approvals    []Approval         `json:"approvals"`     // of the plans that made the writes
	Writes       []ExplainedWrite   `json:"writes"`        // of the month, or all; oldest first
	Before       *ExplainedWrite    `json:"last_write_before,omitempty"`
	Invoices     []ExplainedInvoice `json:"invoices"`                // of the agreements; of a month those that its closing kept
	Uninvoiced   string             `json:"invoices_none,omitempty"` // why there are none, or not all
	Ignored      []Ignored          `json:"ignored,omitempty"`       // by a person's word, now

	From    time.Time    `json:"-"` // of the month
	To      time.Time    `json:"-"`
	What    string       `json:"-"` // as a person called the licence
	Listed  string       `json:"-"` // that the source lists none; empty where it does, or nobody knows
	Unread  string       `json:"-"` // why the bill was not read
	Outcome sync.Outcome `json:"-"`
	Policy  money.Policy `json:"-"` // what counts
	Biller  Billing      `json:"-"`
}

// Billing is the system that bills, or would: as people call it, and as a target.
type Billing struct{ Title, Target string }

// An ExplainedLine is a line of the agreement, or what should be one.
type ExplainedLine struct {
	Key      string `json:"key"`
	Label    string `json:"label"`
	Ref      string `json:"ref"`
	Due      string `json:"due"`
	Billed   string `json:"billed"`
	LastLeft string `json:"last_left"`
	// DueUnknown says that what is due was not proven, and NotRead that what is there was not
	// read: an empty number is then no nought.
	DueUnknown bool              `json:"due_unknown,omitempty"`
	NotRead    bool              `json:"not_read,omitempty"`
	Run        string            `json:"run,omitempty"`
	At         time.Time         `json:"at,omitzero"`
	Beside     bool              `json:"beside,omitempty"` // it is there, and is not kept in step
	Facts      map[string]string `json:"info,omitempty"`

	Billing *plan.Billing `json:"-"` // nil where no line is there
	Edited  plan.Edit     `json:"-"`
}

// Explain says what Microsoft says about a licence, the rules that count it, the
// lines that bill it, what holds it, what the ledger has of it now, and every change
// that was made to those lines. With a month, written as 2026-11, it says what the
// ledger and the journal have of that month, and asks no system.
func (w *App) Explain(ctx context.Context, customer, text, month string) (*Explanation, error) {
	if month != "" {
		return w.explainMonth(ctx, customer, text, month)
	}
	c, err := w.Customer(ctx, customer)
	if err != nil {
		return nil, err
	}
	x := w.newExplanation(c.Key, c.Name, text)
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	skus := rulesMeant(&rules, c.Key, text)
	if err := w.explainNow(ctx, c, x, skus, func(sku, part, name string) bool { return isOneOf(text, sku, part, name) }); err != nil {
		return nil, err
	}
	for _, r := range rules.For(c.Key).Rules {
		if skus[r.SKU] || isOneOf(text, r.Product) {
			x.Rules = append(x.Rules, r)
		}
	}
	keys, err := w.readLedger(ctx, x, c.Key, skus)
	if err != nil {
		return nil, err
	}
	if len(skus)+len(keys) == 0 {
		return nil, Usage("%s has no licence called %q, and no rule knows it; syncd products lists them", c.Name, text)
	}
	w.latestInvoices(ctx, x)
	return x, w.readJournal(ctx, x, c.Key, func(k plan.Key) bool { return keys[k] || concerns(k, skus) })
}

func (w *App) newExplanation(customer, name, text string) *Explanation {
	x := &Explanation{Customer: sync.CustomerRef{Key: customer, Name: name}, Licences: []directory.Licence{}, Rules: []mapping.Rule{}, Lines: []ExplainedLine{}, Held: []plan.Violation{},
		Journal: []HistoryEntry{}, Spans: []ExplainedSpan{}, Approvals: []Approval{}, Writes: []ExplainedWrite{}, Invoices: []ExplainedInvoice{},
		What: text, Policy: money.Policy{Now: w.Now()}}
	b, there := w.biller()
	if b.Biller != nil {
		x.Biller = Billing{b.Title, b.Targets()[0]}
	}
	if there {
		x.Policy.Grace = b.Grace()
	}
	return x
}

// rulesMeant are the SKUs that a person means who typed text about a customer: by id, part
// number or name, which any rule may know, or by the product that the customer's rules
// bill them as.
func rulesMeant(rules *mapping.Rules, customer, text string) map[string]bool {
	skus := map[string]bool{}
	for _, r := range rules.Rules {
		if r.SKU != "" && isOneOf(text, r.SKU, r.Part, r.Name) {
			skus[r.SKU] = true
		}
	}
	for _, r := range rules.For(customer).Rules {
		if r.Status == mapping.Bill && isOneOf(text, r.Product) {
			skus[cmp.Or(r.SKU, strings.ToLower(r.Product))] = true // a product of people has no SKU
		}
	}
	return skus
}

func isOneOf(text string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, text) })
}

// concerns reports whether an object is made from one of the SKUs, or is a product of
// people that is named like one.
func concerns(k plan.Key, skus map[string]bool) bool {
	ids, product, _ := strings.Cut(k.ID, "@")
	return ids == "people" && skus[strings.ToLower(product)] || slices.ContainsFunc(strings.Split(ids, "+"), func(id string) bool { return skus[id] })
}

// explainNow looks at the source and the target as they are.
func (w *App) explainNow(ctx context.Context, c mapping.Customer, x *Explanation, skus map[string]bool, means func(sku, part, name string) bool) error {
	sel := sync.Selection{Jobs: w.Jobs, Customer: c.Key, Unmapped: true, Trigger: "command"}
	if _, there := w.biller(); there {
		sel.Target = x.Biller.Target
	}
	sel.Inspect = func(e sync.Inspection) {
		x.source(e, skus, means)
		x.target(e, skus)
	}
	_, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
	return err
}

// source takes over what Microsoft says, and learns which SKUs are meant.
func (x *Explanation) source(e sync.Inspection, skus map[string]bool, means func(sku, part, name string) bool) {
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
		x.Listed = "Microsoft lists none"
		if e.Snapshot.Licences.Proof().Partial {
			x.Listed = "The source lists none, and it hides some licences: whether there are any is not known"
		}
	}
}

// target takes over what is due, what is there, what was left there, and what
// stops it.
func (x *Explanation) target(e sync.Inspection, skus map[string]bool) {
	lines := map[plan.Key]*ExplainedLine{}
	var order []plan.Key
	at := func(o *plan.Object) *ExplainedLine {
		if lines[o.Key] == nil {
			lines[o.Key] = &ExplainedLine{Key: o.ID, Label: o.Label}
			order = append(order, o.Key)
		}
		return lines[o.Key]
	}
	for _, o := range e.Desired.Objects {
		if concerns(o.Key, skus) {
			at(&o).Due = o.Fields.Text(plan.FieldQuantity)
		}
	}
	for _, o := range e.Observed.Objects {
		if concerns(o.Key, skus) {
			at(&o).there(&o)
		}
	}
	for _, r := range e.Records {
		if concerns(r.Key, skus) {
			l := at(&r.Object)
			l.LastLeft, l.Run, l.At = r.Fields.Text(plan.FieldQuantity), r.Run, r.At
		}
	}
	unread := e.Err != nil || e.Report.Outcome == sync.Incomplete || e.Report.Outcome == sync.Failed
	for _, key := range order {
		l := lines[key]
		counted := slices.ContainsFunc(e.Desired.Counts, func(c target.Count) bool { return c.Key == key && c.Due != nil })
		l.NotRead = unread && l.Ref == ""
		l.DueUnknown = l.Due == "" && !counted && (unread || len(e.Desired.Counts) > 0)
		x.Lines = append(x.Lines, *l)
	}
	for _, o := range e.Observed.Beside {
		if concerns(o.Key, skus) {
			l := ExplainedLine{Key: o.ID, Label: o.Label, Beside: true}
			l.there(&o)
			x.Lines = append(x.Lines, l)
		}
	}
	x.Outcome = e.Report.Outcome
	if e.Report.Error != nil && x.Unproven == "" {
		x.Unread = *e.Report.Error
	}
	for _, v := range e.Report.Violations {
		if v.Key == "" && !v.Note || concerns(plan.Key{ID: v.Key}, skus) {
			x.Held = append(x.Held, v)
		}
	}
}

// there takes over a line that is there.
func (l *ExplainedLine) there(o *plan.Object) {
	l.Ref, l.Billed, l.Facts = o.Ref, o.Fields.Text(plan.FieldQuantity), o.Shown()
	l.Billing, l.Edited = o.Billing, o.Edited
}
