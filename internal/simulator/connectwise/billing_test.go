package cwsim

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

// billed is a server with one agreement of which three months are not invoiced.
func billed(t *testing.T, b Billing) *Server {
	t.Helper()
	w := World{
		Companies:     []*Company{{ID: 250, Identifier: "Contoso", Name: "Contoso Ltd"}},
		BillingCycles: []*BillingCycle{{ID: 2, Identifier: "M", Name: "Monthly", Option: "Monthly"}},
		Agreements: []*Agreement{{ID: 55, Name: "Managed", CompanyID: 250, StartDate: Day(2024, 1, 1), NoEndingDate: true, BillingCycleID: 2, Prorate: true,
			NextInvoiceDate: "2026-09-01T00:00:00Z"}},
		Products: []*Product{{ID: 752, Identifier: "M365-BP", Description: "Business Premium", Price: decimal.NewFromInt(22)}},
		Additions: []*Addition{{ID: 910, AgreementID: 55, ProductID: 752, Quantity: decimal.NewFromInt(12), UnitPrice: decimal.NewFromInt(22), BillCustomer: "Billable",
			EffectiveDate: Day(2025, 1, 1)}},
	}
	s := New(w, Options{Now: func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }})
	s.SetFaults(Faults{Billing: b})
	return s
}

func wantNext(t *testing.T, s *Server, want string) {
	t.Helper()
	if got := s.World().Agreement(55).NextInvoiceDate; got != want+"T00:00:00Z" {
		t.Errorf("got next invoice date %s, want %s", got, want)
	}
}

func TestSeveralOutstandingPeriods(t *testing.T) {
	for _, tt := range []struct {
		one      bool
		invoices int
	}{{false, 3}, {true, 1}} {
		s := billed(t, Billing{OneForAll: tt.one})
		made := s.InvoiceThru(55, Day(2026, 11, 30), "billing")
		total := decimal.Zero
		for _, i := range made {
			total = total.Add(i.Total)
		}
		if len(made) != tt.invoices || len(s.World().Invoices) != tt.invoices || !total.Equal(decimal.NewFromInt(3*12*22)) {
			t.Errorf("one for all %v: got %d invoices over %s, want %d over %d", tt.one, len(made), total, tt.invoices, 3*12*22)
		}
		wantNext(t, s, "2026-12-01")
	}
}

func TestADeletedInvoiceBringsItsPeriodBack(t *testing.T) {
	for _, reopens := range []bool{false, true} {
		s := billed(t, Billing{ReopensOlder: reopens})
		made := s.InvoiceThru(55, Day(2026, 11, 30), "billing")
		if !s.DeleteInvoice(made[2].ID, "billing") || s.DeleteInvoice(made[2].ID, "billing") {
			t.Fatal("an invoice is deleted once")
		}
		wantNext(t, s, "2026-11-01")
		s.Invoice(55, "billing")
		wantNext(t, s, "2026-12-01")
		s.DeleteInvoice(made[0].ID, "billing") // an older one
		if !reopens {
			wantNext(t, s, "2026-12-01")
			continue
		}
		wantNext(t, s, "2026-09-01")
		s.Invoice(55, "billing")
		wantNext(t, s, "2026-12-01")
	}
}

func TestALineThatBeganAndEndedBeforeTheNextInvoice(t *testing.T) {
	for _, bills := range []bool{false, true} {
		s := billed(t, Billing{BillsEnded: bills})
		s.InvoiceThru(55, Day(2026, 11, 30), "billing")
		s.Edit("billing", func(w *World) {
			w.Additions = append(w.Additions, &Addition{ID: 911, AgreementID: 55, ProductID: 752, Quantity: decimal.NewFromInt(1), UnitPrice: decimal.NewFromInt(30), BillCustomer: "Billable",
				EffectiveDate: Day(2026, 11, 16), CancelledDate: Day(2026, 11, 30)})
		})
		want := decimal.NewFromInt(12 * 22)
		if bills {
			want = want.Add(decimal.NewFromInt(15))
		}
		if got := s.Invoice(55, "billing").Total; !got.Equal(want) {
			t.Errorf("bills ended lines %v: got %s, want %s", bills, got, want)
		}
	}
}
