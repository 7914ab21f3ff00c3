package sync

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// Outcome is what became of a scope: a closed set.
type Outcome string

// The outcomes.
const (
	InStep     Outcome = "in_step"
	Skipped    Outcome = "skipped" // unchanged at the source and verified lately, or deferred to a later run
	Changed    Outcome = "changed"
	Partial    Outcome = "partial"
	Held       Outcome = "held"
	Failed     Outcome = "failed"
	Incomplete Outcome = "incomplete"
	Unmapped   Outcome = "unmapped"
)

// Outcomes lists them all.
var Outcomes = []Outcome{InStep, Skipped, Changed, Partial, Held, Failed, Incomplete, Unmapped}

// A Report is what a run did, or would do.
type Report struct {
	Run      string          `json:"run"`
	Job      string          `json:"job"`
	Started  time.Time       `json:"started"`
	Finished time.Time       `json:"finished"`
	Scopes   []ScopeReport   `json:"scopes"`
	Totals   map[Outcome]int `json:"totals"`
	// Error is why the run as a whole ended early.
	Error *string `json:"error,omitempty"`
	// PlanOnly marks a report of what would be done.
	PlanOnly bool `json:"plan_only,omitempty"`
	// Clock says that the clock is behind what the state knows of, or nothing.
	Clock string `json:"clock,omitempty"`
}

// A ScopeReport is one scope of a report.
type ScopeReport struct {
	Customer     CustomerRef      `json:"customer"`
	Target       string           `json:"target"`
	Job          string           `json:"job"`
	Outcome      Outcome          `json:"outcome"`
	Digest       string           `json:"digest"`
	MonthlyDelta string           `json:"monthly_delta"` // empty where it is not known, or in several currencies
	Currency     string           `json:"currency"`
	Changes      []plan.Change    `json:"changes"`
	Violations   []plan.Violation `json:"violations"`
	Error        *string          `json:"error"`
	// Credits are to be issued by hand where the plan is a way back; nil of any other plan.
	Credits   []money.Credit `json:"credits,omitzero"`
	Unchanged int            `json:"unchanged"`
	Foreign   int            `json:"foreign"`
	Written   int            `json:"written,omitempty"` // changes that the target accepted
	Approved  bool           `json:"approved,omitempty"`
	Reverts   string         `json:"reverts,omitempty"` // the run that the plan is the way back from
	First     bool           `json:"first,omitempty"`   // nothing of this scope was ever applied
	Ignored   bool           `json:"ignored,omitempty"` // a person marked the customer as ignored
	Trace     []plan.Trace   `json:"trace,omitempty"`
	Looked    []string       `json:"looked,omitempty"` // how the target looked for the one object asked about
	// Refused says that the scope failed because the target refused every request of
	// this run: its error concerns every customer alike.
	Refused bool `json:"-"`

	// Where there are many changes they are packed, and where nobody reads them they
	// are dropped; these then hold what is left of them, see compact.
	packed      []byte
	packedCount int
	up, down    decimal.Decimal
	unpriced    int
}

// A CustomerRef is a customer in a report.
type CustomerRef struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

func customerRef(c mapping.Customer) CustomerRef { return CustomerRef{Key: c.Key, Name: c.Name} }

// Scope returns the scope of the report.
func (s *ScopeReport) Scope() plan.Scope {
	return plan.Scope{Customer: s.Customer.Key, Target: s.Target}
}

func (s *ScopeReport) fail(outcome Outcome, err error) {
	s.Outcome = outcome
	text := err.Error()
	s.Error = &text
}

// compact drops what nobody reads once a scope is done, or a report over many
// customers would hold all their objects in memory. A typed run shows every change,
// a scheduled one only the sums.
func (s *ScopeReport) compact(shown bool) {
	for i := range s.Changes {
		c := &s.Changes[i]
		if c.Before = nil; c.Action != plan.Adopt || len(c.Fields) > 0 {
			c.After = nil
		}
	}
	if shown && len(s.Changes) <= maxUnpacked {
		return
	}
	s.packedCount = len(s.Changes)
	s.up, s.down = s.Delta()
	s.unpriced = s.Unpriced()
	if shown {
		s.packed = deflate(encode(s.Changes))
	}
	s.Changes = []plan.Change{}
}

// maxUnpacked is how many changes of a scope a report keeps unpacked. More are
// compressed until they are read: a first run over many customers would hold every
// field of every object it created.
const maxUnpacked = 16

// Standing says in words where the scope stands after a run, or would after one
// that only planned.
func (s *ScopeReport) Standing(planned bool) string {
	switch {
	case planned && plan.PutOff(s.Violations) != "" && (s.Outcome == Changed || s.Outcome == Held && s.Approved && !plan.NeedsRepair(s.Violations)):
		return state.StandsPutOff
	case planned && s.Approved && (s.Outcome == Changed || s.Outcome == Held && !plan.NeedsRepair(s.Violations)):
		return state.StandsApproved
	case planned && s.Outcome == Changed:
		return state.StandsWouldChange
	case s.Outcome == Held && s.Approved && !plan.Holds(s.Violations): // for the other half
		return state.StandsApproved
	}
	return state.Standing(string(s.Outcome), s.Violations, nil)
}

// Count is how many changes the scope's plan has, packed ones included.
func (s *ScopeReport) Count() int { return max(s.packedCount, len(s.Changes)) }

// setMoney takes over what a plan does to the monthly bill: a sum and its currency,
// neither where there are several, and no sum where one of its parts is not known.
func (s *ScopeReport) setMoney(p *plan.Plan, by string) {
	for i := range p.Changes {
		p.Changes[i].Currency = cmp.Or(p.Changes[i].Currency, by)
	}
	s.MonthlyDelta, s.Currency = "", p.Currency(by)
	if s.Currency != "" && p.Unpriced() == 0 {
		s.MonthlyDelta = p.MonthlyDelta().StringFixed(2)
	}
}

// Unpriced is how many changes have a price that nobody knows: Delta lacks them.
func (s *ScopeReport) Unpriced() int {
	return s.unpriced + (&plan.Plan{Changes: s.Changes}).Unpriced()
}

// Delta is what the changes do to the monthly bill.
func (s *ScopeReport) Delta() (up, down decimal.Decimal) {
	up, down = s.up, s.down
	for i := range s.Changes {
		if d := s.Changes[i].MonthlyDelta; d.IsPositive() {
			up = up.Add(d)
		} else {
			down = down.Sub(d)
		}
	}
	return up, down
}

// Unpacked returns the scope with its changes, for one who reads it and keeps nothing.
func (s ScopeReport) Unpacked() ScopeReport {
	if s.packed == nil {
		return s
	}
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(s.packed)))
	if err == nil {
		err = json.Unmarshal(raw, &s.Changes)
	}
	if err != nil {
		panic(err) // compact packed it in this process
	}
	s.packed, s.packedCount, s.up, s.down, s.unpriced = nil, 0, decimal.Zero, decimal.Zero, 0
	return s
}

// MarshalJSON writes the scope as scripts read it.
func (s ScopeReport) MarshalJSON() ([]byte, error) {
	type plain ScopeReport
	out := struct {
		plain
		MonthlyDelta *string `json:"monthly_delta"`
		Currency     *string `json:"currency"`
	}{plain: plain(s.Unpacked())}
	if s.Currency != "" {
		out.Currency = &s.Currency
	}
	if s.MonthlyDelta != "" {
		out.MonthlyDelta = &s.MonthlyDelta
	}
	if out.Changes == nil { // a list that is empty is one
		out.Changes = []plan.Change{}
	}
	if out.Violations == nil {
		out.Violations = []plan.Violation{}
	}
	return json.Marshal(out)
}

func deflate(raw []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestSpeed) // fails for unknown levels only
	w.Write(raw)                                 // to memory: cannot fail
	w.Close()
	return b.Bytes()
}

// Failed reports whether something failed or was not proven.
func (r *Report) Failed() bool {
	return r.Error != nil || r.Totals[Failed] > 0 || r.Totals[Partial] > 0 || r.Totals[Incomplete] > 0
}

// Status returns the exit status of the report: 1 where something failed, 3
// where something is held, 2 where changes are pending, 0 otherwise.
func (r *Report) Status() int {
	pending := false
	for i := range r.Scopes {
		pending = pending || r.Scopes[i].Count() > 0
	}
	switch t := r.Totals; {
	case r.Failed():
		return 1
	case r.PlanOnly && pending:
		return 2
	case !r.PlanOnly && t[Held] > 0:
		return 3
	}
	return 0
}

func (r *Report) countOutcomes() {
	r.Totals = make(map[Outcome]int, len(Outcomes))
	for _, o := range Outcomes {
		r.Totals[o] = 0
	}
	for i := range r.Scopes {
		r.Totals[r.Scopes[i].Outcome]++
	}
}

// Currencies are those of the scopes, sorted.
func (r *Report) Currencies() []string {
	var out []string
	for i := range r.Scopes {
		if c := r.Scopes[i].Currency; c != "" && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return out
}

// MonthlyDelta adds up what the scopes' changes do to the monthly bills in one
// currency.
func (r *Report) MonthlyDelta(currency string) (up, down decimal.Decimal) {
	for i := range r.Scopes {
		if r.Scopes[i].Currency == currency {
			more, less := r.Scopes[i].Delta()
			up, down = up.Add(more), down.Add(less)
		}
	}
	return up, down
}

// Refusals returns why targets refused every request of this run, each reason once,
// ordered by target.
func (r *Report) Refusals() []string {
	first := map[string]string{}
	for i := range r.Scopes {
		s := &r.Scopes[i]
		if s.Refused && s.Error != nil && (first[s.Target] == "" || len(*s.Error) < len(first[s.Target])) {
			first[s.Target] = *s.Error
		}
	}
	var all []string
	for _, target := range slices.Sorted(maps.Keys(first)) {
		all = append(all, first[target])
	}
	return all
}
