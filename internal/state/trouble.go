package state

import "time"

// The troubles that a scope can be in for longer than a run.
const (
	TroubleFailing  = "failing"  // it failed, or was partly done
	TroubleUnproven = "unproven" // the source did not prove what it said
)

// TroubleOf is the trouble that an outcome says; empty where it says none.
func TroubleOf(outcome string) string {
	switch outcome {
	case "failed", "partial":
		return TroubleFailing
	case "incomplete":
		return TroubleUnproven
	}
	return ""
}

// End takes over how a run ended, before anything else of it: At is still that of the run before.
func (c *Cursor) End(outcome string, now time.Time) {
	switch trouble := TroubleOf(outcome); {
	case trouble == "":
		c.TroubleSince = time.Time{}
	case trouble != TroubleOf(c.Outcome):
		c.TroubleSince = now
	case c.TroubleSince.IsZero():
		c.TroubleSince = c.At // a former version knew no more
	}
	c.Outcome = outcome
}
