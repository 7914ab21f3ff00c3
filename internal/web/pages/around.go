package pages

import (
	"context"
	"sync"
	"time"

	"syncd/internal/app"
	"syncd/internal/state"
)

// An around is what every page shows around its own: it costs a look at all of the state, and
// is kept for a moment.
type around struct {
	waiting  int // holds that wait for a person
	unmapped int // customers that nobody linked or left out
	asked    int // objects on which nobody decided
	alike    map[string]bool
}

// aroundAge is how old it may be. What somebody decides on a page shows at once.
const aroundAge = 5 * time.Second

type surroundings struct {
	running *app.Running

	mu   sync.Mutex
	last *around
	at   time.Time
}

// forget has the next page look again.
func (s *surroundings) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = nil
}

func (s *surroundings) look(ctx context.Context) (*around, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil && time.Since(s.at) < aroundAge {
		return s.last, nil
	}
	a := &around{alike: map[string]bool{}}
	first := map[string]string{} // a name's customer
	note := func(key, name string) {
		name = fold(name)
		if other, ok := first[name]; ok && other != key {
			a.alike[name] = true
		}
		first[name] = key
	}
	for c, err := range s.running.Store.Cursors(ctx) {
		if err != nil {
			return nil, err
		}
		note(c.Scope.Customer, c.Name)
	}
	customers, err := s.running.ListedCustomers(ctx)
	if err != nil {
		return nil, err
	}
	for i := range customers {
		if note(customers[i].Key, customers[i].Name); !app.Mapped(&customers[i]) {
			a.unmapped++
		}
	}
	questions, err := s.running.Questions(ctx)
	if err != nil {
		return nil, err
	}
	for i := range questions {
		if questions[i].Decision == "" {
			a.asked++
		}
	}
	for h, err := range s.running.Store.Holds(ctx) {
		if err != nil {
			return nil, err
		}
		if h.Standing() == state.StandsNeedsApproval {
			a.waiting++
		}
	}
	s.last, s.at = a, time.Now()
	return a, nil
}

// isAlike reports whether two customers have this name, so that its id must tell them apart.
func (s *surroundings) isAlike(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last != nil && s.last.alike[fold(name)]
}
