package sync

import (
	"testing"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/target"
)

// A line that was kept in step before is no first contact, whatever was kept in step meanwhile.
func TestALineThatIsTakenBackExplainsNoFall(t *testing.T) {
	key, four := plan.Key{Kind: "addition", ID: premium}, 4
	for ref, want := range map[string]string{"501/5010": plan.Unexplained, "501/5017": plan.ByAdoption} {
		s := &scopeRun{explained: map[plan.Key]*plan.Explanation{}, memory: &state.Memory{Records: []plan.Record{
			{Object: plan.Object{Key: key, Ref: "551/5099"}, FormerRefs: []string{"501/5010"}}}}}
		got := s.explanation(&plan.Change{Action: plan.Adopt, Key: key, Ref: ref}, &target.Count{Key: key, Counted: &four, Due: &four})
		if got == nil || got.Code != want {
			t.Errorf("%s: got %+v, want %s", ref, got, want)
		}
	}
}

// A fall that waits without a reason waits on while its line is gone.
func TestAFallWaitsOnWhileItsLineIsGone(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.bought[contoso][premium] = 4
	w.want(w.apply(), "held in_step", 3)
	delete(w.lines, string(contoso)+"/"+premium)
	w.apply()
	spans, err := w.store.OpenSpans(t.Context(), plan.Scope{Customer: string(contoso), Target: "fake"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spans {
		if s.Key.ID == premium && (s.Explanation == nil || s.Explanation.Explained()) {
			t.Errorf("got %+v, want it unexplained", s)
		}
	}
}
