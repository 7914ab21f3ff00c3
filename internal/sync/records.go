package sync

import (
	"slices"
	"time"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// updateRecords adds to a commit the records of objects on which both sides agree
// already, and journal entries for earlier attempts that turn out to have succeeded.
func (s *scopeRun) updateRecords(c *state.Commit) {
	planned := map[plan.Key]bool{}
	for i := range s.plan.Changes {
		planned[s.plan.Changes[i].Key] = true
	}
	learned := map[plan.Key]plan.Object{}
	for _, o := range s.plan.Learned {
		learned[o.Key] = o
	}
	c.Drop = append(c.Drop, s.plan.Dropped...)
	dropped := map[plan.Key]bool{}
	for _, key := range s.plan.Dropped {
		dropped[key] = true
		if r, ok := s.recordOf(key); ok && r.Origin != plan.Announced { // a deletion that was never answered
			c.Entries = append(c.Entries, foundOut(s.entry(&plan.Change{Action: plan.Delete, Key: key, Label: r.Label, Ref: r.Ref,
				Reason: plan.AttemptSucceeded, Before: &r.Object}, state.ResultRecovered, "", nil), r.Sent))
		}
	}
	absent := map[plan.Key]bool{}
	for _, key := range s.plan.Absent {
		absent[key] = true
	}
	for _, record := range s.memory.Records {
		if dropped[record.Key] || s.wayBack() && learned[record.Key].Key != record.Key {
			continue // of the rest a way back knows nothing
		}
		if absent[record.Key] {
			// A day in the future was stored by a clock that was ahead.
			if record.Absences++; record.AbsentSince.IsZero() || record.AbsentSince.After(s.run.Now()) {
				record.AbsentSince = s.run.Now().UTC()
			}
			c.Put = append(c.Put, record)
			continue
		}
		o, news := learned[record.Key]
		if record.Absences > 0 && !planned[record.Key] { // it is back
			record.Absences, record.AbsentSince = 0, time.Time{}
			if !news {
				c.Put = append(c.Put, record)
			}
		}
		if planned[record.Key] || !news && (record.Pending == nil || record.Origin == plan.Announced) {
			continue
		}
		if record.Pending != nil && news && !record.Told() {
			s.addRecovered(c, &record, &o)
		}
		if record.Origin == plan.Announced {
			record.Origin = plan.Created
		}
		if news {
			record.Object = o
		}
		record.Pending, record.Sent, record.Attempts, record.Run, record.At = nil, nil, 0, s.run.id, s.run.Now().UTC()
		c.Put = append(c.Put, record)
	}
}

// recordArrived adds to a commit what of an earlier attempt got through to the objects that
// change again, before they do: every write of ours is in the journal. What else was sent
// may still arrive, and stays announced.
func (s *scopeRun) recordArrived(c *state.Commit) {
	for i := range s.plan.Changes {
		ch := &s.plan.Changes[i]
		at := slices.IndexFunc(s.memory.Records, func(r plan.Record) bool { return r.Key == ch.Key })
		if at < 0 {
			continue
		}
		record := &s.memory.Records[at]
		if made := record.Made(ch); made != nil {
			s.addRecovered(c, record, made)
			record.Tell()
			c.Put = append(c.Put, *record)
			continue
		}
		now := record.Arrived(ch.Before)
		if now == nil {
			continue
		}
		now.Billing = ch.Before.Billing
		s.addRecovered(c, record, now)
		record.Object = *now
		record.Retired = ch.Before.Retired // what brings it back says so
		c.Put = append(c.Put, *record)
	}
}

// addRecovered adds to a commit the journal entry of an earlier attempt that turns out to
// have got through, and says so in the report.
func (s *scopeRun) addRecovered(commit *state.Commit, record *plan.Record, after *plan.Object) {
	before := &record.Object
	c := plan.Change{Action: plan.Update, Key: before.Key, Label: after.Label, Ref: after.Ref, Reason: plan.AttemptSucceeded, Before: before, After: after}
	if record.Origin == plan.Announced {
		c.Action, c.Before = plan.Create, nil
	}
	for _, k := range s.target.spec.Kinds {
		if k.Name == before.Kind && k.Delta != nil {
			c.MonthlyDelta = k.Delta(c.Before, after)
			c.Unpriced = k.Priced != nil && !k.Priced(after)
		}
	}
	c.Currency = s.run.Currency
	if b := after.Billing; b != nil && b.Currency != "" {
		c.Currency = b.Currency
	}
	e := foundOut(s.entry(&c, state.ResultRecovered, "", after), record.Sent)
	commit.Entries = append(commit.Entries, e)
	s.violations = append(s.violations, plan.Recovered(&c, e.By))
	s.report.Violations = s.violations
}

func (s *scopeRun) recordOf(key plan.Key) (plan.Record, bool) {
	for _, r := range s.memory.Records {
		if r.Key == key {
			return r, true
		}
	}
	return plan.Record{}, false
}
