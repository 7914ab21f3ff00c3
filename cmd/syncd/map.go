package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/report"
)

func mapCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "map", Short: "Say where each customer lives in each target", Args: cobra.NoArgs,
		Long: "Without a further word, list every tenant with its links. Links are edited as CSV (export, edit in Excel, import) or taken from suggestions; nothing is ever linked without a person's word."}
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, _ []string) error { return w.listLinks(ctx, a) })
	out := output{format: "csv"}
	export := &cobra.Command{Use: "export FILE", Short: "Write the links as CSV for Excel", Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *World, _ []string) error {
			table, customers, err := w.customers(ctx)
			if err != nil {
				return err
			}
			var body bytes.Buffer
			if err := mapping.ExportLinks(&body, w.columns(), customers, table, w.lookUp(ctx)); err != nil {
				fmt.Fprintf(a.err(), "syncd: warning: the names beside the ids are left blank (%v); an import then only checks that the ids exist\n", err)
				body.Reset()
				if err := mapping.ExportLinks(&body, w.columns(), customers, table, nil); err != nil {
					return fmt.Errorf("writing the links: %w", err)
				}
			}
			return a.deliverTable(&out, body.Bytes(), len(customers))
		})}
	a.writes(export, &out)
	load := &cobra.Command{Use: "import FILE", Short: "Read links from CSV; all of it or nothing", Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *World, args []string) error {
			text, err := a.console.Files.ReadFile(args[0])
			if err != nil {
				return usage("reading the links: %w", err)
			}
			tenants, err := w.tenants(ctx)
			if err != nil {
				return err
			}
			table, version, err := document[mapping.Table](ctx, w.Store, linksDocument)
			if err != nil {
				return err
			}
			next, edits, err := mapping.ImportLinks(bytes.NewReader(text), w.columns(), table, tenants, w.lookUp(ctx))
			switch {
			case err != nil && mapping.Problems(err) == nil:
				return fmt.Errorf("%s: nothing was imported: %w", args[0], err)
			case err != nil:
				return usage("%s: nothing was imported:\n%w", args[0], err)
			}
			if err := put(ctx, w.Store, linksDocument, version, next); err != nil {
				return err
			}
			return a.edits("link", edits)
		})}
	cmd.AddCommand(export, load, suggestLinksCommand(a), acceptLinksCommand(a), ignoreLinkCommand(a))
	return cmd
}

// customers joins the link table with the tenants as they are now.
func (w *World) customers(ctx context.Context) (mapping.Table, []mapping.Customer, error) {
	table, err := w.links(ctx)
	if err != nil {
		return table, nil, err
	}
	tenants, err := w.tenants(ctx)
	if err != nil {
		return table, nil, err
	}
	return table, table.Customers(tenants), nil
}

// lookUp finds what people write into link cells, each column in its system.
func (w *World) lookUp(ctx context.Context) mapping.LookUp {
	return func(column string, texts []string) (map[string]mapping.Found, error) {
		switch {
		case column == mapping.ITGlueOrganization && w.ITGlue != nil:
			return w.ITGlue.LookUp(ctx, texts)
		case w.ConnectWise != nil:
			return w.ConnectWise.LookUp(ctx, column, texts)
		}
		return nil, fmt.Errorf("the system of the column %s is not configured", column)
	}
}

// edits says what an import changed.
func (a *app) edits(what string, edits []mapping.Edit) error {
	if edits == nil {
		edits = []mapping.Edit{}
	}
	return a.print(struct {
		Edits []mapping.Edit `json:"edits"`
	}{edits}, func(out io.Writer) error {
		for _, e := range edits {
			fmt.Fprintln(out, clean(e.String()))
		}
		_, err := fmt.Fprintf(out, "%s changed\n", count(len(edits), what))
		return err
	})
}

type linkLine struct {
	Customer string         `json:"customer"`
	Key      string         `json:"key"`
	Tenant   string         `json:"tenant"`
	Domain   string         `json:"domain"`
	Links    mapping.Links  `json:"links"`
	Status   mapping.Status `json:"status"`
	Reason   string         `json:"reason"`
	// Proposed are suggestions beside other links; none of them is in force.
	Proposed map[string]mapping.Proposal `json:"proposed,omitempty"`
}

func (w *World) listLinks(ctx context.Context, a *app) error {
	table, customers, err := w.customers(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(customers, func(x, y mapping.Customer) int {
		return strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name))
	})
	lines := []linkLine{}
	for _, c := range customers {
		l := linkLine{Customer: c.Name, Key: c.Key, Tenant: c.Tenant.Name, Domain: c.Tenant.DefaultDomain, Status: c.Status, Reason: c.Reason, Links: mapping.Links{}}
		if row, ok := table.Row(c.Tenant.ID); ok {
			if row.Links != nil {
				l.Links = row.Links
			}
			l.Proposed = row.Proposed
		}
		lines = append(lines, l)
	}
	return a.print(struct {
		Customers []linkLine `json:"customers"`
	}{lines}, func(out io.Writer) error {
		s := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Domain"}}}
		for _, column := range w.columns() {
			s.Columns = append(s.Columns, report.Column{Name: strings.ReplaceAll(column, "_", " ")})
		}
		s.Columns = append(s.Columns, report.Column{Name: "Status"}, report.Column{Name: "Reason"})
		open, proposed := 0, 0
		for _, l := range lines {
			row := []string{l.Customer, l.Domain}
			for _, column := range w.columns() {
				cell := l.Links[column]
				if p, ok := l.Proposed[column]; ok {
					cell = p.Value + "?"
					proposed++
				}
				row = append(row, cell)
			}
			s.Rows = append(s.Rows, append(row, string(l.Status), l.Reason))
			if l.Status == mapping.Unmapped || l.Status == mapping.Suggested {
				open++
			}
		}
		if err := s.Table(out, a.console.Width); err != nil {
			return err
		}
		if proposed > 0 {
			fmt.Fprintf(out, "%d only suggested (?): syncd map accept CUSTOMER\n", proposed)
		}
		if open > 0 {
			_, err = fmt.Fprintf(out, "%d of %d not linked: syncd map suggest, or syncd map export FILE\n", open, len(lines))
		}
		return err
	})
}

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
	return p.err
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

func acceptLinksCommand(a *app) *cobra.Command {
	var least float64
	cmd := &cobra.Command{Use: "accept [CUSTOMER…]", Short: "Put suggestions in force: those named, or all that are sure",
		Args: cobra.ArbitraryArgs}
	cmd.Flags().Float64Var(&least, "min-score", mapping.DefaultAccept, "without a CUSTOMER, accept from this score up")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, args []string) error {
		table, version, err := document[mapping.Table](ctx, w.Store, linksDocument)
		if err != nil {
			return err
		}
		named := map[directory.TenantID]bool{}
		for _, arg := range args {
			c, err := w.customer(ctx, arg)
			if err != nil {
				return err
			}
			if row, ok := table.Row(c.Tenant.ID); !ok || row.Status != mapping.Suggested && len(row.Proposed) == 0 {
				return usage("nothing is suggested for %s; see syncd map suggest", c.Name)
			}
			named[c.Tenant.ID] = true
		}
		var rows []mapping.Row
		edits := []mapping.Edit{}
		for _, row := range table.Rows {
			from := least
			if len(args) > 0 {
				if from = 0; !named[row.TenantID] {
					continue
				}
			}
			next, columns := row.Accept(from)
			if len(columns) == 0 {
				continue
			}
			rows = append(rows, next)
			for _, column := range columns {
				edits = append(edits, mapping.Edit{Key: string(row.TenantID), Name: row.Tenant, Column: "status", Before: string(mapping.Suggested),
					After: fmt.Sprintf("%s to %s %s", mapping.Linked, linkNoun(column), next.Links[column])})
			}
		}
		if len(rows) > 0 {
			if err := put(ctx, w.Store, linksDocument, version, table.With(rows...)); err != nil {
				return err
			}
		}
		return a.edits("link", edits)
	})
	completeArgs(cmd, a, "customer")
	return cmd
}

func ignoreLinkCommand(a *app) *cobra.Command {
	var why string
	cmd := &cobra.Command{Use: "ignore CUSTOMER", Short: "Leave a customer out of every target", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&why, "reason", "", "`TEXT` that says why")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, args []string) error {
		c, err := w.customer(ctx, args[0])
		if err != nil {
			return err
		}
		table, version, err := document[mapping.Table](ctx, w.Store, linksDocument)
		if err != nil {
			return err
		}
		row, _ := table.Row(c.Tenant.ID)
		before := row.Status
		if before == "" {
			before = mapping.Unmapped
		}
		row.TenantID, row.Tenant, row.Status, row.Reason = c.Tenant.ID, c.Tenant.Name, mapping.Ignored, why
		if err := put(ctx, w.Store, linksDocument, version, table.With(row)); err != nil {
			return err
		}
		return a.edits("link", []mapping.Edit{{Key: c.Key, Name: c.Name, Column: "status", Before: string(before), After: string(mapping.Ignored)}})
	})
	completeArgs(cmd, a, "customer")
	return cmd
}
