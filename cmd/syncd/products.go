package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/report"
)

func productsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "products", Short: "Say which licence is billed as which product, and how", Args: cobra.NoArgs,
		Long: "Without a further word, list every licence that any tenant holds with its product rules. Rules are edited as CSV (export, edit in Excel, import)."}
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, _ []string) error { return w.listRules(ctx, a) })
	out := output{format: "csv"}
	export := &cobra.Command{Use: "export FILE", Short: "Write the product rules as CSV for Excel", Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *World, _ []string) error {
			rules, err := w.rules(ctx)
			if err != nil {
				return err
			}
			seen, err := w.skus(ctx, a)
			if err != nil {
				return err
			}
			var body bytes.Buffer
			if err := mapping.ExportRules(&body, rules, seen); err != nil {
				return fmt.Errorf("writing the product rules: %w", err)
			}
			return a.deliverTable(&out, body.Bytes(), bytes.Count(body.Bytes(), []byte("\r\n"))-1)
		})}
	a.writes(export, &out)
	load := &cobra.Command{Use: "import FILE", Short: "Read product rules from CSV; all of it or nothing", Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *World, args []string) error {
			text, err := a.console.Files.ReadFile(args[0])
			if err != nil {
				return usage("reading the product rules: %w", err)
			}
			rules, version, err := document[mapping.Rules](ctx, w.Store, productsDocument)
			if err != nil {
				return err
			}
			var seen []mapping.SKU
			if mapping.AsksForSKUs(bytes.NewReader(text), rules) {
				if seen, err = w.skus(ctx, a); err != nil {
					return fmt.Errorf("%s names licences by part number, so the tenants' own are needed: %w", args[0], err)
				}
			}
			next, edits, err := mapping.ImportRules(bytes.NewReader(text), rules, seen)
			if err != nil {
				return usage("%s: nothing was imported:\n%w", args[0], err)
			}
			w.pin(ctx, a, &next, rules)
			if err := put(ctx, w.Store, productsDocument, version, next); err != nil {
				return err
			}
			return a.edits("product rule", edits)
		})}
	cmd.AddCommand(export, load, suggestProductsCommand(a))
	return cmd
}

// pin notes which product each rule means now, so that a product that is
// renamed later stays the one. Products that nobody knows are said.
func (w *World) pin(ctx context.Context, a *app, next *mapping.Rules, before mapping.Rules) {
	next.Remember(before)
	var open []string
	for _, r := range next.Rules {
		if r.Status == mapping.Bill && r.ProductID == 0 && !slices.Contains(open, r.Product) {
			open = append(open, r.Product)
		}
	}
	if w.ConnectWise == nil || len(open) == 0 {
		return
	}
	ids, err := w.ConnectWise.ResolveProducts(ctx, open)
	if err != nil {
		fmt.Fprintf(a.err(), "syncd: warning: the products were not looked up in ConnectWise (%v); import the rules again later, so that a renamed product stays the one\n", err)
		return
	}
	for i := range next.Rules {
		if r := &next.Rules[i]; r.ProductID == 0 {
			r.ProductID = ids[r.Product]
		}
	}
	for _, text := range open {
		if ids[text] == 0 {
			fmt.Fprintf(a.err(), "syncd: warning: ConnectWise has no product %q, or several: what it bills waits until it has exactly one\n", clean(text))
		}
	}
}

// skus reads what licences all tenants hold. A tenant that proves nothing is
// left out, and said so.
func (w *World) skus(ctx context.Context, a *app) ([]mapping.SKU, error) {
	tenants, err := w.tenants(ctx)
	if err != nil {
		return nil, err
	}
	snapshots := make([]*directory.Snapshot, len(tenants))
	p := a.progress("tenants")
	done := make(chan string)
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		n := 0
		for name := range done {
			n++
			p.at(n, len(tenants), name)
		}
		p.end()
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
		return nil, fmt.Errorf("reading the licences: %w", err)
	}
	seen := map[string]*mapping.SKU{}
	for _, s := range snapshots {
		items, err := s.Licences.Items()
		if err != nil {
			fmt.Fprintf(a.err(), "syncd: %s is left out: %v\n", clean(s.Tenant.Name), err)
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
			k.FreeOrTrial = k.FreeOrTrial && l.NobodyPays()
		}
	}
	return slices.SortedFunc(dereferenced(maps.Values(seen)), func(x, y mapping.SKU) int {
		return cmp.Or(strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), strings.Compare(x.ID, y.ID))
	}), nil
}

func dereferenced[T any](in func(func(*T) bool)) func(func(T) bool) {
	return func(yield func(T) bool) {
		in(func(p *T) bool { return yield(*p) })
	}
}

type ruleLine struct {
	mapping.Rule
	Tenants   int  `json:"tenants"`
	Purchased int  `json:"purchased"`
	Assigned  int  `json:"assigned"`
	Free      bool `json:"free_or_trial"`
}

func (w *World) listRules(ctx context.Context, a *app) error {
	rules, err := w.rules(ctx)
	if err != nil {
		return err
	}
	seen, err := w.skus(ctx, a)
	if err != nil {
		return err
	}
	lines := []ruleLine{}
	held := map[string]bool{}
	for _, k := range seen {
		held[k.ID] = true
		with := slices.DeleteFunc(slices.Clone(rules.Rules), func(r mapping.Rule) bool { return r.SKU != k.ID || r.Status == "" })
		if len(with) == 0 {
			with = []mapping.Rule{{SKU: k.ID, Part: k.Part, Name: k.Name}}
		}
		for _, r := range with {
			lines = append(lines, ruleLine{r, k.Tenants, k.Purchased, k.Assigned, k.FreeOrTrial})
		}
	}
	for _, r := range rules.Rules {
		if !held[r.SKU] {
			lines = append(lines, ruleLine{Rule: r})
		}
	}
	return a.print(struct {
		Products []ruleLine `json:"products"`
	}{lines}, func(out io.Writer) error {
		s := report.Sheet{Columns: []report.Column{{Name: "Licence"}, {Name: "SKU"}, {Name: "Product"}, {Name: "Count"}, {Name: "Min", Number: true}, {Name: "Max", Number: true}, {Name: "Status"},
			{Name: "Tenants", Number: true}, {Name: "Purchased", Number: true}, {Name: "Assigned", Number: true}, {Name: "Reason"}}}
		open, proposed := 0, 0
		for _, l := range lines {
			status := l.Status
			if status == mapping.Propose {
				proposed++
			}
			if status == "" {
				status, open = "unmapped", open+1
				if l.Free {
					status = "unmapped (free or trial)"
				}
			}
			s.Rows = append(s.Rows, []string{l.Name, l.Part, l.Product, l.Count, limitText(l.Minimum), limitText(l.Maximum), status,
				strconv.Itoa(l.Tenants), strconv.Itoa(l.Purchased), strconv.Itoa(l.Assigned), l.Reason})
		}
		if err := s.Table(out, a.console.Width); err != nil {
			return err
		}
		p := a.page(out)
		if open > 0 {
			p.flow("", fmt.Sprintf("%d without a rule: syncd products suggest, or syncd products export FILE", open))
		}
		if proposed > 0 {
			p.flow("", fmt.Sprintf("%d suggested, which bills nothing: syncd products export FILE, write bill under status where it is right, import it", proposed))
		}
		return p.err
	})
}

func limitText(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func suggestProductsCommand(a *app) *cobra.Command {
	file := output{format: "csv"}
	cmd := &cobra.Command{Use: "suggest", Short: "Propose a product for each licence without a rule", Args: cobra.NoArgs}
	a.writesOut(cmd, &file, "write a `FILE` for syncd products import, with the proposals as suggested: bill under status accepts one")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, _ []string) error {
		if w.ConnectWise == nil {
			return usage("connectwise is not configured; there are no products to propose")
		}
		rules, err := w.rules(ctx)
		if err != nil {
			return err
		}
		seen, err := w.skus(ctx, a)
		if err != nil {
			return err
		}
		catalogue, err := w.ConnectWise.Catalogue(ctx)
		if err != nil {
			return fmt.Errorf("reading the catalogue: %w", err)
		}
		evidence := make([]mapping.ProductEvidence, len(catalogue))
		for i, c := range catalogue {
			evidence[i] = mapping.ProductEvidence{ID: strconv.Itoa(c.ID), Identifier: c.Identifier, Description: c.Description, CustomerDescription: c.CustomerDescription,
				VendorSKU: c.VendorSKU, ManufacturerPart: c.ManufacturerPartNumber, XRef: c.IntegrationXRef, Class: c.Class, Inactive: c.Inactive}
		}
		suggestions := mapping.SuggestProducts(seen, evidence, rules)
		if file.path != "" {
			return a.proposals(&file, suggestions)
		}
		return a.print(struct {
			Suggestions []mapping.ProductSuggestion `json:"suggestions"`
		}{listed(suggestions)}, func(out io.Writer) error { return writeProductSuggestions(out, a.console.Width, suggestions) })
	})
	return cmd
}

// proposals writes suggestions as a table that a person can finish and import.
func (a *app) proposals(file *output, suggestions []mapping.ProductSuggestion) error {
	var rules mapping.Rules
	for _, s := range suggestions {
		rule, ok := s.Rule()
		if !ok {
			rule = mapping.Rule{SKU: s.SKU.ID, Part: s.SKU.Part, Name: s.SKU.Name, Reason: "ambiguous: " + s.Ambiguous}
		}
		rules.Rules = append(rules.Rules, rule)
	}
	var body bytes.Buffer
	if err := mapping.ExportRules(&body, rules, nil); err != nil {
		return err
	}
	return a.deliverTable(file, body.Bytes(), len(suggestions))
}

func writeProductSuggestions(out io.Writer, width int, suggestions []mapping.ProductSuggestion) error {
	s := report.Sheet{Columns: []report.Column{{Name: "Licence"}, {Name: "SKU"}, {Name: "Id"}, {Name: "Product"}, {Name: "Score", Number: true}, {Name: "Evidence"}}}
	for _, x := range suggestions {
		if x.Ignore != "" {
			s.Rows = append(s.Rows, []string{x.Name, x.Part, "", "ignore", "", x.Ignore})
		}
		for i, row := range candidates(x.Candidates, x.Ambiguous) {
			name, part := x.Name, x.Part
			if i > 0 {
				name, part = "", ""
			}
			s.Rows = append(s.Rows, append([]string{name, part}, row...))
		}
	}
	if err := s.Table(out, width); err != nil {
		return err
	}
	p := &page{w: out, width: width}
	p.line("nothing is settled yet: syncd products suggest --out FILE, write bill under status where it is right, then syncd products import FILE")
	return p.err
}
