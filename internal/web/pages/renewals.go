package pages

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/report"
)

// A renewalsView is what the page of renewals shows.
type renewalsView struct {
	Charts  []chart
	Months  []renewalMonth
	Lines   []report.Renewal
	Pager   pager
	Unread  []report.Unread // at most obstaclesShown
	More    int             // that are not shown
	Filter  renewalFilter
	Days    int
	Of      string
	Reading readingView
}

// A renewalMonth is what ends in a month in a currency. Its month is empty where nobody
// knows when.
type renewalMonth struct {
	Month, Currency string
	Lines, Units    int
	Unassigned      int
	Unsure          int // lines of which nobody knows how many are unassigned
	Money           decimal.Decimal
	Unpriced        int
}

// A renewalFilter is which renewals are shown.
type renewalFilter struct{ Name, Show string }

// showRenewals shows what can be reduced until when.
func showRenewals(q *request) (answer, error) {
	query := q.URL.Query()
	if q.wantsJSON() {
		asked := app.RenewalsAsked{Customer: query.Get("customer"), Days: 90, All: query.Get("all") == "true"}
		if days := query.Get("days"); days != "" {
			var err error
			if asked.Days, err = strconv.Atoi(days); err != nil {
				return answer{}, fail(http.StatusUnprocessableEntity, "%q is no number of days", days)
			}
		}
		return q.readAs(func(ctx context.Context) (any, error) {
			r, _, err := q.app.Renewals(ctx, asked, quietly)
			return r, err
		})
	}
	v := renewalsView{Filter: renewalFilter{query.Get("name"), query.Get("show")}, Of: query.Get("of"), Reading: newReadingView(q, "/report/renewals")}
	r, sub, err := renewalsShown(q, v.Of)
	if err != nil {
		return answer{}, err
	}
	if query.Get("format") != "" {
		sheet, plain := r.Sheet(), r.Plain()
		return sheetFile(q, "renewals", r.Generated, &sheet, &plain)
	}
	lines := v.Filter.through(r.Lines)
	first, last, pager := paged(q.Request, len(lines), reportLinesShown)
	v.Days, v.Lines, v.Pager, v.Months = r.Days, lines[first:last], pager, renewalMonths(lines)
	if now := q.app.Now().In(q.app.Location); len(lines) > 0 {
		v.Charts = renewalCharts(v.Months, now, now.AddDate(0, 0, r.Days))
	}
	v.Unread = r.Unread[:min(len(r.Unread), obstaclesShown)]
	v.More = len(r.Unread) - len(v.Unread)
	a := answer{page: "renewals", title: "Renewals", data: v, sub: sub, trouble: v.Reading.trouble(), commands: []string{"syncd report renewals", "syncd terms export terms.csv"}}
	a.headline, a.strip = renewalsTold(lines, v.Days)
	return a, nil
}

// renewalsShown are the renewals that are asked for, and a sentence of when they are.
func renewalsShown(q *request, of string) (*report.Renewals, string, error) {
	now, zone := q.app.Now(), q.app.Location
	if r := q.app.Reading(); of == readingAnew && r != nil && r.Renewals != nil {
		return r.Renewals, "Read from CIPP and the bill anew, as of " + whenZone(r.Renewals.Generated, now, zone) + ".", nil
	}
	s, err := q.bill.state.get(q.Context(), "")
	if err != nil {
		return nil, "", err
	}
	return s.Renewals, "From the ledger, " + lookedAt(s, now, zone) + " What is known to be monthly is left out.", nil
}

// through are the lines that a filter lets through: what ends first, then the most money.
func (f *renewalFilter) through(lines []report.Renewal) []report.Renewal {
	name := fold(strings.TrimSpace(f.Name))
	var out []report.Renewal
	for _, l := range lines {
		if f.Show == "spare" && (l.Unassigned == nil || *l.Unassigned == 0) || f.Show == "unknown" && l.Ends != "" ||
			name != "" && !strings.Contains(fold(l.Customer), name) && l.CustomerKey != strings.TrimSpace(f.Name) {
			continue
		}
		out = append(out, l)
	}
	money := func(l *report.Renewal) decimal.Decimal { d, _ := number(l.Money); return d }
	slices.SortStableFunc(out, func(a, b report.Renewal) int {
		return cmp.Or(cmp.Compare(cmp.Or(a.Ends, "9"), cmp.Or(b.Ends, "9")), money(&b).Cmp(money(&a)))
	})
	return out
}

// renewalMonths add up lines that are sorted by their end.
func renewalMonths(lines []report.Renewal) []renewalMonth {
	var months []renewalMonth
	for i := range lines {
		l := &lines[i]
		month := l.Ends[:min(len("2006-01"), len(l.Ends))]
		at := slices.IndexFunc(months, func(m renewalMonth) bool { return m.Month == month && m.Currency == l.Currency })
		if at < 0 {
			at = len(months)
			months = append(months, renewalMonth{Month: month, Currency: l.Currency})
		}
		m := &months[at]
		m.Lines++
		m.Units += l.Units
		if l.Unassigned == nil {
			m.Unsure++
		} else {
			m.Unassigned += *l.Unassigned
		}
		if l.Money == nil {
			m.Unpriced++
			continue
		}
		m.Money = m.Money.Add(*l.Money)
	}
	return months
}

// Known reports whether the money of any line is.
func (m renewalMonth) Known() bool { return m.Lines > m.Unpriced }

// Name is the month as people read it.
func (m renewalMonth) Name() string {
	begins, err := time.Parse("2006-01", m.Month)
	if err != nil {
		return "not known"
	}
	return begins.Format("January 2006")
}

// renewalCharts draw what ends from this month on: its units, and its money in each currency
// of which any is known.
func renewalCharts(months []renewalMonth, from, to time.Time) []chart {
	const csv = "/report/renewals?format=csv"
	units := chart{Title: "Units whose term ends, by month", Units: true, CSV: csv}
	money, known := map[string]*chart{}, map[string]bool{}
	for _, m := range months {
		money[m.Currency] = &chart{Title: "Money a term that ends, by month, " + m.Currency, CSV: csv}
		known[m.Currency] = known[m.Currency] || m.Month != "" && m.Known()
	}
	for at := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, from.Location()); !at.After(to); at = at.AddDate(0, 1, 0) {
		bars, sum := map[string]bar{}, 0
		for _, m := range months {
			if m.Month == at.Format("2006-01") {
				bars[m.Currency] = bar{Money: m.Money, Gap: !m.Known()}
				sum += m.Units
			}
		}
		label := at.Format("Jan 2006")
		units.Bars = append(units.Bars, bar{Label: label, Money: decimal.NewFromInt(int64(sum))})
		for currency, c := range money {
			one := bars[currency]
			one.Label = label
			c.Bars = append(c.Bars, one)
		}
	}
	charts := []chart{units}
	for _, currency := range slices.Sorted(maps.Keys(money)) {
		if known[currency] {
			charts = append(charts, *money[currency])
		}
	}
	return charts
}

// renewalsTold is the headline, and the numbers below it.
func renewalsTold(lines []report.Renewal, days int) (headline string, strip []figure) {
	spare, units, known := 0, 0, 0
	sums, next := app.Sums{}, ""
	for i := range lines {
		l := &lines[i]
		units += l.Units
		if l.Unassigned != nil {
			spare += *l.Unassigned
			if *l.Unassigned > 0 && l.Ends != "" && (next == "" || l.Ends < next) {
				next = l.Ends
			}
		}
		if l.Money != nil {
			sums.Add(l.Currency, *l.Money)
			known++
		}
	}
	if len(lines) == 0 {
		return "No term ends within " + strconv.Itoa(days) + " days", nil
	}
	verb := " end"
	if len(lines) == 1 {
		verb = " ends"
	}
	headline = spelled(len(lines), "term") + verb + " within " + strconv.Itoa(days) + " days"
	if spare > 0 {
		headline += ", with " + plural(spare, "unit") + " that nobody uses"
	}
	for _, currency := range slices.Sorted(maps.Keys(sums))[:min(2, len(sums))] {
		unit := currency + " a term"
		if known < len(lines) {
			unit += ", as far as it is known"
		}
		strip = append(strip, figure{amount(sums[currency]), unit})
	}
	strip = append(strip, figure{quantity(spare) + " of " + quantity(units), "units that nobody holds"})
	if day, err := time.Parse(time.DateOnly, next); err == nil {
		strip = append(strip, figure{day.Format("2 Jan 2006"), "the first day to reduce by with units to spare"})
	}
	return headline, strip
}
