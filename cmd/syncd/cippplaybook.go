package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	gosync "sync"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/playbook"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
)

func playbookCommand(opts *cippOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "playbook", Short: "Do to many people what a table says, planned and approved",
		Long: "A playbook reads a CSV strictly: one wrong line, and nothing is done. It shows every step with its effect on licences and money, asks, and follows each step until it can be read back. Typed again with the same file it goes on where it ended."}
	for kind, short := range map[playbook.Kind]string{
		playbook.Onboard:  "New people: account, licence, groups, mailboxes, calendars",
		playbook.Offboard: "People who leave, with every option of CIPP's",
		playbook.Licences: "Give, take or swap licences",
		playbook.MFA:      "Set the per-user MFA of those whom a policy names",
	} {
		var only, again bool
		c := &cobra.Command{Use: string(kind) + " FILE", Short: short, Args: cobra.ExactArgs(1),
			Long: short + ".\n\nColumns of the file (* must be there): " + strings.Join(playbook.Columns(kind), ", ") +
				".\nSeveral things in one cell are parted by |, yes and no are written so.\n\n" + playbookSamples[kind]}
		c.Flags().BoolVar(&only, "plan", false, "show what would be done, and do nothing; exit status 2 where there is something")
		if kind != playbook.Offboard { // whose task in CIPP would be found again all the same
			c.Flags().BoolVar(&again, "again", false, "forget what earlier runs of this very table did, and look anew")
		}
		var from onboardInput
		if kind == playbook.Onboard {
			from.flags(opts.cli, c)
		}
		c.RunE = opts.withClient(func(ctx context.Context, c *cippCommand, args []string) error {
			name, text, err := from.table(ctx, c, args)
			switch {
			case err != nil:
				return err
			case from.out.path != "" && only:
				return usage("--plan shows a plan, --out writes a table; not both")
			case from.out.path != "":
				return c.deliverTable(&from.out, text, 1)
			}
			return c.runPlaybook(ctx, kind, name, text, only, again)
		})
		cmd.AddCommand(c)
	}
	return cmd
}

// playbookSamples are a sample table of each playbook, for the help.
var playbookSamples = map[playbook.Kind]string{
	playbook.Onboard: "tenant,upn,given_name,surname,usage_location,licences,groups,calendars\n" +
		"contoso.com,lena.roth@contoso.com,Lena,Roth,DE,SPB,Sales|VPN users,room1@contoso.com:Editor|ada@contoso.com:Reviewer",
	playbook.Offboard: "tenant,user,disable_sign_in,revoke_sessions,remove_licences,convert_to_shared,full_access,out_of_office,at\n" +
		"contoso.com,max@contoso.com,yes,yes,yes,yes,ada@contoso.com|eve@contoso.com,Max has left; write to ada@contoso.com,2026-12-01T18:00:00Z",
	playbook.Licences: "tenant,user,action,licence,to\n" +
		"contoso.com,max@contoso.com,swap,SPE_E3,SPB\ncontoso.com,ada@contoso.com,assign,POWER_BI_PRO,",
	playbook.MFA: "tenant,user,state\ncontoso.com,max@contoso.com,enforced",
}

// runPlaybook plans a table, shows the plan, asks, and runs it. name says in messages
// where the table came from.
func (c *cippCommand) runPlaybook(ctx context.Context, kind playbook.Kind, name string, text []byte, only, again bool) error {
	book, err := playbook.Parse(kind, bytes.NewReader(text))
	if err != nil {
		return usage("%s: nothing was done:\n%w", name, err)
	}
	progress := &progressStore{store: c.app.Store, again: again}
	player := &playbook.Runner{Admin: c.admin, Store: progress, Price: c.prices(ctx)}
	planned, err := player.Plan(ctx, book)
	if _, wrong := errors.AsType[*mapping.ImportError](err); wrong {
		return usage("%s: nothing was done:\n%w", name, err)
	}
	if err != nil {
		return err
	}
	if c.forPeople() {
		if err := c.printPlanTable(planned); err != nil {
			return err
		}
	}
	if only || planned.Empty() {
		if !planned.Empty() {
			c.status = statusPending
		}
		return c.printPlaybookPlan(planned, nil)
	}
	if goOn, err := c.confirm(ctx); err != nil || !goOn {
		return err
	}
	if again {
		if err := progress.forget(ctx, planned.Run); err != nil {
			return err
		}
	}
	c.sent = true
	p := c.progress("steps")
	c.bar = p
	ended := 0
	var journalErr error
	player.OnOutcome = func(o playbook.Outcome) {
		ended++
		p.at(ended, len(planned.Items), o.Item.Who)
		journalErr = errors.Join(journalErr, c.journalOutcome(ctx, &o))
	}
	outcomes, err := player.Run(ctx, planned)
	p.end()
	err = errors.Join(err, journalErr)
	for i := range outcomes {
		switch outcomes[i].State {
		case playbook.Done, playbook.Planned, playbook.Already, playbook.Before:
		default:
			c.status = statusFailed
		}
	}
	if !c.forPeople() {
		return errors.Join(c.printPlaybookPlan(planned, outcomes), err)
	}
	return errors.Join(c.printOutcomes(outcomes), err)
}

// printPlanTable prints a plan for people, with its effect on licences and money.
func (c *cippCommand) printPlanTable(p *playbook.Plan) error {
	s := report.Sheet{Columns: []report.Column{{Name: "Line", Number: true}, {Name: "Tenant"}, {Name: "Who"}, {Name: "What"}, {Name: "Mind"}}}
	for i := range p.Items {
		item := &p.Items[i]
		mind := item.Danger
		switch {
		case item.State() == playbook.StateDone:
			mind = "done by an earlier run"
		case item.Already:
			mind = "it is so already"
		case item.State() == playbook.StateFailed:
			mind = strings.TrimSuffix("an earlier run failed at it; "+mind, "; ")
		case item.State() != "":
			mind = strings.TrimSuffix("an earlier run was cut off at it; "+mind, "; ")
		}
		s.Rows = append(s.Rows, []string{strconv.Itoa(item.Line), clean(item.Tenant.Name), clean(item.Who), clean(item.What), clean(mind)})
	}
	if err := s.Table(c.out(), c.console.Width); err != nil {
		return err
	}
	if effects := p.Effects(); len(effects) > 0 {
		fmt.Fprintln(c.out())
		e := report.Sheet{Columns: []report.Column{{Name: "Tenant"}, {Name: "Licence"}, {Name: "Units", Number: true}, {Name: "A month", Number: true}}}
		for _, x := range effects {
			money := "not known"
			if x.Known {
				money = signed(x.Monthly.StringFixed(2)) + " " + c.app.Config.Currency
			}
			e.Rows = append(e.Rows, []string{clean(x.Tenant), clean(x.Name), fmt.Sprintf("%+d", x.Units), money})
		}
		if err := e.Table(c.out(), c.console.Width); err != nil {
			return err
		}
		sum, unknown := p.Monthly()
		line := fmt.Sprintf("used licences change by %s %s a month", signed(sum.StringFixed(2)), c.app.Config.Currency)
		if unknown > 0 {
			line += fmt.Sprintf(", and %s of unknown price", app.Count(unknown, "unit"))
		}
		c.say("%s; what is bought does not change", line)
	}
	if p.Empty() {
		c.say("nothing is left to do")
		if slices.ContainsFunc(p.Items, func(i playbook.Item) bool { return i.State() == playbook.StateDone }) {
			hint := "earlier runs of this very table did it"
			if p.Kind != playbook.Offboard {
				hint += "; --again looks anew"
			}
			c.say("%s", hint)
		}
	}
	return nil
}

// printOutcomes prints the outcome of each step, and how many there are of each.
func (c *cippCommand) printOutcomes(outcomes []playbook.Outcome) error {
	s := report.Sheet{Columns: []report.Column{{Name: "Line", Number: true}, {Name: "Who"}, {Name: "What"}, {Name: "Became"}, {Name: "Why"}}}
	counts := map[string]int{}
	for i := range outcomes {
		o := &outcomes[i]
		counts[o.State]++
		why := ""
		if o.Err != nil {
			why = c.redact.Text(failureText(o.Err))
		}
		if o.Result.Task != "" {
			why = strings.TrimSpace("task " + o.Result.Task + " " + why)
		}
		s.Rows = append(s.Rows, []string{strconv.Itoa(o.Item.Line), clean(o.Item.Who), clean(o.Item.What), stateText(o.State), clean(why)})
	}
	if err := s.Table(c.out(), c.console.Width); err != nil {
		return err
	}
	var parts []string
	for _, state := range []string{playbook.Done, playbook.Planned, playbook.Already, playbook.Before, playbook.Failed, playbook.Unsure, playbook.Skipped} {
		if counts[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[state], stateText(state)))
		}
	}
	c.say("%s", strings.Join(parts, ", "))
	if counts[playbook.Failed]+counts[playbook.Skipped]+counts[playbook.Unsure] > 0 {
		c.say("typed again with the same file it goes on where it ended")
	}
	return nil
}

// stateText is a state as people read it.
func stateText(state string) string {
	if state == playbook.Before {
		return "done before"
	}
	return state
}

// failureText is an error without the title of its step, which the row shows already.
func failureText(err error) string {
	if refused, ok := errors.AsType[*admin.RefusedError](err); ok {
		return "CIPP says: " + strings.Join(refused.Said, "; ")
	}
	return err.Error()
}

// A playbookItem is a step of a plan and its outcome, for scripts.
type playbookItem struct {
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

// printPlaybookPlan prints a plan and its outcomes, if any, for scripts.
func (c *cippCommand) printPlaybookPlan(p *playbook.Plan, outcomes []playbook.Outcome) error {
	items := make([]playbookItem, len(p.Items))
	for i := range p.Items {
		x := &p.Items[i]
		items[i] = playbookItem{ID: x.ID, Line: x.Line, Tenant: x.Tenant.DefaultDomain, Who: x.Who, What: x.What, Danger: x.Danger, Already: x.Already, Earlier: x.State()}
		if i < len(outcomes) {
			o := &outcomes[i]
			items[i].State, items[i].Task = o.State, o.Result.Task
			if o.Err != nil {
				items[i].Error = c.redact.Text(o.Err.Error())
			}
			if !o.Result.Password.Empty() {
				items[i].Password = o.Result.Password.Reveal()
			}
		}
	}
	switch {
	case c.csv:
		sheet := report.Sheet{Columns: []report.Column{{Name: "line"}, {Name: "tenant"}, {Name: "who"}, {Name: "what"}, {Name: "mind"}, {Name: "earlier"}, {Name: "state"}, {Name: "task"}, {Name: "password"}, {Name: "error"}}}
		for _, x := range items {
			if x.Already && x.State == "" {
				x.State = playbook.Already
			}
			sheet.Rows = append(sheet.Rows, []string{strconv.Itoa(x.Line), x.Tenant, x.Who, x.What, x.Danger, x.Earlier, x.State, x.Task, x.Password, x.Error})
		}
		return sheet.CSV(c.console.Out)
	case !c.json:
		return nil
	}
	sum, unknown := p.Monthly()
	effects := []licenceEffect{}
	for _, x := range p.Effects() {
		e := licenceEffect{Tenant: x.Tenant, SKU: x.SKU, Name: x.Name, Units: strconv.Itoa(x.Units)}
		if x.Known {
			e.Monthly = new(x.Monthly.StringFixed(2))
		}
		effects = append(effects, e)
	}
	return c.print(struct {
		Run      string          `json:"run"`
		Kind     playbook.Kind   `json:"kind"`
		Digest   string          `json:"digest"`
		Items    []playbookItem  `json:"items"`
		Effects  []licenceEffect `json:"effects"`
		Monthly  string          `json:"monthly_delta"`
		Currency string          `json:"currency"`
		Unpriced int             `json:"unpriced_units"`
	}{p.Run, p.Kind, p.Digest, items, effects, sum.StringFixed(2), c.app.Config.Currency, unknown}, nil)
}

// A licenceEffect is how many units of a licence a plan uses more or less in a tenant;
// monthly_delta is null where the price is unknown.
type licenceEffect struct {
	Tenant  string  `json:"tenant"`
	SKU     string  `json:"sku_id"`
	Name    string  `json:"name"`
	Units   string  `json:"units"`
	Monthly *string `json:"monthly_delta"`
}

// journalOutcome journals the outcome of a step.
func (c *cippCommand) journalOutcome(ctx context.Context, o *playbook.Outcome) error {
	result, message := "failed", ""
	switch o.State {
	case playbook.Already, playbook.Before, playbook.Skipped:
		return nil // nothing was sent
	case playbook.Done, playbook.Planned:
		result = "done"
	case playbook.Unsure:
		result = "unknown"
	case playbook.Failed:
		if outcomeUnknown(o.Err) {
			result = "unknown"
		}
	}
	if o.Err != nil {
		message = failureText(o.Err)
	}
	before := plan.Object{Key: plan.Key{Kind: "playbook", ID: o.Item.ID}, Label: o.Item.What, Fields: journalFields(o.Item.Before)}
	if !strings.Contains(before.Label, o.Item.Who) {
		before.Label = o.Item.Who + ": " + before.Label
	}
	after := before
	after.Fields = journalFields(o.Result.After)
	return c.journalEntry(ctx, o.Item.Tenant, &before, &after, result, message)
}

// prices returns what a unit of a licence costs a month: the catalogue price of the
// product that the tenant's rules bill it as, by its weight. It is not known where a
// unit is not told from others, by subscription or by who holds it.
func (c *cippCommand) prices(ctx context.Context) playbook.Price {
	biller, there := app.Find[app.Biller](c.app)
	if !there {
		return nil
	}
	rules, err := c.app.Rules(ctx)
	billed := rules.Billed()
	if err != nil || len(billed) == 0 {
		return nil
	}
	links, err := c.app.Links(ctx)
	if err != nil {
		return nil
	}
	prices, err := biller.Prices(ctx, slices.Collect(maps.Keys(billed)))
	if err != nil {
		c.warn("prices are not known: %v", err)
		return nil
	}
	return func(t directory.Tenant, sku string) (decimal.Decimal, bool) {
		customer := string(t.ID)
		for _, x := range links.Customers([]directory.Tenant{t}) {
			if slices.ContainsFunc(x.Parts, func(p mapping.Part) bool { return p.Tenant.ID == t.ID }) {
				customer = x.Key
			}
		}
		inForce := rules.For(customer)
		for _, r := range inForce.Of(strings.ToLower(sku)) {
			switch {
			case r.Status != mapping.Bill || r.Count == mapping.People:
			case r.Who != "" || r.Subscriptions != "":
				return decimal.Zero, false
			default:
				price, ok := prices[strings.ToLower(r.Product)]
				return price.Mul(money.Weight(&r)), ok
			}
		}
		return decimal.Zero, false
	}
}

// A progressStore keeps the progress of playbooks, one document a run.
type progressStore struct {
	store state.Store
	again bool // stored progress does not count
	mu    gosync.Mutex
}

func progressDocument(run string) string { return "playbook " + run }

// Load returns the progress of a run.
func (s *progressStore) Load(ctx context.Context, run string) (map[string]playbook.Progress, error) {
	if s.again {
		return nil, nil
	}
	progress, _, err := app.Document[map[string]playbook.Progress](ctx, s.store, progressDocument(run))
	return progress, err
}

// forget deletes the progress of a run.
func (s *progressStore) forget(ctx context.Context, run string) error {
	_, version, err := app.Document[map[string]playbook.Progress](ctx, s.store, progressDocument(run))
	if err != nil {
		return err
	}
	s.again = false
	return app.Put(ctx, s.store, progressDocument(run), version, map[string]playbook.Progress{})
}

// Save keeps the progress of one item.
func (s *progressStore) Save(ctx context.Context, run, item string, p playbook.Progress) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	progress, version, err := app.Document[map[string]playbook.Progress](ctx, s.store, progressDocument(run))
	if err != nil {
		return err
	}
	if progress == nil {
		progress = map[string]playbook.Progress{}
	}
	progress[item] = p
	return app.Put(ctx, s.store, progressDocument(run), version, progress)
}
