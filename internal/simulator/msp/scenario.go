package msp

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
	itgluesim "syncd/internal/simulator/itglue"
	scimsim "syncd/internal/simulator/scim"
)

// A Scenario is something that happens to an MSP.
type Scenario struct {
	Name    string
	Summary string
	play    func(*MSP) error
}

// Scenarios are all there are, in the order to try them.
func Scenarios() []Scenario {
	return []Scenario{
		{"seats", "customers buy and drop seats at Microsoft", seats},
		{"leaver-sku", "Quayside Hotels lets go of Visio: the licence vanishes at Microsoft", leaverSKU},
		{"human-edit", "somebody in ConnectWise changes a quantity at Elmsworth Housing and a price at Calloway Legal", humanEdit},
		{"failing-tenant", "three tenants cannot be read: one answers 200 with nothing, one with placeholder rows, one 403", failingTenant},
		{"lost-answer", "ConnectWise does the next change and the next new line, and both answers are lost", lostAnswer},
		{"leaver", "somebody leaves Calloway Legal: the account is deleted at Microsoft", leaver},
		{"rename", "somebody at Alder & Finch marries: the same account has another name and another address", rename},
		{"regroup", "people at Calloway Legal change groups", regroup},
		{"note", "somebody in IT Glue writes into the notes of a person at Alder & Finch, and over a job title that syncd keeps", note},
		{"lost-document", "somebody joins Calloway Legal and somebody is promoted; IT Glue writes both down, and both answers are lost", lostDocument},
		{"throttled", "all systems answer 429 now and then for a while", throttled},
		{"month-end", "at the end of a month licences renew with fewer seats, move and vanish, and the invoices are made", monthEnd},
		{"calm", "all failures end; what was changed stays changed", calm},
	}
}

// Play lets a scenario happen, now. Its error names the known ones where there
// is none of that name, and says what is missing where the MSP, such as one of
// Estate, lacks what the scenario is about.
func (m *MSP) Play(name string) error {
	scenario, err := find(name)
	if err != nil {
		return err
	}
	if err := scenario.play(m); err != nil {
		return fmt.Errorf("scenario %s: %w", name, err)
	}
	return nil
}

func find(name string) (Scenario, error) {
	var known []string
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, nil
		}
		known = append(known, s.Name)
	}
	return Scenario{}, fmt.Errorf("there is no scenario %q; choose one of %s", name, strings.Join(known, ", "))
}

// seats changes what is bought and what is in use, and by whom. The nightly
// cache of CIPP does not know yet.
func seats(m *MSP) error {
	var errs []error
	m.CIPP.Update(func(w *cippsim.World) {
		for _, x := range []struct {
			domain, part string
			by           int
		}{
			{"alderfinch.example", "SPB", 3}, {"junipertravel.example", "SPB", -2}, {"fernhill.example", "O365_BUSINESS_PREMIUM", 5},
			{"larkspur.example", "SPB", 1}, {"pennineprint.example", "O365_BUSINESS_ESSENTIALS", -4}, {"elmsworth.example", "SPE_E3", 12},
		} {
			k, err := held(w, x.domain, x.part)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			by := max(x.by, 1-k.Subscriptions[0].Total) // a last seat stays, however often this is played
			k.Enabled += by
			k.Subscriptions[0].Total += by
			k.Consumed = min(k.Consumed+max(x.by, 0), k.Enabled)
			f := m.workforce(w, w.Tenant(x.domain))
			before := len(f.t.Users)
			f.staff()
			for _, u := range f.t.Users[before:] {
				f.join(u)
			}
		}
	})
	return errors.Join(errs...)
}

// monthEnd lets quantities fall for several reasons, and for none.
func monthEnd(m *MSP) error {
	var errs []error
	m.CIPP.Update(func(w *cippsim.World) {
		for _, x := range []struct {
			domain, part string
			by           int
			renewed      bool
		}{
			{"larkspur.example", "SPB", -2, true},                        // renewed with fewer
			{"pennineprint.example", "O365_BUSINESS_PREMIUM", -2, false}, // moved
			{"pennineprint.example", "O365_BUSINESS_ESSENTIALS", 2, false},
			{"greystone-quarries.example", "O365_BUSINESS_PREMIUM", -3, false}, // nobody knows why
			{"alderfinch.example", "SPB", 2, false},
		} {
			k, err := held(w, x.domain, x.part)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			s := &k.Subscriptions[0]
			s.Total, k.Enabled = s.Total+x.by, k.Enabled+x.by
			k.Consumed = min(k.Consumed, k.Enabled)
			if x.renewed {
				s.Next = s.Next.AddDate(1, 0, 0)
			}
		}
	})
	return errors.Join(errs...)
}

// MakeInvoices makes the invoice of the present period of every agreement, as the
// billing of the MSP does at the end of a month.
func (m *MSP) MakeInvoices() int {
	made := 0
	for _, a := range m.ConnectWise.World().Agreements {
		if a.ParentID == 0 && !a.Cancelled && m.ConnectWise.Invoice(a.ID, personMember) != nil {
			made++
		}
	}
	return made
}

func leaverSKU(m *MSP) (err error) {
	m.CIPP.Update(func(w *cippsim.World) {
		if _, err = held(w, "quaysidehotels.example", "VISIOCLIENT"); err != nil {
			return
		}
		t := w.Tenant("quaysidehotels.example")
		t.SKUs = slices.DeleteFunc(t.SKUs, func(k cippsim.SKU) bool { return k.PartNumber == "VISIOCLIENT" })
	})
	return err
}

func held(w *cippsim.World, domain, part string) (*cippsim.SKU, error) {
	t := w.Tenant(domain)
	if t == nil {
		return nil, fmt.Errorf("there is no tenant %s", domain)
	}
	k := t.SKU(part)
	if k == nil || len(k.Subscriptions) == 0 {
		return nil, fmt.Errorf("tenant %s has no %s (any more)", domain, part)
	}
	return k, nil
}

func humanEdit(m *MSP) error {
	var errs []error
	m.ConnectWise.Edit(personMember, func(w *cwsim.World) {
		quantity, err := lineOf(w, "Elmsworth", "M365-E3")
		errs = append(errs, err)
		price, err2 := lineOf(w, "Calloway", "M365-BP")
		errs = append(errs, err2)
		if err == nil && err2 == nil {
			quantity.Quantity = quantity.Quantity.Add(decimal.NewFromInt(7))
			price.UnitPrice = money("19.75")
		}
	})
	return errors.Join(errs...)
}

// lineOf finds the first open line of a product at a company.
func lineOf(w *cwsim.World, identifier, product string) (*cwsim.Addition, error) {
	for _, a := range w.Additions {
		g, p := w.Agreement(a.AgreementID), w.Product(a.ProductID)
		if g == nil || p == nil || p.Identifier != product || !a.CancelledDate.IsZero() {
			continue
		}
		if co := w.Company(g.CompanyID); co != nil && co.Identifier == identifier {
			return a, nil
		}
	}
	return nil, fmt.Errorf("company %s has no open line of %s", identifier, product)
}

// failingTenant breaks three tenants, each in one of the ways that look like
// an answer. Besides, CIPP's own count of errors shows the last of them.
func failingTenant(m *MSP) error {
	const nothing, placeholders, refused = "alderfinch.example", "birchwoodvets.example", "callowaylegal.example"
	w := m.CIPP.World()
	for _, domain := range []string{nothing, placeholders, refused} {
		if w.Tenant(domain) == nil {
			return fmt.Errorf("there is no tenant %s", domain)
		}
	}
	m.CIPP.SetTenantFaults(nothing, cippsim.TenantFaults{Unauthorised: true})
	m.CIPP.SetTenantFaults(placeholders, cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{
		"*": {Empty: true, Rows: []any{cippsim.LoadingRow()}},
	}})
	const text = "Authorization_RequestDenied: Insufficient privileges to complete the operation."
	m.CIPP.SetTenantFaults(refused, cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{"*": {Status: 403, Message: text}}})
	m.CIPP.Update(func(w *cippsim.World) {
		t := w.Tenant(refused)
		t.GraphErrorCount, t.LastGraphError = 61, text
	})
	return nil
}

func lostAnswer(m *MSP) error {
	lost := cwsim.Fault{Kind: cwsim.DroppedCommitted}
	m.ConnectWise.Fail(
		cwsim.Rule{Method: "PATCH", Route: "/finance/agreements/{id}/additions/{id}", Times: 1, Fault: lost},
		cwsim.Rule{Method: "POST", Route: "/finance/agreements/{id}/additions", Times: 1, Fault: lost})
	return nil
}

// throttled comes in waves, short enough that a client which waits as it is
// told gets through.
func throttled(m *MSP) error {
	for wave := range 3 {
		m.CIPP.Fail(cippsim.Rule{
			Endpoint: "ListGraphBulkRequest", Skip: 4 + 8*wave, Times: 3,
			Fault: cippsim.Fault{Kind: cippsim.Throttled, RetryAfter: 1},
		})
		m.ConnectWise.Fail(cwsim.Rule{Skip: 2 + 6*wave, Times: 3, Fault: cwsim.Fault{Kind: cwsim.Throttled, RetryAfter: 1}})
		if m.ITGlue != nil {
			m.ITGlue.Fail(itgluesim.Rule{Skip: 5 + 9*wave, Times: 3, Fault: itgluesim.Fault{Kind: itgluesim.Throttled, RetryAfter: 1}})
		}
		if m.Cinode != nil {
			m.Cinode.Fail(scimsim.Rule{Skip: 2 + 6*wave, Times: 3, Fault: scimsim.Fault{Kind: scimsim.Throttled, RetryAfter: 1}})
		}
	}
	return nil
}

func calm(m *MSP) error {
	m.CIPP.Heal()
	m.hide() // no failure: those groups are hidden for good
	m.ConnectWise.Heal()
	if m.ITGlue != nil {
		m.ITGlue.Heal()
	}
	if m.Cinode != nil {
		m.Cinode.Heal()
	}
	m.CIPP.Update(func(w *cippsim.World) {
		for _, t := range w.Tenants {
			t.GraphErrorCount, t.LastGraphError = 0, ""
		}
	})
	return nil
}

// Known returns an error that names the scenarios where there is none of that name.
func Known(name string) error {
	_, err := find(name)
	return err
}

// Summary says what a scenario is about.
func Summary(name string) string {
	s, err := find(name)
	if err != nil {
		return ""
	}
	return s.Summary
}
