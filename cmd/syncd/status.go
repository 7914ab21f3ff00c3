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

	"github.com/spf13/cobra"

	"syncd/internal/report"
	"syncd/internal/state"
)

// statusView is where everything stands.
type statusView struct {
	Scopes      []state.Cursor     `json:"scopes"`
	Holds       int                `json:"holds"`
	Totals      map[string]int     `json:"totals"`
	Settlements []state.Settlement `json:"settled_by_hand"`
	LastRun     *state.Run         `json:"last_run"`
}

func statusCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "Show where every customer stands at every target", Args: cobra.NoArgs}
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, _ []string) error {
		v := statusView{Scopes: []state.Cursor{}, Totals: map[string]int{}, Settlements: []state.Settlement{}}
		for c, err := range w.Store.Cursors(ctx) {
			if err != nil {
				return fmt.Errorf("reading where the scopes stand: %w", err)
			}
			v.Scopes = append(v.Scopes, c)
			v.Totals[c.Outcome]++
		}
		holds, err := held(ctx, w.Store)
		if err != nil {
			return err
		}
		v.Holds = len(holds)
		for s, err := range w.Store.Settlements(ctx) {
			if err != nil {
				return err
			}
			v.Settlements = append(v.Settlements, s)
		}
		for r, err := range w.Store.Runs(ctx) {
			if err != nil {
				return err
			}
			v.LastRun = &r
			break
		}
		return a.print(v, func(out io.Writer) error { return v.write(out, a.console.Width, w.Location) })
	})
	return cmd
}

func (v *statusView) write(out io.Writer, width int, zone *time.Location) error {
	if len(v.Scopes) == 0 {
		_, err := fmt.Fprintln(out, "nothing was applied yet; syncd plan shows what would change, syncd apply goes on from there")
		return err
	}
	slices.SortStableFunc(v.Scopes, func(x, y state.Cursor) int {
		return cmp.Or(urgency(x.Outcome)-urgency(y.Outcome), strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)))
	})
	s := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Target"}, {Name: "Outcome"}, {Name: "Looked at"}, {Name: "Why"}}}
	for _, c := range v.Scopes {
		why := c.Error
		for _, x := range c.Violations {
			if why == "" && (!x.Note || x.Code == "left_behind") {
				why = x.Message
			}
		}
		s.Rows = append(s.Rows, []string{c.Name, c.Scope.Target, strings.ReplaceAll(c.Outcome, "_", " "), c.At.In(zone).Format("2006-01-02 15:04"), why})
	}
	if err := s.Table(out, width); err != nil {
		return err
	}
	if r := v.LastRun; r != nil {
		fmt.Fprintf(out, "last run %s (%s, %s) %s", r.ID, r.Job, r.Trigger, r.Started.In(zone).Format("2006-01-02 15:04"))
		switch {
		case r.Error != "":
			fmt.Fprintf(out, ": ended early: %s", clean(r.Error))
		case r.Finished.IsZero():
			fmt.Fprint(out, ": under way, or cut off")
		}
		fmt.Fprintln(out)
	}
	if v.Holds > 0 {
		fmt.Fprintf(out, "%d waiting for a person: syncd holds\n", v.Holds)
	}
	for _, x := range v.Settlements {
		fmt.Fprintf(out, "settled by hand: %s %s at %s: %s %s (%s%s)\n", x.Key, x.Scope.Customer, x.Scope.Target, x.How, x.Ref, x.By, reason(x.Reason))
	}
	return nil
}

func reason(text string) string {
	if text == "" {
		return ""
	}
	return ": " + clean(text)
}

// urgency puts first what somebody should look at.
func urgency(outcome string) int {
	return slices.Index([]string{"failed", "partial", "incomplete", "held", "changed", "in_step", "skipped", "unmapped"}, outcome)
}

func historyCommand(a *app) *cobra.Command {
	var customer, run string
	var limit int
	cmd := &cobra.Command{Use: "history", Short: "Show the journal: every change, with before and after", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&customer, "customer", "", "only this `CUSTOMER`")
	cmd.Flags().StringVar(&run, "run", "", "only this `RUN`")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most this many entries; 0 = all")
	complete(cmd, a, "customer")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, _ []string) error {
		f := state.JournalFilter{Run: run, Limit: limit}
		if limit < 0 {
			return usage("--limit %d: write 0 for all", limit)
		}
		if customer != "" {
			c, err := w.customer(ctx, customer)
			if err != nil {
				return err
			}
			f.Customer = c.Key
		}
		entries := []state.Entry{}
		for e, err := range w.Store.Journal(ctx, f) {
			if err != nil {
				return fmt.Errorf("reading the journal: %w", err)
			}
			entries = append(entries, e)
		}
		return a.print(struct {
			Entries []state.Entry `json:"entries"`
		}{entries}, func(out io.Writer) error { return writeHistory(out, a.console.Width, entries, w.Location) })
	})
	return cmd
}

func writeHistory(out io.Writer, width int, entries []state.Entry, zone *time.Location) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintln(out, "no entry of the journal fits; without --customer and --run it shows them all")
		return err
	}
	s := report.Sheet{Columns: []report.Column{{Name: "#", Number: true}, {Name: "When"}, {Name: "Customer"}, {Name: "Target"}, {Name: "Change"}, {Name: "Before -> after"},
		{Name: "A month", Number: true}, {Name: "Result"}, {Name: "Why"}, {Name: "Approved by"}, {Name: "Run"}}}
	for _, e := range entries {
		result := e.Result
		if e.Message != "" {
			result += ": " + e.Message
		}
		change, money := string(e.Action)+" "+e.Label, e.Money
		if e.Run == commandRun { // its label says all of it, and no line of a bill is meant
			change, money = e.Label, ""
		}
		s.Rows = append(s.Rows, []string{strconv.FormatUint(e.Seq, 10), e.At.In(zone).Format("2006-01-02 15:04:05"), e.Name, e.Scope.Target,
			change, images(&e), money, result, string(e.Reason), e.By + reason(e.Why), e.Run})
	}
	return s.Table(out, width)
}

// images says what the journal's two images differ in.
func images(e *state.Entry) string {
	var parts []string
	seen := map[string]bool{}
	if e.After != nil {
		for _, f := range e.After.Fields {
			seen[f.Name] = true
			before := "-"
			if e.Before != nil {
				if v, ok := e.Before.Fields.Get(f.Name); ok {
					before = cmp.Or(v.String(), "-")
				}
			}
			if after := cmp.Or(f.Value.String(), "-"); after != before {
				parts = append(parts, fmt.Sprintf("%s %s -> %s", f.Name, before, after))
			}
		}
	}
	return strings.Join(parts, ", ")
}
