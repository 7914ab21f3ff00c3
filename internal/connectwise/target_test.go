package connectwise

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

func record(o plan.Object) plan.Record { return plan.Record{Object: o, Origin: plan.Adopted} }

// additionRecord is the record of an addition with what we wrote last.
func additionRecord(ref, quantity, cancelled string) plan.Record {
	return record(plan.Object{Key: plan.Key{Kind: kindAddition, ID: skuBP}, Ref: ref, Retired: quantity == "0" || cancelled != "",
		Fields: plan.Set(fieldQuantity, quantity, fieldCancelled, cancelled)})
}

// endedByUs is a record of a line whose last day syncd set.
func endedByUs(r plan.Record) plan.Record {
	rememberEnd(&r.Object)
	return r
}

// pendingEnd is a record of a line whose last day was sent and never answered.
func pendingEnd(r plan.Record) plan.Record {
	pending := r.Object
	pending.Retired, pending.Fields = true, plan.Set(fieldCancelled, "2026-11-30")
	rememberEnd(&pending)
	r.Pending = &pending
	return r
}

func TestPlansOfOneCustomer(t *testing.T) {
	bp := rules(rule(skuBP, "M365-BP"))
	add := func(a cwsim.Addition) func(*cwsim.World) {
		return func(w *cwsim.World) { w.Additions = append(w.Additions, &a) }
	}
	change := func(f func(*cwsim.Addition)) func(*cwsim.World) {
		return func(w *cwsim.World) { f(w.Addition(910)) }
	}
	for _, tt := range []struct {
		name    string
		world   []func(*cwsim.World)
		config  func(*Config)
		rules   mapping.Rules
		source  *directory.Snapshot
		records []plan.Record
		want    string
	}{
		{"the first look takes the line on", nil, nil, bp, snapshot(licence(skuBP, 12, 10)), nil, "= 55/910 0.00"},
		{"and writes where the number differs", nil, nil, bp, snapshot(licence(skuBP, 14, 10)), nil, "= 55/910 quantity 12>14 44.00"},
		{"in step", nil, nil, bp, snapshot(licence(skuBP, 12, 10)), []plan.Record{additionRecord("55/910", "12", "")}, "1 in step"},
		{"two more licences", nil, nil, bp, snapshot(licence(skuBP, 14, 10)), []plan.Record{additionRecord("55/910", "12", "")}, "~ 55/910 quantity 12>14 44.00"},
		{"a person changed the number", nil, nil, bp, snapshot(licence(skuBP, 14, 10)), []plan.Record{additionRecord("55/910", "14", "")}, "~ 55/910 quantity 12>14 44.00; hold changed_at_target"},
		{"the licence is gone", nil, nil, bp, snapshot(), []plan.Record{additionRecord("55/910", "12", "")}, "- 55/910 quantity 12>0 -220.00"},
		{"the licence is gone and stays gone", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.Quantity = decimal.Zero })}, nil, bp, snapshot(), []plan.Record{additionRecord("55/910", "0", "")}, "1 in step"},
		{"the licence is gone, cancelled at the end of the period", nil, func(c *Config) { c.Gone = GoneCancel }, bp, snapshot(), []plan.Record{additionRecord("55/910", "12", "")}, "- 55/910 cancelled >2026-11-30 -220.00"},
		{"cancelled, and stays so", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 11, 30) })}, func(c *Config) { c.Gone = GoneCancel }, bp,
			snapshot(), []plan.Record{additionRecord("55/910", "12", "2026-11-30")}, "note ending_line; 1 in step"},
		{"cancelled by us, and the licence is back", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 11, 30) })}, func(c *Config) { c.Gone = GoneCancel }, bp,
			snapshot(licence(skuBP, 13, 0)), []plan.Record{endedByUs(additionRecord("55/910", "12", "2026-11-30"))}, "~ 55/910 cancelled 2026-11-30> quantity 12>13 242.00"},
		{"cancelled by us, and the licence is back as it was", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 11, 30) })}, func(c *Config) { c.Gone = GoneCancel }, bp,
			snapshot(licence(skuBP, 12, 0)), []plan.Record{endedByUs(additionRecord("55/910", "12", "2026-11-30"))}, "~ 55/910 cancelled 2026-11-30> 220.00"},
		{"cancelled by us while the answer was lost, and the licence is back", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 11, 30) })}, func(c *Config) { c.Gone = GoneCancel }, bp,
			snapshot(licence(skuBP, 12, 0)), []plan.Record{pendingEnd(additionRecord("55/910", "12", ""))}, "~ 55/910 cancelled 2026-11-30> 220.00"},
		{"cancelled by us, and the licence is back after the next invoice", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 11, 30) }),
			func(w *cwsim.World) { w.Agreement(55).NextInvoiceDate = "2027-01-01T00:00:00Z" }}, func(c *Config) { c.Gone = GoneCancel }, bp,
			snapshot(licence(skuBP, 12, 0)), []plan.Record{endedByUs(additionRecord("55/910", "12", "2026-11-30"))}, "~ 55/910 cancelled 2026-11-30> 220.00"},
		{"cancelled on that day by a person, and the licence is there", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 11, 30) })}, func(c *Config) { c.Gone = GoneCancel }, bp,
			snapshot(licence(skuBP, 13, 0)), []plan.Record{additionRecord("55/910", "12", "")}, "~ 55/910 quantity 12>13 22.00; note ending_line"},
		{"cancelled by us, on another day by a person, and the licence is back", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 12, 15) })}, func(c *Config) { c.Gone = GoneCancel }, bp,
			snapshot(licence(skuBP, 13, 0)), []plan.Record{endedByUs(additionRecord("55/910", "12", "2026-11-30"))}, "~ 55/910 quantity 12>13 22.00; note ending_line"},
		{"no units and no minimum is gone", nil, nil, bp, snapshot(licence(skuBP, 0, 0)), []plan.Record{additionRecord("55/910", "12", "")}, "- 55/910 quantity 12>0 -220.00"},
		{"a line that was never ours is left alone", nil, nil, bp, snapshot(), nil, "note over_billed"},
		{"lines of products without a rule are not even counted", nil, nil, rules(rule(skuE3, "E3")), snapshot(), nil, "nothing"},
		{"a minimum", nil, nil, rules(rule(skuBP, "M365-BP", func(r *mapping.Rule) { n := 20; r.Minimum = &n })), snapshot(licence(skuBP, 3, 1)), nil, "= 55/910 quantity 12>20 176.00"},
		{"assigned instead of purchased", nil, nil, rules(rule(skuBP, "M365-BP", func(r *mapping.Rule) { r.Count = mapping.Assigned })), snapshot(licence(skuBP, 30, 11)), nil, "= 55/910 quantity 12>11 -22.00"},
		{"several SKUs add up", nil, nil, rules(rule(skuBP, "M365-BP"), rule(skuEX, "M365-BP", func(r *mapping.Rule) { r.Count = mapping.Assigned })),
			snapshot(licence(skuBP, 10, 1), licence(skuEX, 9, 5)), nil, "= 55/910 quantity 12>15 66.00"},
		{"a missing line is reported", nil, nil, rules(rule(skuE3, "E3")), snapshot(licence(skuE3, 4, 4)), nil, "note unbilled"},
		{"a missing line is made", nil, func(c *Config) { c.CreateAdditions = true }, rules(rule(skuE3, "E3")), snapshot(licence(skuE3, 4, 4)), nil, "+  quantity >4 146.00"},
		{"by the id of the product", nil, nil, rules(rule(skuBP, "752")), snapshot(licence(skuBP, 13, 0)), nil, "= 55/910 quantity 12>13 22.00"},
		{"an inactive product goes on", nil, nil, rules(rule(skuEX, "OLD")), snapshot(licence(skuEX, 4, 0)), nil, "= 55/911 quantity 3>4 5.00"},
		{"an inactive product is not made", []func(*cwsim.World){func(w *cwsim.World) { w.Addition(911).CancelledDate = cwsim.Day(2026, 1, 31) }}, func(c *Config) { c.CreateAdditions = true },
			rules(rule(skuEX, "OLD")), snapshot(licence(skuEX, 4, 0)), nil, "note product_inactive"},
		{"an unknown product holds where it is wanted", nil, nil, rules(rule(skuBP, "M365-XX")), snapshot(licence(skuBP, 4, 0)), nil, "hold product_unknown"},
		{"and is only noted where it is not", nil, nil, rules(rule(skuBP, "M365-XX")), snapshot(), []plan.Record{additionRecord("55/910", "12", "")}, "note product_unknown"},
		{"a bundle", nil, nil, rules(rule(skuBP, "SEAT")), snapshot(licence(skuBP, 4, 0)), nil, "hold product_is_bundle"},
		{"one product under two names", nil, nil, rules(rule(skuBP, "M365-BP"), rule(skuE3, "752")), snapshot(licence(skuBP, 4, 0)), nil, "hold product_ambiguous; note product_ambiguous"},
		{"two lines", []func(*cwsim.World){add(cwsim.Addition{ID: 950, AgreementID: 55, ProductID: 752, Quantity: num("1"), BillCustomer: "Billable"})}, nil, bp,
			snapshot(licence(skuBP, 14, 0)), []plan.Record{additionRecord("55/910", "12", "")}, "hold duplicate_lines"},
		{"a line that is not billed", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.BillCustomer = "DoNotBill" })}, func(c *Config) { c.CreateAdditions = true }, bp, snapshot(licence(skuBP, 14, 0)), nil, "note do_not_bill"},
		{"a line that a person ended for later, with its licence", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 12, 31) })}, nil, bp,
			snapshot(licence(skuBP, 14, 0)), []plan.Record{additionRecord("55/910", "12", "")}, "~ 55/910 quantity 12>14 44.00; note ending_line"},
		{"a line that a person ended for later, without its licence", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 12, 31) })}, nil, bp,
			snapshot(), []plan.Record{additionRecord("55/910", "12", "")}, "note ending_line; note ending_line"},
		{"a line that a person ended", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 11, 20) })}, nil, bp,
			snapshot(licence(skuBP, 14, 0)), []plan.Record{additionRecord("55/910", "12", "")}, ". 55/910 0.00; hold removed_at_target"},
		{"an absent quantity is not zero", []func(*cwsim.World){change(func(a *cwsim.Addition) { a.Nulls = []string{"quantity"} })}, nil, bp, snapshot(licence(skuBP, 14, 0)), nil, "hold bad_quantity"},
		{"a yearly agreement", []func(*cwsim.World){func(w *cwsim.World) { w.Agreement(55).BillingCycleID = 3 }}, nil, bp, snapshot(licence(skuBP, 18, 0)), nil, "= 55/910 quantity 12>18 11.00"},
		{"an agreement that shows that it has no billing cycle", []func(*cwsim.World){func(w *cwsim.World) {
			w.Agreement(55).BillingCycleID, w.Agreement(55).Other = 0, map[string]any{"billingCycle": map[string]any{}}
		}}, nil, bp,
			snapshot(licence(skuBP, 18, 0)), []plan.Record{additionRecord("55/910", "12", "")}, "~ 55/910 quantity 12>18 unpriced"},
		{"an agreement that shows nothing of its billing cycle", []func(*cwsim.World){func(w *cwsim.World) { w.Agreement(55).BillingCycleID = 0 }}, nil, bp,
			snapshot(licence(skuBP, 18, 0)), []plan.Record{additionRecord("55/910", "12", "")}, "~ 55/910 quantity 12>18 132.00"},
		{"below what is included nothing is paid", nil, nil, bp, snapshot(licence(skuBP, 1, 0)), nil, "= 55/910 quantity 12>1 -220.00"},
		{"a partial list lacks a licence that is billed", nil, nil, bp, partial(), []plan.Record{additionRecord("55/910", "12", "")}, "hold not_proven"},
		{"a partial list lacks a licence that never was", nil, nil, rules(rule(skuE3, "E3")), partial(), nil, "nothing"},
		{"a partial list holds it", nil, nil, bp, partial(licence(skuBP, 14, 0)), []plan.Record{additionRecord("55/910", "12", "")}, "~ 55/910 quantity 12>14 44.00"},
		{"a partial list holds one of two that add up", nil, nil, rules(rule(skuBP, "M365-BP"), rule(skuEX, "M365-BP")), partial(licence(skuBP, 14, 0)), nil, "hold not_proven"},
		{"the source contradicts itself", nil, nil, bp, snapshot(directory.Licence{SKU: skuBP, Purchased: 14, Disputed: "the subscriptions sum up to 12"}), nil, "hold source_disagrees"},
		{"a trial is not billed, though it is assigned", nil, nil, rules(rule(skuBP, "M365-BP", func(r *mapping.Rule) { r.Count = mapping.Assigned })),
			snapshot(sold(7, sub("Enabled", 12, 90), func(s *directory.Subscription) { s.Trial = true })), []plan.Record{additionRecord("55/910", "12", "")}, "- 55/910 quantity 12>0 -220.00; note trial"},
		{"a trial beside what is paid changes nothing", nil, nil, rules(rule(skuBP, "M365-BP", func(r *mapping.Rule) { r.Count = mapping.Assigned })),
			snapshot(directory.Licence{SKU: skuBP, Assigned: 19, Subscriptions: []directory.Subscription{sub("Enabled", 12, 90), {ID: "t", Status: "Enabled", Total: 25, Trial: true}}}),
			[]plan.Record{additionRecord("55/910", "12", "")}, "note trial; 1 in step"},
		{"a minimum needs somebody who pays", nil, nil, rules(rule(skuBP, "M365-BP", func(r *mapping.Rule) { n := 20; r.Minimum = &n })),
			snapshot(sold(7, sub("LockedOut", 12, 0))), []plan.Record{additionRecord("55/910", "12", "")}, "- 55/910 quantity 12>0 -220.00; note gone"},
		{"in grace", nil, nil, bp, snapshot(sold(7, sub("Warning", 12, 20))), []plan.Record{additionRecord("55/910", "12", "")}, "note in_grace; 1 in step"},
		{"in grace, free", nil, func(c *Config) { c.Grace = money.GraceFree }, bp, snapshot(sold(7, sub("Warning", 12, 20))), []plan.Record{additionRecord("55/910", "12", "")}, "- 55/910 quantity 12>0 -220.00; note in_grace"},
		{"suspended, and billed on", nil, nil, bp, snapshot(sold(7, sub("Suspended", 12, 336))), []plan.Record{additionRecord("55/910", "12", "")}, "note suspended_billed; 1 in step"},
		{"suspended, and nobody knows", nil, nil, bp, snapshot(sold(7, sub("Suspended", 12, 60))), []plan.Record{additionRecord("55/910", "12", "")}, "hold suspension_unclear"},
		{"suspended, nobody knows, and nobody bills it", nil, nil, rules(rule(skuE3, "E3")), snapshot(directory.Licence{SKU: skuE3, Subscriptions: []directory.Subscription{sub("Suspended", 12, 60)}}), nil, "note suspension_unclear"},
		{"suspended, and lapsed", nil, nil, bp, snapshot(sold(7, sub("Suspended", 12, 60), func(s *directory.Subscription) { s.Before.Lapsed = true })), []plan.Record{additionRecord("55/910", "12", "")}, "- 55/910 quantity 12>0 -220.00; note lapsed"},
		{"a row that makes no sense", nil, nil, bp, snapshot(directory.Licence{SKU: skuBP, Unread: "consumedUnits is negative (-1)"}), []plan.Record{additionRecord("55/910", "12", "")}, "hold not_proven"},
		{"a row that makes no sense, of a licence that nobody bills", nil, nil, bp, snapshot(licence(skuBP, 12, 7), directory.Licence{SKU: skuE3, Unread: "consumedUnits is negative (-1)"}),
			[]plan.Record{additionRecord("55/910", "12", "")}, "note not_proven; 1 in step"},
		{"which does not matter for what is assigned", nil, nil, rules(rule(skuBP, "M365-BP", func(r *mapping.Rule) { r.Count = mapping.Assigned })),
			snapshot(directory.Licence{SKU: skuBP, Purchased: 14, Assigned: 13, Disputed: "12"}), nil, "= 55/910 quantity 12>13 22.00"},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			h := newHarness(t, seed(), tt.rules, func(c *Config) {
				if tt.config != nil {
					tt.config(c)
				}
			})
			for _, edit := range tt.world {
				h.sim.Update(edit)
			}
			before := h.sim.World()
			for i := range tt.records { // the key is that of the rules
				tt.records[i].Key = h.target.of("").products[0].key
			}
			if got := planText(h.plan(contoso, tt.source, tt.records...)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			h.wantUnchanged(before, nil)
		})
	}
}

// sub is a subscription that moves on in so many days.
func sub(status string, units, days int) directory.Subscription {
	return directory.Subscription{ID: "s", Status: status, Total: units, Renews: noon.AddDate(0, 0, days)}
}

// sold is a licence with one subscription.
func sold(assigned int, s directory.Subscription, edits ...func(*directory.Subscription)) directory.Licence {
	for _, edit := range edits {
		edit(&s)
	}
	return directory.Licence{SKU: skuBP, Assigned: assigned, Subscriptions: []directory.Subscription{s}}
}

func partial(licences ...directory.Licence) *directory.Snapshot {
	return &directory.Snapshot{Licences: directory.Proven(licences, directory.Proof{Source: "test", Partial: true})}
}

func TestAnUnknownListIsNoEmptyOne(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	s := &directory.Snapshot{Licences: directory.Unknown[directory.Licence](directory.Proof{}, errors.New("loading"))}
	if got := h.observeWith(s, contoso); !errors.Is(got.Err, directory.ErrIncomplete) {
		t.Errorf("got %v, want %v", got.Err, directory.ErrIncomplete)
	}
}

func TestKeysComeFromTheRulesAlone(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rules mapping.Rules
		want  string
	}{
		{"one SKU, one product", rules(rule(skuBP, "A")), skuBP},
		{"capitals in the SKU do not matter", rules(rule(strings.ToUpper(skuBP), "A")), skuBP},
		{"several SKUs, one product", rules(rule(skuE3, "A"), rule(skuBP, "A")), skuBP + "+" + skuE3},
		{"one SKU, two products", rules(rule(skuBP, "A"), rule(skuBP, "B")), skuBP + "@A " + skuBP + "@B"},
		{"the same set, two products", rules(rule(skuBP, "A"), rule(skuE3, "A"), rule(skuE3, "B"), rule(skuBP, "B")), skuBP + "+" + skuE3 + "@A " + skuBP + "+" + skuE3 + "@B"},
		{"sets that only overlap", rules(rule(skuBP, "A"), rule(skuE3, "A"), rule(skuBP, "B")), skuBP + " " + skuBP + "+" + skuE3},
		{"what is ignored or undecided feeds nothing", rules(rule(skuBP, "A"), rule(skuE3, "A", func(r *mapping.Rule) { r.Status = mapping.Ignore }), rule(skuEX, "B", func(r *mapping.Rule) { r.Status = "" })), skuBP},
	} {
		var ids []string
		for _, p := range billedProducts(&tt.rules) {
			ids = append(ids, p.key.ID)
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestWhatALineLooksLike(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "m365-bp")))
	seen := h.observeWith(snapshot(licence(skuBP, 3, 0)), contoso)
	if len(seen.Objects) != 1 {
		t.Fatalf("got %+v, want one line", seen)
	}
	o := seen.Objects[0]
	got := fmt.Sprintf("%s %q %s [%s] retired=%t", o.Key, o.Label, o.Ref, o.Fields, o.Retired)
	if want := `addition ` + skuBP + ` "Microsoft 365 Business Premium" 55/910 [cancelled , quantity 12] retired=false`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for name, want := range map[string]string{
		"product": "M365-BP", "product_id": "752", "agreement": "55", "agreement_name": "Managed", "company": "Contoso Ltd", "unit_price": "22",
		"less_included": "2", "bill": "Billable", "effective": "2025-01-01", "cycle_months": "1", "next_invoice": "2026-12-01", "updated_by": "setup", "updated_at": "2026-11-21T12:00:00Z",
	} {
		if shown := o.Shown()[name]; shown != want {
			t.Errorf("%s: got %q, want %q", name, shown, want)
		}
	}
	w := seen.Desired.Objects[0]
	if w.Key != o.Key || w.Fields.String() != "quantity 3" || w.Billing.UnitPrice.String() != "22" || money.MonthlyAmount(&w).StringFixed(2) != "66.00" {
		t.Errorf("got %+v, want the same key, the quantity alone, and what a missing line would cost", w)
	}
}

func TestHowNumbersAndNullsAreWrittenDoesNotMatter(t *testing.T) {
	for name, faults := range map[string]cwsim.Faults{
		"as doubles": {}, "plain": {Numbers: cwsim.Plain}, "with cents": {Numbers: cwsim.Cents}, "with nulls": {Nulls: true},
		"with members nobody knows": {ExtraMembers: true}, "bundles in another order": {BundleReversed: true}, "bundles under data": {BundleData: true},
		"with a status of the line's own": {AdditionOwnStatus: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
			h.sim.SetFaults(faults)
			if got, want := planText(h.plan(contoso, snapshot(licence(skuBP, 12, 0)), additionRecord("55/910", "12", ""))), "1 in step"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestCustomersThatCannotBePlanned(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    mapping.Customer
		edit func(*cwsim.World)
		code string
	}{
		{"the company is in the recycle bin", contoso, func(w *cwsim.World) { w.Company(250).Deleted = true }, "company_gone"},
		{"the company is not there", customer(tenant, "99", ""), nil, "company_gone"},
		{"two agreements", contoso, func(w *cwsim.World) { a := *w.Agreement(55); a.ID = 70; w.Agreements = append(w.Agreements, &a) }, "agreement_ambiguous"},
		{"no agreement", customer(tenant, "253", ""), nil, "agreement_missing"},
		{"a named one of another company", customer(tenant, "250", "56"), nil, "agreement_foreign"},
		{"a named one that ended", customer(tenant, "250", "57"), nil, "agreement_unusable"},
		{"a named one that is not there", customer(tenant, "250", "99"), nil, "agreement_missing"},
		{"a cycle whose name says nothing", contoso, func(w *cwsim.World) { w.Agreement(55).BillingCycleID = 4 }, "agreement_missing"},
		{"a link that is no number", customer(tenant, "Contoso", ""), nil, "link_bad"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
			if tt.edit != nil {
				h.sim.Update(tt.edit)
			}
			wantBlocked(t, h.observe(tt.c).Err, tt.code)
		})
	}
}

func TestTwoTenantsDoNotShareAnAgreement(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	got, err := h.observeAndCompare(snapshot(), target.Asked{Customer: contoso}, target.Asked{Customer: customer(other, "250", "55")})
	if err != nil || got[0].Err != nil {
		t.Fatalf("got %v and %v, want the first tenant observed", err, got[0].Err)
	}
	wantBlocked(t, got[1].Err, "agreement_shared", "already filled from Contoso")
	if again := h.observe(contoso); again.Err != nil {
		t.Errorf("got %v, want the first tenant observed again", again.Err)
	}
}

func TestAPersonsWordOnTwoLines(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	h.sim.Update(func(w *cwsim.World) {
		w.Additions = append(w.Additions, &cwsim.Addition{ID: 950, AgreementID: 55, ProductID: 752, Quantity: num("1"), BillCustomer: "Billable"})
	})
	key := plan.Key{Kind: kindAddition, ID: skuBP}
	seen := h.observe(contoso, plan.Settlement{Key: key, How: plan.SettleAccept, Ref: "55/950"})
	if len(seen.Objects) != 1 || seen.Objects[0].Ref != "55/950" || len(seen.Conflicts) != 0 || len(seen.Notes) != 1 {
		t.Errorf("got %+v, want line 55/950 and a note on the other", seen)
	}
	former := plan.Key{Kind: kindAddition, ID: skuBP + "+" + skuE3} // before the rules changed
	if seen = h.observe(contoso, plan.Settlement{Key: former, How: plan.SettleAccept, Ref: "55/950"}); len(seen.Objects) != 1 || seen.Objects[0].Ref != "55/950" {
		t.Errorf("got %+v, want line 55/950 under its new key too", seen)
	}
}

func TestSettingsNameWhatDecides(t *testing.T) {
	digest := func(r mapping.Rules, edits ...func(*Config)) string {
		return newHarness(t, seed(), r, edits...).target.Spec().Settings
	}
	base := digest(rules(rule(skuBP, "A"), rule(skuE3, "B")))
	for name, same := range map[string]string{
		"rules in another order": digest(rules(rule(skuE3, "B"), rule(skuBP, "A"))),
		"another name":           digest(rules(rule(skuBP, "A", func(r *mapping.Rule) { r.Name = "x" }), rule(skuE3, "B"))),
	} {
		if same != base {
			t.Errorf("%s: got %s, want %s", name, same, base)
		}
	}
	for name, differs := range map[string]string{
		"another count":     digest(rules(rule(skuBP, "A", func(r *mapping.Rule) { r.Count = mapping.Assigned }), rule(skuE3, "B"))),
		"gone":              digest(rules(rule(skuBP, "A"), rule(skuE3, "B")), func(c *Config) { c.Gone = GoneCancel }),
		"create additions":  digest(rules(rule(skuBP, "A"), rule(skuE3, "B")), func(c *Config) { c.CreateAdditions = true }),
		"agreement types":   digest(rules(rule(skuBP, "A"), rule(skuE3, "B")), func(c *Config) { c.AgreementTypes = []string{"x"} }),
		"one rule the less": digest(rules(rule(skuBP, "A"))),
	} {
		if differs == base {
			t.Errorf("%s: got the same digest", name)
		}
	}
}
