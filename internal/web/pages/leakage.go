package pages

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/report"
)

// A leakageView is what the page of leakage shows.
type leakageView struct {
	Charts  []chart
	Kinds   []leakKind
	Months  []leakMonth // the newest first
	Month   string      // whose customers are shown
	Lasts   bool        // whether that month does
	Lines   []leakLine
	Pager   pager
	Name    string
	Missing []string // months of which nothing is recorded
}

// A leakKind is a kind of leak with its words.
type leakKind struct{ Kind, Text string }

// leakKinds are those that the ledger knows, in columns.
var leakKinds = []leakKind{{"unbilled", "Unbilled"}, {"under_billed", "Under-billed"}, {"over_billed", "Over-billed"}, {"held", "Held"}, {"unassigned", "Unassigned"}}

// A leakMonth is what a month lost in a currency.
type leakMonth struct {
	Month, Currency string
	Recorded        bool
	Kinds           []totalOf // in the order of leakKinds
}

// A leaksKept is a report with its sums and its lines by month.
type leaksKept struct {
	*report.Leakage
	sums  []leakMonth
	lines map[string][]report.Leak
}

func keepLeaks(ctx context.Context, running *app.Running, last string) (*leaksKept, error) {
	r, err := running.RecordedLeaks(ctx, last)
	if err != nil {
		return nil, err
	}
	k := &leaksKept{Leakage: r, sums: leakMonths(r, running.Config.Currency), lines: map[string][]report.Leak{}}
	for _, l := range r.Lines {
		k.lines[l.Month] = append(k.lines[l.Month], l)
	}
	return k, nil
}

// A leakLine is what a customer lost in a currency.
type leakLine struct {
	Key, Name, Currency string
	Kinds               []totalOf
	size                decimal.Decimal // of what is not billed as it is due
	idle                decimal.Decimal
}

// showLeakage shows the money that is lost by month, and who loses it.
func showLeakage(q *request) (answer, error) {
	query := q.URL.Query()
	if q.wantsJSON() {
		return q.readAs(func(ctx context.Context) (any, error) {
			r, _, err := q.app.Leakage(ctx, query.Get("from"), query.Get("to"), query.Get("customer"), quietly)
			return r, err
		})
	}
	now := q.app.Now().In(q.app.Location).Format("2006-01")
	kept, err := q.bill.leaks.get(q.Context(), now)
	if err != nil {
		return answer{}, err
	}
	r := kept.Leakage
	v := leakageView{Kinds: leakKinds, Month: cmp.Or(query.Get("month"), now), Name: query.Get("name")}
	if v.Month < r.From || v.Month > r.To || len(v.Month) != len(now) {
		return answer{}, fail(http.StatusUnprocessableEntity, "%q is none of the months from %s to %s", v.Month, r.From, r.To)
	}
	if query.Get("format") != "" {
		if query.Get("month") != "" {
			only := report.NewLeakage(v.Month, v.Month)
			only.Lines = slices.Clone(kept.lines[v.Month])
			only.Finish()
			r = only
		}
		sheet, plain := r.Sheet(), r.Plain()
		return sheetFile(q, "leakage", q.app.Now(), &sheet, &plain)
	}
	v.Lasts, v.Missing = v.Month == now, r.Unrecorded
	v.Charts = leakageCharts(kept.sums)
	for _, m := range kept.sums { // of those of which nothing is recorded one word is enough
		if m.Recorded {
			v.Months = append(v.Months, m)
		}
	}
	lines := leakLines(kept.lines[v.Month], v.Name, q.app.Config.Currency)
	first, last, pager := paged(q.Request, len(lines), reportLinesShown)
	v.Lines, v.Pager = lines[first:last], pager
	a := answer{page: "leakage", title: "Leakage", data: v, commands: []string{"syncd report leakage --from " + r.From + " --to " + r.To, "syncd report leakage --format csv"}}
	a.headline, a.strip = leakageTold(kept.sums, v.Month, !slices.Contains(r.Unrecorded, v.Month))
	a.sub = "From the ledger: what each month ended with, and what this one comes to so far. A quantity that was put right before its invoice is no loss."
	return a, nil
}

func (t *totalOf) add(l *report.Leak) {
	t.Lines++
	if l.Units != nil {
		t.Units = t.Units.Add(*l.Units)
	}
	if l.Money == nil {
		t.Unpriced++
		return
	}
	t.Money, t.Known = t.Money.Add(*l.Money), true
}

// rank is the column of a kind, or -1.
func rank(kind string) int {
	return slices.IndexFunc(leakKinds, func(k leakKind) bool { return k.Kind == kind })
}

// leakMonths add up a report by month and currency, the newest first. What is not known has no
// currency, and stands at the standard one.
func leakMonths(r *report.Leakage, standard string) []leakMonth {
	type of struct{ month, currency string }
	sums := map[of]*leakMonth{}
	currencies := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Totals)), func(c string) bool { return c == "" })
	if r.Totals[""] != nil && !slices.Contains(currencies, standard) {
		currencies = append(currencies, standard)
	}
	var months []leakMonth
	for last, _ := time.Parse("2006-01", r.To); last.Format("2006-01") >= r.From; last = last.AddDate(0, -1, 0) {
		month := last.Format("2006-01")
		for _, currency := range currencies {
			months = append(months, leakMonth{Month: month, Currency: currency, Recorded: !slices.Contains(r.Unrecorded, month), Kinds: make([]totalOf, len(leakKinds))})
		}
	}
	for i := range months {
		sums[of{months[i].Month, months[i].Currency}] = &months[i]
	}
	for i := range r.Lines {
		l := &r.Lines[i]
		if m, k := sums[of{l.Month, cmp.Or(l.Currency, standard)}], rank(l.Kind); m != nil && k >= 0 {
			m.Kinds[k].add(l)
		}
	}
	return months
}

// leakLines are the customers of some leaks of a month: the most money first, and
// what nobody uses after what is not billed.
func leakLines(leaks []report.Leak, name, standard string) []leakLine {
	type of struct{ customer, currency string }
	sums := map[of]*leakLine{}
	var lines []*leakLine
	name = fold(strings.TrimSpace(name))
	for i := range leaks {
		l := &leaks[i]
		k := rank(l.Kind)
		if k < 0 || name != "" && !strings.Contains(fold(l.Customer), name) {
			continue
		}
		key := of{l.CustomerKey, cmp.Or(l.Currency, standard)}
		if sums[key] == nil {
			sums[key] = &leakLine{Key: l.CustomerKey, Name: l.Customer, Currency: key.currency, Kinds: make([]totalOf, len(leakKinds))}
			lines = append(lines, sums[key])
		}
		sums[key].Kinds[k].add(l)
		switch {
		case l.Money == nil:
		case l.Kind == "unassigned":
			sums[key].idle = sums[key].idle.Add(*l.Money)
		default:
			sums[key].size = sums[key].size.Add(*l.Money)
		}
	}
	slices.SortStableFunc(lines, func(a, b *leakLine) int {
		if n := cmp.Or(b.size.Cmp(a.size), b.idle.Cmp(a.idle)); n != 0 {
			return n
		}
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Key, b.Key))
	})
	out := make([]leakLine, len(lines))
	for i, l := range lines {
		out[i] = *l
	}
	return out
}

// leakageCharts draw what the months lost, oldest first: a chart a currency and kind of which
// there is any money.
func leakageCharts(months []leakMonth) []chart {
	type of struct{ kind, currency string }
	charts, any := map[of]*chart{}, map[of]bool{}
	var order []of
	for _, m := range slices.Backward(months) {
		begins, _ := time.Parse("2006-01", m.Month) // it is one of ours
		for k, t := range m.Kinds {
			if leakKinds[k].Kind == "held" {
				continue // nobody knows its money
			}
			key := of{leakKinds[k].Kind, m.Currency}
			if charts[key] == nil {
				charts[key] = &chart{Title: leakKinds[k].Text + " by month, " + m.Currency, CSV: "/report/leakage?format=csv"}
				order = append(order, key)
			}
			charts[key].Bars = append(charts[key].Bars, bar{Label: begins.Format("Jan"), Money: t.Money, Gap: !m.Recorded || t.Lines > 0 && !t.Known})
			any[key] = any[key] || t.Known && t.Money.IsPositive()
		}
	}
	slices.SortStableFunc(order, func(a, b of) int { return strings.Compare(a.currency, b.currency) })
	var out []chart
	for _, key := range order {
		if any[key] {
			out = append(out, *charts[key])
		}
	}
	return out
}

// leakageTold says what a month lost, and puts it into numbers.
func leakageTold(months []leakMonth, month string, recorded bool) (headline string, strip []figure) {
	begins, _ := time.Parse("2006-01", month)
	name := begins.Format("January 2006")
	lost, over := app.Sums{}, app.Sums{}
	for _, m := range months {
		if m.Month != month {
			continue
		}
		for k, t := range m.Kinds {
			if !t.Known {
				continue
			}
			switch leakKinds[k].Kind {
			case "unbilled", "under_billed":
				lost.Add(m.Currency, t.Money)
			case "over_billed":
				over.Add(m.Currency, t.Money)
			}
			if len(strip) < 4 {
				strip = append(strip, moneyFigure(t.Total, m.Currency, strings.ToLower(leakKinds[k].Text)))
			}
		}
	}
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(lost)) {
		parts = append(parts, amount(lost[currency])+" "+currency)
	}
	switch {
	case !recorded:
		return name + ": nothing is recorded", nil
	case len(parts) > 0:
		return name + " loses " + strings.Join(parts, " and ") + " that are not billed", strip
	case len(over) > 0:
		return name + " bills too much, and loses nothing", strip
	}
	return name + " loses nothing that the ledger knows of", strip
}
