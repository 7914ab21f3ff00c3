package app

import (
	"context"
	"errors"
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/state"
)

// A slowStore takes its time to verify and says what it is told to.
type slowStore struct {
	state.Store
	mu       stdsync.Mutex
	readings int
	err      error
}

func (s *slowStore) Verify(context.Context) (state.Counts, error) {
	time.Sleep(time.Minute)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readings++
	return state.Counts{}, s.err
}

// read returns how often it was read, and what it says from now on.
func (s *slowStore) read(err error) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	return s.readings
}

func TestTheStateIsReadBeforeAnythingIsWrittenAndEveryDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{}
		s := newSoundness(store, zerolog.Nop())
		s.daemon = true
		ctx, stop := context.WithCancel(t.Context())
		go s.watch(ctx)
		synctest.Wait()
		if err, n := s.damaged(), store.read(nil); err != nil || n != 0 {
			t.Errorf("got %v after %d readings, want to be ready meanwhile", err, n)
		}
		began := time.Now()
		if err := s.wait(t.Context(), false); err != nil || time.Since(began) != time.Minute {
			t.Errorf("got %v after %s, want to wait for the reading", err, time.Since(began))
		}
		began = time.Now()
		err := s.wait(t.Context(), false)
		if n := store.read(state.ErrCorrupt); err != nil || time.Since(began) != 0 || n != 1 {
			t.Errorf("got %v after %s and %d readings, want no second one", err, time.Since(began), n)
		}
		time.Sleep(25 * time.Hour)
		err = s.wait(t.Context(), false)
		if n := store.read(nil); !errors.Is(err, state.ErrCorrupt) || !errors.Is(s.damaged(), state.ErrCorrupt) || n != 2 {
			t.Errorf("got %v after %d readings, want the damage that a day brought", err, n)
		}
		stop()
		synctest.Wait()
	})
}

func TestWhoCannotWaitForTheReadingIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSoundness(&slowStore{}, zerolog.Nop())
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		if err := s.wait(ctx, true); !errors.Is(err, gone) {
			t.Errorf("got %v, want the caller's own end", err)
		}
		<-s.first
	})
}

func TestACommandReadsTheStateOnlyWhereThereIsSomethingToChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{}
		s := newSoundness(store, zerolog.Nop())
		for _, c := range []struct {
			changes bool
			want    int
		}{{false, 0}, {true, 1}, {true, 1}} {
			if err := s.wait(t.Context(), c.changes); err != nil {
				t.Fatal(err)
			}
			if n := store.read(nil); n != c.want {
				t.Errorf("changes %t: %d readings, want %d", c.changes, n, c.want)
			}
		}
	})
}
