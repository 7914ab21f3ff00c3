package connectwise

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"syncd/internal/mapping"
	"syncd/internal/money"
)

// AgreementEvidence returns, for those of some companies whose agreement is not
// found by itself, the agreements that fit and what speaks for each: the lines
// of ruled products on it, and how it stands to the others.
func (c *Client) AgreementEvidence(ctx context.Context, rules mapping.Rules, companies []string) (map[string][]mapping.AgreementEvidence, error) {
	var ids []int
	for _, text := range companies {
		if id, err := strconv.Atoi(text); err == nil && id > 0 {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	all, err := c.agreements(ctx, distinct(ids), nil)
	if err != nil {
		return nil, err
	}
	open := map[int][]*agreement{} // by company: those that fit, where a person must choose
	byID := map[int]*agreement{}
	children := map[int][]int{}
	for i := range all {
		a := &all[i]
		byID[a.ID] = a
		if a.Parent != nil {
			children[a.Parent.ID] = append(children[a.Parent.ID], a.ID)
		}
		if a.unfit(c.today(), c.config.AgreementTypes) == "" {
			open[a.Company.ID] = append(open[a.Company.ID], a)
		}
	}
	var read []int
	for company, fit := range open {
		if len(fit) == 1 && fit[0].Parent == nil {
			delete(open, company) // taken by itself
			continue
		}
		for _, a := range fit {
			read = append(read, a.ID)
		}
	}
	carried, err := c.ruledProductsOn(ctx, rules, read)
	if err != nil {
		return nil, err
	}
	out := map[string][]mapping.AgreementEvidence{}
	for company, fit := range open {
		slices.SortFunc(fit, func(a, b *agreement) int { return a.ID - b.ID })
		for _, a := range fit {
			out[strconv.Itoa(company)] = append(out[strconv.Itoa(company)], mapping.AgreementEvidence{ID: strconv.Itoa(a.ID), Name: a.Name,
				Relation: a.relation(byID, children[a.ID]), Carries: carried[a.ID]})
		}
	}
	return out, nil
}

// ruledProductsOn lists, by agreement, the ruled products of which it has lines that
// have not ended.
func (c *Client) ruledProductsOn(ctx context.Context, rules mapping.Rules, agreements []int) (map[int][]string, error) {
	t := c.Open(money.Tables{Rules: rules})
	if len(agreements) == 0 || len(rules.Billed()) == 0 {
		return nil, nil
	}
	catalogue, err := t.resolvedProducts(ctx)
	if err != nil {
		return nil, err
	}
	ruled := map[int]string{}
	for _, r := range catalogue {
		if r.item != nil {
			ruled[r.item.ID] = r.item.Identifier
		}
	}
	found, err := c.additions(ctx, distinct(agreements))
	if err != nil {
		return nil, err
	}
	out := map[int][]string{}
	for id, l := range found {
		if l.err != nil {
			return nil, l.err
		}
		for i := range l.rows {
			row := &l.rows[i]
			if product := ruled[row.Product.ID]; product != "" && !row.ended(c.today()) && !slices.Contains(out[id], product) {
				out[id] = append(out[id], product)
			}
		}
		slices.Sort(out[id])
	}
	return out, nil
}

// relation says how an agreement stands to others of its company.
func (a *agreement) relation(byID map[int]*agreement, children []int) string {
	var parts []string
	if a.Parent != nil {
		name := a.Parent.Name
		if p := byID[a.Parent.ID]; p != nil {
			name = p.Name
		}
		parts = append(parts, fmt.Sprintf("child of %d (%s), billed on its invoice", a.Parent.ID, name))
	}
	if len(children) > 0 {
		slices.Sort(children)
		texts := make([]string, len(children))
		for i, id := range children {
			texts[i] = fmt.Sprintf("%d (%s)", id, byID[id].Name)
		}
		parts = append(parts, "parent of "+strings.Join(texts, ", "))
	}
	return strings.Join(parts, "; ")
}

// Suggest proposes companies, and agreements where a company has several that fit.
func (c *Client) Suggest(ctx context.Context, d *mapping.Draft, rules mapping.Rules) error {
	companies, err := c.companyEvidence(ctx)
	if err != nil {
		return err
	}
	d.Add(mapping.SuggestCompanies(d.Evidence, companies, d.Table))
	var of []string
	for _, row := range d.Table.Rows {
		if (row.Status == mapping.Linked || row.Status == mapping.Suggested) && row.Links[mapping.ConnectWiseAgreement] == "" {
			of = append(of, row.Links[mapping.ConnectWiseCompany])
		}
	}
	agreements, err := c.AgreementEvidence(ctx, rules, of)
	if err != nil {
		return fmt.Errorf("reading the agreements: %w", err)
	}
	d.Add(mapping.SuggestAgreements(d.Tenants, agreements, d.Table))
	return nil
}

// companyEvidence is what the records of all companies say of the tenants they may be.
func (c *Client) companyEvidence(ctx context.Context) ([]mapping.CompanyEvidence, error) {
	companies, err := c.Companies(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the companies: %w", err)
	}
	domains, err := c.ContactDomains(ctx)
	if err != nil {
		c.log.Warn().Err(err).Msg("contacts not read; suggestions go without their mail domains")
	}
	out := make([]mapping.CompanyEvidence, len(companies))
	for i, x := range companies {
		out[i] = mapping.CompanyEvidence{ID: strconv.Itoa(x.ID), Name: x.Name, Identifier: x.Identifier, Website: x.Website,
			Texts: append([]string{x.AccountNumber, x.VendorIdentifier}, x.UserDefined...), CustomFields: x.CustomFields, ContactDomains: domains[x.ID]}
	}
	return out, nil
}
