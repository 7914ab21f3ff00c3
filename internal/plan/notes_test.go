package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

// words are a plan's changes and violations as text.
func words(p *Plan) string {
	var lines []string
	for i := range p.Changes {
		c := &p.Changes[i]
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s: %s %s", c.Action, c.Key.ID, c.Reason, c.Held)))
	}
	for _, v := range p.Violations {
		text := v.Code + ": " + v.Message
		if v.Note {
			text = "note " + text
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

// The rows of the table that ask for more than the three sides, with every word
// that a person reads of them.
// idle is an invoice line that bills no more.
func idle(o *Object) *Object {
	o.Billing = &Billing{Idle: "agreement 501 is cancelled"}
	return o
}

func TestNotesAndHoldsInWords(t *testing.T) {
	now := time.Date(2026, 11, 30, 6, 0, 0, 0, time.UTC)
	patient := additions(Hold, true)
	patient[0].Leavers = &Leavers{Absences: 3, After: 7 * 24 * time.Hour}
	never := additions(Hold, true)
	never[0].Leavers = &Leavers{Never: true}
	free := additions(Hold, true)
	free[0].Delta = nil
	worded := additions(Hold, false)
	worded[0].Missing = func(o *Object) Violation {
		return Violation{Code: "addition_missing", Message: o.Label + " is not on the agreement"}
	}
	absent := func(times int, since time.Time) *Record {
		r := recorded(line("3"))
		r.Absences, r.AbsentSince = times, since
		return r
	}
	formerly := recorded(another())
	formerly.FormerRefs = []string{line("3").Ref}
	restoredAgain := recorded(line("3"))
	restoredAgain.PutBack = map[string]int{"quantity": 2}
	restoredOnce := recorded(line("3"))
	restoredOnce.PutBack = map[string]int{"quantity": 1}
	for _, c := range []struct {
		name              string
		kinds             []Kind
		desired, observed *Object
		record            *Record
		unmanaged         []Object
		conflicts         []Conflict
		handsOff          map[Key]string
		inStep, foreign   int
		absent            int
		want              string
	}{
		{name: "missing, in a plain sentence", kinds: additions(Hold, false), desired: line("3"),
			want: "note missing: Premium is not at the target and is not created: quantity 3"},
		{name: "missing, in the kind's own words", kinds: worded, desired: line("3"),
			want: "note addition_missing: Premium is not on the agreement"},
		{name: "sent twice", kinds: additions(Hold, true), desired: line("3"), record: sentTwice(),
			want: "create sku: an earlier attempt left nothing sent_twice\n" +
				"sent_twice: Premium was sent twice, no answer came, and it is not there; find out why at the target, then syncd matches retry"},
		{name: "another in its place", kinds: additions(Hold, true), desired: line("3"), observed: another(), record: recorded(line("3")),
			want: "adopt sku: another at target another_at_target\n" +
				"another_at_target: Premium was 55/910 at the target and is now 55/940; approve to take that one on (55/910 is left as it is), or repair it there"},
		{name: "edited and gone from the source", kinds: additions(Hold, true), observed: line("5"), record: recorded(line("3")),
			want: "delete sku: changed at both changed_at_target\n" +
				"changed_at_target: Premium was edited at the target since our last write and is now gone from the source; approve to take it back"},
		{name: "edited to nothing", kinds: free, desired: line("3"), observed: line(""), record: recorded(line("3")),
			want: "update sku: changed at target changed_at_target\n" +
				"changed_at_target: Premium was edited at the target since our last write: quantity is nothing, ours would be 3; " +
				"approve to overwrite the edit, or tell syncd to leave it alone (syncd matches ignore)"},
		{name: "restored for the second time in a row", kinds: additions(Restore, true), desired: line("3"), observed: line("5"), record: restoredOnce,
			want: "update sku: changed at target"},
		{name: "restored for the third time in a row", kinds: additions(Restore, true), desired: line("3"), observed: line("5"), record: restoredAgain,
			want: "update sku: changed at target\n" +
				"note put_back: Premium: somebody changes it every time, and syncd puts it back: quantity (5, put back to 3, 3 times in a row); " +
				"find out who writes it, or let it be theirs (who owns a field is configured)"},
		{name: "absent for the first time", kinds: patient, observed: line("3"), record: recorded(line("3")), absent: 1,
			want: "note leaving: Premium is gone from the source: absent 1 of 3 times, since 2026-11-30; dealt with from 2026-12-07 on"},
		{name: "absent often enough, and not long enough", kinds: patient, observed: line("3"), record: absent(5, now.AddDate(0, 0, -6)), absent: 1,
			want: "note leaving: Premium is gone from the source: absent 6 of 3 times, since 2026-11-24; dealt with from 2026-12-01 on"},
		{name: "absent long enough, and not often enough", kinds: patient, observed: line("3"), record: absent(1, now.AddDate(0, 0, -9)), absent: 1,
			want: "note leaving: Premium is gone from the source: absent 2 of 3 times, since 2026-11-21; dealt with from 2026-11-28 on"},
		{name: "absent long and often enough", kinds: patient, observed: line("3"), record: absent(2, now.AddDate(0, 0, -7)),
			want: "delete sku: gone from source"},
		{name: "absent, of a kind that is never retired", kinds: never, observed: line("3"), record: absent(9, now.AddDate(-1, 0, 0)), inStep: 1},
		{name: "managed no longer, and there", kinds: additions(Hold, true), record: recorded(line("3")), unmanaged: []Object{*line("3")},
			want: "note left_behind: Premium (55/910, quantity 3) lives on and is no longer kept in step: a rule or a link changed; " +
				"end it at the target if nobody is to pay for it any more"},
		{name: "managed no longer, and desired anew", kinds: additions(Hold, true), desired: line("4"), record: recorded(line("3")), unmanaged: []Object{*line("3")},
			want: "create sku: new at source\n" +
				"note left_behind: Premium (55/910, quantity 3) lives on and is no longer kept in step: a rule or a link changed; " +
				"end it at the target if nobody is to pay for it any more"},
		{name: "a former object of the record is there, beside the present one", kinds: additions(Hold, true), desired: another(), observed: another(), record: formerly,
			unmanaged: []Object{*line("3")}, inStep: 1,
			want: "note left_behind: Premium (55/910, quantity 3) lives on and is no longer kept in step: a rule or a link changed; " +
				"end it at the target if nobody is to pay for it any more"},
		{name: "a former object of the record is there, and bills no more", kinds: additions(Hold, true), desired: another(), observed: another(), record: formerly,
			unmanaged: []Object{*idle(line("3"))}, inStep: 1},
		{name: "managed no longer, there, and bills no more", kinds: additions(Hold, true), record: recorded(line("3")), unmanaged: []Object{*idle(line("3"))}},
		{name: "an unmanaged object of another record", kinds: additions(Hold, true), desired: another(), observed: another(), record: recorded(another()),
			unmanaged: []Object{*line("3")}, inStep: 1},
		{name: "in conflict", kinds: additions(Hold, true), desired: line("3"), observed: line("5"), record: recorded(line("4")),
			conflicts: []Conflict{{Key: line("3").Key, Violation: Violation{Code: "duplicate_lines", Key: "sku", Message: "two lines"}}},
			want:      "duplicate_lines: two lines"},
		{name: "hands off, with the reason", kinds: additions(Hold, true), desired: line("3"), observed: line("5"), record: recorded(line("4")),
			handsOff: map[Key]string{line("3").Key: "agreed with the customer"},
			want:     "note hands_off: Premium is left alone: agreed with the customer"},
		{name: "hands off, of what nobody gave a name", kinds: additions(Hold, true), observed: &Object{Key: line("3").Key},
			handsOff: map[Key]string{line("3").Key: "agreed"},
			want:     "note hands_off: it is left alone: agreed"},
		{name: "hands off hides the conflict", kinds: additions(Hold, true), desired: line("3"),
			conflicts: []Conflict{{Key: line("3").Key, Violation: Violation{Code: "duplicate_lines", Key: "sku", Message: "two lines"}}},
			handsOff:  map[Key]string{line("3").Key: "agreed"}},
		{name: "foreign", kinds: additions(Hold, true), observed: line("3"), foreign: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Sides{Now: now, Unmanaged: c.unmanaged, Conflicts: c.conflicts, HandsOff: c.handsOff}
			if c.desired != nil {
				s.Desired = []Object{*c.desired}
			}
			if c.observed != nil {
				s.Observed = []Object{*c.observed}
			}
			if c.record != nil {
				s.Records = []Record{*c.record}
			}
			p, err := Make(testScope, c.kinds, s)
			if err != nil {
				t.Fatal(err)
			}
			if got := words(p); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if p.InStep != c.inStep || p.Foreign != c.foreign || len(p.Absent) != c.absent {
				t.Errorf("got %d in step, %d foreign, %d absent; want %d, %d, %d", p.InStep, p.Foreign, len(p.Absent), c.inStep, c.foreign, c.absent)
			}
			for _, v := range p.Violations {
				if v.Kind != "addition" || v.Key != "sku" {
					t.Errorf("%s is about %q %q, want addition sku", v.Code, v.Kind, v.Key)
				}
			}
		})
	}
}

// A target that keeps nothing of a deleted object: what is announced is that the
// object is gone, and the next run finds out whether it is.
func TestADeletionThatWasNeverAnswered(t *testing.T) {
	kinds := []Kind{{Name: "addition", MayCreate: true}}
	p, err := Make(testScope, kinds, Sides{Observed: []Object{*line("3")}, Records: []Record{*recorded(line("3"))}})
	if err != nil || words(p) != "delete sku: gone from source" {
		t.Fatalf("got %s, %v", words(p), err)
	}
	c := &p.Changes[0]
	if c.After != nil || len(c.Fields) > 0 {
		t.Errorf("the target keeps %+v, %+v; want nothing", c.After, c.Fields)
	}
	record := c.Announced(recorded(line("3")))
	if r := record.Pending; r == nil || !r.Retired || r.Ref != "55/910" || len(r.Fields) > 0 || record.Fields.Text("quantity") != "3" {
		t.Errorf("announced as %+v of %+v, want the line retired, and remembered as it was", record.Pending, record.Object)
	}
	for _, c := range []struct {
		name     string
		observed []Object
		want     string
		dropped  int
	}{
		{"it never arrived", []Object{*line("3")}, "delete sku: gone from source", 0},
		{"it got through", nil, "", 1},
	} {
		p, err := Make(testScope, kinds, Sides{Observed: c.observed, Records: []Record{record}})
		if err != nil || words(p) != c.want || len(p.Dropped) != c.dropped {
			t.Errorf("%s: got %q, %d records dropped, %v; want %q, %d", c.name, words(p), len(p.Dropped), err, c.want, c.dropped)
		}
	}
}

func TestAPlanThatCannotBeMadeSaysWhy(t *testing.T) {
	object := func(id, label, ref string) Object {
		return Object{Key: Key{"addition", id}, Label: label, Ref: ref, Fields: Set("quantity", "1")}
	}
	for _, c := range []struct {
		name  string
		sides Sides
		want  string
	}{
		{"a kind that the target does not have", Sides{Desired: []Object{{Key: Key{"mailbox", "info"}}}},
			"contoso at test: mailbox info: no such kind at this target"},
		{"one key twice, side by side", Sides{Observed: []Object{object("a", "Premium", "7"), object("a", "Premium (old)", "8")}},
			`contoso at test: addition a is there twice among what is at the target: "Premium" (7) and "Premium (old)" (8); nothing is done until one of them goes`},
		{"one key twice, apart and unsorted", Sides{Desired: []Object{object("b", "Premium", ""), object("a", "E3", ""), object("b", "Basic", "")}},
			`contoso at test: addition b is there twice among what is wanted: "Premium" () and "Basic" (); nothing is done until one of them goes`},
	} {
		if _, err := Make(testScope, additions(Hold, true), c.sides); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

func TestTheMonthlyDeltaOfAPlan(t *testing.T) {
	objects := func(quantities ...string) (all []Object) {
		for i, q := range quantities {
			o := *line(q)
			o.ID, o.Retired = fmt.Sprint(i), q == "0"
			all = append(all, o)
		}
		return all
	}
	records := func(of []Object) (all []Record) {
		for _, o := range of {
			all = append(all, *recorded(&o))
		}
		return all
	}
	for _, c := range []struct {
		name                        string
		desired, observed, recorded []Object
		delta                       string
		up, down                    string // what counts against the limits
	}{
		{"nothing to do", objects("3"), objects("3"), objects("3"), "0", "0", "0"},
		{"two more and one less", objects("5", "2"), objects("3", "3"), objects("3", "3"), "22", "44", "22"},
		{"an edit that waits counts in the sum, and not against the limits", objects("5", "2"), objects("3", "3"), objects("3", "1"), "22", "44", "0"},
		{"gone from the source", nil, objects("3"), objects("3"), "-66", "0", "66"},
		{"a new line costs all its units", objects("4"), nil, nil, "88", "88", "0"},
		{"a record that is forgotten costs nothing", nil, nil, objects("4"), "0", "0", "0"},
	} {
		p, err := Make(testScope, additions(Hold, true), Sides{Desired: c.desired, Observed: c.observed, Records: records(c.recorded)})
		if err != nil {
			t.Fatal(err)
		}
		tally := p.Tally()
		for what, pair := range map[string][2]decimal.Decimal{
			"sum": {p.MonthlyDelta(), decimal.RequireFromString(c.delta)}, "up": {tally.Up, decimal.RequireFromString(c.up)}, "down": {tally.Down, decimal.RequireFromString(c.down)},
		} {
			if !pair[0].Equal(pair[1]) {
				t.Errorf("%s: %s is %s, want %s", c.name, what, pair[0], pair[1])
			}
		}
	}
}

// An approval is stored with the digest of its plan: a later version must give the
// same plan the same one.
func TestTheDigestStaysTheSameFromVersionToVersion(t *testing.T) {
	for _, c := range []struct {
		name  string
		sides Sides
		want  string
	}{
		{"a new line", Sides{Desired: []Object{*line("3")}}, "3578d7346513"},
		{"a changed quantity", Sides{Desired: []Object{*line("4")}, Observed: []Object{*line("3")}, Records: []Record{*recorded(line("3"))}}, "88b42fd94621"},
		{"a line that is adopted and changed", Sides{Desired: []Object{*line("4")}, Observed: []Object{*line("3")}}, "43e8c5222f1c"},
		{"a line that is gone", Sides{Observed: []Object{*line("3")}, Records: []Record{*recorded(line("3"))}}, "8947bcdcb3c5"},
	} {
		p, err := Make(testScope, additions(Hold, true), c.sides)
		if err != nil || p.Digest() != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.name, p.Digest(), err, c.want)
		}
	}
}
