package directory

import (
	"encoding/csv"
	"strings"
	"testing"
)

func TestTheListOfSKUsIsSound(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(skuList)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 80 {
		t.Errorf("got %d lines, want 80 or more", len(rows))
	}
	ids, parts := map[string]bool{}, map[string]bool{}
	for i, row := range rows[1:] {
		part := strings.ToUpper(row[1])
		if !IsGUID(row[0]) || ids[row[0]] || parts[part] || row[1] == "" || row[2] == "" || row[3] != "" && row[3] != "free" {
			t.Errorf("line %d: got %q, want a new GUID, a new part number, a name, and free or nothing", i+2, row)
		}
		ids[row[0]], parts[part] = true, true
	}
}

func TestPartNumbersThatMislead(t *testing.T) {
	for _, c := range []struct{ id, part, want string }{
		{"cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "SPB", "Microsoft 365 Business Premium"},
		{"F245ECC8-75AF-4F8E-B61F-27D8114DE5F3", "O365_BUSINESS_PREMIUM", "Microsoft 365 Business Standard"},
		{"66b55226-6b4f-492c-910c-a3b7a3c9d993", "SPE_F1", "Microsoft 365 F3"},
		{"4b585984-651b-448a-9e53-3b10f069cf7f", "DESKLESSPACK", "Office 365 F3"},
		{"00000000-0000-4000-8000-000000000001", "SPB", "SPB"},
		{"", "", ""},
	} {
		if got := ProductName(c.id, c.part); got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.id, c.part, got, c.want)
		}
	}
}

func TestNobodyPays(t *testing.T) {
	for _, tt := range []struct {
		what    string
		licence Licence
		want    bool
	}{
		{"a free product", Licence{PartNumber: "FLOW_FREE", Purchased: 10000}, true},
		{"trials alone", Licence{PartNumber: "SPB", Trial: 25}, true},
		{"trials besides what is bought", Licence{PartNumber: "SPB", Purchased: 1, Trial: 25}, false},
		{"bought", Licence{PartNumber: "SPB", Purchased: 1}, false},
		{"nothing left of it", Licence{PartNumber: "SPB"}, false},
	} {
		if got := tt.licence.IsFree(); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.what, got, tt.want)
		}
	}
}

func TestFreeSKUs(t *testing.T) {
	for part, want := range map[string]bool{
		"FLOW_FREE": true, " power_bi_standard": true, "SOMETHING_NEW_VIRAL": true, "Dynamics_365_Sales_Premium_Viral_Trial": true,
		"SPB": false, "POWER_BI_PRO": false, "MCOPSTNC": false, "UNHEARD_OF": false, "": false,
	} {
		if got := FreeSKU(part); got != want {
			t.Errorf("%q: got %v, want %v", part, got, want)
		}
	}
}
