package connectwise

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// batch is how many customers are observed at once. Their companies, and their
// agreements, are one request each.
const batch = 100

// Observe says which lines the customers' agreements hold: the catalogue once
// a run, then for each batch one list of companies, one of agreements, and the
// additions of 25 agreements a request.
func (t *Target) Observe(ctx context.Context, asked []target.Asked) ([]target.View, error) {
	views := make([]*view, len(asked))
	out := make([]target.View, len(asked))
	for i := range asked {
		views[i] = &view{Target: t, ruleset: t.of(asked[i].Key), customer: asked[i].Key}
		out[i] = views[i]
	}
	return out, t.fillViews(ctx, asked, views)
}

// fillViews fills views. Where it fails they know what is wanted alone.
func (t *Target) fillViews(ctx context.Context, asked []target.Asked, views []*view) error {
	catalogue, err := t.resolvedProducts(ctx)
	if err != nil {
		return err
	}
	for _, v := range views {
		v.items = catalogue
	}
	links := make([]link, len(asked))
	var companyIDs, listed, named []int
	for i := range asked {
		l, err := linkOf(asked[i].Links)
		if err != nil {
			views[i].err = err
			continue
		}
		links[i] = l
		companyIDs = append(companyIDs, l.company)
		if l.agreement != 0 {
			named = append(named, l.agreement)
		} else {
			listed = append(listed, l.company)
		}
	}
	companies, err := t.client.companies(ctx, distinct(companyIDs))
	if err != nil {
		return err
	}
	agreements, err := t.client.agreements(ctx, distinct(listed), distinct(named))
	if err != nil {
		return err
	}
	chosen := t.chooseAgreements(asked, links, companies, agreements, views)
	undecided := t.undecided(links, agreements, views)
	var ids []int
	for i, a := range chosen {
		if a != nil {
			ids = append(ids, a.ID)
		}
		for _, a := range undecided[i] {
			ids = append(ids, a.ID)
		}
	}
	additions, err := t.client.additions(ctx, distinct(ids))
	if err != nil {
		return err
	}
	for i, a := range chosen {
		v := views[i]
		if a == nil {
			v.observed.Beside = v.billedAt(undecided[i], additions, catalogue)
			continue
		}
		found := additions[a.ID]
		if found.err != nil {
			v.err = found.err
			continue
		}
		v.observed.Later = t.client.frozen(t.tables.Freezes, a.Type.Name)
		v.decideProducts(&asked[i], a, found.rows)
		if err := t.unmanaged(ctx, &asked[i], a, agreements, found.rows, &v.observed); err != nil {
			return err
		}
	}
	return nil
}

// resolvedProducts reads the products that the rules name, once.
func (t *Target) resolvedProducts(ctx context.Context) (map[string]resolution, error) {
	t.catalogueMu.Lock()
	defer t.catalogueMu.Unlock()
	if t.catalogue != nil {
		return t.catalogue, nil
	}
	known := map[string]int{} // by product
	for _, s := range t.rulesets {
		for _, p := range s.products {
			known[p.text] = max(known[p.text], 0)
			for _, r := range p.rules {
				known[p.text] = max(known[p.text], r.ProductID)
			}
		}
	}
	texts := slices.Sorted(maps.Keys(known))
	found, err := t.client.resolve(ctx, texts, known)
	if err != nil {
		return nil, err
	}
	if found == nil {
		found = map[string]resolution{}
	}
	t.catalogue = found
	return found, nil
}

// chooseAgreements picks each customer's agreement; where there is none to pick the
// reason is in its view and the entry is nil.
func (t *Target) chooseAgreements(asked []target.Asked, links []link, companies map[int]company, all []agreement, views []*view) []*agreement {
	byCompany := map[int][]*agreement{}
	byID := make(map[int]*agreement, len(all))
	for i := range all {
		byCompany[all[i].Company.ID] = append(byCompany[all[i].Company.ID], &all[i])
		byID[all[i].ID] = &all[i]
	}
	today := t.client.today()
	chosen := make([]*agreement, len(asked))
	for i := range asked {
		if views[i].err != nil {
			continue
		}
		l := links[i]
		var at *company
		if c, ok := companies[l.company]; ok {
			at = &c
		}
		candidates := byCompany[l.company]
		if l.agreement != 0 {
			candidates = nil
			if a := byID[l.agreement]; a != nil {
				candidates = []*agreement{a}
			}
		}
		a, err := choose(l, at, candidates, t.client.config.AgreementTypes, today)
		if err == nil {
			err = t.claimAgreement(a, asked[i].Customer)
		}
		if err != nil {
			views[i].err = err
			continue
		}
		chosen[i] = a
	}
	return chosen
}

// undecided are the agreements of customers for which a person must say under
// which of them they are billed: whatever is said, this is what they pay today.
func (t *Target) undecided(links []link, all []agreement, views []*view) map[int][]*agreement {
	found := map[int][]*agreement{}
	for i := range views {
		held, ok := errors.AsType[*target.Blocked](views[i].err)
		if !ok || links[i].company == 0 || links[i].agreement != 0 || !slices.ContainsFunc(held.Violations, func(v plan.Violation) bool {
			return v.Code == "agreement_ambiguous" || v.Code == "agreement_missing"
		}) {
			continue
		}
		found[i] = []*agreement{}
		for j := range all {
			if a := &all[j]; a.Company.ID == links[i].company && a.unusable(t.client.today()) == "" {
				found[i] = append(found[i], a)
			}
		}
	}
	return found
}

// billedAt are the lines of the products of the rules in some agreements, or nil
// where one of them could not be read or there is nothing to look at.
func (v *view) billedAt(agreements []*agreement, additions map[int]lines, catalogue map[string]resolution) []plan.Object {
	if agreements == nil {
		return nil
	}
	out := []plan.Object{}
	for _, a := range agreements {
		found := additions[a.ID]
		if found.err != nil {
			return nil
		}
		for i := range v.products {
			p := &v.products[i]
			if it := catalogue[p.text].item; it != nil {
				q := question{key: p.key, label: p.label, agreement: a, item: it, today: v.client.today()}
				out = append(out, q.otherLines(found.rows, nil)...)
			}
		}
	}
	return out
}

// claimAgreement notes whom an agreement is filled from. Two customers on one agreement
// would each write their own number over the other's.
func (t *Target) claimAgreement(a *agreement, customer mapping.Customer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first, ok := t.filledFrom[a.ID]; ok && first.Key != customer.Key {
		return blocked("agreement_shared",
			"agreement %d (%s) is already filled from %s, and two customers would overwrite each other's quantities: name another agreement in the column %s",
			a.ID, a.Name, cmp.Or(first.Name, first.Key), mapping.ConnectWiseAgreement)
	}
	t.filledFrom[a.ID] = customer
	return nil
}

// decideProducts decides on every product of the rules in one agreement.
func (v *view) decideProducts(asked *target.Asked, a *agreement, rows []addition) {
	v.agreement, v.states = a, make([]productState, len(v.products))
	out := &v.observed
	today := v.client.today()
	for i := range v.products {
		p := &v.products[i]
		r := v.items[p.text]
		if r.item == nil {
			hold := plan.Violation{Code: r.code, Key: p.key.ID, NeedsRepair: true, Message: p.label + ": " + r.why}
			note := hold
			note.NeedsRepair, note.Note = false, true
			v.states[i] = productState{wanted: &hold, unwanted: &note}
			continue
		}
		q := question{key: p.key, label: p.label, agreement: a, item: r.item, today: today, cancels: v.client.config.Gone == GoneCancel}
		for _, s := range asked.Settlements {
			if s.How == plan.SettleAccept && (s.Key == p.key || q.has(rows, s.Ref)) { // rules may have given the line another key since
				q.accepted = s.Ref
			}
		}
		f := q.decide(rows)
		if o := f.object; o != nil && !o.Retired && f.unwanted == nil && !manages(asked.Records, o.Ref) {
			f.unwanted = q.note("over_billed",
				"%s is billed %s on line %s (%s a month) and Microsoft has none; syncd does not manage that line and leaves it alone: end it in ConnectWise if nobody is to pay for it",
				q.label, o.Fields.Text(fieldQuantity), o.Ref, money.MonthlyText(o))
		}
		v.states[i] = productState{f.object != nil, nil, f.conflict, f.wanted, f.unwanted}
		if f.object != nil {
			v.states[i].unit = money.MonthlyUnitPrice(f.object.Billing)
		}
		if f.conflict != nil {
			out.Conflicts = append(out.Conflicts, plan.Conflict{Key: p.key, Violation: *f.conflict})
		}
		out.Beside = append(out.Beside, q.otherLines(rows, f.object)...)
		if f.object != nil {
			out.Objects = append(out.Objects, *f.object)
		}
		out.Notes = append(out.Notes, f.notes...)
	}
	v.showDisplaced(asked, rows)
	for i := range rows {
		if row := &rows[i]; row.Cancelled != 0 && row.Cancelled < today && slices.Contains(asked.Refs, ref(a.ID, row.ID)) {
			if out.Ended == nil {
				out.Ended = map[string]plan.Edit{}
			}
			edit := row.edited()
			edit.Ended = row.Cancelled.String()
			out.Ended[ref(a.ID, row.ID)] = edit
		}
	}
}

// manages reports whether one of the records is of a line. One that was kept in step for
// somebody else, whose tenant it was, has none.
func manages(records []plan.Record, ref string) bool {
	return slices.ContainsFunc(records, func(r plan.Record) bool { return r.Ref == ref || slices.Contains(r.FormerRefs, ref) })
}

func distinct(ids []int) []int {
	set := make(map[int]struct{}, len(ids))
	for _, id := range ids {
		set[id] = struct{}{}
	}
	return slices.Sorted(maps.Keys(set))
}
