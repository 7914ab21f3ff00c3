package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/report"
)

func overrideCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "override", Short: "Set a customer's quantity of a product by hand, up to a day", Args: cobra.NoArgs,
		Long: "Without a further word, list what is set. An override stands in place of what the product rules come to, for one customer and product, from now up to its last day; then the rule counts again. " +
			"What it changes is planned and guarded like anything else. PRODUCT is the catalogue identifier."}
	list := a.stateful(func(ctx context.Context, w *app.App, _ []string) error { return a.listOverrides(ctx, w) })
	cmd.RunE = list
	a.addTable(cmd, csvTable{name: "the overrides", edit: "override", exports: "Write what is set as CSV for Excel", imports: "Set overrides from CSV; all of it or nothing",
		long: "Set what each line says: customer (the key), product, one of quantity, minimum and maximum, until (the last day) and reason.\n" +
			"What the file does not name stays set; syncd override end ends one.",
		export: func(ctx context.Context, w *app.App, out *bytes.Buffer) (int, error) {
			return w.ExportOverrides(ctx, out)
		},
		load: func(ctx context.Context, w *app.App, file string, text []byte) ([]mapping.Edit, error) {
			return w.ImportOverrides(ctx, a.operator(), file, text)
		}})
	cmd.AddCommand(setOverrideCommand(a), endOverrideCommand(a),
		&cobra.Command{Use: "list", Short: "Show what is set, by whom, why and until when", Args: cobra.NoArgs, RunE: list})
	return cmd
}

func setOverrideCommand(a *cli) *cobra.Command {
	var quantity, minimum, maximum int
	var said app.OverrideWord
	cmd := &cobra.Command{Use: "set CUSTOMER PRODUCT", Short: "Set one: a quantity, a minimum or a maximum, its last day, and why", Args: cobra.ExactArgs(2)}
	flags := cmd.Flags()
	wholeVar(flags, &quantity, "quantity", 0, "bill exactly `N`, whatever the rules come to")
	wholeVar(flags, &minimum, "minimum", 0, "bill at least `N`")
	wholeVar(flags, &maximum, "maximum", 0, "bill at most `N`")
	flags.StringVar(&said.Until, "until", "", "the last `DATE` on which it counts, such as 2027-03-31; at most 400 days ahead")
	flags.StringVar(&said.Reason, "reason", "", "`TEXT` that says why; asked for at the next audit")
	completeArgs(cmd, a, "customer")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		said.Customer, said.Product = args[0], args[1]
		for _, n := range []struct {
			name  string
			value *int
			to    **int
		}{{"quantity", &quantity, &said.Quantity}, {"minimum", &minimum, &said.Minimum}, {"maximum", &maximum, &said.Maximum}} {
			if flags.Changed(n.name) {
				*n.to = n.value
			}
		}
		return a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			edits, err := w.SetOverride(ctx, a.operator(), said)
			if err != nil {
				return err
			}
			return a.edits("override", edits)
		})(cmd, args)
	}
	return cmd
}

func endOverrideCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "end CUSTOMER PRODUCT", Short: "Let the rule count again from now on", Args: cobra.ExactArgs(2)}
	completeArgs(cmd, a, "customer")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		edits, err := w.EndOverride(ctx, a.operator(), args[0], args[1], nil)
		if err != nil {
			return err
		}
		return a.edits("override", edits)
	})
	return cmd
}

func (a *cli) listOverrides(ctx context.Context, w *app.App) error {
	set, err := w.Overrides(ctx)
	if err != nil {
		return err
	}
	return a.print(struct {
		Overrides []app.Override `json:"overrides"`
	}{set}, func(out io.Writer) error {
		if len(set) == 0 {
			_, err := fmt.Fprintln(out, "nothing is set: every product is billed by its rules")
			return err
		}
		s := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Product"}, {Name: "Billed"}, {Name: "Until"}, {Name: "By"}, {Name: "Reason"}}}
		for _, o := range set {
			until := o.Until
			if o.Ending {
				until += " (soon)"
			}
			what := o.What
			if o.Idle != "" {
				what += " (counts for nothing: " + o.Idle + ")"
			}
			s.Rows = append(s.Rows, []string{o.Customer.Name, o.Product, what, until, o.By, o.Reason})
		}
		return s.Table(out, a.console.Width)
	})
}
