package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/web/signin"
)

// Four eyes: who changed an override, rule, link or term, or settled an object, may not
// approve a plan that it changed. The journal is the memory of who changed what.
//
// A change of a table touches a plan where it concerns one of its objects and was made
// since a plan was last applied to that object: since the beginning of the run that did,
// which may have read the table before. Where it cannot be told, the change touches it.

// concerning says of a journal's entries about a table whom its change concerns.
func concerning(concerns []state.Concern, entries []state.Entry) []state.Entry {
	for i := range entries {
		entries[i].Concerns = concerns
	}
	return entries
}

// linkConcerns are the customers whose rows differ in two tables: in which columns, or in
// all that follows from a row.
func linkConcerns(before, after mapping.Table) (all []state.Concern) {
	type line struct { // of a row, what is in force
		customer string
		links    mapping.Links
		rest     mapping.Row
	}
	lines := func(t mapping.Table) map[directory.TenantID][]line {
		out := map[directory.TenantID][]line{}
		for _, r := range t.Rows {
			x := line{customer: r.Customer, links: mapping.Links{}}
			if r.Status == mapping.Linked && r.Links != nil {
				x.links = r.Links
			}
			if r.Status == mapping.Suggested || r.Status == "" {
				r.Status = mapping.Unmapped
			}
			r.Links, r.Proposed, r.Tenant, r.Reason = nil, nil, "", ""
			x.rest = r
			out[r.TenantID] = append(out[r.TenantID], x)
		}
		return out
	}
	was, is := lines(before), lines(after)
	for id := range mergedKeys(was, is) {
		a, b := was[id], is[id]
		customers := []string{string(id)}
		for _, x := range slices.Concat(a, b) {
			if x.customer != "" {
				customers = append(customers, x.customer)
			}
		}
		columns := map[string]bool{}
		if len(a) == 1 && len(b) == 1 && reflect.DeepEqual(a[0].rest, b[0].rest) {
			for column := range mergedKeys(a[0].links, b[0].links) {
				columns[column] = a[0].links[column] != b[0].links[column]
			}
		} else if !reflect.DeepEqual(a, b) {
			columns[""] = true
		}
		for column, differs := range columns {
			for _, customer := range customers {
				if differs {
					all = append(all, state.Concern{Customer: customer, Column: column})
				}
			}
		}
	}
	return distinct(all)
}

// mergedKeys are the keys of both maps.
func mergedKeys[K comparable, V any](a, b map[K]V) map[K]bool {
	keys := map[K]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	return keys
}

// ruleConcerns are the SKUs and products of the rules in which two tables differ.
func ruleConcerns(before, after mapping.Rules) (all []state.Concern) {
	bare := func(r mapping.Rule) mapping.Rule {
		r.Part, r.Name, r.Reason, r.ProductID = "", "", "", 0
		return r
	}
	missing := func(from, in mapping.Rules) {
		for _, r := range from.Rules {
			if !slices.ContainsFunc(in.Rules, func(x mapping.Rule) bool { return reflect.DeepEqual(bare(x), bare(r)) }) {
				all = append(all, state.Concern{Customer: r.Customer, SKU: strings.ToLower(r.SKU), Product: r.Product})
			}
		}
	}
	missing(before, after)
	missing(after, before)
	return distinct(all)
}

// termConcerns are the customers of claims: which of their products a term counts for is
// a matter of the rules.
func termConcerns(claims []money.Claim) (all []state.Concern) {
	for _, c := range claims {
		all = append(all, state.Concern{Customer: c.Customer})
	}
	return distinct(all)
}

func distinct(all []state.Concern) []state.Concern {
	slices.SortFunc(all, func(a, b state.Concern) int {
		return cmp.Or(cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Column, b.Column), cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Product, b.Product))
	})
	return slices.Compact(all)
}

// ForOthers parts the holds that a person may approve from those that only somebody else
// may, with the reasons. Without four_eyes there are none of those.
func (w *App) ForOthers(ctx context.Context, by Operator, holds []state.Hold) (taken []state.Hold, out []Verdict, err error) {
	if !w.Config.FourEyes {
		return holds, nil, nil
	}
	changed, err := w.changedBy(ctx, by, holds)
	if err != nil {
		return nil, nil, err
	}
	apart := slices.DeleteFunc(slices.Clone(holds), func(h state.Hold) bool { return changed[h.Scope] == "" })
	may, err := w.mayApprove(ctx, by, apart)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range holds {
		what := changed[h.Scope]
		if what == "" {
			taken = append(taken, h)
			continue
		}
		v := verdictOn(&h, "left_out")
		v.ForOthers = true
		v.Message = fmt.Sprintf("%s, and who changed what a plan comes from may not approve it (four_eyes): %s", what, w.askWhom(by, may[h.Scope]))
		out = append(out, v)
	}
	return taken, out, nil
}

// A FourEyesError says that nothing was approved, because it is for others. It is a UsageError.
type FourEyesError struct{ Apart []Verdict }

func (e *FourEyesError) Error() string { return "nothing was approved:\n" + Apart(e.Apart) }

func (e *FourEyesError) Unwrap() error { return Usage("%s", e.Error()) }

// mayApprove are the names of those in staff who may approve each of the holds in a person's place: they
// changed nothing that its plan comes from.
func (w *App) mayApprove(ctx context.Context, by Operator, holds []state.Hold) (map[plan.Scope][]string, error) {
	may := map[plan.Scope][]string{}
	for _, s := range w.otherApprovers(by) {
		changed, err := w.changedBy(ctx, s.operator(), holds)
		if err != nil {
			return nil, err
		}
		for i := range holds {
			if scope := holds[i].Scope; changed[scope] == "" {
				may[scope] = append(may[scope], s.Name)
			}
		}
	}
	return may, nil
}

// otherApprovers are those in staff who approve, but for one person.
func (w *App) otherApprovers(but Operator) []StaffConfig {
	return slices.DeleteFunc(slices.Clone(w.Config.Staff), func(s StaffConfig) bool { return s.Name == but.Name || !Role(s.Role).Contains(RoleApprover) })
}

// askWhom says who approves in a person's place.
func (w *App) askWhom(by Operator, may []string) string {
	switch {
	case len(may) > 0:
		return "ask " + strings.Join(may, ", ")
	case len(w.otherApprovers(by)) > 0:
		return "every other approver in staff changed it too; name one who did not"
	}
	return "no other approver is named in staff"
}

// Apart says of holds that are for others which they are, and why.
func Apart(out []Verdict) string {
	lines := make([]string, len(out))
	for i, v := range out {
		lines[i] = fmt.Sprintf("%s at %s: %s", v.Customer.Name, v.Target, v.Message)
	}
	return strings.Join(lines, "\n")
}

// osUserOf is the user of the machine as whom somebody was identified, or nobody. One
// without a name is a number, before which earlier entries say uid.
func osUserOf(name, how string) string {
	if how == "by the kernel" { // without staff
		return strings.TrimPrefix(name, "uid ")
	}
	user, ok := strings.CutPrefix(how, "os_user ")
	if !ok {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSuffix(user, ", by the kernel"), "uid ")
}

// isBy reports whether a person made an entry, also under another name in staff, or with a token: what is
// done with one is done by whoever made it.
func isBy(e *state.Entry, by Operator) bool {
	user := osUserOf(by.Name, by.Identified)
	return strings.EqualFold(e.By, by.Name) || user != "" && osUserOf(e.By, e.How) == user ||
		strings.EqualFold(signin.Creator(e.By, e.How), signin.Creator(by.Name, by.Identified))
}

// A watched hold is one whose approval is asked for.
type watched struct {
	scope   plan.Scope
	keys    []plan.Key // of what its plan changes
	since   map[plan.Key]time.Time
	bills   bool            // the target bills
	columns []string        // of its links
	known   map[string]bool // the customer's key and the ids of its tenants
}

// closing is after how many entries the plans are looked for that nothing older touches.
const closing = 256

// changedBy finds, for each scope, what a person changed that its plan comes from.
func (w *App) changedBy(ctx context.Context, by Operator, holds []state.Hold) (map[plan.Scope]string, error) {
	table, err := w.Links(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	open := map[plan.Scope]*watched{}
	for i := range holds {
		if h := &holds[i]; h.Digest != "" {
			open[h.Scope] = w.watch(h, &table)
		}
	}
	starts := map[string]time.Time{}
	for r, err := range w.Store.Runs(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the runs: %w", err)
		}
		starts[r.ID] = r.Started
	}
	changed, read := map[plan.Scope]string{}, 0
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{}) { // newest first
		if err != nil {
			return nil, fmt.Errorf("reading the journal: %w", err)
		}
		if read++; read%closing == 0 { // a journal is long, and a plan's part of it most often short
			maps.DeleteFunc(open, func(_ plan.Scope, x *watched) bool { return x.over(e.At) })
		}
		if len(open) == 0 {
			break
		}
		if x := open[e.Scope]; x != nil {
			x.note(&e, starts)
		}
		if !isBy(&e, by) {
			continue
		}
		for scope, x := range open {
			if x.touchedBy(&e, &rules) {
				changed[scope] = fmt.Sprintf("%s changed it on %s (%s)", cmp.Or(e.By, by.Name), e.At.In(w.Location).Format("2006-01-02 15:04"), e.Label)
				delete(open, scope)
			}
		}
	}
	return changed, nil
}

func (w *App) watch(h *state.Hold, table *mapping.Table) *watched {
	x := &watched{scope: h.Scope, since: map[plan.Key]time.Time{}, known: map[string]bool{h.Scope.Customer: true}}
	for _, c := range ShownPlan(h).Changes {
		x.keys = append(x.keys, c.Key)
	}
	if len(x.keys) == 0 { // its changes cannot be read: it may be about anything
		x.keys = []plan.Key{{}}
	}
	for _, r := range table.Rows {
		if r.Customer == h.Scope.Customer {
			x.known[string(r.TenantID)] = true
		}
	}
	if s := w.Config.system(h.Scope.Target); s != nil {
		_, x.bills = s.(Biller)
		x.columns = mapping.Names(s.Columns())
	}
	return x
}

// note takes over that a plan was applied to an object of the scope.
func (x *watched) note(e *state.Entry, starts map[string]time.Time) {
	wrote := slices.Contains([]plan.Action{plan.Create, plan.Update, plan.Delete, plan.Adopt, plan.Forget}, e.Action) &&
		(e.Result == state.ResultDone || e.Result == state.ResultRecovered)
	if _, known := x.since[e.Key]; known || !wrote {
		return
	}
	if began, ok := starts[e.Run]; ok { // else nobody knows what it had read
		x.since[e.Key] = began
	}
}

// over reports whether nothing at a moment or before it can touch the plan.
func (x *watched) over(at time.Time) bool {
	return !slices.ContainsFunc(x.keys, func(k plan.Key) bool { return x.opens(k, at) })
}

// opens reports whether what was changed at a moment may touch an object.
func (x *watched) opens(k plan.Key, at time.Time) bool {
	since, applied := x.since[k]
	return !applied || !at.Before(since)
}

// touchedBy reports whether the plan comes from what an entry of the journal changed.
func (x *watched) touchedBy(e *state.Entry, rules *mapping.Rules) bool {
	table := slices.Contains([]string{LinksDocument, ProductsDocument, TermsDocument, OverridesDocument}, e.Key.Kind)
	return slices.ContainsFunc(x.keys, func(k plan.Key) bool {
		if !x.opens(k, e.At) {
			return false
		}
		switch {
		case e.Action == state.ActionOverride: // a product's key is another one where its rules were changed since
			return x.bills && x.known[e.Scope.Customer] && (k == e.Key || k == plan.Key{} || e.Key.Kind == OverridesDocument && len(e.Concerns) == 0 ||
				slices.ContainsFunc(e.Concerns, func(c state.Concern) bool { return madeFrom(k, c, rules) }))
		case e.Action == state.ActionSettle && !table:
			return e.Scope == x.scope && (k == e.Key || k == plan.Key{})
		case e.Action != state.ActionImport && e.Action != state.ActionSettle || !table:
			return false
		case len(e.Concerns) == 0:
			return e.Key.Kind == LinksDocument || x.bills
		}
		return slices.ContainsFunc(e.Concerns, func(c state.Concern) bool {
			switch {
			case c.Customer != "" && !x.known[c.Customer]:
				return false
			case e.Key.Kind == LinksDocument:
				return c.Column == "" || slices.Contains(x.columns, c.Column)
			}
			return x.bills && madeFrom(k, c, rules)
		})
	})
}

// madeFrom reports whether an object is made from a SKU or a product, or from another SKU that
// the rules bill as that product.
func madeFrom(k plan.Key, c state.Concern, rules *mapping.Rules) bool {
	if c.SKU == "" && c.Product == "" || k == (plan.Key{}) {
		return true
	}
	skus := map[string]bool{}
	if c.SKU != "" {
		skus[strings.ToLower(c.SKU)] = true
	}
	if c.Product != "" {
		skus[strings.ToLower(c.Product)] = true
		for _, r := range rules.Rules {
			if r.SKU != "" && strings.EqualFold(r.Product, c.Product) {
				skus[strings.ToLower(r.SKU)] = true
			}
		}
	}
	return concerns(k, skus)
}
