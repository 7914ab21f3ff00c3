package app

import (
	"context"
	"slices"

	"syncd/internal/mapping"
	"syncd/internal/report"
)

// supposed are links and rules that are used as if they were in force. They are in the
// context of one command, and nowhere else.
type supposed struct {
	links mapping.Table
	rules mapping.Rules
}

type supposedKey struct{}

func supposedIn(ctx context.Context) *supposed {
	s, _ := ctx.Value(supposedKey{}).(*supposed)
	return s
}

// ReconcileSuggested is Reconcile with the links and rules that are only suggested, too.
// Each line that hangs on one is marked, and nothing is stored.
func (w *App) ReconcileSuggested(ctx context.Context, customer string, progress Progress) (r *report.Licences, whole bool, err error) {
	stored, err := w.Rules(ctx)
	if err != nil {
		return nil, false, err
	}
	draft, _, err := w.draftLinks(ctx)
	if err != nil {
		return nil, false, err
	}
	products, left, err := w.SuggestProducts(ctx, progress)
	if err != nil {
		return nil, false, err
	}
	s := supposed{links: draft.Table, rules: mapping.Rules{Rules: slices.Clone(stored.Rules)}}
	s.links.Rows = slices.Clone(draft.Table.Rows)
	links := map[string]bool{} // tenants whose links are only suggested
	for i, row := range s.links.Rows {
		accepted, columns := row.Accept(0)
		if len(columns) > 0 {
			s.links.Rows[i], links[string(row.TenantID)] = accepted, true
		}
	}
	rules := map[string]bool{} // licences whose rule is only suggested
	for i := range s.rules.Rules {
		if x := &s.rules.Rules[i]; x.Status == mapping.Propose {
			x.Status, rules[x.SKU] = mapping.Bill, true
		}
	}
	for _, p := range products {
		if rule, ok := p.Rule(); ok && !rules[rule.SKU] {
			if rules[rule.SKU] = true; rule.Status == mapping.Propose {
				rule.Status = mapping.Bill
			}
			s.rules.Rules = append(s.rules.Rules, rule)
		}
	}
	r, whole, err = w.Reconcile(context.WithValue(ctx, supposedKey{}, &s), customer, progress)
	if err != nil {
		return nil, false, err
	}
	r.MarkSuggested(links, rules)
	return r, whole && len(left) == 0, nil
}
