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
	gosync "sync"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/endpoint"
	"syncd/internal/directory"
	"syncd/internal/report"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

// A technician is somebody who types cipp commands: how they want answers, whom
// they speak of, and whether they were asked already.
type technician struct {
	*app
	tenant string // --tenant, in place of the first argument
	csv    bool
	yes    bool
	bar    *progress // the line that other words push aside; nil where there is none
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
	cmd.AddCommand(endpointsCommand(t), callCommand(t), playbookCommand(t), cippEventsCommand(t), writeDownCommand(t))
	cmd.AddCommand(t.nouns()...)
	return cmd
}

// patience is how long what was written may take to show; 0 is what package
// admin thinks right, and tests have less.
var patience time.Duration

// A desk is what a cipp command works with.
type desk struct {
	*technician
	world   *World
	client  *cipp.Client
	admin   *admin.Admin
	hearing gosync.Mutex
	begun   bool // something was sent, so that what is wrong is no mere slip of the keys
}

// work makes a command that talks to CIPP with the rights to change things.
func (t *technician) work(run func(ctx context.Context, d *desk, args []string) error) func(*cobra.Command, []string) error {
	return t.borrowing(func(ctx context.Context, w *World, args []string) error {
		if err := t.oneForm(); err != nil {
			return err
		}
		client, err := w.operator(false)
		if err != nil {
			return err
		}
		d := &desk{technician: t, world: w, client: client}
		d.admin = admin.New(client, admin.Options{Patience: patience, Progress: t.waiting, Told: d.hear})
		err = run(ctx, d, args)
		if d.begun {
			return err
		}
		return verdictOf(err)
	})
}

// hear prints a password as soon as CIPP has told it: reading back takes minutes,
// and a process that is ended meanwhile would take it along.
func (d *desk) hear(s admin.Step, word secret.String) {
	if !d.plain() {
		return // it is in the document
	}
	d.hearing.Lock() // steps of a playbook run side by side
	defer d.hearing.Unlock()
	d.bar.end()
	d.tell("  password: %s   (shown once, kept nowhere; %s)", word.Reveal(), clean(s.Title))
}

func (t *technician) oneForm() error {
	if t.csv && t.json {
		return usage("--csv and --json exclude each other")
	}
	return nil
}

// plain says whether a person reads the output; then what is going on is told.
func (t *technician) plain() bool { return !t.json && !t.csv }

// tell writes a sentence for people.
func (t *technician) tell(format string, args ...any) {
	if t.plain() {
		t.say(format, args...)
	}
}

// mention says on standard error what a reader of a CSV or of JSON must know
// about it, and has no cell for.
func (t *technician) mention(format string, args ...any) {
	fmt.Fprintf(t.err(), "syncd: "+format+"\n", args...)
}

// waiting says what is waited for, on a terminal.
func (t *technician) waiting(what string) {
	if t.console.Progress {
		t.bar.end()
		fmt.Fprintln(t.err(), clean(what))
	}
}

// verdictOf turns what was mistyped into wrong usage; everything else failed.
// Who it is about is said in arguments, so a name that nobody has is one of those.
func verdictOf(err error) error {
	if _, ok := errors.AsType[*admin.AmbiguousError](err); ok {
		return usageError{err}
	}
	if _, ok := errors.AsType[*admin.UnknownError](err); ok {
		return usageError{err}
	}
	if _, ok := errors.AsType[*endpoint.UnknownError](err); ok || errors.Is(err, endpoint.ErrDangerous) || errors.Is(err, cipp.ErrMisuse) {
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
	d.meet(ctx, tenants)
	tenant, err := admin.Resolve(tenants, text)
	if none, ok := errors.AsType[*admin.UnknownError](err); ok && len(none.Nearest) == 0 {
		err = fmt.Errorf("%w; syncd cipp tenants list shows all that CIPP lets its API client see", err)
	}
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
		if table.Note != "" {
			t.mention("%s", clean(table.Note))
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
	if len(table.Rows) == 0 && table.Note == "" {
		fmt.Fprintln(t.out(), "none")
	} else if len(table.Rows) == 0 {
		fmt.Fprint(t.out(), "none: ")
	} else if err := sheet.Table(t.out(), t.console.Width); err != nil {
		return err
	}
	if table.Note != "" {
		fmt.Fprintln(t.out(), clean(table.Note))
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
	for i := range steps {
		d.announce(&steps[i])
	}
	if slices.ContainsFunc(steps, func(s admin.Step) bool { return !s.Done }) {
		if goOn, err := d.allowed(ctx); err != nil || !goOn {
			return err
		}
	}
	var results []doneStep
	for i := range steps {
		s := &steps[i]
		var result admin.Result
		d.begun = true
		result, err = d.admin.Run(ctx, *s)
		if errors.Is(err, context.Canceled) {
			err = fmt.Errorf("stopped while it was under way: it may be done, so look before typing it again: %w", err)
		}
		line := outcomeOfStep(s, result, err)
		if err != nil {
			line.Error = d.redact.Text(line.Error)
		}
		results = append(results, line)
		if !result.Already {
			err = errors.Join(err, d.journal(ctx, s, result, &line))
		}
		// Of a step that failed in part too: a password that was made is told once.
		d.told(&line, len(steps) > 1)
		if err != nil {
			break
		}
	}
	if missed := len(steps) - len(results); missed > 0 {
		d.mention("%s after the one that failed not begun", count(missed, "step"))
	}
	switch {
	case d.csv:
		err = errors.Join(stepSheet(results).CSV(d.console.Out), err)
	case d.json:
		err = errors.Join(d.print(struct {
			Steps []doneStep `json:"steps"`
		}{results}, nil), err)
	}
	return err
}

func stepSheet(steps []doneStep) *report.Sheet {
	s := &report.Sheet{Columns: []report.Column{{Name: "tenant"}, {Name: "title"}, {Name: "result"}, {Name: "said"}, {Name: "task"}, {Name: "password"}, {Name: "error"}}}
	for i := range steps {
		x := &steps[i]
		s.Rows = append(s.Rows, []string{x.Tenant, x.Title, x.Result, strings.Join(x.Said, "; "), x.Task, x.Password, x.Error})
	}
	return s
}

// allowed asks whether to go on. What cannot be written down afterwards is not
// begun.
func (d *desk) allowed(ctx context.Context) (bool, error) {
	if d.yes {
		_, err := d.world.Store.Document(ctx, linksDocument)
		return err == nil, err
	}
	if !d.plain() || d.console.Asker == nil {
		return false, usage("nothing was done: this changes something and nobody can be asked here; say --yes")
	}
	answer, err := d.console.Ask(ctx, "Do it? [y/N] ")
	if err != nil && answer == "" && !errors.Is(err, io.EOF) {
		return false, err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		d.tell("nothing was done")
		return false, nil
	}
	_, err = d.world.Store.Document(ctx, linksDocument)
	return err == nil, err
}

// announce says what a step will do.
func (d *desk) announce(s *admin.Step) {
	d.tell("%s", clean(s.Title))
	if s.Done {
		d.tell("  it is so already; nothing is sent")
		return
	}
	for _, f := range s.Wanted {
		if was := s.Before.Get(f.Name); was != f.Value {
			d.tell("  %s: %s -> %s", f.Name, orDash(was), orDash(f.Value))
		}
	}
	if s.Danger != "" {
		d.tell("  ! %s", clean(s.Danger))
	}
	about := ""
	if s.Tenant.DefaultDomain != "" {
		about = " for " + s.Tenant.DefaultDomain
	}
	body, _ := json.Marshal(cipp.Redact(s.Body)) // plain data; cannot fail
	d.tell("  POST /api/%s%s %s", s.Endpoint, clean(about), clean(string(body)))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return clean(text)
}

// told says what became of a step; of one among several also which.
func (d *desk) told(line *doneStep, several bool) {
	of := ""
	if several {
		of = ": " + clean(line.Title)
	}
	switch line.Result {
	case "done":
		if line.Error != "" {
			break // the error says what is done, and what is not
		}
		d.tell("done and read back%s", of)
	case "sent":
		d.tell("sent%s; CIPP says: %s", of, clean(strings.Join(line.Said, "; ")))
	}
	if line.Task != "" {
		if line.Result != "sent" {
			for _, s := range line.Said { // a step each
				d.tell("  %s", clean(s))
			}
		}
		d.tell("  task %s in CIPP: syncd cipp tasks list", line.Task)
	}
}

func outcomeOfStep(s *admin.Step, r admin.Result, err error) doneStep {
	line := doneStep{ID: s.ID, Title: s.Title, Tenant: s.Tenant.DefaultDomain, Endpoint: s.Endpoint, Body: cipp.Redact(s.Body), Danger: s.Danger,
		Before: fieldsOf(s.Before), Wanted: fieldsOf(s.Wanted), After: fieldsOf(r.After), Said: r.Said, Task: r.Task, Result: "done"}
	if !r.Password.Empty() {
		line.Password = r.Password.Reveal()
	}
	lost, _ := errors.AsType[*admin.PasswordLostError](err)
	switch {
	case lost != nil && lost.Seen:
		line.Error = err.Error() // it is done all the same
	case inDoubt(err):
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

// inDoubt says whether a step that ended with an error may be done, or be done
// later, all the same.
func inDoubt(err error) bool {
	if task, ok := errors.AsType[*admin.TaskError](err); ok {
		return task.State != "Completed" && task.State != "Failed"
	}
	_, unseen := errors.AsType[*admin.UnseenError](err)
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
