package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// A Month is the evidence of a month: one of a customer, or one of the MSP, whose
// Customers are the sums of the others. Numbers are decimal text; nil is not known.
type Month struct {
	Customer     sync.CustomerRef `json:"customer"` // without a key: of all
	Month        string           `json:"month"`
	Closed       bool             `json:"closed"`
	ClosedBy     string           `json:"closed_by,omitempty"`
	AsOf         time.Time        `json:"as_of"`         // it says what was known then
	RecordedFrom *time.Time       `json:"recorded_from"` // the ledger has nothing before
	Over         bool             `json:"over"`          // whether the month was over then
	Lines        []MonthLine      `json:"lines"`
	InvoiceCheck []InvoiceCheck   `json:"invoice_check"`
	Gaps         []MonthGap       `json:"gaps"`       // in which no number was proven
	Holds        []MonthHold      `json:"holds"`      // that waited for a person at the time of as_of
	Exclusions   []MonthExclusion `json:"exclusions"` // what a person told us to leave alone
	Approvals    []MonthApproval  `json:"approvals"`
	Totals       []MonthTotal     `json:"totals"` // by currency: currencies are never added
	Customers    []MonthCustomer  `json:"customers,omitempty"`
	Zone         string           `json:"timezone"`
	Digest       string           `json:"digest"` // SHA-256 of all the rest
}

var notInFile = regexp.MustCompile(`[^a-z0-9]+`)

// FileName is the name of a pack's file without its ending. Names may be alike, or have
// nothing that a file can be called: a part of the key's digest tells them apart.
func (m *Month) FileName() string {
	if m.Customer.Key == "" {
		return m.Month + "-all-customers"
	}
	name := strings.Trim(notInFile.ReplaceAllString(strings.ToLower(m.Customer.Name), "-"), "-")
	if len(name) > 60 {
		name = name[:60]
	}
	sum := sha256.Sum256([]byte(m.Customer.Key))
	return m.Month + "-" + name + "-" + hex.EncodeToString(sum[:4])
}

// A MonthLine is a product at a customer. Opening, closing and the changes between them
// are what is billed.
type MonthLine struct {
	Product       string        `json:"product"`
	Label         string        `json:"label"`
	Key           string        `json:"key"`
	Currency      string        `json:"currency"`
	Opening       *string       `json:"opening"`
	Closing       *string       `json:"closing"`
	Due           *string       `json:"due"` // at the end
	Changes       []MonthChange `json:"changes"`
	Money         *string       `json:"money"` // of a month, for what was billed at its end
	Price         *string       `json:"price"` // of a unit, in a cycle
	LessIncluded  *string       `json:"less_included"`
	Cycle         string        `json:"cycle_months"`
	Agreement     string        `json:"agreement"`
	AgreementName string        `json:"agreement_name"`
	Ref           string        `json:"ref"`
	Ended         *time.Time    `json:"ended"` // no rule bills it any more since
	Days          int           `json:"days"`  // of the month on which it was recorded
	UnprovenDays  int           `json:"unproven_days"`
	Spans         []MonthSpan   `json:"spans"`
	Writes        []MonthWrite  `json:"writes"`

	cycled *decimal.Decimal // its money in a cycle
}

// A MonthChange is one of what is billed.
type MonthChange struct {
	At          time.Time         `json:"at"`
	Before      *string           `json:"before"`
	After       *string           `json:"after"`
	Explanation *plan.Explanation `json:"explanation"` // of a decrease
	By          *string           `json:"by"`          // who approved it; nil where nobody did
	Reason      string            `json:"reason"`      // of the write, or that syncd wrote nothing
	Source      MonthSource       `json:"source"`
}

// A MonthSource says how a number is known.
type MonthSource struct {
	Source  string     `json:"source"`
	TakenAt *time.Time `json:"taken_at"`
	AsOf    *time.Time `json:"as_of"`
	Rows    int        `json:"rows"`
	Digest  string     `json:"digest"`
	Run     string     `json:"run"`
}

// A MonthSpan is what held for some days of the month.
type MonthSpan struct {
	From      time.Time           `json:"from"`
	To        *time.Time          `json:"to"`
	Days      int                 `json:"days"`
	Known     bool                `json:"known"`
	Why       string              `json:"why,omitempty"`
	Purchased *string             `json:"purchased"`
	Assigned  *string             `json:"assigned"`
	Due       *string             `json:"due"`
	Billed    *string             `json:"billed"`
	Rules     []state.SpanRule    `json:"rules"`
	Override  *state.SpanOverride `json:"override"`
	Names     []string            `json:"names"` // nil: not proven
	Source    MonthSource         `json:"source"`
}

// A MonthWrite is what syncd wrote to the line.
type MonthWrite struct {
	At     time.Time   `json:"at"`
	Run    string      `json:"run"`
	Ref    string      `json:"ref"`
	Action plan.Action `json:"action"`
	Before string      `json:"before"`
	After  string      `json:"after"`
	Result string      `json:"result"`
	By     string      `json:"by"`
	Digest string      `json:"digest"`
	// Explanation says why a counted quantity fell, where one did.
	Explanation *plan.Explanation `json:"explanation"`
}

// A MonthApproval is a person's word on a plan.
type MonthApproval struct {
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	How      string    `json:"how"`
	Reason   string    `json:"reason"`
	Digest   string    `json:"digest"`
	Decision string    `json:"decision"` // approve, reject, override and so on
	Label    string    `json:"label"`
}

// A MonthGap is a time of the month in which nothing is proven of a product.
type MonthGap struct {
	Product string    `json:"product"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Why     string    `json:"why"`
}

// A MonthHold is what waited for a person.
type MonthHold struct {
	Since   time.Time `json:"since"`
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Digest  string    `json:"digest"`
}

// A MonthExclusion is what a person told us to leave alone.
type MonthExclusion struct {
	Key    string    `json:"key"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// An InvoiceCheck compares what an agreement's lines come to with its invoice. A
// difference is stated, and never explained away.
type InvoiceCheck struct {
	Agreement     string   `json:"agreement"`
	AgreementName string   `json:"agreement_name"`
	Currency      string   `json:"currency"`
	Ours          *string  `json:"products"` // what the lines of this pack come to in a cycle
	Others        *string  `json:"others"`   // what the agreement's other lines come to now
	Lines         *string  `json:"lines"`    // both
	Recap         *string  `json:"recap"`    // announced for an invoice of the month that is not made
	Invoice       *string  `json:"invoice"`  // the agreement amount of the month's invoices
	Difference    *string  `json:"difference"`
	Numbers       []string `json:"invoices"`
	Unread        string   `json:"unread,omitempty"` // why the invoices are not known
	// RecapWhy and InvoiceWhy say why nothing is announced, or invoiced.
	RecapWhy   string         `json:"recap_why,omitempty"`
	InvoiceWhy string         `json:"invoice_why,omitempty"`
	Made       []MonthInvoice `json:"made,omitempty"` // the invoices of the month, oldest first
}

// A MonthInvoice is an invoice of an agreement.
type MonthInvoice struct {
	Number string  `json:"number"`
	Date   string  `json:"date"`
	Amount *string `json:"amount"` // of the agreement
	// Currency is what it is in, where that is not the check's.
	Currency string `json:"currency,omitempty"`
}

// A MonthTotal adds up the lines in one currency. Lines without known money are counted
// beside it.
type MonthTotal struct {
	Currency   string  `json:"currency"`
	Lines      int     `json:"lines"`
	Money      *string `json:"money"` // nil where that of no line is known
	Unknown    int     `json:"unknown"`
	Changes    int     `json:"changes"`
	Unproven   int     `json:"unproven"`   // lines without a proven number at the end
	Difference *string `json:"difference"` // of the invoice checks; nil where one is not known
}

// A MonthCustomer is a customer's totals in the MSP's pack.
type MonthCustomer struct {
	Customer sync.CustomerRef `json:"customer"`
	Pack     string           `json:"pack_digest"`
	Gaps     int              `json:"gaps"`
	Holds    int              `json:"holds"`
	Money    *string          `json:"money"` // nil where nothing is recorded
	MonthTotal
}

// MonthFacts are what a customer's pack is made from.
type MonthFacts struct {
	Customer     sync.CustomerRef
	Month        string
	From, To     time.Time // of the month
	AsOf         time.Time
	RecordedFrom *time.Time
	Spans        []state.Span  // of the month, by key and time
	Entries      []state.Entry // of the month, newest first
	Hold         *state.Hold
	Settlements  []state.Settlement
	Invoiced     func(agreement string, products []string) money.Invoiced
	Closed       bool
	ClosedBy     string
	Zone         *time.Location
}

// end is up to when the pack speaks.
func (f *MonthFacts) end() time.Time {
	if f.AsOf.Before(f.To) {
		return f.AsOf
	}
	return f.To
}

// NewMonth makes a customer's pack. The same facts make the same pack.
func NewMonth(f MonthFacts) *Month {
	m := &Month{Customer: f.Customer, Month: f.Month, Closed: f.Closed, ClosedBy: f.ClosedBy, AsOf: f.AsOf.UTC(), RecordedFrom: f.RecordedFrom, Over: !f.AsOf.Before(f.To), Zone: f.Zone.String(),
		Lines: []MonthLine{}, InvoiceCheck: []InvoiceCheck{}, Gaps: []MonthGap{}, Holds: []MonthHold{}, Exclusions: []MonthExclusion{}, Approvals: []MonthApproval{}, Totals: []MonthTotal{}}
	for rest := f.Spans; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Key == rest[0].Key {
			n++
		}
		m.Lines = append(m.Lines, f.line(m, rest[:n]))
		rest = rest[n:]
	}
	slices.SortStableFunc(m.Lines, func(a, b MonthLine) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Label), strings.ToLower(b.Label)), strings.Compare(a.Key, b.Key))
	})
	if f.Customer.Key != "" && len(f.Spans) == 0 && (f.RecordedFrom == nil || !f.RecordedFrom.Before(f.To)) {
		m.Gaps = append(m.Gaps, MonthGap{"", f.From.UTC(), f.end().UTC(), "not recorded before"}) // nothing is known, which is not nought
	}
	f.decisions(m)
	f.checkInvoices(m)
	m.addUp()
	m.seal()
	return m
}

// decisions are what people decided in the month, and what waits for them.
func (f *MonthFacts) decisions(m *Month) {
	for _, e := range slices.Backward(f.Entries) {
		switch e.Action {
		case state.ActionApprove, state.ActionReject, state.ActionOverride, state.ActionSettle, state.ActionRevert:
			m.Approvals = append(m.Approvals, MonthApproval{e.At.UTC(), e.By, e.How, cmp.Or(e.Why, string(e.Reason)), e.Digest, string(e.Action), e.Label})
		}
	}
	if h := f.Hold; h != nil && h.Since.Before(f.end()) {
		for _, v := range h.Violations {
			if !v.Note {
				m.Holds = append(m.Holds, MonthHold{h.Since.UTC(), v.Code, v.Message, h.Digest})
			}
		}
	}
	for _, s := range f.Settlements {
		if s.How == plan.SettleIgnore && s.At.Before(f.end()) {
			m.Exclusions = append(m.Exclusions, MonthExclusion{s.Key.ID, s.By, s.At.UTC(), s.Reason})
		}
	}
}

// line is one product, from its spans of the month in their order.
func (f *MonthFacts) line(m *Month, spans []state.Span) MonthLine {
	end := f.end()
	first, last := &spans[0], &spans[len(spans)-1]
	l := MonthLine{
		Product: last.Product, Label: cmp.Or(last.Label, last.Product), Key: last.Key.ID, Changes: []MonthChange{},
		Spans: []MonthSpan{}, Writes: []MonthWrite{},
	}
	for i := range spans {
		if s := &spans[i]; s.Product != "" { // an unknown span says less
			l.Currency, l.Cycle = cmp.Or(s.Currency, l.Currency), cmp.Or(s.Cycle, l.Cycle)
			l.Agreement, l.AgreementName, l.Ref = cmp.Or(s.Agreement, l.Agreement), cmp.Or(s.AgreementName, l.AgreementName), cmp.Or(s.Ref, l.Ref)
		}
	}
	f.writes(&l, first.Key)
	if !first.From.After(f.From) {
		l.Opening = known(first.Billed)
	} else {
		m.Gaps = append(m.Gaps, MonthGap{l.Label, f.From.UTC(), first.From.UTC(), "not recorded before"})
	}
	was, since := first.Billed, first.From
	for i := range spans {
		s := &spans[i]
		from, to := s.From, end
		if from.Before(f.From) {
			from = f.From
		}
		if !s.To.IsZero() && s.To.Before(end) {
			to = s.To
		}
		days := daysEnded(from, to, f.Zone)
		l.Days += days
		if !s.Known {
			l.UnprovenDays += days
			m.Gaps = append(m.Gaps, MonthGap{l.Label, from.UTC(), to.UTC(), cmp.Or(s.Why, "not proven")})
		}
		l.Spans = append(l.Spans, monthSpan(s, days))
		if s.Billed != "" && s.Billed != was {
			if i > 0 {
				l.Changes = append(l.Changes, l.change(s, was, since))
			}
			was, since = s.Billed, s.From
		}
	}
	if !last.To.IsZero() && last.To.Before(end) {
		l.Ended = new(last.To.UTC())
		return l
	}
	l.Closing, l.Due, l.Price, l.LessIncluded = known(last.Billed), known(last.Due), known(last.Price), known(last.LessIncluded)
	l.count(last)
	return l
}

// count is what the line comes to, for what is billed at the end.
func (l *MonthLine) count(s *state.Span) {
	billed, err := decimal.NewFromString(s.Billed)
	if err != nil {
		return
	}
	if billed.IsZero() {
		l.cycled, l.Money = &decimal.Zero, new(decimal.Zero.StringFixed(2))
		return
	}
	price, err := decimal.NewFromString(s.Price)
	if err != nil {
		return
	}
	included, err := decimal.NewFromString(cmp.Or(s.LessIncluded, "0"))
	if err != nil {
		return
	}
	cycled := money.ChargedUnits(&plan.Billing{LessIncluded: &included}, billed).Mul(price)
	if monthly, ok := money.MonthlyPrice(cycled, plan.Cycle(s.Cycle)); ok { // else nobody knows for how long a price counts
		l.cycled, l.Money = new(cycled.Round(2)), new(monthly.StringFixed(2))
	}
}

// change is one of what is billed, with the write that made it.
func (l *MonthLine) change(s *state.Span, before string, since time.Time) MonthChange {
	c := MonthChange{
		At: s.From.UTC(), Before: known(before), After: known(s.Billed),
		Reason: "syncd wrote nothing: it was changed at the target", Source: sourceOf(s),
	}
	if w := l.writeOf(s, since); w != nil {
		c.Reason, c.By, c.Explanation = "written by syncd, run "+w.Run, known(w.By), w.Explanation
	}
	return c
}

// writeOf is the write that made what a span says is billed: its own run's, or one since
// the span before that left this very quantity; nil where nobody wrote it.
func (l *MonthLine) writeOf(s *state.Span, since time.Time) (found *MonthWrite) {
	for i := range l.Writes {
		w := &l.Writes[i]
		// A run writes, and then its span begins.
		if w.At.Before(since) || w.At.After(s.From.Add(time.Minute)) || w.Result != state.ResultDone && w.Result != state.ResultRecovered {
			continue
		}
		own := w.Run == s.Proof.Run
		if own && w.After == s.Billed {
			return w
		}
		if own || w.After == s.Billed && w.At.After(since) {
			found = w
		}
	}
	return found
}

func (f *MonthFacts) writes(l *MonthLine, key plan.Key) {
	for _, e := range slices.Backward(f.Entries) {
		if e.Key != key || e.Before == nil && e.After == nil {
			continue
		}
		switch e.Action {
		case plan.Create, plan.Update, plan.Delete, plan.Adopt:
		default:
			continue
		}
		before, after := e.Before.Quantity(), e.After.Quantity()
		if before == after {
			continue
		}
		l.Writes = append(l.Writes, MonthWrite{e.At.UTC(), e.Run, e.Ref, e.Action, before, after, e.Result, e.By, e.Digest, e.Explanation})
	}
}

func monthSpan(s *state.Span, days int) MonthSpan {
	x := MonthSpan{From: s.From.UTC(), Days: days, Known: s.Known, Why: s.Why, Purchased: known(s.Purchased), Assigned: known(s.Assigned), Due: known(s.Due), Billed: known(s.Billed),
		Rules: append([]state.SpanRule{}, s.Rules...), Override: s.Override, Source: sourceOf(s)}
	if !s.To.IsZero() {
		x.To = new(s.To.UTC())
	}
	if !s.NamesUnknown {
		x.Names = append([]string{}, s.Names...)
	}
	return x
}

func sourceOf(s *state.Span) MonthSource {
	p := s.Proof
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return new(t.UTC())
	}
	return MonthSource{p.Source, at(p.TakenAt), at(p.AsOf), p.Rows, p.Digest, p.Run}
}

// known is a number, or nil where it is not known.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// daysEnded is how many days ended in a time; the day on which it ends counts only
// where it ends with the day, or where the clock stands in it.
func daysEnded(from, to time.Time, zone *time.Location) int {
	n := 0
	y, m, d := from.In(zone).Date()
	for day := time.Date(y, m, d+1, 0, 0, 0, 0, zone); !day.After(to); day = day.AddDate(0, 0, 1) {
		n++
	}
	return n
}

// checkInvoices compares each agreement's lines with its invoices.
func (f *MonthFacts) checkInvoices(m *Month) {
	type sum struct {
		check    InvoiceCheck
		products []string
		ours     *decimal.Decimal
	}
	sums := map[string]*sum{}
	for i := range m.Lines {
		l := &m.Lines[i]
		if l.Agreement == "" {
			continue
		}
		s := sums[l.Agreement]
		if s == nil {
			s = &sum{check: InvoiceCheck{Agreement: l.Agreement, Numbers: []string{}}, ours: &decimal.Zero}
			sums[l.Agreement] = s
		}
		s.check.AgreementName, s.check.Currency = cmp.Or(s.check.AgreementName, l.AgreementName), cmp.Or(s.check.Currency, l.Currency)
		s.products = append(s.products, l.Product)
		if s.ours == nil || l.cycled == nil {
			s.ours = nil
			continue
		}
		s.ours = new(s.ours.Add(*l.cycled))
	}
	for _, s := range sums {
		c := &s.check
		in := f.Invoiced(c.Agreement, s.products)
		amount := in.Amount(c.Currency)
		c.Ours, c.Others, c.Recap, c.Invoice, c.Unread = inCents(s.ours), inCents(in.Others), inCents(in.Recap), inCents(amount), in.Unread
		if in.Unread == "" {
			c.RecapWhy, c.InvoiceWhy = in.RecapWhy, in.AmountWhy(c.Currency)
		}
		for _, i := range in.Made {
			c.Numbers = append(c.Numbers, i.Number)
			made := MonthInvoice{Number: i.Number, Date: i.Date.Format(time.DateOnly), Amount: inCents(i.Amount)}
			if i.Foreign(c.Currency) {
				made.Currency = i.Currency
			}
			c.Made = append(c.Made, made)
		}
		if s.ours != nil && in.Others != nil {
			lines := s.ours.Add(*in.Others)
			c.Lines = inCents(&lines)
			if amount != nil {
				c.Difference = new(amount.Sub(lines).StringFixed(2))
			}
		}
		m.InvoiceCheck = append(m.InvoiceCheck, *c)
	}
	slices.SortFunc(m.InvoiceCheck, func(a, b InvoiceCheck) int { return strings.Compare(a.Agreement, b.Agreement) })
}

func inCents(d *decimal.Decimal) *string {
	if d == nil {
		return nil
	}
	return new(d.StringFixed(2))
}
