package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	gosync "sync"
	"time"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// A frozenMonth is the packs of a closed month in their canonical text.
type frozenMonth struct {
	MSP   string   `json:"msp"`
	Packs []string `json:"packs"`
}

// digest is what the journal says of the packs.
func (f *frozenMonth) digest() string {
	h := sha256.New()
	for _, text := range append([]string{f.MSP}, f.Packs...) {
		sum := sha256.Sum256([]byte(text))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (f *frozenMonth) months(only string) (*Months, error) {
	out := &Months{}
	var err error
	if out.MSP, err = report.ParseMonth([]byte(f.MSP)); err != nil {
		return nil, fmt.Errorf("reading a closed month: %w: %w", state.ErrCorrupt, err)
	}
	for _, text := range f.Packs {
		m, err := report.ParseMonth([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("reading a closed month: %w: %w", state.ErrCorrupt, err)
		}
		if only == "" || m.Customer.Key == only {
			out.Packs = append(out.Packs, m)
		}
	}
	return out, nil
}

// closedMonth are the packs of a month that is closed, or nil. They are those of which the
// journal has the digest, or an error.
func (w *App) closedMonth(ctx context.Context, month string) (*frozenMonth, error) {
	closed, _, err := state.Closed(ctx, w.Store)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(closed, func(c state.Closing) bool { return c.Month == month }) {
		return nil, nil
	}
	frozen, _, err := Document[frozenMonth](ctx, w.Store, state.PackDocument(month))
	if err != nil {
		return nil, err
	}
	said, err := w.journalled(ctx, month)
	if err != nil {
		return nil, err
	}
	if said != frozen.digest() {
		return nil, fmt.Errorf(
			"%w: what is kept of %s has the digest %s, and the journal says %q: restore a backup, or open the month again (syncd report month --month %s --reopen --reason TEXT) and close it anew",
			state.ErrCorrupt, month, frozen.digest(), said, month)
	}
	return &frozen, nil
}

// monthKey is how the journal calls a month.
func monthKey(month string) plan.Key { return plan.Key{Kind: "month", ID: month} }

// journalled is the digest with which a month was closed last; empty where it is open.
func (w *App) journalled(ctx context.Context, month string) (string, error) {
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{}) {
		if err != nil {
			return "", fmt.Errorf("reading the journal: %w", err)
		}
		if e.Action == state.ActionClose && e.Key == monthKey(month) {
			return e.Digest, nil
		}
	}
	return "", nil
}

// A MonthRefused says why a month cannot be closed yet, and what to do.
type MonthRefused struct {
	Month string
	Why   []string
}

func (r *MonthRefused) Error() string {
	return fmt.Sprintf("%s is not closed: %s", r.Month, strings.Join(r.Why, "; "))
}

// closingMonth is held while a month is closed: its packs and its place among the closed months
// are two documents, and one process holds the state.
var closingMonth gosync.Mutex

// An AlreadyClosedError says by whom a month was closed. It is a UsageError.
type AlreadyClosedError struct {
	state.Closing
	said error
}

func (e *AlreadyClosedError) Error() string { return e.said.Error() }

func (e *AlreadyClosedError) Unwrap() error { return e.said }

// CloseMonth freezes the packs of a month, with their digest in the journal. It is a
// MonthRefused where a number at the end of the month is not proven, and an
// AlreadyClosedError where it is closed.
func (w *App) CloseMonth(ctx context.Context, by Operator, month, reason string) (*Months, error) {
	from, to, err := w.pastMonth(month)
	if err != nil {
		return nil, err
	}
	if w.Now().Before(to) {
		return nil, &MonthRefused{month, []string{"it is not over before " + to.Format(time.DateOnly)}}
	}
	closingMonth.Lock()
	defer closingMonth.Unlock()
	closed, version, err := state.Closed(ctx, w.Store)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(closed, func(c state.Closing) bool { return c.Month == month }); i >= 0 {
		return nil, &AlreadyClosedError{closed[i], Usage("%s was closed by %s on %s; syncd report month --month %s shows it, --reopen --reason TEXT opens it again", month,
			closed[i].By, closed[i].At.In(w.Location).Format(time.DateOnly), month)}
	}
	at := w.Now().UTC()
	packs, err := w.makeMonth(ctx, monthAsked{month: month, from: from, to: to, asOf: at, closedBy: by.Name})
	if err != nil {
		return nil, err
	}
	if err := w.mayClose(ctx, month, to, packs); err != nil {
		return nil, err
	}
	frozen := frozenMonth{MSP: string(packs.MSP.JSON())}
	for _, p := range packs.Packs {
		frozen.Packs = append(frozen.Packs, string(p.JSON()))
	}
	if err := w.putMonth(ctx, month, frozen); err != nil {
		return nil, err
	}
	closed = append(closed, state.Closing{
		Month: month, From: from.Format(time.DateOnly), Until: to.AddDate(0, 0, -1).Format(time.DateOnly), At: at,
		By: by.Name, Digest: frozen.digest(),
	})
	e := w.decisionEntry(by, state.ActionClose, plan.Scope{}, "")
	e.At, e.Key, e.Digest, e.Why = at, monthKey(month), frozen.digest(), reason
	e.Label = fmt.Sprintf("%s closed, %s", month, Count(len(packs.Packs), "customer"))
	return packs, Put(ctx, w.Store, state.ClosedDocument, version, closed, e)
}

// putMonth keeps packs. They are in force once the month stands among the closed ones.
func (w *App) putMonth(ctx context.Context, month string, frozen frozenMonth) error {
	doc, err := w.Store.Document(ctx, state.PackDocument(month))
	if err != nil {
		return fmt.Errorf("reading what is kept of %s: %w", month, err)
	}
	return Put(ctx, w.Store, state.PackDocument(month), doc.Version, frozen)
}

// ReopenMonth lets a closed month be changed again.
func (w *App) ReopenMonth(ctx context.Context, by Operator, month, reason string) error {
	if _, _, err := w.pastMonth(month); err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" {
		return Usage("say why: --reason TEXT")
	}
	closed, version, err := state.Closed(ctx, w.Store)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(closed, func(c state.Closing) bool { return c.Month == month })
	if i < 0 {
		return Usage("%s is not closed", month)
	}
	e := w.decisionEntry(by, state.ActionClose, plan.Scope{}, "")
	e.Key, e.Label, e.Why = monthKey(month), month+" reopened", reason
	return Put(ctx, w.Store, state.ClosedDocument, version, slices.Delete(closed, i, i+1), e)
}

// mayClose refuses while a number at the end of the month is not proven.
func (w *App) mayClose(ctx context.Context, month string, to time.Time, packs *Months) error {
	obstacles, err := w.obstacles(ctx, to, packs)
	if err != nil || len(obstacles) == 0 {
		return err
	}
	refused := &MonthRefused{Month: month}
	for _, o := range obstacles {
		refused.Why = append(refused.Why, o.Text())
	}
	return refused
}

// An Obstacle stands between here and a closed month.
type Obstacle struct {
	Customer sync.CustomerRef // whose it is; without a key: everybody's
	What     string           // about the customer, whose name stands before it; may be empty
	Do       string           // more of it, or what to do
	OnPages  string           // what to do for people with pages and no shell, where that is another thing
}

// Way is what to do on pages.
func (o *Obstacle) Way() string { return cmp.Or(o.OnPages, plan.WithoutWayOn(o.Do)) }

// Text is the obstacle in one sentence.
func (o *Obstacle) Text() string {
	return strings.TrimSpace(o.Customer.Name+" "+o.What) + ": " + o.Do
}

// obstacles are what stands between here and a closed month that ends at a moment.
func (w *App) obstacles(ctx context.Context, to time.Time, packs *Months) (all []Obstacle, err error) {
	recorded := slices.ContainsFunc(packs.Packs, func(p *report.Month) bool { return len(p.Lines) > 0 })
	if !recorded {
		return []Obstacle{{What: "nothing is recorded of it", Do: "the ledger is kept by syncd apply and the daemon, from the first run on; a month before that cannot be closed",
			OnPages: "the ledger is kept from the first run on; a month before that cannot be closed, and need not be"}}, nil
	}
	looked := map[string]state.Cursor{}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if w.bills(c.Scope) {
			looked[c.Scope.Customer] = c
		}
	}
	links, err := w.Links(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range packs.Packs {
		if slices.ContainsFunc(links.Rows, func(r mapping.Row) bool {
			return r.Status == mapping.Ignored && (string(r.TenantID) == p.Customer.Key || r.Customer != "" && r.Customer == p.Customer.Key)
		}) {
			continue // a person said so
		}
		c, seen := looked[p.Customer.Key]
		for _, u := range c.Unsettled {
			all = append(all, Obstacle{Customer: p.Customer, Do: u.Message})
		}
		switch {
		case seen && c.At.Before(to) && slices.ContainsFunc(p.Lines, func(l report.MonthLine) bool { return l.Ended == nil }):
			all = append(all, Obstacle{Customer: p.Customer, What: "was last looked at on " + c.At.In(w.Location).Format("2006-01-02 15:04") + ", before the month ended",
				Do:      fmt.Sprintf("type syncd apply --customer %s, or syncd map ignore where the customer left", p.Customer.Key),
				OnPages: "the next run looks at it, and an operator may run it now from the inbox; where the customer left, leave it out on the page Mapping"})
		case seen && p.RecordedFrom == nil && (c.Outcome == string(sync.Incomplete) || c.Outcome == string(sync.Failed) || c.Outcome == string(sync.Held)):
			all = append(all, Obstacle{Customer: p.Customer, What: fmt.Sprintf("has nothing proven (%s)", c.Outcome), Do: "see syncd status " + p.Customer.Key,
				OnPages: "its page says what to cure"})
		default:
			for i := range p.Lines {
				if l := &p.Lines[i]; l.Unproven() {
					all = append(all, Obstacle{Customer: p.Customer, What: fmt.Sprintf("has no proven number of %s at the end of it%s", l.Label, why(l)),
						Do:      fmt.Sprintf("see syncd status %s, cure that, and write what was agreed into the month after", p.Customer.Key),
						OnPages: "its page says why; cure that, and write what was agreed into the month after"})
				}
			}
		}
	}
	return all, nil
}

// why says why the last number of a line is not proven.
func why(l *report.MonthLine) string {
	if n := len(l.Spans); n > 0 && l.Spans[n-1].Why != "" {
		return " (" + l.Spans[n-1].Why + ")"
	}
	return ""
}

// ErrEvidence says that a file is not what the journal has.
var ErrEvidence = errors.New("the evidence differs")

// VerifyEvidence compares a pack with what the journal says of it; of a month that is not
// closed it makes the pack anew, as of the moment that the file names. The error says
// which cell differs first and is ErrEvidence, or a UsageError where the file is no pack.
func (w *App) VerifyEvidence(ctx context.Context, file string, data []byte) (*report.Month, error) {
	m, format, err := report.ReadEvidence(data)
	if err != nil {
		return nil, Usage("%s is no evidence of a month: %w", file, err)
	}
	want, err := w.evidence(ctx, m)
	if err != nil {
		return nil, err
	}
	if want == nil {
		return nil, fmt.Errorf("%s: %w: there is no pack of %q (%s) in %s", file, ErrEvidence, m.Customer.Name, m.Customer.Key, m.Month)
	}
	text, err := want.Render(format)
	if err != nil {
		return nil, err
	}
	if where := report.FirstDifference(format, text, data); where != "" {
		if bytes.Equal(m.JSON(), want.JSON()) {
			return nil, fmt.Errorf("%s: the figures embedded in it are those that the journal has of %s in %s, but %w in how it shows them: %s; "+
				"where another version of syncd made the file, its wording may be another: compare it with a fresh one (syncd report month --month %s)",
				file, want.Customer.Name, want.Month, ErrEvidence, where, want.Month)
		}
		return nil, fmt.Errorf("%s: %w from what the journal has of %s in %s: %s", file, ErrEvidence, want.Customer.Name, want.Month, where)
	}
	return want, nil
}

// evidence is the pack that a file says it is.
func (w *App) evidence(ctx context.Context, m *report.Month) (*report.Month, error) {
	from, to, err := monthOf(m.Month, w.Location)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is no month", ErrEvidence, m.Month)
	}
	closed, err := w.closedMonth(ctx, m.Month)
	if err != nil {
		return nil, err
	}
	var packs *Months
	if closed != nil {
		packs, err = closed.months("")
	} else {
		packs, err = w.makeMonth(ctx, monthAsked{month: m.Month, from: from, to: to, asOf: m.AsOf})
	}
	if err != nil {
		return nil, err
	}
	for _, p := range append([]*report.Month{packs.MSP}, packs.Packs...) {
		if p.Customer.Key == m.Customer.Key {
			return p, nil
		}
	}
	return nil, nil
}

// marshalled is a pack and, where it is of all, those of its customers.
type marshalled struct {
	*report.Month
	Packs []*report.Month `json:"packs,omitempty"`
}

// Document is what scripts read of the packs: that of the customer that was asked for,
// or that of all with those of each.
func (m *Months) Document(one bool) ([]byte, error) {
	if one && len(m.Packs) == 1 {
		return m.Packs[0].JSON(), nil
	}
	return json.MarshalIndent(m.Whole(), "", " ")
}

// Whole is the pack of all with those of each, as scripts read it.
func (m *Months) Whole() any { return marshalled{m.MSP, m.Packs} }
