package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// Why a counted quantity fell: a closed set.
const (
	ByRenewal   = "renewal"     // the subscription goes on with fewer units after its term's end
	ByWindow    = "window"      // within 168 hours of its purchase, its renewal or an addition
	ByTermEnd   = "term_end"    // the subscription itself lapsed at its own end
	ByMove      = "moved"       // another subscription of the customer grew by as much
	ByPeople    = "people"      // fewer people are counted
	ByRule      = "rule"        // the rules changed
	ByOverride  = "override"    // what a person set changed, or ended
	ByAdoption  = "adoption"    // first contact: the line held more
	Unexplained = "unexplained" // nothing shows why
)

// An Explanation says why a counted quantity fell, and what shows it.
type Explanation struct {
	Code string `json:"code"`
	// Subscription is the one that the fall comes from, or the one that grew in its
	// place; empty where it comes from none.
	Subscription string `json:"subscription"`
	// Date is the day (YYYY-MM-DD) of the term's end, the purchase, the renewal or the
	// addition; empty where there is none or nobody knows it.
	Date   string   `json:"date"`
	Source string   `json:"source"`           // who says so: microsoft, observed, distributor, or a person
	People []string `json:"people,omitempty"` // who is counted no longer
	// Together is what the other line of a move makes of it, in words.
	Together string `json:"together,omitempty"`
}

// Explained reports whether something shows why a quantity fell.
func (e *Explanation) Explained() bool { return e != nil && e.Code != Unexplained }

// mostNamed is how many of those who left a line of text has room for.
const mostNamed = 5

// Text says it in plain words.
func (e *Explanation) Text() string {
	on := func(before string) string {
		if e.Date == "" {
			return ""
		}
		return before + e.Date
	}
	by := ""
	switch e.Source {
	case "", "microsoft":
	case "observed":
		by = ", as was observed"
	default:
		by = ", as " + e.Source + " says"
	}
	of := ""
	if e.Subscription != "" {
		of = " (subscription " + e.Subscription + ")"
	}
	switch e.Code {
	case ByRenewal:
		return "renewed with fewer units" + on(" at the end of its term on ") + of + by
	case ByWindow:
		return "given back within 168 hours" + on(" of ") + of + by
	case ByTermEnd:
		return "fewer since the term ended" + on(" ") + of + by
	case ByMove:
		text := "moved to subscription " + e.Subscription + ", which grew by as much" + on(" on ")
		if e.Together != "" {
			text += ": " + e.Together
		}
		return text
	case ByPeople:
		if len(e.People) == 0 {
			return "fewer people are counted"
		}
		names := e.People
		if len(names) > mostNamed {
			names = append(append([]string{}, names[:mostNamed]...), fmt.Sprintf("and %d more", len(e.People)-mostNamed))
		}
		return "counted no longer: " + strings.Join(names, ", ")
	case ByRule:
		return "the product rules changed"
	case ByOverride:
		if e.Source == "" {
			return "an override changed or ended"
		}
		return "an override of " + e.Source + " changed or ended"
	case ByAdoption:
		return "first contact: the line holds more than is due"
	}
	return "nothing shows why it fell" + of
}

// Lowers reports whether a change makes an invoice line bill less: a smaller quantity,
// or an end.
func (c *Change) Lowers() bool {
	if !c.Writes() || c.Action == Create {
		return false
	}
	for _, f := range c.Fields {
		switch f.Name {
		case FieldQuantity:
			if before, after, ok := f.numbers(); ok && after.LessThan(before) {
				return true
			}
		case FieldCancelled:
			if f.Before.Blank() && !f.After.Blank() {
				return true
			}
		}
	}
	return false
}

// Raises reports whether a change makes an invoice line bill more: a new one, a larger
// quantity, or no end any more.
func (c *Change) Raises() bool {
	if !c.Writes() || c.Lowers() {
		return false
	}
	return c.Action == Create || slices.ContainsFunc(c.Fields, func(f FieldChange) bool {
		before, after, ok := f.numbers()
		return f.Name == FieldQuantity && ok && after.GreaterThan(before) || f.Name == FieldCancelled && !f.Before.Blank() && f.After.Blank()
	})
}

// numbers are the two sides of a field that counts; ok is false where one is no number.
func (f *FieldChange) numbers() (before, after decimal.Decimal, ok bool) {
	before, err := decimal.NewFromString(f.Before.String())
	if err != nil {
		return before, after, false
	}
	after, err = decimal.NewFromString(f.After.String())
	return before, after, err == nil
}

// heldUnexplained is the code of the hold of a fall that nothing explains.
const heldUnexplained = "decrease_unexplained"

// HoldUnexplained holds every change that lowers a quantity and that nothing explains,
// each by itself, until a person lets it pass. A change that is held already stays held
// for that, and says this too.
func (p *Plan) HoldUnexplained(currency string) {
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Explanation == nil || c.Explanation.Explained() {
			continue
		}
		if c.Held == "" {
			c.Held = heldUnexplained
		}
		p.Violations = append(p.Violations, Violation{Code: heldUnexplained, Kind: c.Key.Kind, Key: c.Key.ID, Message: c.unexplainedMessage(currency)})
	}
}

func (c *Change) unexplainedMessage(currency string) string {
	text := c.Label + " would fall"
	for _, f := range c.Fields {
		if f.Name == FieldQuantity {
			text += fmt.Sprintf(" from %s to %s", f.Before.Or("nothing"), f.After.Or("nothing"))
		} else if f.Name == FieldCancelled && !f.After.Blank() {
			text += fmt.Sprintf(" to nothing after %s", f.After)
		}
	}
	if !c.MonthlyDelta.IsZero() {
		text += fmt.Sprintf(" (%s %s a month)", c.MonthlyDelta.StringFixed(2), cmp.Or(c.Currency, currency))
	}
	if c.Unpriced {
		text += " (what it costs is not known)"
	}
	text += ", and nothing shows why"
	if c.Explanation.Subscription != "" {
		text += ": subscription " + c.Explanation.Subscription + " counts for fewer units"
		if c.Explanation.Date != "" {
			text += ", and its term ends " + c.Explanation.Date
		}
	}
	return text + "; looked for a term that ended, a purchase, renewal or addition of the last 168 hours, another subscription that grew by as much, " +
		"people who left, and changed rules or overrides; look in Partner Center, then approve"
}

// JoinMoves tells each move what both of its lines come to as one sum. Where says which
// object a subscription is counted for, and what it is called; nothing where no line
// bills it: what moved to where nobody bills it is a fall that nothing explains.
func (p *Plan) JoinMoves(where func(subscription string) (to Key, label string), currency string) {
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Explanation == nil || c.Explanation.Code != ByMove {
			continue
		}
		e := *c.Explanation
		c.Explanation = &e
		to, label := where(e.Subscription)
		if label == "" {
			c.Explanation = &Explanation{Code: Unexplained}
			continue
		}
		j := slices.IndexFunc(p.Changes, func(x Change) bool { return x.Key == to })
		if j < 0 {
			e.Together = label + " is not changed"
			continue
		}
		other := &p.Changes[j]
		e.Together = fmt.Sprintf("%s and %s", c.counts(), other.counts())
		if c.Unpriced || other.Unpriced {
			e.Together += ", and what they cost is not known"
		} else if cmp.Or(c.Currency, currency) == cmp.Or(other.Currency, currency) {
			sum := c.MonthlyDelta.Add(other.MonthlyDelta)
			sign := ""
			if sum.IsPositive() {
				sign = "+"
			}
			e.Together += fmt.Sprintf(", together %s%s %s a month", sign, sum.StringFixed(2), cmp.Or(c.Currency, currency))
		}
	}
}

// counts is a change of a quantity in few words.
func (c *Change) counts() string {
	for _, f := range c.Fields {
		if f.Name == FieldQuantity {
			return fmt.Sprintf("%s %s -> %s", c.Label, f.Before.Or("0"), f.After.Or("0"))
		}
	}
	return c.Label
}

// moves are the plan's moves in parentheses, or nothing.
func (p *Plan) moves() string {
	var texts []string
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Held == "" && c.Explanation != nil && c.Explanation.Code == ByMove && c.Explanation.Together != "" {
			texts = append(texts, c.Explanation.Together)
		}
	}
	if len(texts) == 0 {
		return ""
	}
	return " (moved: " + strings.Join(texts, "; ") + ")"
}
