package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"syncd/internal/sync"
)

// total is the one of a currency, made where it is missing.
func total(totals map[string]*MonthTotal, currency string) *MonthTotal {
	t := totals[currency]
	if t == nil {
		t = &MonthTotal{Currency: currency, Money: new("0.00"), Difference: new("0.00")}
		totals[currency] = t
	}
	return t
}

// addUp makes the totals of the lines, by currency.
func (m *Month) addUp() {
	totals := map[string]*MonthTotal{}
	for i := range m.Lines {
		l := &m.Lines[i]
		t := total(totals, l.Currency)
		t.Lines++
		t.Changes += len(l.Changes)
		if l.Money == nil {
			t.Unknown++
		} else {
			t.Money = new(plus(*t.Money, *l.Money))
		}
		if l.Unproven() {
			t.Unproven++
		}
	}
	for i := range m.InvoiceCheck {
		c := &m.InvoiceCheck[i]
		t := total(totals, c.Currency)
		if t.Difference == nil || c.Difference == nil {
			t.Difference = nil
			continue
		}
		t.Difference = new(plus(*t.Difference, *c.Difference))
	}
	for _, currency := range slices.Sorted(maps.Keys(totals)) {
		m.Totals = append(m.Totals, totals[currency].known())
	}
}

// known is the total without money where that of no line is known, which is not nought.
func (t *MonthTotal) known() MonthTotal {
	x := *t
	if t.Lines > 0 && t.Unknown == t.Lines {
		x.Money = nil
	}
	return x
}

// Unproven reports whether it is not proven what was due or billed at the end.
func (l *MonthLine) Unproven() bool {
	return l.Ended == nil && (l.Closing == nil || l.Due == nil || len(l.Spans) > 0 && !l.Spans[len(l.Spans)-1].Known)
}

// plus adds two amounts of ours.
func plus(a, b string) string {
	return decimal.RequireFromString(a).Add(decimal.RequireFromString(b)).StringFixed(2)
}

// NewMonthOfAll is the MSP's pack: the totals of each customer and currency, and those of
// all. All is the pack of no customer, for what they have in common.
func NewMonthOfAll(all *Month, packs []*Month) *Month {
	m := *all
	m.Customer = sync.CustomerRef{Name: "All customers"}
	m.Lines, m.InvoiceCheck, m.Gaps, m.Holds = []MonthLine{}, []InvoiceCheck{}, []MonthGap{}, []MonthHold{}
	m.Exclusions, m.Approvals, m.Totals, m.Customers = []MonthExclusion{}, []MonthApproval{}, []MonthTotal{}, []MonthCustomer{}
	totals := map[string]*MonthTotal{}
	for _, p := range packs {
		if p.RecordedFrom != nil && (m.RecordedFrom == nil || p.RecordedFrom.Before(*m.RecordedFrom)) {
			m.RecordedFrom = p.RecordedFrom
		}
		for _, t := range p.Totals {
			m.Customers = append(m.Customers, MonthCustomer{p.Customer, p.Digest, len(p.Gaps), len(p.Holds), t.Money, t})
			sum := total(totals, t.Currency)
			sum.Lines, sum.Unknown, sum.Changes, sum.Unproven = sum.Lines+t.Lines, sum.Unknown+t.Unknown, sum.Changes+t.Changes, sum.Unproven+t.Unproven
			if t.Money != nil {
				sum.Money = new(plus(*sum.Money, *t.Money))
			}
			if sum.Difference == nil || t.Difference == nil {
				sum.Difference = nil
			} else {
				sum.Difference = new(plus(*sum.Difference, *t.Difference))
			}
		}
		if len(p.Totals) == 0 { // it has a pack, and stands in the list
			c := MonthCustomer{Customer: p.Customer, Pack: p.Digest, Gaps: len(p.Gaps), Holds: len(p.Holds)}
			if len(p.Gaps) == 0 {
				c.Money = new("0.00")
			}
			m.Customers = append(m.Customers, c)
		}
	}
	slices.SortStableFunc(m.Customers, func(a, b MonthCustomer) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Customer.Name), strings.ToLower(b.Customer.Name)), strings.Compare(a.Customer.Key, b.Customer.Key), strings.Compare(a.Currency, b.Currency))
	})
	for _, currency := range slices.Sorted(maps.Keys(totals)) {
		m.Totals = append(m.Totals, totals[currency].known())
	}
	m.seal()
	return &m
}

// seal sets the digest.
func (m *Month) seal() {
	m.Digest = ""
	sum := sha256.Sum256(m.JSON())
	m.Digest = hex.EncodeToString(sum[:])
}

// Sealed reports whether the pack says what its digest says.
func (m *Month) Sealed() bool {
	bare := *m
	bare.seal()
	return bare.Digest == m.Digest
}

// JSON is the pack in its canonical text.
func (m *Month) JSON() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	_ = e.Encode(m) // plain texts, numbers and times; cannot fail
	return b.Bytes()
}

// ParseMonth reads a pack's canonical text.
func ParseMonth(text []byte) (*Month, error) {
	m := &Month{}
	return m, json.Unmarshal(text, m)
}
