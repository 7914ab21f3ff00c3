package sync

import (
	"syncd/internal/plan"
)

// A Job is a named, scheduled pass over some targets with its own policy.
type Job struct {
	Name     string
	Schedule string // empty: only when asked for
	Targets  []string
	Policy   plan.Policy
	Limits   Limits
}

// Limits bound one scope and, where set, a whole run.
type Limits struct {
	plan.Limits
	Run RunLimits
}
