package signin

import (
	"slices"
	"sync"
	"time"
)

// How many wrong passwords are let pass for one key, such as a name, in which time.
const (
	mostWrong = 10
	within    = time.Minute
	mostKeys  = 10_000 // that are remembered at once; a flood of others makes all wait
)

// A throttle counts wrong passwords.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	wrong map[string][]time.Time // by key, the oldest first
}

// attempt counts a wrong password for each key, until forget says that it was none: so that many at
// once are no more than one after another. It returns how long to wait where there were too many, and
// counts nothing then.
func (t *throttle) attempt(keys ...string) (forget func(), wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, k := range keys {
		recent := slices.DeleteFunc(t.wrong[k], func(at time.Time) bool { return now.Sub(at) >= within })
		if len(recent) == 0 {
			delete(t.wrong, k)
			continue
		}
		t.wrong[k] = recent
		if len(recent) >= mostWrong {
			wait = max(wait, recent[len(recent)-mostWrong].Add(within).Sub(now))
		}
	}
	if wait > 0 {
		return func() {}, wait
	}
	if t.tidy(now); len(t.wrong) >= mostKeys {
		return func() {}, within
	}
	if t.wrong == nil {
		t.wrong = map[string][]time.Time{}
	}
	for _, k := range keys {
		t.wrong[k] = append(t.wrong[k], now)
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, k := range keys {
			if i := slices.Index(t.wrong[k], now); i >= 0 {
				t.wrong[k] = slices.Delete(t.wrong[k], i, i+1)
			}
		}
	}, 0
}

// tidy forgets what is over, once there is much of it.
func (t *throttle) tidy(now time.Time) {
	if len(t.wrong) < mostKeys {
		return
	}
	for k, times := range t.wrong {
		if len(times) == 0 || now.Sub(times[len(times)-1]) >= within {
			delete(t.wrong, k)
		}
	}
}
