package main

import (
	"cmp"
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

	"syncd/internal/app"
	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/endpoint"
	"syncd/internal/plan"
	"syncd/internal/report"
)

// detailedEndpoints is how many endpoints are at most shown with their parameters.
const detailedEndpoints = 5

func endpointsCommand(opts *cippOptions) *cobra.Command {
	var text, category string
	cmd := &cobra.Command{Use: "endpoints", Short: "The whole map of CIPP's API, embedded: no connection is needed", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&text, "search", "", "only those in which every word of `TEXT` occurs")
	cmd.Flags().StringVar(&category, "category", "", "only those of a `CATEGORY`, or a part of its name")
	_ = cmd.RegisterFlagCompletionFunc("category", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return endpoint.Categories(), cobra.ShellCompDirectiveNoFileComp
	})
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := opts.checkFormat(); err != nil {
			return err
		}
		found := endpoint.Search(text, category)
		if len(found) == 0 {
			opts.warn("nothing fits; categories are %s", strings.Join(topCategories(), ", "))
		}
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
			table.Rows = append(table.Rows, []string{e.Name, strings.Join(e.Methods, " "), kind, e.Category, e.Permission(), tenant, strings.Join(e.Query, " "), strings.Join(e.Body, " ")})
		}
		if opts.json {
			type entry struct {
				endpoint.Endpoint
				Writes      bool   `json:"writes"`
				NeedsTenant bool   `json:"needs_tenant"`
				Warning     string `json:"warning,omitempty"`
			}
			entries := make([]entry, len(found))
			for i, e := range found {
				entries[i] = entry{e, e.Writes(), e.NeedsTenant(), e.Warning()}
			}
			return opts.print(struct {
				Version   string  `json:"version"`
				Endpoints []entry `json:"endpoints"`
			}{endpoint.Version, entries}, nil)
		}
		if opts.csv {
			return opts.show(table, nil)
		}
		// Names of parameters would push everything else off a screen; below it
		// there is room for those of a few.
		table.Columns = table.Columns[:6]
		for i := range table.Rows {
			table.Rows[i] = table.Rows[i][:6]
		}
		table.Note = fmt.Sprintf("%d of %d endpoints of CIPP %s", len(found), len(endpoint.All()), endpoint.Version)
		if err := opts.show(table, nil); err != nil || len(found) > detailedEndpoints {
			return err
		}
		for _, e := range found {
			opts.say("%s", e.Name)
			for _, part := range []struct {
				what  string
				names []string
			}{{"query", e.Query}, {"body", e.Body}} {
				if len(part.names) > 0 {
					opts.say("  %s: %s", part.what, strings.Join(part.names, ", "))
				}
			}
			if w := e.Warning(); w != "" {
				opts.say("  ! %s", w)
			}
		}
		return nil
	}
	return cmd
}

// topCategories returns the first part of each category's path.
func topCategories() []string {
	var top []string
	for _, c := range endpoint.Categories() {
		first, _, _ := strings.Cut(c, "/")
		if !slices.Contains(top, first) {
			top = append(top, first)
		}
	}
	return top
}

// callOptions are the options of cipp call as typed.
type callOptions struct {
	query      []string
	body       string
	columns    []string
	all        bool
	allTenants bool
	unknown    bool
	method     string
}

func callCommand(opts *cippOptions) *cobra.Command {
	var r callOptions
	cmd := &cobra.Command{Use: "call ENDPOINT", Short: "Call any endpoint", Args: cobra.ExactArgs(1),
		Long: "Call any endpoint of CIPP. The answer is judged by CIPP's rules: an error inside a 200 is an error. What changes something is shown first and asked about.\n\n" +
			"CIPP updates itself every few days and may have endpoints that the map lacks: --unknown calls one by its name. Nobody knows what it does, so it counts as one that changes something, " +
			"is sent once, and wants to be told whom it is about: --tenant none where that is CIPP itself."}
	cmd.Flags().StringArrayVar(&r.query, "query", nil, "a parameter, `NAME=VALUE`; may be repeated")
	cmd.Flags().StringVar(&r.body, "body", "", "`FILE` with the JSON body; - for standard input")
	cmd.Flags().StringSliceVar(&r.columns, "columns", nil, "show these `NAMES` of the rows alone, in this order")
	cmd.Flags().BoolVar(&r.all, "all", false, "follow pages and queues to the end")
	cmd.Flags().BoolVar(&r.allTenants, "all-tenants", false, "ask about all tenants at once")
	cmd.Flags().BoolVar(&r.unknown, "unknown", false, "the endpoint is newer than the map")
	cmd.Flags().StringVar(&r.method, "method", "", "with --unknown: `GET` or POST; GET for what begins with List, if not said")
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, e := range endpoint.All() {
			if len(args) == 0 && strings.HasPrefix(strings.ToLower(e.Name), strings.ToLower(typed)) {
				names = append(names, e.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	cmd.RunE = opts.withClient(func(ctx context.Context, c *cippCommand, args []string) error { return c.call(ctx, args[0], &r) })
	return cmd
}

func (c *cippCommand) call(ctx context.Context, name string, r *callOptions) error {
	if r.unknown {
		return c.callUnlisted(ctx, name, r)
	}
	e, err := endpoint.Find(name)
	if err != nil {
		return fmt.Errorf("%w; --unknown calls one that is newer than the map", err)
	}
	if r.method != "" {
		return usage("--method is for --unknown: the map says how %s is called", e.Name)
	}
	k := cipp.Call{Endpoint: e.Name, AllTenants: r.allTenants || strings.EqualFold(c.tenant, "AllTenants"), Query: url.Values{}, All: r.all}
	if err := c.fillCall(&k, r); err != nil {
		return err
	}
	switch {
	case k.AllTenants && c.tenant != "" && !strings.EqualFold(c.tenant, "AllTenants"):
		return usage("--tenant and --all-tenants exclude each other")
	case k.AllTenants && !e.TakesAllTenants():
		return usage("%s does not take all tenants at once; name one with --tenant", e.Name)
	case k.AllTenants:
	case c.tenant != "":
		if k.Tenant, _, err = c.resolveTenant(ctx, nil); err != nil {
			return err
		}
	case e.NeedsTenant():
		return usage("%s is about a tenant; name it with --tenant (CIPP would answer for the partner's own)", e.Name)
	}
	bodies := k.List
	if k.List == nil {
		bodies = []map[string]any{k.Body}
	}
	var undeclared []string
	for _, body := range bodies {
		if err := e.Check(k.Query, body); err != nil {
			return err
		}
		undeclared = append(undeclared, e.Undeclared(k.Query, body)...)
	}
	if slices.Sort(undeclared); len(undeclared) > 0 {
		c.warn("%s publishes no parameter %s; most likely nobody reads it", e.Name, clean(strings.Join(slices.Compact(undeclared), ", ")))
	}
	if e.Writes() {
		return c.callWriting(ctx, e, k, nil)
	}
	p := c.progress("tenants")
	k.Progress = func(at cipp.Progress) { p.at(at.Done, max(at.Total, at.Done), fmt.Sprintf("%d rows", at.Rows)) }
	reply, err := c.client.Call(ctx, k)
	p.end()
	if err != nil {
		return err
	}
	return c.printReply(reply, r.columns)
}

// fillCall sets the query and the body of a call from its options.
func (c *cippCommand) fillCall(k *cipp.Call, r *callOptions) (err error) {
	for _, pair := range r.query {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return usage("--query %q is not NAME=VALUE", pair)
		}
		k.Query.Add(name, value)
	}
	k.Body, k.List, err = c.readBody(r.body)
	return err
}

// noTenant is the value of --tenant for a call that is about CIPP itself.
const noTenant = "none"

// callUnlisted calls an endpoint that the map lacks, as one that changes something.
func (c *cippCommand) callUnlisted(ctx context.Context, name string, r *callOptions) (err error) {
	k := cipp.Call{Endpoint: name, Unlisted: true, Query: url.Values{}, Method: strings.ToUpper(r.method)}
	if err := c.fillCall(&k, r); err != nil {
		return err
	}
	switch {
	case r.all || r.allTenants || strings.EqualFold(c.tenant, "AllTenants"):
		return usage("--unknown calls for one tenant, once: --all and --all-tenants are for endpoints of the map")
	case c.tenant == "":
		return usage("whom is %s about? Name the tenant with --tenant, or --tenant %s for CIPP itself (without one CIPP answers for the partner's own)", name, noTenant)
	case !strings.EqualFold(c.tenant, noTenant):
		if k.Tenant, _, err = c.resolveTenant(ctx, nil); err != nil {
			return err
		}
	}
	if k.Method == "" {
		k.Method = "POST"
		if strings.HasPrefix(strings.ToLower(name), "list") && k.Body == nil && k.List == nil {
			k.Method = "GET"
		}
	}
	if c.client, err = c.app.CIPPOperator(true); err != nil {
		return err
	}
	e, err := endpoint.Unlisted(name, k.Method, k.Tenant.ID != "")
	if err != nil {
		return usage("%w", err)
	}
	return c.callWriting(ctx, e, k, r.columns)
}

// callWriting shows a call that changes something, asks, sends it and journals it.
func (c *cippCommand) callWriting(ctx context.Context, e endpoint.Endpoint, k cipp.Call, columns []string) error {
	shown, err := k.Preview()
	if err != nil {
		return err
	}
	body, err := json.Marshal(shown.Body)
	if err != nil {
		return err
	}
	title := strings.TrimSpace(fmt.Sprintf("%s %s %s", shown.Method, e.Path(), k.Tenant.DefaultDomain))
	c.sayToPeople("%s", title)
	for _, name := range slices.Sorted(maps.Keys(shown.Query)) {
		c.sayToPeople("  %s=%s", clean(name), clean(strings.Join(shown.Query[name], ",")))
	}
	if string(body) != "null" {
		c.sayToPeople("  %s", clean(string(body)))
	}
	if w := e.Warning(); w != "" {
		c.sayToPeople("  ! %s", w)
	}
	if goOn, err := c.confirm(ctx); err != nil || !goOn {
		return err
	}
	c.sent = true
	reply, err := c.client.Call(ctx, k)
	result, message := "done", ""
	switch {
	case outcomeUnknown(err):
		result, message = "unknown", err.Error()
	case err != nil:
		result, message = "failed", err.Error()
	default:
		message = strings.Join(reply.Said, "; ")
	}
	object := &plan.Object{Key: plan.Key{Kind: "call", ID: e.Name}, Label: title,
		Facts: []plan.Fact{{Name: "query", Value: shown.Query.Encode()}, {Name: "body", Value: c.redact.Text(string(body))}}}
	if jerr := c.journalEntry(ctx, k.Tenant, nil, object, result, message); jerr != nil {
		err = errors.Join(err, jerr)
	}
	if reply != nil && e.Unlisted() {
		return errors.Join(c.printReply(reply, columns), err)
	}
	if reply != nil {
		// Also of a call that failed in part: a new password is shown once.
		err = errors.Join(c.printWriteReply(reply), err)
	}
	return err
}

// printWriteReply prints the answer to a write: CIPP's sentences, and the secrets,
// which are shown to the caller alone and stored nowhere.
func (c *cippCommand) printWriteReply(r *cipp.Reply) error {
	secrets := map[string]string{}
	for _, s := range r.Secrets {
		secrets[s.Name] = s.Value.Reveal()
	}
	if c.csv {
		s := &report.Sheet{Columns: []report.Column{{Name: "what"}, {Name: "text"}}}
		for _, text := range r.Said {
			s.Rows = append(s.Rows, []string{"said", text})
		}
		for _, name := range slices.Sorted(maps.Keys(secrets)) {
			s.Rows = append(s.Rows, []string{name, secrets[name]})
		}
		return s.CSV(c.console.Out)
	}
	return c.print(struct {
		Said    []string          `json:"said"`
		Secrets map[string]string `json:"secrets,omitempty"`
	}{app.Listed(r.Said), secrets}, func(out io.Writer) error {
		for _, s := range r.Said {
			fmt.Fprintln(out, clean(s))
		}
		for _, name := range slices.Sorted(maps.Keys(secrets)) {
			fmt.Fprintf(out, "%s: %s   (shown once, kept nowhere)\n", clean(name), clean(secrets[name]))
		}
		return nil
	})
}

// printReply prints the answer to a read.
func (c *cippCommand) printReply(r *cipp.Reply, columns []string) error {
	if c.json {
		rows := make([]json.RawMessage, len(r.Rows))
		for i, row := range r.Rows {
			rows[i] = json.RawMessage(row)
		}
		return c.print(struct {
			Rows     []json.RawMessage `json:"rows"`
			Said     []string          `json:"said,omitempty"`
			Troubles []cipp.Trouble    `json:"troubles,omitempty"`
			Missing  []string          `json:"missing,omitempty"`
			Pages    int               `json:"pages"`
			More     bool              `json:"more"`
		}{rows, r.Said, r.Troubles, r.Missing, r.Pages, r.More}, nil)
	}
	sheet := sheetOf(r)
	if len(columns) > 0 {
		var err error
		if sheet, err = selectColumns(sheet, columns); err != nil {
			return err
		}
	}
	note := c.say
	switch {
	case c.csv:
		if err := sheet.CSV(c.console.Out); err != nil {
			return err
		}
		note = c.warn
	case len(sheet.Rows) > 0:
		if len(columns) == 0 {
			sheet = forScreen(sheet)
		}
		for _, row := range sheet.Rows {
			for i := range row {
				row[i] = short(clean(row[i]))
			}
		}
		if err := sheet.Table(c.out(), c.console.Width); err != nil {
			return err
		}
	}
	if len(sheet.Rows)+len(r.Said)+len(r.Troubles) == 0 {
		note("no rows; from CIPP that can mean that there are none, or that it was not let in")
	}
	for _, s := range r.Said {
		note("%s", clean(s))
	}
	for _, s := range r.Secrets {
		note("%s: %s   (shown once, kept nowhere)", clean(s.Name), clean(s.Value.Reveal()))
	}
	for _, t := range r.Troubles {
		note("! %s could not be read: %s", clean(cmp.Or(t.Tenant, "a tenant")), clean(t.Text))
	}
	if len(r.Missing) > 0 {
		note("! not in the answer, so unknown: %s", clean(strings.Join(r.Missing, ", ")))
	}
	if r.More {
		note("there is more: --all reads it to the end")
	}
	return nil
}
