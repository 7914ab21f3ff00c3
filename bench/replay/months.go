package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"syncd/internal/app"
	"syncd/internal/report"
)

// An archived month is what was closed.
type archived struct {
	last  time.Time // its last day
	texts [][]byte  // the packs as JSON, by customer
	pack  int       // one of which a file is kept as well
	kind  string
	file  []byte
}

// lookBack looks at the month that is over, at the first run after it: every number of its
// packs against the model, then it is closed where that can be; what was closed before
// must be there as it was.
func (e *estate) lookBack() error {
	last := e.today.AddDate(0, 0, -e.today.Day())
	month := last.Format("2006-01")
	if month == e.looked || last.Before(e.began) {
		return nil
	}
	e.looked = month
	packs, err := e.app.Month(context.Background(), month, "")
	if err != nil {
		return fmt.Errorf("the packs of %s: %w", month, err)
	}
	if err := e.comparePacks(packs, last, false); err != nil {
		return fmt.Errorf("the packs of %s: %w", month, err)
	}
	if e.random.IntN(8) != 0 {
		if err := e.close(month, last); err != nil {
			return err
		}
	}
	if e.closed[month] == nil { // a pack of a month that is open is made anew to be compared
		i := e.random.IntN(len(packs.Packs))
		if err := e.verify(packs.Packs[i]); err != nil {
			return fmt.Errorf("the pack of %s in %s: %w", packs.Packs[i].Customer.Name, month, err)
		}
	}
	if err := e.explain(last); err != nil {
		return err
	}
	return e.archive(month)
}

// close closes a month, which must be refused where a number at its end is not proven, and
// for nothing else.
func (e *estate) close(month string, last time.Time) error {
	proven, certain := true, true
	for _, c := range e.customers {
		p, sure := c.Proven(last)
		proven, certain = proven && p, certain && sure
	}
	packs, err := e.app.CloseMonth(context.Background(), jane, month, "")
	if refused, ok := errors.AsType[*app.MonthRefused](err); ok {
		if proven && certain {
			return fmt.Errorf("all is proven, and %w", refused)
		}
		e.Refused++
		return nil
	}
	if err != nil {
		return err
	}
	if !proven && certain {
		return fmt.Errorf("%s was closed, and a number at its end is not proven", month)
	}
	if err := e.comparePacks(packs, last, true); err != nil {
		return fmt.Errorf("the packs of %s, as it was closed: %w", month, err)
	}
	a := &archived{last: last, pack: e.random.IntN(len(packs.Packs)), kind: []string{"html", "xlsx"}[e.random.IntN(2)]}
	for _, p := range packs.Packs {
		a.texts = append(a.texts, p.JSON())
		if err := e.verify(p); err != nil {
			return fmt.Errorf("the pack of %s in %s: %w", p.Customer.Name, month, err)
		}
	}
	if a.file, err = packs.Packs[a.pack].Render(a.kind); err != nil {
		return err
	}
	e.closed[month] = a
	e.setClosed()
	e.Closed++
	return nil
}

// setClosed tells the customers up to when all is closed.
func (e *estate) setClosed() {
	var last time.Time
	for _, a := range e.closed {
		if a.last.After(last) {
			last = a.last
		}
	}
	for _, c := range e.customers {
		c.Closed = last
	}
}

// archive looks at one of the closed months again: its packs are the bytes that they were.
// Now and then a person opens one.
func (e *estate) archive(but string) error {
	var months []string
	for month := range e.closed {
		if month != but {
			months = append(months, month)
		}
	}
	if len(months) == 0 {
		return nil
	}
	slices.Sort(months)
	month := months[e.random.IntN(len(months))]
	a := e.closed[month]
	packs, err := e.app.Month(context.Background(), month, "")
	if err != nil {
		return fmt.Errorf("%s, which is closed: %w", month, err)
	}
	for i, p := range packs.Packs {
		if !bytes.Equal(p.JSON(), a.texts[i]) {
			return fmt.Errorf("the pack of %s in %s is not what was closed: %s", p.Customer.Name, month, report.FirstDifference("json", a.texts[i], p.JSON()))
		}
	}
	file, err := packs.Packs[a.pack].Render(a.kind)
	if err != nil {
		return err
	}
	if !bytes.Equal(file, a.file) {
		return fmt.Errorf("the %s of %s in %s is not what was closed: %s", a.kind, packs.Packs[a.pack].Customer.Name, month, report.FirstDifference(a.kind, a.file, file))
	}
	if err := e.verify(packs.Packs[a.pack]); err != nil {
		return fmt.Errorf("the pack of %s in %s: %w", packs.Packs[a.pack].Customer.Name, month, err)
	}
	if e.random.IntN(8) != 0 {
		return nil
	}
	if err := e.app.ReopenMonth(context.Background(), jane, month, "a mistake"); err != nil {
		return err
	}
	delete(e.closed, month)
	e.setClosed()
	return nil
}

// verify says what is wrong with a pack's file, or that a bit of it may be another one and
// nobody sees it.
func (e *estate) verify(p *report.Month) error {
	format := "json"
	switch e.random.IntN(20) {
	case 0:
		format = "xlsx"
	case 1, 2:
		format = "html"
	}
	file, err := p.Render(format)
	if err != nil {
		return err
	}
	if _, err := e.app.VerifyEvidence(context.Background(), "pack", file); err != nil {
		return err
	}
	at, bit := e.random.IntN(len(file)), e.random.IntN(8)
	file[at] ^= 1 << bit
	if _, err := e.app.VerifyEvidence(context.Background(), "pack", file); err == nil {
		return fmt.Errorf("bit %d of byte %d of the %s file is another one, and it verifies", bit, at, format)
	}
	e.Packs++
	return nil
}

// explain asks for a product of each customer in the month that is over, and of one
// customer in an earlier one.
func (e *estate) explain(last time.Time) error {
	for i := range e.customers {
		if err := e.explainOne(i, last); err != nil {
			return err
		}
	}
	earlier := last.AddDate(0, 0, -e.random.IntN(1+int(last.Sub(e.began)/(24*time.Hour))))
	first := time.Date(earlier.Year(), earlier.Month(), 1, 0, 0, 0, 0, time.UTC)
	return e.explainOne(e.random.IntN(len(e.customers)), first.AddDate(0, 1, -1))
}

func (e *estate) explainOne(i int, last time.Time) error {
	c := e.customers[i]
	p := c.Products()[e.random.IntN(len(c.Products()))]
	x, err := e.app.Explain(context.Background(), e.key(i), p.ID, last.Format("2006-01"))
	if err == nil {
		var spans []report.MonthSpan
		for _, s := range x.Spans {
			spans = append(spans, spanOf(&s.Span))
		}
		err = e.compareDays(c, p, spans, last)
	}
	if err != nil {
		return fmt.Errorf("explain %s %s --month %s: %w\n%s", c.Name, p.ID, last.Format("2006-01"), err, e.story(i))
	}
	return nil
}
