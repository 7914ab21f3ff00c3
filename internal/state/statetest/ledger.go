package statetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"syncd/internal/plan"
	"syncd/internal/state"
)

func span(scope plan.Scope, id, billed string, from int) state.Span {
	return state.Span{Scope: scope, Key: key("addition", id), From: at(from), Known: true, Product: "O365_BUSINESS_PREMIUM", Label: "Business Premium <é>",
		Purchased: "17", Assigned: "16", Due: "17", Billed: billed, Price: "22.00", Currency: "USD", LessIncluded: "0", Cycle: "1", Ref: "55/910",
		Agreement: "55", AgreementName: "Managed & more", NextInvoice: "2026-12-01",
		Rules:    []state.SpanRule{{SKU: "cbdc14ab", Part: "SPB", Name: "Business Premium", Product: "O365_BUSINESS_PREMIUM", Count: "purchased", Minimum: "5", Status: "bill"}},
		Override: &state.SpanOverride{Quantity: "17", Until: at(9000).UTC(), Reason: "agreed", By: "ada"}, Names: []string{"a@contoso.example", "b@contoso.example"},
		Subscriptions: []state.SpanSubscription{{ID: "s1", CommerceID: "c1", SKU: "cbdc14ab", Status: "Enabled", State: "enabled", Units: "17", Created: at(-900).UTC(), Until: at(9000).UTC()}},
		Proof:         state.SpanProof{Source: "cipp", Endpoint: "ListGraphBulkRequest", TakenAt: at(from).UTC(), AsOf: at(from).UTC(), Rows: 3, Digest: "5ou", Run: "01J1"}}
}

// during is a span as it comes back: it lasted from one minute to another.
func during(s state.Span, to int) state.Span {
	s.From = s.From.UTC()
	if to >= 0 {
		s.To = at(to).UTC()
	}
	return s
}

const lasts = -1

func (s *suite) ledger(t *testing.T) {
	put := func(spans ...state.Span) *state.Commit { return &state.Commit{Scope: contoso, Spans: spans} }
	t.Run("a span lasts until another of its product begins, and what lasts is remembered", func(t *testing.T) {
		path := name(t)
		store := openForTest(t, s.open, path)
		a, b := span(contoso, "a", "12", 1), span(contoso, "b", "3", 1)
		commit(t, store, put(a, b))
		a2 := span(contoso, "a", "14", 60)
		commit(t, store, put(a2))
		want := []state.Span{during(a, 60), during(a2, lasts), during(b, lasts)}
		wantEqual(t, "ledger", collect(t, store.Spans(t.Context(), state.SpanFilter{})), want)
		wantEqual(t, "what lasts", openSpans(t, store, contoso), want[1:])
		store = reopen(t, s.open, store, path)
		got := collect(t, store.Spans(t.Context(), state.SpanFilter{}))
		wantEqual(t, "ledger after opening again", got, want)
		wantUTC(t, "span", got[0].From, got[0].To)
		wantEqual(t, "what lasts of another", openSpans(t, store, fabrikam), []state.Span(nil))
		n, err := store.Verify(t.Context())
		if want := (state.Counts{Spans: 3}); err != nil || n != want {
			t.Errorf("got %+v, %v, want %+v", n, err, want)
		}
	})
	t.Run("an ending ends what lasts, and a span after it leaves a gap", func(t *testing.T) {
		store := s.emptyStore(t)
		a, again := span(contoso, "a", "12", 1), span(contoso, "a", "12", 90)
		commit(t, store, put(a))
		end := &state.Commit{Scope: contoso, Ends: []state.Ending{{Key: a.Key, At: at(60)}, {Key: key("addition", "never was"), At: at(60)}}}
		commit(t, store, end)
		commit(t, store, end) // what is over ends no second time
		wantEqual(t, "what lasts", openSpans(t, store, contoso), []state.Span(nil))
		commit(t, store, put(again))
		wantEqual(t, "ledger", collect(t, store.Spans(t.Context(), state.SpanFilter{})), []state.Span{during(a, 60), during(again, lasts)})
	})
	t.Run("a commit that changes spans and has no cursor empties what the cursor says of the ledger", func(t *testing.T) {
		a := span(contoso, "a", "12", 1)
		for what, c := range map[string]*state.Commit{
			"a span": put(a), "an ending": {Scope: contoso, Ends: []state.Ending{{Key: a.Key, At: at(60)}}},
		} {
			store := s.emptyStore(t)
			saw := cursor(contoso, 1)
			saw.Ledger = "1ed9e4"
			other := cursor(fabrikam, 1)
			other.Ledger = "1ed9e4"
			commit(t, store, &state.Commit{Scope: contoso, Cursor: saw, Spans: []state.Span{span(contoso, "b", "3", 1)}}, &state.Commit{Scope: fabrikam, Cursor: other})
			wantEqual(t, "the ledger that was seen", recall(t, store, contoso).Cursor.Ledger, "1ed9e4")
			commit(t, store, &state.Commit{Scope: contoso, ClearHold: true})
			wantEqual(t, "after a commit without spans", recall(t, store, contoso).Cursor.Ledger, "1ed9e4")
			commit(t, store, c)
			wantEqual(t, "after "+what, recall(t, store, contoso).Cursor.Ledger, "")
			wantEqual(t, "after "+what+", of another", recall(t, store, fabrikam).Cursor.Ledger, "1ed9e4")
		}
	})
	t.Run("a clock that went back takes nothing away and turns no time around", func(t *testing.T) {
		store := s.emptyStore(t)
		for i, from := range []int{60, 1, 60} {
			commit(t, store, put(span(contoso, "a", padded(i), from)))
		}
		commit(t, store, &state.Commit{Scope: contoso, Ends: []state.Ending{{Key: key("addition", "a"), At: at(2)}}})
		commit(t, store, put(span(contoso, "a", padded(3), 3)))
		got := collect(t, store.Spans(t.Context(), state.SpanFilter{}))
		if len(got) != 4 {
			t.Fatalf("got %d spans, want 4", len(got))
		}
		for i, x := range got {
			if x.Billed != padded(i) {
				t.Errorf("span %d: got %s, want %s", i, x.Billed, padded(i))
			}
			if i > 0 && !x.From.Equal(got[i-1].To) {
				t.Errorf("span %d begins at %s, want %s, when the one before it ended", i, x.From, got[i-1].To)
			}
		}
		if _, err := store.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("what a clock dated that was ahead goes, and is unknown since it was right", func(t *testing.T) {
		store := s.emptyStore(t)
		a, b := span(contoso, "a", "12", 1), span(contoso, "b", "3", 1)
		commit(t, store, put(a, b), put(span(contoso, "a", "14", 900), span(contoso, "b", "4", 40)), put(span(contoso, "a", "15", 950)))
		now := span(contoso, "a", "16", 90)
		commit(t, store, &state.Commit{Scope: contoso, Misdated: []state.Misdated{{Key: a.Key, Since: at(60), Now: at(90), Why: "ahead", Run: "01J9"},
			{Key: b.Key, Since: at(60), Now: at(90), Why: "ahead"}, {Key: key("addition", "never was"), Since: at(60), Now: at(90)}}, Spans: []state.Span{now}})
		last := span(contoso, "a", "15", 950)
		unknown := last.Unknown(at(60), "ahead", "01J9")
		wantEqual(t, "ledger", collect(t, store.Spans(t.Context(), state.SpanFilter{})),
			[]state.Span{during(a, 60), during(unknown, 90), during(now, lasts), during(b, 40), during(span(contoso, "b", "4", 40), lasts)})
		if _, err := store.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("what cannot be stored whole is not stored at all", func(t *testing.T) {
		store := s.emptyStore(t)
		far, bad, foreign, never := span(contoso, "b", "1", 1), span(contoso, "a\x00b", "1", 1), span(fabrikam, "a", "1", 1), span(contoso, "a", "1", 1)
		far.From, never.From = far.From.AddDate(9000, 0, 0), time.Time{}
		for what, c := range map[string]*state.Commit{"a day that cannot be written": put(span(contoso, "a", "1", 1), far), "a key with a NUL": put(bad),
			"a span of another scope": put(foreign), "a span that begins on no day": put(never)} {
			if err := store.Commit(t.Context(), c); err == nil {
				t.Errorf("%s: got no error", what)
			}
		}
		wantEqual(t, "ledger", collect(t, store.Spans(t.Context(), state.SpanFilter{})), []state.Span(nil))
	})
	t.Run("filters", s.spanFilters)
	t.Run("pruning", func(t *testing.T) {
		store := s.emptyStore(t)
		a, a2, a3, b := span(contoso, "a", "12", 1), span(contoso, "a", "14", 60), span(contoso, "a", "15", 90), span(fabrikam, "b", "3", 1)
		commit(t, store, put(a), put(a2), put(a3), &state.Commit{Scope: fabrikam, Spans: []state.Span{b}})
		for _, step := range []struct{ before, want int }{{60, 0}, {61, 1}, {61, 0}, {9000, 1}} {
			if n, err := store.Prune(t.Context(), state.Retention{Now: at(step.before), Before: at(step.before)}); err != nil || n != (state.Pruned{Spans: step.want}) {
				t.Errorf("before %d: got %+v, %v, want %d spans", step.before, n, err, step.want)
			}
		}
		wantEqual(t, "ledger", collect(t, store.Spans(t.Context(), state.SpanFilter{})), []state.Span{during(a3, lasts), during(b, lasts)})
	})
}

func (s *suite) spanFilters(t *testing.T) {
	store := s.emptyStore(t)
	// Customers and products whose names begin alike; each with a span an hour, one with more than a page of them.
	scopes := []plan.Scope{{Customer: "a", Target: "x"}, {Customer: "a!", Target: "x"}, {Customer: "ab", Target: "x"}}
	ids := []string{"p", "p+q", "p@q"}
	const most = 300
	var all []state.Span
	for _, scope := range scopes {
		for _, id := range ids {
			c := &state.Commit{Scope: scope}
			hours := 60
			if scope.Customer == "a" && id == "p" {
				hours = most
			}
			for h := range hours {
				one := span(scope, id, fmt.Sprint(h), h*60)
				c.Spans = append(c.Spans, one)
				to := (h + 1) * 60
				if h == hours-1 {
					to = lasts
				}
				all = append(all, during(one, to))
			}
			commit(t, store, c)
		}
	}
	for what, f := range map[string]state.SpanFilter{
		"everything":                {},
		"a customer":                {Customer: "a"},
		"a customer's product":      {Customer: "a", Key: key("addition", "p")},
		"one that nobody has":       {Customer: "b"},
		"some hours":                {Customer: "a!", From: at(61), To: at(200)},
		"from the very moment":      {From: at(60), To: at(120)},
		"before the first":          {To: at(0)},
		"before the first, from":    {From: at(-100), To: at(-50)},
		"from before the first":     {From: at(-100), To: at(1)},
		"what came last":            {From: at(most * 60)},
		"a product after some hour": {Customer: "ab", Key: key("addition", "p@q"), From: at(130)},
		"a product up to some hour": {Customer: "ab", Key: key("addition", "p+q"), To: at(130)},
		"the first of each":         {First: true},
		"a customer's first":        {First: true, Customer: "a!", From: at(500)},
	} {
		var want []state.Span
		for _, x := range all {
			if (f.Customer == "" || f.Customer == x.Scope.Customer) && (f.Key == (plan.Key{}) || f.Key == x.Key) &&
				(f.First && x.Billed == "0" || !f.First && x.Within(f.From, f.To)) {
				want = append(want, x)
			}
		}
		got := collect(t, store.Spans(t.Context(), f))
		if !slices.EqualFunc(got, want, func(a, b state.Span) bool {
			return a.Same(&b) && a.From.Equal(b.From) && a.To.Equal(b.To) && a.Scope == b.Scope
		}) {
			t.Errorf("%s: got %d spans, want %d, in order", what, len(got), len(want))
		}
	}
	breakAfter(t, "spans", store.Spans(t.Context(), state.SpanFilter{}), 500)
}
