package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// A ProductBoard are the licences in use and what rules make of them, as the state knows it:
// nothing is read from another system for it.
type ProductBoard struct {
	Uses  []ProductUse // those without a rule first, then by money and units
	Bills Sums         // a month, of all products that rules bill
	// Unpriced counts the lines of which nobody knows what they cost.
	Unpriced  int
	Customers int       // that runs looked at for their bills
	AsOf      time.Time // when the first of them was looked at last; zero where nobody was
	Look      *ProductLook
	Names     map[string]string // of customers, by key

	held map[string]map[string]int  // units by SKU and customer
	has  map[string]map[string]bool // customers with a line, by SKU and by product in lower case
	all  map[string]bool            // customers of the biller
	Rest []mapping.Rule             // of licences that nobody uses, and of people
}

// A ProductUse is a licence in use, or one with a rule.
type ProductUse struct {
	mapping.SKU
	AssignedKnown bool
	assigned      map[string]int // as the ledger has it, by customer
	Left          int            // units of customers for whom no rule says what becomes of it
	LeftTenants   int            // likewise, customers
	Listed        bool           // by the last look, which knows customers without a link too
	Rules         []mapping.Rule
	Bills         Sums // a month, of the products that the rules bill it as
	Unpriced      int
	With          []string // other licences that feed the same lines, whose money is in Bills too
	Suggestion    *mapping.ProductSuggestion
}

// The states of a licence as the board shows it.
const (
	UseUnruled   = "no rule"
	UseSuggested = "suggested"
	UseBilled    = "billed"
	UseIgnored   = "ignored"
	UseFree      = "free or trial"
)

// Stands says what becomes of the licence.
func (u *ProductUse) Stands() string {
	has := func(status string) bool {
		return slices.ContainsFunc(u.Rules, func(r mapping.Rule) bool { return r.Status == status && r.Settles() })
	}
	switch open := u.LeftTenants > 0 && !u.FreeOrTrial; { // a rule of one customer says nothing of the others
	case has(mapping.Bill) && !open:
		return UseBilled
	case has(mapping.Ignore) && !open:
		return UseIgnored
	case u.FreeOrTrial:
		return UseFree
	case has(mapping.Propose):
		return UseSuggested
	}
	return UseUnruled
}

// settled reports whether a rule says what becomes of the licence at a customer; "" is anybody.
func (u *ProductUse) settled(customer string) bool {
	return slices.ContainsFunc(u.Rules, func(r mapping.Rule) bool {
		return (r.Customer == "" || r.Customer == customer) && (r.Status == mapping.Bill || r.Status == mapping.Ignore) && r.Settles()
	})
}

// leave counts what no rule says anything of, where so many units are held by these customers.
func (u *ProductUse) leave(held map[string]int) {
	if u.settled("") {
		return
	}
	u.Left, u.LeftTenants = u.Purchased, u.Tenants
	for customer, units := range held {
		if u.settled(customer) {
			u.Left, u.LeftTenants = max(0, u.Left-units), max(0, u.LeftTenants-1)
		}
	}
}

// AssignedAt is of how many customers it is known how many units are assigned; 0 of all of them.
func (u *ProductUse) AssignedAt() int {
	if u.Listed || len(u.assigned) >= u.Tenants {
		return 0
	}
	return len(u.assigned)
}

// Total is what the licence bills in all currencies, for its place in a list.
func (u *ProductUse) Total() (sum decimal.Decimal) {
	for _, amount := range u.Bills {
		sum = sum.Add(amount)
	}
	return sum
}

// ProductBoard gathers the board from the cursors, the ledger and the rules.
func (w *App) ProductBoard(ctx context.Context) (*ProductBoard, error) {
	b, there := w.biller()
	if !there {
		return nil, Usage("%s; there are no products", missing[Biller](w.Config.table))
	}
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	board := &ProductBoard{held: map[string]map[string]int{}, has: map[string]map[string]bool{}, all: map[string]bool{}, Names: map[string]string{}, Look: w.looked.last()}
	uses := map[string]*ProductUse{}
	if err := board.addSubscriptions(ctx, w, b, uses); err != nil {
		return nil, err
	}
	if err := board.addBills(ctx, w, b.Targets(), uses); err != nil {
		return nil, err
	}
	board.addLook(uses)
	named := map[string]string{}
	for _, r := range rules.Rules {
		if u := uses[r.SKU]; u != nil && r.SKU != "" {
			u.Rules = append(u.Rules, r)
			u.Part, u.Name = cmp.Or(u.Part, r.Part), cmp.Or(u.Name, r.Name)
		} else {
			board.Rest = append(board.Rest, r)
		}
		named[r.SKU] = cmp.Or(named[r.SKU], r.Name, r.Part)
	}
	for _, u := range uses {
		u.leave(board.held[u.ID])
		u.Name = cmp.Or(u.Name, u.Part, u.ID)
		for i, sku := range u.With {
			u.With[i] = cmp.Or(named[sku], directory.ProductName(sku, sku))
		}
		slices.Sort(u.With)
		board.Uses = append(board.Uses, *u)
	}
	rank := map[string]int{UseUnruled: 0, UseSuggested: 1, UseBilled: 2, UseIgnored: 3, UseFree: 4}
	slices.SortFunc(board.Uses, func(x, y ProductUse) int {
		return cmp.Or(rank[x.Stands()]-rank[y.Stands()], y.Total().Cmp(x.Total()), y.Purchased-x.Purchased,
			strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), strings.Compare(x.ID, y.ID))
	})
	return board, nil
}

// use is the licence with an id.
func use(uses map[string]*ProductUse, sku string) *ProductUse {
	u := uses[sku]
	if u == nil {
		part := directory.PartNumber(sku)
		u = &ProductUse{SKU: mapping.SKU{ID: sku, Part: part, Name: directory.ProductName(sku, part)}}
		uses[sku] = u
	}
	return u
}

// addSubscriptions counts what the runs remember of subscriptions.
func (board *ProductBoard) addSubscriptions(ctx context.Context, w *App, b billing, uses map[string]*ProductUse) error {
	trials := map[string]bool{}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return fmt.Errorf("reading where the scopes stand: %w", err)
		}
		board.Names[c.Scope.Customer] = c.Name
		if !slices.Contains(b.Targets(), c.Scope.Target) {
			continue
		}
		board.Customers++
		board.all[c.Scope.Customer] = true
		if board.AsOf.IsZero() || c.At.Before(board.AsOf) {
			board.AsOf = c.At
		}
		for i := range c.Seen {
			s := &c.Seen[i]
			if s.SKU == "" || s.Units == 0 {
				continue
			}
			switch money.State(s.State) {
			case money.Trial:
				trials[s.SKU] = true
			case money.InGrace:
				if b.Grace() == money.GraceFree {
					continue
				}
			case money.Enabled, money.Suspended, money.Unclear:
			default:
				continue // it is over
			}
			u := use(uses, s.SKU)
			if board.held[s.SKU] == nil {
				board.held[s.SKU] = map[string]int{}
			}
			before := len(board.held[s.SKU])
			if money.State(s.State) != money.Trial {
				u.Purchased += s.Units
				board.held[s.SKU][c.Scope.Customer] += s.Units
			} else {
				board.held[s.SKU][c.Scope.Customer] += 0
			}
			u.Tenants += len(board.held[s.SKU]) - before
		}
	}
	for sku, u := range uses {
		u.FreeOrTrial = directory.FreeSKU(u.Part) || trials[sku] && u.Purchased == 0
	}
	return nil
}

// addBills adds what the ledger says that is billed.
func (board *ProductBoard) addBills(ctx context.Context, w *App, targets []string, uses map[string]*ProductUse) error {
	for s, err := range w.Store.Spans(ctx, state.SpanFilter{From: w.Now()}) {
		if err != nil {
			return fmt.Errorf("reading the ledger: %w", err)
		}
		if !s.To.IsZero() || !slices.Contains(targets, s.Scope.Target) || !s.Holds() && s.Known {
			continue
		}
		skus := skusOf(&s)
		monthly, currency, known := monthlyOf(&s, w.Config.Currency)
		board.add(&board.Bills, &board.Unpriced, monthly, currency, known)
		board.note(strings.ToLower(s.Product), s.Scope.Customer)
		for _, sku := range skus {
			board.note(sku, s.Scope.Customer)
			u := use(uses, sku)
			board.add(&u.Bills, &u.Unpriced, monthly, currency, known)
			for _, other := range skus {
				if other != sku && !slices.Contains(u.With, other) {
					u.With = append(u.With, other)
				}
			}
			if d, err := decimal.NewFromString(s.Assigned); err == nil && len(skus) == 1 {
				u.assign(s.Scope.Customer, int(d.IntPart()))
			}
		}
	}
	return nil
}

// assign notes how many units somebody holds at a customer: the same ones in each product
// that the licence feeds.
func (u *ProductUse) assign(customer string, units int) {
	if u.assigned == nil {
		u.assigned = map[string]int{}
	}
	more := max(units-u.assigned[customer], 0)
	u.assigned[customer] += more
	u.Assigned, u.AssignedKnown = u.Assigned+more, true
}

func (board *ProductBoard) add(sums *Sums, unpriced *int, monthly decimal.Decimal, currency string, known bool) {
	if !known {
		*unpriced++
		return
	}
	sums.Add(currency, monthly)
}

// note notes that a customer has a line of a licence, or of a product.
func (board *ProductBoard) note(of, customer string) {
	if board.has[of] == nil {
		board.has[of] = map[string]bool{}
	}
	board.has[of][customer] = true
}

// addLook takes over what only the source knows, as it was looked at last.
func (board *ProductBoard) addLook(uses map[string]*ProductUse) {
	if board.Look == nil {
		return
	}
	for _, sku := range board.Look.SKUs {
		u := use(uses, sku.ID)
		u.SKU, u.AssignedKnown, u.Listed = sku, true, true
	}
	for i := range board.Look.Suggestions {
		s := &board.Look.Suggestions[i]
		if u := uses[s.SKUID]; u != nil {
			u.Suggestion = s
		}
	}
}

// monthlyOf is what the lines of a span bill a month; known is false where nobody knows it.
func monthlyOf(s *state.Span, currency string) (monthly decimal.Decimal, in string, known bool) {
	in = cmp.Or(s.Currency, currency)
	billed, err := decimal.NewFromString(s.Billed)
	if err != nil {
		return monthly, in, false
	}
	if billed.IsZero() {
		return monthly, in, true
	}
	price, err := decimal.NewFromString(s.Price)
	if err != nil {
		return monthly, in, false
	}
	if included, err := decimal.NewFromString(s.LessIncluded); err == nil {
		billed = decimal.Max(decimal.Zero, billed.Sub(included))
	}
	monthly, known = money.MonthlyPrice(billed.Mul(price), plan.Cycle(s.Cycle))
	return monthly.Round(2), in, known
}

// skusOf are the licences that feed a span, sorted.
func skusOf(s *state.Span) []string {
	var skus []string
	for _, r := range s.Rules {
		if sku := strings.ToLower(r.SKU); sku != "" && r.Status != mapping.Ignore {
			skus = append(skus, sku)
		}
	}
	slices.Sort(skus)
	return slices.Compact(skus)
}

// ExportKnownProducts writes the product rules as CSV, with a line for every licence that
// the state knows and nobody settled, and returns how many lines it has.
func (w *App) ExportKnownProducts(ctx context.Context, out io.Writer) (lines int, err error) {
	board, err := w.ProductBoard(ctx)
	if err != nil {
		return 0, err
	}
	rules, err := w.Rules(ctx)
	if err != nil {
		return 0, err
	}
	var skus []mapping.SKU
	for i := range board.Uses {
		skus = append(skus, board.Uses[i].SKU)
	}
	return mapping.ExportRules(out, rules, skus)
}

// A ProductFound is a product of the catalogue with its price.
type ProductFound struct {
	ID          string           `json:"id"`
	Identifier  string           `json:"identifier"`
	Description string           `json:"description"`
	Price       *decimal.Decimal `json:"price"` // null where none is known
}

// FoundMost is how many products a search returns.
const FoundMost = 25

// FindProducts searches the catalogue, as it is now, for products that can be a line.
func (w *App) FindProducts(ctx context.Context, text string) ([]ProductFound, error) {
	b, there := w.biller()
	if !there {
		return nil, Usage("%s; there are no products", missing[Biller](w.Config.table))
	}
	all, err := b.ProductEvidence(ctx)
	if err != nil {
		return nil, err
	}
	found := mapping.FindProducts(all, text, FoundMost)
	var names []string
	for _, p := range found {
		names = append(names, p.ID)
	}
	prices, err := b.Prices(ctx, names)
	if err != nil {
		return nil, err
	}
	var out []ProductFound
	for _, p := range found {
		x := ProductFound{ID: p.ID, Identifier: p.Identifier, Description: p.Description}
		if price, known := prices[p.ID]; known {
			x.Price = &price
		}
		out = append(out, x)
	}
	return out, nil
}
