package pages

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/report"
)

// monthPage is what a month comes to, and what stands between here and closing it.
var monthPage = page{name: "Month", path: "/months", routes: []route{
	{pattern: "GET /months", role: app.RoleViewer, handle: openMonth},
	{pattern: "GET /months/{month}", role: app.RoleViewer, handle: showMonth},
	{pattern: "GET /months/{month}/pack", role: app.RoleViewer, handle: sendPack},
	{pattern: "POST /months/{month}/close", role: app.RoleApprover, handle: closeMonth},
	{pattern: "POST /months/{month}/reopen", role: app.RoleApprover, handle: reopenMonth},
}}

// How many customers and obstacles the page of a month shows.
const (
	monthCustomersShown = 50
	obstaclesShown      = 25
)

// A monthView is what the page of a month shows.
type monthView struct {
	*app.MonthState
	InTheWay  []app.Obstacle
	More      int // obstacles that are not shown
	Over      bool
	Customers []monthLine
	Pager     pager
	Filter    monthFilter
	Charts    []chart
	Before    string // the months beside it; empty where there is none
	After     string
	Close     *asking
	Reopen    *asking
}

// A monthLine is a customer in one currency.
type monthLine struct {
	report.MonthCustomer
	Tags []tag
	size decimal.Decimal // money that is amiss, by which lines are sorted
}

// A monthFilter is which customers are shown.
type monthFilter struct{ Name, Show string }

func openMonth(q *request) (answer, error) {
	month, err := q.app.OpenMonth(q.Context())
	if err != nil {
		return answer{}, err
	}
	if q.wantsJSON() {
		return monthJSON(q, month)
	}
	return answer{to: address("months", month)}, nil
}

// monthJSON is the month as report month --format json prints it, its invoices read anew.
func monthJSON(q *request, month string) (answer, error) {
	return q.readAs(func(ctx context.Context) (any, error) {
		months, err := q.app.Month(ctx, month, "")
		if err != nil {
			return nil, err
		}
		return months.Whole(), nil
	})
}

func showMonth(q *request) (answer, error) {
	month := q.PathValue("month")
	if q.wantsJSON() {
		return monthJSON(q, month)
	}
	m, err := q.months.get(q.Context(), month)
	if err != nil {
		return answer{}, err
	}
	now := q.app.Now()
	v := monthView{MonthState: m, Over: !now.Before(m.To), InTheWay: m.Obstacles[:min(len(m.Obstacles), obstaclesShown)], Before: m.From.AddDate(0, -1, 0).Format("2006-01")}
	v.More = len(m.Obstacles) - len(v.InTheWay)
	if next := m.To; !next.After(now) {
		v.After = next.Format("2006-01")
	}
	v.Filter = monthFilter{q.URL.Query().Get("name"), q.URL.Query().Get("show")}
	lines := monthLines(m, v.Filter)
	first, last, pager := paged(q.Request, len(lines), monthCustomersShown)
	v.Customers, v.Pager = lines[first:last], pager
	v.Charts = leakCharts(m.Former)
	reason := []field{{Name: "reason", Label: "Why (for the journal)", Required: true}}
	switch {
	case m.Closed != nil:
		v.Reopen = &asking{Button: "Open it again", Do: "Open " + m.From.Format("January") + " again", To: address("months", month, "reopen"), Fields: reason, Quiet: true}
	case v.Over && len(m.Obstacles) == 0:
		reason[0].Required, reason[0].Label = false, "A word for the journal"
		v.Close = &asking{Button: "Close " + m.From.Format("January"), Do: "Close it", To: address("months", month, "close"), Fields: reason}
	}
	a := answer{page: "month", title: month, headline: m.From.Format("January 2006"), data: v, strip: monthStrip(m),
		commands: []string{"syncd report month --month " + month, "syncd report month --month " + month + " --close", "syncd report leakage"}}
	a.sub = monthSub(m, v.Over, now, q.app.Location)
	return a, nil
}

// monthSub says where the month stands.
func monthSub(m *app.MonthState, over bool, now time.Time, zone *time.Location) string {
	if m.Closed != nil {
		return "Closed by " + m.Closed.By + " on " + whenZone(m.Closed.At, now, zone) + ". It is shown as it was then, whatever comes after."
	}
	stopped := map[string]bool{}
	for i := range m.Obstacles {
		stopped[m.Obstacles[i].Customer.Key] = true
	}
	customers, closable, waiting := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range m.All.Customers {
		c := &m.All.Customers[i]
		key := c.Customer.Key
		customers[key] = true
		closable[key] = true
		if stopped[key] || stopped[""] { // without a key it is everybody's
			delete(closable, key)
		}
		if c.Holds > 0 || c.Gaps > 0 {
			waiting[key] = true
		}
	}
	text := fmt.Sprintf("Open, as of %s. %d of %s can be closed.", whenZone(m.AsOf, now, zone), len(closable), plural(len(customers), "customer"))
	if n := len(waiting); n > 0 {
		text += " Of " + plural(n, "customer") + " a plan waits, or part of the month is unknown; closing leaves that as it is."
	}
	switch {
	case !over:
		text += " The month is not over before " + m.To.Format("2 January") + "."
	case len(m.Obstacles) == 0:
		text += " Nothing stands between here and a closed month."
	default:
		text += " " + spelled(len(m.Obstacles), "thing") + " to go before it can be closed."
	}
	return text
}

// monthStrip is what the month comes to, in the currency of most lines.
func monthStrip(m *app.MonthState) []figure {
	var totals []report.MonthTotal
	totals = append(totals, m.All.Totals...)
	slices.SortStableFunc(totals, func(a, b report.MonthTotal) int { return b.Lines - a.Lines })
	var strip []figure
	for i := range totals[:min(2, len(totals))] {
		t := &totals[i]
		if t.Money == nil {
			strip = append(strip, figure{"unknown", t.Currency + " billed for a month"})
			continue
		}
		unit := t.Currency + " billed for a month"
		if t.Unknown > 0 {
			unit += ", without " + plural(t.Unknown, "line") + " of unknown price"
		}
		strip = append(strip, figure{amount(*t.Money), unit})
	}
	last := m.Former[len(m.Former)-1]
	for _, kind := range []struct {
		sums app.Sums
		word string
	}{{last.Unbilled, "billed too little"}, {last.Over, "billed too much"}} {
		for _, currency := range slices.Sorted(maps.Keys(kind.sums)) {
			strip = append(strip, figure{amount(kind.sums[currency]), currency + " a month " + kind.word})
		}
	}
	return strip[:min(4, len(strip))]
}

// monthLines are the customers that a filter lets through: what is amiss first, then the
// most money.
func monthLines(m *app.MonthState, f monthFilter) []monthLine {
	obstacles := map[string]int{}
	for i := range m.Obstacles {
		obstacles[m.Obstacles[i].Customer.Key]++
	}
	type of struct{ customer, currency string }
	type amiss struct{ unbilled, over decimal.Decimal }
	leaks := map[of]*amiss{}
	for i := range m.Leaks {
		l := &m.Leaks[i]
		k := of{l.CustomerKey, l.Currency}
		if l.Money == nil {
			continue
		}
		if leaks[k] == nil {
			leaks[k] = &amiss{}
		}
		switch l.Kind {
		case "unbilled", "under_billed":
			leaks[k].unbilled = leaks[k].unbilled.Add(*l.Money)
		case "over_billed":
			leaks[k].over = leaks[k].over.Add(*l.Money)
		}
	}
	var lines []monthLine
	for _, c := range m.All.Customers {
		line := monthLine{MonthCustomer: c}
		if n := obstacles[c.Customer.Key]; n > 0 {
			line.Tags = append(line.Tags, tag{spelled(n, "thing") + " to go", "trouble"})
		}
		if x := leaks[of{c.Customer.Key, c.Currency}]; x != nil {
			line.size = x.unbilled.Add(x.over)
			if x.unbilled.IsPositive() {
				line.Tags = append(line.Tags, tag{"too little " + amount(x.unbilled), "attention"})
			}
			if x.over.IsPositive() {
				line.Tags = append(line.Tags, tag{"too much " + amount(x.over), "attention"})
			}
		}
		if c.Holds > 0 {
			line.Tags = append(line.Tags, tag{"a plan waits", "attention"})
		}
		if d, ok := number(c.Difference); ok && m.Closed != nil && !d.IsZero() {
			line.Tags = append(line.Tags, tag{"invoice differs from lines", "trouble"})
		}
		if c.Gaps > 0 {
			line.Tags = append(line.Tags, tag{plural(c.Gaps, "gap"), "plain"})
		}
		if len(line.Tags) == 0 {
			line.Tags = []tag{{"ready", "good"}}
		}
		if strings.Contains(fold(c.Customer.Name), fold(f.Name)) && (f.Show == "" || line.Tags[0].Text != "ready") {
			lines = append(lines, line)
		}
	}
	money := func(l *monthLine) decimal.Decimal { d, _ := number(l.Money); return d }
	slices.SortStableFunc(lines, func(a, b monthLine) int {
		return cmp.Or(b.size.Cmp(a.size), money(&b).Cmp(money(&a)), strings.Compare(fold(a.Customer.Name), fold(b.Customer.Name)))
	})
	return lines
}

// leakCharts draw what the months lost, a chart a currency.
func leakCharts(months []app.MonthLeaks) []chart {
	currencies := map[string]bool{}
	for _, m := range months {
		for currency := range m.Unbilled {
			currencies[currency] = true
		}
	}
	var charts []chart
	for _, currency := range slices.Sorted(maps.Keys(currencies)) {
		c := chart{Title: "Billed too little by month, " + currency}
		for _, m := range months {
			begins, _ := time.Parse("2006-01", m.Month) // it is one of ours
			c.Bars = append(c.Bars, bar{Label: begins.Format("Jan"), Money: m.Unbilled[currency], Gap: !m.Recorded})
		}
		charts = append(charts, c)
	}
	return charts
}

// packTypes are the formats of a pack with their types and endings.
var packTypes = map[string]struct{ kind, ending string }{
	"xlsx": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"},
	"html": {"text/html; charset=utf-8", ".html"},
	"json": {"application/json", ".json"},
}

// sendPack sends the evidence of a customer, or of all, as a file. Invoices are read for it.
func sendPack(q *request) (answer, error) {
	format := cmp.Or(q.URL.Query().Get("format"), "xlsx")
	as, ok := packTypes[format]
	if !ok {
		return answer{}, fail(http.StatusUnprocessableEntity, "%q is no format; ask for xlsx, html or json", format)
	}
	read, err := q.readOnce("pack "+q.PathValue("month")+" "+q.URL.Query().Get("customer"), func(ctx context.Context) (any, error) {
		return q.app.Month(ctx, q.PathValue("month"), q.URL.Query().Get("customer"))
	})
	if err != nil {
		return answer{}, err
	}
	months := read.(*app.Months)
	pack := months.MSP
	if q.URL.Query().Get("customer") != "" {
		if len(months.Packs) != 1 {
			return answer{}, fail(http.StatusNotFound, "there is no pack of this customer in %s", q.PathValue("month"))
		}
		pack = months.Packs[0]
	}
	body, err := pack.Render(format)
	if err != nil {
		return answer{}, err
	}
	return answer{file: func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", as.kind)
		w.Header().Set("Content-Disposition", `attachment; filename="`+pack.FileName()+as.ending+`"`)
		_, err := bytes.NewReader(body).WriteTo(w)
		return err
	}}, nil
}

func closeMonth(q *request) (answer, error) {
	month := q.PathValue("month")
	months, err := q.app.CloseMonth(q.Context(), q.person.Operator, month, strings.TrimSpace(q.fields.Get("reason")))
	if already, is := errors.AsType[*app.AlreadyClosedError](err); is && already.By == q.person.Name { // pressed twice
		if months, err = q.app.Month(q.Context(), month, ""); err != nil {
			return answer{}, err
		}
	} else if err != nil {
		return answer{}, err
	}
	return answer{to: address("months", month), said: month + " is closed: " + app.Count(len(months.Packs), "pack") + " kept as they are now.", json: months.Whole()}, nil
}

func reopenMonth(q *request) (answer, error) {
	month, reason := q.PathValue("month"), strings.TrimSpace(q.fields.Get("reason"))
	if reason == "" {
		return answer{}, fail(http.StatusUnprocessableEntity, "say why %s is opened again: the journal keeps it", month)
	}
	if err := q.app.ReopenMonth(q.Context(), q.person.Operator, month, reason); err != nil {
		return answer{}, err
	}
	return answer{to: address("months", month), said: month + " is open again.", json: struct {
		Month  string `json:"month"`
		Closed bool   `json:"closed"`
	}{Month: month}}, nil
}
