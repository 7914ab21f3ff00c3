package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// looked says of the customer of aLicencesLife when it was looked at last.
func looked(t *testing.T, w *app.App, at time.Time, unsettled ...state.Unsettled) {
	t.Helper()
	scope := plan.Scope{Customer: contoso, Target: "connectwise"}
	if err := w.Store.Commit(t.Context(), &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: "Contoso Ltd", Outcome: "in_step", At: at, Unsettled: unsettled}}); err != nil {
		t.Fatal(err)
	}
}

func TestAClosedMonthStaysAsItWasClosed(t *testing.T) {
	w := aLicencesLife(t)
	ada := app.Operator{Name: "ada", Identified: "by the kernel"}
	refused := func(month, want string) {
		t.Helper()
		if _, err := w.CloseMonth(t.Context(), ada, month, ""); !errors.As(err, new(*app.MonthRefused)) || !strings.Contains(err.Error(), want) {
			t.Errorf("closing %s: got %v, want %s", month, err, want)
		}
	}
	refused("2026-11", "it is not over before 2026-12-01")
	refused("2026-07", "nothing is recorded of it")
	refused("2026-10", "was last looked at on ")
	looked(t, w, w.Now(), state.Unsettled{Violation: plan.Violation{Code: plan.CodeInvoiced, Key: "55", Message: "an invoice was made meanwhile"}})
	refused("2026-10", "Contoso Ltd: an invoice was made meanwhile")
	looked(t, w, w.Now())
	packs, err := w.CloseMonth(t.Context(), ada, "2026-10", "done")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.CloseMonth(t.Context(), ada, "2026-10", "again"); !errors.As(err, new(app.UsageError)) {
		t.Errorf("closing twice: got %v", err)
	}
	// Whatever becomes known later, it is printed as it was.
	now := w.Now()
	w.Now = func() time.Time { return now.AddDate(0, 1, 0) }
	again, err := w.Month(t.Context(), "2026-10", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"json", "html", "xlsx"} {
		a, err := packs.Packs[0].Render(format)
		if err != nil {
			t.Fatal(err)
		}
		b, err := again.Packs[0].Render(format)
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: a closed month prints other bytes (%v)", format, err)
		}
		if m, err := w.VerifyEvidence(t.Context(), "f", a); err != nil || !m.Closed || m.ClosedBy != "ada" {
			t.Errorf("%s: got %v", format, err)
		}
		if format == "html" { // as a version with another wording made it
			other := bytes.Replace(a, []byte("Products"), []byte("Licences"), 1)
			if _, err := w.VerifyEvidence(t.Context(), "f", other); !errors.Is(err, app.ErrEvidence) || !strings.Contains(err.Error(), "the figures embedded in it are those that the journal has") {
				t.Errorf("another wording: got %v", err)
			}
		}
		bad := bytes.Replace(a, []byte("308.00"), []byte("309.00"), 1)
		if format != "xlsx" {
			if _, err := w.VerifyEvidence(t.Context(), "f", bad); !errors.Is(err, app.ErrEvidence) || !strings.Contains(err.Error(), `309.00" and should be "308.00"`) && !strings.Contains(err.Error(), `309.00" and should say "308.00"`) {
				t.Errorf("%s: a changed amount: got %v", format, err)
			}
		}
	}
	// What the closing kept of invoices is what explain says of them.
	if x, err := w.Explain(t.Context(), "Contoso", "SPB", "2026-10"); err != nil || len(x.Invoices) != 0 || !strings.HasPrefix(x.Uninvoiced, "those of agreement 55 were not read: ") {
		t.Errorf("got the invoices %+v, %q, %v", x.Invoices, x.Uninvoiced, err)
	}
	if err := w.ReopenMonth(t.Context(), ada, "2026-10", ""); !errors.As(err, new(app.UsageError)) {
		t.Errorf("opening without a reason: got %v", err)
	}
	if err := w.ReopenMonth(t.Context(), ada, "2026-10", "a credit is missing"); err != nil {
		t.Fatal(err)
	}
	if m, err := w.Month(t.Context(), "2026-10", ""); err != nil || m.MSP.Closed {
		t.Errorf("after opening: closed %t, %v", m.MSP.Closed, err)
	}
	var labels []string
	for e, err := range w.Store.Journal(t.Context(), state.JournalFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == state.ActionClose {
			labels = append(labels, e.Label+": "+e.Why+" ("+e.By+", "+e.How+")")
		}
	}
	if got, want := strings.Join(labels, "; "), "2026-10 reopened: a credit is missing (ada, by the kernel); 2026-10 closed, 1 customer: done (ada, by the kernel)"; got != want {
		t.Errorf("the journal says %s, want %s", got, want)
	}
}
