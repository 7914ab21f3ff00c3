package connectwise

import (
	"bytes"
	stdjson "encoding/json"
	"io"
	"net/http"
	"testing"

	"syncd/internal/money"
	"syncd/internal/plan"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

// A recording answers what a simulator answered before, so that a benchmark
// measures the client alone.
type recording struct {
	through http.RoundTripper // nil once recorded
	answers map[string]recordedAnswer
}

type recordedAnswer struct {
	status int
	header http.Header
	body   []byte
}

func (p *recording) RoundTrip(r *http.Request) (*http.Response, error) {
	var asked []byte
	if r.Body != nil {
		asked, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(asked))
	}
	key := r.Method + r.URL.RequestURI() + string(asked)
	if p.through != nil {
		answer, err := p.through.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		p.answers[key] = recordedAnswer{answer.StatusCode, answer.Header, body}
	}
	a := p.answers[key]
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r}, nil
}

// recordedHarness is a hundred customers with twenty lines each, and a recording of one look at them.
func recordedHarness(t testing.TB) (*harness, *recording, []target.Asked) {
	w, asked := manyCustomers(100)
	id := 50000
	for _, a := range w.Agreements {
		for range 19 {
			id++
			w.Additions = append(w.Additions, &cwsim.Addition{ID: id, AgreementID: a.ID, ProductID: 755, Quantity: num("4"), UnitPrice: num("36.5"), BillCustomer: "Billable",
				EffectiveDate: cwsim.Day(2025, 1, 1), CancelledDate: cwsim.Day(2025, 12, 31), InvoiceDescription: "Microsoft 365 E3, per user and month, as agreed in the contract"})
		}
	}
	sim := cwsim.New(w, cwsim.Options{Company: "msp", PublicKey: "PUBKEY00000001", PrivateKey: "PRVKEY00000001", ClientID: "3fa85f64-5717-4562-b3fc-2c963f66afa6"})
	p := &recording{through: sim.Transport(), answers: map[string]recordedAnswer{}}
	// One bundle at a time: a recording is no place for several goroutines.
	h := newHarnessOn(t, sim, p, rules(rule(skuBP, "M365-BP")), func(c *Config) { c.Rate.Concurrency = 1; c.Rate.PerSecond, c.Rate.Burst = 900_000, 10_000 })
	if got := h.observeAll(asked); got != 100 {
		t.Fatalf("got %d lines, want 100", got)
	}
	p.through = nil
	return h, p, asked
}

// unchangedRun is what a run without changes costs: observe, desire, compare.
func (h *harness) unchangedRun(asked []target.Asked) {
	source := snapshot(licence(skuBP, 12, 12))
	h.target = h.client.Open(money.Tables{Rules: rules(rule(skuBP, "M365-BP"))})
	seen, err := h.observeAndCompare(source, asked...)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := range asked {
		if seen[i].Err != nil {
			h.t.Fatal(seen[i].Err)
		}
		p, err := plan.Make(plan.Scope{Customer: asked[i].Key, Target: "connectwise"}, h.target.Spec().Kinds, plan.Sides{
			Desired: seen[i].Desired.Objects, Observed: seen[i].Objects, Records: []plan.Record{record(seen[i].Objects[0])}})
		if err != nil || !p.Empty() || p.InStep != 1 {
			h.t.Fatalf("got %s and %v, want it in step", planText(p), err)
		}
	}
}

func decodeAll(t testing.TB, p *recording) {
	for _, a := range p.answers {
		var v any
		if err := stdjson.Unmarshal(a.body, &v); err != nil {
			t.Fatal(err)
		}
	}
}

// plainAddition and its kin are what encoding/json would decode the answers into.
type plainAddition struct {
	ID           int               `json:"id"`
	AgreementID  int               `json:"agreementId"`
	Product      reference         `json:"product"`
	Quantity     *float64          `json:"quantity"`
	LessIncluded *float64          `json:"lessIncluded"`
	UnitPrice    *float64          `json:"unitPrice"`
	Bill         string            `json:"billCustomer"`
	Effective    string            `json:"effectiveDate"`
	Cancelled    *string           `json:"cancelledDate"`
	Info         map[string]string `json:"_info"`
}

func decodeStructs(t testing.TB, p *recording) {
	for _, a := range p.answers {
		var err error
		if bytes.HasPrefix(a.body, []byte(`{"results"`)) {
			var v struct {
				Results []struct {
					Sequence int             `json:"sequenceNumber"`
					Success  bool            `json:"success"`
					Status   int             `json:"statusCode"`
					Entities []plainAddition `json:"entities"`
				} `json:"results"`
			}
			err = stdjson.Unmarshal(a.body, &v)
		} else {
			var v []struct {
				ID         int       `json:"id"`
				Identifier string    `json:"identifier"`
				Name       string    `json:"name"`
				Company    reference `json:"company"`
				Type       reference `json:"type"`
				Start      string    `json:"startDate"`
				Status     string    `json:"agreementStatus"`
			}
			err = stdjson.Unmarshal(a.body, &v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkUnchangedCycle(b *testing.B) {
	w, _, asked := recordedHarness(b)
	b.ReportAllocs()
	for b.Loop() {
		w.unchangedRun(asked)
	}
}

func BenchmarkDecodingTheSameAnswers(b *testing.B) {
	_, p, _ := recordedHarness(b)
	b.Run("into structs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			decodeStructs(b, p)
		}
	})
	b.Run("into any", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			decodeAll(b, p)
		}
	})
}
