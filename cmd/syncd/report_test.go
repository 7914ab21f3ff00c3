package main

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/money"
	"syncd/internal/report"
	"syncd/internal/simulator/msp"
	"syncd/internal/sync"
)

// Every licence of every linked customer of the make-believe MSP has a line, those
// of customers that are held as a whole among them, and the lines come to what the
// two systems really hold.
func TestTheReconciliationLeavesNothingOut(t *testing.T) {
	m := msp.New(time.Now)
	d := practising(t, m)
	w := d.app
	rules, err := w.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := report.NewLicences(rules, money.Policy{Grace: money.GraceBill, Now: time.Now()}, "USD")
	sel := d.selection(billing)
	sel.Unmapped, sel.Inspect = true, r.Add
	run, err := w.Engine.Run(t.Context(), sel, sync.PlanOnly)
	if err != nil {
		t.Fatal(err)
	}
	r.Finish()
	lines := map[string]string{} // customer and SKU
	for _, l := range r.Lines {
		for _, sku := range l.SKUs {
			lines[l.CustomerKey+" "+sku] = string(l.Status)
		}
	}
	unproven, blocked := map[string]bool{}, 0
	for _, s := range run.Scopes {
		unproven[s.Customer.Key] = s.Outcome == sync.Incomplete || s.Ignored
		if s.Outcome == sync.Held && s.Digest == "" {
			blocked++
		}
	}
	if blocked == 0 {
		t.Error("no customer is held as a whole: the test shows nothing")
	}
	for _, tenant := range m.CIPP.World().Tenants {
		key := strings.ToLower(tenant.CustomerID)
		if is, known := unproven[key]; is || !known {
			continue
		}
		for _, k := range tenant.SKUs {
			if there := k.Enabled+k.Warning+k.Suspended+k.Consumed > 0; there && lines[key+" "+strings.ToLower(k.SkuID)] == "" {
				t.Errorf("%s: no line of %s", tenant.DisplayName, k.PartNumber)
			}
		}
	}
	// What the lines say is billed is what the agreements hold of those products.
	held := m.ConnectWise.World()
	want, got := map[string]decimal.Decimal{}, map[string]decimal.Decimal{}
	byCompany := map[int]string{}
	for _, l := range m.Links() {
		byCompany[l.Company] = strings.ToLower(l.TenantID)
	}
	for _, l := range r.Lines {
		if l.Billed != nil && l.Product != "" {
			at := l.CustomerKey + " " + l.Product
			got[at] = got[at].Add(*l.Billed)
		}
	}
	now := time.Now()
	for _, a := range held.Additions {
		agreement := held.Agreement(a.AgreementID)
		at := byCompany[agreement.CompanyID] + " " + held.Product(a.ProductID).Identifier
		_, reported := got[at]
		ended := !a.CancelledDate.IsZero() && a.CancelledDate.Before(now.Truncate(24*time.Hour))
		if reported && a.BillCustomer == "Billable" && !ended && !a.EffectiveDate.After(now) && !agreement.Cancelled && (agreement.NoEndingDate || agreement.EndDate.IsZero() || agreement.EndDate.After(now)) {
			want[at] = want[at].Add(a.Quantity)
		}
	}
	for at, n := range got {
		if !n.Equal(want[at]) {
			t.Errorf("%s: the report says that %s are billed, ConnectWise bills %s", at, n, want[at])
		}
	}
}
