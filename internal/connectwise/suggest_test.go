package connectwise

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/mapping"
	cwsim "syncd/internal/simulator/connectwise"
)

func TestWhatSpeaksForTheAgreementsOfACompany(t *testing.T) {
	h := newHarness(t, seed(), rules())
	h.sim.Edit("setup", func(w *cwsim.World) {
		child := *w.Agreements[0]
		child.ID, child.Name, child.ParentID = 58, "Seats", 55
		w.Agreements = append(w.Agreements, &child)
		ended := *w.Additions[0]
		ended.ID, ended.AgreementID, ended.CancelledDate = 960, 58, cwsim.Day(2026, 1, 31)
		w.Additions = append(w.Additions, &ended)
	})
	h.sim.Forget()
	ruled := rules(mapping.Rule{SKU: "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", Product: "M365-BP", Count: mapping.Purchased, Status: mapping.Bill})
	got, err := h.client.AgreementEvidence(t.Context(), ruled, []string{"250", "251", "no number"})
	want := map[string][]mapping.AgreementEvidence{"250": { // the one of 251 is found by itself, the project of 250 does not fit
		{ID: "55", Name: "Managed", Relation: "parent of 58 (Seats)", Carries: []string{"M365-BP"}},
		{ID: "58", Name: "Seats", Relation: "child of 55 (Managed), billed on its invoice"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if got, err := h.client.AgreementEvidence(t.Context(), rules(), []string{"250"}); err != nil || len(got["250"]) != 2 || len(got["250"][0].Carries) > 0 {
		t.Errorf("without rules: got %+v, %v, want both and nothing that speaks for one", got, err)
	}
	if writes := len(h.sim.Writes()); writes > 0 {
		t.Errorf("%d writes", writes)
	}
}
