package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// A Product is a licence that a tenant holds or a rule knows, with what a rule makes of it.
type ProductLine struct {
	mapping.Rule
	CustomerName string `json:"customer_name,omitempty"` // of the one customer that it is for
	Tenants      int    `json:"tenants"`
	Purchased    int    `json:"purchased"`
	Assigned     int    `json:"assigned"`
	Free         bool   `json:"free_or_trial"`
}

// A ProductList is every licence with its rules, as scripts read it.
type ProductList struct {
	Products []ProductLine `json:"products"`
	LeftOut  []string      `json:"left_out,omitempty"` // tenants that proved nothing, with why
}

// Products returns every licence that a tenant holds, or a rule knows, with its
// rules, and the tenants that were left out.
func (w *App) Products(ctx context.Context, progress Progress) ([]ProductLine, []LeftOut, error) {
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, nil, err
	}
	held, err := w.holdings(ctx, progress)
	if err != nil {
		return nil, nil, err
	}
	names := map[string]string{}
	if slices.ContainsFunc(rules.Rules, func(r mapping.Rule) bool { return r.Customer != "" }) {
		_, customers, err := w.Customers(ctx)
		if err != nil {
			return nil, nil, err
		}
		for i := range customers {
			names[customers[i].Key] = customers[i].Name
		}
	}
	lines := []ProductLine{}
	known := map[string]bool{}
	for _, k := range held.SKUs {
		known[k.ID] = true
		with := slices.DeleteFunc(slices.Clone(rules.Rules), func(r mapping.Rule) bool { return r.SKU != k.ID || r.Status == "" })
		if len(with) == 0 {
			with = []mapping.Rule{{SKU: k.ID, Part: k.Part, Name: k.Name}}
		}
		for _, r := range with {
			r.Part, r.Name = cmp.Or(r.Part, k.Part), cmp.Or(r.Name, k.Name)
			lines = append(lines, ProductLine{r, names[r.Customer], k.Tenants, k.Purchased, k.Assigned, k.FreeOrTrial})
		}
	}
	for _, r := range rules.Rules {
		if !known[r.SKU] {
			lines = append(lines, ProductLine{Rule: r, CustomerName: names[r.Customer]})
		}
	}
	return lines, held.LeftOut, nil
}

// ExportProducts writes the product rules as CSV, and returns how many lines it has.
func (w *App) ExportProducts(ctx context.Context, out io.Writer, progress Progress) (lines int, left []LeftOut, err error) {
	rules, err := w.Rules(ctx)
	if err != nil {
		return 0, nil, err
	}
	held, err := w.holdings(ctx, progress)
	if err != nil {
		return 0, nil, err
	}
	if lines, err = mapping.ExportRules(out, rules, held.SKUs); err != nil {
		return 0, held.LeftOut, fmt.Errorf("writing the product rules: %w", err)
	}
	return lines, held.LeftOut, nil
}

// A ProductImport is what came of reading product rules.
type ProductImport struct {
	Edits    []mapping.Edit
	LeftOut  []LeftOut
	Warnings []string // about products that are not known at the biller
}

// A RuleDraft are product rules as a file makes them: judged, and not in force.
type RuleDraft struct {
	ProductImport
	file         string
	text         []byte
	before, next mapping.Rules
	version      int       // of the table that was read
	edit         *RuleEdit // of one rule, from which it was made; nil where it was a file
}

// ImportProducts reads product rules from the CSV text of a file: all of it or
// nothing.
func (w *App) ImportProducts(ctx context.Context, by Operator, file string, text []byte, progress Progress) (ProductImport, error) {
	d, err := w.DraftRules(ctx, file, text, progress)
	if err != nil {
		return d.ProductImport, err
	}
	return d.ProductImport, w.SaveRules(ctx, by, d)
}

// SaveRules puts a draft into force. It is state.ErrConflict where the table is another one
// since it was read.
func (w *App) SaveRules(ctx context.Context, by Operator, d *RuleDraft) error {
	return Put(ctx, w.Store, ProductsDocument, d.version, d.next,
		concerning(ruleConcerns(d.before, d.next), w.tableEntries(by, state.ActionImport, ProductsDocument, d.file, d.text, d.Edits))...)
}

// DraftRules reads product rules from the CSV text of a file, and changes nothing. With an
// error there is a draft too, which says who was left out.
func (w *App) DraftRules(ctx context.Context, file string, text []byte, progress Progress) (*RuleDraft, error) {
	d := &RuleDraft{file: file, text: text}
	var err error
	if d.before, d.version, err = Document[mapping.Rules](ctx, w.Store, ProductsDocument); err != nil {
		return d, err
	}
	customers, err := w.customerKeys(ctx, text)
	if err != nil {
		return d, fmt.Errorf("%s names customers, so the tenants are needed: %w", cmp.Or(file, "the rule"), err)
	}
	var held holdings
	if mapping.AsksForSKUs(bytes.NewReader(text), d.before) {
		if held, err = w.holdings(ctx, progress); err != nil {
			return d, fmt.Errorf("%s names licences by part number, so the tenants' own are needed: %w", file, err)
		}
		d.LeftOut = held.LeftOut
	}
	if d.next, d.Edits, err = mapping.ImportRules(bytes.NewReader(text), d.before, mapping.Known{SKUs: held.SKUs, Customers: customers}); err != nil {
		return d, Usage("%s: nothing was imported:\n%w", cmp.Or(file, "the rule"), err)
	}
	d.next.Rules = slices.Clone(d.next.Rules)
	d.Warnings = w.pin(ctx, &d.next, d.before)
	return d, nil
}

// customerKeys are the keys of all customers, where the rules of a file are for
// some of them.
func (w *App) customerKeys(ctx context.Context, text []byte) (map[string]bool, error) {
	if !mapping.NamesCustomers(bytes.NewReader(text)) {
		return nil, nil
	}
	_, customers, err := w.Customers(ctx)
	if err != nil {
		return nil, err
	}
	keys := make(map[string]bool, len(customers))
	for i := range customers {
		keys[customers[i].Key] = true
	}
	return keys, nil
}

// SuggestProducts proposes a product for each licence without a rule.
func (w *App) SuggestProducts(ctx context.Context, progress Progress) ([]mapping.ProductSuggestion, []LeftOut, error) {
	b, there := w.biller()
	if !there {
		return nil, nil, Usage("%s; there are no products to propose", missing[Biller](w.Config.table))
	}
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, nil, err
	}
	held, err := w.holdings(ctx, progress)
	if err != nil {
		return nil, nil, err
	}
	evidence, err := b.ProductEvidence(ctx)
	if err != nil {
		return nil, held.LeftOut, err
	}
	return mapping.SuggestProducts(held.SKUs, evidence, rules), held.LeftOut, nil
}

// LeftOut is a tenant that proved nothing, and why.
type LeftOut struct {
	Tenant string
	Err    error
}

// LeftOutTexts says of tenants why they are left out.
func LeftOutTexts(left []LeftOut) (texts []string) {
	for _, l := range left {
		texts = append(texts, fmt.Sprintf("%s: %v", l.Tenant, l.Err))
	}
	return texts
}

// holdings are the licences of all tenants.
type holdings struct {
	SKUs    []mapping.SKU
	LeftOut []LeftOut
}

// holdings reads what licences all tenants hold. A tenant that proves nothing is
// left out, and said so.
func (w *App) holdings(ctx context.Context, progress Progress) (held holdings, err error) {
	tenants, err := w.Tenants(ctx)
	if err != nil {
		return held, err
	}
	snapshots := make([]*directory.Snapshot, len(tenants))
	done := make(chan string)
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		n := 0
		for name := range done {
			n++
			progress(n, len(tenants), name)
		}
	}()
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, t := range tenants {
		group.Go(func() (err error) {
			snapshots[i], err = w.CIPP.Snapshot(gctx, t, directory.Licences)
			done <- t.Name
			return err
		})
	}
	err = group.Wait()
	close(done)
	<-shown
	if err != nil {
		return held, fmt.Errorf("reading the licences: %w", err)
	}
	seen := map[string]*mapping.SKU{}
	for _, s := range snapshots {
		items, err := s.Licences.Items()
		if err != nil {
			held.LeftOut = append(held.LeftOut, LeftOut{s.Tenant.Name, err})
			continue
		}
		for _, l := range items {
			k := seen[l.SKU]
			if k == nil {
				k = &mapping.SKU{ID: l.SKU, Part: l.PartNumber, Name: l.Name, FreeOrTrial: true}
				seen[l.SKU] = k
			}
			k.Tenants++
			k.Purchased += l.Purchased
			k.Assigned += l.Assigned
			k.FreeOrTrial = k.FreeOrTrial && l.IsFree()
		}
	}
	for _, k := range seen {
		held.SKUs = append(held.SKUs, *k)
	}
	slices.SortFunc(held.SKUs, func(x, y mapping.SKU) int {
		return cmp.Or(strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), strings.Compare(x.ID, y.ID))
	})
	return held, nil
}

// pin notes which product each rule means now, so that a product that is
// renamed later stays the one. Products that nobody knows are said, where a rule names them anew.
func (w *App) pin(ctx context.Context, next *mapping.Rules, before mapping.Rules) (warnings []string) {
	next.KeepProductIDs(before)
	var open []string
	for _, r := range next.Rules {
		if r.Status == mapping.Bill && r.ProductID == 0 && !slices.Contains(open, r.Product) {
			open = append(open, r.Product)
		}
	}
	b, there := w.biller()
	if !there || len(open) == 0 {
		return nil
	}
	ids, err := b.ResolveProducts(ctx, open)
	if err != nil {
		return []string{fmt.Sprintf("the products were not looked up in %s (%v); "+
			"import the rules again later, so that a renamed product stays the one", b.Title, err)}
	}
	for i := range next.Rules {
		if r := &next.Rules[i]; r.ProductID == 0 {
			r.ProductID = ids[r.Product]
		}
	}
	for _, text := range open {
		if ids[text] == 0 && !slices.ContainsFunc(before.Rules, func(r mapping.Rule) bool { return r.Status == mapping.Bill && r.Product == text }) {
			warnings = append(warnings, fmt.Sprintf("%s has no product %q, or several: what it bills waits until it has exactly one",
				b.Title, visible.Text(text)))
		}
	}
	return warnings
}
