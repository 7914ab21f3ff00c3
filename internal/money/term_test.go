package money

import (
	"testing"
	"time"

	"syncd/internal/directory"
)

func TestTheStrongestSourceIsBelieved(t *testing.T) {
	day := func(days int) time.Time { return in(days).Truncate(24 * time.Hour) }
	observed := directory.Subscription{ID: "s", CommerceID: "c", Before: directory.Seen{ID: "s", Term: TermMonthly}}
	for _, c := range []struct {
		name   string
		claims []Claim
		want   directory.Claim
	}{
		{"nobody says anything", nil, directory.Claim{Term: TermMonthly, TermBy: Observed}},
		{"a distributor", []Claim{{"a", "s", TermAnnual, day(5), Distributor, ""}}, directory.Claim{Term: TermAnnual, TermBy: Distributor, Ends: day(5), EndsBy: Distributor}},
		{"by the commerce id, in another case", []Claim{{"a", "C", TermAnnual, time.Time{}, Distributor, ""}}, directory.Claim{Term: TermAnnual, TermBy: Distributor}},
		{"a person before a distributor, of each fact", []Claim{{"a", "s", TermAnnual, day(5), Distributor, ""}, {"a", "s", TermTriennial, time.Time{}, "ann", ""}},
			directory.Claim{Term: TermTriennial, TermBy: "ann", Ends: day(5), EndsBy: Distributor}},
		{"whatever comes first", []Claim{{"a", "s", "", day(9), "ann", ""}, {"a", "s", TermAnnual, day(5), Distributor, ""}},
			directory.Claim{Term: TermAnnual, TermBy: Distributor, Ends: day(9), EndsBy: "ann"}},
		{"of another subscription", []Claim{{"a", "x", TermAnnual, day(5), "ann", ""}}, directory.Claim{Term: TermMonthly, TermBy: Observed}},
		{"of another customer", []Claim{{"b", "s", TermAnnual, day(5), "ann", ""}}, directory.Claim{Term: TermMonthly, TermBy: Observed}},
	} {
		given := []directory.Licence{{SKU: "x", Subscriptions: []directory.Subscription{observed}}}
		got := (&Claims{c.claims}).Join("a", given)[0].Subscriptions[0].Claim
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
		if given[0].Subscriptions[0].Claim != (directory.Claim{}) {
			t.Errorf("%s: what was given changed", c.name)
		}
	}
}

func TestAClaimReplacesItsOwnKind(t *testing.T) {
	c := Claims{}
	for _, x := range []Claim{{"a", "s", TermAnnual, time.Time{}, Distributor, ""}, {"a", "S", TermMonthly, time.Time{}, "ann", ""}, {"a", "s", TermTriennial, time.Time{}, "bob", ""},
		{"a", "r", TermAnnual, time.Time{}, "ann", ""}, {"a", "s", "", in(3), Distributor, ""}, {"a", "r", "", time.Time{}, "bob", ""}} {
		c = c.Put(x)
	}
	got := ""
	for _, x := range c.Claims {
		got += x.Subscription + " " + x.Term + " " + x.Source + "; "
	}
	if want := "s  distributor; s triennial bob; "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if x := c.Find("a", "S", "cleo"); x.Source != "bob" {
		t.Errorf("got %+v", x)
	}
}

// After a term of a year that nobody renewed Microsoft goes on by the month, at a
// higher price.
func TestAYearThatRenewsByTheMonth(t *testing.T) {
	day := func(days int) time.Time { return in(days).Truncate(24 * time.Hour) }
	sub := func(term, earlier string, next int) directory.Subscription {
		return directory.Subscription{ID: "s", Renews: in(next), Before: directory.Seen{ID: "s", Term: term, Earlier: earlier}}
	}
	annual := func(ends int, by string) []Claim { return []Claim{{"a", "s", TermAnnual, day(ends), by, ""}} }
	for _, c := range []struct {
		name   string
		sub    directory.Subscription
		claims []Claim
		want   string
	}{
		{"observed", sub(TermMonthly, TermAnnual, 20), nil, "annual before"},
		{"always monthly", sub(TermMonthly, "", 20), nil, ""},
		{"annual again", sub(TermAnnual, TermMonthly, 200), nil, ""},
		{"a year by the distributor's list, and the next end is a month later", sub("", "", 25), annual(-5, Distributor), "annual until 2026-11-16, says distributor"},
		{"… a month and a day after its last day", sub("", "", 26), annual(-5, Distributor), "annual until 2026-11-16, says distributor"},
		{"… observed as monthly since", sub(TermMonthly, "", 25), annual(-65, Distributor), "annual until 2026-09-17, says distributor"},
		{"… and the next end is a year later", sub("", "", 360), annual(-5, Distributor), ""},
		{"… and it has not ended", sub("", "", 25), annual(25, Distributor), ""},
		{"… and ends today", sub("", "", 30), annual(0, Distributor), ""},
		{"… and the next end is not told", sub("", "", -5), annual(-5, Distributor), ""},
		{"a person says that it is monthly", sub(TermMonthly, TermAnnual, 20), []Claim{{"a", "s", TermMonthly, time.Time{}, "ann", ""}}, ""},
		{"a person says so against the list", sub("", "", 25), append(annual(-5, Distributor), Claim{"a", "s", TermMonthly, time.Time{}, "ann", ""}), ""},
	} {
		if got := FormerTerm(&c.sub, c.claims, now); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
