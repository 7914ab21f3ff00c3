package connectwise

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/mapping"
	cwsim "syncd/internal/simulator/connectwise"
)

func TestCompaniesWithTheEvidenceInThem(t *testing.T) {
	h := newHarness(t, seed(), rules())
	got, err := h.client.Companies(t.Context())
	if err != nil || len(got) != 4 {
		t.Fatalf("got %d companies and %v, want 4 without the one in the recycle bin", len(got), err)
	}
	want := Company{ID: 250, Identifier: "Contoso", Name: "Contoso Ltd", Website: "https://contoso.example", AccountNumber: "C-1", Types: []string{"Customer"},
		Status: "Active", UserDefined: []string{"contoso.example"}, CustomFields: map[string]string{"Tenant ID": tenant}}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestContactDomains(t *testing.T) {
	h := newHarness(t, seed(), rules())
	got, err := h.client.ContactDomains(t.Context())
	if want := (map[int]map[string]int{250: {"contoso.example": 2}}); err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v and %v, want %v: each person once, the inactive one not", got, err, want)
	}
}

func TestWhichCompanyIsMeant(t *testing.T) {
	h := newHarness(t, seed(), rules())
	for _, tt := range []struct {
		text string
		want int
		err  error
	}{
		{"Contoso", 250, nil},
		{" contoso ", 250, nil},
		{"Contoso Ltd", 250, nil}, // its namesake is in the recycle bin
		{`Fabrikam "North" [EU]`, 251, nil},
		{"Tail-2", 254, nil},
		{"Tailspin", 0, errSeveral},
		{"Contoso-old", 0, errNone},
		{"Contos", 0, errNone},
		{`" or id>0 or name="`, 0, errNone},
		{`x' or "a"="a`, 0, errNone},
		{"253", 253, nil},
		{"252", 0, nil}, // in the recycle bin
		{"99999", 0, nil},
	} {
		found, err := h.client.LookUp(t.Context(), mapping.ConnectWiseCompany, []string{tt.text})
		got, there := found[tt.text]
		id, _ := strconv.Atoi(got.ID)
		if err != nil || id != tt.want || !errors.Is(got.Err, tt.err) || there != (tt.want != 0 || tt.err != nil) {
			t.Errorf("%q: got %+v and %v, want %d and %v", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func TestIdsAndNamesAreLookedUpTogether(t *testing.T) {
	h := newHarness(t, seed(), rules())
	h.sim.Forget()
	got, err := h.client.LookUp(t.Context(), mapping.ConnectWiseCompany, []string{"250", "253", "99999", "Contoso", "Tail-2", "Tailspin", "nobody at all"})
	if err != nil || got["250"].Name != "Contoso Ltd" || got["250"].Alias != "Contoso" || got["Tail-2"].ID != "254" || !errors.Is(got["Tailspin"].Err, errSeveral) {
		t.Errorf("got %+v, %v", got, err)
	}
	if n := h.requestCounts(); n != "2 GET /company/companies" {
		t.Errorf("it took %s, want one for the ids and one for the names", n)
	}
	got, err = h.client.LookUp(t.Context(), mapping.ConnectWiseAgreement, []string{"55", "57", "4"})
	want := map[string]mapping.Found{"55": {Entity: mapping.Entity{ID: "55", Name: "Managed", Company: "250"}}, "57": {Entity: mapping.Entity{ID: "57", Name: "Old project", Company: "250"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestAgreementsOfACompany(t *testing.T) {
	h := newHarness(t, seed(), rules())
	got, err := h.client.Agreements(t.Context(), 250)
	want := []Agreement{
		{ID: 55, Name: "Managed", Type: "Managed Services", Status: "Active", Company: 250},
		{ID: 57, Name: "Old project", Type: "Projects", Status: "Expired", Company: 250, Why: "it ended on 2021-01-01"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestTheCatalogue(t *testing.T) {
	h := newHarness(t, seed(), rules())
	got, err := h.client.Catalogue(t.Context())
	if err != nil || len(got) != 4 {
		t.Fatalf("got %d products and %v, want 4", len(got), err)
	}
	want := Product{ID: 755, Identifier: "E3", Description: "E3", CustomerDescription: "E3", Class: "NonInventory", VendorSKU: "CFQ7TTC0LFLX:0001"}
	if diff := cmp.Diff(want, got[3]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHowFarAnAgreementIsInvoiced(t *testing.T) {
	h := newHarness(t, seed(), rules())
	got, err := h.client.Recap(t.Context(), 55)
	if err != nil || got.NextInvoice != "2026-12-01" {
		t.Errorf("got %+v and %v, want the next invoice on 2026-12-01", got, err)
	}
}

func TestIdentifiersThatAreHardToAskFor(t *testing.T) {
	for _, identifier := range []string{`M365 & "BP"`, `it's`, `both ' and "`, `[x]`, `back\slash`, `100% + 1`, "Großkunde (ß)", "a,b", "x) or (id>0"} {
		t.Run(identifier, func(t *testing.T) {
			w := seed()
			w.Products[0].Identifier = identifier
			h := newHarness(t, w, rules(rule(skuBP, identifier), rule(skuE3, "E3")))
			if seen := h.observe(contoso); len(seen.Objects) != 1 || seen.Objects[0].Billing.ProductID != "752" {
				t.Errorf("got %+v, want the line", seen)
			}
		})
	}
}

func TestManyProductsAreAskedForInChunks(t *testing.T) {
	w := seed()
	var rs []mapping.Rule
	for i := range 200 {
		name := fmt.Sprintf("Microsoft 365 product with a long name %d", i)
		w.Products = append(w.Products, &cwsim.Product{ID: 9000 + i, Identifier: name, Description: "x"})
		rs = append(rs, rule(fmt.Sprintf("0a11aaaa-0000-4000-8001-%012d", i), name))
	}
	h := newHarness(t, w, rules(rs...))
	catalogue, err := h.target.resolvedProducts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if catalogue[r.Product].item == nil {
			t.Errorf("%s: got %+v, want it found", r.Product, catalogue[r.Product])
		}
	}
	for _, r := range h.sim.Requests() {
		if len(r.Query) > 2000-200 {
			t.Errorf("got a query of %d characters, want less", len(r.Query))
		}
	}
}
