package itglue

import (
	"context"
	"fmt"
	"slices"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// Suggest proposes organizations. It comes after the companies of ConnectWise: an
// organization follows from the company it is tied to.
func (c *Client) Suggest(ctx context.Context, d *mapping.Draft) error {
	organizations, err := c.organizationEvidence(ctx, d.Table)
	if err != nil {
		return err
	}
	d.Add(mapping.SuggestLinks(mapping.ITGlueOrganization, d.Evidence, organizations, d.Table))
	return nil
}

// organizationEvidence says what speaks for each organization of IT Glue: the
// ConnectWise company it is tied to, where a tenant has one, confirmed by IT
// Glue's own search; then names, domains and contacts.
func (c *Client) organizationEvidence(ctx context.Context, table mapping.Table) ([]mapping.CompanyEvidence, error) {
	organizations, err := c.Organizations(ctx)
	if err != nil {
		return nil, err
	}
	found, err := c.Evidence(ctx)
	if err != nil {
		c.log.Warn().Err(err).Msg("contacts and domains of IT Glue not read; suggestions go without them")
		found = nil
	}
	derived := map[string]map[directory.TenantID]mapping.Derivation{}
	tied := map[string][]string{} // organizations by company
	for _, o := range organizations {
		if company, ok := o.Company(); ok && !o.Primary {
			tied[company] = append(tied[company], o.ID)
		}
	}
	for _, row := range table.Rows {
		company := row.Links[mapping.ConnectWiseCompany]
		if company == "" || row.Status == mapping.Ignored || row.Links[mapping.ITGlueOrganization] != "" {
			continue
		}
		for _, id := range tied[company] {
			d := mapping.Derivation{Score: 1, Text: fmt.Sprintf("IT Glue ties it to ConnectWise company %s, and its own search agrees", company)}
			if own, err := c.OrganizationsOfCompany(ctx, company); err != nil || !slices.Equal(own, []string{id}) {
				d = mapping.Derivation{Score: 0.8, Text: fmt.Sprintf("IT Glue ties it to ConnectWise company %s, but its own search does not say the same", company)}
			}
			if row.Status == mapping.Suggested {
				d.Score = min(d.Score, row.Score()) // no surer than the company it hangs on
			}
			if derived[id] == nil {
				derived[id] = map[directory.TenantID]mapping.Derivation{}
			}
			derived[id][row.TenantID] = d
		}
	}
	out := make([]mapping.CompanyEvidence, 0, len(organizations))
	for _, o := range organizations {
		if o.Primary {
			continue // the MSP's own
		}
		e := mapping.CompanyEvidence{ID: o.ID, Name: o.Name, Identifier: o.ShortName, Derived: derived[o.ID]}
		if more := found[o.ID]; more != nil {
			e.ContactDomains, e.Domains = more.ContactDomains, more.Domains
		}
		out = append(out, e)
	}
	return out, nil
}
