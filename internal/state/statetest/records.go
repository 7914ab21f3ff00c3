package statetest

import (
	"slices"
	"testing"

	"syncd/internal/plan"
	"syncd/internal/state"
)

func (s *suite) records(t *testing.T) {
	t.Run("an unknown scope gives an empty memory", func(t *testing.T) {
		m := recall(t, s.emptyStore(t), contoso)
		wantEqual(t, "memory", m, &state.Memory{})
	})
	t.Run("everything of a scope comes back as it was stored, also after the store was closed", func(t *testing.T) {
		path := name(t)
		store := openForTest(t, s.open, path)
		pending := record("addition", "b", "2").Object
		awkward := plan.Record{Object: plan.Object{Key: key("group", "ä/\"\\\n"), Retired: true,
			Fields: plan.Fields{{Name: "members", Value: plan.Value{"a", "b"}}, {Name: "none", Value: plan.Value{}}, {Name: "text", Value: plan.Value{""}}}},
			Pending: &pending}
		commit(t, store, &state.Commit{Scope: contoso, Put: []plan.Record{record("addition", "a", "1"), awkward},
			Cursor: cursor(contoso, 2), Hold: hold(contoso, "d1", 6)})
		word := settlement(contoso, key("addition", "a"), plan.SettleAccept)
		if err := store.Settle(t.Context(), contoso, word.Key, word); err != nil {
			t.Fatalf("settling: %v", err)
		}
		want := &state.Memory{Records: []plan.Record{record("addition", "a", "1"), awkward}, Cursor: cursor(contoso, 2),
			Hold: hold(contoso, "d1", 6), Settlements: []state.Settlement{*word}}
		got := recall(t, store, contoso)
		wantEqual(t, "memory", got, want)
		wantUTC(t, "memory", got.Records[0].At, got.Cursor.At, got.Cursor.InStepAt, got.Hold.Since, got.Settlements[0].At)

		store = reopen(t, s.open, store, path)
		wantEqual(t, "memory after opening again", recall(t, store, contoso), want)
	})
	t.Run("records are sorted by key, whatever the order in which they came", func(t *testing.T) {
		store := s.emptyStore(t)
		ids := []string{"b", "a-", "a", "ab", "é", "Z", "a/b", "10", "9"}
		var put []plan.Record
		for _, kind := range []string{"user", "group", "user-x"} {
			for _, id := range ids {
				put = append(put, record(kind, id, "1"))
			}
		}
		commit(t, store, &state.Commit{Scope: contoso, Put: put})
		slices.SortFunc(put, func(a, b plan.Record) int { return a.Key.Compare(b.Key) })
		wantEqual(t, "records", recall(t, store, contoso).Records, put)
	})
	t.Run("scopes whose names begin alike do not see one another", func(t *testing.T) {
		store := s.emptyStore(t)
		scopes := []plan.Scope{{Customer: "a", Target: "b"}, {Customer: "a", Target: "bb"}, {Customer: "ab", Target: "b"}, {Customer: "aa", Target: "b"}}
		for _, scope := range scopes {
			k := key("user", scope.String())
			commit(t, store, &state.Commit{Scope: scope, Put: []plan.Record{{Object: plan.Object{Key: k}}}})
			if err := store.Settle(t.Context(), scope, k, settlement(scope, k, plan.SettleIgnore)); err != nil {
				t.Fatalf("settling: %v", err)
			}
		}
		for _, scope := range scopes {
			m := recall(t, store, scope)
			if len(m.Records) != 1 || m.Records[0].ID != scope.String() || len(m.Settlements) != 1 || m.Settlements[0].Key.ID != scope.String() {
				t.Errorf("%s: got records %v and settlements %v, want one of its own each", scope, m.Records, m.Settlements)
			}
		}
	})
	t.Run("a record is replaced whole and dropped by key; dropping what is not there is no error", func(t *testing.T) {
		store := s.emptyStore(t)
		commit(t, store, &state.Commit{Scope: contoso, Put: []plan.Record{record("user", "a", "1"), record("user", "b", "1"), record("user", "c", "1")}})
		bare := plan.Record{Object: plan.Object{Key: key("user", "b")}}
		commit(t, store, &state.Commit{Scope: contoso, Put: []plan.Record{bare}, Drop: []plan.Key{key("user", "c"), key("user", "none")}})
		wantEqual(t, "records", recall(t, store, contoso).Records, []plan.Record{record("user", "a", "1"), bare})

		commit(t, store, &state.Commit{Scope: contoso, Drop: []plan.Key{key("user", "a"), key("user", "b")}})
		wantEqual(t, "records after all were dropped", recall(t, store, contoso).Records, []plan.Record(nil))
		commit(t, store, &state.Commit{Scope: contoso, Put: []plan.Record{bare}})
		wantEqual(t, "records after one came back", recall(t, store, contoso).Records, []plan.Record{bare})
	})
	t.Run("a scope of thousands of records comes back whole", func(t *testing.T) {
		store := s.emptyStore(t)
		var put []plan.Record
		for i := range 3000 {
			r := record("user", padded(i), padded(i))
			r.At = r.At.UTC() // as it comes back, so that comparing thousands costs little
			put = append(put, r)
		}
		commit(t, store, &state.Commit{Scope: contoso, Put: put})
		wantEqual(t, "records", recall(t, store, contoso).Records, put)
	})
}

func (s *suite) commits(t *testing.T) {
	t.Run("a key that is dropped and put in one commit stays", func(t *testing.T) {
		store := s.emptyStore(t)
		c := &state.Commit{Scope: contoso, Put: []plan.Record{record("user", "a", "1")}, Drop: []plan.Key{key("user", "a")}}
		commit(t, store, c)
		commit(t, store, c)
		wantEqual(t, "records", recall(t, store, contoso).Records, c.Put)
	})
	t.Run("nil leaves the cursor and the hold as they are", func(t *testing.T) {
		store := s.emptyStore(t)
		commit(t, store, &state.Commit{Scope: contoso, Cursor: cursor(contoso, 1), Hold: hold(contoso, "d1", 6)})
		commit(t, store, &state.Commit{Scope: contoso, Put: []plan.Record{record("user", "a", "1")}})
		m := recall(t, store, contoso)
		wantEqual(t, "cursor", m.Cursor, cursor(contoso, 1))
		wantEqual(t, "hold", m.Hold, hold(contoso, "d1", 6))
	})
	t.Run("a commit of nothing changes nothing", func(t *testing.T) {
		store := s.emptyStore(t)
		commit(t, store)
		commit(t, store, &state.Commit{Scope: contoso})
		wantEqual(t, "memory", recall(t, store, contoso), &state.Memory{})
	})
	t.Run("several scopes go in together, the same one twice in the order given", func(t *testing.T) {
		store := s.emptyStore(t)
		commit(t, store,
			&state.Commit{Scope: contoso, Put: []plan.Record{record("user", "a", "1")}, Entries: []state.Entry{entry(contoso, "01J1", "first")}},
			&state.Commit{Scope: fabrikam, Cursor: cursor(fabrikam, 4), Entries: []state.Entry{entry(fabrikam, "01J1", "second")}},
			&state.Commit{Scope: contoso, Put: []plan.Record{record("user", "a", "2")}, Entries: []state.Entry{entry(contoso, "01J1", "third")}})
		wantEqual(t, "records", recall(t, store, contoso).Records, []plan.Record{record("user", "a", "2")})
		wantEqual(t, "cursor", recall(t, store, fabrikam).Cursor, cursor(fabrikam, 4))
		wantEqual(t, "journal", labels(collect(t, store.Journal(t.Context(), state.JournalFilter{}))), []string{"third", "second", "first"})
	})
	t.Run("a commit that cannot be stored whole is not stored at all", func(t *testing.T) {
		// JSON, and most databases, end at the year 9999.
		far := record("user", "b", "1")
		far.At = far.At.AddDate(9000, 0, 0)
		late := entry(contoso, "01J1", "late")
		late.At = late.At.AddDate(9000, 0, 0)
		good := func() *state.Commit {
			return &state.Commit{Scope: fabrikam, Put: []plan.Record{record("user", "a", "1")}, Cursor: cursor(fabrikam, 1),
				Hold: hold(fabrikam, "d1", 6), Entries: []state.Entry{entry(fabrikam, "01J1", "first")}}
		}
		for what, bad := range map[string]*state.Commit{
			"a record that cannot be written": {Scope: contoso, Put: []plan.Record{record("user", "a", "1"), far}},
			"a line that cannot be written":   {Scope: contoso, Put: []plan.Record{record("user", "a", "1")}, Cursor: cursor(contoso, 1), Entries: []state.Entry{entry(contoso, "01J1", "first"), late}},
			"a cursor of another scope":       {Scope: contoso, Put: []plan.Record{record("user", "a", "1")}, Cursor: cursor(fabrikam, 1)},
			"a hold of another scope":         {Scope: contoso, Put: []plan.Record{record("user", "a", "1")}, Hold: hold(fabrikam, "d1", 6)},
			"a line of another scope":         {Scope: contoso, Put: []plan.Record{record("user", "a", "1")}, Entries: []state.Entry{entry(fabrikam, "01J1", "first")}},
			"a scope without a name":          {Put: []plan.Record{record("user", "a", "1")}},
		} {
			t.Run(what, func(t *testing.T) {
				store := s.emptyStore(t)
				if err := store.Commit(t.Context(), good(), bad); err == nil {
					t.Fatal("got no error")
				}
				wantEqual(t, "memory of the scope", recall(t, store, contoso), &state.Memory{})
				wantEqual(t, "memory of the one beside it", recall(t, store, fabrikam), &state.Memory{})
				wantEqual(t, "journal", collect(t, store.Journal(t.Context(), state.JournalFilter{})), []state.Entry(nil))
				commit(t, store, good())
				if n, err := store.Verify(t.Context()); err != nil || n.Entries != 1 {
					t.Errorf("got %+v, %v after the next commit, want one line and no error", n, err)
				}
			})
		}
	})
	t.Run("what was given is left as it was", func(t *testing.T) {
		store := s.emptyStore(t)
		c := &state.Commit{Scope: contoso, Put: []plan.Record{record("user", "a", "1")}, Cursor: cursor(contoso, 1),
			Hold: hold(contoso, "d1", 6), Entries: []state.Entry{entry(contoso, "01J1", "first")}}
		commit(t, store, c)
		wantEqual(t, "commit", c, &state.Commit{Scope: contoso, Put: []plan.Record{record("user", "a", "1")}, Cursor: cursor(contoso, 1),
			Hold: hold(contoso, "d1", 6), Entries: []state.Entry{entry(contoso, "01J1", "first")}})
	})
}
