package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// unknown is what stands where a number is not known.
const unknown = "unknown"

func shown(n *string) string {
	if n == nil {
		return unknown
	}
	return *n
}

// Sheets are the pack's tables, the same in every format. Those without rows are left out,
// the first one never.
func (m *Month) Sheets() []Sheet {
	var out []Sheet
	for i, s := range m.tables() {
		if i == 0 || len(s.Rows) > 0 {
			s.Tones = monthTones
			out = append(out, s)
		}
	}
	return out
}

// monthTones are the tones of words in a pack.
var monthTones = map[string]Tone{unknown: Ask, "not proven": Ask, "proven": Good, "unexplained": Alert}

func (m *Month) tables() []Sheet {
	zone, err := time.LoadLocation(m.Zone)
	if err != nil {
		zone = time.UTC
	}
	at := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04") }
	if m.Customers != nil {
		return []Sheet{m.ofCustomers()}
	}
	changes := Sheet{
		Title:   "Changes",
		Columns: []Column{{"When", false}, {"Product", false}, {"Before", true}, {"After", true}, {"Explanation", false}, {"Approved by", false}, {"How", false}, {"Source", false}},
	}
	days := Sheet{Title: "Days", Columns: []Column{{"Product", false}, {"From", false}, {"To", false}, {"Days", true}, {"Purchased", true}, {"Assigned", true}, {"Due", true}, {"Billed", true},
		{"Proof", false}, {"Rule", false}, {"Override", false}, {"Names", false}, {"Source", false}}}
	writes := Sheet{
		Title:   "Writes",
		Columns: []Column{{"When", false}, {"Product", false}, {"Line", false}, {"Action", false}, {"Before", true}, {"After", true}, {"Result", false}, {"Approved by", false}, {"Run", false}, {"Plan", false}},
	}
	for i := range m.Lines {
		l := &m.Lines[i]
		for _, c := range l.Changes {
			changes.Rows = append(changes.Rows, []string{at(c.At), l.Label, shown(c.Before), shown(c.After), c.why(), deref(c.By), c.Reason, c.Source.text(at)})
		}
		for _, s := range l.Spans {
			proof, to := "proven", "lasts"
			if !s.Known {
				proof = "not proven"
				if s.Why != "" {
					proof += ": " + s.Why
				}
			}
			if s.To != nil {
				to = at(*s.To)
			}
			names := strings.Join(s.Names, ", ")
			if s.Names == nil {
				names = unknown
			}
			days.Rows = append(days.Rows, []string{l.Label, at(s.From), to, strconv.Itoa(s.Days), shown(s.Purchased), shown(s.Assigned), shown(s.Due), shown(s.Billed), proof,
				rulesText(s.Rules), overrideText(s.Override), names, s.Source.text(at)})
		}
		for _, w := range l.Writes {
			writes.Rows = append(writes.Rows, []string{at(w.At), l.Label, w.Ref, string(w.Action), w.Before, w.After, w.Result, w.By, w.Run, w.Digest})
		}
	}
	check := Sheet{Title: "Invoice check", Columns: []Column{{"Agreement", false}, {"Name", false}, {"Products", true}, {"Other lines", true}, {"Lines", true}, {"Recap", true}, {"Invoice", true}, {"Difference", true},
		{"Currency", false}, {"Invoices", false}, {"Note", false}}}
	for _, c := range m.InvoiceCheck {
		var notes []string
		for _, n := range []struct{ what, why string }{{"not read", c.Unread}, {"recap", c.RecapWhy}, {"invoice", c.InvoiceWhy}} {
			if n.why != "" {
				notes = append(notes, n.what+": "+n.why)
			}
		}
		check.Rows = append(check.Rows, []string{c.Agreement, c.AgreementName, shown(c.Ours), shown(c.Others), shown(c.Lines), shown(c.Recap), shown(c.Invoice), shown(c.Difference), c.Currency,
			strings.Join(c.Numbers, ", "), strings.Join(notes, "; ")})
	}
	gaps := Sheet{Title: "Gaps", Columns: []Column{{"Product", false}, {"From", false}, {"To", false}, {"Why", false}}}
	for _, g := range m.Gaps {
		gaps.Rows = append(gaps.Rows, []string{g.Product, at(g.From), at(g.To), g.Why})
	}
	decisions := Sheet{
		Title:   "Decisions",
		Columns: []Column{{"When", false}, {"What", false}, {"By", false}, {"Known", false}, {"Reason", false}, {"About", false}, {"Plan", false}},
	}
	for _, a := range m.Approvals {
		decisions.Rows = append(decisions.Rows, []string{at(a.At), a.Decision, a.By, a.How, a.Reason, a.Label, a.Digest})
	}
	holds := Sheet{Title: "Holds", Columns: []Column{{"Since", false}, {"Code", false}, {"Why", false}, {"Plan", false}}}
	for _, h := range m.Holds {
		holds.Rows = append(holds.Rows, []string{at(h.Since), h.Code, h.Message, h.Digest})
	}
	left := Sheet{Title: "Left alone", Columns: []Column{{"Key", false}, {"Since", false}, {"By", false}, {"Reason", false}}}
	for _, x := range m.Exclusions {
		left.Rows = append(left.Rows, []string{x.Key, at(x.At), x.By, x.Reason})
	}
	return []Sheet{m.ofLines(at), changes, check, gaps, holds, left, decisions, writes, days}
}

func (m *Month) ofLines(at func(time.Time) string) Sheet {
	s := Sheet{Title: "Products", Columns: []Column{{"Product", false}, {"Identifier", false}, {"Opening", true}, {"Closing", true}, {"Due", true}, {"Unit price", true}, {"Free units", true}, {"Money", true}, {"Currency", false},
		{"Agreement", false}, {"Line", false}, {"Days", true}, {"Not proven", true}, {"Note", false}}}
	for i := range m.Lines {
		l := &m.Lines[i]
		note := ""
		if l.Ended != nil {
			note = "no rule bills it, or the customer is not linked, since " + at(*l.Ended)
		} else if l.Unproven() {
			note = "not proven at the end"
		}
		if per := plan.Cycle(l.Cycle).Per(); per != "" && l.Price != nil {
			note = strings.TrimPrefix(note+"; the unit price is what one costs"+per, "; ")
		}
		s.Rows = append(s.Rows, []string{l.Label, l.Product, shown(l.Opening), shown(l.Closing), shown(l.Due), priceOf(l), shown(l.LessIncluded), shown(l.Money), l.Currency,
			cmp.Or(l.AgreementName, l.Agreement), l.Ref, strconv.Itoa(l.Days), strconv.Itoa(l.UnprovenDays), note})
	}
	for _, t := range m.Totals {
		row := make([]string, len(s.Columns))
		row[0], row[7], row[8], row[13] = "Total", shown(t.Money), t.Currency, t.note()
		s.Footer = append(s.Footer, row)
	}
	return s
}

// priceOf is what a unit costs in a cycle, as people read it.
func priceOf(l *MonthLine) string {
	if l.Price == nil {
		return unknown
	}
	d, err := decimal.NewFromString(*l.Price)
	if err != nil {
		return *l.Price
	}
	return plan.Price(&d)
}

func (m *Month) ofCustomers() Sheet {
	s := Sheet{Title: "Customers", Columns: []Column{{"Customer", false}, {"Key", false}, {"Products", true}, {"Changes", true}, {"Money", true}, {"Currency", false}, {"Invoice difference", true}, {"Gaps", true}, {"Holds", true},
		{"Note", false}, {"Pack", false}}}
	for _, c := range m.Customers {
		s.Rows = append(s.Rows, []string{c.Customer.Name, c.Customer.Key, strconv.Itoa(c.Lines), strconv.Itoa(c.Changes), shown(c.Money), c.Currency, shown(c.Difference), strconv.Itoa(c.Gaps), strconv.Itoa(c.Holds), c.note(), c.Pack})
	}
	for i := range m.Totals {
		t := &m.Totals[i]
		row := make([]string, len(s.Columns))
		row[0], row[2], row[3], row[4], row[5], row[6], row[9] = "Total", strconv.Itoa(t.Lines), strconv.Itoa(t.Changes), shown(t.Money), t.Currency, shown(t.Difference), t.note()
		s.Footer = append(s.Footer, row)
	}
	return s
}

// note says what the money leaves out.
func (t *MonthTotal) note() string {
	var parts []string
	if t.Unknown > 0 {
		parts = append(parts, strconv.Itoa(t.Unknown)+" of unknown money")
	}
	if t.Unproven > 0 {
		parts = append(parts, strconv.Itoa(t.Unproven)+" not proven at the end")
	}
	return strings.Join(parts, ", ")
}

// why is the explanation in words.
func (c *MonthChange) why() string {
	if c.Explanation == nil {
		return ""
	}
	return c.Explanation.Text()
}

func (s *MonthSource) text(at func(time.Time) string) string {
	if s.Source == "" || s.TakenAt == nil {
		return "run " + s.Run
	}
	return s.Source + ", read " + at(*s.TakenAt) + ", " + rows(s.Rows) + ", run " + s.Run
}

func rows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return strconv.Itoa(n) + " rows"
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func rulesText(rules []state.SpanRule) string {
	var parts []string
	for _, r := range rules {
		text := cmp.Or(r.Part, r.Name, r.SKU, "people") + " counts " + cmp.Or(r.Count, "purchased")
		for _, p := range []struct{ name, text string }{{"who", r.Who}, {"subscriptions", r.Subscriptions}, {"weight", r.Weight}, {"at least", r.Minimum}, {"at most", r.Maximum}, {"floor", r.Floor}} {
			if p.text != "" {
				text += ", " + p.name + " " + p.text
			}
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func overrideText(o *state.SpanOverride) string {
	if o == nil {
		return ""
	}
	text := o.Quantity
	switch {
	case o.Minimum != "":
		text = "at least " + o.Minimum
	case o.Maximum != "":
		text = "at most " + o.Maximum
	}
	return text + " by " + o.By + " until " + o.Until.Format(time.DateOnly) + ": " + o.Reason
}

//go:embed month.html
var monthPage string

var monthTemplate = template.Must(template.New("month").Funcs(template.FuncMap{"visible": visible.Text, "class": cellClass}).Parse(monthPage))

// longWord is of how many characters a word is broken where there is no room for it.
const longWord = 24

// cellClass is how a cell of the page looks: a number, its tone, a word that must be
// broken, or a moment that must not.
func cellClass(s Sheet, column int, cell string) string {
	var classes []string
	if s.Columns[column].Number {
		classes = append(classes, "n")
	}
	if tone := map[Tone]string{Good: "good", Alert: "alert", Ask: "ask"}[s.Tones[cell]]; tone != "" {
		classes = append(classes, tone)
	}
	if _, err := time.Parse("2006-01-02 15:04", cell); err == nil {
		classes = append(classes, "when")
	}
	for word := range strings.FieldsSeq(cell) {
		if utf8.RuneCountInString(word) > longWord {
			classes = append(classes, "long")
			break
		}
	}
	return strings.Join(classes, " ")
}

// HTML is the pack as one page that asks nobody for anything.
func (m *Month) HTML() ([]byte, error) {
	from, err := time.Parse("2006-01", m.Month)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(m.Zone)
	if err != nil {
		zone = time.UTC
	}
	var b bytes.Buffer
	err = monthTemplate.Execute(&b, struct {
		*Month
		Title, Long, At string
		Sheets          []Sheet
		Canonical       template.HTML
	}{m, m.Customer.Name, from.Format("January 2006"), m.AsOf.In(zone).Format("2 January 2006, 15:04 MST"), m.Sheets(), template.HTML(m.JSON())}) //nolint:gosec // JSON spells < and > as \u003c and \u003e
	return b.Bytes(), err
}

// XLSX is the pack as a workbook.
func (m *Month) XLSX() ([]byte, error) {
	var b bytes.Buffer
	sheets := append(m.Sheets(), m.about())
	for i := range sheets {
		sheets[i].Caption = m.Customer.Name + ", " + m.Month + ": " + sheets[i].Title
	}
	err := Workbook(&b, sheets, m.JSON())
	return b.Bytes(), err
}

// about says what a workbook is: a page says so in its head.
func (m *Month) about() Sheet {
	state := "open"
	if m.Closed {
		state = "closed by " + m.ClosedBy
	}
	s := Sheet{Title: "About", Columns: []Column{{"What", false}, {"Says", false}}, Rows: [][]string{{"Customer", m.Customer.Name}, {"Key", m.Customer.Key}, {"Month", m.Month}, {"State", state},
		{"As of", m.AsOf.Format("2006-01-02 15:04:05 MST")}, {"Timezone of the days", m.Zone}, {"Digest", m.Digest}, {"Verify", "syncd state verify --evidence FILE"}}}
	if m.RecordedFrom != nil {
		s.Rows = append(s.Rows, []string{"Recorded from", m.RecordedFrom.Format("2006-01-02 15:04:05 MST")})
	}
	return s
}

// Render is the pack in a format: json, html or xlsx.
func (m *Month) Render(format string) ([]byte, error) {
	switch format {
	case "html":
		return m.HTML()
	case "xlsx":
		return m.XLSX()
	}
	return m.JSON(), nil
}
