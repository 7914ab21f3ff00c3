package connectwise

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	cwsim "syncd/internal/simulator/connectwise"
)

func TestFactsOfCompanies(t *testing.T) {
	w := seed()
	w.Fields = append(w.Fields, &cwsim.Field{ID: 8, On: "Company", Caption: "Portal name"}, &cwsim.Field{ID: 9, On: "Company", Caption: "Seats", Type: "Number"})
	w.Companies[0].Custom[9] = 40
	w.CompanyTypes = append(w.CompanyTypes, &cwsim.Setup{ID: 2, Name: "Gold"})
	w.Companies[0].TypeIDs = []int{1, 2}
	w.Agreements = append(w.Agreements,
		&cwsim.Agreement{ID: 60, Name: "Backup", TypeID: 4, CompanyID: 250, StartDate: cwsim.Day(2024, 1, 1), NoEndingDate: true, BillingCycleID: 2},
		&cwsim.Agreement{ID: 61, Name: "Cancelled", TypeID: 4, CompanyID: 250, StartDate: cwsim.Day(2024, 1, 1), NoEndingDate: true, Cancelled: true, BillingCycleID: 2},
		&cwsim.Agreement{ID: 62, Name: "Next year", TypeID: 4, CompanyID: 250, StartDate: cwsim.Day(2027, 1, 1), NoEndingDate: true, BillingCycleID: 2})
	h := newHarness(t, w, rules())
	got, err := h.client.Facts(t.Context(), []int{250, 252, 999, 253, 250})
	if err != nil {
		t.Fatal(err)
	}
	empty := map[string]string{"Tenant ID": "", "Portal name": "", "Seats": ""}
	want := map[int]Facts{
		250: {Name: "Contoso Ltd", Identifier: "Contoso", Types: []string{"Customer", "Gold"}, Status: "Active", Agreements: []string{"Backup", "Managed"},
			Fields: map[string]string{"Tenant ID": tenant, "Portal name": "", "Seats": "40"}},
		252: {Name: "Contoso Ltd", Identifier: "Contoso-old", Deleted: true, Fields: empty},
		253: {Name: "Tailspin", Identifier: "Tail-1", Fields: empty},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestFactsOfManyCompaniesAreTwoCallsForAHundred(t *testing.T) {
	w := seed()
	var ids []int
	for i := range 250 {
		ids = append(ids, 10001+i)
		w.Companies = append(w.Companies, &cwsim.Company{ID: 10001 + i, Identifier: fmt.Sprint("C", i), Name: fmt.Sprint("Company ", i)})
		for range 3 { // more than one page of agreements
			w.Agreements = append(w.Agreements, &cwsim.Agreement{Name: "Old", TypeID: 3, CompanyID: 10001 + i, StartDate: cwsim.Day(2019, 1, 1), EndDate: cwsim.Day(2020, 1, 1), BillingCycleID: 2})
		}
	}
	h := newHarness(t, w, rules())
	got, err := h.client.Facts(t.Context(), ids)
	if err != nil || len(got) != 250 {
		t.Fatalf("got %d companies and %v, want 250", len(got), err)
	}
	if n := len(h.sim.Requests()); n != 6 {
		t.Errorf("got %d requests, want 6", n)
	}
	h.sim.Fail(cwsim.Rule{Route: "/finance/agreements", Skip: 1, Fault: cwsim.Fault{Kind: cwsim.Denied}})
	if got, err := h.client.Facts(t.Context(), ids); err == nil || got != nil || !strings.Contains(err.Error(), "Finance > Agreements") {
		t.Errorf("got %d companies and %v, want none and the right that is missing: a part is no answer", len(got), err)
	}
}

func TestNoCompaniesAreNoCall(t *testing.T) {
	h := newHarness(t, seed(), rules())
	got, err := h.client.Facts(t.Context(), nil)
	if err != nil || len(got) != 0 || len(h.sim.Requests()) != 0 {
		t.Errorf("got %v, %v and %d requests, want nothing at all", got, err, len(h.sim.Requests()))
	}
}
