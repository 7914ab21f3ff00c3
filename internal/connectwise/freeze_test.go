package connectwise

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/rest"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

// wantFrozen reports whether an error is the note that nothing is written.
func wantFrozen(t *testing.T, err error, says string) {
	t.Helper()
	later, ok := errors.AsType[*target.Later](err)
	if !ok || later.Code != "freeze" || !strings.Contains(later.Why, says) {
		t.Errorf("got %v, want a freeze that says %q", err, says)
	}
}

func TestNothingIsWrittenInAFreeze(t *testing.T) {
	managed := money.Freeze{AgreementTypes: []string{"managed*"}, InvoiceRun: "20", After: 3}
	for _, tt := range []struct {
		name   string
		source *directory.Snapshot
		gone   string
		edit   func(*cwsim.World)
	}{
		{name: "another quantity", source: snapshot(licence(skuBP, 14, 0))},
		{name: "a licence that is gone", source: snapshot()},
		{name: "a licence that is gone, cancelled", source: snapshot(), gone: GoneCancel},
		{name: "a new line", source: snapshot(licence(skuBP, 4, 0)), edit: func(w *cwsim.World) { w.Additions = w.Additions[1:] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := seed()
			if tt.edit != nil {
				tt.edit(&w)
			}
			h := newHarness(t, w, rules(rule(skuBP, "M365-BP")), func(c *Config) {
				c.Freeze, c.CreateAdditions = []money.Freeze{managed}, true
				if tt.gone != "" {
					c.Gone = tt.gone
				}
			})
			var records []plan.Record
			if tt.edit == nil {
				records = append(records, additionRecord("55/910", "12", ""))
			}
			seen := h.observeWith(tt.source, contoso)
			wantFrozen(t, seen.Later, "agreements of type Managed Services until the end of 23 November 2026: invoices are made (connectwise.freeze)")
			before := h.sim.World()
			ch := onlyChange(t, h.plan(contoso, tt.source, records...))
			_, err := h.apply(ch)
			wantFrozen(t, err, "23 November 2026")
			h.wantUnchanged(before, nil)
		})
	}
}

func TestAFreezeOfAnotherTypeFreezesNothing(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")), func(c *Config) { c.Freeze = []money.Freeze{{AgreementTypes: []string{"Projects"}, InvoiceRun: "21"}} })
	ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
	if _, err := h.apply(ch); err != nil || h.quantity(910) != "14" {
		t.Errorf("got %v and quantity %s, want it written", err, h.quantity(910))
	}
}

// A freeze that begins after the plan was made, or after the line was looked at, keeps
// the write from being sent all the same.
func TestAFreezeThatBeginsMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name  string
		begin func(h *harness)
	}{
		{"at midnight", func(h *harness) {
			h.client.options.Now = func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }
		}},
		{"by hand", func(h *harness) {
			h.client.options.Freezes = func(context.Context) ([]money.HandFreeze, error) {
				return []money.HandFreeze{{From: noon.Truncate(24 * time.Hour), Until: noon.AddDate(0, 0, 1), Reason: "audit", By: "mary"}}, nil
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")), func(c *Config) { c.Freeze = []money.Freeze{{InvoiceRun: "22"}} })
			ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
			h.sim.Before(func(r *http.Request) cwsim.Fault { // when the line is looked at
				tt.begin(h)
				return cwsim.Fault{}
			})
			_, err := h.apply(ch)
			wantFrozen(t, err, "nobody writes")
			if n := len(h.sim.Writes()); n != 0 {
				t.Errorf("got %d writes, want none", n)
			}
		})
	}
}

func TestWhatWasSentBeforeAFreezeIsFoundOut(t *testing.T) {
	inBubble(t, "by the next run", func(t *testing.T) {
		h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")), func(c *Config) { c.Freeze = []money.Freeze{{InvoiceRun: "22"}} })
		ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
		h.sim.Before(func(r *http.Request) cwsim.Fault {
			if r.Method != http.MethodPatch {
				return cwsim.Fault{}
			}
			h.client.options.Now = func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }
			return cwsim.Fault{Kind: cwsim.Dropped}
		})
		_, err := h.apply(ch)
		wantErr(t, err, rest.ErrOutcomeUnknown, "sent before: nobody writes")
		if _, ok := errors.AsType[*target.Later](err); ok || len(h.sim.Writes()) != 1 {
			t.Errorf("got %v after %d writes, want one write and no word that nothing was sent", err, len(h.sim.Writes()))
		}
	})
}

func TestAFreezeThatCannotBeReadLetsNothingPass(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	h.client.options.Freezes = func(context.Context) ([]money.HandFreeze, error) { return nil, errors.New("disk gone") }
	ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
	_, err := h.apply(ch)
	wantErr(t, err, nil, "disk gone")
	if n := len(h.sim.Writes()); n != 0 {
		t.Errorf("got %d writes, want none", n)
	}
}

func TestFreezesOfTheConfiguration(t *testing.T) {
	for _, tt := range []struct {
		name    string
		freezes []money.Freeze
		want    string
	}{
		{"as the contract shows it", []money.Freeze{{AgreementTypes: []string{"Managed*"}, InvoiceRun: "last-business", After: 3}}, ""},
		{"no day", []money.Freeze{{InvoiceRun: "32"}}, `freeze[0]: invoice_run: "32" is no day of the month`},
		{"an unknown word", []money.Freeze{{InvoiceRun: "ultimo"}}, `freeze[0]: invoice_run: "ultimo"`},
		{"none", []money.Freeze{{}}, `freeze[0]: invoice_run: ""`},
		{"a negative number", []money.Freeze{{InvoiceRun: "1", Before: -1}}, "freeze[0]: before and after are days"},
		{"a broken pattern", []money.Freeze{{InvoiceRun: "1", AgreementTypes: []string{"[a"}}}, "freeze[0]: agreement_types"},
		{"together never open", []money.Freeze{{InvoiceRun: "10", Before: 9, After: 10}, {InvoiceRun: "last", Before: 15}}, `freeze: leaves agreements of type "*" no open day`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := settings()
			c.Freeze, c.Rate = tt.freezes, Defaults().Rate
			got := ""
			c.Validate(func(path, message string) { got += path + ": " + message })
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckSaysWhichFreezeFreezesNothing(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")), func(c *Config) {
		c.Freeze = []money.Freeze{{AgreementTypes: []string{"Managed*", "Mangaed*"}, InvoiceRun: "last"}}
	})
	got := map[string]bool{}
	for _, f := range h.client.Check(t.Context()) {
		got[f.Name] = f.OK
	}
	if ok, there := got["freeze of Managed*"]; !ok || !there {
		t.Errorf("got %v, want Managed* to fit", got)
	}
	if ok, there := got["freeze of Mangaed*"]; ok || !there {
		t.Errorf("got %v, want Mangaed* to fit nothing", got)
	}
}

// A person who decides against the plan after the line was looked at is heard as well.
func TestNothingIsSentAgainstTheGate(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
	asked := 0
	ctx := target.WithGate(t.Context(), func(context.Context) error { asked++; return &target.Later{Code: plan.Rejected, Decided: true} })
	_, err := (&view{Target: h.target}).Apply(ctx, ch)
	if later, ok := errors.AsType[*target.Later](err); !ok || !later.Decided || asked != 1 || len(h.sim.Writes()) != 0 {
		t.Errorf("got %v after %d questions and %d writes, want the gate's answer and none", err, asked, len(h.sim.Writes()))
	}
}
