package connectwise

import (
	"bytes"
	stdjson "encoding/json"
	"io"
	"net/http"
	"testing"

	"syncd/internal/plan"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

// A tape answers what a simulator answered before, so that a benchmark
// measures the client alone.
type tape struct {
	through http.RoundTripper // nil once recorded
	answers map[string]played
}

type played struct {
	status int
	header http.Header
	body   []byte
}

func (p *tape) RoundTrip(r *http.Request) (*http.Response, error) {
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
		p.answers[key] = played{answer.StatusCode, answer.Header, body}
	}
	a := p.answers[key]
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r}, nil
}

// estate is a hundred customers with twenty lines each, and a tape of one look at them.
func estate(t testing.TB) (*bench, *tape, []target.Asked) {
	w, asked := crowd(100)
	id := 50000
	for _, a := range w.Agreements {
		for range 19 {
			id++
			w.Additions = append(w.Additions, &cwsim.Addition{ID: id, AgreementID: a.ID, ProductID: 755, Quantity: num("4"), UnitPrice: num("36.5"), BillCustomer: "Billable",
				EffectiveDate: cwsim.Day(2025, 1, 1), CancelledDate: cwsim.Day(2025, 12, 31), InvoiceDescription: "Microsoft 365 E3, per user and month, as agreed in the contract"})
		}
	}
	sim := cwsim.New(w, cwsim.Options{Company: "msp", PublicKey: "PUBKEY00000001", PrivateKey: "PRVKEY00000001", ClientID: "3fa85f64-5717-4562-b3fc-2c963f66afa6"})
	p := &tape{through: sim.Transport(), answers: map[string]played{}}
	// One bundle at a time: the tape is no place for several goroutines.
	b := benchOn(t, sim, p, rules(rule(skuBP, "M365-BP")), func(c *Config) { c.Rate.Concurrency = 1; c.Rate.PerSecond, c.Rate.Burst = 900_000, 10_000 })
	if got := b.observeAll(asked); got != 100 {
		t.Fatalf("got %d lines, want 100", got)
	}
	p.through = nil
	return b, p, asked
}

// cycle is what an unchanged estate costs: look, wish, compare.
func (b *bench) cycle(asked []target.Asked) {
	source := snapshot(licence(skuBP, 12, 12))
	b.target = b.client.Open(rules(rule(skuBP, "M365-BP")))
	seen, err := b.look(source, asked...)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range asked {
		if seen[i].Err != nil {
			b.t.Fatal(seen[i].Err)
		}
		p, err := plan.Make(plan.Scope{Customer: asked[i].Key, Target: "connectwise"}, b.target.Spec().Kinds, plan.Sides{
			Desired: seen[i].Desired.Objects, Observed: seen[i].Objects, Records: []plan.Record{record(seen[i].Objects[0])}})
		if err != nil || !p.Empty() || p.InStep != 1 {
			b.t.Fatalf("got %s and %v, want it in step", written(p), err)
		}
	}
}

func decodeAll(t testing.TB, p *tape) {
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

func decodeStructs(t testing.TB, p *tape) {
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
	w, _, asked := estate(b)
	b.ReportAllocs()
	for b.Loop() {
		w.cycle(asked)
	}
}

func BenchmarkDecodingTheSameAnswers(b *testing.B) {
	_, p, _ := estate(b)
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
