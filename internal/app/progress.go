package app

import "syncd/internal/sync"

// Progress is told how far long work is: how much of it is done, and what was done
// last.
type Progress func(done, total int, name string)

// scopes tells it of a run.
func (p Progress) scopes() func(done, total int, s *sync.ScopeReport) {
	return func(done, total int, s *sync.ScopeReport) { p(done, total, s.Customer.Name) }
}
