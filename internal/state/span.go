package state

import (
	"time"

	"syncd/internal/plan"
)

// A Span is one line of the ledger: what held of a customer and a product from
// one moment to another. It begins when a run first saw it so, and lasts until a
// run saw something else: while nobody looked, the last that was seen stands, and
// the scope's cursor says when somebody looked last.
//
// Numbers that count or cost are decimal text in one canonical spelling; an empty
// one is unknown, which is never nought.
type Span struct {
	Scope plan.Scope `json:"scope"`
	Key   plan.Key   `json:"key"` // of the addition, as in plans and records
	From  time.Time  `json:"from"`
	To    time.Time  `json:"to,omitzero"` // zero while it lasts; set by the store

	// Known is false where a number is not proven: the source did not answer, the
	// count is held, or the target could not be read. Those that stand there all the
	// same are proven. Why is the first reason that was met.
	Known bool   `json:"known"`
	Why   string `json:"why,omitempty"`
	// CountedAt is when a run last counted the product, where this span does not, see Counts.
	CountedAt time.Time `json:"counted_at,omitzero"`

	Product string `json:"product"` // the catalogue identifier
	Label   string `json:"label"`

	Purchased string `json:"purchased,omitempty"` // units that somebody pays Microsoft for
	Assigned  string `json:"assigned,omitempty"`
	Due       string `json:"due,omitempty"`    // what the rules make of it, or an override
	Billed    string `json:"billed,omitempty"` // what all lines bill that are open

	Price         string `json:"price,omitempty"` // of a unit, in a billing cycle
	Currency      string `json:"currency,omitempty"`
	LessIncluded  string `json:"less_included,omitempty"` // units that are free of charge
	Cycle         string `json:"cycle_months,omitempty"`  // a number or a fraction, such as 12/52
	Ref           string `json:"ref,omitempty"`           // the line that is kept in step
	Agreement     string `json:"agreement,omitempty"`     // its id
	AgreementName string `json:"agreement_name,omitempty"`
	NextInvoice   string `json:"next_invoice,omitempty"` // a day
	// Cost is what all lines come to a month, where that is not what they bill at Price.
	Cost string `json:"cost,omitempty"`
	// Held is the code of what a person must settle before anybody can say that the product
	// is billed as it is due, and NotBilled that its line is one that is not to be billed.
	Held      string `json:"held,omitempty"`
	NotBilled bool   `json:"not_billed,omitempty"`

	Rules    []SpanRule    `json:"rules,omitempty"` // as they were
	Override *SpanOverride `json:"override,omitempty"`
	Counted  string        `json:"counted,omitempty"` // what the rules make of it, where there is an override
	Grace    string        `json:"grace,omitempty"`   // what is made of subscriptions in grace, where it is not the default
	// Explanation says why the line is billed for more than the rules come to, as long
	// as it is; nil where it is not, or where the line alone changed.
	Explanation *plan.Explanation `json:"explanation,omitempty"`

	// Names are those of whom the count is made; sorted. NamesUnknown says that
	// there are some and that the source did not prove who.
	Names        []string `json:"names,omitempty"`
	NamesUnknown bool     `json:"names_unknown,omitempty"`

	Subscriptions []SpanSubscription `json:"subscriptions,omitempty"`
	Proof         SpanProof          `json:"proof"` // of the read that began it
}

// A SpanRule is a product rule as the columns of the table show it.
type SpanRule struct {
	Customer      string `json:"customer,omitempty"`
	SKU           string `json:"sku_id,omitempty"`
	Part          string `json:"sku,omitempty"`
	Name          string `json:"name,omitempty"`
	Product       string `json:"product,omitempty"`
	Count         string `json:"count,omitempty"`
	Who           string `json:"who,omitempty"`
	Subscriptions string `json:"subscriptions,omitempty"`
	Weight        string `json:"weight,omitempty"`
	Minimum       string `json:"minimum,omitempty"`
	Maximum       string `json:"maximum,omitempty"`
	Floor         string `json:"floor,omitempty"`
	Status        string `json:"status,omitempty"`
	Reason        string `json:"reason,omitempty"`
}

// A SpanOverride is a person's word on a quantity: the quantity, or its minimum or
// maximum.
type SpanOverride struct {
	Quantity string    `json:"quantity,omitempty"`
	Minimum  string    `json:"minimum,omitempty"`
	Maximum  string    `json:"maximum,omitempty"`
	Until    time.Time `json:"until"` // the last day on which it counts
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
}

// A SpanSubscription is a subscription as it was.
type SpanSubscription struct {
	ID         string    `json:"id"`
	CommerceID string    `json:"commerce_id,omitempty"`
	SKU        string    `json:"sku_id,omitempty"`
	Status     string    `json:"status,omitempty"` // Microsoft's word
	State      string    `json:"state"`            // what it is to the bill
	Units      string    `json:"units"`
	Trial      bool      `json:"trial,omitempty"`
	Owner      string    `json:"owner,omitempty"` // the partner tenant that sold it; empty where nobody did
	Created    time.Time `json:"created,omitzero"`
	Until      time.Time `json:"until,omitzero"` // until when its state lasts
}

// A SpanProof says how the numbers are known.
type SpanProof struct {
	Source   string    `json:"source,omitempty"`
	Endpoint string    `json:"endpoint,omitempty"`
	TakenAt  time.Time `json:"taken_at,omitzero"`
	AsOf     time.Time `json:"as_of,omitzero"` // how old the data was at the source
	Rows     int       `json:"rows,omitempty"`
	Digest   string    `json:"digest,omitempty"` // of what the source said
	Run      string    `json:"run"`
}

// Holds reports whether there is anything of the product: bought, assigned, due or billed.
func (s *Span) Holds() bool {
	for _, n := range []string{s.Purchased, s.Assigned, s.Due, s.Billed} {
		if n != "" && n != "0" {
			return true
		}
	}
	return false
}

// Counts reports whether the span says what the rules come to. A quantity that a person
// set is due also while that is not proven.
func (s *Span) Counts() bool {
	return s.Due != "" && (s.Override == nil || s.Override.Quantity == "" || s.Counted != "")
}

// Within reports whether a span lasted for some time from one moment up to
// another; a zero moment is no bound.
func (s *Span) Within(from, to time.Time) bool {
	return (s.To.IsZero() || from.IsZero() || s.To.After(from)) && (to.IsZero() || s.From.Before(to))
}

// Unknown is the span that follows s once nothing is proven any more: nobody knows
// a number, and what it is about is as it was.
func (s *Span) Unknown(from time.Time, why, run string) Span {
	return Span{Scope: s.Scope, Key: s.Key, From: from, Why: why, Product: s.Product, Label: s.Label, Proof: SpanProof{Run: run}}
}

// An Ending ends the open span of a product that nothing follows: no rule bills
// it any more, or the customer is not linked.
type Ending struct {
	Key plan.Key
	At  time.Time
}

// A Misdated is a product whose last spans were dated by a clock that was ahead: those
// that begin after Now go, and from Since on, when the clock was last known to be right,
// nothing is known of it.
type Misdated struct {
	Key        plan.Key
	Since, Now time.Time
	Why, Run   string
}

// SpanFilter narrows the ledger; empty fields let everything through.
type SpanFilter struct {
	Customer string
	Key      plan.Key // of Customer alone
	// From and To bound the time: spans that lasted for some of it.
	From, To time.Time
	// First yields the first span of each product alone, whenever it was.
	First bool
}

// Follows sets when a span begins that is put after last, the newest of its
// product, and when last ends. A product is one thing at a time, whatever the clock
// says: a span that would begin no later than the one before it begins right after it.
func (s Span) Follows(last *Span) (now Span, ended *Span) {
	now = s
	now.From, now.To = s.From.UTC().Truncate(tick), time.Time{}
	if last == nil {
		return now, nil
	}
	if !last.To.IsZero() {
		if now.From.Before(last.To) {
			now.From = last.To
		}
		return now, nil
	}
	over := last.EndedAt(now.From)
	now.From = over.To
	return now, &over
}

// EndedAt is a span that lasted up to a moment, and some time at least.
func (s *Span) EndedAt(at time.Time) Span {
	ended := *s
	if ended.To = at.UTC().Truncate(tick); !ended.To.After(s.From) {
		ended.To = s.From.Add(tick)
	}
	return ended
}

// tick is the least time that stores tell apart.
const tick = time.Microsecond
