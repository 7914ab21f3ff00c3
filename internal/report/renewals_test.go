package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/sync"
	"syncd/internal/target"
)

var renewalDay = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const renewalSKU = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"

// renewing is a customer with one licence, billed by some rules on lines of one price.
func renewing(l directory.Licence, price string, rules ...mapping.Rule) sync.Inspection {
	l.SKU, l.PartNumber, l.Name = renewalSKU, "SPB", "Business Premium"
	e := sync.Inspection{Customer: mapping.Customer{Key: "k", Name: "Contoso"}, Report: &sync.ScopeReport{},
		Snapshot: &directory.Snapshot{Licences: directory.Proven([]directory.Licence{l}, directory.Proof{Source: "test"})}}
	for i, r := range rules {
		r.SKU = renewalSKU
		key := plan.Key{Kind: "addition", ID: fmt.Sprint(i)}
		e.Desired.Counts = append(e.Desired.Counts, target.Count{Key: key, Rules: []mapping.Rule{r}})
		if price != "" {
			e.Observed.Objects = append(e.Observed.Objects, plan.Object{Key: key, Billing: &plan.Billing{Billable: true, UnitPrice: new(decimal.RequireFromString(price)), Cycle: plan.Monthly, Currency: "EUR"}})
		}
	}
	return e
}

func ending(id string, units, days int, term string) directory.Subscription {
	return directory.Subscription{ID: id, Status: "Enabled", Total: units, Renews: renewalDay.AddDate(0, 0, days), Claim: claim(term)}
}

func claim(term string) directory.Claim {
	if term == "" {
		return directory.Claim{}
	}
	return directory.Claim{Term: term, TermBy: "distributor"}
}

func TestWhatRenews(t *testing.T) {
	licence := func(assigned int, subs ...directory.Subscription) directory.Licence {
		return directory.Licence{Assigned: assigned, Subscriptions: subs}
	}
	purchased, assigned := mapping.Rule{Count: mapping.Purchased}, mapping.Rule{Count: mapping.Assigned}
	with := func(edit func(*directory.Subscription)) directory.Subscription {
		s := ending("s", 5, 10, "annual")
		edit(&s)
		return s
	}
	const head = "k,Contoso,"
	for _, c := range []struct {
		name string
		all  bool
		of   sync.Inspection
		want string
	}{
		{"a year", false, renewing(licence(3, ending("s", 5, 10, "annual")), "22", purchased), "s,SPB,5,2,2026-12-01,2026-12-01,1320.00,EUR"},
		{"three years", false, renewing(licence(9, ending("s", 5, 10, "triennial")), "22", purchased), "s,SPB,5,0,2026-12-01,2026-12-01,3960.00,EUR"},
		{"a month", false, renewing(licence(3, ending("s", 5, 10, "monthly")), "22", purchased), ""},
		{"a month, with all", true, renewing(licence(3, ending("s", 5, 10, "monthly")), "22", purchased), "s,SPB,5,2,2026-12-01,2026-12-01,110.00,EUR"},
		{"a term that nobody knows", false, renewing(licence(3, ending("s", 5, 10, "")), "22", purchased), "s,SPB,5,2,2026-12-01,2026-12-01,,EUR"},
		{"on the last day", false, renewing(licence(3, ending("s", 5, 90, "annual")), "22", purchased), "s,SPB,5,2,2027-02-19,2027-02-19,1320.00,EUR"},
		{"a day later", false, renewing(licence(3, ending("s", 5, 91, "annual")), "22", purchased), ""},
		{"half a unit each", false, renewing(licence(3, ending("s", 5, 10, "annual")), "22", mapping.Rule{Count: mapping.Purchased, Weight: "0.5"}), "s,SPB,5,2,2026-12-01,2026-12-01,660.00,EUR"},
		{"two products of what is sold, and a third of who has it", false, renewing(licence(5, ending("s", 5, 10, "annual")), "10", purchased, mapping.Rule{Count: mapping.Larger}, assigned), "s,SPB,5,0,2026-12-01,2026-12-01,1200.00,EUR"},
		{"a product of who has it alone", false, renewing(licence(5, ending("s", 5, 10, "annual")), "10", assigned), "s,SPB,5,0,2026-12-01,2026-12-01,600.00,EUR"},
		{"people are no licences", false, renewing(licence(5, ending("s", 5, 10, "annual")), "10", mapping.Rule{Count: mapping.People}), "s,SPB,5,0,2026-12-01,2026-12-01,,"},
		{"a rule for others", false, renewing(licence(5, ending("s", 5, 10, "annual")), "10", mapping.Rule{Subscriptions: "term=monthly"}), "s,SPB,5,0,2026-12-01,2026-12-01,,"},
		{"no line", false, renewing(licence(5, ending("s", 5, 10, "annual")), "", purchased), "s,SPB,5,0,2026-12-01,2026-12-01,,"},
		{"two that share a licence", false, renewing(licence(12, ending("late", 5, 60, "annual"), ending("early", 10, 10, "annual")), "1", purchased), "early,SPB,10,3,2026-12-01,2026-12-01,120.00,EUR; late,SPB,5,0,2027-01-20,2027-01-20,60.00,EUR"},
		{"more that nobody has than the first has units", false, renewing(licence(2, ending("late", 5, 60, "annual"), ending("early", 4, 10, "annual")), "1", purchased), "early,SPB,4,4,2026-12-01,2026-12-01,48.00,EUR; late,SPB,5,3,2027-01-20,2027-01-20,60.00,EUR"},
		{"disputed", false, renewing(directory.Licence{Disputed: "7 and 8", Subscriptions: []directory.Subscription{ending("s", 5, 10, "annual")}}, "22", purchased), "s,SPB,5,,2026-12-01,2026-12-01,1320.00,EUR"},
		{"the end is not told", false, renewing(licence(5, with(func(s *directory.Subscription) { s.Renews = time.Time{} })), "22", purchased), "s,SPB,5,0,,,1320.00,EUR"},
		{"… and somebody knows it", false, renewing(licence(5, with(func(s *directory.Subscription) {
			s.Renews, s.Claim.Ends = time.Time{}, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
		})), "22", purchased), "s,SPB,5,0,2026-11-21,2026-11-21,1320.00,EUR"},
		{"… and what somebody knew is over", false, renewing(licence(5, with(func(s *directory.Subscription) {
			s.Renews, s.Claim.Ends = time.Time{}, time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
		})), "22", purchased), "s,SPB,5,0,,,1320.00,EUR"},
		{"a trial", false, renewing(licence(5, with(func(s *directory.Subscription) { s.Trial = true })), "22", purchased), ""},
		{"in grace", false, renewing(licence(5, with(func(s *directory.Subscription) { s.Status = "Warning" })), "22", purchased), ""},
		{"suspended", false, renewing(licence(5, with(func(s *directory.Subscription) { s.Status, s.Renews = "Suspended", renewalDay.AddDate(0, 0, 130) })), "22", purchased), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewRenewals(money.Policy{Now: renewalDay}, money.Claims{}, 90, c.all, "USD")
			r.Add(c.of)
			r.Finish()
			plain := r.Plain()
			var got []string
			for _, row := range plain.Rows {
				got = append(got, strings.TrimPrefix(strings.Join(row, ","), head))
			}
			if text := strings.Join(got, "; "); text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

// One that ended a year and goes on by the month is monthly, whatever was said of the year.
func TestARenewalThatWentMonthly(t *testing.T) {
	over := time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC)
	year := directory.Subscription{ID: "s", Status: "Enabled", Total: 10, Renews: renewalDay.AddDate(0, 0, 14), Before: directory.Seen{ID: "s", Term: money.TermMonthly}, Claim: directory.Claim{Term: money.TermAnnual, TermBy: money.Distributor, Ends: over, EndsBy: money.Distributor}}
	claims := money.Claims{Claims: []money.Claim{{Customer: "k", Subscription: "s", Term: money.TermAnnual, Ends: over, Source: money.Distributor}}}
	for _, all := range []bool{false, true} {
		r := NewRenewals(money.Policy{Now: renewalDay}, claims, 90, all, "USD")
		r.Add(renewing(directory.Licence{Assigned: 9, Subscriptions: []directory.Subscription{year}}, "22", mapping.Rule{Count: mapping.Purchased}))
		r.Finish()
		if !all {
			if len(r.Lines) != 0 {
				t.Errorf("a monthly one is listed: %+v", r.Lines)
			}
			continue
		}
		if len(r.Lines) != 1 || r.Lines[0].Term != money.TermMonthly || r.Lines[0].TermBy != money.Observed || r.Lines[0].Money.String() != "220" {
			t.Errorf("got %+v", r.Lines)
		}
	}
}

// What nobody holds stands at the same subscriptions, whichever are asked for.
func TestUnassignedUnitsDoNotDependOnWhatIsListed(t *testing.T) {
	unknown := ending("unknown", 9, 0, "annual")
	unknown.Renews = time.Time{}
	l := directory.Licence{Assigned: 20, Subscriptions: []directory.Subscription{unknown, ending("late", 10, 60, "annual"), ending("soon", 10, 1, "annual"), ending("month", 2, 20, "monthly")}}
	for _, c := range []struct {
		days int
		all  bool
		want string
	}{
		{90, true, "soon 10; month 1; late 0; unknown 0"}, {90, false, "soon 10; late 0; unknown 0"},
		{30, true, "soon 10; month 1; unknown 0"}, {0, false, "unknown 0"},
	} {
		r := NewRenewals(money.Policy{Now: renewalDay}, money.Claims{}, c.days, c.all, "USD")
		r.Add(renewing(l, "22", mapping.Rule{Count: mapping.Purchased}))
		r.Finish()
		var got []string
		for _, line := range r.Lines {
			got = append(got, fmt.Sprintf("%s %d", line.Subscription, *line.Unassigned))
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%d days, all %t: got %q, want %q", c.days, c.all, text, c.want)
		}
	}
}

// The end is a day where the MSP is.
func TestARenewalEndsWhereTheMSPIs(t *testing.T) {
	s := ending("s", 5, 10, "annual")
	s.Renews = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	r := NewRenewals(money.Policy{Now: renewalDay.In(time.FixedZone("west", -8*3600))}, money.Claims{}, 90, false, "USD")
	r.Add(renewing(directory.Licence{Subscriptions: []directory.Subscription{s}}, ""))
	if got := r.Lines[0].Ends; got != "2026-11-30" {
		t.Errorf("got %s", got)
	}
}

func TestRenewalsAsTheyAreRead(t *testing.T) {
	r := NewRenewals(money.Policy{Now: renewalDay}, money.Claims{}, 90, false, "USD")
	known := renewing(directory.Licence{Assigned: 4, Subscriptions: []directory.Subscription{ending("7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11", 5, 10, "annual")}}, "22", mapping.Rule{Count: mapping.Purchased})
	known.Customer.Name = "=Tailspin Toys"
	r.Add(known)
	r.Add(renewing(directory.Licence{Subscriptions: []directory.Subscription{ending("7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12", 3, 20, "")}}, ""))
	r.Add(sync.Inspection{Customer: mapping.Customer{Key: "u", Name: "Unread"}, Report: &sync.ScopeReport{Outcome: sync.Incomplete}})
	r.Add(sync.Inspection{Customer: mapping.Customer{Key: "i", Name: "Ignored", Status: mapping.Ignored}, Report: &sync.ScopeReport{}})
	r.Add(renewing(directory.Licence{Unread: "minus 3 units"}, ""))
	r.Finish()
	sheet, plain := r.Sheet(), r.Plain()
	var narrow, body bytes.Buffer
	for _, err := range []error{sheet.Table(&narrow, 80), plain.CSV(&body)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := narrow.String(); got != wantNarrow {
		t.Errorf("got:\n%s\nwant:\n%s", got, wantNarrow)
	}
	for line := range strings.Lines(narrow.String()) {
		if len([]rune(line)) > 81 {
			t.Errorf("too wide: %q", line)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(body.String(), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][1] != "'=Tailspin Toys" {
		t.Errorf("got %q, %v", rows, err)
	}
	var doc struct {
		Lines  []map[string]*string
		Unread []Unread
	}
	text, err := json.Marshal(r)
	if err != nil || json.Unmarshal(text, &doc) != nil {
		t.Fatal(err)
	}
	if l := doc.Lines[1]; l["money"] != nil || l["currency"] != nil || *l["units"] != "3" || *l["reduce_by"] != "2026-12-11" {
		t.Errorf("got %s", text)
	}
	r.Unread = append(r.Unread, Unread{"v", "V", "late"}, Unread{"w", "W", "late"}, Unread{"x", "X", "late"}, Unread{"y", "Y", "late"})
	if got := r.Reasons(); len(got) != 3 || got[1] != "Unread: not in the list: not read" || got[2] != "V, W, X and 1 more: late" {
		t.Errorf("got %q", got)
	}
	if len(doc.Unread) != 2 || doc.Unread[0].Why != "the source makes no sense: Business Premium (minus 3 units)" || doc.Unread[1].Why != "not in the list: not read" {
		t.Errorf("got %+v", doc.Unread)
	}
}

const wantNarrow = `=Tailspin Toys
  Licence Business Premium; Subscription 7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11;
  Units 5; Unassigned 1; Ends 2026-12-01; Reduce by 2026-12-01; Term annual;
  Said by distributor; Money a term 1320.00; Currency EUR
Contoso
  Licence Business Premium; Subscription 7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12;
  Units 3; Unassigned 3; Ends 2026-12-11; Reduce by 2026-12-11; Term not known
Total
  Licence 1 of unknown money; Units 3
Total
  Units 5; Money a term 1320.00; Currency EUR
`
