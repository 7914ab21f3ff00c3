package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	gosync "sync"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/endpoint"
	"syncd/internal/directory"
	"syncd/internal/report"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

// cippOptions are the options that all cipp commands share.
type cippOptions struct {
	*cli
	tenant string // --tenant, in place of the first argument
	csv    bool
	yes    bool
	bar    *progress // the progress line, which other output ends first; nil where there is none
}

func cippRoot(a *cli) *cobra.Command {
	opts := &cippOptions{cli: a}
	cmd := &cobra.Command{Use: "cipp", Short: "CIPP itself: every endpoint, and what a technician does daily",
		Long: "Everything that CIPP's API can do. Reads print a table, --json or --csv. What changes something is shown first and asked about, or done at once with --yes; it is written down in the journal (syncd history), without passwords.\n\n" +
			"A TENANT is named by its id, one of its domains or its name; a name that several have is refused with the candidates.\n\nExit status: 0 done, 1 it failed, 64 wrong usage."}
	flags := cmd.PersistentFlags()
	flags.StringVar(&opts.tenant, "tenant", "", "whom it is about, in place of the argument `TENANT`")
	flags.BoolVar(&opts.csv, "csv", false, "print CSV")
	flags.BoolVar(&opts.yes, "yes", false, "do what changes something without asking")
	complete(cmd, a, "tenant")
	cmd.AddCommand(endpointsCommand(opts), callCommand(opts), playbookCommand(opts), cippEventsCommand(opts), journalCommand(opts))
	cmd.AddCommand(opts.nounCommands()...)
	return cmd
}

// readBackTimeout limits how long a written value may take to be read back; 0 is
// the default of package admin, and tests set less.
var readBackTimeout time.Duration

// A cippCommand is one cipp command while it runs.
type cippCommand struct {
	*cippOptions
	app      *app.App
	client   *cipp.Client
	admin    *admin.Admin
	printing gosync.Mutex // steps of a playbook run side by side
	sent     bool         // a request that changes something was sent: an error is no longer wrong usage
}

// withClient makes a command that talks to CIPP with the rights to change things.
func (opts *cippOptions) withClient(run func(ctx context.Context, c *cippCommand, args []string) error) func(*cobra.Command, []string) error {
	return opts.borrowing(func(ctx context.Context, w *app.App, args []string) error {
		if err := opts.checkFormat(); err != nil {
			return err
		}
		client, err := w.CIPPOperator(false)
		if err != nil {
			return err
		}
		c := &cippCommand{cippOptions: opts, app: w, client: client}
		c.admin = admin.New(client, admin.Options{ReadBackTimeout: readBackTimeout, Progress: opts.waiting, OnPassword: c.printPassword})
		err = run(ctx, c, args)
		if c.sent {
			return err
		}
		return usageErrorOf(err)
	})
}

// printPassword prints a password as soon as CIPP has answered with it: reading back
// takes minutes, and the password would be lost with a process that is ended meanwhile.
func (c *cippCommand) printPassword(s admin.Step, word secret.String) {
	if !c.forPeople() {
		return // it is in the document
	}
	c.printing.Lock()
	defer c.printing.Unlock()
	c.bar.end()
	c.sayToPeople("  password: %s   (shown once, kept nowhere; %s)", word.Reveal(), clean(s.Title))
}

func (opts *cippOptions) checkFormat() error {
	if opts.csv && opts.json {
		return usage("--csv and --json exclude each other")
	}
	return nil
}

// forPeople reports whether a person reads the output: neither --json nor --csv.
func (opts *cippOptions) forPeople() bool { return !opts.json && !opts.csv }

// sayToPeople prints a sentence unless a program reads the output.
func (opts *cippOptions) sayToPeople(format string, args ...any) {
	if opts.forPeople() {
		opts.say(format, args...)
	}
}

// warn prints on standard error what a reader of CSV or JSON must know and has
// no column for.
func (opts *cippOptions) warn(format string, args ...any) {
	fmt.Fprintf(opts.err(), "syncd: "+format+"\n", args...)
}

// waiting prints on a terminal what the command waits for.
func (opts *cippOptions) waiting(what string) {
	if opts.console.Progress {
		opts.bar.end()
		fmt.Fprintln(opts.err(), clean(what))
	}
}

// usageErrorOf makes a mistyped argument a usage error; every other error means that
// the command failed. A name that no tenant, user or object has is a mistyped argument.
func usageErrorOf(err error) error {
	if _, ok := errors.AsType[*admin.AmbiguousError](err); ok {
		return usage("%w", err)
	}
	if _, ok := errors.AsType[*admin.UnknownError](err); ok {
		return usage("%w", err)
	}
	if _, ok := errors.AsType[*endpoint.UnknownError](err); ok || errors.Is(err, endpoint.ErrDangerous) || errors.Is(err, cipp.ErrMisuse) {
		return usage("%w", err)
	}
	return err
}

// resolveTenant returns the tenant that a command is about, and the arguments after it.
func (c *cippCommand) resolveTenant(ctx context.Context, args []string) (directory.Tenant, []string, error) {
	text := c.tenant
	if text == "" {
		text, args = args[0], args[1:]
	}
	tenants, err := c.admin.TenantList(ctx)
	if err != nil {
		return directory.Tenant{}, nil, err
	}
	c.learnTenants(ctx, tenants)
	tenant, err := admin.Resolve(tenants, text)
	if none, ok := errors.AsType[*admin.UnknownError](err); ok && len(none.Nearest) == 0 {
		err = fmt.Errorf("%w; syncd cipp tenants list shows all that CIPP lets its API client see", err)
	}
	return tenant, args, err
}

// resolveOptionalTenant returns nil, for all tenants, where none is named.
func (c *cippCommand) resolveOptionalTenant(ctx context.Context, args []string) (*directory.Tenant, error) {
	if c.tenant == "" && len(args) == 0 {
		return nil, nil
	}
	tenant, _, err := c.resolveTenant(ctx, args)
	return &tenant, err
}

// show prints the answer to a read.
func (opts *cippOptions) show(table admin.Table, err error) error {
	if err != nil {
		return err
	}
	sheet := report.Sheet{Rows: table.Rows}
	for _, c := range table.Columns {
		sheet.Columns = append(sheet.Columns, report.Column{Name: c.Title, Number: c.Number})
	}
	switch {
	case opts.csv:
		for i, c := range table.Columns {
			sheet.Columns[i].Name = c.Key
		}
		if table.Note != "" {
			opts.warn("%s", clean(table.Note))
		}
		return sheet.CSV(opts.console.Out)
	case opts.json:
		rows := make([]map[string]string, len(table.Rows))
		for i, row := range table.Rows {
			rows[i] = map[string]string{}
			for k, cell := range row {
				rows[i][table.Columns[k].Key] = cell
			}
		}
		return opts.print(struct {
			Rows []map[string]string `json:"rows"`
			Note string              `json:"note,omitempty"`
		}{rows, table.Note}, nil)
	}
	for _, row := range sheet.Rows {
		for k := range row {
			row[k] = clean(row[k])
		}
	}
	if len(table.Rows) == 0 && table.Note == "" {
		fmt.Fprintln(opts.out(), "none")
	} else if len(table.Rows) == 0 {
		fmt.Fprint(opts.out(), "none: ")
	} else if err := sheet.Table(opts.out(), opts.console.Width); err != nil {
		return err
	}
	if table.Note != "" {
		fmt.Fprintln(opts.out(), clean(table.Note))
	}
	return nil
}

// A stepResult is one step and its result, for scripts.
type stepResult struct {
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

// runSteps shows the steps, asks, and runs them in order until one fails.
func (c *cippCommand) runSteps(ctx context.Context, steps []admin.Step, err error) error {
	if err != nil {
		return err
	}
	for i := range steps {
		c.describeStep(&steps[i])
	}
	if slices.ContainsFunc(steps, func(s admin.Step) bool { return !s.Done }) {
		if goOn, err := c.confirm(ctx); err != nil || !goOn {
			return err
		}
	}
	var results []stepResult
	for i := range steps {
		s := &steps[i]
		var result admin.Result
		c.sent = true
		result, err = c.admin.Run(ctx, *s)
		if errors.Is(err, context.Canceled) {
			err = fmt.Errorf("stopped while it was under way: it may be done, so look before typing it again: %w", err)
		}
		line := stepResultOf(s, result, err)
		if err != nil {
			line.Error = c.redact.Text(line.Error)
		}
		results = append(results, line)
		if !result.Already {
			err = errors.Join(err, c.journalStep(ctx, s, result, &line))
		}
		// Also of a step that failed in part: a new password is shown once.
		c.printStepResult(&line, len(steps) > 1)
		if err != nil {
			break
		}
	}
	if missed := len(steps) - len(results); missed > 0 {
		c.warn("%s after the one that failed not begun", app.Count(missed, "step"))
	}
	switch {
	case c.csv:
		err = errors.Join(stepResultSheet(results).CSV(c.console.Out), err)
	case c.json:
		err = errors.Join(c.print(struct {
			Steps []stepResult `json:"steps"`
		}{results}, nil), err)
	}
	return err
}

func stepResultSheet(steps []stepResult) *report.Sheet {
	s := &report.Sheet{Columns: []report.Column{{Name: "tenant"}, {Name: "title"}, {Name: "result"}, {Name: "said"}, {Name: "task"}, {Name: "password"}, {Name: "error"}}}
	for i := range steps {
		x := &steps[i]
		s.Rows = append(s.Rows, []string{x.Tenant, x.Title, x.Result, strings.Join(x.Said, "; "), x.Task, x.Password, x.Error})
	}
	return s
}

// confirm asks whether to go on, and first makes sure that the journal can be written.
func (c *cippCommand) confirm(ctx context.Context) (bool, error) {
	if c.yes {
		_, err := c.app.Store.Document(ctx, app.LinksDocument)
		return err == nil, err
	}
	if !c.forPeople() || c.console.Asker == nil {
		return false, usage("nothing was done: this changes something and nobody can be asked here; say --yes")
	}
	answer, err := c.console.Ask(ctx, "Do it? [y/N] ")
	if err != nil && answer == "" && !errors.Is(err, io.EOF) {
		return false, err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		c.sayToPeople("nothing was done")
		return false, nil
	}
	_, err = c.app.Store.Document(ctx, app.LinksDocument)
	return err == nil, err
}

// describeStep prints what a step will do.
func (c *cippCommand) describeStep(s *admin.Step) {
	c.sayToPeople("%s", clean(s.Title))
	if s.Done {
		c.sayToPeople("  it is so already; nothing is sent")
		return
	}
	for _, f := range s.Wanted {
		if was := s.Before.Get(f.Name); was != f.Value {
			c.sayToPeople("  %s: %s -> %s", f.Name, clean(cmp.Or(was, "-")), clean(cmp.Or(f.Value, "-")))
		}
	}
	if s.Danger != "" {
		c.sayToPeople("  ! %s", clean(s.Danger))
	}
	about := ""
	if s.Tenant.DefaultDomain != "" {
		about = " for " + s.Tenant.DefaultDomain
	}
	body, _ := json.Marshal(cipp.Redact(s.Body)) // plain data; cannot fail
	c.sayToPeople("  POST /api/%s%s %s", s.Endpoint, clean(about), clean(string(body)))
}

// printStepResult prints the result of a step, with its title where there are several.
func (c *cippCommand) printStepResult(line *stepResult, several bool) {
	of := ""
	if several {
		of = ": " + clean(line.Title)
	}
	switch line.Result {
	case "done":
		if line.Error != "" {
			break // the error says what is done, and what is not
		}
		c.sayToPeople("done and read back%s", of)
	case "sent":
		c.sayToPeople("sent%s; CIPP says: %s", of, clean(strings.Join(line.Said, "; ")))
	}
	if line.Task != "" {
		if line.Result != "sent" {
			for _, s := range line.Said { // a step each
				c.sayToPeople("  %s", clean(s))
			}
		}
		c.sayToPeople("  task %s in CIPP: syncd cipp tasks list", line.Task)
	}
}

func stepResultOf(s *admin.Step, r admin.Result, err error) stepResult {
	line := stepResult{ID: s.ID, Title: s.Title, Tenant: s.Tenant.DefaultDomain, Endpoint: s.Endpoint, Body: cipp.Redact(s.Body), Danger: s.Danger,
		Before: fieldsOf(s.Before), Wanted: fieldsOf(s.Wanted), After: fieldsOf(r.After), Said: r.Said, Task: r.Task, Result: "done"}
	if !r.Password.Empty() {
		line.Password = r.Password.Reveal()
	}
	lost, _ := errors.AsType[*admin.PasswordLostError](err)
	switch {
	case lost != nil && lost.Seen:
		line.Error = err.Error() // it is done all the same
	case outcomeUnknown(err):
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

// outcomeUnknown reports whether a step that ended with an error may have been done,
// or may still be done later.
func outcomeUnknown(err error) bool {
	if task, ok := errors.AsType[*admin.TaskError](err); ok {
		return task.State != "Completed" && task.State != "Failed"
	}
	_, unseen := errors.AsType[*admin.UnverifiedError](err)
	return unseen || errors.Is(err, rest.ErrOutcomeUnknown) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
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

// readBody reads the JSON that a call sends.
func (opts *cippOptions) readBody(path string) (body map[string]any, list []map[string]any, err error) {
	if path == "" {
		return nil, nil, nil
	}
	raw, err := opts.console.Files.ReadFile(path)
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
