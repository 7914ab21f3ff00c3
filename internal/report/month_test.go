package report

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// aMonth is September 2026 of a customer with nasty names: a product that grew, one that
// nobody could read at the end, and one that no rule bills any more.
func aMonth(more ...func(*MonthFacts)) *Month {
	day := func(month time.Month, d, h int) time.Time { return time.Date(2026, month, d, h, 0, 0, 0, time.UTC) }
	scope := plan.Scope{Customer: "c1", Target: "connectwise"}
	key := func(id string) plan.Key { return plan.Key{Kind: "addition", ID: id} }
	span := func(id string, from, to time.Time, due, billed string) state.Span {
		return state.Span{Scope: scope, Key: key(id), From: from, To: to, Known: true, Product: "P-" + id, Label: "=Product(" + id + ")", Purchased: due, Assigned: "9", Due: due, Billed: billed,
			Price: "22", Currency: "USD", LessIncluded: "2", Cycle: "1", Ref: "55/9" + id, Agreement: "55", AgreementName: "<b>Managed</b> & more", Names: []string{"ada@contoso.example"},
			Rules: []state.SpanRule{{Part: "SPB", Count: "purchased", Minimum: "5"}}, Proof: state.SpanProof{Source: "cipp", TakenAt: from, AsOf: from, Rows: 3, Run: "R1"}}
	}
	lost := span("2", day(8, 1, 6), day(9, 20, 6), "3", "3")
	gone := span("3", day(8, 1, 6), day(9, 10, 6), "4", "4")
	none := lost.Unknown(day(9, 20, 6), "the source did not answer", "R3")
	image := func(n string) *state.Image { return &state.Image{Key: key("1"), Fields: plan.Set("quantity", n)} }
	f := MonthFacts{Customer: sync.CustomerRef{Key: "c1", Name: "@Contoso <Ltd>"}, Month: "2026-09", From: day(9, 1, 0), To: day(10, 1, 0), AsOf: day(10, 2, 9), Zone: time.UTC,
		RecordedFrom: new(day(8, 1, 6)),
		Spans:        []state.Span{span("1", day(8, 1, 6), day(9, 15, 6), "12", "12"), span("1", day(9, 15, 6), time.Time{}, "14", "14"), lost, none, gone},
		Entries: []state.Entry{
			{At: day(9, 15, 6), Run: "R2", Scope: scope, Action: plan.Update, Key: key("1"), Ref: "55/91", Before: image("12"), After: image("14"), Result: state.ResultDone, By: "ada", Digest: "d1"},
			{At: day(9, 14, 9), Scope: scope, Action: state.ActionApprove, Result: state.ResultDone, By: "ada", How: "by the kernel", Why: "+ordered", Digest: "d1", Label: "plan d1"}},
		Invoiced: func(string, []string) money.Invoiced {
			return money.Invoiced{Others: new(decimal.RequireFromString("10")), RecapWhy: "the invoice of the month is made", Made: []money.Invoice{{Number: "10001", Date: day(9, 3, 0), Amount: new(decimal.RequireFromString("250"))}}}
		}}
	for _, m := range more {
		m(&f)
	}
	return NewMonth(f)
}

func TestAMonthSaysWhatWasBilledAndWhatIsNotKnown(t *testing.T) {
	m := aMonth()
	got := strings.Builder{}
	for _, l := range m.Lines {
		fmt.Fprintf(&got, "%s: %s -> %s, due %s, money %s, %d days, %d not proven, ended %t, unproven %t\n", l.Product, shown(l.Opening), shown(l.Closing), shown(l.Due), shown(l.Money),
			l.Days, l.UnprovenDays, l.Ended != nil, l.Unproven())
		for _, c := range l.Changes {
			fmt.Fprintf(&got, "  %s -> %s by %s: %s\n", shown(c.Before), shown(c.After), shown(c.By), c.Reason)
		}
	}
	for _, c := range m.InvoiceCheck {
		fmt.Fprintf(&got, "%s: %s + %s = %s, recap %s, invoice %s, difference %s\n", c.Agreement, shown(c.Ours), shown(c.Others), shown(c.Lines), shown(c.Recap), shown(c.Invoice), shown(c.Difference))
	}
	for _, g := range m.Gaps {
		fmt.Fprintf(&got, "gap %s to %s: %s\n", g.From.Format(time.DateOnly), g.To.Format(time.DateOnly), g.Why)
	}
	want := `P-1: 12 -> 14, due 14, money 264.00, 30 days, 0 not proven, ended false, unproven false
  12 -> 14 by ada: written by syncd, run R2
P-2: 3 -> unknown, due unknown, money unknown, 30 days, 11 not proven, ended false, unproven true
P-3: 4 -> unknown, due unknown, money unknown, 9 days, 0 not proven, ended true, unproven false
55: unknown + 10.00 = unknown, recap unknown, invoice 250.00, difference unknown
gap 2026-09-20 to 2026-10-01: the source did not answer
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	known := aMonth(func(f *MonthFacts) { f.Spans = f.Spans[:2] })
	if c := known.InvoiceCheck[0]; len(c.Made) != 1 || c.Made[0].Date != "2026-09-03" || shown(c.Made[0].Amount) != "250.00" || c.RecapWhy != "the invoice of the month is made" || c.InvoiceWhy != "" {
		t.Errorf("got %+v", c)
	}
	if rows := known.Sheets()[2].Rows; rows[0][9] != "10001" || rows[0][10] != "recap: the invoice of the month is made" {
		t.Errorf("got %q", rows)
	}
	none := aMonth(func(f *MonthFacts) {
		f.Invoiced = func(string, []string) money.Invoiced {
			return money.Invoiced{Recap: new(decimal.RequireFromString("20"))}
		}
	})
	if c := none.InvoiceCheck[0]; shown(c.Recap) != "20.00" || c.RecapWhy != "" || c.InvoiceWhy != "no invoice of the agreement is dated in the month" {
		t.Errorf("got %+v", c)
	}
	if c := known.InvoiceCheck[0]; shown(c.Lines) != "274.00" || shown(c.Difference) != "-24.00" {
		t.Errorf("lines %s, difference %s; want 274.00 and -24.00: what is included is free, a difference is the invoice less the lines", shown(c.Lines), shown(c.Difference))
	}
}

func TestAnInvoiceInAnotherCurrencyIsNotCompared(t *testing.T) {
	invoiced := func(currencies ...string) *InvoiceCheck {
		m := aMonth(func(f *MonthFacts) {
			f.Spans = f.Spans[:2]
			f.Invoiced = func(string, []string) money.Invoiced {
				in := money.Invoiced{Others: new(decimal.RequireFromString("10"))}
				for _, c := range currencies {
					in.Made = append(in.Made, money.Invoice{Number: "in " + c, Amount: new(decimal.RequireFromString("100")), Currency: c})
				}
				return in
			}
		})
		return &m.InvoiceCheck[0]
	}
	if c := invoiced("USD", ""); shown(c.Invoice) != "200.00" || shown(c.Difference) != "-74.00" || c.Made[0].Currency != "" {
		t.Errorf("got %+v", c)
	}
	if c := invoiced("USD", "EUR"); c.Invoice != nil || c.Difference != nil || c.Made[1].Currency != "EUR" ||
		c.InvoiceWhy != "invoice in EUR is in EUR, and the agreement's lines are in USD: currencies are never added" {
		t.Errorf("got %+v", c)
	}
}

func TestMoneyOfWhichNothingIsKnownIsNotNought(t *testing.T) {
	for _, price := range []string{"22", "0", ""} {
		m := aMonth(func(f *MonthFacts) {
			f.Spans = f.Spans[:2]
			for i := range f.Spans {
				f.Spans[i].Cycle, f.Spans[i].Price = "", price
			}
		})
		all := NewMonthOfAll(m, []*Month{m})
		c := &m.InvoiceCheck[0]
		for what, got := range map[string]*string{"line": m.Lines[0].Money, "total": m.Totals[0].Money, "customer": all.Customers[0].Money, "all": all.Totals[0].Money,
			"products": c.Ours, "lines": c.Lines, "difference": c.Difference, "sum of differences": all.Totals[0].Difference} {
			if got != nil {
				t.Errorf("price %q: %s is %s; want none, for nobody knows the cycle", price, what, *got)
			}
		}
		if got := all.Sheets()[0].Footer[0][4]; got != unknown {
			t.Errorf("price %q: the sheet says %q", price, got)
		}
	}
	m := aMonth()
	if got := NewMonthOfAll(m, []*Month{m, aMonth(func(f *MonthFacts) { f.Spans = f.Spans[2:4] })}); shown(got.Totals[0].Money) != "264.00" || got.Customers[1].Money != nil {
		t.Errorf("got %+v of %+v; want what is known of the one, and nothing of the other", got.Totals, got.Customers)
	}
}

// Every format holds the same document, is the same each time, and loads nothing.
func TestEveryFormatHoldsThePack(t *testing.T) {
	m := aMonth()
	for _, format := range []string{"json", "html", "xlsx"} {
		file, err := m.Render(format)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := m.Render(format)
		if !bytes.Equal(file, again) {
			t.Errorf("%s: the same pack gives other bytes", format)
		}
		read, found, err := ReadEvidence(file)
		if err != nil || found != format || !bytes.Equal(read.JSON(), m.JSON()) || !read.Sealed() {
			t.Errorf("%s: what is read back is not the pack: %v", format, err)
		}
		if format == "html" {
			for _, no := range []string{"<script", "src=", "href=", "http:", "https:", "<b>Managed", "@import"} {
				if bytes.Contains(file, []byte(no)) {
					t.Errorf("the page holds %s", no)
				}
			}
		}
	}
}

// Whatever bit of a file is changed, it is not the pack any more.
func TestEveryChangedBitIsFound(t *testing.T) {
	m := aMonth()
	for _, format := range []string{"json", "html", "xlsx"} {
		file, err := m.Render(format)
		if err != nil {
			t.Fatal(err)
		}
		// Every one is compared by its bytes; the place is looked for in all ways on a part.
		for at := 0; at < 8*len(file); at += map[string]int{"json": 97, "html": 1999, "xlsx": 5987}[format] {
			bad := bytes.Clone(file)
			bad[at/8] ^= 1 << (at % 8)
			if FirstDifference(format, file, bad) == "" {
				t.Errorf("%s: bit %d of byte %d changed and is not found", format, at%8, at/8)
			}
		}
	}
}

// A file says itself how large its parts are: one that lies costs no memory.
func TestAWorkbookThatLiesAboutItsSizeIsRefused(t *testing.T) {
	book, err := aMonth().Render("xlsx")
	if err != nil {
		t.Fatal(err)
	}
	entry := bytes.Index(book, []byte("PK\x01\x02")) // of the first part, in the directory
	binary.LittleEndian.PutUint32(book[entry+24:], 3<<30)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err = ReadEvidence(book)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > maxBook {
		t.Errorf("got %v, and %d bytes set aside", err, took)
	}
}

func TestTheFirstCellThatDiffersIsNamed(t *testing.T) {
	m, other := aMonth(), aMonth(func(f *MonthFacts) { f.Spans[1].Billed = "15" })
	for format, want := range map[string]string{
		"json": `invoice_check`, "html": `Products, row 2, column 4 says "15" and should say "14"`, "xlsx": `Products!D2 says "15" and should say "14"`} {
		a, err := m.Render(format)
		if err != nil {
			t.Fatal(err)
		}
		b, err := other.Render(format)
		if err != nil {
			t.Fatal(err)
		}
		if format == "json" {
			want = `lines[0].changes[0].after is "15" and should be "14"`
		}
		if got := FirstDifference(format, a, b); got != want {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
}

// A month before the ledger began is not known, which is not nought.
func TestAMonthBeforeTheLedgerIsAGap(t *testing.T) {
	day := func(m time.Month, d int) time.Time { return time.Date(2026, m, d, 0, 0, 0, 0, time.UTC) }
	began := day(11, 30)
	pack := NewMonth(MonthFacts{Customer: sync.CustomerRef{Key: "c", Name: "C"}, Month: "2026-10", From: day(10, 1), To: day(11, 1), AsOf: day(12, 1), RecordedFrom: &began, Zone: time.UTC})
	if len(pack.Gaps) != 1 || !pack.Gaps[0].From.Equal(day(10, 1)) || !pack.Gaps[0].To.Equal(day(11, 1)) {
		t.Errorf("got the gaps %+v, want the whole month", pack.Gaps)
	}
	all := NewMonthOfAll(NewMonth(MonthFacts{Month: "2026-10", From: day(10, 1), To: day(11, 1), AsOf: day(12, 1), Zone: time.UTC}), []*Month{pack})
	if len(all.Customers) != 1 || all.Customers[0].Money != nil || !strings.Contains(string(all.JSON()), `"money":null`) && !strings.Contains(string(all.JSON()), `"money": null`) {
		t.Errorf("got %+v in %s, want no money that anybody knows", all.Customers, all.JSON())
	}
}

// Of several writes within a minute each change names its own, and who approved it.
func TestAChangeNamesItsOwnWrite(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 9, 15, 6, 0, second, 0, time.UTC) }
	m := aMonth(func(f *MonthFacts) {
		was, is := f.Spans[0], f.Spans[1]
		key, image := is.Key, func(n string) *state.Image { return &state.Image{Fields: plan.Set("quantity", n)} }
		span := func(second int, billed, run string) state.Span {
			s := is
			s.From, s.Billed, s.Proof.Run = at(second), billed, run
			return s
		}
		write := func(second int, run, before, after, by string) state.Entry {
			return state.Entry{At: at(second), Run: run, Action: plan.Update, Key: key, Ref: "55/91", Before: image(before), After: image(after), Result: state.ResultDone, By: by}
		}
		f.Spans = []state.Span{was, span(1, "14", "R2"), span(11, "15", "R3"), span(21, "30", "R4"), span(31, "16", "R5")}
		f.Entries = []state.Entry{write(30, "R5", "30", "16", "cleo"), write(10, "R3", "14", "15", "bob"), write(0, "R2", "12", "14", "ada")} // newest first
	})
	got := ""
	for _, c := range m.Lines[0].Changes {
		got += fmt.Sprintf("%s by %s: %s\n", shown(c.After), shown(c.By), c.Reason)
	}
	if want := "14 by ada: written by syncd, run R2\n15 by bob: written by syncd, run R3\n30 by unknown: syncd wrote nothing: it was changed at the target\n16 by cleo: written by syncd, run R5\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A page breaks long words alone, and totals stand once, below the last row.
func TestHowAPageBreaks(t *testing.T) {
	page, err := aMonth().HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<td class="good">proven</td>`, `<td class="when">2026-09-15 06:00</td>`, `<td class="n ask">unknown</td>`, "tfoot { display: table-row-group }"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page has no %s", want)
		}
	}
	if got := cellClass(Sheet{Columns: []Column{{"Pack", false}}}, 0, strings.Repeat("a", 64)); got != "long" {
		t.Errorf("a digest: got %q", got)
	}
}
