package state

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"syncd/internal/plan"
)

// The words for where a scope stands, the same on the terminal, the page and in
// reports. Those for a held scope say who must act next.
const (
	StandsInStep        = "in step"
	StandsUnchanged     = "unchanged" // at the source, and verified lately
	StandsPutOff        = "put off"   // a plan that goes by itself once the target takes writes again
	StandsChanged       = "changed"
	StandsWouldChange   = "would change" // a plan that nothing holds
	StandsApproved      = "approved"
	StandsNeedsApproval = "needs approval"
	StandsNeedsRepair   = "needs repair"
	StandsRejected      = "rejected"
	StandsPartlyDone    = "partly done"
	StandsFailed        = "failed"
	StandsNotRead       = "not read" // the source did not prove what it said
	StandsNotLinked     = "not linked"
)

// Standings lists the words, what somebody should look at first.
var Standings = []string{StandsFailed, StandsPartlyDone, StandsNotRead, StandsNeedsRepair, StandsNeedsApproval, StandsRejected, StandsApproved,
	StandsPutOff, StandsWouldChange, StandsChanged, StandsInStep, StandsUnchanged, StandsNotLinked}

// Counted is a number of scopes with one of these words.
func Counted(n int, standing string) string {
	if rest, ok := strings.CutPrefix(standing, "needs "); ok && n != 1 {
		standing = "need " + rest
	}
	return fmt.Sprintf("%d %s", n, standing)
}

// Standing is an outcome in words. What holds it, and what a person said of
// it (nil where nobody did), tell who must act next.
func Standing(outcome string, violations []plan.Violation, d *Decision) string {
	switch outcome {
	case "in_step":
		return StandsInStep
	case "skipped":
		if plan.PutOff(violations) != "" {
			return StandsPutOff
		}
		return StandsUnchanged
	case "partial":
		return StandsPartlyDone
	case "incomplete":
		return StandsNotRead
	case "unmapped":
		return StandsNotLinked
	case "held":
		return heldStanding(violations, d)
	}
	return outcome // changed, failed
}

func heldStanding(violations []plan.Violation, d *Decision) string {
	curable, scopeBlocked := false, false
	for _, v := range violations {
		if v.Code == plan.Rejected {
			return StandsRejected
		}
		cured := !v.NeedsRepair || v.Code == plan.PlanMoved // approving the new plan is enough
		curable = curable || !v.Note && cured
		scopeBlocked = scopeBlocked || !v.Note && !cured && v.Key == "" // it holds the whole scope
	}
	switch {
	case scopeBlocked || !curable && plan.NeedsRepair(violations):
		return StandsNeedsRepair
	case d == nil:
		return StandsNeedsApproval
	case d.Approved:
		return StandsApproved
	}
	return StandsRejected
}

// Standing says in words where a scope stands, whose hold stands as held says; empty
// where nothing of it is held.
func (c *Cursor) Standing(held string) string {
	stands := Standing(c.Outcome, c.Violations, nil)
	if held != "" && c.Outcome == "held" {
		stands = held
	}
	if stands == StandsApproved && plan.PutOff(c.Violations) != "" {
		return StandsPutOff
	}
	return stands
}

// Standing says in words where the scope of a hold stands.
func (h *Hold) Standing() string { return Standing("held", h.Violations, h.Decision) }

// A Failure is a job whose last run failed as a whole.
type Failure struct {
	Job   string    `json:"job"`
	Run   string    `json:"run"` // the last one
	At    time.Time `json:"at"`  // when that was started
	Times int       `json:"times"`
	Since time.Time `json:"since"` // when the first of them in a row was started
	Why   string    `json:"why"`
}

// Short says that a job failed, without the reason: that may name customers.
func (f *Failure) Short(zone *time.Location) string {
	text := fmt.Sprintf("%s failed as a whole at %s", f.Job, f.At.In(zone).Format("2006-01-02 15:04"))
	if f.Times > 1 {
		text += fmt.Sprintf(", %d times in a row since %s", f.Times, f.Since.In(zone).Format("2006-01-02 15:04"))
	}
	return text
}

// String says all of it.
func (f *Failure) String(zone *time.Location) string { return f.Short(zone) + ": " + f.Why }

// maxRuns is how far back failures in a row are counted.
const maxRuns = 1000

// Failing returns the jobs whose last run failed as a whole. What is under way,
// was killed, or was stopped by a person says nothing; nor does a run that was
// about some customers only, such as those that an event named.
func Failing(runs iter.Seq2[Run, error], jobs []string) ([]Failure, error) {
	found := map[string]*Failure{}
	succeeded := map[string]bool{}
	n := 0
	for r, err := range runs {
		if err != nil {
			return nil, err
		}
		if n++; n > maxRuns || len(succeeded) == len(jobs) {
			break
		}
		if r.Finished.IsZero() || r.Stopped || r.Part || r.Trigger == "event" {
			continue
		}
		for job := range strings.SplitSeq(r.Job, "+") {
			if succeeded[job] || !slices.Contains(jobs, job) {
				continue
			}
			why := r.failed()
			if why == "" {
				succeeded[job] = true
				continue
			}
			if found[job] == nil {
				found[job] = &Failure{Job: job, Run: r.ID, At: r.Started, Why: why}
			}
			found[job].Times++
			found[job].Since = r.Started
		}
	}
	var failures []Failure
	for _, job := range jobs {
		if f := found[job]; f != nil {
			failures = append(failures, *f)
		}
	}
	return failures, nil
}

// failed returns why a run failed as a whole, and the empty text where it did not.
func (r *Run) failed() string {
	if r.Error != "" {
		return r.Error
	}
	bad, good := 0, 0
	for outcome, n := range r.Totals {
		switch outcome {
		case "failed", "incomplete":
			bad += n
		case "unmapped":
		default:
			good += n
		}
	}
	if bad > 0 && good == 0 {
		return fmt.Sprintf("none of %d customers was brought any further", bad)
	}
	return ""
}
