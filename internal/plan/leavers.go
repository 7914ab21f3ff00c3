package plan

import (
	"fmt"
	"time"
)

// Leavers says when an object that is gone from the source is retired: after so many
// proven snapshots in a row without it, and so long after the first of them.
type Leavers struct {
	Absences int
	After    time.Duration
	Never    bool // it is never retired
}

// waits reports whether an object that is gone from the source is not retired yet.
func (l *Leavers) waits(record *Record, now time.Time) bool {
	if l == nil {
		return false
	}
	since := record.AbsentSince
	if since.IsZero() {
		since = now
	}
	return record.Absences+1 < l.Absences || now.Sub(since) < l.After
}

// waitText says since when an object is absent, and when it is retired.
func (l *Leavers) waitText(record *Record, now time.Time) string {
	since := record.AbsentSince
	if since.IsZero() {
		since = now
	}
	return fmt.Sprintf("absent %d of %d times, since %s; dealt with from %s on", record.Absences+1, l.Absences, since.Format(time.DateOnly), since.Add(l.After).Format(time.DateOnly))
}
