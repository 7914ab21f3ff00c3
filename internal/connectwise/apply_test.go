package connectwise

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"syncd/internal/plan"
	"syncd/internal/rest"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

const (
	lineRoute  = "/finance/agreements/{id}/additions/{id}"
	linesRoute = "/finance/agreements/{id}/additions"
)

// wantErr reports whether err is what a row wants: nil, or an error that is
// target and says some words.
func wantErr(t *testing.T, err, target error, says string) {
	t.Helper()
	switch {
	case target == nil && says == "":
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
	case err == nil:
		t.Errorf("got no error, want %v %s", target, says)
	case target != nil && !errors.Is(err, target):
		t.Errorf("got %v, want %v", err, target)
	case !strings.Contains(err.Error(), says):
		t.Errorf("got %q, want it to say %q", err, says)
	}
}

func TestOneNewQuantity(t *testing.T) {
	patch := func(kind cwsim.FaultKind, times int) []cwsim.Rule {
		return []cwsim.Rule{{Method: "PATCH", Route: lineRoute, Times: times, Fault: cwsim.Fault{Kind: kind}}}
	}
	afterwards := func(rules []cwsim.Rule, kind cwsim.FaultKind) []cwsim.Rule {
		return append(rules, cwsim.Rule{Method: "POST", Route: string(epBundles), Skip: 1, Fault: cwsim.Fault{Kind: kind}})
	}
	for _, tt := range []struct {
		name   string
		rules  []cwsim.Rule
		faults cwsim.Faults
		err    error
		says   string
		holds  string // the quantity at the end
		asks   int    // requests, the live read included; 0 = not counted
		sends  int    // PATCHes
	}{
		{name: "all goes well", holds: "14", asks: 3, sends: 1},
		{name: "a 500 before anything was done", rules: patch(cwsim.Timeout, 1), holds: "14", asks: 5, sends: 2},
		{name: "a 500 after it was done", rules: patch(cwsim.TimeoutCommitted, 1), holds: "14", asks: 3, sends: 1},
		{name: "the connection dropped before", rules: patch(cwsim.Dropped, 1), holds: "14", asks: 5, sends: 2},
		{name: "the connection dropped after: the answer is lost", rules: patch(cwsim.DroppedCommitted, 1), holds: "14", asks: 3, sends: 1},
		{name: "the answer breaks off", rules: patch(cwsim.CutBody, 1), holds: "14", asks: 3, sends: 1},
		{name: "a gateway's page", rules: patch(cwsim.BadGateway, 1), holds: "14", asks: 5, sends: 2},
		{name: "lost twice, done the third time", rules: patch(cwsim.Dropped, 2), holds: "14", asks: 7, sends: 3},
		{name: "never arrives", rules: patch(cwsim.Dropped, 0), err: rest.ErrOutcomeUnknown, says: "sent 3 times", holds: "12", asks: 7, sends: 3},
		{name: "lost, and the line cannot be read afterwards", rules: afterwards(patch(cwsim.DroppedCommitted, 1), cwsim.BadGateway), err: rest.ErrOutcomeUnknown, says: "cannot be read", holds: "14", sends: 1},
		{name: "throttled is refused, and sent again", rules: patch(cwsim.Throttled, 1), holds: "14", asks: 4, sends: 2},
		{name: "an answer without a body", rules: patch(cwsim.EmptyAnswer, 1), holds: "14", asks: 3, sends: 1},
		{name: "a page with status 200", rules: patch(cwsim.HTMLPage, 1), holds: "14", asks: 3, sends: 1},
		{name: "a 200 that changed nothing", rules: patch(cwsim.Ignored, 1), says: "holds quantity 12", holds: "12", asks: 3, sends: 1},
		{name: "a 200 with another value", faults: cwsim.Faults{MaxQuantity: num("13")}, says: "holds quantity 13", holds: "13", asks: 3, sends: 1},
		{name: "bad input, said to be a fault of the server", rules: patch(cwsim.Converting, 1), says: "converting value", holds: "12", asks: 2, sends: 1},
		{name: "in use", rules: patch(cwsim.InUse, 1), says: "409", holds: "12", asks: 2, sends: 1},
		{name: "no right to write", rules: patch(cwsim.Denied, 1), says: "Finance > Agreements: Inquire All, Edit All", holds: "12", asks: 2, sends: 1},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
			ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
			before := h.sim.World()
			h.sim.SetFaults(tt.faults)
			h.sim.Fail(tt.rules...)
			h.sim.Forget()
			got, err := h.apply(ch)
			asks, sends := len(h.sim.Requests()), len(h.sim.Writes())
			wantErr(t, err, tt.err, tt.says)
			if err == nil && (got.Object.Ref != "55/910" || got.Object.Fields.Text(fieldQuantity) != "14" || len(got.Notes) != 0) {
				t.Errorf("got %+v, want the line with 14", got)
			}
			if tt.asks != 0 && asks != tt.asks || sends != tt.sends {
				t.Errorf("got %d requests, %d of them writes (%s), want %d and %d", asks, sends, h.requestCounts(), tt.asks, tt.sends)
			}
			for _, w := range h.sim.Writes() {
				if want := `[{"op":"replace","path":"quantity","value":14}]`; w.Body != want || w.Path != "/finance/agreements/55/additions/910" {
					t.Errorf("got %s %s %s, want one bare operation on line 910", w.Method, w.Path, w.Body)
				}
			}
			h.wantUnchanged(before, func(w *cwsim.World) { w.Addition(910).Quantity = num(tt.holds) })
		})
	}
}

func TestALineThatMovedIsLeftAlone(t *testing.T) {
	line := func(f func(*cwsim.Addition)) func(*cwsim.World) {
		return func(w *cwsim.World) { f(w.Addition(910)) }
	}
	agreement := func(f func(*cwsim.Agreement)) func(*cwsim.World) {
		return func(w *cwsim.World) { f(w.Agreement(55)) }
	}
	for _, tt := range []struct {
		name string
		edit func(*cwsim.World)
		says string
	}{
		{"another quantity", line(func(a *cwsim.Addition) { a.Quantity = num("13") }), "quantity was 12 and is 13"},
		{"an end", line(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 12, 31) }), "last day was empty and is 2026-12-31"},
		{"an end in the past", line(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 1, 31) }), "it ended on 2026-01-31"},
		{"another first day", line(func(a *cwsim.Addition) { a.EffectiveDate = cwsim.Day(2027, 1, 1) }), "it begins only on 2027-01-01"},
		{"another product", line(func(a *cwsim.Addition) { a.ProductID = 755 }), "product was 752 and is 755"},
		{"not billed any more", line(func(a *cwsim.Addition) { a.BillCustomer = "DoNotBill" }), "billing was Billable and is DoNotBill"},
		{"no quantity", line(func(a *cwsim.Addition) { a.Nulls = []string{"quantity"} }), "quantity was 12 and is empty"},
		{"deleted", func(w *cwsim.World) { w.Additions = w.Additions[1:] }, "not there any more"},
		{"another price", line(func(a *cwsim.Addition) { a.UnitPrice = num("2200") }), "unit price was 22 and is 2200"},
		{"units that are free", line(func(a *cwsim.Addition) { a.LessIncluded = num("12") }), "included units was 2 and is 12"},
		{"a second line", func(w *cwsim.World) {
			other := *w.Additions[0]
			other.ID, other.Quantity = 977, num("4")
			w.Additions = append(w.Additions, &other)
		}, "line 55/977 bills the product too by now"},
		{"the agreement is cancelled", agreement(func(a *cwsim.Agreement) { a.Cancelled = true }), "agreement 55: it is cancelled"},
		{"the agreement ended", agreement(func(a *cwsim.Agreement) { a.EndDate, a.NoEndingDate = cwsim.Day(2026, 11, 1), false }), "agreement 55: it ended on 2026-11-01"},
		{"the agreement is in another currency", agreement(func(a *cwsim.Agreement) { a.Currency = "EUR" }), "the agreement's currency was"},
		{"the agreement bills by the year", agreement(func(a *cwsim.Agreement) { a.BillingCycleID = 3 }), "the agreement's billing cycle in months was 1 and is 12"},
		{"the agreement is another company's", agreement(func(a *cwsim.Agreement) { a.CompanyID = 251 }), "the agreement's company was 250 and is 251"},
		{"the next invoice date is gone", agreement(func(a *cwsim.Agreement) { a.NextInvoiceDate = "" }), "the next invoice date was 2026-12-01 and is empty"},
		{"the agreement is billed by another one", agreement(func(a *cwsim.Agreement) { a.ParentID = 56 }), "the agreement that invoices it was empty and is 56"},
		{"moved to another agreement", line(func(a *cwsim.Addition) { a.AgreementID = 56 }), "not there any more"},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
			ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
			h.sim.Edit("billing", tt.edit)
			before := h.sim.World()
			_, err := h.apply(ch)
			wantErr(t, err, target.ErrMoved, tt.says)
			h.wantUnchanged(before, nil)
			if n := len(h.sim.Writes()); n != 0 {
				t.Errorf("got %d writes, want none", n)
			}
		})
	}
}

func TestAnEditBetweenALostAnswerAndTheLook(t *testing.T) {
	inBubble(t, "is not overwritten", func(t *testing.T) {
		h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
		ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
		h.sim.Before(func(r *http.Request) cwsim.Fault {
			if r.Method != "PATCH" {
				return cwsim.Fault{}
			}
			h.sim.Edit("billing", func(w *cwsim.World) { w.Addition(910).Quantity = num("40") })
			return cwsim.Fault{Kind: cwsim.Dropped}
		})
		_, err := h.apply(ch)
		wantErr(t, err, target.ErrMoved, "holds quantity 40")
		if got := h.quantity(910); got != "40" {
			t.Errorf("got %s, want the person's 40", got)
		}
	})
}

func TestAPriceThatFollowsTheQuantityIsNoted(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 60, 0)), additionRecord("55/910", "12", "")))
	h.sim.SetFaults(cwsim.Faults{Reprice: true})
	got, err := h.apply(ch)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Notes) != 1 || got.Notes[0].Code != "price_changed" || !got.Notes[0].Note || !strings.Contains(got.Notes[0].Message, "from 22.00 to 20.00") {
		t.Errorf("got %+v, want a note with both prices", got.Notes)
	}
	if price := got.Object.Billing.UnitPrice; price.String() != "20" {
		t.Errorf("got unit price %s, want 20", price)
	}
}

func TestALicenceThatIsGone(t *testing.T) {
	for _, tt := range []struct {
		gone string
		body string
		want func(*cwsim.Addition)
	}{
		{GoneZero, `[{"op":"replace","path":"quantity","value":0}]`, func(a *cwsim.Addition) { a.Quantity = num("0") }},
		{GoneCancel, `[{"op":"replace","path":"cancelledDate","value":"2026-11-30T00:00:00Z"}]`, func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 11, 30) }},
	} {
		inBubble(t, tt.gone, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")), func(c *Config) { c.Gone = tt.gone })
			ch := onlyChange(t, h.plan(contoso, snapshot(), additionRecord("55/910", "12", "")))
			before := h.sim.World()
			got, err := h.apply(ch)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Object.Retired || got.Object.Key != ch.Key {
				t.Errorf("got %+v, want it retired", got.Object)
			}
			if w := h.sim.Writes(); len(w) != 1 || w[0].Body != tt.body {
				t.Errorf("got %+v, want %s", w, tt.body)
			}
			h.wantUnchanged(before, func(w *cwsim.World) { tt.want(w.Addition(910)) })
			if again := planText(h.plan(contoso, snapshot(), record(ch.Remembered(got.Object)))); !strings.HasSuffix(again, "1 in step") {
				t.Errorf("planned again: got %s, want it in step", again)
			}
		})
	}
}

func TestAnEndThatIsTakenBack(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")), func(c *Config) { c.Gone = GoneCancel })
	ch := onlyChange(t, h.plan(contoso, snapshot(), additionRecord("55/910", "12", "")))
	ended, err := h.apply(ch)
	if err != nil {
		t.Fatal(err)
	}
	// A revert asks for what was there before.
	back := plan.Change{Action: plan.Update, Key: ch.Key, Label: ch.Label, Ref: ch.Ref, Before: &ended.Object, After: ch.Before,
		Fields: []plan.FieldChange{{Name: fieldCancelled, Before: plan.Value{"2026-11-30"}, After: plan.Value{""}}}}
	got, err := h.apply(back)
	if err != nil || got.Object.Retired || !h.sim.World().Addition(910).CancelledDate.IsZero() {
		t.Errorf("got %+v and %v, want the line open again", got.Object, err)
	}
}

func TestPlanAppliedIsPlanEmpty(t *testing.T) {
	inBubble(t, "for an update, an adoption and a creation", func(t *testing.T) {
		r := rules(rule(skuBP, "M365-BP"), rule(skuE3, "E3"), rule(skuEX, "OLD"))
		h := newHarness(t, seed(), r, func(c *Config) { c.CreateAdditions = true })
		source := snapshot(licence(skuBP, 14, 0), licence(skuE3, 5, 0), licence(skuEX, 3, 0))
		var records []plan.Record
		for _, ch := range h.plan(contoso, source).Changes {
			now := ch.Before
			if ch.Writes() {
				got, err := h.apply(ch)
				if err != nil {
					t.Fatalf("%s: %v", ch.Action, err)
				}
				now = &got.Object
			}
			records = append(records, record(ch.Remembered(*now)))
		}
		if got, want := planText(h.plan(contoso, source, records...)), "3 in step"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestALineIsMadeOnce(t *testing.T) {
	post := func(kind cwsim.FaultKind) []cwsim.Rule {
		return []cwsim.Rule{{Method: "POST", Route: linesRoute, Times: 1, Fault: cwsim.Fault{Kind: kind}}}
	}
	for _, tt := range []struct {
		name  string
		edit  func(*cwsim.World)
		rules []cwsim.Rule
		err   error
		says  string
		lines int // of the product afterwards
		sends int
		asks  int
	}{
		{name: "all goes well", lines: 1, sends: 1, asks: 3},
		{name: "the answer is lost", rules: post(cwsim.DroppedCommitted), err: rest.ErrOutcomeUnknown, lines: 1, sends: 1},
		{name: "a 500 after it was made", rules: post(cwsim.TimeoutCommitted), err: rest.ErrOutcomeUnknown, lines: 1, sends: 1},
		{name: "the connection dropped before", rules: post(cwsim.Dropped), err: rest.ErrOutcomeUnknown, sends: 1},
		{name: "throttled is refused, and sent again", rules: post(cwsim.Throttled), lines: 1, sends: 2},
		{name: "an answer without a body", rules: post(cwsim.EmptyAnswer), lines: 1, sends: 1, asks: 4},
		{name: "a 201 that made nothing", rules: post(cwsim.Echoed), lines: 0, sends: 1},
		{name: "somebody made one meanwhile", edit: func(w *cwsim.World) {
			w.Additions = append(w.Additions, &cwsim.Addition{ID: 990, AgreementID: 55, ProductID: 755, Quantity: num("1"), BillCustomer: "Billable"})
		}, err: target.ErrMoved, says: "line 55/990", lines: 1},
		{name: "a future line is there meanwhile", edit: func(w *cwsim.World) {
			w.Additions = append(w.Additions, &cwsim.Addition{ID: 990, AgreementID: 55, ProductID: 755, Quantity: num("1"), BillCustomer: "Billable", EffectiveDate: cwsim.Day(2027, 1, 1)})
		}, err: target.ErrMoved, lines: 1},
		{name: "an ended line does not matter", edit: func(w *cwsim.World) {
			w.Additions = append(w.Additions, &cwsim.Addition{ID: 990, AgreementID: 55, ProductID: 755, Quantity: num("1"), BillCustomer: "Billable", CancelledDate: cwsim.Day(2026, 1, 31)})
		}, lines: 2, sends: 1},
		{name: "the product became inactive", edit: func(w *cwsim.World) { w.Product(755).Inactive = true }, err: target.ErrMoved, says: "inactive"},
		{name: "the product is gone", edit: func(w *cwsim.World) { w.Products = w.Products[:3] }, err: target.ErrMoved, says: "not in the catalogue"},
		{name: "no right to add", rules: post(cwsim.Denied), says: "Add All", sends: 1},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuE3, "E3")), func(c *Config) { c.CreateAdditions = true })
			ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuE3, 4, 4))))
			if tt.edit != nil {
				h.sim.Edit("billing", tt.edit)
			}
			h.sim.Fail(tt.rules...)
			h.sim.Forget()
			got, err := h.apply(ch)
			asks, sends := len(h.sim.Requests()), len(h.sim.Writes())
			if tt.name != "a 201 that made nothing" { // it cannot be told from a line until the next run
				wantErr(t, err, tt.err, tt.says)
			}
			if tt.asks != 0 && asks != tt.asks || sends != tt.sends {
				t.Errorf("got %d requests, %d of them writes (%s), want %d and %d", asks, sends, h.requestCounts(), tt.asks, tt.sends)
			}
			made := h.sim.World()
			n := 0
			for _, a := range made.AdditionsOf(55) {
				if a.ProductID == 755 {
					n++
				}
			}
			if n != tt.lines {
				t.Errorf("got %d lines of the product, want %d", n, tt.lines)
			}
			if tt.err == nil && tt.says == "" && tt.lines > 0 {
				w := h.sim.Writes()[0]
				if want := `{"product":{"id":755},"billCustomer":"Billable","quantity":4,"effectiveDate":"2026-11-21T00:00:00Z"}`; w.Body != want {
					t.Errorf("sent %s, want %s", w.Body, want)
				}
				if got.Object.Ref == "" || got.Object.Billing.UnitPrice.String() != "36.5" || !got.Object.Billing.Billable {
					t.Errorf("got %+v, want the line with its ref and price", got.Object)
				}
				if tt.lines == 1 {
					if again := planText(h.plan(contoso, snapshot(licence(skuE3, 4, 4)), record(got.Object))); again != "1 in step" {
						t.Errorf("planned again: got %s, want it in step", again)
					}
				}
			}
		})
	}
}

func TestALostCreationIsTakenOnByTheNextRun(t *testing.T) {
	inBubble(t, "and not made again", func(t *testing.T) {
		h := newHarness(t, seed(), rules(rule(skuE3, "E3")), func(c *Config) { c.CreateAdditions = true })
		ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuE3, 4, 4))))
		h.sim.Fail(cwsim.Rule{Method: "POST", Route: linesRoute, Times: 1, Fault: cwsim.Fault{Kind: cwsim.DroppedCommitted}})
		if _, err := h.apply(ch); !errors.Is(err, rest.ErrOutcomeUnknown) {
			t.Fatalf("got %v, want %v", err, rest.ErrOutcomeUnknown)
		}
		announced := plan.Record{Object: *ch.After, Pending: ch.After, At: time.Now()}
		next := h.plan(contoso, snapshot(licence(skuE3, 4, 4)), announced)
		if !next.Empty() || len(next.Learned) != 1 || next.Learned[0].Ref == "" {
			t.Errorf("got %s and %+v to remember, want the line remembered and nothing done", planText(next), next.Learned)
		}
	})
}

func TestNothingElseCanBeAsked(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	for _, r := range []request{
		{method: "POST", at: "/finance/agreements/{id}/invoice", ids: []int{55}},
		{method: "DELETE", at: epAddition, ids: []int{55, 910}},
		{method: "PUT", at: epAddition, ids: []int{55, 910}},
		{method: "POST", at: epAgreements},
		{method: "PATCH", at: "/finance/agreements/{id}", ids: []int{55}},
		{method: "POST", at: epCompanies},
		{method: "POST", at: "/system/callbacks"},
	} {
		if _, err := h.client.do(t.Context(), r); !errors.Is(err, rest.ErrForbidden) {
			t.Errorf("%s %s: got %v, want %v", r.method, r.at, err, rest.ErrForbidden)
		}
	}
	if n := len(h.sim.Requests()); n != 0 {
		t.Errorf("got %d requests, want none", n)
	}
}
