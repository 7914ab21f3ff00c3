package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// exporting is a data set on its way. It remembers who was named, and no row: the ledger and the
// journal may be of any length.
type exporting struct {
	*App
	now   time.Time
	names map[string]string // of the customers that rows name, by key
	// licences are the rows of that table. A run may add to what tables that refer to them are made of.
	licences map[exportKey]bool
}

type exportKey struct{ customer, licence string }

// note notes that a row is about a customer.
func (x *exporting) note(key, name string) {
	if former, known := x.names[key]; !known || former == key {
		x.names[key] = cmp.Or(name, former, key)
	}
}

// An exportCustomer is a row of customers.
type exportCustomer struct {
	key, name, status string
	tenants           int
	standing          string
	looked            time.Time
}

// eachCustomer comes last: it has everybody whom the other tables name.
func eachCustomer(ctx context.Context, x *exporting, put func(*exportCustomer) error) error {
	v, err := x.Status(ctx, "")
	if err != nil {
		return err
	}
	all, err := x.KnownCustomers(ctx, v)
	if err != nil {
		return err
	}
	for i := range all {
		c := &all[i]
		row := exportCustomer{key: c.Key, name: c.Name, status: string(c.Status), tenants: len(c.Parts), standing: c.First()}
		if row.status = cmp.Or(row.status, string(mapping.Unmapped)); c.Former != "" {
			row.status = "former"
		}
		for _, s := range c.Scopes {
			if x.bills(s.Scope) && s.At.After(row.looked) {
				row.looked = s.At
			}
		}
		delete(x.names, c.Key)
		if err := put(&row); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(x.names)) {
		if err := put(&exportCustomer{key: key, name: x.names[key], status: "former"}); err != nil {
			return err
		}
	}
	return nil
}

func eachRun(ctx context.Context, x *exporting, put func(*state.Run) error) error {
	for r, err := range x.Store.Runs(ctx) {
		if err != nil {
			return fmt.Errorf("reading the runs: %w", err)
		}
		if r.Totals == nil {
			r.Totals = map[string]int{}
		}
		if err := put(&r); err != nil {
			return err
		}
	}
	return nil
}

func runSeconds(r *state.Run) string {
	if r.Finished.IsZero() {
		return ""
	}
	return strconv.Itoa(int(r.Finished.Sub(r.Started) / time.Second))
}

func runResult(r *state.Run) string {
	if r.Finished.IsZero() {
		return ""
	}
	return r.Result()
}

// An exportLine is what is said of a product of a customer now.
type exportLine struct {
	report.Licence
	span   *state.Span
	code   string    // of what holds it
	looked time.Time // when a run last looked
}

// worth is what units of the line come to in a month; empty where nobody knows.
func (l *exportLine) worth(units *decimal.Decimal) string {
	if units == nil || l.UnitPrice == nil {
		return ""
	}
	line := plan.Billing{}
	if included, err := decimal.NewFromString(l.span.LessIncluded); err == nil {
		line.LessIncluded = &included
	}
	return money.ChargedUnits(&line, *units).Mul(*l.UnitPrice).StringFixed(2)
}

// eachScope yields the scopes that are billed with the spans that last.
func eachScope(ctx context.Context, x *exporting, do func(*state.Cursor, []state.Span) error) error {
	for c, err := range x.Store.Cursors(ctx) {
		if err != nil {
			return fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if !x.bills(c.Scope) {
			continue
		}
		spans, err := x.Store.OpenSpans(ctx, c.Scope)
		if err != nil {
			return err
		}
		x.note(c.Scope.Customer, c.Name)
		if err := do(&c, spans); err != nil {
			return err
		}
	}
	return nil
}

// eachLicence notes which there are.
func eachLicence(ctx context.Context, x *exporting, put func(*exportLine) error) error {
	return eachLine(ctx, x, func(l *exportLine) error {
		x.licences[l.id()] = true
		return put(l)
	})
}

func (l *exportLine) id() exportKey { return exportKey{l.CustomerKey, l.span.Key.ID} }

func eachLine(ctx context.Context, x *exporting, put func(*exportLine) error) error {
	return eachScope(ctx, x, func(c *state.Cursor, spans []state.Span) error {
		for i := range spans {
			s := &spans[i]
			if !s.Holds() && s.Known {
				continue
			}
			l := exportLine{span: s, looked: c.At}
			l.Licence, l.code = report.Recorded(c.Name, s, c.Violations, x.Config.Currency)
			if err := put(&l); err != nil {
				return err
			}
		}
		return nil
	})
}

func eachBillingLine(ctx context.Context, x *exporting, put func(*exportLine) error) error {
	return eachLine(ctx, x, func(l *exportLine) error {
		if l.span.Ref == "" || !x.licences[l.id()] {
			return nil
		}
		return put(l)
	})
}

func eachDifference(ctx context.Context, x *exporting, put func(*exportLine) error) error {
	return eachLine(ctx, x, func(l *exportLine) error {
		if l.Status.Leak() == "" || !x.licences[l.id()] {
			return nil
		}
		return put(l)
	})
}

func eachSpan(ctx context.Context, x *exporting, put func(*state.Span) error) error {
	for s, err := range x.Store.Spans(ctx, state.SpanFilter{}) {
		if err != nil {
			return fmt.Errorf("reading the ledger: %w", err)
		}
		if !x.bills(s.Scope) || exportTime(s.From) == exportTime(s.To) {
			continue
		}
		x.note(s.Scope.Customer, "")
		if err := put(&s); err != nil {
			return err
		}
	}
	return nil
}

// An exportLeak is money lost in a month.
type exportLeak struct {
	report.Leak
	licence string
}

// eachLeak yields those of this month as report licences has them now, and those of the months that
// are over from the spans that lasted to their ends.
func eachLeak(ctx context.Context, x *exporting, put func(*exportLeak) error) error {
	this := x.now.In(x.Location).Format("2006-01")
	leaks := func(month string, l *report.Licence, s *state.Span) error {
		for _, leak := range l.Leaks(month) {
			if err := put(&exportLeak{leak, s.Key.ID}); err != nil {
				return err
			}
		}
		return nil
	}
	err := eachLine(ctx, x, func(l *exportLine) error { return leaks(this, &l.Licence, l.span) })
	if err != nil {
		return err
	}
	begins, _, err := monthOf(this, x.Location)
	if err != nil {
		return err
	}
	for s, err := range x.Store.Spans(ctx, state.SpanFilter{To: begins}) {
		if err != nil {
			return fmt.Errorf("reading the ledger: %w", err)
		}
		if !x.bills(s.Scope) {
			continue
		}
		x.note(s.Scope.Customer, "")
		var l report.Licence
		for month := s.From.In(x.Location).Format("2006-01"); month < this; month = monthAfter(month) {
			_, ends, err := monthOf(month, x.Location)
			if err != nil {
				return err
			}
			if !s.To.IsZero() && s.To.Before(ends) {
				break
			}
			if l.CustomerKey == "" {
				l, _ = report.Recorded("", &s, nil, x.Config.Currency)
			}
			if err := leaks(month, &l, &s); err != nil {
				return err
			}
		}
	}
	return nil
}

// An exportChange is a line of the journal about what a run did.
type exportChange struct {
	state.Entry
	bills bool   // it is about a line of an invoice
	by    string // the currency of what names none
}

// object is its id, unless that may be somebody's name or address.
func (e *exportChange) object() string {
	if id := e.Key.ID; e.bills || directory.IsGUID(id) || e.Key.Kind == "domain" || id == e.Scope.Customer {
		return id
	}
	return ""
}

func (e *exportChange) fact(name string) string {
	for _, image := range []*state.Image{e.After, e.Before} {
		if image != nil && e.bills && image.Facts[name] != "" {
			return image.Facts[name]
		}
	}
	return ""
}

func (e *exportChange) money() string {
	if !e.bills {
		return ""
	}
	return e.Money
}

func (e *exportChange) currency() string {
	if !e.bills {
		return ""
	}
	return cmp.Or(e.fact("currency"), e.by)
}

// changing are the actions of a run.
var changing = []plan.Action{plan.Create, plan.Update, plan.Delete, plan.Adopt, plan.Forget}

func eachChange(ctx context.Context, x *exporting, put func(*exportChange) error) error {
	for e, err := range x.Store.Journal(ctx, state.JournalFilter{}) {
		if err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		if e.Scope.Customer == "" || e.Run == CommandRun || !slices.Contains(changing, e.Action) {
			continue
		}
		x.note(e.Scope.Customer, e.Name)
		if err := put(&exportChange{e, x.bills(e.Scope), x.Config.Currency}); err != nil {
			return err
		}
	}
	return nil
}

func eachHold(ctx context.Context, x *exporting, put func(*Waiting) error) error {
	for h, err := range x.Store.Holds(ctx) {
		if err != nil {
			return fmt.Errorf("reading the holds: %w", err)
		}
		x.note(h.Scope.Customer, h.Name)
		w := x.WaitingOf(h)
		if err := put(&w); err != nil {
			return err
		}
	}
	return nil
}

// holdCodes are the codes of what holds a plan, each once.
func holdCodes(h *Waiting) string {
	var codes []string
	for i := range h.Violations {
		if v := &h.Violations[i]; !v.Note && !slices.Contains(codes, v.Code) {
			codes = append(codes, v.Code)
		}
	}
	return strings.Join(codes, " ")
}

// holdCurrency is that of a plan's money; empty where it has several, or none.
func holdCurrency(h *Waiting) string {
	currencies := map[string]bool{}
	for _, sums := range []Sums{h.Up, h.Down} {
		for currency := range sums {
			currencies[currency] = true
		}
	}
	if len(currencies) != 1 {
		return ""
	}
	return slices.Collect(maps.Keys(currencies))[0]
}

// holdMoney is what a plan adds to the monthly bill, what it takes from it, or both.
func holdMoney(h *Waiting, up, down bool) string {
	currency := holdCurrency(h)
	if h.Unpriced > 0 || currency == "" && len(h.Up)+len(h.Down) > 0 {
		return ""
	}
	switch {
	case up && down:
		return h.Up[currency].Add(h.Down[currency]).StringFixed(2)
	case up:
		return h.Up[currency].StringFixed(2)
	}
	return h.Down[currency].Abs().StringFixed(2)
}

// An exportInvoice is an invoice of an agreement, as a closed month has it.
type exportInvoice struct {
	customer, month string
	check           *report.InvoiceCheck
	made            *report.MonthInvoice
}

// eachInvoice reads a month at a time.
func eachInvoice(ctx context.Context, x *exporting, put func(*exportInvoice) error) error {
	closed, _, err := state.Closed(ctx, x.Store)
	if err != nil {
		return err
	}
	for _, c := range closed {
		frozen, _, err := Document[frozenMonth](ctx, x.Store, state.PackDocument(c.Month))
		if err != nil {
			return err
		}
		for _, text := range frozen.Packs {
			pack, err := report.ParseMonth([]byte(text))
			if err != nil {
				return fmt.Errorf("reading %s: %w: %w", c.Month, state.ErrCorrupt, err)
			}
			if err := x.invoices(c.Month, pack, put); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exporting) invoices(month string, pack *report.Month, put func(*exportInvoice) error) error {
	seen := map[[2]string]bool{}
	for i := range pack.InvoiceCheck {
		check := &pack.InvoiceCheck[i]
		for j := range check.Made {
			made := &check.Made[j]
			id := [2]string{check.Agreement, made.Number}
			if made.Number == "" || check.Agreement == "" || seen[id] {
				continue
			}
			seen[id] = true
			x.note(pack.Customer.Key, pack.Customer.Name)
			if err := put(&exportInvoice{pack.Customer.Key, month, check, made}); err != nil {
				return err
			}
		}
	}
	return nil
}

// An exportRenewal is a subscription and its term.
type exportRenewal struct{ *report.Renewal }

func eachRenewal(ctx context.Context, x *exporting, put func(*exportRenewal) error) error {
	claims, _, err := Document[money.Claims](ctx, x.Store, TermsDocument)
	if err != nil {
		return err
	}
	policy := money.Policy{Now: x.now.In(x.Location)}
	return eachScope(ctx, x, func(c *state.Cursor, spans []state.Span) error {
		r := report.NewRenewals(policy, claims, mostDays, true, x.Config.Currency)
		r.AddRemembered(c.Scope.Customer, c.Name, c.Seen, spans)
		for i := range r.Lines {
			if r.Lines[i].Subscription == "" {
				continue
			}
			if err := put(&exportRenewal{&r.Lines[i]}); err != nil {
				return err
			}
		}
		return nil
	})
}

func eachOverride(ctx context.Context, x *exporting, put func(*Override) error) error {
	lasting, _, err := x.overrides(ctx)
	if err != nil {
		return err
	}
	all, err := x.listed(ctx, lasting.Overrides, nil)
	if err != nil {
		return err
	}
	seen := map[sync.CustomerRef]map[string]bool{}
	for i := range all {
		o := &all[i]
		if seen[o.Customer] == nil {
			seen[o.Customer] = map[string]bool{}
		}
		if seen[o.Customer][o.Product] {
			continue // the first one counts
		}
		seen[o.Customer][o.Product] = true
		x.note(o.Customer.Key, "")
		if err := put(o); err != nil {
			return err
		}
	}
	return nil
}
