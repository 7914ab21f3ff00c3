package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
)

func statusCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "status [CUSTOMER]", Short: "Show where every customer, or one, stands at every target", Args: cobra.MaximumNArgs(1)}
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		customer := ""
		if len(args) == 1 {
			var err error
			if customer, err = w.Remembered(ctx, args[0]); err != nil {
				return err
			}
		}
		v, err := w.Status(ctx, customer)
		if err != nil {
			return err
		}
		return a.print(v, func(out io.Writer) error { return writeStatus(a.page(out), v, w.Location) })
	})
	return cmd
}

func writeStatus(p *page, v *app.Status, zone *time.Location) error {
	for i := range v.Failing {
		p.flow("", p.paint(clean(v.Failing[i].String(zone)), text.FgRed, text.Bold))
	}
	for _, x := range v.Waits {
		p.flow("", waitingFor(x, zone))
	}
	if b := v.Backup; b != nil && b.Failed != nil {
		p.flow("", p.paint(clean(fmt.Sprintf("no backup since %s: %s", b.Failed.At.In(zone).Format("2006-01-02 15:04"), b.Failed.Why)), text.FgRed, text.Bold))
	}
	if len(v.Scopes) == 0 {
		p.flow("", "nothing was applied yet; syncd plan shows what would change, syncd apply goes on from there")
		writeBackup(p, v.Backup, zone)
		return p.err
	}
	slices.SortStableFunc(v.Scopes, func(x, y app.Standing) int {
		return cmp.Or(slices.Index(state.Standings, x.Stands)-slices.Index(state.Standings, y.Stands), strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)))
	})
	s := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Target"}, {Name: "Stands"}, {Name: "Looked at"}, {Name: "Why"}}}
	for _, c := range v.Scopes {
		why := c.Error
		for _, x := range c.Violations {
			switch {
			case why != "":
			case c.Stands == state.StandsPutOff: // nobody is waited for
				if x.PutOff != "" {
					why = x.Code + ": " + x.Message
				}
			case !x.Note || x.PutOff != "" || x.Code == "left_behind" || x.Code == plan.CodeInvoiced:
				why = x.Message
				if c.Stands == state.StandsApproved {
					why = plan.WithoutWayOn(why) // it is given already
				}
			}
		}
		s.Rows = append(s.Rows, []string{c.Name, c.Scope.Target, c.Stands, c.At.In(zone).Format("2006-01-02 15:04"), why})
	}
	if p.err == nil {
		p.err = s.Table(p.w, p.width)
	}
	if r := v.LastRun; r != nil {
		line := fmt.Sprintf("last run %s (%s, %s) %s", r.ID, r.Job, r.Trigger, r.Started.In(zone).Format("2006-01-02 15:04"))
		switch {
		case r.Stopped:
			line += ": stopped before its end"
		case r.Error != "":
			line += ": ended early: " + clean(r.Error)
		case r.Finished.IsZero():
			line += ": under way, or cut off"
		}
		p.flow("", line)
	}
	writeBackup(p, v.Backup, zone)
	for _, turn := range []struct{ standing, say string }{
		{state.StandsNeedsApproval, "syncd holds shows what, syncd approve lets it pass"},
		{state.StandsNeedsRepair, "syncd holds says what to repair"},
		{state.StandsRejected, "they wait until their plans change"},
		{state.StandsApproved, "they go at the next apply"},
		{state.StandsPutOff, "they go at the first apply after that"},
	} {
		if n := v.Stands[turn.standing]; n > 0 {
			p.flow("", state.Counted(n, turn.standing)+": "+turn.say)
		}
	}
	for _, x := range v.Settlements {
		p.flow("", fmt.Sprintf("settled by hand: %s %s at %s: %s %s (%s%s)", x.Key, x.Scope.Customer, x.Scope.Target, x.How, x.Ref, x.By, app.Because(x.Reason)))
	}
	return p.err
}

// writeBackup says which backup is the last, where any are to be made.
func writeBackup(p *page, b *app.BackupState, zone *time.Location) {
	switch {
	case b == nil:
	case b.Last == nil:
		p.flow("", "no backup yet in "+clean(b.Dir))
	default:
		p.flow("", fmt.Sprintf("last backup %s (%s), the next is due %s", b.Last.At.In(zone).Format("2006-01-02 15:04"), b.Last.Name, b.Due.In(zone).Format("2006-01-02 15:04")))
	}
}

func historyCommand(a *cli) *cobra.Command {
	var f app.HistoryFilter
	var format string
	cmd := &cobra.Command{Use: "history", Short: "Show the journal: every change and every decision", Args: cobra.NoArgs,
		Long: "Show the journal, newest first: every change with before and after, and every decision of a person (approvals, rejections, settlements, imports) with who, how identified and why.\n" +
			"At most 100 entries are shown; all of them where --month, --since or --run narrows them."}
	cmd.Flags().StringVar(&f.Customer, "customer", "", "only this `CUSTOMER`")
	cmd.Flags().StringVar(&f.Target, "target", "", "only this `TARGET`")
	cmd.Flags().StringVar(&f.Run, "run", "", "only this `RUN`")
	cmd.Flags().StringVar(&f.Since, "since", "", "only what came on this `DAY` (2026-11-21) or later")
	cmd.Flags().StringVar(&f.Month, "month", "", "only what came in this month (`YYYY-MM`)")
	wholeVar(cmd.Flags(), &f.Limit, "limit", 100, "at most this many entries; 0 = all")
	cmd.Flags().StringVar(&format, "format", "", "`table`, csv or json")
	complete(cmd, a, "customer", "target")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		if f.Limit < 0 {
			return usage("--limit %d: write 0 for all", f.Limit)
		}
		if f.Month+f.Since+f.Run != "" && !cmd.Flags().Changed("limit") {
			f.Limit = 0
		}
		format, err := formatOf(format, "", "table", "csv", "json")
		if err != nil {
			return err
		}
		entries, err := w.History(ctx, f)
		if err != nil {
			return err
		}
		if format == "csv" && !a.json {
			return historySheet(entries, w.Location).CSV(a.console.Out)
		}
		a.json = a.json || format == "json"
		return a.print(app.HistoryList{Entries: entries}, func(out io.Writer) error { return writeHistory(out, a.console.Width, entries, w.Location) })
	})
	return cmd
}

func writeHistory(out io.Writer, width int, entries []app.HistoryEntry, zone *time.Location) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintln(out, "no entry of the journal fits; without filters it shows them all")
		return err
	}
	return historySheet(entries, zone).Table(out, width)
}

func historySheet(entries []app.HistoryEntry, zone *time.Location) *report.Sheet {
	s := &report.Sheet{Columns: []report.Column{{Name: "#", Number: true}, {Name: "When"}, {Name: "Customer"}, {Name: "Target"}, {Name: "Change"}, {Name: "Before -> after"},
		{Name: "A month", Number: true}, {Name: "Result"}, {Name: "Why"}, {Name: "By"}, {Name: "Run"}}}
	for i := range entries {
		e := (*state.Entry)(&entries[i])
		result := e.Result
		if e.Message != "" {
			result += ": " + e.Message
		}
		change, money, by := strings.TrimSpace(string(e.Action)+" "+e.Label), e.Money, e.By
		if e.Run == app.CommandRun { // its label says all of it, and no line of a bill is meant
			change, money = e.Label, ""
		}
		if e.How != "" && e.Reason == "" { // a decision
			by += " (" + e.How + ")"
		}
		reason := string(e.Reason)
		if e.Reverts != "" {
			reason += " (reverts run " + e.Reverts + ")" + app.CreditText(app.CreditsOf(e))
		}
		if e.Explanation != nil {
			reason += ": " + e.Explanation.Text()
		}
		s.Rows = append(s.Rows, []string{strconv.FormatUint(e.Seq, 10), e.At.In(zone).Format("2006-01-02 15:04:05"), e.Name, e.Scope.Target,
			change, images(e), money, result, reason, by + app.Because(e.Why), e.Run})
	}
	return s
}

// images says what the journal's two images differ in.
func images(e *state.Entry) string {
	var parts []string
	for _, d := range app.Differences(e) {
		parts = append(parts, fmt.Sprintf("%s %s -> %s", d.Field, d.Before, d.After))
	}
	return strings.Join(parts, ", ")
}
