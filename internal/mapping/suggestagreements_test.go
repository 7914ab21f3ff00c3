package mapping

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/directory"
)

func TestWhichAgreementIsSuggested(t *testing.T) {
	plain := AgreementEvidence{ID: "56", Name: "Backup"}
	carrying := AgreementEvidence{ID: "55", Name: "Managed", Carries: []string{"M365-BP", "M365-E3"}}
	child := AgreementEvidence{ID: "57", Name: "Seats", Relation: "child of 55 (Managed), billed on its invoice", Carries: []string{"M365-BP"}}
	at := func(status Status, links Links) []Row {
		return []Row{{TenantID: contosoID, Tenant: contoso.Name, Status: status, Links: links}}
	}
	company := Links{ConnectWiseCompany: "250"}
	for _, c := range []struct {
		name      string
		rows      []Row
		evidence  []AgreementEvidence
		want      string // the ids, best first
		ambiguous string
		says      []string // of the first
	}{
		{"one alone carries lines", at(Linked, company), []AgreementEvidence{plain, carrying}, "55 56", "", []string{"alone carries lines of M365-BP, M365-E3"}},
		{"the same for a company that is only suggested", at(Suggested, company), []AgreementEvidence{plain, carrying}, "55 56", "", []string{"alone carries lines of M365-BP, M365-E3"}},
		{"two carry lines", at(Linked, company), []AgreementEvidence{plain, carrying, child}, "55 57 56", "lines of ruled products are on Managed and Seats", []string{"carries lines of M365-BP, M365-E3"}},
		{"none does", at(Linked, company), []AgreementEvidence{plain}, "56", "none carries a line of a product that a rule bills", []string{"it fits"}},
		{"only a child, and it carries lines", at(Linked, company), []AgreementEvidence{child}, "57", "", []string{"alone carries lines of M365-BP", "child of 55 (Managed), billed on its invoice"}},
		{"one is named already", at(Linked, Links{ConnectWiseCompany: "250", ConnectWiseAgreement: "55"}), []AgreementEvidence{plain, carrying}, "", "", nil},
		{"an ignored customer", at(Ignored, company), []AgreementEvidence{plain, carrying}, "", "", nil},
		{"nobody has to choose", at(Linked, company), nil, "", "", nil},
		{"another tenant is billed under it", append(at(Linked, company), Row{TenantID: twinID, Tenant: "Twin", Status: Linked, Links: Links{ConnectWiseCompany: "251", ConnectWiseAgreement: "55"}}),
			[]AgreementEvidence{plain, carrying}, "56", "none carries a line of a product that a rule bills", []string{"it fits"}},
		{"two tenants on one company", append(at(Linked, company), Row{TenantID: twinID, Tenant: "Twin", Status: Linked, Links: Links{ConnectWiseCompany: "250", ConnectWiseAgreement: "56"}}),
			[]AgreementEvidence{plain, carrying}, "55", "2 tenants are linked to that company, and each needs an agreement of its own", []string{"carries lines of M365-BP, M365-E3"}},
	} {
		got := SuggestAgreements([]directory.Tenant{contoso}, map[string][]AgreementEvidence{"250": c.evidence}, Table{Rows: c.rows})
		if c.want == "" {
			if len(got) > 0 {
				t.Errorf("%s: got %+v, want nothing", c.name, got)
			}
			continue
		}
		if len(got) != 1 {
			t.Errorf("%s: got %+v, want one", c.name, got)
			continue
		}
		ids := ""
		for i, candidate := range got[0].Candidates {
			if i > 0 {
				ids += " "
			}
			ids += candidate.ID
		}
		if ids != c.want || got[0].Ambiguous != c.ambiguous || !cmp.Equal(got[0].Candidates[0].Evidence, c.says) || got[0].Column != ConnectWiseAgreement {
			t.Errorf("%s: got %+v", c.name, got[0])
		}
	}
}

func TestAChoiceBringsNothingElseIntoForce(t *testing.T) {
	table := Table{Rows: []Row{{TenantID: contosoID, Tenant: contoso.Name, Status: Suggested, Reason: "0.95: the website",
		Links: Links{ConnectWiseCompany: "250", ITGlueOrganization: "7"}}}}
	chosen := table.PrepareChoice(contosoID, columns[2])
	row, _ := chosen.Row(contosoID)
	want := Row{TenantID: contosoID, Tenant: contoso.Name, Status: Unmapped, Proposed: map[string]Proposal{ConnectWiseCompany: {Value: "250", Score: 0.95, Reason: "the website"}}}
	if diff := cmp.Diff(want, row); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	chosen = table.PrepareChoice(contosoID, columns[1])
	row, _ = chosen.Row(contosoID)
	if row.Status != Suggested || !cmp.Equal(row.Links, Links{ConnectWiseCompany: "250"}) || row.Proposed[ITGlueOrganization].Value != "7" {
		t.Errorf("got %+v, want the company beside its agreement and the rest proposed", row)
	}
}
