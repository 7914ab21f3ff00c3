package connectwise

import (
	"net/http"
	"strings"
	"testing"

	"syncd/internal/plan"
	"syncd/internal/rest"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

// How far the agreement is invoiced is read with the line, before and after the write.
func TestAnInvoiceIsMadeWhileALineIsWritten(t *testing.T) {
	atPatch := func(h *harness) {
		h.sim.Before(func(r *http.Request) cwsim.Fault {
			if r.Method == http.MethodPatch {
				h.sim.Invoice(55, "billing")
			}
			return cwsim.Fault{}
		})
	}
	for _, tt := range []struct {
		name   string
		faults cwsim.Faults
		edit   func(h *harness)
		asks   int
		note   string
		err    error
		says   string
	}{
		{name: "none is made", edit: func(*harness) {}, asks: 3},
		{name: "one is made after the line was looked at", edit: atPatch, asks: 4, note: "invoice 10001 for the days from 2026-12-01 on"},
		{name: "one is made after the plan", edit: func(h *harness) { h.sim.Invoice(55, "billing") }, asks: 4, note: "invoice 10001 for the days from 2026-12-01 on"},
		{name: "none, where bundles are refused", faults: cwsim.Faults{BundlesUnavailable: 403}, edit: func(*harness) {}, asks: 7},
		{name: "one, where bundles are refused", faults: cwsim.Faults{BundlesUnavailable: 404}, edit: atPatch, note: "invoice 10001"},
		{name: "one, where a bundle says data and turns its results round", faults: cwsim.Faults{BundleData: true, BundleReversed: true}, edit: atPatch, asks: 4, note: "invoice 10001"},
		{name: "one was deleted", edit: func(h *harness) {
			h.sim.Edit("billing", func(w *cwsim.World) { w.Agreement(55).NextInvoiceDate = "2026-11-01T00:00:00Z" })
		}, err: target.ErrMoved, says: "the first day not yet invoiced was 2026-12-01 and is 2026-11-01"},
		{name: "the date is not there any more", edit: func(h *harness) {
			h.sim.Edit("billing", func(w *cwsim.World) { w.Agreement(55).NextInvoiceDate = "" })
		}, err: target.ErrMoved, says: "the next invoice date was 2026-12-01 and is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
			ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
			h.sim.SetFaults(tt.faults)
			tt.edit(h)
			h.sim.Forget()
			got, err := h.apply(ch)
			wantErr(t, err, tt.err, tt.says)
			if n := len(h.sim.Requests()); tt.asks != 0 && n != tt.asks {
				t.Errorf("got %d requests (%s), want %d", n, h.requestCounts(), tt.asks)
			}
			if tt.err != nil {
				return
			}
			switch {
			case tt.note == "" && len(got.Notes) > 0:
				t.Errorf("got %+v, want no note", got.Notes)
			case tt.note != "":
				if len(got.Notes) != 1 || got.Notes[0].Code != plan.CodeInvoiced || !got.Notes[0].Note || got.Notes[0].Key != "55-2026-12-01" || !strings.Contains(got.Notes[0].Message, tt.note) {
					t.Errorf("got %+v, want a note that says %q", got.Notes, tt.note)
				}
			}
			if h.quantity(910) != "14" {
				t.Errorf("got quantity %s, want 14", h.quantity(910))
			}
		})
	}
}

// A bundle that proves no line is no answer: the line is asked for by itself.
func TestALineThatABundleDoesNotProveIsAskedForByItself(t *testing.T) {
	for name, fault := range map[string]cwsim.BundleFault{"no entry": {Missing: true}, "an error": {Status: 500}, "a lie": {Status: 500, Lying: true}} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
			ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
			h.sim.SetFaults(cwsim.Faults{BundleEntries: map[int]cwsim.BundleFault{55: fault}})
			if _, err := h.apply(ch); err != nil || h.quantity(910) != "14" {
				t.Errorf("got %v and quantity %s, want it written and seen", err, h.quantity(910))
			}
		})
	}
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	if _, err := h.client.lookAt(t.Context(), 55, 999, 55, true); !rest.Gone(err) {
		t.Errorf("got %v of a line that is not there, want a 404", err)
	}
}
