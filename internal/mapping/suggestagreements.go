package mapping

import (
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// scoreCarries is the score of an agreement that has lines of products with a rule:
// somebody bills them there already.
const scoreCarries = 0.95

// AgreementEvidence is one agreement under which a company could be billed.
type AgreementEvidence struct {
	ID       string
	Name     string
	Relation string   // to others: child of, parent of
	Carries  []string // the ruled products of which it has open lines
}

// SuggestAgreements suggests an agreement for every tenant whose company is
// linked or clearly suggested and has several that fit, or only a child: the
// others need none. byCompany holds those companies and nobody else. Where one
// agreement alone carries lines of the ruled products, that is evidence; anything
// else is for a person.
func SuggestAgreements(tenants []directory.Tenant, byCompany map[string][]AgreementEvidence, table Table) []Suggestion {
	taken := map[string]string{} // agreement → who is billed under it
	for _, row := range table.Rows {
		if a := row.Links[ConnectWiseAgreement]; a != "" && row.Status == Linked {
			taken[a] = row.Tenant
		}
	}
	sharing := map[string][]string{} // company → the tenants that it is the company of
	for _, row := range table.Rows {
		if c := row.Links[ConnectWiseCompany]; c != "" && (row.Status == Linked || row.Status == Suggested) {
			sharing[c] = append(sharing[c], row.Tenant)
		}
	}
	var out []Suggestion
	for _, t := range tenants {
		row, _ := table.Row(t.ID)
		all := byCompany[row.Links[ConnectWiseCompany]]
		if table.Made(t.ID) || row.Links[ConnectWiseAgreement] != "" || row.Status != Linked && row.Status != Suggested || len(all) == 0 {
			continue
		}
		s := Suggestion{Tenant: t, TenantID: string(t.ID), TenantName: t.Name, Column: ConnectWiseAgreement}
		var carriers []string
		for _, a := range all {
			if taken[a.ID] != "" {
				continue // two tenants on one agreement overwrite each other
			}
			c := Candidate{ID: a.ID, Name: a.Name, Score: 0.5, Evidence: []string{"it fits"}}
			if len(a.Carries) > 0 {
				c.Score, c.Evidence = scoreCarries, []string{"carries lines of " + strings.Join(a.Carries, ", ")}
				carriers = append(carriers, a.Name)
			}
			if a.Relation != "" {
				c.Evidence = append(c.Evidence, a.Relation)
			}
			s.Candidates = append(s.Candidates, c)
		}
		if len(s.Candidates) == 0 {
			continue
		}
		slices.SortStableFunc(s.Candidates, func(a, b Candidate) int { return int(100*b.Score) - int(100*a.Score) })
		switch others := sharing[row.Links[ConnectWiseCompany]]; {
		case len(others) > 1:
			s.Ambiguous = fmt.Sprintf("%d tenants are linked to that company, and each needs an agreement of its own", len(others))
		case len(carriers) == 0:
			s.Ambiguous = "none carries a line of a product that a rule bills"
		case len(carriers) > 1:
			s.Ambiguous = "lines of ruled products are on " + strings.Join(carriers, " and ")
		default:
			s.Candidates[0].Evidence[0] = "alone " + s.Candidates[0].Evidence[0]
		}
		out = append(out, s)
	}
	return out
}

// PrepareChoice returns the table with the other suggested links of a row turned into
// proposals, so that a person's choice of some columns puts no other into force; except
// for the company, where its agreement is chosen.
func (t Table) PrepareChoice(id directory.TenantID, chosen ...Column) Table {
	row, there := t.Row(id)
	if !there || row.Status != Suggested {
		return t
	}
	kept, proposed := Links{}, map[string]Proposal{}
	_, evidence, _ := strings.Cut(row.Reason, ": ")
	for c, p := range row.Proposed {
		proposed[c] = p
	}
	for c, value := range row.Links {
		if slices.ContainsFunc(chosen, func(column Column) bool { return column.Within == c }) {
			kept[c] = value
		} else {
			proposed[c] = Proposal{Value: value, Score: row.Score(), Reason: evidence}
		}
	}
	for _, column := range chosen {
		delete(proposed, column.Name)
	}
	row.Links, row.Proposed, row.Status, row.Reason = kept, proposed, Suggested, ""
	if len(kept) == 0 {
		row.Links, row.Status = nil, Unmapped
	}
	return t.With(row)
}
