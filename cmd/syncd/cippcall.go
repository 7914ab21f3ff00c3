package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/endpoint"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/rest"
)

func endpointsCommand(t *technician) *cobra.Command {
	var text, category string
	cmd := &cobra.Command{Use: "endpoints", Short: "The whole map of CIPP's API, embedded: no connection is needed", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&text, "search", "", "only those in which every word of `TEXT` occurs")
	cmd.Flags().StringVar(&category, "category", "", "only those of a `CATEGORY`, or a part of its name")
	_ = cmd.RegisterFlagCompletionFunc("category", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return endpoint.Categories(), cobra.ShellCompDirectiveNoFileComp
	})
	cmd.RunE = func(*cobra.Command, []string) error {
		found := endpoint.Search(text, category)
		table := admin.Table{Columns: []admin.Column{{Key: "name", Title: "Endpoint"}, {Key: "methods", Title: "Verbs"}, {Key: "kind", Title: "Does"}, {Key: "category", Title: "Area"}, {Key: "role", Title: "Permission"},
			{Key: "tenant", Title: "Tenant"}, {Key: "query", Title: "Query"}, {Key: "body", Title: "Body"}}}
		for _, e := range found {
			kind, tenant := "reads", ""
			if e.Writes() {
				kind = "writes"
			}
			if e.NeedsTenant() {
				tenant = "needed"
			}
			table.Rows = append(table.Rows, []string{e.Name, strings.Join(e.Methods, " "), kind, e.Category, e.Role, tenant, strings.Join(e.Query, " "), strings.Join(e.Body, " ")})
		}
		if t.json {
			return t.print(struct {
				Version   string              `json:"version"`
				Endpoints []endpoint.Endpoint `json:"endpoints"`
			}{endpoint.Version, listed(found)}, nil)
		}
		table.Note = fmt.Sprintf("%d of %d endpoints of CIPP %s", len(found), len(endpoint.All()), endpoint.Version)
		if !t.csv { // names of parameters would push everything else off a screen
			table.Columns = table.Columns[:6]
			for i := range table.Rows {
				table.Rows[i] = table.Rows[i][:6]
			}
		}
		return t.show(table, nil)
	}
	return cmd
}

// A request is a call as it was typed.
type request struct {
	query      []string
	body       string
	all        bool
	allTenants bool
}

func callCommand(t *technician) *cobra.Command {
	var r request
	cmd := &cobra.Command{Use: "call ENDPOINT", Short: "Call any endpoint", Args: cobra.ExactArgs(1),
		Long: "Call any endpoint of CIPP. The answer is judged by CIPP's rules: an error inside a 200 is an error. What changes something is shown first and asked about."}
	cmd.Flags().StringArrayVar(&r.query, "query", nil, "a parameter, `NAME=VALUE`; may be repeated")
	cmd.Flags().StringVar(&r.body, "body", "", "`FILE` with the JSON body; - for standard input")
	cmd.Flags().BoolVar(&r.all, "all", false, "follow pages and queues to the end")
	cmd.Flags().BoolVar(&r.allTenants, "all-tenants", false, "ask about all tenants at once")
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, e := range endpoint.All() {
			if len(args) == 0 && strings.HasPrefix(strings.ToLower(e.Name), strings.ToLower(typed)) {
				names = append(names, e.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	cmd.RunE = t.work(func(ctx context.Context, d *desk, args []string) error { return d.call(ctx, args[0], &r) })
	return cmd
}

func (d *desk) call(ctx context.Context, name string, r *request) error {
	e, err := endpoint.Find(name)
	if err != nil {
		return err
	}
	k := cipp.Call{Endpoint: e.Name, AllTenants: r.allTenants || strings.EqualFold(d.tenant, "AllTenants"), Query: url.Values{}, All: r.all}
	for _, pair := range r.query {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return usage("--query %q is not NAME=VALUE", pair)
		}
		k.Query.Add(name, value)
	}
	if k.Body, k.List, err = d.readBody(r.body); err != nil {
		return err
	}
	switch {
	case k.AllTenants && d.tenant != "" && !strings.EqualFold(d.tenant, "AllTenants"):
		return usage("--tenant and --all-tenants exclude each other")
	case k.AllTenants && !e.TakesAllTenants():
		return usage("%s does not take all tenants at once; name one with --tenant", e.Name)
	case k.AllTenants:
	case d.tenant != "":
		if k.Tenant, _, err = d.of(ctx, nil); err != nil {
			return err
		}
	case e.NeedsTenant():
		return usage("%s is about a tenant; name it with --tenant (CIPP would answer for the partner's own)", e.Name)
	}
	if err := e.Check(k.Query, k.Body); err != nil {
		return err
	}
	if strange := e.Undeclared(k.Query, k.Body); len(strange) > 0 {
		fmt.Fprintf(d.redact.Writer(d.console.Err), "syncd: %s publishes no parameter %s; most likely nobody reads it\n", e.Name, clean(strings.Join(strange, ", ")))
	}
	if e.Writes() {
		return d.write(ctx, e, k)
	}
	p := d.progress("tenants")
	k.Progress = func(at cipp.Progress) { p.at(at.Done, max(at.Total, at.Done), fmt.Sprintf("%d rows", at.Rows)) }
	reply, err := d.client.Call(ctx, k)
	p.end()
	if err != nil {
		return err
	}
	return d.reply(reply)
}

// write shows a call that changes something, asks, sends it and writes it down.
func (d *desk) write(ctx context.Context, e endpoint.Endpoint, k cipp.Call) error {
	shown, err := k.Preview()
	if err != nil {
		return err
	}
	body, err := json.Marshal(shown.Body)
	if err != nil {
		return err
	}
	title := strings.TrimSpace(fmt.Sprintf("%s %s %s", shown.Method, e.Path(), k.Tenant.DefaultDomain))
	if !d.json {
		d.say("%s", title)
		for _, name := range slices.Sorted(maps.Keys(shown.Query)) {
			d.say("  %s=%s", clean(name), clean(strings.Join(shown.Query[name], ",")))
		}
		if string(body) != "null" {
			d.say("  %s", clean(string(body)))
		}
		if w := e.Warning(); w != "" {
			d.say("  ! %s", w)
		}
	}
	if goOn, err := d.allowed(); err != nil || !goOn {
		return err
	}
	reply, err := d.client.Call(ctx, k)
	result, message := "done", ""
	switch {
	case errors.Is(err, rest.ErrOutcomeUnknown):
		result, message = "unknown", err.Error()
	case err != nil:
		result, message = "failed", err.Error()
	default:
		message = strings.Join(reply.Said, "; ")
	}
	object := &plan.Object{Key: plan.Key{Kind: "call", ID: e.Name}, Label: title, Info: map[string]string{"query": shown.Query.Encode(), "body": d.redact.Text(string(body))}}
	if jerr := d.writeDown(ctx, k.Tenant, nil, object, result, message); jerr != nil {
		err = errors.Join(err, jerr)
	}
	if reply != nil {
		// Of a call that failed in part too: a password that was made is told once.
		err = errors.Join(d.replied(reply), err)
	}
	return err
}

// replied prints the answer to a write: what CIPP said, and the secrets that
// only the one who asked may see.
func (d *desk) replied(r *cipp.Reply) error {
	secrets := map[string]string{}
	for _, s := range r.Secrets {
		secrets[s.Name] = s.Value.Reveal()
	}
	return d.print(struct {
		Said    []string          `json:"said"`
		Secrets map[string]string `json:"secrets,omitempty"`
	}{listed(r.Said), secrets}, func(out io.Writer) error {
		for _, s := range r.Said {
			fmt.Fprintln(out, clean(s))
		}
		for _, name := range slices.Sorted(maps.Keys(secrets)) {
			fmt.Fprintf(out, "%s: %s   (shown once, kept nowhere)\n", clean(name), clean(secrets[name]))
		}
		return nil
	})
}

// reply prints the answer to a read.
func (d *desk) reply(r *cipp.Reply) error {
	if d.json {
		rows := make([]json.RawMessage, len(r.Rows))
		for i, row := range r.Rows {
			rows[i] = json.RawMessage(row)
		}
		return d.print(struct {
			Rows     []json.RawMessage `json:"rows"`
			Said     []string          `json:"said,omitempty"`
			Troubles []cipp.Trouble    `json:"troubles,omitempty"`
			Missing  []string          `json:"missing,omitempty"`
			Pages    int               `json:"pages"`
			More     bool              `json:"more"`
		}{rows, r.Said, r.Troubles, r.Missing, r.Pages, r.More}, nil)
	}
	sheet := sheetOf(r)
	if d.csv {
		return sheet.CSV(d.console.Out)
	}
	switch {
	case len(sheet.Rows) > 0:
		for _, row := range sheet.Rows {
			for i := range row {
				row[i] = short(clean(row[i]))
			}
		}
		if err := sheet.Table(d.console.Out, d.console.Width); err != nil {
			return err
		}
	case len(r.Said) == 0:
		d.say("no rows. From CIPP that can mean none, or that it was not let in")
	}
	for _, s := range r.Said {
		d.say("%s", clean(s))
	}
	for _, t := range r.Troubles {
		d.say("! %s could not be read: %s", clean(t.Tenant), clean(t.Text))
	}
	if len(r.Missing) > 0 {
		d.say("! not in the answer, so unknown: %s", clean(strings.Join(r.Missing, ", ")))
	}
	if r.More {
		d.say("there is more: --all reads it to the end")
	}
	return nil
}

// sheetOf makes a table of rows as they came: a column for each name that any
// of them has, in the order of their appearance.
func sheetOf(r *cipp.Reply) *report.Sheet {
	var names []string
	known := map[string]int{}
	var rows []map[string]string
	for _, raw := range r.Rows {
		row := map[string]string{}
		in := json.NewDecoder(bytes.NewReader(raw))
		in.UseNumber()
		if first, err := in.Token(); err != nil || first != json.Delim('{') {
			row["value"] = cellOf(json.RawMessage(raw))
			if _, ok := known["value"]; !ok {
				known["value"], names = len(names), append(names, "value")
			}
			rows = append(rows, row)
			continue
		}
		for in.More() {
			name, err := in.Token()
			var value json.RawMessage
			if err != nil || in.Decode(&value) != nil {
				break
			}
			key := fmt.Sprint(name)
			if _, ok := known[key]; !ok {
				known[key], names = len(names), append(names, key)
			}
			row[key] = cellOf(value)
		}
		rows = append(rows, row)
	}
	s := &report.Sheet{}
	for _, n := range names {
		s.Columns = append(s.Columns, report.Column{Name: n})
	}
	for _, row := range rows {
		cells := make([]string, len(names))
		for name, value := range row {
			cells[known[name]] = value
		}
		s.Rows = append(s.Rows, cells)
	}
	return s
}

func cellOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}
