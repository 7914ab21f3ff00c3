package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// An ExplainedInvoice is an invoice that was read.
type ExplainedInvoice struct {
	Number   string  `json:"number"`
	Date     string  `json:"date"`
	Amount   *string `json:"amount"` // of the agreement; nil where it does not say
	Currency string  `json:"currency"`
}

// An ExplainedSpan is a span as scripts read it: what is unknown is null.
type ExplainedSpan struct {
	state.Span
	Rule     *state.SpanRule // the one of the licence that was asked for
	Days     int             // of the month, or up to now
	Recorded time.Time       // when the ledger begins to speak of the object
}

// An Approval is a person's word on a plan that led to a write.
type Approval struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	How    string    `json:"how,omitempty"`
	Reason string    `json:"reason"`
	Digest string    `json:"digest"`
}

// An ExplainedWrite is what syncd did to the line of a licence.
type ExplainedWrite struct {
	At     time.Time   `json:"at"`
	Run    string      `json:"run"`
	Ref    string      `json:"ref"`
	Action plan.Action `json:"action"`
	Before string      `json:"before"`
	After  string      `json:"after"`
	Result string      `json:"result"`
	By     string      `json:"by,omitempty"` // who approved it
}

// An Ignored is a licence that a person told us to leave alone.
type Ignored struct {
	Key    string    `json:"key"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// ruleColumns is a rule with all columns of the table, those that are empty too.
type ruleColumns struct {
	Customer      string `json:"customer"`
	SKU           string `json:"sku_id"`
	Part          string `json:"sku"`
	Name          string `json:"name"`
	Product       string `json:"product"`
	Count         string `json:"count"`
	Who           string `json:"who"`
	Subscriptions string `json:"subscriptions"`
	Weight        string `json:"weight"`
	Minimum       string `json:"minimum"`
	Maximum       string `json:"maximum"`
	Floor         string `json:"floor"`
	Status        string `json:"status"`
	Reason        string `json:"reason"`
}

// MarshalJSON writes the span in the contract's words.
func (s ExplainedSpan) MarshalJSON() ([]byte, error) {
	number := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	type subscription struct {
		state.SpanSubscription
		CommerceID string     `json:"commerce_id"`
		Status     string     `json:"status"`
		Until      *time.Time `json:"until"`
	}
	subscriptions := []subscription{}
	for _, x := range s.Subscriptions {
		one := subscription{SpanSubscription: x, CommerceID: x.CommerceID, Status: x.Status}
		if !x.Until.IsZero() {
			one.Until = &x.Until
		}
		subscriptions = append(subscriptions, one)
	}
	rules := []ruleColumns{}
	for _, r := range s.Rules {
		rules = append(rules, ruleColumns(r))
	}
	var to *time.Time
	if !s.To.IsZero() {
		to = &s.To
	}
	names := Listed(s.Names)
	if s.NamesUnknown {
		names = nil
	}
	return json.Marshal(struct {
		From          time.Time           `json:"from"`
		To            *time.Time          `json:"to"`
		Days          int                 `json:"days"`
		Known         bool                `json:"known"`
		Why           string              `json:"why,omitempty"`
		Key           string              `json:"key"`
		Product       string              `json:"product"`
		Label         string              `json:"label"`
		Purchased     *string             `json:"purchased"`
		Assigned      *string             `json:"assigned"`
		Due           *string             `json:"due"`
		Billed        *string             `json:"billed"`
		Price         *string             `json:"price"`
		Currency      string              `json:"currency"`
		LessIncluded  *string             `json:"less_included"`
		Cycle         string              `json:"cycle_months"`
		Rule          *ruleColumns        `json:"rule"`
		Rules         []ruleColumns       `json:"rules"`
		Override      *state.SpanOverride `json:"override"`
		Names         []string            `json:"names"`
		Subscriptions []subscription      `json:"subscriptions"`
		Ref           string              `json:"ref"`
		Agreement     string              `json:"agreement"`
		AgreementName string              `json:"agreement_name"`
		NextInvoice   *string             `json:"next_invoice"`
		Proof         state.SpanProof     `json:"proof"`
	}{s.From, to, s.Days, s.Known, s.Why, s.Key.ID, s.Product, s.Label, number(s.Purchased), number(s.Assigned), number(s.Due), number(s.Billed), number(s.Price),
		s.Currency, number(s.LessIncluded), s.Cycle, (*ruleColumns)(s.Rule), rules, s.Override, names, subscriptions, s.Ref, s.Agreement, s.AgreementName, number(s.NextInvoice), s.Proof})
}

// meant returns the rule by which a person who typed text means what a span is
// about, as the rules were then; nil where it is by the product. is says whether the
// span is meant at all.
func meant(s *state.Span, text string, skus map[string]bool) (rule *state.SpanRule, is bool) {
	for i := range s.Rules {
		if r := &s.Rules[i]; isOneOf(text, r.SKU, r.Part, r.Name) {
			return r, true
		}
	}
	is = isOneOf(text, s.Key.ID, s.Product, s.Label) || concerns(s.Key, skus) || concerns(s.Key, map[string]bool{strings.ToLower(text): true})
	if len(s.Rules) > 0 {
		rule = &s.Rules[0]
	}
	return rule, is
}

// readLedger takes over the spans of the month, or those that last where there is no
// month, and since when there are any. It returns which products are meant: one that
// any of its spans names, for an unknown span names no rule.
func (w *App) readLedger(ctx context.Context, x *Explanation, customer string, skus map[string]bool) (map[plan.Key]bool, error) {
	within := state.SpanFilter{Customer: customer, From: x.From, To: x.To}
	if x.Month == nil {
		within.From = w.Now()
	}
	keys := map[plan.Key]bool{}
	var spans, firsts []state.Span
	for _, read := range []struct {
		filter state.SpanFilter
		to     *[]state.Span
	}{{within, &spans}, {state.SpanFilter{Customer: customer, First: true}, &firsts}} {
		for s, err := range w.Store.Spans(ctx, read.filter) {
			if err != nil {
				return nil, fmt.Errorf("reading the ledger: %w", err)
			}
			*read.to = append(*read.to, s)
			if _, is := meant(&s, x.What, skus); is {
				keys[s.Key] = true
			}
		}
	}
	for i := range spans {
		s := &spans[i]
		if keys[s.Key] && (x.Month != nil || s.To.IsZero()) {
			rule, _ := meant(s, x.What, skus)
			x.Spans = append(x.Spans, ExplainedSpan{Span: *s, Rule: rule, Days: w.daysOf(s, x.From, x.To)})
		}
	}
	recorded := map[plan.Key]time.Time{}
	for i := range firsts {
		s := &firsts[i]
		if keys[s.Key] && (x.RecordedFrom == nil || s.From.Before(*x.RecordedFrom)) {
			x.RecordedFrom = new(s.From)
		}
		recorded[s.Key] = s.From
	}
	for i := range x.Spans {
		x.Spans[i].Recorded = recorded[x.Spans[i].Key]
	}
	inTurn(x.Spans)
	for s, err := range w.Store.Settlements(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the settlements: %w", err)
		}
		if s.Scope.Customer == customer && s.How == plan.SettleIgnore && (keys[s.Key] || concerns(s.Key, skus)) {
			x.Ignored = append(x.Ignored, Ignored{Key: s.Key.ID, By: s.By, At: s.At, Reason: s.Reason})
		}
	}
	return keys, nil
}

// inTurn sorts spans: what was counted of other licences before is an object of its own,
// and the one that began first comes first.
func inTurn(spans []ExplainedSpan) {
	begun := map[plan.Key]time.Time{}
	for i := range spans {
		if s := &spans[i]; begun[s.Key].IsZero() || s.From.Before(begun[s.Key]) {
			begun[s.Key] = s.From
		}
	}
	slices.SortStableFunc(spans, func(a, b ExplainedSpan) int {
		return cmp.Or(begun[a.Key].Compare(begun[b.Key]), strings.Compare(a.Key.ID, b.Key.ID), a.From.Compare(b.From))
	})
}

// daysOf is how many days of a month ended while a span lasted; today counts as far
// as it has come. Without a month it is the days since the span began.
func (w *App) daysOf(s *state.Span, from, to time.Time) int {
	now := w.Now()
	if from.Before(s.From) {
		from = s.From
	}
	y, m, d := from.In(w.Location).Date()
	n := 0
	for day := time.Date(y, m, d, 0, 0, 0, 0, w.Location); (to.IsZero() || day.Before(to)) && !day.After(now); {
		day = day.AddDate(0, 0, 1)
		last := day.Add(-time.Microsecond)
		if last.After(now) {
			last = now
		}
		if !s.From.After(last) && (s.To.IsZero() || s.To.After(last)) {
			n++
		}
	}
	return n
}

// readJournal takes over what was written to the lines of some products, and who
// approved it, up to the end of the month.
func (w *App) readJournal(ctx context.Context, x *Explanation, customer string, of func(plan.Key) bool) error {
	var entries []state.Entry // newest first
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Customer: customer, To: x.To}) {
		if err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		entries = append(entries, e)
		if of(e.Key) && !e.At.Before(x.From) {
			x.Journal = append(x.Journal, HistoryEntry(e))
		}
	}
	approved := map[string]*Approval{} // by the digest of the plan
	for _, e := range slices.Backward(entries) {
		if !of(e.Key) || !slices.Contains([]plan.Action{plan.Create, plan.Update, plan.Delete, plan.Adopt, plan.Forget}, e.Action) {
			continue
		}
		write := ExplainedWrite{
			At: e.At, Run: e.Run, Ref: e.Ref, Action: e.Action, Before: e.Before.Quantity(), After: e.After.Quantity(),
			Result: e.Result, By: e.By,
		}
		wrote := write.Before != write.After // taking on what is there is no write
		if e.At.Before(x.From) {
			if wrote {
				x.Before = &write
			}
			continue
		}
		if wrote {
			x.Writes = append(x.Writes, write)
		}
		if e.By != "" {
			// A state of a former version has no entry about the approval itself.
			approved[e.Digest] = &Approval{At: e.At, By: e.By, How: e.How, Reason: e.Why, Digest: e.Digest}
		}
	}
	for _, e := range slices.Backward(entries) {
		if a := approved[e.Digest]; a != nil && e.Action == state.ActionApprove {
			*a = Approval{At: e.At, By: e.By, How: e.How, Reason: e.Why, Digest: e.Digest}
		}
	}
	for _, a := range approved {
		x.Approvals = append(x.Approvals, *a)
	}
	slices.SortFunc(x.Approvals, func(a, b Approval) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Digest, b.Digest)) })
	return nil
}

// explainMonth says what a licence came to in a month, from the ledger and the journal
// alone. Who is meant by a name that the state does not know is all that the source is
// asked.
func (w *App) explainMonth(ctx context.Context, customer, text, month string) (*Explanation, error) {
	from, to, err := monthOf(month, w.Location)
	if err != nil {
		return nil, err
	}
	if from.After(w.Now()) {
		return nil, Usage("--month %s is still to come: the ledger knows what was, up to %s", month, w.Now().In(w.Location).Format("2006-01"))
	}
	c, err := w.known(ctx, customer)
	if err != nil {
		return nil, err
	}
	x := w.newExplanation(c.Key, c.Name, text)
	x.Month, x.From, x.To = &month, from, to
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	skus := rulesMeant(&rules, c.Key, text)
	keys, err := w.readLedger(ctx, x, c.Key, skus)
	if err != nil {
		return nil, err
	}
	if len(skus)+len(keys) == 0 {
		return nil, Usage("nothing is recorded of a licence %q at %s, and no rule knows it; syncd products lists them", text, c.Name)
	}
	if err := w.closedInvoices(ctx, x); err != nil {
		return nil, err
	}
	return x, w.readJournal(ctx, x, c.Key, func(k plan.Key) bool { return keys[k] || concerns(k, skus) })
}
