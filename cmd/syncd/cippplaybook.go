package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	gosync "sync"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"syncd/internal/cipp/playbook"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
)

func playbookCommand(t *technician) *cobra.Command {
	cmd := &cobra.Command{Use: "playbook", Short: "Do to many people what is said in a table: planned, approved, followed to its end",
		Long: "A playbook reads a CSV strictly: one wrong line, and nothing is done. It shows every step with its effect on licences and money, asks, and follows each step until it can be read back. Typed again with the same file it goes on where it ended."}
	for kind, short := range map[playbook.Kind]string{
		playbook.Onboard:  "New people: account, licence, groups, mailboxes, calendars",
		playbook.Offboard: "People who leave, with every option of CIPP's",
		playbook.Licences: "Give, take or swap licences",
		playbook.MFA:      "Set the per-user MFA of those whom a policy names",
	} {
		var only bool
		c := &cobra.Command{Use: string(kind) + " FILE", Short: short, Args: cobra.ExactArgs(1),
			Long: short + ".\n\nColumns of the file (* must be there): " + strings.Join(playbook.Columns(kind), ", ")}
		c.Flags().BoolVar(&only, "plan", false, "show what would be done, and do nothing; exit status 2 where there is something")
		c.RunE = t.work(func(ctx context.Context, d *desk, args []string) error { return d.play(ctx, kind, args[0], only) })
		cmd.AddCommand(c)
	}
	return cmd
}

func (d *desk) play(ctx context.Context, kind playbook.Kind, path string, only bool) error {
	text, err := d.console.Files.ReadFile(path)
	if err != nil {
		return usage("reading the playbook: %w", err)
	}
	book, err := playbook.Parse(kind, bytes.NewReader(text))
	if err != nil {
		return usage("%s: nothing was done:\n%w", path, err)
	}
	player := &playbook.Player{Admin: d.admin, Store: &bookmarks{store: d.world.Store}, Price: d.prices(ctx)}
	planned, err := player.Plan(ctx, book)
	if _, wrong := errors.AsType[*mapping.ImportError](err); wrong {
		return usage("%s: nothing was done:\n%w", path, err)
	}
	if err != nil {
		return err
	}
	if !d.json {
		if err := d.showBook(planned); err != nil {
			return err
		}
	}
	if only || planned.Empty() {
		if !planned.Empty() {
			d.status = statusPending
		}
		if d.json {
			return d.printBook(planned, nil)
		}
		return nil
	}
	if goOn, err := d.allowed(); err != nil || !goOn {
		return err
	}
	p := d.progress("steps")
	ended := 0
	player.Heard = func(o playbook.Outcome) {
		ended++
		p.at(ended, len(planned.Items), o.Item.Who)
	}
	outcomes, err := player.Run(ctx, planned)
	p.end()
	for i := range outcomes {
		o := &outcomes[i]
		switch o.State {
		case playbook.Done, playbook.Planned, playbook.Already, playbook.Before:
		default:
			d.status = statusFailed
		}
		if jerr := d.noteOutcome(ctx, o); jerr != nil {
			err = errors.Join(err, jerr)
		}
	}
	if d.json {
		return errors.Join(d.printBook(planned, outcomes), err)
	}
	return errors.Join(d.tellOutcomes(outcomes), err)
}

// showBook prints a plan: who, what, and what it does to licences and money.
func (d *desk) showBook(p *playbook.Plan) error {
	s := report.Sheet{Columns: []report.Column{{Name: "Line", Number: true}, {Name: "Tenant"}, {Name: "Who"}, {Name: "What"}, {Name: "Mind"}}}
	for i := range p.Items {
		item := &p.Items[i]
		mind := item.Danger
		switch {
		case item.State() == playbook.StateDone:
			mind = "done by an earlier run"
		case item.Already:
			mind = "it is so already"
		case item.State() != "":
			mind = strings.TrimSpace("an earlier run began it; " + mind)
		}
		s.Rows = append(s.Rows, []string{strconv.Itoa(item.Line), clean(item.Tenant.Name), clean(item.Who), clean(item.What), clean(mind)})
	}
	if err := s.Table(d.console.Out, d.console.Width); err != nil {
		return err
	}
	if effects := p.Effects(); len(effects) > 0 {
		e := report.Sheet{Columns: []report.Column{{Name: "Tenant"}, {Name: "Licence"}, {Name: "Units", Number: true}, {Name: "A month", Number: true}}}
		for _, x := range effects {
			money := "not known"
			if x.Known {
				money = signed(x.Monthly.StringFixed(2)) + " " + d.world.Config.Currency
			}
			e.Rows = append(e.Rows, []string{clean(x.Tenant), clean(x.Name), fmt.Sprintf("%+d", x.Units), money})
		}
		if err := e.Table(d.console.Out, d.console.Width); err != nil {
			return err
		}
		sum, unknown := p.Monthly()
		line := fmt.Sprintf("used licences change by %s %s a month", signed(sum.StringFixed(2)), d.world.Config.Currency)
		if unknown > 0 {
			line += fmt.Sprintf(", and %s of unknown price", count(unknown, "unit"))
		}
		d.say("%s; what is bought does not change", line)
	}
	if p.Empty() {
		d.say("nothing is left to do")
	}
	return nil
}

// tellOutcomes prints what became of each step.
func (d *desk) tellOutcomes(outcomes []playbook.Outcome) error {
	s := report.Sheet{Columns: []report.Column{{Name: "Line", Number: true}, {Name: "Who"}, {Name: "What"}, {Name: "Became"}, {Name: "Why"}}}
	counts := map[string]int{}
	for i := range outcomes {
		o := &outcomes[i]
		counts[o.State]++
		why := ""
		if o.Err != nil {
			why = d.redact.Text(o.Err.Error())
		}
		if o.Result.Task != "" {
			why = strings.TrimSpace("task " + o.Result.Task + " " + why)
		}
		s.Rows = append(s.Rows, []string{strconv.Itoa(o.Item.Line), clean(o.Item.Who), clean(o.Item.What), o.State, clean(why)})
	}
	if err := s.Table(d.console.Out, d.console.Width); err != nil {
		return err
	}
	for i := range outcomes {
		if p := outcomes[i].Result.Password; !p.Empty() {
			d.say("password of %s: %s   (shown once, kept nowhere)", clean(outcomes[i].Item.Who), p.Reveal())
		}
	}
	var parts []string
	for _, state := range []string{playbook.Done, playbook.Planned, playbook.Already, playbook.Before, playbook.Failed, playbook.Unsure, playbook.Skipped} {
		if counts[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
		}
	}
	d.say("%s", strings.Join(parts, ", "))
	if counts[playbook.Failed]+counts[playbook.Skipped]+counts[playbook.Unsure] > 0 {
		d.say("typed again with the same file it goes on where it ended")
	}
	return nil
}

type bookItem struct {
	ID       string `json:"id"`
	Line     int    `json:"line"`
	Tenant   string `json:"tenant"`
	Who      string `json:"who"`
	What     string `json:"what"`
	Danger   string `json:"danger,omitempty"`
	Already  bool   `json:"already"`
	Earlier  string `json:"earlier,omitempty"`
	State    string `json:"state,omitempty"`
	Error    string `json:"error,omitempty"`
	Task     string `json:"task,omitempty"`
	Password string `json:"password,omitempty"`
}

func (d *desk) printBook(p *playbook.Plan, outcomes []playbook.Outcome) error {
	items := make([]bookItem, len(p.Items))
	for i := range p.Items {
		x := &p.Items[i]
		items[i] = bookItem{ID: x.ID, Line: x.Line, Tenant: x.Tenant.DefaultDomain, Who: x.Who, What: x.What, Danger: x.Danger, Already: x.Already, Earlier: x.State()}
		if i < len(outcomes) {
			o := &outcomes[i]
			items[i].State, items[i].Task = o.State, o.Result.Task
			if o.Err != nil {
				items[i].Error = d.redact.Text(o.Err.Error())
			}
			if !o.Result.Password.Empty() {
				items[i].Password = o.Result.Password.Reveal()
			}
		}
	}
	sum, unknown := p.Monthly()
	return d.print(struct {
		Run      string        `json:"run"`
		Kind     playbook.Kind `json:"kind"`
		Digest   string        `json:"digest"`
		Items    []bookItem    `json:"items"`
		Monthly  string        `json:"monthly_delta"`
		Currency string        `json:"currency"`
		Unpriced int           `json:"unpriced_units"`
	}{p.Run, p.Kind, p.Digest, items, sum.StringFixed(2), d.world.Config.Currency, unknown}, func(io.Writer) error { return nil })
}

// noteOutcome writes a step into the journal.
func (d *desk) noteOutcome(ctx context.Context, o *playbook.Outcome) error {
	result, message := "failed", ""
	switch o.State {
	case playbook.Already, playbook.Before, playbook.Skipped:
		return nil // nothing was sent
	case playbook.Done, playbook.Planned:
		result = "done"
	case playbook.Unsure:
		result = "unknown"
	}
	if o.Err != nil {
		message = o.Err.Error()
	}
	before := plan.Object{Key: plan.Key{Kind: "playbook", ID: o.Item.ID}, Label: o.Item.Who + ": " + o.Item.What, Fields: journalFields(o.Item.Before)}
	after := before
	after.Fields = journalFields(o.Result.After)
	return d.writeDown(ctx, o.Item.Tenant, &before, &after, result, message)
}

// prices are what a unit of a licence costs a customer: the catalogue's price of
// the product that the rules bill it as.
func (d *desk) prices(ctx context.Context) playbook.Price {
	if d.world.ConnectWise == nil {
		return nil
	}
	rules, err := d.world.rules(ctx)
	billed := rules.Billed()
	if err != nil || len(billed) == 0 {
		return nil
	}
	prices, err := d.world.ConnectWise.Prices(ctx, slices.Collect(maps.Keys(billed)))
	if err != nil {
		d.world.Log.Warn().Err(err).Msg("the playbook goes without prices")
		return nil
	}
	return func(_ directory.Tenant, sku string) (decimal.Decimal, bool) {
		for product, rules := range billed {
			for _, r := range rules {
				if strings.EqualFold(r.SKU, sku) {
					price, ok := prices[strings.ToLower(product)]
					return price, ok
				}
			}
		}
		return decimal.Zero, false
	}
}

// bookmarks keep how far playbooks have come, one document a run.
type bookmarks struct {
	store state.Store
	mu    gosync.Mutex
}

func bookmark(run string) string { return "playbook " + run }

// Load returns the progress of a run.
func (b *bookmarks) Load(ctx context.Context, run string) (map[string]playbook.Progress, error) {
	at, _, err := document[map[string]playbook.Progress](ctx, b.store, bookmark(run))
	return at, err
}

// Save keeps the progress of one item.
func (b *bookmarks) Save(ctx context.Context, run, item string, p playbook.Progress) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, version, err := document[map[string]playbook.Progress](ctx, b.store, bookmark(run))
	if err != nil {
		return err
	}
	if at == nil {
		at = map[string]playbook.Progress{}
	}
	at[item] = p
	return put(ctx, b.store, bookmark(run), version, at)
}
