package plan

import (
	"encoding/json"
	"fmt"

	"github.com/shopspring/decimal"
)

// An Effect says which days a change is billed for. That is no part of the digest, since
// it moves with every invoice and the step stays the same; the number of periods is,
// where there are several.
type Effect struct {
	From string // YYYY-MM-DD; empty where nobody knows
	To   string // the last day that is certain to be billed so
	// Closed is a closed month whose days it may be billed for, since nobody knows its days.
	// An approval from before that month was closed does not cover it.
	Closed  string
	Periods int // that are not invoiced and bill the change; 0 where nobody knows
	Text    string
	// Money is what the change comes to in all these periods; nil where nobody knows.
	Money *decimal.Decimal
}

type effectJSON struct {
	From    *string `json:"from"`
	To      *string `json:"to"`
	Periods *int    `json:"periods"`
	Text    string  `json:"text"`
}

// MarshalJSON writes null for what nobody knows.
func (e Effect) MarshalJSON() ([]byte, error) {
	out := effectJSON{Text: e.Text}
	if e.Periods > 0 {
		out.From, out.To, out.Periods = &e.From, &e.To, &e.Periods
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Effect) UnmarshalJSON(data []byte) error {
	var in effectJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*e = Effect{Text: in.Text}
	if in.From != nil && in.To != nil && in.Periods != nil {
		e.From, e.To, e.Periods = *in.From, *in.To, *in.Periods
	}
	return nil
}

// CodeOutstanding holds a change that would be billed for more than one period.
const CodeOutstanding = "periods_outstanding"

// CodeClosed holds a change that would be billed in a month that a person closed.
const CodeClosed = "month_closed"

// CodeMayBeClosed holds a change that may be billed in a closed month: nobody knows its days.
const CodeMayBeClosed = "month_closed_unknown"

// DaysUnknown reports whether nobody knows from which day on the change is billed. What is
// known to be on no invoice comes to nought, and is no such change.
func (e *Effect) DaysUnknown() bool { return e.From == "" && e.Money == nil }

// holdOutstanding sets the effect of a change, and holds one that several periods
// would bill: nobody means a quantity of today to be billed for months that went by.
func (p *Plan) holdOutstanding(kind *Kind, c *Change) {
	if kind.Effect == nil || !c.Writes() {
		return
	}
	if c.Effect = kind.Effect(c.Before, c.After); c.Effect == nil || c.Effect.Periods <= 1 {
		return
	}
	if c.Held == "" {
		c.Held = CodeOutstanding
	}
	amount := "money not known"
	if m := c.Effect.Money; m != nil && !c.Unpriced {
		amount = m.StringFixed(2)
		if m.IsPositive() {
			amount = "+" + amount
		}
		if c.Currency != "" {
			amount += " " + c.Currency
		}
		amount += " in all"
	}
	p.Violations = append(p.Violations, Violation{Code: CodeOutstanding, Kind: c.Key.Kind, Key: c.Key.ID, Message: fmt.Sprintf(
		"%s would be billed for %d periods whose invoices are not made, %s to %s (%s); make the invoices of the periods gone by first, or approve to bill all of them so",
		c.Label, c.Effect.Periods, c.Effect.From, c.Effect.To, amount)})
}
