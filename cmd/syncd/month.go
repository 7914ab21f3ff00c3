package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/report"
)

func monthCommand(a *cli) *cobra.Command {
	var month, customer, format, reason string
	var toClose, reopen bool
	out := output{folder: true}
	cmd := &cobra.Command{Use: "month", Short: "The evidence of a month: every number, why, and the invoices", Args: cobra.NoArgs,
		Long: "Show what was billed in a month from the ledger and the journal, and compare it with the invoices, which are read anew. With --out a file is written for each customer and one for all.\n\nExit status: 0 done, 1 the month cannot be closed yet."}
	onceVar(cmd.Flags(), &month, "month", "the `MONTH`, such as 2026-11")
	onceVar(cmd.Flags(), &customer, "customer", "only this `CUSTOMER`")
	onceVar(cmd.Flags(), &format, "format", "`FORMAT`: table, json, html or xlsx (default: a table, and html with --out)")
	onceVar(cmd.Flags(), &reason, "reason", "`TEXT` that says why")
	cmd.Flags().BoolVar(&toClose, "close", false, "freeze the month: it is shown so from then on")
	cmd.Flags().BoolVar(&reopen, "reopen", false, "let a closed month be changed again")
	a.writesOut(cmd, &out, "write the files into the `FOLDER`")
	complete(cmd, a, "customer")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		switch {
		case a.json && format != "" && format != "json":
			return usage("--json and --format %s contradict each other; take one away", format)
		case a.json:
			format = "json"
		case format == "" && out.path != "":
			format = "html"
		case format == "":
			format = "table"
		}
		switch {
		case format != "table" && format != "json" && format != "html" && format != "xlsx":
			return usage("%q is no format; write table, json, html or xlsx", format)
		case out.path == "" && (format == "html" || format == "xlsx"):
			return usage("%s needs a folder: --out FOLDER", format)
		case toClose && reopen:
			return usage("--close and --reopen contradict each other; take one away")
		case (toClose || reopen) && customer != "":
			return usage("a month is closed and reopened for all customers; take --customer away")
		}
		if reopen {
			if err := w.ReopenMonth(ctx, a.operator(), month, reason); err != nil {
				return err
			}
			a.say("%s is open again", month)
			return nil
		}
		months, err := func() (*app.Months, error) {
			if toClose {
				return w.CloseMonth(ctx, a.operator(), month, reason)
			}
			return w.Month(ctx, month, customer)
		}()
		if refused, ok := errors.AsType[*app.MonthRefused](err); ok {
			for _, why := range refused.Why {
				fmt.Fprintf(a.err(), "syncd: %s\n", clean(why))
			}
			return fmt.Errorf("%s is not closed", refused.Month)
		}
		if err != nil {
			return err
		}
		if toClose {
			a.say("%s is closed", month)
		}
		if out.path == "" {
			return a.printMonth(months, format, customer != "")
		}
		return a.writeMonths(months, &out, format, customer != "")
	})
	return cmd
}

// printMonth prints a pack, or all of them.
func (a *cli) printMonth(months *app.Months, format string, one bool) error {
	if format == "json" {
		body, err := months.Document(one)
		if err != nil {
			return err
		}
		_, err = a.out().Write(append(bytes.TrimRight(body, "\n"), '\n'))
		return err
	}
	packs := months.Packs
	if !one {
		packs = append([]*report.Month{months.MSP}, packs...)
	}
	for _, m := range packs {
		if err := a.tabulateMonth(m); err != nil {
			return err
		}
	}
	return nil
}

func (a *cli) tabulateMonth(m *report.Month) error {
	body, err := a.monthText(m)
	if err != nil {
		return err
	}
	_, err = a.out().Write(body)
	return err
}

// monthText is a pack for a terminal.
func (a *cli) monthText(m *report.Month) ([]byte, error) {
	var b bytes.Buffer
	p := &page{w: &b}
	state := "open, as of " + m.AsOf.Format("2006-01-02 15:04 MST")
	if m.Closed {
		state = "closed by " + clean(m.ClosedBy) + " on " + m.AsOf.Format("2006-01-02 15:04 MST")
	}
	p.line("%s, %s: %s", clean(m.Customer.Name), m.Month, state)
	for _, s := range m.Sheets() {
		if len(s.Rows) == 0 {
			p.line("nothing is recorded of it")
			continue
		}
		p.line("%s", s.Title)
		if err := s.Table(&b, a.console.Width); err != nil {
			return nil, err
		}
	}
	p.line("")
	return b.Bytes(), p.err
}

// monthEndings are the endings of files by their format.
var monthEndings = map[string]string{"json": ".json", "html": ".html", "xlsx": ".xlsx", "table": ".txt"}

// writeMonths writes a file a pack.
func (a *cli) writeMonths(months *app.Months, out *output, format string, one bool) error {
	packs := months.Packs
	if !one {
		packs = append([]*report.Month{months.MSP}, packs...)
	}
	files := []string{}
	for _, m := range packs {
		body, err := m.Render(format)
		if format == "table" {
			body, err = a.monthText(m)
		}
		if err != nil {
			return fmt.Errorf("writing the month of %s: %w", m.Customer.Name, err)
		}
		file := output{path: filepath.Join(out.path, m.FileName()+monthEndings[format]), force: out.force}
		if err := a.write(&file, body); err != nil {
			return err
		}
		files = append(files, file.path)
	}
	if a.json {
		return a.print(map[string]any{"folder": out.path, "files": files}, nil)
	}
	a.say("%s written to %s", app.Count(len(files), "file"), out.path)
	return nil
}

// verifyEvidence compares the file of a pack with the journal.
func (a *cli) verifyEvidence(ctx context.Context, w *app.App, file string) error {
	data, err := a.console.Files.ReadFile(file)
	if err != nil {
		return usage("reading %s: %w", file, err)
	}
	m, err := w.VerifyEvidence(ctx, file, data)
	if err != nil {
		return err
	}
	return a.print(map[string]any{"file": file, "customer": m.Customer, "month": m.Month, "closed": m.Closed, "digest": m.Digest, "equal": true}, func(out io.Writer) error {
		state := "which is not closed"
		if m.Closed {
			state = "as it was closed"
		}
		_, err := fmt.Fprintf(out, "%s is what the journal has of %s in %s, %s\n", file, clean(m.Customer.Name), m.Month, state)
		return err
	})
}
