package connectwise

import (
	"testing"

	cwsim "syncd/internal/simulator/connectwise"
)

func TestAPlanSaysWhichDaysAChangeIsBilledFor(t *testing.T) {
	const december = "billed from 1 to 31 December 2026, invoice not made"
	agreement := func(f func(a *cwsim.Agreement)) func(*cwsim.World) {
		return func(w *cwsim.World) { f(w.Agreements[0]) }
	}
	child := func(w *cwsim.World) {
		w.Agreements[0].ParentID, w.Agreements[0].NextInvoiceDate = 60, "2024-03-01T00:00:00Z"
		w.Agreements = append(w.Agreements, &cwsim.Agreement{ID: 60, Name: "Frame", TypeID: 4, CompanyID: 250, StartDate: cwsim.Day(2024, 1, 1), NoEndingDate: true,
			BillingCycleID: 2, NextInvoiceDate: "2026-12-01T00:00:00Z"})
	}
	for _, tt := range []struct {
		name  string
		edit  func(*cwsim.World)
		agree string // that the link names
		want  string
		held  string
	}{
		{name: "the next invoice is to come", edit: func(*cwsim.World) {}, want: december},
		{name: "two periods are not invoiced", edit: agreement(func(a *cwsim.Agreement) { a.NextInvoiceDate = "2026-10-01" }),
			want: "billed from 1 October to 30 November 2026: 2 periods, whose invoices are not made", held: "periods_outstanding"},
		{name: "no date", edit: agreement(func(a *cwsim.Agreement) { a.NextInvoiceDate = "" }), want: "from which invoice on it counts is not known"},
		{name: "a date that is none", edit: agreement(func(a *cwsim.Agreement) { a.NextInvoiceDate = "soon" }), want: "from which invoice on it counts is not known"},
		{name: "a period type", edit: agreement(func(a *cwsim.Agreement) { a.PeriodType = "Future" }),
			want: december + "; whether it bills in advance or in arrears (periodType Future) is not documented"},
		{name: "prorated", edit: agreement(func(a *cwsim.Agreement) { a.Prorate = true }),
			want: december + "; whether ConnectWise prorates a changed quantity (prorateFlag) is not documented"},
		{name: "prorated lines at once", edit: agreement(func(a *cwsim.Agreement) { a.Prorate, a.InvoiceProratedAddition = true, true }),
			want: december + "; whether a prorated line is billed at once (invoiceProratedAdditionsFlag) is not documented; whether ConnectWise prorates a changed quantity (prorateFlag) is not documented"},
		{name: "a child that its link names: the parent is read too", edit: child, agree: "55", want: "billed from 1 to 31 December 2026, invoice not made"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := seed()
			tt.edit(&w)
			h := newHarness(t, w, rules(rule(skuBP, "M365-BP")))
			ch := onlyChange(t, h.plan(customer(tenant, "250", tt.agree), snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
			if ch.Effect == nil || ch.Effect.Text != tt.want || ch.Held != tt.held {
				t.Errorf("got %+v, held %q\nwant %s, held %q", ch.Effect, ch.Held, tt.want, tt.held)
			}
		})
	}
}

func TestAChildIsBilledByItsParentsDate(t *testing.T) {
	parent, child := agreement{ID: 60}, agreement{ID: 55, Parent: &reference{ID: 60}}
	parent.NextInvoice.day, child.NextInvoice.day = 20261201, 20240301
	both := []agreement{child, parent}
	resolveParents(both, nil)
	alone := []agreement{child}
	resolveParents(alone, nil)
	if both[0].next != 20261201 || both[1].next != 20261201 || alone[0].next != 0 {
		t.Errorf("got %d and %d with the parent, %d without; want the parent's day, and none", both[0].next, both[1].next, alone[0].next)
	}
}
