package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/report"
)

func suggestLinksCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "suggest", Short: "Propose links, with scores and evidence; links nothing", Args: cobra.NoArgs,
		RunE: a.stateful(func(ctx context.Context, w *World, _ []string) error {
			suggestions, err := w.suggestLinks(ctx)
			if err != nil {
				return err
			}
			return a.print(struct {
				Suggestions []mapping.Suggestion `json:"suggestions"`
			}{listed(suggestions)}, func(out io.Writer) error { return writeLinkSuggestions(a.page(out), suggestions) })
		})}
}

// suggestLinks proposes a link for each tenant and system that has none, and
// keeps the proposals in the table, where they are not in force.
func (w *World) suggestLinks(ctx context.Context) ([]mapping.Suggestion, error) {
	if w.ConnectWise == nil && w.ITGlue == nil {
		return nil, usage("neither connectwise nor itglue is configured; there is nothing to suggest")
	}
	stored, version, err := document[mapping.Table](ctx, w.Store, linksDocument)
	if err != nil {
		return nil, err
	}
	tenants, err := w.tenants(ctx)
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
	return all, put(ctx, w.Store, linksDocument, version, table)
}

// suggestAgreements proposes agreements where a company has several that fit.
func (w *World) suggestAgreements(ctx context.Context, tenants []directory.Tenant, table mapping.Table) ([]mapping.Suggestion, error) {
	rules, err := w.rules(ctx)
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
func (w *World) organizationEvidence(ctx context.Context, table mapping.Table) ([]mapping.CompanyEvidence, error) {
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
func (w *World) tenantEvidence(ctx context.Context, tenants []directory.Tenant) ([]mapping.TenantEvidence, error) {
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

func (w *World) companyEvidence(ctx context.Context) ([]mapping.CompanyEvidence, error) {
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

func writeLinkSuggestions(p *page, suggestions []mapping.Suggestion) error {
	s := report.Sheet{Columns: []report.Column{{Name: "Tenant"}, {Name: "Domain"}, {Name: "Link"}, {Name: "Id"}, {Name: "Name"}, {Name: "Score", Number: true}, {Name: "Evidence"}}}
	sure := 0
	suggestions = slices.Clone(suggestions)
	slices.SortStableFunc(suggestions, func(a, b mapping.Suggestion) int {
		return strings.Compare(strings.ToLower(a.TenantName), strings.ToLower(b.TenantName))
	})
	for _, x := range suggestions {
		if x.Acceptable(mapping.DefaultAccept) {
			sure++
		}
		for i, row := range candidates(x.Candidates, x.Ambiguous) {
			who, domain, system := x.Tenant.Name, x.Tenant.DefaultDomain, linkNoun(x.Column)
			if i > 0 {
				who, domain, system = "", "", ""
			}
			s.Rows = append(s.Rows, append([]string{who, domain, system}, row...))
		}
	}
	if len(s.Rows) > 0 {
		if err := s.Table(p.w, p.width); err != nil {
			return err
		}
	}
	p.flow("", fmt.Sprintf("nothing is linked yet. syncd map accept links the %d that score %.2f or more; syncd map accept CUSTOMER links one; syncd map export FILE for the rest", sure, mapping.DefaultAccept))
	if p.err == nil {
		p.err = writeChoices(p.w, suggestions)
	}
	return p.err
}

// writeChoices writes, for each suggestion that a person must decide on, the
// commands from which to take one.
func writeChoices(out io.Writer, suggestions []mapping.Suggestion) error {
	var lines []string
	for _, x := range suggestions {
		if x.Acceptable(mapping.DefaultAccept) {
			continue
		}
		for i, c := range x.Candidates {
			if i > 0 && x.Ambiguous == "" {
				break
			}
			lines = append(lines, fmt.Sprintf("  syncd map accept %s %s %s   # %s", typed(x.TenantID, x.TenantName, suggestions), x.Column, c.ID, clean(c.Name)))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "to decide, take the right ones of:\n%s\n", strings.Join(lines, "\n"))
	return err
}

// typed is a customer as a shell takes it: by name, or by key where another has
// the same name.
func typed(key, name string, among []mapping.Suggestion) string {
	for _, other := range among {
		if other.TenantID != key && strings.EqualFold(other.TenantName, name) {
			return key
		}
	}
	if clean(name) != name || name == "" || strings.HasPrefix(name, "-") {
		return key
	}
	return quoted(name)
}

// quoted puts text into quotes where a shell would take it apart.
func quoted(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._/@+", r)
	}) {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}

// linkNoun is what the link of a column leads to.
func linkNoun(column string) string { return column[strings.LastIndex(column, "_")+1:] }

// candidates are the lines of one suggestion: the clear one, or all of those
// between which a person must choose.
func candidates(of []mapping.Candidate, ambiguous string) [][]string {
	var rows [][]string
	for i, c := range of {
		evidence := strings.Join(c.Evidence, "; ")
		if ambiguous != "" && i == 0 {
			evidence = "ambiguous, " + ambiguous + ": " + evidence
		}
		rows = append(rows, []string{c.ID, c.Name, fmt.Sprintf("%.2f", c.Score), evidence})
		if ambiguous == "" {
			break
		}
	}
	return rows
}
