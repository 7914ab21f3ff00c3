package app

import (
	"context"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// SuggestLinks proposes a link for each tenant and system that has none, and
// keeps the proposals in the table, where they are not in force.
func (w *App) SuggestLinks(ctx context.Context) ([]mapping.Suggestion, error) {
	draft, version, err := w.draftLinks(ctx)
	if err != nil {
		return nil, err
	}
	if err := Put(ctx, w.Store, LinksDocument, version, draft.Table); err != nil {
		return nil, err
	}
	return draft.Suggestions, w.keepSuggestions(ctx, draft.Suggestions)
}

// draftLinks is the table with the proposals, and the version of the one that is stored.
func (w *App) draftLinks(ctx context.Context) (draft *mapping.Draft, version int, err error) {
	var suggesters []configured
	for _, c := range w.Config.systems {
		if _, ok := c.System.(Suggester); ok {
			suggesters = append(suggesters, c)
		}
	}
	if len(suggesters) == 0 {
		return nil, 0, Usage("%s; there is nothing to suggest", missing[Suggester](w.Config.table))
	}
	stored, version, err := Document[mapping.Table](ctx, w.Store, LinksDocument)
	if err != nil {
		return nil, 0, err
	}
	tenants, err := w.Tenants(ctx)
	if err != nil {
		return nil, 0, err
	}
	table := stored.Unsuggested()
	open := slices.DeleteFunc(slices.Clone(tenants), func(t directory.Tenant) bool {
		row, _ := table.Row(t.ID)
		missing := slices.ContainsFunc(suggesters, func(s configured) bool {
			return slices.ContainsFunc(s.Columns(), func(c mapping.Column) bool { return c.Within == "" && row.Links[c.Name] == "" })
		})
		return row.Status == mapping.Ignored || row.Status == mapping.Linked && !missing
	})
	evidence, err := w.tenantEvidence(ctx, open)
	if err != nil {
		return nil, 0, err
	}
	for _, t := range tenants { // the others tell what is theirs, by the domains that the list itself gives
		if !slices.ContainsFunc(open, func(o directory.Tenant) bool { return o.ID == t.ID }) {
			evidence = append(evidence, mapping.TenantEvidence{Tenant: t})
		}
	}
	draft = &mapping.Draft{Tenants: tenants, Evidence: evidence, Table: table}
	for _, c := range suggesters {
		// In the order of the table: an organization follows from the company it is tied to.
		if err := c.System.(Suggester).Suggest(ctx, draft); err != nil {
			return nil, 0, err
		}
	}
	return draft, version, nil
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

// LinkNoun is what the link of a column leads to.
func LinkNoun(column string) string { return column[strings.LastIndex(column, "_")+1:] }

// SearchLinks asks the system of a column, now, what a customer may be linked to there.
func (w *App) SearchLinks(ctx context.Context, column mapping.Column, text, within string) ([]mapping.Entity, error) {
	for _, s := range w.Config.systems {
		if r, ok := s.System.(Searcher); ok && slices.Contains(mapping.Names(s.Columns()), column.Name) {
			return r.Search(ctx, column.Name, text, within)
		}
	}
	return nil, Usage("%s cannot be searched: write the id", LinkNoun(column.Name))
}

// Searchable reports whether the system of a column can be searched.
func (w *App) Searchable(column mapping.Column) bool {
	return slices.ContainsFunc(w.Config.systems, func(s configured) bool {
		_, ok := s.System.(Searcher)
		return ok && slices.Contains(mapping.Names(s.Columns()), column.Name)
	})
}
