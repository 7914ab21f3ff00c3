package pages

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/report"
)

// reportPage is what is bought and billed, what renews, and what is lost. Pages are made from
// the state; programs, who ask for it, are answered from CIPP and the bill as they are.
var reportPage = page{name: "Report", path: "/report", routes: []route{
	{pattern: "GET /report", role: app.RoleViewer, handle: showReport, reads: true},
	{pattern: "GET /report/sheet", role: app.RoleViewer, handle: sendReport},
	{pattern: "GET /report/renewals", role: app.RoleViewer, handle: showRenewals, reads: true},
	{pattern: "GET /report/leakage", role: app.RoleViewer, handle: showLeakage, reads: true},
	{pattern: "POST /report/reading", role: app.RoleMapper, handle: readBill},
	{pattern: "GET /report/reading/progress", role: app.RoleViewer, handle: followReading},
}}

// A billKept is what the pages of reports are made from.
type billKept struct {
	state *kept[*app.BillState]
	leaks *kept[*leaksKept] // by the last of their months
}

func keepBill(running *app.Running, stamp func() int64) *billKept {
	return &billKept{
		state: &kept[*app.BillState]{stamp: stamp, make: func(ctx context.Context, _ string) (*app.BillState, error) { return running.BillState(ctx) }},
		leaks: &kept[*leaksKept]{stamp: stamp, make: func(ctx context.Context, last string) (*leaksKept, error) { return keepLeaks(ctx, running, last) }},
	}
}

// longNote is from how many characters on a note is shown by its beginning.
const longNote = 110

// reportLinesShown is how many lines a page of a report shows.
const reportLinesShown = 50

// readingAnew is the part of an address that asks for what was read anew.
const readingAnew = "reading"

// A reportView is what the page of the reconciliation shows.
type reportView struct {
	Lines    []reportLine
	Pager    pager
	Totals   []reportTotal
	Filter   reportFilter
	Statuses []report.Status
	Sizes    []string
	Reading  readingView
}

// A reportLine is a product at a customer.
type reportLine struct {
	report.Licence
	Stands tag
	Short  string // the note's beginning, where it is long
	Way    string // to why the numbers are what they are; empty where there is no product
}

// A reportTotal is what the lines come to in a currency.
type reportTotal struct {
	Currency string
	Kinds    []totalOf
}

type totalOf struct {
	report.Total
	Known bool   // whether there is any line whose money is known
	Show  string // the address of its lines
}

// A reportFilter is which lines are shown.
type reportFilter struct {
	Name, Product, Status, Size string
	Of                          string // readingAnew, or empty for what the state knows
}

// reportSizes are the smallest differences a month that can be asked for.
var reportSizes = []string{"0.01", "10", "100", "1000"}

// reportStatuses are the statuses that can be asked for, with how much they ask for somebody.
var reportStatuses = []struct {
	status report.Status
	tone   string
}{{report.Unbilled, "attention"}, {report.UnderBilled, "attention"}, {report.OverBilled, "attention"}, {report.NeedsDecision, "trouble"},
	{report.Unmapped, "attention"}, {report.InStep, "good"}, {report.NotBilled, "plain"}}

func showReport(q *request) (answer, error) {
	if err := q.wrongReport(); err != nil {
		return answer{}, err
	}
	if q.wantsJSON() {
		customer := q.URL.Query().Get("customer")
		return q.readAs(func(ctx context.Context) (any, error) {
			r, _, err := q.app.Reconcile(ctx, customer, quietly)
			return r, err
		})
	}
	query := q.URL.Query()
	v := reportView{Sizes: reportSizes, Filter: reportFilter{query.Get("name"), query.Get("product"), query.Get("status"), query.Get("size"), query.Get("of")}}
	least, err := decimal.NewFromString(cmp.Or(v.Filter.Size, "0"))
	if err != nil {
		return answer{}, fail(http.StatusUnprocessableEntity, "%q is no amount of money; write it as 100.00", v.Filter.Size)
	}
	for _, s := range reportStatuses {
		v.Statuses = append(v.Statuses, s.status)
	}
	if text := query.Get("customer"); text != "" { // a program's word for one of them
		if v.Filter.Name, err = q.app.Remembered(q.Context(), text); err != nil {
			return answer{}, err
		}
	}
	licences, sub, err := billShown(q, v.Filter.Of)
	if err != nil {
		return answer{}, err
	}
	v.Reading = newReadingView(q, "/report")
	lines := v.Filter.through(licences.Lines, least)
	first, last, pager := paged(q.Request, len(lines), reportLinesShown)
	v.Pager = pager
	for _, l := range lines[first:last] {
		v.Lines = append(v.Lines, newReportLine(l))
	}
	totals := report.TotalsOf(lines)
	v.Totals = reportTotals(totals, v.Filter)
	a := answer{page: "report", title: "Report", data: v, headline: reportHeadline(licences), sub: sub, trouble: v.Reading.trouble(),
		commands: []string{"syncd report licences", "syncd report licences --format xlsx --out licences.xlsx", "syncd explain CUSTOMER SKU"}}
	a.strip = reportStrip(totals)
	return a, nil
}

// wrongReport refuses a choice that there is none of.
func (q *request) wrongReport() error {
	var statuses []string
	for _, s := range reportStatuses {
		statuses = append(statuses, string(s.status))
	}
	if d, err := decimal.NewFromString(cmp.Or(q.URL.Query().Get("size"), "0")); err != nil || d.IsNegative() {
		return fail(http.StatusUnprocessableEntity, "%q is no amount of money; write it as 100.00", q.URL.Query().Get("size"))
	}
	return cmp.Or(q.wrongChoice("status", statuses...), q.wrongChoice("of", readingAnew))
}

// quietly is the progress of what nobody watches.
func quietly(int, int, string) {}

// billShown is the reconciliation that is asked for, and a sentence of when it is.
func billShown(q *request, of string) (*report.Licences, string, error) {
	now, zone := q.app.Now(), q.app.Location
	if r := q.app.Reading(); of == readingAnew && r != nil && r.Licences != nil {
		return r.Licences, "Read from CIPP and the bill anew, as of " + whenZone(r.Licences.Generated, now, zone) + ".", nil
	}
	s, err := q.bill.state.get(q.Context(), "")
	if err != nil {
		return nil, "", err
	}
	return s.Licences, "From the ledger, " + lookedAt(s, now, zone) + " Licences without a rule are known only where everything is read anew.", nil
}

// lookedAt says when runs found what the state knows.
func lookedAt(s *app.BillState, now time.Time, zone *time.Location) string {
	switch {
	case s.To.IsZero():
		return "which is empty: nothing was applied yet."
	case s.To.Sub(s.From) < time.Minute:
		return "as the last run found it " + whenZone(s.To, now, zone) + "."
	}
	return "as runs last found it, each customer between " + when(s.From, now, zone) + " and " + whenZone(s.To, now, zone) + "."
}

// through are the lines that a filter lets through, at least so much money each.
func (f *reportFilter) through(lines []report.Licence, least decimal.Decimal) []report.Licence {
	name, product := fold(strings.TrimSpace(f.Name)), fold(strings.TrimSpace(f.Product))
	var out []report.Licence
	for _, l := range lines {
		if f.Status != "" && string(l.Status) != f.Status || least.IsPositive() && (l.MonthlyDifference == nil || l.MonthlyDifference.Abs().LessThan(least)) ||
			name != "" && !strings.Contains(fold(l.Customer), name) && l.CustomerKey != strings.TrimSpace(f.Name) ||
			product != "" && !strings.Contains(fold(l.Licence), product) && !strings.Contains(fold(l.Product), product) {
			continue
		}
		out = append(out, l)
	}
	return out
}

// at is the address of the lines with a status.
func (f reportFilter) at(status report.Status) string {
	query := url.Values{}
	for name, value := range map[string]string{"name": f.Name, "product": f.Product, "status": string(status), "size": f.Size, "of": f.Of} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return "/report?" + query.Encode()
}

func newReportLine(l report.Licence) reportLine {
	line := reportLine{Licence: l, Stands: tag{l.Status.Text(), "plain"}}
	for _, s := range reportStatuses {
		if s.status == l.Status {
			line.Stands.Tone = s.tone
		}
	}
	if short := clipped(l.Note, longNote); short != clipped(l.Note, maxText) {
		line.Short = short
	}
	product := l.Product
	if product == "" && len(l.SKUs) > 0 {
		product = l.SKUs[0]
	}
	if product != "" {
		line.Way = address("customers", l.CustomerKey, "explain", product)
	}
	return line
}

// byLines are the currencies, that of most lines first.
func byLines(totals map[string]*report.Totals) []string {
	lines := func(t *report.Totals) int {
		return t.Unbilled.Lines + t.UnderBilled.Lines + t.OverBilled.Lines + t.Held.Lines + t.Unassigned.Lines
	}
	currencies := slices.Sorted(maps.Keys(totals))
	slices.SortStableFunc(currencies, func(a, b string) int { return lines(totals[b]) - lines(totals[a]) })
	return currencies
}

func reportTotals(totals map[string]*report.Totals, f reportFilter) []reportTotal {
	var out []reportTotal
	for _, currency := range byLines(totals) {
		t := totals[currency]
		x := reportTotal{Currency: currency}
		for _, kind := range []struct {
			status report.Status
			total  report.Total
		}{{report.Unbilled, t.Unbilled}, {report.UnderBilled, t.UnderBilled}, {report.OverBilled, t.OverBilled}, {report.NeedsDecision, t.Held}, {report.Unmapped, t.Unmapped}, {"", t.Unassigned}} {
			one := totalOf{Total: kind.total, Known: kind.total.Lines > kind.total.Unpriced}
			if kind.status != "" && kind.total.Lines > 0 {
				one.Show = f.at(kind.status)
			}
			x.Kinds = append(x.Kinds, one)
		}
		out = append(out, x)
	}
	return out
}

// reportHeadline says whether what is billed is what is due.
func reportHeadline(r *report.Licences) string {
	if len(r.Lines) == 0 {
		return "Nothing is known yet of what is billed"
	}
	little, much, held := 0, 0, 0
	for _, t := range r.Totals {
		little += t.Unbilled.Lines + t.UnderBilled.Lines
		much += t.OverBilled.Lines
		held += t.Held.Lines
	}
	bills := func(n int, how string) string {
		if n == 1 {
			return spelled(n, "line") + " bills too " + how
		}
		return spelled(n, "line") + " bill too " + how
	}
	switch {
	case little > 0 && much > 0:
		return bills(little, "little") + ", " + strings.ToLower(spelled(much, "line")) + " too much"
	case little > 0:
		return bills(little, "little")
	case much > 0:
		return bills(much, "much")
	case held > 0:
		return spelled(held, "line") + " must be decided; the others bill what is due"
	}
	return "What is billed is what is due"
}

// reportStrip is what the lines come to, the currency of most of them first.
func reportStrip(totals map[string]*report.Totals) []figure {
	var strip []figure
	held := 0
	for _, currency := range byLines(totals) {
		t := totals[currency]
		little := report.Total{Lines: t.Unbilled.Lines + t.UnderBilled.Lines, Money: t.Unbilled.Money.Add(t.UnderBilled.Money), Unpriced: t.Unbilled.Unpriced + t.UnderBilled.Unpriced}
		for _, kind := range []struct {
			report.Total
			what string
		}{{little, "billed too little"}, {t.OverBilled, "billed too much"}, {t.Unassigned, "bought and used by nobody"}} {
			if kind.Lines > 0 {
				strip = append(strip, moneyFigure(kind.Total, currency, kind.what))
			}
		}
		held += t.Held.Lines
	}
	strip = strip[:min(3, len(strip))]
	if held > 0 {
		strip = append(strip, figure{quantity(held), "need a decision, or were not read"})
	}
	return strip
}

func moneyFigure(t report.Total, currency, what string) figure {
	f := figure{amount(t.Money), currency + " a month " + what + " · " + plural(t.Lines, "line")}
	switch {
	case t.Lines > 0 && t.Unpriced == t.Lines:
		f.Value = "–"
		fallthrough
	case t.Unpriced > 0:
		f.Unit += ", " + plural(t.Unpriced, "price") + " unknown"
	}
	return f
}

// sendReport sends the reconciliation as syncd report licences writes it.
func sendReport(q *request) (answer, error) {
	of := q.URL.Query().Get("of")
	if r := q.app.Reading(); of == readingAnew && (r == nil || r.Licences == nil) {
		return answer{}, fail(http.StatusNotFound, "nothing was read anew since syncd started; ask for it on /report")
	}
	licences, _, err := billShown(q, of)
	if err != nil {
		return answer{}, err
	}
	sheet := licences.Sheet()
	return sheetFile(q, "licences", licences.Generated, &sheet, &sheet)
}

// sheetFile is a report as CSV or as a spreadsheet, whichever is asked for.
func sheetFile(q *request, name string, made time.Time, sheet, plain *report.Sheet) (answer, error) {
	var body bytes.Buffer
	var err error
	kind, format := packTypes["xlsx"].kind, q.URL.Query().Get("format")
	switch format {
	case "csv":
		kind, err = "text/csv; charset=utf-8", plain.CSV(&body)
	case "xlsx":
		err = sheet.XLSX(&body)
	default:
		return answer{}, fail(http.StatusUnprocessableEntity, "%q is no format; ask for csv or xlsx", format)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{file: func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+"-"+made.In(q.app.Location).Format(time.DateOnly)+"."+format+`"`)
		_, err := body.WriteTo(w)
		return err
	}}, nil
}

// A readingView is the reading of everything that somebody asked for.
type readingView struct {
	*app.BillReading        // nil where nobody did
	Back             string // the page that is shown once it is done
	UnderWay         bool
	Text             string // how far it is, or when it was made
}

func newReadingView(q *request, back string) readingView {
	v := readingView{BillReading: q.app.Reading(), Back: back}
	switch r := v.BillReading; {
	case r == nil:
	case r.Ended.IsZero():
		v.UnderWay, v.Text = true, readingText(r)
	case r.Licences != nil:
		v.Text = "Everything was read anew as of " + whenZone(r.Licences.Generated, q.app.Now(), q.app.Location) + "."
	}
	return v
}

// trouble is what of a reading did not succeed.
func (v *readingView) trouble() []trouble {
	switch r := v.BillReading; {
	case r == nil || v.UnderWay:
	case r.Err != nil:
		return []trouble{{What: "Reading everything anew failed.", Do: sentence(r.Err.Error())}}
	case !r.Whole:
		return []trouble{{What: "Some of it could not be read anew.", Do: "Its lines say why; nothing is known of them."}}
	}
	return nil
}

func readingText(r *app.BillReading) string {
	if r.Total == 0 {
		return "Reading everything anew: asking who there is."
	}
	return fmt.Sprintf("Reading everything anew: %d of %s.", r.Done, plural(r.Total, "customer"))
}

// readBill starts a reading.
func readBill(q *request) (answer, error) {
	back := "/report"
	if q.fields.Get("back") == "/report/renewals" {
		back = "/report/renewals"
	}
	if err := q.app.ReadBill(q.person.Operator); err != nil {
		return answer{}, err
	}
	return answer{to: back + "?of=" + readingAnew, said: "CIPP and the bill are being read. Nothing is written.", json: struct {
		Reading bool `json:"reading"`
	}{true}}, nil
}

// followReading streams how far a reading is, as server-sent events, until it has ended.
func followReading(q *request) (answer, error) {
	return answer{file: func(w http.ResponseWriter) error {
		takesLong(w)
		w.Header().Set("Content-Type", "text/event-stream")
		out := http.NewResponseController(w)
		tick := time.NewTicker(followEvery)
		defer tick.Stop()
		for {
			event, text, r := "ended", "", q.app.Reading()
			if r != nil && r.Ended.IsZero() {
				event, text = "progress", readingText(r)
			}
			data, err := json.Marshal(map[string]string{"text": text})
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data); err != nil {
				return err
			}
			if err := out.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) || event == "ended" {
				return err
			}
			select {
			case <-q.Context().Done():
				return nil
			case <-tick.C:
			}
		}
	}}, nil
}
