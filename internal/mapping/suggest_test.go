package mapping

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"syncd/internal/directory"
)

func tenantOf(id int, name string, domains ...string) TenantEvidence {
	t := directory.Tenant{ID: directory.TenantID(fmt.Sprintf("00000000-0000-4000-8000-%012d", id)), Name: name}
	if len(domains) > 0 {
		t.DefaultDomain = domains[0]
	}
	return TenantEvidence{Tenant: t, Domains: domains}
}

func shown(suggestions []Suggestion) string {
	var b strings.Builder
	for _, s := range suggestions {
		fmt.Fprintf(&b, "%s:", s.TenantName)
		for _, c := range s.Candidates {
			fmt.Fprintf(&b, " %s %.2f", c.ID, c.Score)
		}
		if s.Ambiguous != "" {
			fmt.Fprintf(&b, " (%s)", s.Ambiguous)
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestWhatSpeaksForACompany(t *testing.T) {
	contoso := tenantOf(1, "Contoso", "contoso.example", "contoso.onmicrosoft.com")
	contoso.Tenant.InitialDomain = "contoso.onmicrosoft.com"
	for _, c := range []struct {
		name      string
		tenants   []TenantEvidence
		companies []CompanyEvidence
		want      string
	}{
		{"a tenant id in a custom field beats everything", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "1", Name: "Contoso", Website: "https://www.contoso.example/start"},
			{ID: "2", Name: "C. Holding", CustomFields: map[string]string{"Tenant ID": "00000000-0000-4000-8000-000000000001 "}},
		}, "Contoso: 2 1.00 1 0.90"},
		{"…in another text too", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "2", Name: "X", Texts: []string{"m365 {00000000-0000-4000-8000-000000000001}"}},
		}, "Contoso: 2 1.00"},
		{"the onmicrosoft name in a field", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "2", Name: "X", CustomFields: map[string]string{"M365": "contoso.onmicrosoft.com"}},
		}, "Contoso: 2 0.97"},
		{"a domain inside another is none", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "2", Name: "X", Texts: []string{"mycontoso.example contoso.example.org"}},
		}, ""},
		{"the website", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "1", Name: "Whatever", Website: "WWW.Contoso.Example"},
		}, "Contoso: 1 0.90"},
		{"a website below the domain", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "1", Name: "Whatever", Website: "shop.contoso.example:8443/x"},
		}, "Contoso: 1 0.80"},
		{"one website of two companies is ambiguous", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "1", Name: "Contoso", Website: "contoso.example"},
			{ID: "2", Name: "Contoso Foundation", Website: "http://contoso.example"},
		}, "Contoso: 1 0.90 2 0.90 (nearly as much speaks for Contoso Foundation)"},
		{"contacts, public providers aside", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "1", Name: "Whatever", ContactDomains: map[string]int{"contoso.example": 3, "gmail.com": 9, "outlook.co.uk": 2, "fabrikam.example": 1}},
		}, "Contoso: 1 0.75"},
		{"contacts and the name", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "1", Name: "Contoso GmbH", ContactDomains: map[string]int{"contoso.example": 3}},
		}, "Contoso: 1 0.90"},
		{"onmicrosoft contacts say nothing", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "1", Name: "Whatever", ContactDomains: map[string]int{"contoso.onmicrosoft.com": 3}},
		}, ""},
		{"a public provider as a tenant's domain says nothing", []TenantEvidence{tenantOf(1, "Zed", "hotmail.co.uk")}, []CompanyEvidence{
			{ID: "1", Name: "Whatever", Website: "hotmail.co.uk", ContactDomains: map[string]int{"hotmail.co.uk": 3}},
		}, ""},
		{"a name alone", []TenantEvidence{contoso}, []CompanyEvidence{{ID: "1", Name: "CONTOSO, Ltd."}}, "Contoso: 1 0.70"},
		{"the original name counts beside the alias", []TenantEvidence{{Tenant: directory.Tenant{ID: contosoID, Name: "Our dear client"}, Names: []string{"Fabrikam Inc"}}},
			[]CompanyEvidence{{ID: "1", Name: "Fabrikam"}}, "Our dear client: 1 0.70"},
		{"a deleted or inactive company is never suggested", []TenantEvidence{contoso}, []CompanyEvidence{
			{ID: "1", Name: "Contoso", Deleted: true}, {ID: "2", Name: "Contoso", Inactive: true},
		}, ""},
		{"the partner's own tenant is never suggested", []TenantEvidence{{Tenant: directory.Tenant{ID: contosoID, Name: "Contoso", Partner: true}}},
			[]CompanyEvidence{{ID: "1", Name: "Contoso"}}, ""},
		{"a company of two tenants is ambiguous for both", []TenantEvidence{tenantOf(1, "Contoso UK", "contoso.example"), tenantOf(2, "Contoso US", "contoso-us.example", "contoso.example")},
			[]CompanyEvidence{{ID: "1", Name: "Contoso", Website: "contoso.example"}},
			"Contoso UK: 1 0.90 (tenant Contoso US may be Contoso too)\nContoso US: 1 0.90 (tenant Contoso UK may be Contoso too)"},
		{"the weaker claim falls to its next", []TenantEvidence{tenantOf(1, "Contoso", "contoso.example"), tenantOf(2, "Contosso", "x.example")},
			[]CompanyEvidence{{ID: "1", Name: "Contoso", Website: "contoso.example"}, {ID: "2", Name: "Contosso Bakery"}},
			"Contoso: 1 0.90 2 0.45\nContosso: 2 0.00"},
	} {
		got := shown(SuggestCompanies(c.tenants, c.companies, Table{}))
		if strings.HasSuffix(c.want, "0.00") { // the score of a likeness is not the point
			got, c.want = got[:len(got)-4], c.want[:len(c.want)-4]
		}
		if got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestWhatIsSettledIsLeftOut(t *testing.T) {
	tenants := []TenantEvidence{tenantOf(1, "Contoso"), tenantOf(2, "Fabrikam"), tenantOf(3, "Adatum"), tenantOf(4, "Litware")}
	companies := []CompanyEvidence{{ID: "1", Name: "Contoso"}, {ID: "2", Name: "Fabrikam"}, {ID: "3", Name: "Adatum"}, {ID: "9", Name: "Litware"}}
	table := Table{Rows: []Row{
		{TenantID: tenants[0].Tenant.ID, Status: Linked, Links: Links{ConnectWiseCompany: "9"}},
		{TenantID: tenants[1].Tenant.ID, Status: Ignored},
		{TenantID: tenants[2].Tenant.ID, Status: Linked, Links: Links{"itglue_organization": "77"}},
	}}
	// Company 9 is linked; the third tenant is linked elsewhere only.
	if got, want := shown(SuggestCompanies(tenants, companies, table)), "Adatum: 3 0.70"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a tenant types freely is its name. It never suffices, and what has a domain
// of another tenant, settled already, is nobody's without a person.
func TestNamesThatTenantsTypeTakeNothingFromOthers(t *testing.T) {
	settled, hostile := tenantOf(1, "Contoso", "contoso.example"), tenantOf(2, "Contoso North", "hostile.example")
	linked := Table{Rows: []Row{{TenantID: settled.Tenant.ID, Status: Linked, Links: Links{ConnectWiseCompany: "250"}}}}
	ignored := Table{Rows: []Row{{TenantID: settled.Tenant.ID, Status: Ignored}}}
	for _, tt := range []struct {
		name    string
		company CompanyEvidence
		table   Table
		takes   bool
	}{
		{"the very name", CompanyEvidence{Name: "Contoso North"}, linked, false},
		{"the name, and some contacts", CompanyEvidence{Name: "Contoso North", ContactDomains: map[string]int{"contoso.example": 40, "hostile.example": 2}}, linked, false},
		{"the website is another's", CompanyEvidence{Name: "Contoso North", Website: "contoso.example"}, linked, false},
		{"the website is another's, who is left out on purpose", CompanyEvidence{Name: "Contoso North", Website: "contoso.example"}, ignored, false},
		{"both domains are on record", CompanyEvidence{Name: "Contoso North", Website: "contoso.example", Domains: []string{"hostile.example"}}, linked, false},
		{"its own domain is on record", CompanyEvidence{Name: "North", Website: "hostile.example"}, linked, true},
		{"somebody wrote its id down", CompanyEvidence{Name: "North", Website: "contoso.example", Texts: []string{string(hostile.Tenant.ID)}}, linked, true},
	} {
		tt.company.ID = "251"
		got := SuggestCompanies([]TenantEvidence{settled, hostile}, []CompanyEvidence{tt.company}, tt.table)
		if len(got) != 1 || got[0].TenantID != string(hostile.Tenant.ID) || got[0].Acceptable(DefaultAccept) != tt.takes {
			t.Errorf("%s: got %+v, want it taken %t", tt.name, got, tt.takes)
		}
	}
}

func TestASuggestionIsNotInForce(t *testing.T) {
	s := SuggestCompanies([]TenantEvidence{tenantOf(1, "Contoso", "contoso.example")}, []CompanyEvidence{{ID: "7", Name: "Contoso Ltd", Website: "contoso.example"}}, Table{})[0]
	row, ok := s.Row(Row{Customer: "Own name"})
	if !ok || row.Status != Suggested || row.Links[ConnectWiseCompany] != "7" || row.Customer != "Own name" ||
		row.Reason != "0.90: the verified domain contoso.example is the company's website; the names are the same but for spelling" {
		t.Errorf("got %+v, %v; want a suggested row with its evidence", row, ok)
	}
	table := Table{Rows: []Row{row}}
	if c := table.Customers([]directory.Tenant{s.Tenant})[0]; c.Links != nil || c.Status != Suggested {
		t.Errorf("customer: got %v, want no link", c)
	}
	for _, row := range []Row{{Status: Ignored}, {Status: Linked, Links: Links{ConnectWiseCompany: "8"}}} {
		if _, ok := s.Row(row); ok {
			t.Errorf("a row that is settled took a suggestion: %+v", row)
		}
	}
}

func TestASuggestionForOneSystemLeavesTheLinksOfOthersInForce(t *testing.T) {
	s := SuggestLinks(ITGlueOrganization, []TenantEvidence{tenantOf(1, "Contoso", "contoso.example")},
		[]CompanyEvidence{{ID: "40", Name: "Contoso", Derived: map[directory.TenantID]Derivation{tenantOf(1, "").Tenant.ID: {1, "it is tied to company 7"}}}, {ID: "41", Name: "Contoso", Domains: []string{"contoso.example"}}},
		Table{})[0]
	if s.Ambiguous != "" || s.Candidates[0].ID != "40" || s.Candidates[0].Score != 1 {
		t.Fatalf("got %+v, want what follows from the company, clearly", s)
	}
	billed := Row{TenantID: s.Tenant.ID, Tenant: "Contoso", Status: Linked, Links: Links{ConnectWiseCompany: "7"}, Reason: "by hand"}
	row, ok := s.Row(billed)
	if !ok || row.Status != Linked || len(row.Links) != 1 || row.Proposed[ITGlueOrganization].Value != "40" || row.Reason != "by hand" {
		t.Fatalf("got %+v, %v; want a proposal beside the link", row, ok)
	}
	if _, columns := row.Accept(1.01); columns != nil {
		t.Errorf("accepted %v, want nothing from above its score", columns)
	}
	accepted, columns := row.Accept(DefaultAccept)
	if len(columns) != 1 || accepted.Links[ITGlueOrganization] != "40" || accepted.Links[ConnectWiseCompany] != "7" || len(accepted.Proposed) != 0 {
		t.Errorf("got %+v, %v; want both links", accepted, columns)
	}
	if len(row.Proposed) != 1 || len(billed.Links) != 1 {
		t.Error("accepting changed the row it was asked about")
	}
	table := Table{Rows: []Row{row}}
	if clean := table.Unsuggested(); len(clean.Rows) != 1 || clean.Rows[0].Proposed != nil || clean.Rows[0].Status != Linked {
		t.Errorf("got %+v, want the row without its proposal", clean)
	}

	// Both at once are as sure as the less sure of them.
	company := SuggestCompanies([]TenantEvidence{tenantOf(1, "Contoso", "contoso.example")}, []CompanyEvidence{{ID: "7", Name: "Contoso Ltd", Website: "contoso.example"}}, Table{})[0]
	first, _ := company.Row(Row{})
	both, ok := s.Row(first)
	if !ok || both.Status != Suggested || both.Links[ConnectWiseCompany] != "7" || both.Links[ITGlueOrganization] != "40" || !strings.HasPrefix(both.Reason, "0.90: ") {
		t.Fatalf("got %+v, %v; want one suggestion of both", both, ok)
	}
	if _, columns := both.Accept(0.95); columns != nil {
		t.Errorf("accepted %v, want nothing", columns)
	}
	if linked, columns := both.Accept(0.9); linked.Status != Linked || len(columns) != 2 {
		t.Errorf("got %+v, %v; want both in force", linked, columns)
	}
	weak := s
	weak.Candidates = []Candidate{{ID: "40", Name: "Contoso", Score: 0.7, Evidence: []string{"the names are alike"}}}
	beside, ok := weak.Row(first)
	if !ok || beside.Links[ITGlueOrganization] != "" || beside.Reason != first.Reason || beside.Proposed[ITGlueOrganization].Score != 0.7 {
		t.Fatalf("got %+v, %v; want what is not sure beside what is", beside, ok)
	}
	if linked, columns := beside.Accept(0.9); len(columns) != 1 || linked.Links[ConnectWiseCompany] != "7" || len(linked.Proposed) != 1 {
		t.Errorf("got %+v, %v; want the company alone in force", linked, columns)
	}
	if linked, columns := beside.Accept(0); len(columns) != 2 || linked.Links[ITGlueOrganization] != "40" {
		t.Errorf("got %+v, %v; want both in force", linked, columns)
	}
	table = Table{Rows: []Row{both}}
	if clean := table.Unsuggested(); len(clean.Rows) != 0 {
		t.Errorf("got %+v, want nothing left of a suggestion", clean)
	}
}

func TestNamesThatMeanTheSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"Müller & Söhne GmbH & Co. KG", "Mueller und Soehne", 1},
		{"Müller GmbH", "Muller", 1},
		{"Großhandel Weiß AG", "Grosshandel Weiss", 1},
		{"St. Mary's Hospital", "Saint Marys Hosp.", 1},
		{"Café Łódź Sp. z o.o.", "Cafe Lodz", 1},
		{"Rossi S.p.A.", "ROSSI SPA", 1},
		{"De Vries B.V.", "de vries", 1},
		{"Jørgensen Møbler A/S", "Jorgensen Mobler", 1},
		{"The Smith Bros Mfg Co., Inc.", "Smith Brothers Manufacturing", 1},
		{"Acme Intl Pty Ltd", "Acme International", 1},
		{"Northwind Traders", "NorthwindTraders LLC", 1},
		{"Company", "Company", 1},
		{"Ｃｏｎｔｏｓｏ", "Contoso", 1},
		{"Contoso Group", "Fabrikam Group", 0},
		{"Praxis 1", "Praxis 2", 0.5},
		{"", "Contoso", 0},
	} {
		if got := similarity(nameWords(c.a), nameWords(c.b)); got != c.want {
			t.Errorf("%q and %q: got %.2f, want %.2f (%q, %q)", c.a, c.b, got, c.want, nameWords(c.a), nameWords(c.b))
		}
	}
	if got := similarity(nameWords("Fabrikam Dental Care"), nameWords("Fabrikan Dental")); got < 0.7 || got > 0.95 {
		t.Errorf("a slip of the pen: got %.2f, want 0.7 to 0.95", got)
	}
}

func TestPublicMailProviders(t *testing.T) {
	for domain, want := range map[string]bool{
		"gmail.com": true, "GMX.de": true, "outlook.com": true, "hotmail.co.uk": true, "yahoo.com.au": true, "live.nl": true, "web.de": true,
		"contoso.example": false, "live.contoso.com": false, "yahoo-shop.com": false, "outlook.bakery": false,
	} {
		if got := publicMail(domain); got != want {
			t.Errorf("%s: got %v, want %v", domain, got, want)
		}
	}
}

func TestSuggestionsHoldWhateverTheEvidence(t *testing.T) {
	words := rapid.SampledFrom([]string{"Contoso", "Fabrikam", "GmbH", "Müller", "Mueller", "&", "Group", "1", ""})
	domain := rapid.SampledFrom([]string{"contoso.example", "fabrikam.example", "gmail.com", "x.onmicrosoft.com"})
	rapid.Check(t, func(t *rapid.T) {
		var tenants []TenantEvidence
		var companies []CompanyEvidence
		for i := range rapid.IntRange(0, 6).Draw(t, "tenants") {
			e := tenantOf(i, strings.Join(rapid.SliceOfN(words, 0, 3).Draw(t, "tenant"), " "), rapid.SliceOfN(domain, 0, 2).Draw(t, "domains")...)
			e.Tenant.Partner = rapid.IntRange(0, 5).Draw(t, "partner") == 0
			tenants = append(tenants, e)
		}
		for i := range rapid.IntRange(0, 6).Draw(t, "companies") {
			companies = append(companies, CompanyEvidence{ID: fmt.Sprint(i), Name: strings.Join(rapid.SliceOfN(words, 0, 3).Draw(t, "company"), " "),
				Website: domain.Draw(t, "website"), ContactDomains: map[string]int{domain.Draw(t, "mail"): 2}})
		}
		got := SuggestCompanies(tenants, companies, Table{})
		given := map[string]bool{}
		for _, s := range got {
			best := s.Candidates[0]
			switch {
			case s.Tenant.Partner:
				t.Fatalf("the partner's tenant: %v", s)
			case best.Score <= 0 || best.Score > 1 || len(best.Evidence) == 0:
				t.Fatalf("score %v with evidence %v", best.Score, best.Evidence)
			case s.Ambiguous == "" && given[best.ID]:
				t.Fatalf("company %s is clear for two tenants:\n%s", best.ID, shown(got))
			case s.Ambiguous == "" && len(s.Candidates) > 1 && tooClose(best.Score, s.Candidates[1].Score):
				t.Fatalf("clear beside a rival:\n%s", shown(got))
			}
			given[best.ID] = given[best.ID] || s.Ambiguous == ""
		}
		again := rapid.Permutation(tenants).Draw(t, "order")
		if a, b := shown(got), shown(SuggestCompanies(again, rapid.Permutation(companies).Draw(t, "order of companies"), Table{})); a != b {
			t.Fatalf("the order of the input matters:\n%s\nand\n%s", a, b)
		}
	})
}
