package money

import (
	"testing"
	"time"
)

func TestWhatIsWrongWithAnOverride(t *testing.T) {
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	n := func(n int) *int { return &n }
	for _, c := range []struct {
		name string
		o    Override
		want string // the column
	}{
		{"a quantity", Override{Quantity: n(0), Until: day, Reason: "x"}, ""},
		{"a minimum, as long as may be", Override{Minimum: n(5), Until: day.AddDate(0, 0, 400), Reason: "x"}, ""},
		{"a maximum", Override{Maximum: n(5), Until: day.AddDate(0, 0, 1), Reason: "x"}, ""},
		{"nothing", Override{Until: day, Reason: "x"}, "quantity"},
		{"two", Override{Minimum: n(1), Maximum: n(5), Until: day, Reason: "x"}, "quantity"},
		{"no end", Override{Quantity: n(5), Reason: "x"}, "until"},
		{"over", Override{Quantity: n(5), Until: day.AddDate(0, 0, -1), Reason: "x"}, "until"},
		{"too long", Override{Quantity: n(5), Until: day.AddDate(0, 0, 401), Reason: "x"}, "until"},
		{"no reason", Override{Quantity: n(5), Until: day, Reason: " "}, "reason"},
	} {
		if got, problem := c.o.Check(day); got != c.want || (got == "") != (problem == "") {
			t.Errorf("%s: got %q (%s), want %q", c.name, got, problem, c.want)
		}
	}
}

func TestAnOverrideCountsToTheEndOfItsLastDay(t *testing.T) {
	until := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	five := 5
	for _, c := range []struct {
		days           int // from its last day
		counts, ending bool
	}{{-15, true, false}, {-14, true, true}, {0, true, true}, {1, false, false}} {
		day := until.AddDate(0, 0, c.days)
		o := Overrides{[]CustomerOverride{{Customer: "a", Product: "M365-BP", ProductID: 752, Override: Override{Quantity: &five, Until: until}}}}
		found := o.Find(day, "a", 752, "RENAMED")
		if (found != nil) != c.counts || found != nil && found.Ending(day) != c.ending || len(o.InForce(day).Overrides) == 1 != c.counts {
			t.Errorf("%d days from its end: got %v, want counts %t and ending %t", c.days, found, c.counts, c.ending)
		}
	}
}

func TestWhatAnOverrideIsAbout(t *testing.T) {
	x := CustomerOverride{Customer: "a", Product: "M365-BP", ProductID: 752}
	for _, c := range []struct {
		name     string
		customer string
		id       int
		product  string
		want     bool
	}{
		{"its product", "a", 752, "M365-BP", true},
		{"its product under another name", "a", 752, "BP-NEW", true},
		{"another product that has its name now", "a", 753, "M365-BP", false},
		{"by name, where nobody knows the id", "a", 0, "m365-bp", true},
		{"another customer", "b", 752, "M365-BP", false},
	} {
		if got := x.Matches(c.customer, c.id, c.product); got != c.want {
			t.Errorf("%s: got %t", c.name, got)
		}
	}
}
