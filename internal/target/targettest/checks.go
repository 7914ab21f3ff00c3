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

func (s *suite) plansOnly() {
	s.bubble("from nothing", func(h *harness) {
		before := h.Dump()
		h.wantNoErrors(h.run(sync.PlanOnly))
		h.wantUnchanged(before, "a plan")
		if n := h.Writes(); n != 0 {
			h.Errorf("a plan made %d writes", n)
		}
	})
}

func (s *suite) converges() {
	s.bubble("let through", func(h *harness) { h.converge() })
	s.bubble("held, then approved", func(h *harness) {
		h.policy = plan.Approve
		before := h.Dump()
		report := h.apply()
		for _, scope := range report.Scopes {
			if scope.Outcome != sync.Held && scope.Outcome != sync.InStep {
				h.Errorf("%s is %s, want held", scope.Customer.Name, scope.Outcome)
			}
		}
		h.wantUnchanged(before, "a held plan")
		h.approve()
		h.apply()
		h.wantInStep()
	})
}

func (s *suite) followsSource() {
	s.bubble("one after the other, and back", func(h *harness) {
		h.converge()
		for _, step := range steps {
			if !h.hasStep(step) {
				continue
			}
			for _, next := range []Step{step, Start} {
				h.step = next
				before := h.Writes()
				h.runUntilInStep()
				if next != Start && h.Writes() == before {
					h.Errorf("the step %q made no write", step)
				}
				h.wantInStep()
			}
		}
	})
}

// leavesStrangers looks at what was never ours after everything that can happen
// has happened.
func (s *suite) leavesStrangers() {
	s.bubble("through all steps", func(h *harness) {
		began := h.Dump()
		known := map[string]bool{}
		h.converge()
		for _, step := range append(slices.Clone(steps), Start) {
			if !h.hasStep(step) {
				continue
			}
			for _, ref := range h.ownRefs() {
				known[ref] = true
			}
			h.step = step
			h.runUntilInStep()
		}
		for _, ref := range h.ownRefs() {
			known[ref] = true
		}
		ended := h.Dump()
		strangers := 0
		for ref, was := range began {
			is, there := ended[ref]
			switch {
			case known[ref]:
			case !there:
				h.Errorf("%s was never ours and is not there any more", ref)
			case is != was:
				h.Errorf("%s was never ours and changed:\nwas %s\nis  %s", ref, was, is)
			default:
				strangers++
			}
		}
		for _, ref := range h.Strangers {
			if known[ref] {
				h.Errorf("%s is a stranger's and was taken on:\nwas %s\nis  %s", ref, began[ref], ended[ref])
			}
		}
		if strangers == 0 || len(h.Strangers) == 0 {
			h.Error("the fixture has no stranger's objects; there is nothing to spare")
		}
		for ref := range ended {
			if _, there := began[ref]; !there && !known[ref] {
				h.Errorf("%s was made and nobody remembers it", ref)
			}
		}
	})
}

// respectsEdits edits a field of everything that is ours, and asks what became
// of it.
func (s *suite) respectsEdits() {
	s.bubble("edited at the target alone", func(h *harness) { h.editAndApply(Start) })
	s.bubble("edited at the target and changed at the source", func(h *harness) { h.editAndApply(Changed) })
}

func (h *harness) editAndApply(next Step) {
	if !h.hasStep(next) {
		return
	}
	h.converge()
	edits := h.editAll()
	h.step = next
	report := h.run(sync.Apply)
	h.wantNoErrors(report)
	held := h.wantEditsRespected(edits, next == Start)
	if !held {
		h.wantInStep()
		return
	}
	if got := report.Totals[sync.Held]; got != 1 {
		h.Errorf("%d scopes are held, want the one that was edited", got)
	}
	h.approve()
	h.apply()
	for _, e := range edits {
		if e.owner == plan.Hold && h.Dump()[e.ref] == e.text {
			h.Errorf("%s: the approved plan left the edit of %s", e.ref, e.field)
		}
	}
	h.wantInStep()
}

// An edit is what a person did to one object: the field, and what the target
// then held.
type edit struct {
	ref, field, text string
	owner            plan.Ownership
}

// editAll edits everything of the first customer that the store says is ours
// and the target has.
func (h *harness) editAll() (edits []edit) {
	h.Helper()
	opened, err := h.Open(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	kinds := opened.Spec().Kinds
	m, err := h.store.Recall(h.Context(), plan.Scope{Customer: string(h.tenants()[0].ID), Target: h.Target})
	if err != nil {
		h.Fatal(err)
	}
	for _, record := range m.Records {
		if _, there := h.Dump()[record.Ref]; !there {
			continue // announced, and its ref not known yet
		}
		i := slices.IndexFunc(kinds, func(k plan.Kind) bool { return k.Name == record.Kind })
		field := h.Edit(record.Ref)
		owner, ok := kinds[i].Fields[field]
		if !ok {
			owner = kinds[i].Owner
		}
		edits = append(edits, edit{record.Ref, field, h.Dump()[record.Ref], owner})
	}
	return edits
}

// wantEditsRespected wants the edits to be there as their owners say, and reports whether
// one of them holds. Where more than the edited field may have changed since,
// a field that is kept or filled cannot be told from the whole object.
func (h *harness) wantEditsRespected(edits []edit, alone bool) (held bool) {
	h.Helper()
	now := h.Dump()
	for _, e := range edits {
		switch kept := now[e.ref] == e.text; e.owner {
		case plan.Hold:
			held = true
			if !kept {
				h.Errorf("%s: %s is the person's (hold) and was written over:\nwas %s\nis  %s", e.ref, e.field, e.text, now[e.ref])
			}
		case plan.Keep, plan.Fill:
			if !kept && alone {
				h.Errorf("%s: %s is the person's (%s) and was written over:\nwas %s\nis  %s", e.ref, e.field, e.owner, e.text, now[e.ref])
			}
		default:
			if kept {
				h.Errorf("%s: %s is ours (restore) and was left as the person wrote it: %s", e.ref, e.field, e.text)
			}
		}
	}
	return held
}

// reportsRepeatedEdits edits the same things before every run: from the third time on what
// is put back is reported.
func (s *suite) reportsRepeatedEdits() {
	s.bubble("edited three times", func(h *harness) {
		h.converge()
		for round := 1; round <= 3; round++ {
			edits := h.editAll()
			report := h.run(sync.Apply)
			said := 0
			for _, scope := range report.Scopes {
				for _, v := range scope.Violations {
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
				h.Errorf("edited %d times in a row: %d fights are said, want %d", round, said, want)
			}
			h.nextDay()
		}
	})
}

// A lateEditTarget target is edited after it was observed and before it is written to.
type lateEditTarget struct {
	target.Target
	edit func(ref string)
}

func (l lateEditTarget) Observe(ctx context.Context, asked []target.Asked) ([]target.View, error) {
	views, err := l.Target.Observe(ctx, asked)
	for i, v := range views {
		views[i] = lateEditView{v, l.edit}
	}
	return views, err
}

type lateEditView struct {
	target.View
	edit func(ref string)
}

func (l lateEditView) Apply(ctx context.Context, ch plan.Change) (target.Applied, error) {
	if ch.Before != nil {
		l.edit(ch.Before.Ref)
	}
	return l.View.Apply(ctx, ch)
}

func (s *suite) detectsLateEdits() {
	for _, step := range []Step{Changed, Gone} {
		s.bubble(step.String(), func(h *harness) {
			h.converge()
			opened, err := h.Open(h.Context())
			if err != nil {
				h.Fatal(err)
			}
			// Where no money is at stake a target need not look twice.
			if !slices.ContainsFunc(opened.Spec().Kinds, func(k plan.Kind) bool { return k.Delta != nil }) || !h.hasStep(step) {
				return
			}
			edited := map[string]string{}
			h.wrapTarget = func(t target.Target) target.Target {
				return lateEditTarget{t, func(ref string) {
					h.Edit(ref)
					edited[ref] = h.Dump()[ref]
				}}
			}
			h.step = step
			report := h.runUntilWrite()
			h.wantNoErrors(report)
			for ref, text := range edited {
				if now := h.Dump()[ref]; now != text {
					h.Errorf("%s was edited a moment before and written over:\nwas %s\nis  %s", ref, text, now)
				}
			}
			if len(edited) == 0 || report.Totals[sync.Held] != 1 {
				h.Errorf("%d objects were edited and %d scopes are held, want some and one", len(edited), report.Totals[sync.Held])
			}
			h.wrapTarget = nil
			h.apply() // it shows as a person's edit now
			h.approve()
			h.apply()
			h.wantInStep()
		})
	}
}

func (s *suite) ignoresUnproven() {
	for _, settled := range []bool{false, true} {
		s.bubble(fmt.Sprintf("settled before: %t", settled), func(h *harness) {
			if settled {
				h.converge()
			}
			before, writes := h.Dump(), h.Writes()
			h.unproven = true
			report := h.run(sync.Apply)
			if got := report.Totals[sync.Incomplete]; got != len(h.tenants()) {
				h.Errorf("%d scopes are incomplete, want all %d: %+v", got, len(h.tenants()), report.Totals)
			}
			h.wantUnchanged(before, "a source that proves nothing")
			if h.Writes() != writes {
				h.Errorf("%d writes", h.Writes()-writes)
			}
			h.unproven = false
			h.apply()
			h.wantInStep()
		})
	}
}

func (s *suite) survivesFaults() {
	for _, step := range s.from {
		undisturbed := s.undisturbed(step)
		if undisturbed.refs == nil {
			continue
		}
		for _, fault := range []Fault{LostAfter, LostBefore, Refused} {
			s.bubble(step.String()+", "+fault.String(), func(h *harness) {
				h.startAt(step)
				writes := h.Writes()
				h.Fail(fault)
				report := h.runUntilWrite()
				if h.Writes() == writes {
					return // this step writes nothing, so nothing was lost
				}
				if failed := report.Totals[sync.Failed] + report.Totals[sync.Partial]; failed == 0 {
					h.Errorf("no scope failed: %+v", report.Totals)
				}
				if fault != Refused && !h.journalled(state.ResultUnknown) {
					h.Error("nobody knows what became of the write, and the journal does not say so")
				}
				h.Heal()
				h.nextDay()
				h.runUntilInStep()
				now := h.wantApplyInStep()
				if got := refs(h.Dump()); !slices.Equal(got, undisturbed.refs) {
					h.Errorf("the target holds %v, want %v as without the fault", got, undisturbed.refs)
				}
				if fault != Refused { // ids, which others name, are given in another order
					h.wantFields(undisturbed.fields, now, "the fault")
				}
				h.wantJournalComplete()
			})
		}
	}
}

func (h *harness) journalled(result string) bool {
	for e, err := range h.store.Journal(h.Context(), state.JournalFilter{}) {
		if err == nil && e.Result == result {
			return true
		}
	}
	return false
}

// wantJournalComplete wants the journal to be whole, and to say of every write whose end
// was unknown what became of it.
func (h *harness) wantJournalComplete() {
	h.Helper()
	if _, err := h.store.Verify(h.Context()); err != nil {
		h.Error(err)
	}
	known := map[plan.Key]bool{}
	for e, err := range h.store.Journal(h.Context(), state.JournalFilter{}) { // newest first
		if err != nil {
			h.Fatal(err)
		}
		switch e.Result {
		case state.ResultDone, state.ResultRecovered:
			known[e.Key] = true
		case state.ResultUnknown:
			if !known[e.Key] {
				h.Errorf("the journal never says what became of %s %s", e.Action, e.Label)
			}
		}
	}
}

// A life is one that nobody disturbs: the source turns to a step, and the target follows.
type life struct {
	refs   []string // of all objects of the system in the end; nil where there is no such step
	fields map[plan.Key]map[string]string
	writes []string // to the store
}

// undisturbed lives through a step once for all who compare with it.
func (s *suite) undisturbed(step Step) life {
	if known, lived := s.lives[step]; lived {
		return known
	}
	var one life
	s.bubble(step.String()+", undisturbed", func(h *harness) {
		h.startAt(step)
		if h.hasStep(step) {
			h.storeWrites = nil
			h.runUntilInStep()
			writes := h.storeWrites
			one = life{refs(h.Dump()), h.ownFields(), writes}
		}
	})
	s.lives[step] = one
	return one
}

// survivesKills kills the process at a write to the store of an apply, and starts
// it again: at the first and at the last of each sort of write that a life which
// nobody ends makes, so that every sort of moment is met, and both its edges. What is
// about no object is the same at every step.
func (s *suite) survivesKills() {
	met := map[string]bool{}
	for _, step := range s.from {
		undisturbed := s.undisturbed(step)
		for _, at := range killPoints(undisturbed.writes, met) {
			s.bubble(fmt.Sprintf("%s, at write %d to the store: %s", step, at, undisturbed.writes[at-1]), func(h *harness) {
				h.startAt(step)
				if !h.killedAt(at) {
					h.Fatal("the run came to its end")
				}
				h.reopen()
				h.runUntilInStep()
				now := h.wantApplyInStep()
				if got := refs(h.Dump()); !slices.Equal(got, undisturbed.refs) {
					h.Errorf("the target holds %v, want %v as without the kill", got, undisturbed.refs)
				}
				h.wantFields(undisturbed.fields, now, "the kill")
			})
		}
		for _, sort := range undisturbed.writes {
			met[sort] = met[sort] || aboutNoObject[sort]
		}
	}
}

// respectsEditsAfterKills kills the process as survivesKills does, in a first
// contact, and lets a person edit what is there before it is started again.
func (s *suite) respectsEditsAfterKills() {
	writes := s.undisturbed(Start).writes
	for _, at := range killPoints(writes, nil) {
		s.bubble(fmt.Sprintf("at write %d to the store: %s", at, writes[at-1]), func(h *harness) {
			if !h.killedAt(at) {
				h.Fatal("the run came to its end")
			}
			h.reopen()
			edits := h.editAll()
			before := h.ownFieldsByRef()
			h.runUntilInStep()
			after := h.ownFieldsByRef()
			for _, e := range edits {
				if was, now := before[e.ref][e.field], after[e.ref][e.field]; e.owner != plan.Restore && e.owner != "" && now != was {
					h.Errorf("%s: %s is the person's (%s) and was written over: was %s, is %s", e.ref, e.field, e.owner, was, now)
				}
			}
		})
	}
}

// ownFieldsByRef returns the fields of what is ours, by ref.
func (h *harness) ownFieldsByRef() map[string]map[string]string {
	h.Helper()
	all := map[string]map[string]string{}
	_, own := h.inspect(sync.PlanOnly)
	for _, object := range own {
		all[object.Ref] = asText(object.Fields)
	}
	return all
}

// wantFields wants everything that is ours to hold what it would hold had nothing
// happened. What a person wrote before the first contact is among it: an
// interrupted adoption must not make it look like ours.
func (h *harness) wantFields(want, got map[plan.Key]map[string]string, what string) {
	h.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		h.Errorf("the fields differ from what they would be without %s (-want +got):\n%s", what, diff)
	}
}

// startAt brings the target into step with Start and turns the source to a step.
func (h *harness) startAt(step Step) {
	h.Helper()
	if step != Start {
		h.apply()
	}
	h.step = step
}

// killPoints are the first and the last of each sort of write that was not met before, counted
// from 1.
func killPoints(writes []string, met map[string]bool) []int {
	first, last := map[string]int{}, map[string]int{}
	for i, sort := range writes {
		if met[sort] {
			continue
		}
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
func (h *harness) killedAt(write int) bool {
	h.Helper()
	h.writesUntilKill.Store(int64(write - 1))
	for range mostRuns {
		_, err := h.tryRun(sync.Apply)
		if err != nil && !errors.Is(err, errKilled) {
			h.Fatalf("got %v, want the run to be killed", err)
		}
		if err != nil || !h.leaversPending() {
			return err != nil
		}
		h.nextDay()
	}
	return false
}

func (s *suite) announcesFirst() {
	for _, step := range steps {
		s.bubble(step.String(), func(h *harness) {
			h.converge()
			if !h.hasStep(step) {
				return
			}
			h.step = step
			before := h.Dump()
			h.writesUntilKill.Store(1) // the start of the run is noted, the announcement is not
			if _, err := h.tryRun(sync.Apply); !errors.Is(err, errKilled) {
				h.Fatalf("got %v, want the run to end where nothing can be noted", err)
			}
			h.wantUnchanged(before, "a run that could not announce anything")
		})
	}
}
