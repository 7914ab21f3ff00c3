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

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/rest"
	"syncd/internal/state"
)

// statusView is where everything stands.
type statusView struct {
	Failing     []state.Failure    `json:"failing"` // jobs whose last run failed as a whole
	Waits       []rest.Pause       `json:"waits"`   // systems that are left alone for a while
	Scopes      []standing         `json:"scopes"`
	Holds       int                `json:"holds"` // that wait for a person; what is approved does not
	Totals      map[string]int     `json:"totals"`
	Settlements []state.Settlement `json:"settled_by_hand"`
	LastRun     *state.Run         `json:"last_run"`

	stands map[string]int
}

// standing is where a scope stands, in words too.
type standing struct {
	state.Cursor
	Stands string `json:"stands"`
}

func statusCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "status [CUSTOMER]", Short: "Show where every customer, or one, stands at every target", Args: cobra.MaximumNArgs(1)}
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, args []string) error {
		customer := ""
		if len(args) == 1 {
			var err error
			if customer, err = w.remembered(ctx, args[0]); err != nil {
				return err
			}
		}
		v, err := w.status(ctx, customer)
		if err != nil {
			return err
		}
		return a.print(v, func(out io.Writer) error { return v.write(a.page(out), w.Location) })
	})
	return cmd
}

// remembered finds who is meant by a key or a name among those whom the state
// knows: where they stand is known while CIPP is not to be reached, too.
func (w *World) remembered(ctx context.Context, text string) (key string, err error) {
	var known []mapping.Customer
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return "", fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if n := len(known); n == 0 || known[n-1].Key != c.Scope.Customer { // ordered by customer
			known = append(known, mapping.Customer{Key: c.Scope.Customer, Name: c.Name})
		}
	}
	switch found := match(known, text); len(found) {
	case 1:
		return found[0].Key, nil
	case 0:
		return "", usage("no customer whom syncd has worked on is called %q; syncd status lists them, syncd map lists all", text)
	default:
		return "", usage("%q means several customers: %s; use the key", text, names(found, func(c mapping.Customer) string { return c.Name + " (" + c.Key + ")" }))
	}
}

// status is where everything stands, or everything of one customer.
func (w *World) status(ctx context.Context, customer string) (*statusView, error) {
	other := func(s plan.Scope) bool { return customer != "" && s.Customer != customer }
	v := &statusView{Scopes: []standing{}, Totals: map[string]int{}, Settlements: []state.Settlement{}, stands: map[string]int{}}
	failing, err := state.Failing(w.Store.Runs(ctx), w.jobNames())
	if err != nil {
		return nil, err
	}
	waits, err := w.waits(ctx)
	if err != nil {
		return nil, err
	}
	v.Failing, v.Waits = listed(failing), listed(waits)
	held := map[plan.Scope]string{}
	for h, err := range w.Store.Holds(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the holds: %w", err)
		}
		if other(h.Scope) {
			continue
		}
		held[h.Scope] = h.Standing()
		v.stands[h.Standing()]++
		if h.Standing() != state.StandsApproved {
			v.Holds++
		}
	}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if other(c.Scope) {
			continue
		}
		s := standing{Cursor: c, Stands: state.Standing(c.Outcome, c.Violations, nil)}
		if is, ok := held[c.Scope]; ok && c.Outcome == "held" {
			s.Stands = is
		}
		v.Scopes = append(v.Scopes, s)
		v.Totals[c.Outcome]++
	}
	for s, err := range w.Store.Settlements(ctx) {
		if err != nil {
			return nil, err
		}
		if !other(s.Scope) {
			v.Settlements = append(v.Settlements, s)
		}
	}
	for r, err := range w.Store.Runs(ctx) {
		if err != nil {
			return nil, err
		}
		v.LastRun = &r
		break
	}
	return v, nil
}

func (v *statusView) write(p *page, zone *time.Location) error {
	for i := range v.Failing {
		p.flow("", p.paint(clean(v.Failing[i].String(zone)), text.FgRed, text.Bold))
	}
	for _, x := range v.Waits {
		p.flow("", waitingFor(x, zone))
	}
	if len(v.Scopes) == 0 {
		p.flow("", "nothing was applied yet; syncd plan shows what would change, syncd apply goes on from there")
		return p.err
	}
	slices.SortStableFunc(v.Scopes, func(x, y standing) int {
		return cmp.Or(slices.Index(state.Standings, x.Stands)-slices.Index(state.Standings, y.Stands), strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)))
	})
	s := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Target"}, {Name: "Stands"}, {Name: "Looked at"}, {Name: "Why"}}}
	for _, c := range v.Scopes {
		why := c.Error
		for _, x := range c.Violations {
			if why == "" && (!x.Note || x.Code == "left_behind") {
				why = x.Message
				if c.Stands == state.StandsApproved {
					why = withoutWayOn(why) // it is given already
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
	for _, turn := range []struct{ standing, say string }{
		{state.StandsNeedsApproval, "syncd holds shows what, syncd approve lets it pass"},
		{state.StandsNeedsRepair, "syncd holds says what to repair"},
		{state.StandsRejected, "they wait until their plans change"},
		{state.StandsApproved, "they go at the next apply"},
	} {
		if n := v.stands[turn.standing]; n > 0 {
			p.flow("", state.Counted(n, turn.standing)+": "+turn.say)
		}
	}
	for _, x := range v.Settlements {
		p.flow("", fmt.Sprintf("settled by hand: %s %s at %s: %s %s (%s%s)", x.Key, x.Scope.Customer, x.Scope.Target, x.How, x.Ref, x.By, reason(x.Reason)))
	}
	return p.err
}

func reason(why string) string {
	if why == "" {
		return ""
	}
	return ": " + clean(why)
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
