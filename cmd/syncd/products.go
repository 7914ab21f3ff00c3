package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/report"
)

func productsCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "products", Short: "Say which licence is billed as which product, and how", Args: cobra.NoArgs,
		Long: "Without a further word, list every licence that any tenant holds with its product rules. Rules are edited as CSV (export, edit in Excel, import)."}
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error { return a.listProducts(ctx, w) })
	a.addTable(cmd, csvTable{name: "the product rules", edit: "product rule", exports: "Write the product rules as CSV for Excel", imports: "Read product rules from CSV; all of it or nothing",
		export: func(ctx context.Context, w *app.App, out *bytes.Buffer) (int, error) {
			p := a.progress("tenants")
			lines, left, err := w.ExportProducts(ctx, out, p.at)
			p.end()
			a.leftOut(left)
			return lines, err
		},
		load: func(ctx context.Context, w *app.App, file string, text []byte) ([]mapping.Edit, error) {
			p := a.progress("tenants")
			in, err := w.ImportProducts(ctx, a.operator(), file, text, p.at)
			p.end()
			a.leftOut(in.LeftOut)
			for _, warning := range in.Warnings {
				fmt.Fprintf(a.err(), "syncd: warning: %s\n", warning)
			}
			return in.Edits, err
		}})
	cmd.AddCommand(suggestProductsCommand(a))
	return cmd
}

// leftOut says which tenants proved nothing.
func (a *cli) leftOut(tenants []app.LeftOut) {
	for _, t := range tenants {
		fmt.Fprintf(a.err(), "syncd: %s is left out: %v\n", clean(t.Tenant), t.Err)
	}
}

func (a *cli) listProducts(ctx context.Context, w *app.App) error {
	p := a.progress("tenants")
	lines, left, err := w.Products(ctx, p.at)
	p.end()
	a.leftOut(left)
	if err != nil {
		return err
	}
	return a.print(app.ProductList{Products: lines}, func(out io.Writer) error {
		s, open, proposed := productSheet(lines)
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

// productSheet is the table of the rules, and how many licences have none, or only a
// suggested one. Whose rule it is has a column where any is one customer's.
func productSheet(lines []app.ProductLine) (s report.Sheet, open, proposed int) {
	s = report.Sheet{Columns: []report.Column{{Name: "Licence"}, {Name: "SKU"}, {Name: "Product"}, {Name: "Count"}, {Name: "Min", Number: true}, {Name: "Max", Number: true}, {Name: "Status"},
		{Name: "Tenants", Number: true}, {Name: "Purchased", Number: true}, {Name: "Assigned", Number: true}, {Name: "Reason"}}}
	own := slices.ContainsFunc(lines, func(l app.ProductLine) bool { return l.Customer != "" })
	if own {
		s.Columns = slices.Insert(s.Columns, 2, report.Column{Name: "Customer"})
	}
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
		name, tenants, purchased, assigned := l.Name, strconv.Itoa(l.Tenants), strconv.Itoa(l.Purchased), strconv.Itoa(l.Assigned)
		if l.SKU == "" {
			name, tenants, purchased, assigned = cmp.Or(l.Name, "(people)"), "", "", ""
		}
		row := []string{name, l.Part, l.Product, countText(&l.Rule), mapping.Number(l.Minimum), mapping.Number(l.Maximum), status, tenants, purchased, assigned, l.Reason}
		if own {
			row = slices.Insert(row, 2, cmp.Or(l.CustomerName, l.Customer))
		}
		s.Rows = append(s.Rows, row)
	}
	return s, open, proposed
}

func suggestProductsCommand(a *cli) *cobra.Command {
	file := output{format: "csv"}
	cmd := &cobra.Command{Use: "suggest", Short: "Propose a product for each licence without a rule", Args: cobra.NoArgs}
	a.writesOut(cmd, &file, "write a `FILE` for syncd products import, with the proposals as suggested: bill under status accepts one")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		p := a.progress("tenants")
		suggestions, left, err := w.SuggestProducts(ctx, p.at)
		p.end()
		a.leftOut(left)
		if err != nil {
			return err
		}
		if file.path != "" {
			return a.proposals(&file, suggestions)
		}
		return a.print(struct {
			Suggestions []mapping.ProductSuggestion `json:"suggestions"`
		}{app.Listed(suggestions)}, func(out io.Writer) error { return writeProductSuggestions(out, a.console.Width, suggestions) })
	})
	return cmd
}

// proposals writes suggestions as a table that a person can finish and import.
func (a *cli) proposals(file *output, suggestions []mapping.ProductSuggestion) error {
	var rules mapping.Rules
	for _, s := range suggestions {
		rule, ok := s.Rule()
		if !ok {
			rule = mapping.Rule{SKU: s.SKU.ID, Part: s.SKU.Part, Name: s.SKU.Name, Reason: "ambiguous: " + s.Ambiguous}
		}
		rules.Rules = append(rules.Rules, rule)
	}
	var body bytes.Buffer
	lines, err := mapping.ExportRules(&body, rules, nil)
	if err != nil {
		return err
	}
	return a.deliverTable(file, body.Bytes(), lines)
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
