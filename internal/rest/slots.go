package rest

import (
	"context"
	"slices"
	"sync"
)

// slots limit how many requests are under way at once; others wait in order of arrival.
// The zero value limits nothing.
type slots struct {
	mu      sync.Mutex
	limit   int // 0 = any number
	taken   int
	waiting []chan struct{} // each is closed when it is its turn
}

// take waits for a slot, or for the end of ctx.
func (s *slots) take(ctx context.Context) error {
	s.mu.Lock()
	if s.free() && len(s.waiting) == 0 {
		s.taken++
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	s.waiting = append(s.waiting, turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting, turn); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	} else { // it came at the same moment
		s.taken--
		s.admit()
	}
	return contextErr(ctx)
}

// release gives a slot back.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	s.admit()
}

// setLimit changes how many there are. What is under way stays so where they become fewer.
func (s *slots) setLimit(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
	s.admit()
}

func (s *slots) underWay() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// free and admit are called with the lock held.
func (s *slots) free() bool { return s.limit <= 0 || s.taken < s.limit }

func (s *slots) admit() {
	for len(s.waiting) > 0 && s.free() {
		close(s.waiting[0])
		s.waiting = s.waiting[1:]
		s.taken++
	}
}
