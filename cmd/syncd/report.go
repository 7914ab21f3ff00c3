package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"syncd/internal/money"
	"syncd/internal/report"
	"syncd/internal/sync"
)

func reportCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "report", Short: "Reconcile what Microsoft sold with what is billed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return usage("say which: syncd report licences") }}
	cmd.AddCommand(licencesCommand(a))
	return cmd
}

// The formats of a report.
var formats = []string{"csv", "xlsx", "json"} // and a table

func licencesCommand(a *app) *cobra.Command {
	var s selector
	var format string
	var out output
	cmd := &cobra.Command{Use: "licences", Short: "Per customer and product: bought, billed, and the difference", Args: cobra.NoArgs,
		Long: "Read Microsoft's licences and ConnectWise's agreements as they are now and compare them, sorted by money. Nothing is written.\n\nExit status: 0 everything was read, 1 some of it could not be."}
	onceVar(cmd.Flags(), &format, "format", "`FORMAT`: table, csv, xlsx or json (default: by the file's ending, else table)")
	a.writesOut(cmd, &out, "write to `FILE`, in the format of its ending")
	onceVar(cmd.Flags(), &s.customer, "customer", "only this `CUSTOMER`")
	complete(cmd, a, "customer")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, _ []string) error {
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
		switch {
		case format == "xlsx" && out.path == "":
			return usage("a spreadsheet needs a file: --out licences.xlsx")
		case w.ConnectWise == nil:
			return usage("connectwise is not configured; there is nothing to compare with")
		}
		s.target = "connectwise"
		sel, err := s.selection(ctx, w)
		if err != nil {
			return err
		}
		rules, err := w.rules(ctx)
		if err != nil {
			return err
		}
		r := report.NewLicences(rules, money.Policy{Grace: w.Config.ConnectWise.Grace, Now: w.Now().In(w.Location)}, w.Config.Currency)
		p := a.progress("customers")
		sel.Unmapped, sel.Inspect = true, r.Add
		sel.Progress = func(done, total int, s *sync.ScopeReport) { p.at(done, total, s.Customer.Name) }
		run, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
		p.end()
		if err != nil {
			return err
		}
		if run.Status() == statusFailed {
			a.status = statusFailed
		}
		r.Finish()
		return a.deliver(r, format, &out)
	})
	return cmd
}

func (a *app) deliver(r *report.Licences, format string, out *output) error {
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
