package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/endpoint"
	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/rest"
	"syncd/internal/state"
)

// A technician is somebody who types cipp commands: how they want answers, whom
// they speak of, and whether they were asked already.
type technician struct {
	*app
	tenant string // --tenant, in place of the first argument
	csv    bool
	yes    bool
}

func cippCommand(a *app) *cobra.Command {
	t := &technician{app: a}
	cmd := &cobra.Command{Use: "cipp", Short: "CIPP itself: every endpoint, and what a technician does daily",
		Long: "Everything that CIPP's API can do. Reads print a table, --json or --csv. What changes something is shown first and asked about, or done at once with --yes; it is written down in the journal (syncd history), without passwords.\n\n" +
			"A TENANT is named by its id, one of its domains or its name; a name that several have is refused with the candidates.\n\nExit status: 0 done, 1 it failed, 64 wrong usage."}
	flags := cmd.PersistentFlags()
	flags.StringVar(&t.tenant, "tenant", "", "whom it is about, in place of the argument `TENANT`")
	flags.BoolVar(&t.csv, "csv", false, "print CSV")
	flags.BoolVar(&t.yes, "yes", false, "do what changes something without asking")
	complete(cmd, a, "tenant")
	cmd.AddCommand(endpointsCommand(t), callCommand(t), playbookCommand(t), cippEventsCommand(t))
	cmd.AddCommand(t.nouns()...)
	return cmd
}

// patience is how long what was written may take to show; 0 is what package
// admin thinks right, and tests have less.
var patience time.Duration

// A desk is what a cipp command works with.
type desk struct {
	*technician
	world  *World
	client *cipp.Client
	admin  *admin.Admin
}

// work makes a command that talks to CIPP with the rights to change things.
func (t *technician) work(run func(ctx context.Context, d *desk, args []string) error) func(*cobra.Command, []string) error {
	return t.stateful(func(ctx context.Context, w *World, args []string) error {
		if t.csv && t.json {
			return usage("--csv and --json exclude each other")
		}
		client, err := cipp.New(*w.Config.CIPP, cipp.Options{Log: w.Log, Bucket: w.cippBucket, Metrics: w.calls, Operate: true})
		if err != nil {
			return err
		}
		d := &desk{technician: t, world: w, client: client, admin: admin.New(client, admin.Options{Patience: patience, Progress: t.waiting})}
		return verdictOf(run(ctx, d, args))
	})
}

// waiting says what is waited for, on a terminal.
func (t *technician) waiting(what string) {
	if t.console.Progress {
		fmt.Fprintln(t.console.Err, clean(what))
	}
}

// verdictOf turns what was mistyped into wrong usage; everything else failed.
func verdictOf(err error) error {
	if _, ok := errors.AsType[*admin.AmbiguousError](err); ok {
		return usageError{err}
	}
	if _, ok := errors.AsType[*admin.UnknownError](err); ok {
		return usageError{err}
	}
	if _, ok := errors.AsType[*endpoint.UnknownError](err); ok || errors.Is(err, endpoint.ErrDangerous) {
		return usageError{err}
	}
	return err
}

// of finds the tenant that a command is about, and the arguments after it.
func (d *desk) of(ctx context.Context, args []string) (directory.Tenant, []string, error) {
	text := d.tenant
	if text == "" {
		text, args = args[0], args[1:]
	}
	tenants, err := d.admin.TenantList(ctx)
	if err != nil {
		return directory.Tenant{}, nil, err
	}
	tenant, err := admin.Resolve(tenants, text)
	return tenant, args, err
}

// maybe is of for commands that are about everybody where nobody is named.
func (d *desk) maybe(ctx context.Context, args []string) (*directory.Tenant, error) {
	if d.tenant == "" && len(args) == 0 {
		return nil, nil
	}
	tenant, _, err := d.of(ctx, args)
	return &tenant, err
}

// show prints the answer to a read.
func (t *technician) show(table admin.Table, err error) error {
	if err != nil {
		return err
	}
	sheet := report.Sheet{Rows: table.Rows}
	for _, c := range table.Columns {
		sheet.Columns = append(sheet.Columns, report.Column{Name: c.Title, Number: c.Number})
	}
	switch {
	case t.csv:
		for i, c := range table.Columns {
			sheet.Columns[i].Name = c.Key
		}
		return sheet.CSV(t.console.Out)
	case t.json:
		rows := make([]map[string]string, len(table.Rows))
		for i, row := range table.Rows {
			rows[i] = map[string]string{}
			for k, cell := range row {
				rows[i][table.Columns[k].Key] = cell
			}
		}
		return t.print(struct {
			Rows []map[string]string `json:"rows"`
			Note string              `json:"note,omitempty"`
		}{rows, table.Note}, nil)
	}
	for _, row := range sheet.Rows {
		for k := range row {
			row[k] = clean(row[k])
		}
	}
	if len(table.Rows) == 0 {
		fmt.Fprintln(t.console.Out, "none")
	} else if err := sheet.Table(t.console.Out, t.console.Width); err != nil {
		return err
	}
	if table.Note != "" {
		fmt.Fprintln(t.console.Out, clean(table.Note))
	}
	return nil
}

// doneStep is what became of a step, for scripts.
type doneStep struct {
	ID       string            `json:"id"`
	Title    string            `json:"title"`
	Tenant   string            `json:"tenant"`
	Endpoint string            `json:"endpoint"`
	Body     any               `json:"body,omitempty"`
	Danger   string            `json:"danger,omitempty"`
	Before   map[string]string `json:"before,omitempty"`
	Wanted   map[string]string `json:"wanted,omitempty"`
	After    map[string]string `json:"after,omitempty"`
	Result   string            `json:"result"` // done, already, failed, unknown; planned where nothing was sent
	Said     []string          `json:"said,omitempty"`
	Task     string            `json:"task,omitempty"`
	Password string            `json:"password,omitempty"` // that CIPP made; shown here and kept nowhere
	Error    string            `json:"error,omitempty"`
}

// perform shows steps, asks, and does them one after the other until one fails.
func (d *desk) perform(ctx context.Context, steps []admin.Step, err error) error {
	if err != nil {
		return err
	}
	open := slices.DeleteFunc(slices.Clone(steps), func(s admin.Step) bool { return s.Done })
	for i := range steps {
		d.announce(&steps[i])
	}
	if len(open) > 0 {
		if goOn, err := d.allowed(); err != nil || !goOn {
			return err
		}
	}
	var results []doneStep
	for i := range steps {
		s := &steps[i]
		result, err := d.admin.Run(ctx, *s)
		line := outcomeOfStep(s, result, err)
		results = append(results, line)
		if !result.Already {
			if jerr := d.journal(ctx, s, result, line); jerr != nil {
				err = errors.Join(err, jerr)
			}
		}
		if err != nil {
			d.status = statusFailed
			if d.json {
				break
			}
			return err
		}
		if !d.json {
			d.told(s, &line)
		}
	}
	if d.json {
		return d.print(struct {
			Steps []doneStep `json:"steps"`
		}{results}, nil)
	}
	return nil
}

// allowed asks whether to go on.
func (d *desk) allowed() (bool, error) {
	if d.yes {
		return true, nil
	}
	if d.json || d.console.Asker == nil {
		return false, usage("nothing was done: this changes something and nobody can be asked here; say --yes")
	}
	answer, err := d.console.Ask("Do it? [y/N] ")
	if err != nil {
		return false, err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		d.say("nothing was done")
		return false, nil
	}
	return true, nil
}

// announce says what a step will do.
func (d *desk) announce(s *admin.Step) {
	if d.json {
		return
	}
	d.say("%s", clean(s.Title))
	if s.Done {
		d.say("  it is so already")
		return
	}
	for _, f := range s.Wanted {
		if was := s.Before.Get(f.Name); was != f.Value {
			d.say("  %s: %s -> %s", f.Name, orDash(was), orDash(f.Value))
		}
	}
	if s.Danger != "" {
		d.say("  ! %s", clean(s.Danger))
	}
	body, _ := json.Marshal(cipp.Redact(s.Body)) // plain data; cannot fail
	d.say("  POST /api/%s %s", s.Endpoint, clean(rest.Excerpt(string(body))))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return clean(text)
}

// told says what became of a step.
func (d *desk) told(s *admin.Step, line *doneStep) {
	switch line.Result {
	case "already":
		return
	case "sent":
		d.say("sent; CIPP says: %s", clean(strings.Join(line.Said, "; ")))
	default:
		d.say("done and read back: %s", clean(s.Title))
	}
	if line.Task != "" {
		d.say("  task %s in CIPP", line.Task)
	}
	if line.Password != "" {
		d.say("  password: %s   (shown once, kept nowhere)", line.Password)
	}
}

func outcomeOfStep(s *admin.Step, r admin.Result, err error) doneStep {
	line := doneStep{ID: s.ID, Title: s.Title, Tenant: s.Tenant.DefaultDomain, Endpoint: s.Endpoint, Body: cipp.Redact(s.Body), Danger: s.Danger,
		Before: fieldsOf(s.Before), Wanted: fieldsOf(s.Wanted), After: fieldsOf(r.After), Said: r.Said, Task: r.Task, Result: "done"}
	if !r.Password.Empty() {
		line.Password = r.Password.Reveal()
	}
	switch {
	case errors.Is(err, rest.ErrOutcomeUnknown):
		line.Result, line.Error = "unknown", err.Error()
	case err != nil:
		line.Result, line.Error = "failed", err.Error()
	case r.Already:
		line.Result = "already"
	case !r.Verified:
		line.Result = "sent"
	}
	return line
}

func fieldsOf(s admin.State) map[string]string {
	if len(s) == 0 {
		return nil
	}
	out := make(map[string]string, len(s))
	for _, f := range s {
		out[f.Name] = f.Value
	}
	return out
}

// journal writes down what was typed and what came of it, without passwords.
func (d *desk) journal(ctx context.Context, s *admin.Step, r admin.Result, line doneStep) error {
	before := plan.Object{Key: plan.Key{Kind: "call", ID: s.Endpoint}, Label: s.Title, Fields: journalFields(s.Before)}
	after := before
	after.Fields = journalFields(r.After)
	body, err := json.Marshal(line.Body)
	if err != nil {
		return err
	}
	after.Info = map[string]string{"body": d.redact.Text(string(body))}
	return d.writeDown(ctx, s.Tenant, &before, &after, line.Result, strings.Join(append(slices.Clone(line.Said), line.Error), " "))
}

func journalFields(s admin.State) plan.Fields {
	var f plan.Fields
	for _, x := range s {
		f = f.With(x.Name, plan.Value{x.Value})
	}
	return f
}

// writeDown adds a line to the journal.
func (d *desk) writeDown(ctx context.Context, t directory.Tenant, before, after *plan.Object, result, message string) error {
	switch result {
	case "done", "sent":
		result = state.ResultDone
	case "unknown":
		result = state.ResultUnknown
	default:
		result = state.ResultFailed
	}
	customer := string(t.ID)
	if customer == "" {
		customer = "cipp"
	}
	scope := plan.Scope{Customer: customer, Target: "cipp"}
	entry := state.Entry{At: d.world.Now().UTC(), Run: "command", Scope: scope, Name: t.Name, Action: plan.Update, Key: after.Key, Label: after.Label,
		Reason: "typed", Before: before, After: after, Money: "0.00", Result: result, Message: d.redact.Text(strings.TrimSpace(message)), By: d.console.User}
	if err := d.world.Store.Commit(context.WithoutCancel(ctx), &state.Commit{Scope: scope, Entries: []state.Entry{entry}}); err != nil {
		return fmt.Errorf("it was done, and writing it down failed: %w", err)
	}
	return nil
}

// readBody reads the JSON that a call sends.
func (t *technician) readBody(path string) (body map[string]any, list []map[string]any, err error) {
	if path == "" {
		return nil, nil, nil
	}
	raw, err := t.console.Files.ReadFile(path)
	if err != nil {
		return nil, nil, usage("reading the body: %w", err)
	}
	raw = bytes.TrimSpace(raw)
	into := any(&body)
	if bytes.HasPrefix(raw, []byte("[")) {
		into = &list
	}
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	if err := in.Decode(into); err != nil {
		return nil, nil, usage("%s: the body must be a JSON object, or a list of them: %v", path, err)
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, nil, usage("%s: something follows the JSON", path)
	}
	return body, list, nil
}
