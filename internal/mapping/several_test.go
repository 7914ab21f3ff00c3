package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/directory"
)

// customersText is a line a customer: key, whether it is listed, tenants, status, links.
func customersText(customers []Customer) string {
	var out []string
	for _, c := range customers {
		var parts []string
		for _, p := range c.Parts {
			parts = append(parts, p.Tenant.Name)
		}
		out = append(out, fmt.Sprintf("%s listed=%t %s %s %v", c.Key, c.Listed, strings.Join(parts, "+"), c.Status, c.Links))
	}
	return strings.Join(out, "\n")
}

func TestLinesOfOneCustomerAddUp(t *testing.T) {
	head := "customer,tenant_id,connectwise_company,connectwise_agreement,itglue_organization,status\n"
	for _, c := range []struct {
		name, file, want string
	}{
		{"two tenants, links on one line", "Acme," + contosoID + ",250,1182,,linked\nAcme," + twinID + ",,,,linked",
			"3a52c1de-90a4-4c1b-8f1e-6a2b7c9d0e22 listed=true Fabrikam \"Dental\", Inc. suggested map[]\nAcme listed=true Contoso Ltd+contoso ltd linked map[connectwise_agreement:1182 connectwise_company:250 scim_cinode:0077]\nc0ffee00-1111-4222-8333-444455556666 listed=true =Adatum ignored map[]"},
		{"links on several lines", "Acme," + contosoID + ",250,,,\nAcme," + twinID + ",,1182,,",
			"3a52c1de-90a4-4c1b-8f1e-6a2b7c9d0e22 listed=true Fabrikam \"Dental\", Inc. suggested map[]\nAcme listed=true Contoso Ltd+contoso ltd linked map[connectwise_agreement:1182 connectwise_company:250 scim_cinode:0077]\nc0ffee00-1111-4222-8333-444455556666 listed=true =Adatum ignored map[]"},
		{"links that differ", "Acme," + contosoID + ",250,,,linked\nAcme," + twinID + ",252,,,linked",
			"line 3: connectwise_company: the lines of customer \"Acme\" say 250 and 252: write the same on all its lines, or leave all but one empty"},
		{"spelled in two ways", "Acme," + contosoID + ",250,,,linked\nACME," + twinID + ",,,,",
			"line 3: customer: \"Acme\" and \"ACME\" are one customer, whose name is its key: write it alike on all its lines"},
		{"a tenant's id for a name", fabrikamID + "," + contosoID + ",250,,,linked\n" + fabrikamID + "," + twinID + ",,,,",
			"line 3: customer: \"" + fabrikamID + "\" is the key of a customer of several tenants, and it is the form of a tenant's id: choose another name"},
		{"half of it left out", "Acme," + contosoID + ",250,,,linked\nAcme," + adatumID + ",,,,ignored",
			"line 3: status: some lines of customer \"Acme\" are ignored and others are not: they are one customer; ignore all of them or none, or give what is left out a name of its own"},
		{"no link at all", "Acme," + twinID + ",,,,linked\nAcme," + fabrikamID + ",,,,",
			"line 3: status: linked, and no line of customer \"Acme\" has a link: fill one in or write unmapped"},
		{"an agreement without a company", "Acme," + twinID + ",,9,,linked\nAcme," + fabrikamID + ",,,,unmapped",
			"line 3: connectwise_agreement: an agreement needs its company: fill in connectwise_company too"},
		{"a company that another customer has", "Acme," + twinID + ",,,,\nAcme," + fabrikamID + ",250,1182,,linked",
			"line 3: connectwise_company: tenant " + contosoID + " (Contoso Ltd) is linked to company 250 too: two tenants on one agreement overwrite each other; give each its own connectwise_agreement"},
		{"the name of a tenant beside the file", "=adatum," + fabrikamID + ",251,,,linked",
			"line 2: customer: tenant " + adatumID + " is called \"=adatum\" too, and its line is not in the file: put both lines into one file for the two to add up, or give each its own name"},
	} {
		got, _, err := ImportLinks(strings.NewReader(head+c.file), columns, settledTable(), tenants, nil)
		text := customersText(got.Customers(tenants))
		if err != nil {
			text = err.Error()
		}
		if diff := cmp.Diff(c.want, text); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func joinedTable(t *testing.T) Table {
	t.Helper()
	table, _, err := ImportLinks(strings.NewReader("customer,tenant_id,connectwise_company,status\nAcme,"+contosoID+",250,linked\nAcme,"+twinID+",,linked\n"), columns, settledTable(), tenants, nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestACustomerOfSeveralTenantsGoesRound(t *testing.T) {
	table := joinedTable(t)
	first := exportLinks(t, table, tenants)
	got, edits, err := ImportLinks(strings.NewReader(first), columns, table, tenants, nil)
	if err != nil || len(edits) > 0 || !cmp.Equal(got, table) {
		t.Fatalf("the same table: edits %v, %v\n%s", edits, err, cmp.Diff(table, got))
	}
	into, _, err := ImportLinks(strings.NewReader(first), columns, Table{}, tenants, nil)
	if diff := cmp.Diff(customersText(table.Customers(tenants)), customersText(into.Customers(tenants))); err != nil || diff != "" {
		t.Errorf("an empty table: %v\n%s", err, diff)
	}
}

func TestADissolvedCustomerIsRemembered(t *testing.T) {
	table := joinedTable(t)
	next, _, err := ImportLinks(strings.NewReader("customer,tenant_id\n,"+twinID+"\n"), columns, table, tenants, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := next.FormerKeys(next.Customers(tenants)); !cmp.Equal(got, map[string][]string{"Acme": {contosoID, twinID}}) {
		t.Errorf("got %v; want the key that is no more", got)
	}
	if got := table.FormerKeys(table.Customers(tenants)); !cmp.Equal(got, map[string][]string{contosoID: {"Acme"}, twinID: {"Acme"}}) {
		t.Errorf("got %v; want what the tenants were", got)
	}
	again, _, err := ImportLinks(strings.NewReader("customer,tenant_id\nAcme,"+twinID+"\nAcme,"+contosoID+"\n"), columns, next, tenants, nil)
	if err != nil || len(again.Former) > 0 {
		t.Errorf("made up anew: %v, former %v; want none", err, again.Former)
	}
}

func TestATenantThatIsNotListedIsNotLeftOutOfItsCustomer(t *testing.T) {
	table := joinedTable(t)
	for _, c := range table.Customers([]directory.Tenant{contoso}) {
		if c.Key == "Acme" && (c.Listed || len(c.Parts) != 2 || !cmp.Equal(c.Unlisted(), []string{"contoso ltd"})) {
			t.Errorf("got %+v; want both tenants, one not listed", c)
		}
	}
}

// Names that are alike by chance join nothing: what the former version stored keeps its customers.
func TestTenantsThatAreCalledAlikeStayApart(t *testing.T) {
	table := Table{Rows: []Row{{TenantID: contosoID, Customer: "Acme", Status: Linked, Links: Links{ConnectWiseCompany: "1"}},
		{TenantID: twinID, Customer: "Acme", Status: Linked, Links: Links{ConnectWiseCompany: "2"}}}}
	for _, c := range table.Customers(tenants) {
		if c.Several() || c.Key != string(c.Tenant.ID) {
			t.Errorf("got %+v; want a customer of its own", c)
		}
	}
}

func TestEveryTenantIsInOneCustomer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var known []directory.Tenant
		file := "customer,tenant_id,connectwise_company\n"
		for i := range rapid.IntRange(1, 6).Draw(t, "tenants") {
			tenant := directory.Tenant{ID: directory.TenantID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i)), Name: rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "name")}
			known = append(known, tenant)
			file += fmt.Sprintf("%s,%s,\n", rapid.SampledFrom([]string{"A", "B", "X", "Y", ""}).Draw(t, "customer"), tenant.ID)
		}
		table, _, err := ImportLinks(strings.NewReader(file), columns, Table{}, known, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen, keys := map[directory.TenantID]bool{}, map[string]bool{}
		for _, c := range table.Customers(known) {
			if keys[c.Key] || len(c.Parts) == 0 {
				t.Fatalf("customer %q twice, or of nothing", c.Key)
			}
			keys[c.Key] = true
			for _, p := range c.Parts {
				if seen[p.Tenant.ID] {
					t.Fatalf("tenant %s is in two customers", p.Tenant.ID)
				}
				seen[p.Tenant.ID] = true
			}
		}
		if len(seen) != len(known) {
			t.Fatalf("%d of %d tenants are in customers", len(seen), len(known))
		}
	})
}
