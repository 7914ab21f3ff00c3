package money

import (
	"fmt"
	"strings"
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

// maxOverrideDays is how many days ahead an override may end.
const maxOverrideDays = 400

// endingSoonDays is how many days before its end an override is spoken of.
const endingSoonDays = 14

// InForce reports whether the override counts on a day, both at midnight UTC.
func (o *Override) InForce(day time.Time) bool { return o != nil && !day.After(o.Until) }

// Ending reports whether the override counts on a day and ends soon after.
func (o *Override) Ending(day time.Time) bool {
	return o.InForce(day) && !day.AddDate(0, 0, endingSoonDays).Before(o.Until)
}

// Check says what is wrong with an override that is set on a day, at midnight UTC: by
// the column of its table, and what to write. Nothing is, where the column is empty.
func (o *Override) Check(day time.Time) (column, problem string) {
	set := 0
	for _, n := range []*int{o.Quantity, o.Minimum, o.Maximum} {
		if n != nil {
			set++
		}
	}
	last := day.AddDate(0, 0, maxOverrideDays)
	switch {
	case set == 0:
		return "quantity", "empty, and so are minimum and maximum: one of the three says what is billed"
	case set > 1:
		return "quantity", "one of quantity, minimum and maximum says what is billed: leave the others empty"
	case o.Until.IsZero():
		return "until", "empty: an override needs its last day, such as " + day.AddDate(0, 3, 0).Format(time.DateOnly)
	case o.Until.Before(day):
		return "until", o.Until.Format(time.DateOnly) + " is over: write today or a later day, which is the last one on which it counts"
	case o.Until.After(last):
		return "until", fmt.Sprintf(
			"%s is more than %d days ahead: write %s or an earlier day, and set it again then if it must go on", o.Until.Format(time.DateOnly), maxOverrideDays, last.Format(time.DateOnly))
	case strings.TrimSpace(o.Reason) == "":
		return "reason", "empty: say why; whoever reads the bill will ask"
	}
	return "", ""
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
