package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/state"
)

// ledger is what the ledger says of a customer's SKU: purchased/due/billed of each
// span, a question mark for what is unknown, a bar where it ended and nothing followed.
func (w *fixture) ledger(customer, sku string) string {
	w.t.Helper()
	var out []string
	var end time.Time
	for s, err := range w.store.Spans(w.t.Context(), state.SpanFilter{Customer: customer, Key: plan.Key{Kind: "addition", ID: sku}}) {
		if err != nil {
			w.t.Fatal(err)
		}
		if !end.IsZero() && s.From.After(end) {
			out = append(out, "|")
		}
		text := fmt.Sprintf("%s/%s/%s", cmp.Or(s.Purchased, "?"), cmp.Or(s.Due, "?"), cmp.Or(s.Billed, "?"))
		if s.Known == strings.Contains(text, "?") || s.Known != (s.Why == "") {
			w.t.Errorf("a span %s is known: %v, because of %q", text, s.Known, s.Why)
		}
		if !s.Known {
			text += " (" + s.Why + ")"
		}
		out, end = append(out, text), s.To
	}
	if len(out) > 0 && !end.IsZero() {
		out = append(out, "|")
	}
	return strings.Join(out, " ")
}

func TestWhatARunKnowsIsInTheLedger(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(w *fixture)
		want string // of Premium at Contoso, after 12/12/12
	}{
		{"nothing changed", func(w *fixture) {}, ""},
		{"more was bought, and the line was written", func(w *fixture) { w.bought[contoso][premium] = 14 }, "14/14/14"},
		{"more was bought, and nobody approved it", func(w *fixture) { w.bought[contoso][premium], w.job.Policy = 14, plan.Approve }, "14/14/12"},
		{"a person edited the line", func(w *fixture) { w.lines[string(contoso)+"/"+premium] = "20" }, "12/12/20"},
		{"the target refused the change", func(w *fixture) {
			w.bought[contoso][premium] = 14
			w.fail = func(plan.Change) (bool, error) { return false, errors.New("no") }
		}, "14/14/12"},
		{"the target did not answer the change", func(w *fixture) {
			w.bought[contoso][premium] = 14
			w.fail = func(plan.Change) (bool, error) { return true, rest.ErrOutcomeUnknown }
		}, "14/14/? (a change of it was sent and not answered)"},
		{"the source did not prove the customer", func(w *fixture) { w.unproven[contoso] = errors.New("no access") },
			"?/?/? (the source did not prove this complete: no access)"},
		{"the target was not read", func(w *fixture) { w.unreadable = errors.New("bad gateway") }, "12/12/? (observing: bad gateway)"},
		{"the count is not proven", func(w *fixture) { w.held = "two answers disagree" }, "?/?/12 (two answers disagree)"},
		{"the licence is gone", func(w *fixture) { delete(w.bought[contoso], premium) }, "0/0/12"},
		{"no rule bills it any more", func(w *fixture) { w.ruleless = map[string]bool{premium: true} }, "|"},
		{"the customer is not linked any more", func(w *fixture) { w.table.Rows[0].Status, w.table.Rows[0].Links = mapping.Unmapped, nil }, "|"},
		{"the customer is left out", func(w *fixture) { w.table.Rows[0].Status = mapping.Ignored }, "|"},
		{"the source lists the customer no more", func(w *fixture) { w.tenants = w.tenants[1:] },
			"?/?/? (the source did not prove this complete: the source no longer lists tenant a (excluded there, its relationship ended, or its list is not refreshed yet))"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newFixture(t)
			w.converge()
			tt.do(w)
			w.apply()
			want := strings.TrimSpace("12/12/0 12/12/12 " + tt.want)
			if got := w.ledger(string(contoso), premium); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			w.fail = func(plan.Change) (bool, error) { return false, errors.New("no") }
			for range 3 { // the same again is nothing new
				w.apply()
			}
			if got := w.ledger(string(contoso), premium); got != want && !strings.Contains(tt.want, "not answered") {
				t.Errorf("after more runs: got  %s\nwant %s", got, want)
			}
			if _, err := w.store.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A ledgerReads counts the scopes whose open spans are read.
type ledgerReads struct {
	state.Store
	n atomic.Int32
}

func (r *ledgerReads) OpenSpans(ctx context.Context, scope plan.Scope) ([]state.Span, error) {
	r.n.Add(1)
	return r.Store.OpenSpans(ctx, scope)
}

func TestTheLedgerOfAnUnchangedCustomerIsNotRead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		do    func(w *fixture)
		reads int32 // of two customers' ledgers, in the next run
		want  string
	}{
		{"nothing changed", func(*fixture) {}, 0, ""},
		{"a count changed", func(w *fixture) { w.bought[contoso][premium] = 14 }, 1, "14/14/14"},
		{"a person edited the line", func(w *fixture) { w.lines[string(contoso)+"/"+premium] = "20" }, 1, "12/12/20"},
		{"the source did not prove the customer", func(w *fixture) { w.unproven[contoso] = errors.New("no access") }, 1,
			"?/?/? (the source did not prove this complete: no access)"},
		{"a state of a syncd that kept no digest", func(w *fixture) { w.setLedger("") }, 1, ""},
		{"a digest of something else", func(w *fixture) { w.setLedger("0f") }, 1, ""},
		{"a run that ended after a write", func(w *fixture) {
			last := w.openSpan(contoso, premium)
			last.From, last.Billed = w.now.Add(time.Second), "13"
			w.commit(&state.Commit{Scope: last.Scope, Spans: []state.Span{last}})
		}, 1, "12/12/13 12/12/12"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newFixture(t)
			w.converge()
			w.apply()
			w.later(time.Minute)
			tt.do(w)
			reads := &ledgerReads{Store: w.store}
			w.engine.Store = reads
			w.apply()
			if got := reads.n.Load(); got != tt.reads {
				t.Errorf("got the ledgers of %d customers read, want %d", got, tt.reads)
			}
			want := strings.TrimSpace("12/12/0 12/12/12 " + tt.want)
			if got := w.ledger(string(contoso), premium); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func (w *fixture) commit(c *state.Commit) {
	w.t.Helper()
	if err := w.store.Commit(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
}

// openSpan is the span of a customer's SKU that lasts.
func (w *fixture) openSpan(customer directory.TenantID, sku string) state.Span {
	w.t.Helper()
	spans, err := w.store.OpenSpans(w.t.Context(), plan.Scope{Customer: string(customer), Target: w.spec.Name})
	if err != nil {
		w.t.Fatal(err)
	}
	return spans[slices.IndexFunc(spans, func(s state.Span) bool { return s.Key.ID == sku })]
}

// setLedger stores another digest of what was seen of Contoso.
func (w *fixture) setLedger(digest string) {
	w.t.Helper()
	m, err := w.store.Recall(w.t.Context(), plan.Scope{Customer: string(contoso), Target: w.spec.Name})
	if err != nil {
		w.t.Fatal(err)
	}
	m.Cursor.Ledger = digest
	w.commit(&state.Commit{Scope: m.Cursor.Scope, Cursor: m.Cursor})
}

func TestWhatIsKnownAgainIsInTheLedgerAtOnce(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.unproven[contoso] = errors.New("no access")
	w.apply()
	w.unproven[contoso] = errors.New("another reason") // which is no other number
	w.apply()
	delete(w.unproven, contoso)
	w.apply()
	if got, want := w.ledger(string(contoso), premium), "12/12/0 12/12/12 ?/?/? (the source did not prove this complete: no access) 12/12/12"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What a clock dated that was ahead hides nothing of what is seen once it is right again, and
// since when it was ahead nobody knows.
func TestAClockThatWasAheadHidesNothingInTheLedger(t *testing.T) {
	w := newFixture(t)
	w.converge()
	right := w.now
	w.now = right.AddDate(0, 0, 40)
	w.bought[contoso][premium] = 14
	w.apply()
	for _, then := range []struct {
		name   string
		bought int
		want   string
	}{
		{"it is right again, and nothing changed", 14, "12/12/0 12/12/12 ?/?/? (the clock was ahead, and was right again on 2026-11-22) 14/14/14"},
		{"more is bought", 15, "12/12/0 12/12/12 ?/?/? (the clock was ahead, and was right again on 2026-11-22) 14/14/14 15/15/15"},
	} {
		right = right.AddDate(0, 0, 1)
		w.now, w.bought[contoso][premium] = right, then.bought
		w.apply()
		if got := w.ledger(string(contoso), premium); got != then.want {
			t.Errorf("%s: got %s, want %s", then.name, got, then.want)
		}
	}
	for s, err := range w.store.Spans(t.Context(), state.SpanFilter{}) {
		if err != nil || s.From.After(right.Add(clockSlack)) {
			t.Errorf("got a span from %s, %v", s.From, err)
		}
	}
	if _, err := w.store.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOnlyRunsThatApplyKeepTheLedger(t *testing.T) {
	w := newFixture(t)
	for _, mode := range []Mode{PlanOnly, HoldOnly} {
		w.run(mode)
		if got := w.ledger(string(contoso), premium); got != "" {
			t.Errorf("got %s after a run that does not apply", got)
		}
	}
	w.converge()
	w.bought[contoso][premium], w.bought[contoso][e3] = 14, 5
	w.run(Apply, func(s *Selection) { s.Only, s.Customer = premium, string(contoso) })
	for sku, want := range map[string]string{premium: "12/12/0 12/12/12 14/14/14", e3: "3/3/0 3/3/3"} {
		if got := w.ledger(string(contoso), sku); got != want {
			t.Errorf("of %s: got %s, want %s", sku, got, want)
		}
	}
}

// What was left at the target and what the ledger says of it are one step: who is
// killed between two changes finds both or neither.
func TestAWriteAndItsSpanAreOneStep(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.bought[contoso][premium], w.bought[contoso][e3] = 14, 5
	var first, ledger string
	w.fail = func(ch plan.Change) (bool, error) {
		if first == "" {
			first = ch.Key.ID
			return true, nil
		}
		ledger = w.ledger(string(contoso), first) // the second change was announced
		return true, nil
	}
	w.apply()
	if want := map[string]string{premium: "12/12/0 12/12/12 14/14/14", e3: "3/3/0 3/3/3 5/5/5"}[first]; ledger != want {
		t.Errorf("got %s after the first of two writes, want %s", ledger, want)
	}
}

func TestTheLedgerForgetsWhatEndedLongAgo(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.engine.LedgerMonths = 3
	w.later(80 * 24 * time.Hour)
	w.bought[contoso][premium] = 14
	w.apply()
	w.later(80 * 24 * time.Hour) // the first span ended 160 days ago, the second 80
	w.run(Apply, func(s *Selection) { s.Customer = string(fabrikam) })
	if got, want := w.ledger(string(contoso), premium), "12/12/0 12/12/12 14/14/14"; got != want {
		t.Errorf("after a run about somebody else: got %s, want %s", got, want)
	}
	w.apply()
	if got, want := w.ledger(string(contoso), premium), "12/12/12 14/14/14"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// later is what waiting does.
func (w *fixture) later(d time.Duration) {
	w.clock.Lock()
	defer w.clock.Unlock()
	w.now = w.now.Add(d)
}

// A billing admin reads the same table as the program.
func TestTheLedgersTableIsThatOfTheDocumentation(t *testing.T) {
	source, err := os.ReadFile("ledger.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/money.md")
	if err != nil {
		t.Fatal(err)
	}
	table := ""
	for line := range strings.Lines(string(source)) {
		if row, ok := strings.CutPrefix(line, "//\t"); ok {
			table += row
		}
	}
	if strings.Count(table, "\n") < 9 || !strings.Contains(string(page), "```\n"+table+"```\n") {
		t.Errorf("docs/money.md lacks the table of ledger.go:\n%s", table)
	}
}
