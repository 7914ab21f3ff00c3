package cwsim

import (
	"slices"
	"time"

	"syncd/internal/simulator/serving"
)

// Billing is what nobody documents of how invoices are made. The zero value is the
// simulator's guess; a test of what depends on it must hold both ways.
type Billing struct {
	// OneForAll makes one invoice of several outstanding periods, instead of one each.
	OneForAll bool
	// ReopensOlder moves the next invoice date back also where an invoice is deleted that
	// is not the last one.
	ReopensOlder bool
	// BillsEnded bills a prorated line that began and ended before the next invoice.
	BillsEnded bool
}

// last is the last day that an invoice bills; that of its period where it bills one. A
// period is known by its first day.
func (i *Invoice) last() time.Time {
	if i.Through.IsZero() {
		return i.Period
	}
	return i.Through
}

// InvoiceThru makes the invoices of all periods of an agreement that begin on a day or
// before, as Agreement Invoicing does with that Thru Date, and returns copies of them.
func (s *Server) InvoiceThru(agreement int, thru time.Time, member string) []*Invoice {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view("")
	a := v.agreements[agreement]
	if a == nil {
		return nil
	}
	var made []*Invoice
	for !v.due(a).After(thru) {
		i := v.invoice(a, s.now(), member)
		if len(made) == 0 || !v.faults.Billing.OneForAll {
			made = append(made, i)
			continue
		}
		// One more period on the invoice that is there.
		first := made[0]
		_, first.Through = v.period(a, i.Period)
		first.Total = first.Total.Add(i.Total)
		first.Lines = append(first.Lines, i.Lines...)
		v.world.Invoices = slices.DeleteFunc(v.world.Invoices, func(x *Invoice) bool { return x == i })
		v.invoices[a.ID] = slices.DeleteFunc(v.invoices[a.ID], func(x *Invoice) bool { return x == i })
	}
	return serving.Copies(made, (*Invoice).deepen)
}

// DeleteInvoice deletes an invoice as a person would: its period comes back. It reports
// whether there was one.
func (s *Server) DeleteInvoice(id int, member string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view("")
	at := slices.IndexFunc(v.world.Invoices, func(i *Invoice) bool { return i.ID == id })
	if at < 0 {
		return false
	}
	gone := v.world.Invoices[at]
	v.world.Invoices = slices.Delete(v.world.Invoices, at, at+1)
	s.index = nil
	a := v.agreements[gone.AgreementID]
	later := slices.ContainsFunc(v.invoices[gone.AgreementID], func(i *Invoice) bool { return i.Period.After(gone.Period) })
	if a != nil && (!later || v.faults.Billing.ReopensOlder) {
		a.NextInvoiceDate = gone.Period.Format(timeLayout)
	}
	v.audit("Agreement", gone.AgreementID, s.now(), member, "Invoice", "Invoice "+gone.Number+" has been deleted.")
	return true
}
