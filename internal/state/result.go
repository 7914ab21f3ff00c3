package state

// The results of a run, as metrics count them.
const (
	RunSuccess = "success" // whatever waits for a person, or is not proven for some
	RunPartial = "partial" // some scopes failed
	RunFailed  = "failed"  // as a whole: it ended early, or nobody was brought any further
	RunStopped = "stopped" // a person or the daemon's end stopped it
)

// RunResults lists them all.
var RunResults = []string{RunSuccess, RunPartial, RunFailed, RunStopped}

// Result is what became of a run that has ended.
func (r *Run) Result() string {
	switch {
	case r.Stopped:
		return RunStopped
	case r.failed() != "":
		return RunFailed
	case r.Totals["failed"]+r.Totals["partial"] > 0:
		return RunPartial
	}
	return RunSuccess
}
