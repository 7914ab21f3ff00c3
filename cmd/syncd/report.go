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
	cmd := &cobra.Command{Use: "report", Short: "What is sold, billed, lost and renewed, and a month's evidence"}
	cmd.AddCommand(licencesCommand(a), monthCommand(a), leakageCommand(a), renewalsCommand(a))
	return cmd
}

// The formats of a report.
var formats = []string{"csv", "xlsx", "json"} // and a table

// A reportFile is where a report goes, and in which format.
type reportFile struct {
	output
	named string // the format that was typed
}

// reports declares the flags of a report.
func (a *cli) reports(cmd *cobra.Command, f *reportFile, customer *string) {
	onceVar(cmd.Flags(), &f.named, "format", "`FORMAT`: table, csv, xlsx or json (default: by the file's ending, else table)")
	a.writesOut(cmd, &f.output, "write to `FILE`, in the format of its ending")
	onceVar(cmd.Flags(), customer, "customer", "only this `CUSTOMER`")
	complete(cmd, a, "customer")
}

// decide says in which format the report is meant, before any work.
func (f *reportFile) decide(a *cli, example string) (err error) {
	if a.json {
		if f.named != "" && f.named != "json" {
			return usage("--json and --format %s contradict each other; take one away", f.named)
		}
		f.named = "json"
	}
	if f.named, err = formatOf(f.named, f.path, "table", formats...); err != nil {
		return err
	}
	if f.named == "xlsx" && f.path == "" {
		return usage("a spreadsheet needs a file: --out %s", example)
	}
	return nil
}

func licencesCommand(a *cli) *cobra.Command {
	var customer string
	var suggested bool
	var out reportFile
	cmd := &cobra.Command{Use: "licences", Short: "Per customer and product: bought, billed, and the difference", Args: cobra.NoArgs,
		Long: "Read Microsoft's licences and ConnectWise's agreements as they are now and compare them, sorted by money. Nothing is written.\n\nExit status: 0 everything was read, 1 some of it could not be."}
	cmd.Flags().BoolVar(&suggested, "suggested", false, "use links and rules that are only suggested, too, and mark their lines")
	a.reports(cmd, &out, &customer)
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		reconcile := w.Reconcile
		if suggested {
			reconcile = w.ReconcileSuggested
		}
		if err := out.decide(a, "licences.xlsx"); err != nil {
			return err
		}
		p := a.progress("customers")
		r, whole, err := reconcile(ctx, customer, p.at)
		p.end()
		if err != nil {
			return err
		}
		if !whole {
			a.status = statusFailed
		}
		sheet := r.Sheet()
		return a.deliver(r, &sheet, &sheet, &out)
	})
	return cmd
}

// deliver writes a report: the document as JSON, the sheet for people, the plain one
// as CSV.
func (a *cli) deliver(document any, sheet, plain *report.Sheet, out *reportFile) error {
	var body bytes.Buffer
	var err error
	switch out.named {
	case "csv":
		err = plain.CSV(&body)
	case "xlsx":
		err = sheet.XLSX(&body)
	case "json":
		e := json.NewEncoder(&body)
		e.SetIndent("", " ")
		err = e.Encode(document)
	default:
		err = sheet.Table(&body, a.console.Width)
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if out.path == "" {
		to := a.out()
		if out.named == "csv" {
			to = a.console.Out
		}
		_, err := to.Write(body.Bytes())
		return err
	}
	if err := a.write(&out.output, body.Bytes()); err != nil {
		return err
	}
	a.say("%s written to %s", app.Count(len(sheet.Rows), "line"), out.path)
	return nil
}
