package money

import (
	"fmt"
	"time"
)

// An Override is what a person set for one customer and product, in place of what
// the rule makes of it. One of Quantity, Minimum and Maximum is there.
type Override struct {
	Quantity *int      `json:"quantity,omitempty"`
	Minimum  *int      `json:"minimum,omitempty"`
	Maximum  *int      `json:"maximum,omitempty"`
	Until    time.Time `json:"until"` // the last day on which it counts, at midnight UTC
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
}

// MostOverride is how many days ahead an override may end.
const MostOverride = 400

// ending is how many days before its end an override is spoken of.
const ending = 14

// Counts reports whether the override counts on a day, both at midnight UTC.
func (o *Override) Counts(day time.Time) bool { return o != nil && !day.After(o.Until) }

// Ending reports whether the override counts on a day and ends soon after.
func (o *Override) Ending(day time.Time) bool {
	return o.Counts(day) && !day.AddDate(0, 0, ending).Before(o.Until)
}

// Apply returns the units that are billed where a rule comes to so many.
func (o *Override) Apply(units int) int {
	switch {
	case o == nil:
		return units
	case o.Quantity != nil:
		return *o.Quantity
	case o.Minimum != nil:
		return max(units, *o.Minimum)
	case o.Maximum != nil:
		return min(units, *o.Maximum)
	}
	return units
}

// String is what it says, without its end.
func (o *Override) String() string {
	switch {
	case o.Quantity != nil:
		return fmt.Sprintf("%d", *o.Quantity)
	case o.Minimum != nil:
		return fmt.Sprintf("at least %d", *o.Minimum)
	case o.Maximum != nil:
		return fmt.Sprintf("at most %d", *o.Maximum)
	}
	return ""
}

// Equal reports whether two overrides count alike; who set them and why says nothing.
func (o *Override) Equal(other *Override) bool {
	if o == nil || other == nil {
		return o == other
	}
	same := func(a, b *int) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
	return same(o.Quantity, other.Quantity) && same(o.Minimum, other.Minimum) && same(o.Maximum, other.Maximum)
}
