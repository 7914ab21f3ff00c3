package app

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/dataset"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// DataSet is what syncd export writes. A column that is added raises the minor version, one that goes
// or means something else the major one. Nobody's name is in it: no labels of people's accounts, no
// sentences that a person wrote or may be named in, and not who decided.
var DataSet = dataset.Set{Name: "syncd", Title: "syncd data set", Version: "1.0", Tables: tablesOf(exported)}

// An exportTable is a table and where its rows come from.
type exportTable struct {
	dataset.Table
	rows func(context.Context, *exporting, dataset.Put) error
}

// A columnOf is a column of a table of T and what stands in it.
type columnOf[T any] struct {
	dataset.Column
	of func(*T) string
}

func col[T any](name string, kind dataset.Type, what string, of func(*T) string) columnOf[T] {
	return columnOf[T]{dataset.Column{Name: name, Type: kind, What: what}, of}
}

func key[T any](name string, kind dataset.Type, what string, of func(*T) string) columnOf[T] {
	return columnOf[T]{dataset.Column{Name: name, Type: kind, What: what, Key: true}, of}
}

// newExport makes a table of what each yields.
func newExport[T any](name, what string, to []dataset.Reference, each func(context.Context, *exporting, func(*T) error) error, columns ...columnOf[T]) exportTable {
	t := exportTable{Table: dataset.Table{Name: name, What: what, References: to}}
	for _, c := range columns {
		t.Columns = append(t.Columns, c.Column)
	}
	t.rows = func(ctx context.Context, x *exporting, put dataset.Put) error {
		cells := make([]string, len(columns))
		return each(ctx, x, func(row *T) error {
			for i := range columns {
				cells[i] = columns[i].of(row)
			}
			return put(cells)
		})
	}
	return t
}

func tablesOf(all []exportTable) []*dataset.Table {
	out := make([]*dataset.Table, len(all))
	for i := range all {
		out[i] = &all[i].Table
	}
	return out
}

var (
	ofCustomer = []dataset.Reference{{Columns: []string{"customer"}, Table: "customers"}}
	ofLicence  = append(ofCustomer, dataset.Reference{Columns: []string{"customer", "licence"}, Table: "licences"})
)

const (
	whatCustomer = "the customer's key"
	whatLicence  = "what is counted: the ids of the licences, or of what else the rule counts"
	whatProduct  = "the catalogue identifier"
	whatCurrency = "of the money in this row; currencies are never added"
)

// exported are the tables, in the order in which they are replaced.
var exported = []exportTable{
	newExport("customers", "Everybody whom another table names, and everybody who is linked or ignored.", nil, eachCustomer,
		key("customer", dataset.Text, "the key: the tenant's id, or the text that the table of links gives several tenants or a part of one", func(c *exportCustomer) string { return c.key }),
		col("name", dataset.Text, "as CIPP has it, or the table of links", func(c *exportCustomer) string { return c.name }),
		col("status", dataset.Text, "linked, suggested, ignored or unmapped; former: its tenants are part of another customer now, or it is known from before", func(c *exportCustomer) string { return c.status }),
		col("tenants", dataset.Integer, "Microsoft tenants that it is made of", func(c *exportCustomer) string { return count(c.tenants) }),
		col("standing", dataset.Text, "where its scope stands that needs attention most: failed, partly done, not read, needs repair, needs approval, rejected, approved, put off, would change, changed, in step, unchanged, not linked", func(c *exportCustomer) string { return c.standing }),
		col("last_billing_run_at", dataset.Time, "when a run last looked at what it is billed", func(c *exportCustomer) string { return exportTime(c.looked) })),

	newExport("runs", "Executions of jobs.", nil, eachRun,
		key("run", dataset.Text, "the id; ids sort by time", func(r *state.Run) string { return r.ID }),
		col("job", dataset.Text, "several are parted by +", func(r *state.Run) string { return r.Job }),
		col("trigger", dataset.Text, "schedule, catch-up, command or event", func(r *state.Run) string { return r.Trigger }),
		col("started", dataset.Time, "", func(r *state.Run) string { return exportTime(r.Started) }),
		col("finished", dataset.Time, "empty while it runs, and where it was killed", func(r *state.Run) string { return exportTime(r.Finished) }),
		col("duration_seconds", dataset.Integer, "", runSeconds),
		col("result", dataset.Text, "success, partial (some customers failed), failed or stopped", runResult),
		col("part", dataset.Boolean, "it was about some customers or targets only", func(r *state.Run) string { return strconv.FormatBool(r.Part) }),
		outcome("in_step"), outcome("skipped"), outcome("changed"), outcome("partial"), outcome("held"), outcome("failed"), outcome("incomplete"), outcome("unmapped")),

	newExport("licences", "Per customer and product what is bought, assigned, due and billed now, as runs last found it.", ofCustomer, eachLicence,
		key("customer", dataset.Text, whatCustomer, func(l *exportLine) string { return l.CustomerKey }),
		key("licence", dataset.Text, whatLicence, func(l *exportLine) string { return l.span.Key.ID }),
		col("product", dataset.Text, whatProduct, func(l *exportLine) string { return l.Product }),
		col("name", dataset.Text, "the licence as people call it", func(l *exportLine) string { return l.Licence.Licence }),
		col("sku_ids", dataset.Text, "Microsoft's ids of what is counted, parted by spaces", func(l *exportLine) string { return strings.Join(l.SKUs, " ") }),
		col("purchased", dataset.Number, "units", func(l *exportLine) string { return l.span.Purchased }),
		col("assigned", dataset.Number, "units", func(l *exportLine) string { return l.span.Assigned }),
		col("unassigned", dataset.Integer, "units that are paid for and that nobody holds", func(l *exportLine) string { return whole(l.Unassigned) }),
		col("due", dataset.Number, "units that the rules, or an override, bill", func(l *exportLine) string { return plan.Number(l.Due) }),
		col("billed", dataset.Number, "units that the lines of the agreement bill", func(l *exportLine) string { return plan.Number(l.Billed) }),
		col("difference", dataset.Number, "due less billed", func(l *exportLine) string { return plan.Number(l.Difference) }),
		col("unit_price", dataset.Number, "of a unit in a month", func(l *exportLine) string { return plan.Price(l.UnitPrice) }),
		col("monthly_due", dataset.Number, "what the due units come to in a month", func(l *exportLine) string { return l.worth(l.Due) }),
		col("monthly_billed", dataset.Number, "what the billed units come to in a month", func(l *exportLine) string { return l.worth(l.Billed) }),
		col("monthly_difference", dataset.Number, "what the difference comes to in a month", func(l *exportLine) string { return cents(l.MonthlyDifference) }),
		col("monthly_unassigned", dataset.Number, "what the unassigned units come to in a month", func(l *exportLine) string { return cents(l.MonthlyUnassigned) }),
		col("currency", dataset.Text, whatCurrency, func(l *exportLine) string { return l.Currency }),
		col("status", dataset.Text, "in_step, unbilled, under_billed, over_billed, or needs_decision: held, or not proven", func(l *exportLine) string { return string(l.Status) }),
		col("reason", dataset.Text, "the code of what holds it, where something does", func(l *exportLine) string { return l.code }),
		col("since", dataset.Time, "since when it stands so", func(l *exportLine) string { return exportTime(l.span.From) }),
		col("looked_at", dataset.Time, "when a run last looked", func(l *exportLine) string { return exportTime(l.looked) })),

	newExport("quantity_spans", "The ledger: what held of a product from one moment to another. What lasted less than a second is left out.", ofCustomer, eachSpan,
		key("customer", dataset.Text, whatCustomer, func(s *state.Span) string { return s.Scope.Customer }),
		key("licence", dataset.Text, whatLicence, func(s *state.Span) string { return s.Key.ID }),
		key("valid_from", dataset.Time, "", func(s *state.Span) string { return exportTime(s.From) }),
		col("valid_to", dataset.Time, "empty while it lasts", func(s *state.Span) string { return exportTime(s.To) }),
		col("known", dataset.Boolean, "false: not every number was proven", func(s *state.Span) string { return strconv.FormatBool(s.Known) }),
		col("product", dataset.Text, whatProduct, func(s *state.Span) string { return s.Product }),
		col("name", dataset.Text, "the licence as people call it", func(s *state.Span) string { return s.Label }),
		col("purchased", dataset.Number, "units", func(s *state.Span) string { return s.Purchased }),
		col("assigned", dataset.Number, "units", func(s *state.Span) string { return s.Assigned }),
		col("due", dataset.Number, "units that the rules, or an override, bill", func(s *state.Span) string { return s.Due }),
		col("billed", dataset.Number, "units that the lines of the agreement bill", func(s *state.Span) string { return s.Billed }),
		col("price", dataset.Number, "of a unit in a billing cycle", func(s *state.Span) string { return s.Price }),
		col("cycle_months", dataset.Text, "the billing cycle: a number of months, or a fraction such as 12/52", func(s *state.Span) string { return s.Cycle }),
		col("included", dataset.Number, "units that are free of charge", func(s *state.Span) string { return s.LessIncluded }),
		col("currency", dataset.Text, whatCurrency, func(s *state.Span) string { return s.Currency }),
		col("agreement", dataset.Text, "the id of the agreement", func(s *state.Span) string { return s.Agreement }),
		col("line", dataset.Text, "agreement/addition: the line that is kept in step", func(s *state.Span) string { return s.Ref }),
		col("explanation", dataset.Text, "why more is billed than the rules come to: renewal, window, term_end, moved, people, rule, override, adoption or unexplained", func(s *state.Span) string { return explained(s.Explanation) }),
		col("run", dataset.Text, "the run that began it; runs.run as long as that is kept", func(s *state.Span) string { return s.Proof.Run })),

	newExport("billing_lines", "The lines of the agreements that syncd keeps in step, as runs last found them.", ofLicence, eachBillingLine,
		key("customer", dataset.Text, whatCustomer, func(l *exportLine) string { return l.CustomerKey }),
		key("licence", dataset.Text, whatLicence, func(l *exportLine) string { return l.span.Key.ID }),
		col("product", dataset.Text, whatProduct, func(l *exportLine) string { return l.Product }),
		col("line", dataset.Text, "agreement/addition", func(l *exportLine) string { return l.span.Ref }),
		col("agreement", dataset.Text, "its id", func(l *exportLine) string { return l.span.Agreement }),
		col("agreement_name", dataset.Text, "", func(l *exportLine) string { return l.span.AgreementName }),
		col("quantity", dataset.Number, "units on all open lines of the product", func(l *exportLine) string { return l.span.Billed }),
		col("included", dataset.Number, "units that are free of charge", func(l *exportLine) string { return l.span.LessIncluded }),
		col("price", dataset.Number, "of a unit in a billing cycle", func(l *exportLine) string { return l.span.Price }),
		col("cycle_months", dataset.Text, "the billing cycle: a number of months, or a fraction such as 12/52", func(l *exportLine) string { return l.span.Cycle }),
		col("unit_price", dataset.Number, "of a unit in a month", func(l *exportLine) string { return plan.Price(l.UnitPrice) }),
		col("monthly", dataset.Number, "what it comes to in a month", func(l *exportLine) string { return l.worth(l.Billed) }),
		col("currency", dataset.Text, whatCurrency, func(l *exportLine) string { return l.Currency }),
		col("next_invoice", dataset.Day, "the first day that is not invoiced", func(l *exportLine) string { return l.span.NextInvoice })),

	newExport("differences", "Where what is due and what is billed differ now, or nobody can tell.", ofLicence, eachDifference,
		key("customer", dataset.Text, whatCustomer, func(l *exportLine) string { return l.CustomerKey }),
		key("licence", dataset.Text, whatLicence, func(l *exportLine) string { return l.span.Key.ID }),
		col("product", dataset.Text, whatProduct, func(l *exportLine) string { return l.Product }),
		col("kind", dataset.Text, "unbilled, under_billed, over_billed or held", func(l *exportLine) string { return l.Status.Leak() }),
		col("units", dataset.Number, "due less billed", func(l *exportLine) string { return plan.Number(l.Difference) }),
		col("monthly_difference", dataset.Number, "what that comes to in a month; negative where too much is billed", func(l *exportLine) string { return cents(l.MonthlyDifference) }),
		col("currency", dataset.Text, whatCurrency, func(l *exportLine) string { return l.Currency }),
		col("reason", dataset.Text, "the code of what holds it, where something does", func(l *exportLine) string { return l.code }),
		col("since", dataset.Time, "since when it stands so", func(l *exportLine) string { return exportTime(l.span.From) })),

	newExport("changes", "What runs wrote to the targets, took on and let go, from the journal.", ofCustomer, eachChange,
		key("change", dataset.Integer, "the line of the journal", func(e *exportChange) string { return strconv.FormatUint(e.Seq, 10) }),
		col("at", dataset.Time, "", func(e *exportChange) string { return exportTime(e.At) }),
		col("run", dataset.Text, "runs.run as long as that is kept", func(e *exportChange) string { return e.Run }),
		col("job", dataset.Text, "", func(e *exportChange) string { return e.Job }),
		col("customer", dataset.Text, whatCustomer, func(e *exportChange) string { return e.Scope.Customer }),
		col("target", dataset.Text, "connectwise, itglue, scim/NAME or cipp", func(e *exportChange) string { return e.Scope.Target }),
		col("action", dataset.Text, "create, update, delete, adopt or forget", func(e *exportChange) string { return string(e.Action) }),
		col("kind", dataset.Text, "addition, contact, user, group, domain, licences, mailbox, tenant", func(e *exportChange) string { return e.Key.Kind }),
		col("object", dataset.Text, "its id at the source; licences.licence of an addition; empty where it is a person's name or address", (*exportChange).object),
		col("product", dataset.Text, "of an addition: "+whatProduct, func(e *exportChange) string { return e.fact("product") }),
		col("ref", dataset.Text, "its id at the target", func(e *exportChange) string { return e.Ref }),
		col("reason", dataset.Text, "such as changed at source", func(e *exportChange) string { return string(e.Reason) }),
		col("quantity_before", dataset.Number, "of an addition", func(e *exportChange) string { return e.Before.Quantity() }),
		col("quantity_after", dataset.Number, "of an addition", func(e *exportChange) string { return e.After.Quantity() }),
		col("monthly_delta", dataset.Number, "of an addition: by what the monthly bill moved", func(e *exportChange) string { return e.money() }),
		col("currency", dataset.Text, whatCurrency, func(e *exportChange) string { return e.currency() }),
		col("explanation", dataset.Text, "why a counted quantity fell, see quantity_spans", func(e *exportChange) string { return explained(e.Explanation) }),
		col("approved", dataset.Boolean, "a person let it pass", func(e *exportChange) string { return strconv.FormatBool(e.By != "") }),
		col("result", dataset.Text, "done, failed, recovered, or unknown: no answer came", func(e *exportChange) string { return e.Result }),
		col("digest", dataset.Text, "of the plan it belongs to", func(e *exportChange) string { return e.Digest })),

	newExport("holds", "Plans that wait for a person, or that a person decided on and no run took up since.", ofCustomer, eachHold,
		key("customer", dataset.Text, whatCustomer, func(h *Waiting) string { return h.Scope.Customer }),
		key("target", dataset.Text, "connectwise, itglue, scim/NAME or cipp", func(h *Waiting) string { return h.Scope.Target }),
		col("digest", dataset.Text, "of the plan", func(h *Waiting) string { return h.Digest }),
		col("since", dataset.Time, "since when this plan waits", func(h *Waiting) string { return exportTime(h.Since) }),
		col("standing", dataset.Text, "needs approval, needs repair, approved or rejected", func(h *Waiting) string { return h.Stands }),
		col("reasons", dataset.Text, "the codes of what holds it, parted by spaces", holdCodes),
		col("changes", dataset.Integer, "", func(h *Waiting) string { return strconv.Itoa(h.Count) }),
		col("monthly_increase", dataset.Number, "what its changes add to the monthly bill; empty where they are in several currencies or one is not known", func(h *Waiting) string { return holdMoney(h, true, false) }),
		col("monthly_decrease", dataset.Number, "what they take from it, not negative", func(h *Waiting) string { return holdMoney(h, false, true) }),
		col("monthly_delta", dataset.Number, "increase less decrease", func(h *Waiting) string { return holdMoney(h, true, true) }),
		col("currency", dataset.Text, whatCurrency, holdCurrency),
		col("job", dataset.Text, "", func(h *Waiting) string { return h.Job }),
		col("run", dataset.Text, "the last run that held it; runs.run as long as that is kept", func(h *Waiting) string { return h.Run })),

	newExport("invoices", "The invoices of the agreements, as read when their month was closed. Of months that are open nothing is read.", ofCustomer, eachInvoice,
		key("customer", dataset.Text, whatCustomer, func(i *exportInvoice) string { return i.customer }),
		key("month", dataset.Month, "the closed month", func(i *exportInvoice) string { return i.month }),
		key("agreement", dataset.Text, "its id", func(i *exportInvoice) string { return i.check.Agreement }),
		key("number", dataset.Text, "of the invoice", func(i *exportInvoice) string { return i.made.Number }),
		col("agreement_name", dataset.Text, "", func(i *exportInvoice) string { return i.check.AgreementName }),
		col("date", dataset.Day, "", func(i *exportInvoice) string { return i.made.Date }),
		col("amount", dataset.Number, "of the agreement on this invoice", func(i *exportInvoice) string { return known(i.made.Amount) }),
		col("currency", dataset.Text, whatCurrency, func(i *exportInvoice) string { return cmp.Or(i.made.Currency, i.check.Currency) })),

	newExport("leakage_months", "Money lost by month: of months that are over as they ended, of this one as it stands.", ofCustomer, eachLeak,
		key("month", dataset.Month, "", func(l *exportLeak) string { return l.Month }),
		key("customer", dataset.Text, whatCustomer, func(l *exportLeak) string { return l.CustomerKey }),
		key("licence", dataset.Text, whatLicence, func(l *exportLeak) string { return l.licence }),
		key("kind", dataset.Text, "unbilled, under_billed, over_billed, held or unassigned", func(l *exportLeak) string { return l.Kind }),
		col("product", dataset.Text, "the catalogue identifier, or the licence's name where no product bills it", func(l *exportLeak) string { return l.Product }),
		col("units", dataset.Number, "", func(l *exportLeak) string { return plan.Number(l.Units) }),
		col("money", dataset.Number, "in the month", func(l *exportLeak) string { return cents(l.Money) }),
		col("currency", dataset.Text, whatCurrency, func(l *exportLeak) string { return l.Currency })),

	newExport("renewals", "Paid subscriptions and when their terms end, as runs last found them; monthly ones too.", ofCustomer, eachRenewal,
		key("customer", dataset.Text, whatCustomer, func(r *exportRenewal) string { return r.CustomerKey }),
		key("subscription", dataset.Text, "Microsoft's id", func(r *exportRenewal) string { return r.Subscription }),
		col("sku", dataset.Text, "the part number, or the id where there is none", func(r *exportRenewal) string { return r.SKU }),
		col("name", dataset.Text, "the licence as people call it", func(r *exportRenewal) string { return r.Licence }),
		col("units", dataset.Integer, "", func(r *exportRenewal) string { return strconv.Itoa(r.Units) }),
		col("unassigned", dataset.Integer, "of them, held by nobody", func(r *exportRenewal) string { return whole(r.Unassigned) }),
		col("term", dataset.Text, "monthly, annual or triennial; empty where nobody knows", func(r *exportRenewal) string { return r.Term }),
		col("ends", dataset.Day, "the last day of the term", func(r *exportRenewal) string { return r.Ends }),
		col("reduce_by", dataset.Day, "the latest day to have fewer units", func(r *exportRenewal) string { return r.ReduceBy() }),
		col("money", dataset.Number, "what the units are billed at over the term", func(r *exportRenewal) string { return cents(r.Money) }),
		col("currency", dataset.Text, whatCurrency, func(r *exportRenewal) string { return r.Currency })),

	newExport("overrides", "What a person set for a customer and product, and that counts today.", ofCustomer, eachOverride,
		key("customer", dataset.Text, whatCustomer, func(o *Override) string { return o.Customer.Key }),
		key("product", dataset.Text, whatProduct, func(o *Override) string { return o.Product }),
		col("quantity", dataset.Integer, "units, whatever is counted", func(o *Override) string { return known(o.Quantity) }),
		col("minimum", dataset.Integer, "units, at least", func(o *Override) string { return known(o.Minimum) }),
		col("maximum", dataset.Integer, "units, at most", func(o *Override) string { return known(o.Maximum) }),
		col("until", dataset.Day, "the last day on which it counts", func(o *Override) string { return o.Until }),
		col("ending", dataset.Boolean, "it ends within 14 days", func(o *Override) string { return strconv.FormatBool(o.Ending) }),
		col("counts", dataset.Boolean, "a rule bills the product", func(o *Override) string { return strconv.FormatBool(o.Idle == "") })),
}

// outcome is the column of how many scopes of a run ended so.
func outcome(name string) columnOf[state.Run] {
	return col(name, dataset.Integer, "scopes that ended so", func(r *state.Run) string { return strconv.Itoa(r.Totals[name]) })
}

// exportTime is a moment to the second; empty for none.
func exportTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// cents is money; empty where it is not known.
func cents(d *decimal.Decimal) string {
	if d == nil {
		return ""
	}
	return d.StringFixed(2)
}

func known(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func whole(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// count is a number of things of which there is one at least; empty where nobody knows.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func explained(x *plan.Explanation) string {
	if x == nil {
		return ""
	}
	return x.Code
}
