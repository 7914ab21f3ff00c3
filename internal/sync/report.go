package sync

import (
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/mapping"
	"syncd/internal/plan"
)

// Outcome is what became of a scope: a closed set.
type Outcome string

// The outcomes.
const (
	InStep     Outcome = "in_step"
	Skipped    Outcome = "skipped" // unchanged at the source and verified lately, or left for a later run
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
}

// A ScopeReport is one scope of a report.
type ScopeReport struct {
	Customer     Party            `json:"customer"`
	Target       string           `json:"target"`
	Job          string           `json:"job"`
	Outcome      Outcome          `json:"outcome"`
	Digest       string           `json:"digest"`
	MonthlyDelta string           `json:"monthly_delta"`
	Currency     string           `json:"currency"`
	Changes      []plan.Change    `json:"changes"`
	Violations   []plan.Violation `json:"violations"`
	Error        *string          `json:"error"`
	InStep       int              `json:"unchanged"`
	Foreign      int              `json:"foreign"`
	Approved     bool             `json:"approved,omitempty"`
	Ignored      bool             `json:"ignored,omitempty"` // unmapped on purpose
	Trace        []plan.Trace     `json:"trace,omitempty"`
	Looked       []string         `json:"looked,omitempty"` // how the target looked for the one object asked about
}

// A Party is a customer in a report.
type Party struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

func party(c mapping.Customer) Party { return Party{Key: c.Key, Name: c.Name} }

// Scope returns the scope of the report.
func (s *ScopeReport) Scope() plan.Scope {
	return plan.Scope{Customer: s.Customer.Key, Target: s.Target}
}

func (s *ScopeReport) fail(outcome Outcome, err error) {
	s.Outcome = outcome
	text := err.Error()
	s.Error = &text
}

// Status returns the exit status of the report: 1 where something failed, 3
// where something is held, 2 where changes are pending, 0 otherwise.
func (r *Report) Status() int {
	pending := false
	for i := range r.Scopes {
		pending = pending || len(r.Scopes[i].Changes) > 0
	}
	switch t := r.Totals; {
	case r.Error != nil || t[Failed] > 0 || t[Partial] > 0 || t[Incomplete] > 0:
		return 1
	case r.PlanOnly && pending:
		return 2
	case !r.PlanOnly && t[Held] > 0:
		return 3
	}
	return 0
}

func (r *Report) count() {
	r.Totals = make(map[Outcome]int, len(Outcomes))
	for _, o := range Outcomes {
		r.Totals[o] = 0
	}
	for i := range r.Scopes {
		r.Totals[r.Scopes[i].Outcome]++
	}
}

// MonthlyDelta adds up what the scopes' changes do to the monthly bills.
func (r *Report) MonthlyDelta() (up, down decimal.Decimal) {
	for i := range r.Scopes {
		for j := range r.Scopes[i].Changes {
			if d := r.Scopes[i].Changes[j].MonthlyDelta; d.IsPositive() {
				up = up.Add(d)
			} else {
				down = down.Sub(d)
			}
		}
	}
	return up, down
}
