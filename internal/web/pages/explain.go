package pages

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/app"
	"syncd/internal/report"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// An explainView is what the page shows of why a number is what it is, or was.
type explainView struct {
	*app.Explanation
	Key, Name, Product, Label string
	Month                     string   // asked for; now where it was read anew
	Months                    []aMonth // that the ledger speaks of, newest first
	Billed                    string   // now, to begin an override with
	Nothing                   string   // why there are no spans
	Spans                     []spanLine
	Chart                     *chart
}

// An aMonth is one to choose.
type aMonth struct{ Value, Name string }

// monthNow asks to read what Microsoft says and what is billed anew.
const monthNow = "now"

// A spanLine is what held for some days.
type spanLine struct {
	app.ExplainedSpan
	Object string // what it is about, where there are several
	On     string
	Why    []string
}

func showExplanation(q *request) (answer, error) {
	c, err := customerNamed(q)
	if err != nil {
		return answer{}, err
	}
	product, month := q.PathValue("product"), q.URL.Query().Get("month")
	this := q.app.Now().In(q.app.Location).Format("2006-01")
	if month == "" && q.wantsJSON() {
		month = monthNow // as the command does
	}
	if month == "" {
		month = this
	}
	asked := month
	if month == monthNow {
		asked = ""
	} else if _, err := time.Parse("2006-01", month); err != nil {
		return answer{}, fail(http.StatusUnprocessableEntity, "month: %q is no month; write it as %s", visible.Clip(month, 40), this)
	}
	x, err := q.app.Explain(q.Context(), c.Key, product, asked)
	if err != nil {
		return answer{}, notFound(err)
	}
	if x.Customer.Key != c.Key {
		return answer{}, fail(http.StatusNotFound, "nothing is recorded of %s", c.Name)
	}
	if q.wantsJSON() {
		return answer{json: x}, nil
	}
	view := explainView{Explanation: x, Key: c.Key, Name: c.Name, Product: product, Month: month, Label: product}
	spans, err := q.app.ProductSpans(q.Context(), c.Key, product)
	if err != nil {
		return answer{}, err
	}
	for i := range x.Spans {
		view.Billed = x.Spans[i].Billed
		view.Label = cmp.Or(x.Spans[i].Label, view.Label)
		view.Spans = append(view.Spans, newSpanLine(x, &x.Spans[i], q.app.Location))
	}
	view.Chart = ledgerChart(spans, view.Label, q.app.Now(), ledgerAddress(c.Key, product))
	view.Months = monthsSince(x.RecordedFrom, q.app.Now().In(q.app.Location))
	x.Uninvoiced, _, _ = strings.Cut(x.Uninvoiced, "; syncd ") // the page is no terminal
	view.Nothing = nothingText(x, q.app.Location)
	label := clipped(view.Label, maxName)
	a := answer{page: "explain", title: label + " · " + headlineOf(&c), headline: label + explainedAs(x), data: view}
	command := "syncd explain " + quoted(c.Key) + " " + quoted(product)
	if asked != "" {
		command += " --month " + quoted(asked)
	}
	a.commands = []string{command}
	return a, nil
}

// explainedAs is the number of the page's end in a few words.
func explainedAs(x *app.Explanation) string {
	if len(x.Spans) == 0 {
		return ""
	}
	s := &x.Spans[len(x.Spans)-1]
	switch {
	case !s.Known:
		return ": not proven"
	case s.Due == s.Billed:
		return ": " + quantity(s.Billed) + " billed, as due"
	}
	return ": " + quantity(s.Billed) + " billed, " + quantity(s.Due) + " due"
}

func newSpanLine(x *app.Explanation, s *app.ExplainedSpan, zone *time.Location) spanLine {
	line := spanLine{ExplainedSpan: *s, On: daysText(x, s, zone)}
	for _, why := range s.Reasons(zone) {
		line.Why = append(line.Why, sentence(why))
	}
	if s.Explanation != nil {
		line.Why = append(line.Why, sentence(s.Explanation.Text()))
	}
	if slices.ContainsFunc(x.Spans, func(o app.ExplainedSpan) bool { return o.Key != s.Key }) {
		line.Object = s.CountedText()
	}
	return line
}

// daysText is on which days a span held, within the month that is asked for.
func daysText(x *app.Explanation, s *app.ExplainedSpan, zone *time.Location) string {
	from := s.From.In(zone)
	if x.Month == nil {
		return "since " + from.Format("2 Jan 2006 15:04")
	}
	if from.Before(x.From) {
		from = x.From
	}
	if s.Days == 0 {
		return from.Format("2 Jan 15:04") + " to " + s.To.In(zone).Format("15:04")
	}
	text := from.Format("2 Jan")
	if s.Days > 1 {
		text += " to " + from.AddDate(0, 0, s.Days-1).Format("2 Jan")
	}
	return text + " (" + plural(s.Days, "day") + ")"
}

// monthsSince are the months from a moment to now, newest first.
func monthsSince(from *time.Time, now time.Time) []aMonth {
	first := now
	if from != nil {
		first = from.In(now.Location())
	}
	var all []aMonth
	for m := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location()); len(all) == 0 || m.Format("2006-01") >= first.Format("2006-01"); m = m.AddDate(0, -1, 0) {
		all = append(all, aMonth{m.Format("2006-01"), m.Format("January 2006")})
	}
	return all
}

// nothingText says why a month has no spans; empty where it has.
func nothingText(x *app.Explanation, zone *time.Location) string {
	switch {
	case len(x.Spans) > 0:
		return ""
	case x.RecordedFrom == nil:
		return "Nothing is recorded of it: the ledger of it begins with the next run that applies."
	case x.Month != nil && !x.RecordedFrom.Before(x.To):
		return "It was not recorded before " + x.RecordedFrom.In(zone).Format("2 Jan 2006") + "."
	}
	return "Nothing was due or billed: no rule billed it, or the customer was not linked."
}

// sendLedger sends what the ledger has of a product as CSV.
func sendLedger(q *request) (answer, error) {
	c, err := customerNamed(q)
	if err != nil {
		return answer{}, err
	}
	product := q.PathValue("product")
	spans, err := q.app.ProductSpans(q.Context(), c.Key, product)
	if err != nil {
		return answer{}, err
	}
	if len(spans) == 0 {
		return answer{}, fail(http.StatusNotFound, "nothing is recorded of a product %q at %s", product, c.Name)
	}
	s := report.Sheet{}
	for _, name := range []string{"from", "to", "known", "product", "purchased", "assigned", "due", "billed", "price", "currency", "override", "why"} {
		s.Columns = append(s.Columns, report.Column{Name: name})
	}
	for i := range spans {
		s.Rows = append(s.Rows, ledgerRow(&spans[i]))
	}
	return answer{file: func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="ledger.csv"`)
		return s.CSV(w)
	}, json: struct{}{}}, nil
}

func ledgerRow(s *state.Span) []string {
	to, override := "", ""
	if !s.To.IsZero() {
		to = s.To.UTC().Format(time.RFC3339)
	}
	if s.Override != nil {
		override = strings.Join((&app.ExplainedSpan{Span: *s}).OverrideReason(), "")
	}
	return []string{s.From.UTC().Format(time.RFC3339), to, fmt.Sprint(s.Known), s.Product, s.Purchased, s.Assigned, s.Due, s.Billed, s.Price, s.Currency, override, s.Why}
}
