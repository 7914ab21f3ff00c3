package connectwise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// A Target is ConnectWise billing for one run, with the product rules of that
// moment. Its methods may be called from many goroutines.
type Target struct {
	client   *Client
	tables   money.Tables
	rulesets map[string]*ruleset // see rulesets
	settings string

	catalogueMu sync.Mutex
	catalogue   map[string]resolution // by product as the rules write it; nil until read

	mu         sync.Mutex
	filledFrom map[int]mapping.Customer // agreement → the customer that it is filled from
}

// A view is a customer as Observe saw it. It knows where a missing line would go,
// and what must not be touched while its licence is there.
type view struct {
	*Target
	*ruleset
	customer  string
	items     map[string]resolution // what the products are, see Target.resolved
	agreement *agreement            // nil where none could be looked at
	states    []productState        // of each product, as the ruleset has them; nil where none was looked at
	observed  target.Observed
	err       error // why the customer could not be looked at
}

// A productState is what of a finding decides what is wanted.
type productState struct {
	hasLine                    bool             // there is one that is kept in step
	unit                       *decimal.Decimal // what a unit on it costs a month; nil where there is none or nobody knows
	conflict, wanted, unwanted *plan.Violation
}

// batch is how many customers are observed at once. Their companies, and their
// agreements, are one request each.
const batch = 100

// Open returns the target for one run.
func (c *Client) Open(tables money.Tables) *Target {
	return &Target{client: c, tables: tables, rulesets: rulesets(tables.Rules), filledFrom: map[int]mapping.Customer{}, settings: settingsDigest(tables.Rules.Rules, &c.config)}
}

// settingsDigest is about what decides for all customers; see own for the rest.
func settingsDigest(rules []mapping.Rule, c *Config) string {
	all := slices.DeleteFunc(slices.Clone(rules), func(r mapping.Rule) bool { return r.Customer != "" })
	types := slices.Clone(c.AgreementTypes)
	for i := range types {
		types[i] = strings.ToLower(strings.TrimSpace(types[i]))
	}
	slices.Sort(types)
	settings := []any{deciding(all), types, c.Gone, c.CreateAdditions}
	if c.Grace != money.GraceBill { // the default was there before there was a choice
		settings = append(settings, c.Grace)
	}
	return target.SettingsDigest(json.Marshal(settings))
}

// Spec says what the loop must know of the target.
func (t *Target) Spec() target.Spec {
	return target.Spec{
		Name: "connectwise",
		Kinds: []plan.Kind{{
			Name: kindAddition,
			// Money: a quantity that a person changed is not changed back unasked.
			Owner: plan.Hold,
			Delta: money.Delta,
			Effect: func(before, after *plan.Object) *plan.Effect {
				return money.EffectOf(before, after, t.client.today().time())
			},
			Retire:    t.retire,
			Undo:      t.undo,
			MayCreate: t.client.config.CreateAdditions,
			Missing:   unbilled,
			Priced:    money.Priced,
		}},
		Needs:    directory.Licences,
		Also:     t.rulesets[""].also(t.client.options.Names),
		Own:      t.own(),
		Link:     mapping.ConnectWiseCompany,
		Parts:    true,
		Batch:    batch,
		Settings: t.settings,
		Claims:   t.tables.Claims,
	}
}

// retire is how a line is left whose licence is gone: never deleted, since the
// history of an agreement is what invoices are explained by.
func (t *Target) retire(before *plan.Object) *plan.Object {
	after := *before
	after.Retired = true
	if t.client.config.Gone == GoneCancel {
		b := billingOf(before)
		next, _ := parseDay([]byte(b.NextInvoice))
		last := periodEnd(next, b.Cycle, t.client.today())
		after.Fields = before.Fields.With(fieldCancelled, plan.Value{last.String()})
		return &after
	}
	after.Fields = before.Fields.With(fieldQuantity, plan.Value{"0"})
	return &after
}

// undo is how a line is left that a run made and a person takes back: it bills nothing
// and ends with the period, whatever becomes of a line whose licence is gone.
func (t *Target) undo(before *plan.Object) *plan.Object {
	after := *before
	after.Retired = true
	b := billingOf(before)
	next, _ := parseDay([]byte(b.NextInvoice))
	last := periodEnd(next, b.Cycle, t.client.today())
	after.Fields = before.Fields.With(fieldCancelled, plan.Value{last.String()}).With(fieldQuantity, plan.Value{"0"})
	return &after
}

// Compare says which lines the customer's agreement has, and which it should have.
func (v *view) Compare(_ context.Context, s *directory.Snapshot, _ []plan.Record) (target.Desired, target.Observed, error) {
	d, err := v.desired(s)
	return d, v.observed, cmp.Or(v.err, err)
}

// desired says which lines a customer should have: what money.Policy.Due makes of
// the rules, where it is more than nothing. Of subscriptions that are not simply
// sold it says what they are, and what that costs.
//
// It follows from the source, the rules, the day, and what Observe saw of the
// customer: a product or a line that cannot be told is no basis for a desired line.
func (v *view) desired(s *directory.Snapshot) (target.Desired, error) {
	licences, err := s.Licences.Items()
	if err != nil {
		return target.Desired{}, err
	}
	term, claims := v.tables.Claims.Terms(v.customer, licences)
	src := money.NewSource(s, licences, v.rules, term)
	policy := v.policy()
	d := target.Desired{Source: src, Claims: claims}
	for i := range v.products {
		product := &v.products[i]
		due := policy.Due(product.label, product.rules, src)
		override := v.override(product, &due)
		var seen productState
		if v.states != nil {
			seen = v.states[i]
		}
		if due.Hold != nil && v.states != nil && !seen.hasLine && seen.conflict == nil && seen.unwanted == nil {
			switch {
			case due.Hold.Code == string(money.Unclear):
				// No line bills it: what is certain may be billed.
				d.Notes = append(d.Notes, plan.Violation{Code: due.Hold.Code, Kind: product.key.Kind, Key: product.key.ID, Note: true, Message: due.Hold.Text})
				due.Hold = nil
			case due.Hold.Code == money.NotProven && due.Units == 0 && !due.Listed:
				// A partial list lacks what the customer never had, too. Where there is
				// no line either there is nothing to decide.
				d.Counts = append(d.Counts, v.count(product, &due, override, policy, src))
				continue
			}
		}
		d.Counts = append(d.Counts, v.count(product, &due, override, policy, src))
		if due.Units > 0 {
			// What Observe or the next lines hold back is taken out of the plan; people see it.
			d.Objects = append(d.Objects, v.desiredLine(product, due.Units))
		}
		switch {
		case seen.conflict != nil:
			// Observe said so already; the key is out of all sides.
		case due.Hold != nil:
			d.Conflicts = append(d.Conflicts, plan.Conflict{Key: product.key, Violation: plan.Violation{
				Code: due.Hold.Code, Key: product.key.ID, NeedsRepair: true, Message: due.Hold.Text}})
		case due.Units > 0 && seen.wanted != nil:
			d.Conflicts = append(d.Conflicts, plan.Conflict{Key: product.key, Violation: *seen.wanted})
		case due.Units == 0 && seen.unwanted != nil:
			d.Conflicts = append(d.Conflicts, plan.Conflict{Key: product.key, Violation: *seen.unwanted})
		}
		d.Notes = append(d.Notes, v.subscriptionNotes(product, &due, &seen)...)
	}
	d.Notes = append(d.Notes, v.soldOtherwise(src, policy)...)
	d.Notes = append(d.Notes, v.termsChanged(src, policy)...)
	d.Conflicts = append(d.Conflicts, v.unruled(licences, policy)...)
	return d, nil
}

// override puts what a person set in place of what the rules make of a product. A
// quantity is theirs, whatever the source says.
func (v *view) override(p *product, due *money.Due) *money.Override {
	today := v.client.today().time()
	id := 0
	if it := v.items[p.text].item; it != nil {
		id = it.ID
	}
	found := v.tables.Overrides.Find(today, v.customer, id, v.identifier(p), p.text)
	if found == nil {
		return nil
	}
	o := &found.Override
	rule := due.Units
	if due.Hold == nil {
		due.Counted = &rule
	}
	if o.Quantity != nil {
		due.Hold = nil
	}
	due.Units = o.Apply(rule)
	if o.Ending(today) {
		due.Remarks = append(due.Remarks, money.Remark{Code: money.OverrideEnding, Units: max(due.Units-rule, rule-due.Units), Text: fmt.Sprintf(
			"%s: %s set %s until %s (%s); after that it is %d by the rule", p.label, o.By, o, o.Until.Format(time.DateOnly), o.Reason, rule)})
	}
	return o
}

func (t *Target) policy() money.Policy {
	return money.Policy{Grace: t.client.config.Grace, Now: t.client.options.Now()}
}

// subscriptionNotes are notes about units that are not simply sold, with their money. Those
// that make no difference are worth a word only where a line bills the product.
func (v *view) subscriptionNotes(p *product, due *money.Due, seen *productState) []plan.Violation {
	unit := seen.unit
	if unit == nil && len(due.Remarks) > 0 {
		o := v.desiredLine(p, 1)
		unit = money.Unit(o.Billing)
	}
	var out []plan.Violation
	for _, r := range due.Remarks {
		if r.Units == 0 && !seen.hasLine {
			continue
		}
		text := r.Text
		if r.Units > 0 && unit != nil {
			text += ", " + unit.Mul(decimal.NewFromInt(int64(r.Units))).StringFixed(2)
			if v.agreement != nil && v.agreement.Currency.code() != "" {
				text += " " + v.agreement.Currency.code()
			}
			text += " a month"
		}
		out = append(out, plan.Violation{Code: r.Code, Kind: p.key.Kind, Key: p.key.ID, Note: true, Message: text})
	}
	return out
}

// unruled notes the licences that are paid for and that no rule settles, and
// those of which nobody knows anything.
func (v *view) unruled(licences []directory.Licence, policy money.Policy) []plan.Conflict {
	var names, unread []string
	for i := range licences {
		l := &licences[i]
		switch h := policy.Of(l); {
		case l.Unread != "" && !v.bills(l.SKU):
			unread = append(unread, fmt.Sprintf("%s (%s)", cmp.Or(l.Name, l.SKU), l.Unread))
		case h.Purchased > 0 && !v.settled[l.SKU] && !directory.FreeSKU(l.PartNumber):
			names = append(names, fmt.Sprintf("%s (%d)", l.Name, h.Purchased))
		}
	}
	var out []plan.Conflict
	note := func(id, code, text string) {
		out = append(out, plan.Conflict{Key: plan.Key{Kind: kindAddition, ID: id}, Violation: plan.Violation{Code: code, Note: true, Message: text}})
	}
	if len(names) > 0 {
		slices.Sort(names)
		note("unruled", "unmapped_sku", "no product rule says what becomes of "+strings.Join(names, ", ")+": syncd products suggest")
	}
	if len(unread) > 0 {
		slices.Sort(unread)
		note("unread", money.NotProven, "what the source says of some licences that nobody bills makes no sense, and they were left out: "+strings.Join(unread, ", "))
	}
	return out
}

// desiredLine is the line a customer should have. Its billing says what a missing one
// would cost, from the catalogue's price.
func (v *view) desiredLine(p *product, units int) plan.Object {
	o := plan.Object{Key: p.key, Label: p.label, Fields: plan.Set(fieldQuantity, strconv.Itoa(units)), Billing: &plan.Billing{}}
	if v.agreement != nil {
		o.Billing, o.Facts = v.agreement.billing(), v.agreement.facts()
	}
	o.Billing.Product = p.text
	if it := v.items[p.text].item; it != nil {
		o.Billing.Product, o.Billing.ProductID = it.Identifier, strconv.Itoa(it.ID)
		o.Billing.UnitPrice, o.Billing.LessIncluded = it.Price.value(), new(decimal.Zero)
		o.Billing.Bill = it.bill()
		o.Billing.Billable = o.Billing.Bill == billable
	}
	return o
}

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
		if err := t.unmanaged(ctx, &asked[i], a, found.rows, &v.observed); err != nil {
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
		return blocked("agreement_shared", "agreement %d (%s) is already filled from %s, and two customers would overwrite each other's quantities: name another agreement in the column %s",
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
			if s.Key == p.key && s.How == plan.SettleAccept {
				q.accepted = s.Ref
			}
		}
		f := q.decide(rows)
		if o := f.object; o != nil && !o.Retired && f.unwanted == nil && !slices.Contains(asked.Refs, o.Ref) {
			f.unwanted = q.note("over_billed", "%s is billed %s on line %s (%s a month) and Microsoft has none; syncd does not manage that line and leaves it alone: end it in ConnectWise if nobody is to pay for it",
				q.label, o.Fields.Text(fieldQuantity), o.Ref, money.Line(o).StringFixed(2))
		}
		v.states[i] = productState{f.object != nil, nil, f.conflict, f.wanted, f.unwanted}
		if f.object != nil {
			v.states[i].unit = money.Unit(f.object.Billing)
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
	for i := range rows {
		if row := &rows[i]; row.Cancelled != 0 && row.Cancelled < today && slices.Contains(asked.Refs, ref(a.ID, row.ID)) {
			if out.Ended == nil {
				out.Ended = map[string]plan.Edit{}
			}
			out.Ended[ref(a.ID, row.ID)] = row.edited()
		}
	}
}

func distinct(ids []int) []int {
	set := make(map[int]struct{}, len(ids))
	for _, id := range ids {
		set[id] = struct{}{}
	}
	return slices.Sorted(maps.Keys(set))
}

// unbilled says that a licence is on no line, and what that costs a month.
func unbilled(o *plan.Object) plan.Violation {
	b := billingOf(o)
	where := "the agreement"
	if b.Agreement != "" {
		where = "agreement " + b.Agreement
	}
	return plan.Violation{Code: "unbilled", Message: fmt.Sprintf(
		"%s is not billed: Microsoft has %s, %s has no line of product %s (%s a month by the catalogue); add the line in ConnectWise, or let syncd propose it (connectwise.create_additions: true)",
		o.Label, o.Fields.Text("quantity"), where, b.Product, money.Delta(nil, o).StringFixed(2))}
}
