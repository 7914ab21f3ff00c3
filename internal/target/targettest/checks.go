package targettest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
	"syncd/internal/target"
)

func (b *bench) plansOnly() {
	b.bubble("from nothing", func(r *rig) {
		before := r.Dump()
		r.healthy(r.run(sync.PlanOnly))
		r.same(before, "a plan")
		if n := r.Writes(); n != 0 {
			r.Errorf("a plan made %d writes", n)
		}
	})
}

func (b *bench) settles() {
	b.bubble("let through", func(r *rig) { r.settle() })
	b.bubble("held, then approved", func(r *rig) {
		r.policy = plan.Approve
		before := r.Dump()
		report := r.apply()
		for _, s := range report.Scopes {
			if s.Outcome != sync.Held && s.Outcome != sync.InStep {
				r.Errorf("%s is %s, want held", s.Customer.Name, s.Outcome)
			}
		}
		r.same(before, "a held plan")
		r.approve()
		r.apply()
		r.inStep()
	})
}

func (b *bench) follows() {
	b.bubble("one after the other, and back", func(r *rig) {
		r.settle()
		for _, step := range steps {
			if !r.has(step) {
				continue
			}
			for _, next := range []Step{step, Start} {
				r.step = next
				before := r.Writes()
				r.bring()
				if next != Start && r.Writes() == before {
					r.Errorf("the step %q made no write", step)
				}
				r.inStep()
			}
		}
	})
}

// sparesStrangers looks at what was never ours after everything that can happen
// has happened.
func (b *bench) sparesStrangers() {
	b.bubble("through all steps", func(r *rig) {
		began := r.Dump()
		known := map[string]bool{}
		r.settle()
		for _, step := range append(slices.Clone(steps), Start) {
			if !r.has(step) {
				continue
			}
			for _, ref := range r.ours() {
				known[ref] = true
			}
			r.step = step
			r.bring()
		}
		for _, ref := range r.ours() {
			known[ref] = true
		}
		ended := r.Dump()
		strangers := 0
		for ref, was := range began {
			is, there := ended[ref]
			switch {
			case known[ref]:
			case !there:
				r.Errorf("%s was never ours and is not there any more", ref)
			case is != was:
				r.Errorf("%s was never ours and changed:\nwas %s\nis  %s", ref, was, is)
			default:
				strangers++
			}
		}
		for _, ref := range r.Strangers {
			if known[ref] {
				r.Errorf("%s is a stranger's and was taken on:\nwas %s\nis  %s", ref, began[ref], ended[ref])
			}
		}
		if strangers == 0 || len(r.Strangers) == 0 {
			r.Error("the fixture has no stranger's objects; there is nothing to spare")
		}
		for ref := range ended {
			if _, there := began[ref]; !there && !known[ref] {
				r.Errorf("%s was made and nobody remembers it", ref)
			}
		}
	})
}

// respectsEdits edits a field of everything that is ours, and asks what became
// of it.
func (b *bench) respectsEdits() {
	b.bubble("edited at the target alone", func(r *rig) { r.edits(Start) })
	b.bubble("edited at the target and changed at the source", func(r *rig) { r.edits(Changed) })
}

func (r *rig) edits(next Step) {
	if !r.has(next) {
		return
	}
	r.settle()
	edits := r.editAll()
	r.step = next
	report := r.run(sync.Apply)
	r.healthy(report)
	held := r.respected(edits, next == Start)
	if !held {
		r.inStep()
		return
	}
	if got := report.Totals[sync.Held]; got != 1 {
		r.Errorf("%d scopes are held, want the one that was edited", got)
	}
	r.approve()
	r.apply()
	for _, e := range edits {
		if e.owner == plan.Hold && r.Dump()[e.ref] == e.text {
			r.Errorf("%s: the approved plan left the edit of %s", e.ref, e.field)
		}
	}
	r.inStep()
}

// An edit is what a person did to one object: the field, and what the target
// then held.
type edit struct {
	ref, field, text string
	owner            plan.Ownership
}

// editAll edits everything of the first customer that the store says is ours
// and the target has.
func (r *rig) editAll() (edits []edit) {
	r.Helper()
	opened, err := r.Open(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	kinds := opened.Spec().Kinds
	m, err := r.store.Recall(r.Context(), plan.Scope{Customer: string(r.tenants()[0].ID), Target: r.Target})
	if err != nil {
		r.Fatal(err)
	}
	for _, record := range m.Records {
		if _, there := r.Dump()[record.Ref]; !there {
			continue // announced, and its ref not known yet
		}
		i := slices.IndexFunc(kinds, func(k plan.Kind) bool { return k.Name == record.Kind })
		field := r.Edit(record.Ref)
		owner, ok := kinds[i].Fields[field]
		if !ok {
			owner = kinds[i].Owner
		}
		edits = append(edits, edit{record.Ref, field, r.Dump()[record.Ref], owner})
	}
	return edits
}

// respected wants the edits to be there as their owners say, and reports whether
// one of them holds. Where more than the edited field may have changed since,
// a field that is kept or filled cannot be told from the whole object.
func (r *rig) respected(edits []edit, alone bool) (held bool) {
	r.Helper()
	now := r.Dump()
	for _, e := range edits {
		switch kept := now[e.ref] == e.text; e.owner {
		case plan.Hold:
			held = true
			if !kept {
				r.Errorf("%s: %s is the person's (hold) and was written over:\nwas %s\nis  %s", e.ref, e.field, e.text, now[e.ref])
			}
		case plan.Keep, plan.Fill:
			if !kept && alone {
				r.Errorf("%s: %s is the person's (%s) and was written over:\nwas %s\nis  %s", e.ref, e.field, e.owner, e.text, now[e.ref])
			}
		default:
			if kept {
				r.Errorf("%s: %s is ours (restore) and was left as the person wrote it: %s", e.ref, e.field, e.text)
			}
		}
	}
	return held
}

// saysFights edits the same things before every run: from the third time on what
// is put back is said to be a fight.
func (b *bench) saysFights() {
	b.bubble("edited three times", func(r *rig) {
		r.settle()
		for round := 1; round <= 3; round++ {
			edits := r.editAll()
			report := r.run(sync.Apply)
			said := 0
			for _, s := range report.Scopes {
				for _, v := range s.Violations {
					if v.Code == "put_back" {
						said++
					}
				}
			}
			want := 0
			for _, e := range edits {
				if round == 3 && (e.owner == plan.Restore || e.owner == "") {
					want++
				}
			}
			if said != want {
				r.Errorf("edited %d times in a row: %d fights are said, want %d", round, said, want)
			}
			r.pause()
		}
	})
}

// A late target is edited after it was observed and before it is written to.
type late struct {
	target.Target
	edit func(ref string)
}

func (l late) Observe(ctx context.Context, asked []target.Asked) ([]target.View, error) {
	views, err := l.Target.Observe(ctx, asked)
	for i, v := range views {
		views[i] = lateView{v, l.edit}
	}
	return views, err
}

type lateView struct {
	target.View
	edit func(ref string)
}

func (l lateView) Apply(ctx context.Context, ch plan.Change) (target.Applied, error) {
	if ch.Before != nil {
		l.edit(ch.Before.Ref)
	}
	return l.View.Apply(ctx, ch)
}

func (b *bench) seesLateEdits() {
	for _, step := range []Step{Changed, Gone} {
		b.bubble(step.String(), func(r *rig) {
			r.settle()
			opened, err := r.Open(r.Context())
			if err != nil {
				r.Fatal(err)
			}
			// Where no money is at stake a target need not look twice.
			if !slices.ContainsFunc(opened.Spec().Kinds, func(k plan.Kind) bool { return k.Delta != nil }) || !r.has(step) {
				return
			}
			edited := map[string]string{}
			r.wrap = func(t target.Target) target.Target {
				return late{t, func(ref string) {
					r.Edit(ref)
					edited[ref] = r.Dump()[ref]
				}}
			}
			r.step = step
			report := r.untilWrite()
			r.healthy(report)
			for ref, text := range edited {
				if now := r.Dump()[ref]; now != text {
					r.Errorf("%s was edited a moment before and written over:\nwas %s\nis  %s", ref, text, now)
				}
			}
			if len(edited) == 0 || report.Totals[sync.Held] != 1 {
				r.Errorf("%d objects were edited and %d scopes are held, want some and one", len(edited), report.Totals[sync.Held])
			}
			r.wrap = nil
			r.apply() // it shows as a person's edit now
			r.approve()
			r.apply()
			r.inStep()
		})
	}
}

func (b *bench) leavesTheUnknown() {
	for _, settled := range []bool{false, true} {
		b.bubble(fmt.Sprintf("settled before: %t", settled), func(r *rig) {
			if settled {
				r.settle()
			}
			before, writes := r.Dump(), r.Writes()
			r.silent = true
			report := r.run(sync.Apply)
			if got := report.Totals[sync.Incomplete]; got != len(r.tenants()) {
				r.Errorf("%d scopes are incomplete, want all %d: %+v", got, len(r.tenants()), report.Totals)
			}
			r.same(before, "a source that proves nothing")
			if r.Writes() != writes {
				r.Errorf("%d writes", r.Writes()-writes)
			}
			r.silent = false
			r.apply()
			r.inStep()
		})
	}
}

func (b *bench) survivesFaults() {
	for _, step := range append([]Step{Start}, steps...) {
		var want []string
		var values map[plan.Key]map[string]string
		b.bubble(step.String()+", nothing fails", func(r *rig) {
			if r.begin(step); r.has(step) {
				r.bring()
				want, values = refs(r.Dump()), r.fields()
			}
		})
		if want == nil {
			continue
		}
		for _, fault := range []Fault{LostAfter, LostBefore, Refused} {
			b.bubble(step.String()+", "+fault.String(), func(r *rig) {
				r.begin(step)
				writes := r.Writes()
				r.Fail(fault)
				report := r.untilWrite()
				if r.Writes() == writes {
					return // this step writes nothing, so nothing was lost
				}
				if failed := report.Totals[sync.Failed] + report.Totals[sync.Partial]; failed == 0 {
					r.Errorf("no scope failed: %+v", report.Totals)
				}
				if fault != Refused && !r.journalled(state.ResultUnknown) {
					r.Error("nobody knows what became of the write, and the journal does not say so")
				}
				r.Heal()
				r.pause()
				r.bring()
				r.settled()
				if got := refs(r.Dump()); !slices.Equal(got, want) {
					r.Errorf("the target holds %v, want %v as without the fault", got, want)
				}
				if fault != Refused { // ids, which others name, are given in another order
					r.sameFields(values, "the fault")
				}
				r.explained()
			})
		}
	}
}

func (r *rig) journalled(result string) bool {
	for e, err := range r.store.Journal(r.Context(), state.JournalFilter{}) {
		if err == nil && e.Result == result {
			return true
		}
	}
	return false
}

// explained wants the journal to be whole, and to say of every write whose end
// was unknown what became of it.
func (r *rig) explained() {
	r.Helper()
	if _, err := r.store.Verify(r.Context()); err != nil {
		r.Error(err)
	}
	known := map[plan.Key]bool{}
	for e, err := range r.store.Journal(r.Context(), state.JournalFilter{}) { // newest first
		if err != nil {
			r.Fatal(err)
		}
		switch e.Result {
		case state.ResultDone, state.ResultRecovered:
			known[e.Key] = true
		case state.ResultUnknown:
			if !known[e.Key] {
				r.Errorf("the journal never says what became of %s %s", e.Action, e.Label)
			}
		}
	}
}

// survivesKills kills the process at a write to the store of an apply, and starts
// it again: at the first and at the last of each sort of write that a life which
// nobody ends makes, so that every sort of moment is met, and both its edges.
func (b *bench) survivesKills() {
	for _, step := range append([]Step{Start}, steps...) {
		var want, writes []string
		var values map[plan.Key]map[string]string
		b.bubble(step.String()+", not killed", func(r *rig) {
			r.begin(step)
			if r.has(step) {
				r.noted = nil
				r.bring()
				want, values, writes = refs(r.Dump()), r.fields(), r.noted
			}
		})
		for _, at := range moments(writes) {
			b.bubble(fmt.Sprintf("%s, at write %d to the store: %s", step, at, writes[at-1]), func(r *rig) {
				r.begin(step)
				if !r.killedAt(at) {
					r.Fatal("the run came to its end")
				}
				r.reopen()
				r.bring()
				r.settled()
				if got := refs(r.Dump()); !slices.Equal(got, want) {
					r.Errorf("the target holds %v, want %v as without the kill", got, want)
				}
				r.sameFields(values, "the kill")
			})
		}
	}
}

// respectsEditsAfterKills kills the process as survivesKills does, in a first
// contact, and lets a person edit what is there before it is started again.
func (b *bench) respectsEditsAfterKills() {
	var writes []string
	b.bubble("not killed", func(r *rig) {
		r.bring()
		writes = r.noted
	})
	for _, at := range moments(writes) {
		b.bubble(fmt.Sprintf("at write %d to the store: %s", at, writes[at-1]), func(r *rig) {
			if !r.killedAt(at) {
				r.Fatal("the run came to its end")
			}
			r.reopen()
			edits := r.editAll()
			var fields []map[string]string
			for _, e := range edits {
				fields = append(fields, r.fieldsOf(e.ref))
			}
			r.bring()
			for i, e := range edits {
				if now := r.fieldsOf(e.ref)[e.field]; e.owner != plan.Restore && e.owner != "" && now != fields[i][e.field] {
					r.Errorf("%s: %s is the person's (%s) and was written over: was %s, is %s", e.ref, e.field, e.owner, fields[i][e.field], now)
				}
			}
		})
	}
}

// fieldsOf returns the fields of what is ours under that ref.
func (r *rig) fieldsOf(ref string) map[string]string {
	r.Helper()
	for _, object := range r.observed() {
		if object.Ref == ref {
			return asText(object.Fields)
		}
	}
	return nil
}

// sameFields wants everything that is ours to hold what it would hold had nothing
// happened. What a person wrote before the first contact is among it: an
// interrupted adoption must not make it look like ours.
func (r *rig) sameFields(want map[plan.Key]map[string]string, what string) {
	r.Helper()
	if diff := cmp.Diff(want, r.fields()); diff != "" {
		r.Errorf("the fields differ from what they would be without %s (-want +got):\n%s", what, diff)
	}
}

// begin brings the target into step with Start and turns the source to a step.
func (r *rig) begin(step Step) {
	r.Helper()
	if step != Start {
		r.apply()
	}
	r.step = step
}

// moments are the first and the last of each sort of write, counted from 1.
func moments(writes []string) []int {
	first, last := map[string]int{}, map[string]int{}
	for i, sort := range writes {
		if first[sort] == 0 {
			first[sort] = i + 1
		}
		last[sort] = i + 1
	}
	all := slices.Sorted(maps.Values(first))
	for _, at := range last {
		if !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	slices.Sort(all)
	return all
}

// killedAt runs until the process is killed at a write to the store, counted
// from 1, and reports whether it was. Leavers may take several runs.
func (r *rig) killedAt(write int) bool {
	r.Helper()
	r.kill.Store(int64(write - 1))
	for range mostRuns {
		_, err := r.try(sync.Apply)
		if err != nil && !errors.Is(err, errKilled) {
			r.Fatalf("got %v, want the run to be killed", err)
		}
		if err != nil || !r.waiting() {
			return err != nil
		}
		r.pause()
	}
	return false
}

func (b *bench) announcesFirst() {
	for _, step := range steps {
		b.bubble(step.String(), func(r *rig) {
			r.settle()
			if !r.has(step) {
				return
			}
			r.step = step
			before := r.Dump()
			r.kill.Store(1) // the start of the run is noted, the announcement is not
			if _, err := r.try(sync.Apply); !errors.Is(err, errKilled) {
				r.Fatalf("got %v, want the run to end where nothing can be noted", err)
			}
			r.same(before, "a run that could not announce anything")
		})
	}
}
