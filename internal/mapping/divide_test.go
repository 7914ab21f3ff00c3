package mapping

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"syncd/internal/directory"
)

// inDepartments are people of departments, each with the SKUs that stand behind a colon: "sales:spb".
func inDepartments(list ...string) []directory.User {
	var out []directory.User
	for i, text := range list {
		department, skus, _ := strings.Cut(text, ":")
		out = append(out, directory.User{ID: fmt.Sprintf("id-%02d", i), UPN: fmt.Sprintf("p%02d@contoso.example", i), Department: department, Licences: strings.Fields(skus), Enabled: true})
	}
	return out
}

func tenantWith(users []directory.User, licences ...directory.Licence) *directory.Snapshot {
	return &directory.Snapshot{Tenant: contoso, Users: directory.Proven(users, directory.Proof{}), Licences: directory.Proven(licences, directory.Proof{})}
}

var salesAndRest = []Share{{"Sales", "department=sales"}, {"Others", Rest}}

func TestATenantIsDividedAmongItsParts(t *testing.T) {
	spb := directory.Licence{SKU: "spb", Name: "Premium", Purchased: 5, Assigned: 3, Subscriptions: []directory.Subscription{{ID: "s", Total: 5}}}
	people := inDepartments("sales:spb", "Sales:spb", "it:spb", "it")
	for _, c := range []struct {
		name string
		s    *directory.Snapshot
		of   []Share
		want string
	}{
		{"unassigned units go to the rest", tenantWith(people, spb), salesAndRest,
			"Sales: 2 people, 2/2 of spb | Others: 2 people, 3/1 of spb | tenant Contoso Ltd: 4 people = 2 Sales + 2 Others; 5 Premium bought = 2 Sales + 3 Others"},
		{"nobody in a part", tenantWith(inDepartments("it:spb", "it:spb", "it:spb"), spb), salesAndRest,
			"Sales: 0 people, 0/0 of spb | Others: 3 people, 5/3 of spb | tenant Contoso Ltd: 3 people = 0 Sales + 3 Others; 5 Premium bought = 0 Sales + 5 Others"},
		{"more are held than are seen to hold", tenantWith(inDepartments("sales:spb"), spb), salesAndRest,
			"Sales: 1 people, 1/1 of spb unsure | Others: 0 people, 4/0 of spb unsure | tenant Contoso Ltd: 1 people = 1 Sales + 0 Others; 5 Premium bought = 1 Sales + 4 Others"},
		{"two parts take somebody", tenantWith(people, spb), []Share{{"Sales", "department=sales"}, {"Ann", "name=p00*"}, {"Others", Rest}},
			"split_overlap: parts of tenant Contoso Ltd overlap: p00@contoso.example (Sales and Ann); correct the filters (syncd map), or the people in Microsoft 365"},
		{"no rest, and somebody is left", tenantWith(people, spb), salesAndRest[:1],
			"split_incomplete: no part of tenant Contoso Ltd takes p02@contoso.example, nor the units that nobody is assigned: add a line with the filter rest (syncd map)"},
		{"no rest, and nobody is left", tenantWith(inDepartments("sales:spb"), spb), salesAndRest[:1],
			"split_incomplete: no part of tenant Contoso Ltd takes the units that nobody is assigned, or whom no filter takes: add a line with the filter rest (syncd map)"},
		{"people are not proven", &directory.Snapshot{Tenant: contoso, Users: directory.Unknown[directory.User](directory.Proof{}, errors.New("401")), Licences: directory.Proven([]directory.Licence{spb}, directory.Proof{})}, salesAndRest,
			"unknown"},
		{"somebody makes no sense", tenantWith([]directory.User{{ID: "x", Unread: "no name"}}, spb), salesAndRest, "unknown"},
		{"a group that is not there", &directory.Snapshot{Tenant: contoso, Users: directory.Proven(people, directory.Proof{}), Groups: directory.Proven([]directory.Group{}, directory.Proof{}), Licences: directory.Proven([]directory.Licence{spb}, directory.Proof{})},
			[]Share{{"Sales", "group=Sales"}, {"Others", Rest}}, "unknown"},
	} {
		var got []string
		for i, s := range Divide(c.s, c.of) {
			licences, err := s.Licences.Items()
			switch {
			case s.Part.Code != "":
				got = []string{s.Part.Code + ": " + s.Part.Why}
				if err == nil {
					t.Errorf("%s: %s has licences all the same", c.name, c.of[i].Customer)
				}
			case err != nil:
				got = []string{"unknown"}
			default:
				users, _ := s.Users.Items()
				text := fmt.Sprintf("%s: %d people", c.of[i].Customer, len(users))
				for _, l := range licences {
					text += fmt.Sprintf(", %d/%d of %s", l.Purchased, l.Assigned, l.SKU)
					if l.Divided.Unsure != "" {
						text += " unsure"
					}
				}
				if got = append(got, text); i == len(c.of)-1 {
					got = append(got, s.Part.Proof)
				}
			}
		}
		if text := strings.Join(got, " | "); text != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, text, c.want)
		}
	}
}

func TestThePartsAddUpToTheWhole(t *testing.T) {
	filters := []string{"department=sales", "department=it", "domain=*.example; department=hr", "licence=b; department=none"}
	rapid.Check(t, func(t *rapid.T) {
		var users []directory.User
		assigned := map[string]int{}
		for i := range rapid.IntRange(0, 12).Draw(t, "people") {
			u := directory.User{ID: fmt.Sprint("id", i), UPN: fmt.Sprintf("p%d@contoso.example", i), Department: rapid.SampledFrom([]string{"sales", "it", "hr", "none", ""}).Draw(t, "department")}
			for _, sku := range []string{"a", "b"} {
				if rapid.Bool().Draw(t, sku) {
					u.Licences = append(u.Licences, sku)
					assigned[sku]++
				}
			}
			users = append(users, u)
		}
		var licences []directory.Licence
		for _, sku := range []string{"a", "b"} {
			licences = append(licences, directory.Licence{SKU: sku, Assigned: assigned[sku], Purchased: assigned[sku] + rapid.IntRange(0, 5).Draw(t, "idle")})
		}
		of := []Share{{"Rest", Rest}}
		for i, f := range filters {
			if rapid.Bool().Draw(t, f) {
				of = append(of, Share{fmt.Sprint("P", i), f})
			}
		}
		people, bought, given := 0, map[string]int{}, map[string]int{}
		seen := map[string]bool{}
		for _, s := range Divide(tenantWith(users, licences...), of) {
			members, err := s.Users.Items()
			own, lerr := s.Licences.Items()
			if err != nil || lerr != nil || s.Part.Code != "" {
				t.Fatal(err, lerr, s.Part)
			}
			people += len(members)
			for _, u := range members {
				if seen[u.ID] {
					t.Fatalf("%s is in two parts", u.ID)
				}
				seen[u.ID] = true
			}
			for _, l := range own {
				if l.Divided.Unsure != "" || l.Purchased < 0 {
					t.Fatalf("%+v", l)
				}
				bought[l.SKU] += l.Purchased
				given[l.SKU] += l.Assigned
			}
		}
		for _, l := range licences {
			if bought[l.SKU] != l.Purchased || given[l.SKU] != l.Assigned || people != len(users) {
				t.Fatalf("%s: parts have %d bought, %d assigned, %d people; the whole %d, %d, %d", l.SKU, bought[l.SKU], given[l.SKU], people, l.Purchased, l.Assigned, len(users))
			}
		}
	})
}

func TestLinesThatDivideATenant(t *testing.T) {
	head := "customer,tenant_id,filter,connectwise_company,connectwise_agreement,itglue_organization,status\n"
	for _, c := range []struct{ name, file, want string }{
		{"a part and the rest", "Sales," + contosoID + ",Department = Sales,260,,,linked\nOthers," + contosoID + ",REST,250,1182,,linked",
			"Others rest linked map[connectwise_agreement:1182 connectwise_company:250] of 2\nSales department=Sales linked map[connectwise_company:260] of 2"},
		{"an unknown word", "Sales," + contosoID + ",team=sales,260,,,linked", "line 2: filter: \"team\" is no word of a filter: write one of licence, group, domain, department, office, type, enabled, name; or write rest for whom no other part takes"},
		{"no name", "," + contosoID + ",rest,260,,,linked", "line 2: customer: empty: a part of a tenant is a customer by itself, and its name is its key; give it one"},
		{"two of one filter", "A," + contosoID + ",rest,260,,,linked\nB," + contosoID + ",Rest,261,,,linked", "line 3: tenant_id: part \"rest\" of tenant " + contosoID + " is on line 2 already: keep one of the two lines"},
		{"whole and in parts", "A," + contosoID + ",department=x,260,,,linked\nB," + contosoID + ",,261,,,linked", "line 2: filter: tenant " + contosoID + " is on a line without a filter too: it is one customer, or all its lines have a filter"},
		{"one name on two parts", "A," + contosoID + ",department=x,260,,,linked\nA," + contosoID + ",rest,,,,", "line 3: customer: \"A\" is on another line already: a part of a tenant is a customer by itself, and does not add up with other lines yet; give the two names of their own"},
		{"a part and a tenant", "A," + contosoID + ",rest,260,,,linked\nA," + twinID + ",,,,,", "line 3: customer: \"A\" is a part of a tenant: a part is a customer by itself, and does not add up with other lines yet; give the two names of their own"},
		{"a target that keeps whole tenants", "A," + contosoID + ",rest,,,7,linked", "line 2: itglue_organization: whole tenants alone are kept in step there: leave the cell of a part empty"},
		{"one agreement for two parts", "A," + contosoID + ",department=x,260,7,,linked\nB," + contosoID + ",rest,260,7,,linked",
			"line 2: connectwise_company: tenant " + contosoID + " (B) is linked to company 260 too: two tenants on one agreement overwrite each other; give each its own connectwise_agreement\n" +
				"line 3: connectwise_company: tenant " + contosoID + " (A) is linked to company 260 too: two tenants on one agreement overwrite each other; give each its own connectwise_agreement"},
	} {
		got, _, err := ImportLinks(strings.NewReader(head+c.file), columns, settledTable(), tenants, nil)
		var lines []string
		for _, x := range got.Customers(tenants) {
			if x.Divided() {
				lines = append(lines, fmt.Sprintf("%s %s %s %v of %d", x.Key, x.Parts[0].Filter, x.Status, x.Links, len(x.Parts[0].Of)))
			}
		}
		text := strings.Join(lines, "\n")
		if err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, text, c.want)
		}
		if err != nil {
			continue
		}
		first := exportLinks(t, got, tenants)
		same, edits, err := ImportLinks(strings.NewReader(first), columns, got, tenants, nil)
		if err != nil || len(edits) > 0 || exportLinks(t, same, tenants) != first {
			t.Errorf("%s: the way round: %v, %v\n%s", c.name, edits, err, first)
		}
		whole, _, err := ImportLinks(strings.NewReader("customer,tenant_id,filter\nContoso Ltd,"+contosoID+",\n"), columns, got, tenants, nil)
		if err != nil || len(whole.divided()) > 0 || len(whole.FormerKeys(whole.Customers(tenants))) != 2 {
			t.Errorf("%s: whole again: %v, %+v", c.name, err, whole)
		}
		if _, _, err := ImportLinks(strings.NewReader("tenant_id,connectwise_company\n"+contosoID+",250\n"), columns, got, tenants, nil); err == nil {
			t.Errorf("%s: a file without filters says nothing of which part", c.name)
		}
	}
}
