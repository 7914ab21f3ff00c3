package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// SuggestLinks proposes a link for each tenant and system that has none, and
// keeps the proposals in the table, where they are not in force.
func (w *App) SuggestLinks(ctx context.Context) ([]mapping.Suggestion, error) {
	if w.ConnectWise == nil && w.ITGlue == nil {
		return nil, Usage("neither connectwise nor itglue is configured; there is nothing to suggest")
	}
	stored, version, err := Document[mapping.Table](ctx, w.Store, LinksDocument)
	if err != nil {
		return nil, err
	}
	tenants, err := w.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	table := stored.Unsuggested()
	open := slices.DeleteFunc(slices.Clone(tenants), func(t directory.Tenant) bool {
		row, _ := table.Row(t.ID)
		missing := w.ConnectWise != nil && row.Links[mapping.ConnectWiseCompany] == "" || w.ITGlue != nil && row.Links[mapping.ITGlueOrganization] == ""
		return row.Status == mapping.Ignored || row.Status == mapping.Linked && !missing
	})
	evidence, err := w.tenantEvidence(ctx, open)
	if err != nil {
		return nil, err
	}
	for _, t := range tenants { // the others tell what is theirs, by the domains that the list itself gives
		if !slices.ContainsFunc(open, func(o directory.Tenant) bool { return o.ID == t.ID }) {
			evidence = append(evidence, mapping.TenantEvidence{Tenant: t})
		}
	}
	var all []mapping.Suggestion
	keep := func(suggestions []mapping.Suggestion) {
		var rows []mapping.Row
		for _, s := range suggestions {
			before, _ := table.Row(s.Tenant.ID)
			if row, ok := s.Row(before); ok {
				rows = append(rows, row)
			}
		}
		table = table.With(rows...)
		all = append(all, suggestions...)
	}
	if w.ConnectWise != nil {
		companies, err := w.companyEvidence(ctx)
		if err != nil {
			return nil, err
		}
		keep(mapping.SuggestCompanies(evidence, companies, table))
	}
	if w.ConnectWise != nil {
		agreements, err := w.suggestAgreements(ctx, tenants, table)
		if err != nil {
			return nil, err
		}
		keep(agreements)
	}
	if w.ITGlue != nil {
		// After the companies: an organization follows from the company it is tied to.
		organizations, err := w.organizationEvidence(ctx, table)
		if err != nil {
			return nil, err
		}
		keep(mapping.SuggestLinks(mapping.ITGlueOrganization, evidence, organizations, table))
	}
	return all, Put(ctx, w.Store, LinksDocument, version, table)
}

// suggestAgreements proposes agreements where a company has several that fit.
func (w *App) suggestAgreements(ctx context.Context, tenants []directory.Tenant, table mapping.Table) ([]mapping.Suggestion, error) {
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	var companies []string
	for _, row := range table.Rows {
		if (row.Status == mapping.Linked || row.Status == mapping.Suggested) && row.Links[mapping.ConnectWiseAgreement] == "" {
			companies = append(companies, row.Links[mapping.ConnectWiseCompany])
		}
	}
	evidence, err := w.ConnectWise.AgreementEvidence(ctx, rules, companies)
	if err != nil {
		return nil, fmt.Errorf("reading the agreements: %w", err)
	}
	return mapping.SuggestAgreements(tenants, evidence, table), nil
}

// organizationEvidence says what speaks for each organization of IT Glue: the
// ConnectWise company it is tied to, where a tenant has one, confirmed by IT
// Glue's own search; then names, domains and contacts.
func (w *App) organizationEvidence(ctx context.Context, table mapping.Table) ([]mapping.CompanyEvidence, error) {
	organizations, err := w.ITGlue.Organizations(ctx)
	if err != nil {
		return nil, err
	}
	found, err := w.ITGlue.Evidence(ctx)
	if err != nil {
		w.Log.Warn().Err(err).Msg("contacts and domains of IT Glue not read; suggestions go without them")
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
			if own, err := w.ITGlue.OrganizationsOfCompany(ctx, company); err != nil || !slices.Equal(own, []string{id}) {
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

// tenantEvidence gathers the verified domains of tenants. One that cannot be
// read keeps the domains that the list itself gives.
func (w *App) tenantEvidence(ctx context.Context, tenants []directory.Tenant) ([]mapping.TenantEvidence, error) {
	read, err := w.CIPP.VerifiedDomains(ctx, tenants)
	if err != nil {
		return nil, err
	}
	verified := map[directory.TenantID][]string{}
	for _, d := range read {
		verified[d.Tenant] = d.Names
	}
	out := make([]mapping.TenantEvidence, len(tenants))
	for i, t := range tenants {
		out[i] = mapping.TenantEvidence{Tenant: t, Domains: verified[t.ID]}
		if len(out[i].Domains) == 0 && t.DefaultDomain != "" {
			out[i].Domains = []string{t.DefaultDomain}
		}
	}
	return out, nil
}

func (w *App) companyEvidence(ctx context.Context) ([]mapping.CompanyEvidence, error) {
	companies, err := w.ConnectWise.Companies(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the companies: %w", err)
	}
	domains, err := w.ConnectWise.ContactDomains(ctx)
	if err != nil {
		w.Log.Warn().Err(err).Msg("contacts not read; suggestions go without their mail domains")
	}
	out := make([]mapping.CompanyEvidence, len(companies))
	for i, c := range companies {
		out[i] = mapping.CompanyEvidence{ID: strconv.Itoa(c.ID), Name: c.Name, Identifier: c.Identifier, Website: c.Website,
			Texts: append([]string{c.AccountNumber, c.VendorIdentifier}, c.UserDefined...), CustomFields: c.CustomFields, ContactDomains: domains[c.ID]}
	}
	return out, nil
}

// LinkNoun is what the link of a column leads to.
func LinkNoun(column string) string { return column[strings.LastIndex(column, "_")+1:] }
