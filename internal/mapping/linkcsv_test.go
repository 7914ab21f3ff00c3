package mapping

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/directory"
)

const (
	contosoID  = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	fabrikamID = "3a52c1de-90a4-4c1b-8f1e-6a2b7c9d0e22"
	adatumID   = "c0ffee00-1111-4222-8333-444455556666"
	twinID     = "d00df00d-aaaa-4bbb-8ccc-ddddeeeeffff"
)

var (
	contoso  = directory.Tenant{ID: contosoID, Name: "Contoso Ltd", DefaultDomain: "contoso.example"}
	fabrikam = directory.Tenant{ID: fabrikamID, Name: `Fabrikam "Dental", Inc.`, DefaultDomain: "fabrikam.example"}
	adatum   = directory.Tenant{ID: adatumID, Name: "=Adatum", DefaultDomain: "adatum.example"}
	twin     = directory.Tenant{ID: twinID, Name: "contoso ltd", DefaultDomain: "contoso-uk.example"}
	tenants  = []directory.Tenant{contoso, fabrikam, adatum, twin}
	columns  = []Column{{Name: ConnectWiseCompany, Noun: "a company", Exclusive: true, Parts: true}, {Name: ConnectWiseAgreement, Noun: "an agreement", Within: ConnectWiseCompany, Parts: true},
		{Name: ITGlueOrganization, Noun: "an organization"}, {Name: "scim_cinode"}}
)

func settledTable() Table {
	return Table{Rows: []Row{
		{TenantID: fabrikamID, Tenant: fabrikam.Name, Status: Suggested, Links: Links{ConnectWiseCompany: "251"}, Reason: "domain fabrikam.example is the company's website"},
		{TenantID: contosoID, Tenant: contoso.Name, Status: Linked, Links: Links{ConnectWiseCompany: "250", ConnectWiseAgreement: "1182", "scim_cinode": "0077"}},
		{TenantID: adatumID, Tenant: adatum.Name, Status: Ignored, Reason: "-not a customer"},
	}}
}

func exportLinks(t interface{ Fatalf(string, ...any) }, table Table, known []directory.Tenant) string {
	var b bytes.Buffer
	if err := ExportLinks(&b, columns, table.Customers(known), table, called); err != nil {
		t.Fatalf("export: %v", err)
	}
	return b.String()
}

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestTheExportedLinkTableShowsEveryTenant(t *testing.T) {
	golden(t, "links.csv", exportLinks(t, settledTable(), tenants))
}

func TestAnUneditedLinkTableChangesNothing(t *testing.T) {
	table := settledTable()
	first := exportLinks(t, table, tenants)
	got, edits, err := ImportLinks(strings.NewReader(first), columns, table, tenants, nil)
	if err != nil || len(edits) > 0 {
		t.Fatalf("import of the export: edits %v, %v; want none", edits, err)
	}
	if second := exportLinks(t, got, tenants); second != first {
		t.Errorf("export after import:\n%s\nwant\n%s", second, first)
	}
}

func TestALinkTableSurvivesTheRoundTripWhateverPeopleCallThings(t *testing.T) {
	piece := rapid.OneOf(rapid.SampledFrom([]string{"'", "=", "+", "-", "@", "\t", "\r", "\n", "\r\n", `"`, ",", ";", " ", "é", "漢", "\ufeff", "(", "contoso.example", "Contoso", ")"}), rapid.String())
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.ReplaceAll(strings.ToValidUTF8(strings.Join(rapid.SliceOfN(piece, 0, 5).Draw(t, "pieces"), ""), ""), "\x00", "")
	})
	rapid.Check(t, func(t *rapid.T) {
		var known []directory.Tenant
		var table Table
		for i := range rapid.IntRange(1, 6).Draw(t, "tenants") {
			tenant := directory.Tenant{
				ID:            directory.TenantID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i)),
				Name:          text.Draw(t, "name"),
				DefaultDomain: rapid.SampledFrom([]string{"contoso.example", "a.example", ""}).Draw(t, "domain"),
			}
			known = append(known, tenant)
			row := Row{TenantID: tenant.ID, Tenant: tenant.Name, Reason: text.Draw(t, "reason"),
				Status: rapid.SampledFrom([]Status{Linked, Suggested, Ignored, Unmapped}).Draw(t, "status")}
			if rapid.Bool().Draw(t, "named") {
				row.Customer = text.Draw(t, "customer")
			}
			if row.Status != Unmapped {
				row.Links = Links{ConnectWiseCompany: fmt.Sprint(i + 1), "scim_cinode": "team"}
			}
			table.Rows = append(table.Rows, row)
		}
		first := exportLinks(t, table, known)
		same, edits, err := ImportLinks(strings.NewReader(first), columns, table, known, nil)
		if err != nil || len(edits) > 0 {
			t.Fatalf("into the same table: edits %q, %v\n%q", edits, err, first)
		}
		if second := exportLinks(t, same, known); second != first {
			t.Fatalf("same table: got %q, want %q", second, first)
		}
		fresh, _, err := ImportLinks(strings.NewReader(first), columns, Table{}, known, nil)
		if err != nil {
			t.Fatalf("into an empty table: %v\n%q", err, first)
		}
		if second := exportLinks(t, fresh, known); second != first {
			t.Fatalf("empty table: got %q, want %q", second, first)
		}
	})
}

func TestTheLinkImportTakesWhatSpreadsheetsWrite(t *testing.T) {
	plain := "tenant_id,connectwise_company,status,reason\r\n" + contosoID + ",250,linked,\"a\"\"b, c\"\r\n" + fabrikamID + ",251,linked,d\r\n"
	wide := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(plain)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	semicolons := strings.ReplaceAll(plain, ",", ";")
	want := Table{Rows: []Row{
		{TenantID: fabrikamID, Tenant: fabrikam.Name, Status: Linked, Links: Links{ConnectWiseCompany: "251"}, Reason: "d"},
		{TenantID: contosoID, Tenant: contoso.Name, Status: Linked, Links: Links{ConnectWiseCompany: "250"}, Reason: `a"b, c`},
	}}
	for _, c := range []struct{ name, file string }{
		{"comma and CRLF", plain},
		{"byte order mark", "\ufeff" + plain},
		{"LF", strings.ReplaceAll(plain, "\r\n", "\n")},
		{"lone CR", strings.ReplaceAll(plain, "\r\n", "\r")},
		{"no end of the last line", strings.TrimSuffix(plain, "\r\n")},
		{"semicolons", strings.ReplaceAll(semicolons, "b; c", "b, c")},
		{"sep line", "sep=;\r\n" + strings.ReplaceAll(semicolons, "b; c", "b, c")},
		{"tabs", strings.ReplaceAll(strings.ReplaceAll(plain, ",", "\t"), "b\t c", "b, c")},
		{"UTF-16", string(wide)},
		{"blank lines and trailing separators", strings.ReplaceAll(plain, "\r\n", ",,\r\n") + ",,,,,\r\n\r\n"},
		{"head in capitals, other order", "Reason,STATUS, ConnectWise_Company ,Tenant_ID\n\"a\"\"b, c\",LINKED,250," + strings.ToUpper(contosoID) + "\nd, linked ,251," + fabrikamID + "\n"},
	} {
		got, edits, err := ImportLinks(strings.NewReader(c.file), columns, Table{}, tenants, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" || len(edits) != 6 {
			t.Errorf("%s: %d edits, want 6; table (-want +got):\n%s", c.name, len(edits), diff)
		}
	}
}

func TestALineOfTheLinkTable(t *testing.T) {
	for _, c := range []struct {
		name string
		head string
		line string
		want string // the row, or the problem in angle brackets
	}{
		{"links and no status", "tenant_id,connectwise_company,status", fabrikamID + ",9,", "linked map[connectwise_company:9]"},
		{"links beside the unmapped of the export", "tenant_id,connectwise_company,status", twinID + ",9,unmapped", "linked map[connectwise_company:9]"},
		{"a suggestion accepted", "tenant_id,status", fabrikamID + ",linked", "linked map[connectwise_company:251]"},
		{"a suggestion is not accepted by an empty status", "tenant_id,connectwise_company,status", fabrikamID + ",251,", "suggested map[connectwise_company:251]"},
		{"a suggestion refused by clearing it", "tenant_id,connectwise_company,status", fabrikamID + ",,unmapped", "unmapped map[]"},
		{"a suggestion corrected, status as it was", "tenant_id,connectwise_company,status", fabrikamID + ",252,suggested", "suggested map[connectwise_company:252]"},
		{"unlinked", "tenant_id,connectwise_company,connectwise_agreement,scim_cinode,status", contosoID + ",,,,", "unmapped map[]"},
		{"unmapped beside links that were there", "tenant_id,connectwise_company,status", contosoID + ",250,unmapped", "<line 2: status: unmapped, and links are filled in: clear their cells, or write linked>"},
		{"a column left out keeps its links", "tenant_id,connectwise_company", contosoID + ",260", "linked map[connectwise_agreement:1182 connectwise_company:260 scim_cinode:0077]"},
		{"a short line keeps them too", "tenant_id,connectwise_company,connectwise_agreement", contosoID + ",260", "linked map[connectwise_agreement:1182 connectwise_company:260 scim_cinode:0077]"},
		{"a word links where a column is no number", "tenant_id,scim_cinode", twinID + ", acme ", "linked map[scim_cinode:acme]"},
		{"ignored keeps its reason", "tenant_id,status,reason", twinID + ",Ignored,our own lab", "ignored map[] our own lab"},
		{"no longer ignored", "tenant_id,status,reason", adatumID + ",unmapped,", "unmapped map[]"},
		{"a number as spreadsheets write it", "tenant_id,connectwise_company", twinID + ",\"300,0\"", "linked map[connectwise_company:300]"},
		{"an own name", "customer,tenant_id", "Contoso UK," + twinID, "unmapped map[] customer Contoso UK"},
		{"the tenant's name is no own name", "customer,tenant_id", "contoso ltd," + twinID, "unmapped map[]"},

		{"linked to nothing", "tenant_id,status", twinID + ",linked", "<line 2: status: linked, and no link is filled in: fill one in or write unmapped>"},
		{"no status", "tenant_id,status", twinID + ",done", `<line 2: status: "done" is no status: write linked, suggested, ignored or unmapped>`},
		{"not an id, nobody to ask", "tenant_id,connectwise_company", twinID + ",Contoso", `<line 2: connectwise_company: "Contoso" is not a company id (a number)>`},
		{"cut short", "tenant_id,connectwise_company", twinID + ",1.82E+03", `<line 2: connectwise_company: "1.82E+03" is a number that a spreadsheet cut short: format the column as text and write the id again>`},
		{"zero", "tenant_id,itglue_organization", twinID + ",0", `<line 2: itglue_organization: "0" is not an organization id (a number)>`},
		{"a broken formula", "tenant_id,scim_cinode", twinID + ",#NAME?", `<line 2: scim_cinode: "#NAME?" is a formula that went wrong in a spreadsheet: write the value>`},
		{"agreement alone", "tenant_id,connectwise_agreement", twinID + ",55", "<line 2: connectwise_agreement: an agreement needs its company: fill in connectwise_company too>"},
		{"filter", "tenant_id,filter", twinID + ",dept=x", "<line 2: filter: \"dept\" is no word of a filter: write one of licence, group, domain, department, office, type, enabled, name; or write rest for whom no other part takes>"},
		{"an id that is none", "tenant_id,tenant", "contoso," + "Fabrikam Dental Inc", `<line 2: tenant_id: "contoso" is not a tenant id (a GUID such as 7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11) (did you mean 3a52c1de-90a4-4c1b-8f1e-6a2b7c9d0e22, Fabrikam "Dental", Inc., fabrikam.example?)>`},
		{"no id", "tenant_id,customer", ",adatum.example", "<line 2: tenant_id: empty: write the tenant's id (did you mean c0ffee00-1111-4222-8333-444455556666, =Adatum, adatum.example?)>"},
		{"an unknown tenant", "tenant_id,connectwise_company", "11111111-2222-4333-8444-555566667777,7", "<line 2: tenant_id: the source lists no tenant 11111111-2222-4333-8444-555566667777: correct the id or leave the line out>"},
		{"one column sorted alone", "tenant_id,tenant,connectwise_company", contosoID + ",'=Adatum,7", `<line 2: tenant: 7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11 is tenant "Contoso Ltd", and "=Adatum" is tenant c0ffee00-1111-4222-8333-444455556666: were some columns sorted without the others? Export again>`},
		{"a cell too many", "tenant_id,status", twinID + ",ignored,Smith, John", `<line 2: "Smith" stands to the right of the last named column: is a cell with a separator in it not quoted?>`},
		{"an open quote", "tenant_id,reason", twinID + `,"never closed`, `<line 2: a quote is opened and never closed: write " inside a cell as "">`},
		{"a quote inside", "tenant_id,reason", twinID + `,"the "old" one"`, `<line 2: "old\" one\"" follows a closing quote: write " inside a cell as "">`},
		{"somebody else's agreement", "tenant_id,connectwise_company,connectwise_agreement", twinID + ",250,1182", "<line 2: connectwise_company: tenant 7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11 (Contoso Ltd) is linked to company 250 too: two tenants on one agreement overwrite each other; give each its own connectwise_agreement>"},
		{"another agreement of the same company", "tenant_id,connectwise_company,connectwise_agreement", twinID + ",250,1183", "linked map[connectwise_agreement:1183 connectwise_company:250]"},

		{"an unknown column", "tenant_id,conectwise", twinID + ",1", `<line 1: unknown column "conectwise": the columns are customer, tenant_id, tenant, filter, connectwise_company, connectwise_company_name, connectwise_agreement, connectwise_agreement_name, itglue_organization, itglue_organization_name, scim_cinode, status, reason>`},
		{"a column twice", "tenant_id,status,Status", twinID + ",,", "<line 1: status: the column is there twice: keep one>"},
		{"no head", twinID + ",250", "", `<line 1: unknown column "d00df00d-aaaa-4bbb-8ccc-ddddeeeeffff": the columns are customer`},
	} {
		table := settledTable()
		got, _, err := ImportLinks(strings.NewReader(c.head+"\n"+c.line+"\n"), columns, table, tenants, nil)
		if err != nil {
			if diff := cmp.Diff(settledTable(), got); diff != "" {
				t.Errorf("%s: a refused file changed the table (-want +got):\n%s", c.name, diff)
			}
			if text := "<" + err.Error() + ">"; !strings.HasPrefix(text, c.want) {
				t.Errorf("%s: got  %s\nwant %s", c.name, text, c.want)
			}
			continue
		}
		var id directory.TenantID
		for _, cell := range strings.Split(strings.ToLower(c.line), ",") {
			if parsed, err := directory.ParseTenantID(cell); err == nil {
				id = parsed
			}
		}
		row, ok := got.Row(id)
		if !ok {
			row.Status = Unmapped
		}
		text := fmt.Sprintf("%s %v", row.Status, row.Links)
		if row.Reason != "" && row.Status == Ignored {
			text += " " + row.Reason
		}
		if row.Customer != "" {
			text += " customer " + row.Customer
		}
		if text != c.want {
			t.Errorf("%s: got %s, want %s", c.name, text, c.want)
		}
	}
}

func TestEveryBadLineIsNamedAndNothingImported(t *testing.T) {
	file := strings.Join([]string{
		"customer,tenant_id,connectwise_company,connectwise_agreement,filter,status",
		"Acme," + contosoID + ",abc,,,linked",
		"ACME ," + fabrikamID + ",5,,,linked",
		"," + contosoID + ",7,,,linked",
		"," + adatumID + ",,9,half,odd",
	}, "\n")
	got, edits, err := ImportLinks(strings.NewReader(file), columns, settledTable(), tenants, nil)
	var all *ImportError
	if !errors.As(err, &all) {
		t.Fatalf("got %v, want an ImportError", err)
	}
	want := []string{
		`line 2: connectwise_company: "abc" is not a company id (a number)`,
		`line 4: tenant_id: tenant 7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11 is on line 2 already: keep one of the two lines`,
		`line 5: filter: "half" is no word of a filter: write one of licence, group, domain, department, office, type, enabled, name; or write rest for whom no other part takes`,
		`line 5: customer: empty: a part of a tenant is a customer by itself, and its name is its key; give it one`,
		`line 5: status: "odd" is no status: write linked, suggested, ignored or unmapped`,
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), err.Error()); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if len(Problems(err)) != len(want) || len(edits) != 0 || !cmp.Equal(got, settledTable()) {
		t.Errorf("got %d problems, %d edits, table %v; want %d, none, as it was", len(Problems(err)), len(edits), got, len(want))
	}
}

func TestNamesAndIdentifiersBecomeIds(t *testing.T) {
	file := "tenant_id,connectwise_company,scim_cinode\n" + twinID + ",ContosoUK,ContosoUK\n"
	got, _, err := ImportLinks(strings.NewReader(file), columns, Table{}, tenants, called)
	row, _ := got.Row(twinID)
	if want := (Links{ConnectWiseCompany: "77", "scim_cinode": "ContosoUK"}); err != nil || !cmp.Equal(row.Links, want) {
		t.Errorf("got %v, %v; want %v", row.Links, err, want)
	}
	_, _, err = ImportLinks(strings.NewReader(strings.ReplaceAll(file, "ContosoUK", "Nobody")), columns, Table{}, tenants, called)
	if want := `line 2: connectwise_company: no company is called "Nobody"; write its id`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// called knows the places of these tests, and counts nothing.
func called(column string, texts []string) (map[string]Found, error) {
	all := map[string]Entity{
		ConnectWiseCompany + "250": {ID: "250", Name: "Contoso Limited", Alias: "Contoso"}, ConnectWiseCompany + "251": {ID: "251", Name: "Fabrikam Dental"},
		ConnectWiseCompany + "ContosoUK": {ID: "77", Name: "Contoso UK", Alias: "ContosoUK"}, ConnectWiseCompany + "77": {ID: "77", Name: "Contoso UK"},
		ConnectWiseAgreement + "1182": {ID: "1182", Name: "Managed", Company: "250"}, ConnectWiseAgreement + "1183": {ID: "1183", Name: "Managed", Company: "251"},
		ITGlueOrganization + "4042421234567891": {ID: "4042421234567891", Name: "Contoso"}, ITGlueOrganization + "4042421234567890": {ID: "4042421234567890", Name: "Somebody else"},
	}
	out := map[string]Found{}
	for _, text := range texts {
		if p, there := all[column+text]; there {
			out[text] = Found{Entity: p}
		} else if text == "Nobody" {
			out[text] = Found{Err: fmt.Errorf("no company is called %q; write its id", text)}
		}
	}
	return out, nil
}

// What an id leads to, with the name beside it and without.
func TestAnIdMustExistAndLeadToWhoTheNameBesideItSays(t *testing.T) {
	const org, roundedOrg = "4042421234567891", "4042421234567890"
	current := Table{Rows: []Row{{TenantID: contosoID, Tenant: contoso.Name, Status: Linked,
		Links: Links{ConnectWiseCompany: "250", ConnectWiseAgreement: "1182", ITGlueOrganization: org}}}}
	gone := Table{Rows: []Row{{TenantID: contosoID, Tenant: contoso.Name, Status: Linked, Links: Links{ConnectWiseCompany: "999999"}}}}
	const company, agreement, organization = "connectwise_company,connectwise_company_name", "connectwise_agreement,connectwise_agreement_name", "itglue_organization,itglue_organization_name"
	for _, c := range []struct {
		name    string
		table   Table
		columns string
		cells   string
		want    string // of the error; empty: good
		links   Links
	}{
		{"an id that exists", Table{}, company, "250,", "", Links{ConnectWiseCompany: "250"}},
		{"its name beside it, as people spell it", Table{}, company, "250,contoso  LIMITED", "", Links{ConnectWiseCompany: "250"}},
		{"its identifier beside it", Table{}, company, "250,contoso", "", Links{ConnectWiseCompany: "250"}},
		{"an id that does not exist", Table{}, company, "999999,", "line 2: connectwise_company: there is no company 999999", nil},
		{"somebody else's id", Table{}, company, "251,Contoso Limited", `line 2: connectwise_company: company 251 is "Fabrikam Dental", and connectwise_company_name says "Contoso Limited"`, nil},
		{"a name, and another one beside it", Table{}, company, "ContosoUK,Contoso Limited", `company 77 is "Contoso UK"`, nil},
		{"a name without an id", Table{}, company, ",Contoso Limited", `connectwise_company: empty, and connectwise_company_name says "Contoso Limited": write the id, or the name, here`, nil},
		{"a link that is cleared, its name left", gone, company, ",Contoso Limited", "", nil},
		{"an organization that a spreadsheet rounded to somebody else's", current, organization, roundedOrg + ",Contoso", "looks like " + org + " after a spreadsheet had rounded it", nil},
		{"the same without a name", current, organization, roundedOrg + ",", "looks like " + org + " after a spreadsheet had rounded it", nil},
		{"the same where nothing was linked yet", Table{}, organization, roundedOrg + ",Contoso", `organization ` + roundedOrg + ` is "Somebody else"`, nil},
		{"a short form of it", current, organization, "4.04242E+15,Contoso", "cut short", nil},
		{"as it was, the name wrong", current, organization, org + ",Fabrikam", `organization ` + org + ` is "Contoso"`, nil},
		{"columns left out leave their links alone", current, company, "250,Contoso Limited", "", current.Rows[0].Links},
		{"an agreement of another company", Table{}, company + "," + agreement, "250,,1183,", "agreement 1183 (Managed) belongs to company 251 and not to 250", nil},
		{"an agreement that does not exist", Table{}, company + "," + agreement, "250,,4,", "there is no agreement 4", nil},
		{"company and agreement", Table{}, company + "," + agreement, "251,,1183,Managed", "", Links{ConnectWiseCompany: "251", ConnectWiseAgreement: "1183"}},
		{"a link that is gone and stays as it is", gone, company, "999999,", "", Links{ConnectWiseCompany: "999999"}},
		{"only the organization's column", current, organization, org + ",", "", current.Rows[0].Links},
	} {
		file := "tenant_id," + c.columns + "\n" + contosoID + "," + c.cells + "\n"
		got, edits, err := ImportLinks(strings.NewReader(file), columns, c.table, tenants, called)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || len(edits) > 0 || !cmp.Equal(got, c.table) {
				t.Errorf("%s: got %v, %v; want %q and nothing imported", c.name, edits, err, c.want)
			}
			continue
		}
		if row, _ := got.Row(contosoID); err != nil || !cmp.Equal(row.Links, c.links) {
			t.Errorf("%s: got %v, %v; want %v", c.name, row.Links, err, c.links)
		}
	}
}

func TestLinksAreLookedUpTogetherOrRefused(t *testing.T) {
	asked := map[string]int{}
	count := func(column string, texts []string) (map[string]Found, error) {
		asked[column]++
		return called(column, texts)
	}
	file := "tenant_id,connectwise_company,itglue_organization\n" + contosoID + ",250,4042421234567891\n" + fabrikamID + ",251,4042421234567891\n" + twinID + ",77.0,\n"
	if _, _, err := ImportLinks(strings.NewReader(file), columns, Table{}, tenants, count); err != nil || asked[ConnectWiseCompany] != 1 || asked[ITGlueOrganization] != 1 || len(asked) != 2 {
		t.Errorf("got %v, %v; want one question a column", asked, err)
	}
	down := func(string, []string) (map[string]Found, error) { return nil, errors.New("ConnectWise is down") }
	got, _, err := ImportLinks(strings.NewReader(file), columns, settledTable(), tenants, down)
	if err == nil || Problems(err) != nil || !strings.Contains(err.Error(), "ConnectWise is down") || !cmp.Equal(got, settledTable()) {
		t.Errorf("got %v, want nothing imported and why", err)
	}
}

func TestAFileThatIsNoTableIsRefusedWithTheWayOut(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"empty", "\ufeff\r\n", "the file is empty"},
		{"a workbook", "PK\x03\x04rest", "Excel workbook"},
		{"another code page", "tenant_id,tenant\n" + contosoID + ",M\xfcller\n", "line 2: a letter is not in UTF-8"},
		{"UTF-16 without a mark", "t\x00e\x00", "not text in UTF-8"},
	} {
		_, _, err := ImportLinks(strings.NewReader(c.file), columns, Table{}, nil, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestFormulasAreDefusedAndComeBack(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+49": "'+49", "-x": "'-x", "@a": "'@a", "\tx": "'\tx", "\rx": "'\rx",
		"'=1": "''=1", "'quoted'": "'quoted'", "": "", "'": "'", "a=b": "a=b",
	} {
		if got := escapeFormula(text); got != want {
			t.Errorf("disarm %q: got %q, want %q", text, got, want)
		}
		if got := unescapeFormula(escapeFormula(text)); got != text {
			t.Errorf("arm of disarm %q: got %q", text, got)
		}
	}
}

func TestCustomersOfTenantsThatAreGoneStayInTheTable(t *testing.T) {
	table := settledTable()
	gone := table.Customers(tenants[1:])
	var b bytes.Buffer
	if err := ExportLinks(&b, columns, gone, table, called); err != nil {
		t.Fatal(err)
	}
	got, edits, err := ImportLinks(&b, columns, table, tenants[1:], nil)
	if row, _ := got.Row(contosoID); err != nil || len(edits) != 0 || row.Status != Linked {
		t.Errorf("got %v, edits %v, %v; want the row of the tenant that is gone as it was", row, edits, err)
	}
}

func FuzzImportLinks(f *testing.F) {
	f.Add([]byte(exportLinks(f, settledTable(), tenants)))
	f.Add([]byte("sep=;\ntenant_id;status\n" + contosoID + ";ignored\n"))
	f.Add([]byte("customer,tenant_id,connectwise_company\nAcme," + contosoID + ",9\nAcme," + twinID + ",\n"))
	f.Add([]byte("customer,tenant_id,filter,connectwise_company\nA," + contosoID + ",department=x|y; not name=z*,9\nB," + contosoID + ",rest,8\n"))
	f.Add([]byte("\xff\xfet\x00"))
	f.Add([]byte("tenant_id,reason\r\"a\"b,\"\r\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		table := settledTable()
		got, edits, err := ImportLinks(bytes.NewReader(file), columns, table, tenants, nil)
		if !cmp.Equal(table, settledTable()) {
			t.Fatalf("the table that was given changed: %v", table)
		}
		if err != nil {
			if !cmp.Equal(got, table) || len(edits) > 0 {
				t.Fatalf("partly imported: %v, %v after %v", got, edits, err)
			}
			return
		}
		out := exportLinks(t, got, tenants)
		again, edits, err := ImportLinks(strings.NewReader(out), columns, got, tenants, nil)
		if err != nil || len(edits) > 0 || exportLinks(t, again, tenants) != out {
			t.Fatalf("not stable: edits %q, %v\n%q", edits, err, out)
		}
	})
}
