package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/report"
)

func reportCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "report", Short: "Reconcile what Microsoft sold with what is billed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return usage("say which: syncd report licences") }}
	cmd.AddCommand(licencesCommand(a))
	return cmd
}

// The formats of a report.
var formats = []string{"csv", "xlsx", "json"} // and a table

func licencesCommand(a *cli) *cobra.Command {
	var customer, format string
	var out output
	cmd := &cobra.Command{Use: "licences", Short: "Per customer and product: bought, billed, and the difference", Args: cobra.NoArgs,
		Long: "Read Microsoft's licences and ConnectWise's agreements as they are now and compare them, sorted by money. Nothing is written.\n\nExit status: 0 everything was read, 1 some of it could not be."}
	onceVar(cmd.Flags(), &format, "format", "`FORMAT`: table, csv, xlsx or json (default: by the file's ending, else table)")
	a.writesOut(cmd, &out, "write to `FILE`, in the format of its ending")
	onceVar(cmd.Flags(), &customer, "customer", "only this `CUSTOMER`")
	complete(cmd, a, "customer")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		if a.json {
			if format != "" && format != "json" {
				return usage("--json and --format %s contradict each other; take one away", format)
			}
			format = "json"
		}
		var err error
		if format, err = formatOf(format, out.path, "table", formats...); err != nil {
			return err
		}
		if format == "xlsx" && out.path == "" {
			return usage("a spreadsheet needs a file: --out licences.xlsx")
		}
		p := a.progress("customers")
		r, whole, err := w.Reconcile(ctx, customer, p.at)
		p.end()
		if err != nil {
			return err
		}
		if !whole {
			a.status = statusFailed
		}
		return a.deliver(r, format, &out)
	})
	return cmd
}

func (a *cli) deliver(r *report.Licences, format string, out *output) error {
	sheet := r.Sheet()
	var body bytes.Buffer
	var err error
	switch format {
	case "csv":
		err = sheet.CSV(&body)
	case "xlsx":
		err = sheet.XLSX(&body)
	case "json":
		e := json.NewEncoder(&body)
		e.SetIndent("", " ")
		err = e.Encode(r)
	default:
		err = sheet.Table(&body, a.console.Width)
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if out.path == "" {
		to := a.out()
		if format == "csv" {
			to = a.console.Out
		}
		_, err := to.Write(body.Bytes())
		return err
	}
	if err := a.write(out, body.Bytes()); err != nil {
		return err
	}
	a.say("%d lines written to %s", len(r.Lines), out.path)
	return nil
}
