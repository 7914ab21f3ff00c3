package connectwise

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

// Invented ids of Microsoft SKUs.
const (
	skuBP  = "0a11aaaa-0000-4000-8000-000000000001"
	skuE3  = "0a11aaaa-0000-4000-8000-000000000002"
	skuEX  = "0a11aaaa-0000-4000-8000-000000000003"
	tenant = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	other  = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func num(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// seed is an MSP with two customers, one agreement each.
func seed() cwsim.World {
	return cwsim.World{
		Name: "Example Networks",
		Companies: []*cwsim.Company{
			{ID: 250, Identifier: "Contoso", Name: "Contoso Ltd", Website: "https://contoso.example", AccountNumber: "C-1", TypeIDs: []int{1}, StatusID: 1,
				Custom: map[int]any{7: tenant}, Other: map[string]any{"userDefinedField3": "contoso.example"}},
			{ID: 251, Identifier: "Fabrikam", Name: `Fabrikam "North" [EU]`},
			{ID: 252, Identifier: "Contoso-old", Name: "Contoso Ltd", Deleted: true},
			{ID: 253, Identifier: "Tail-1", Name: "Tailspin"}, {ID: 254, Identifier: "Tail-2", Name: "Tailspin"},
		},
		CompanyStatuses: []*cwsim.Setup{{ID: 1, Name: "Active", Default: true}},
		CompanyTypes:    []*cwsim.Setup{{ID: 1, Name: "Customer"}},
		Contacts: []*cwsim.Contact{
			{ID: 1, FirstName: "Ada", CompanyID: 250, Communications: []cwsim.Communication{{ID: 1, Kind: "Email", Value: "Ada@Contoso.example"}, {ID: 2, Kind: "Email", Value: "ada@contoso.example"}}},
			{ID: 2, FirstName: "Bo", CompanyID: 250, Communications: []cwsim.Communication{{ID: 3, Kind: "Email", Value: "bo@contoso.example"}, {ID: 4, Kind: "Phone", Value: "555 0100"}}},
			{ID: 3, FirstName: "Cy", CompanyID: 250, Inactive: true, Communications: []cwsim.Communication{{ID: 5, Kind: "Email", Value: "cy@old.example"}}},
		},
		AgreementTypes: []*cwsim.AgreementType{{ID: 3, Name: "Managed Services"}, {ID: 4, Name: "Projects"}},
		BillingCycles: []*cwsim.BillingCycle{{ID: 2, Identifier: "M", Name: "Monthly", Option: "Monthly"}, {ID: 3, Identifier: "Y", Name: "Every summer", Option: "Yearly"},
			{ID: 4, Identifier: "N", Name: "Once", Option: "NotRecurring"}},
		Agreements: []*cwsim.Agreement{
			{ID: 55, Name: "Managed", TypeID: 3, CompanyID: 250, StartDate: cwsim.Day(2024, 1, 1), NoEndingDate: true, BillingCycleID: 2, NextInvoiceDate: "2026-12-01T00:00:00Z"},
			{ID: 56, Name: "Managed", TypeID: 3, CompanyID: 251, StartDate: cwsim.Day(2024, 1, 1), NoEndingDate: true, BillingCycleID: 2, NextInvoiceDate: "2026-12-01T00:00:00Z"},
			{ID: 57, Name: "Old project", TypeID: 4, CompanyID: 250, StartDate: cwsim.Day(2020, 1, 1), EndDate: cwsim.Day(2021, 1, 1), BillingCycleID: 2},
		},
		Products: []*cwsim.Product{
			{ID: 752, Identifier: "M365-BP", Description: "Business Premium", Class: "Agreement", Price: num("22"), Cost: num("17"), PriceBreaks: []cwsim.PriceBreak{{From: num("50"), Price: num("20")}}},
			{ID: 753, Identifier: "SEAT", Description: "Seat", Class: "Bundle"},
			{ID: 754, Identifier: "OLD", Description: "Retired", Inactive: true, Price: num("1")},
			{ID: 755, Identifier: "E3", Description: "E3", Price: num("36.5"), BillableOption: "NoDefault", VendorSKU: "CFQ7TTC0LFLX:0001"},
		},
		Additions: []*cwsim.Addition{
			{ID: 910, AgreementID: 55, ProductID: 752, Quantity: num("12"), LessIncluded: num("2"), UnitPrice: num("22"), BillCustomer: "Billable", EffectiveDate: cwsim.Day(2025, 1, 1)},
			{ID: 911, AgreementID: 55, ProductID: 754, Quantity: num("3"), UnitPrice: num("5"), BillCustomer: "Billable", EffectiveDate: cwsim.Day(2025, 1, 1)},
			{ID: 912, AgreementID: 56, ProductID: 752, Quantity: num("7"), UnitPrice: num("21"), BillCustomer: "Billable", EffectiveDate: cwsim.Day(2025, 1, 1)},
		},
		Fields: []*cwsim.Field{{ID: 7, On: "Company", Caption: "Tenant ID"}},
	}
}

func rule(sku, product string, edits ...func(*mapping.Rule)) mapping.Rule {
	r := mapping.Rule{SKU: sku, Part: "SPB", Name: "Microsoft 365 Business Premium", Product: product, Count: mapping.Purchased, Status: mapping.Bill}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func rules(rs ...mapping.Rule) mapping.Rules { return mapping.Rules{Rules: rs} }

// A harness is a client, the simulator it talks to, and one opened target.
type harness struct {
	refs   []string // of what is recorded, as the loop passes them
	t      testing.TB
	sim    *cwsim.Server
	client *Client
	target *Target
	log    *bytes.Buffer
	seen   *view // as a plan last saw the customer
}

func settings() Config {
	c := Defaults()
	c.URL, c.Company = "https://cw.example.test", "msp"
	c.PublicKey, c.PrivateKey, c.ClientID = secret.New("PUBKEY00000001"), secret.New("PRVKEY00000001"), secret.New("3fa85f64-5717-4562-b3fc-2c963f66afa6")
	c.Rate = rest.Rate{PerSecond: 10000, Burst: 1000, Concurrency: 8}
	return c
}

func newHarness(t testing.TB, world cwsim.World, r mapping.Rules, edits ...func(*Config)) *harness {
	t.Helper()
	sim := cwsim.New(world, cwsim.Options{Company: "msp", PublicKey: "PUBKEY00000001", PrivateKey: "PRVKEY00000001", ClientID: "3fa85f64-5717-4562-b3fc-2c963f66afa6", Now: func() time.Time { return noon }})
	return newHarnessOn(t, sim, sim.Transport(), r, edits...)
}

func newHarnessOn(t testing.TB, sim *cwsim.Server, transport http.RoundTripper, r mapping.Rules, edits ...func(*Config)) *harness {
	t.Helper()
	conf := settings()
	for _, edit := range edits {
		edit(&conf)
	}
	h := &harness{t: t, sim: sim, log: &bytes.Buffer{}}
	var err error
	h.client, err = New(conf, Options{Log: zerolog.New(zerolog.SyncWriter(h.log)), Transport: transport, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	h.target = h.client.Open(money.Tables{Rules: r})
	return h
}

// customer is a tenant linked to a company, and perhaps to an agreement.
func customer(key, company, agreement string) mapping.Customer {
	return mapping.Customer{Key: key, Name: "Contoso", Listed: true, Status: mapping.Linked,
		Links: mapping.Links{mapping.ConnectWiseCompany: company, mapping.ConnectWiseAgreement: agreement}}
}

var contoso = customer(tenant, "250", "")

func snapshot(licences ...directory.Licence) *directory.Snapshot {
	return &directory.Snapshot{Licences: directory.Proven(licences, directory.Proof{Source: "test"})}
}

func licence(sku string, purchased, assigned int) directory.Licence {
	return directory.Licence{SKU: sku, Purchased: purchased, Assigned: assigned}
}

// An observation is what came of a look at one customer.
type observation struct {
	target.Observed
	Desired target.Desired
	Err     error
}

// observeAndCompare looks at some customers, of whom the source says the same.
func (h *harness) observeAndCompare(s *directory.Snapshot, asked ...target.Asked) ([]observation, error) {
	views, err := h.target.Observe(h.t.Context(), asked)
	out := make([]observation, len(views))
	for i, v := range views {
		out[i].Desired, out[i].Observed, out[i].Err = v.Compare(h.t.Context(), s, nil)
	}
	return out, err
}

// observe looks at one customer.
func (h *harness) observe(c mapping.Customer, settled ...plan.Settlement) observation {
	h.t.Helper()
	return h.observeWith(snapshot(), c, settled...)
}

func (h *harness) observeWith(s *directory.Snapshot, c mapping.Customer, settled ...plan.Settlement) observation {
	h.t.Helper()
	got, err := h.observeAndCompare(s, target.Asked{Customer: c, Settlements: settled, Refs: h.refs})
	if err != nil {
		h.t.Fatalf("observing: %v", err)
	}
	return got[0]
}

// plan goes the road of the loop for one customer.
func (h *harness) plan(c mapping.Customer, s *directory.Snapshot, records ...plan.Record) *plan.Plan {
	h.t.Helper()
	h.refs = nil
	for _, r := range records {
		h.refs = append(h.refs, r.Ref)
	}
	views, err := h.target.Observe(h.t.Context(), []target.Asked{{Customer: c, Refs: h.refs, Records: records}})
	if err != nil {
		h.t.Fatalf("observing: %v", err)
	}
	h.seen = views[0].(*view)
	want, seen, err := views[0].Compare(h.t.Context(), s, records)
	if err != nil {
		h.t.Fatalf("comparing: %v", err)
	}
	p, err := plan.Make(plan.Scope{Customer: c.Key, Target: "connectwise"}, h.target.Spec().Kinds, plan.Sides{
		Desired: want.Objects, Observed: seen.Objects, Records: records, Conflicts: append(want.Conflicts, seen.Conflicts...)})
	if err != nil {
		h.t.Fatalf("plan: %v", err)
	}
	p.Violations = append(append(p.Violations, want.Notes...), seen.Notes...)
	return p
}

// onlyChange returns the one change of a plan.
func onlyChange(t testing.TB, p *plan.Plan) plan.Change {
	t.Helper()
	if len(p.Changes) != 1 {
		t.Fatalf("got %d changes (%s), want 1", len(p.Changes), planText(p))
	}
	return p.Changes[0]
}

// planText shows a plan in short.
func planText(p *plan.Plan) string {
	var parts []string
	for _, c := range p.Changes {
		ref := c.Ref
		if ref == "" && c.Before != nil {
			ref = c.Before.Ref
		}
		text := c.Action.Glyph() + " " + ref
		for _, f := range c.Fields {
			text += fmt.Sprintf(" %s %s>%s", f.Name, f.Before, f.After)
		}
		if c.Unpriced {
			parts = append(parts, text+" unpriced")
			continue
		}
		parts = append(parts, text+" "+c.MonthlyDelta.StringFixed(2))
	}
	for _, v := range p.Violations {
		kind := "hold "
		if v.Note {
			kind = "note "
		}
		parts = append(parts, kind+v.Code)
	}
	if p.InStep > 0 {
		parts = append(parts, fmt.Sprintf("%d in step", p.InStep))
	}
	if p.Foreign > 0 {
		parts = append(parts, fmt.Sprintf("%d foreign", p.Foreign))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

// apply carries out a change and returns what happened.
func (h *harness) apply(ch plan.Change) (target.Applied, error) {
	if h.seen == nil {
		return (&view{Target: h.target}).Apply(h.t.Context(), ch)
	}
	return h.seen.Apply(h.t.Context(), ch)
}

// requestCounts returns how often each route was asked for since the log was emptied, as text.
func (h *harness) requestCounts() string {
	counts := h.sim.Counts()
	var parts []string
	for _, route := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[route], route))
	}
	return strings.Join(parts, ", ")
}

// wantUnchanged fails where the instance holds anything else than it did before,
// but for what allow changes in the old world.
func (h *harness) wantUnchanged(before *cwsim.World, allow func(*cwsim.World)) {
	h.t.Helper()
	now := h.sim.World()
	if allow != nil {
		allow(before)
	}
	for _, w := range []*cwsim.World{before, now} {
		w.Audit = nil // the server's own notes
		for _, a := range w.Additions {
			a.Info.LastUpdated, a.Info.UpdatedBy = time.Time{}, ""
		}
	}
	x, y := reflect.ValueOf(*before), reflect.ValueOf(*now)
	for i := range x.NumField() {
		if name := x.Type().Field(i).Name; !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			h.t.Errorf("%s differ from what they should be", name)
		}
	}
}

// inBubble runs a test in which time passes only where everybody waits for it.
func inBubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// quantity returns what a line of the instance holds now.
func (h *harness) quantity(id int) string { return h.sim.World().Addition(id).Quantity.String() }
