package app

import (
	"context"
	"errors"
	"fmt"
	stdsync "sync"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/state"
)

// verifyEvery is how often a daemon reads its whole state again.
const verifyEvery = 24 * time.Hour

// soundness knows whether the state is whole. It is read once before anything
// writes, in the background: what only reads does not wait for it. A daemon reads
// it at its start whatever comes; a command only where it finds something to
// change, since reading all of a state costs more than finding nothing to do.
type soundness struct {
	store  state.Store
	log    zerolog.Logger
	daemon bool

	begin stdsync.Once
	first chan struct{} // closed when the first reading ended

	mu     stdsync.Mutex
	damage error
}

func newSoundness(store state.Store, log zerolog.Logger) *soundness {
	return &soundness{store: store, log: log, first: make(chan struct{})}
}

// start begins the first reading, if nobody did.
func (s *soundness) start(ctx context.Context) {
	s.begin.Do(func() {
		go func() {
			defer close(s.first)
			s.verify(ctx)
		}()
	})
}

// wait returns once the state is known to be whole, or why it is not. Every run
// asks it before it begins and, with changes, before it acts on a plan.
func (s *soundness) wait(ctx context.Context, changes bool) error {
	if !s.daemon && !changes {
		return nil
	}
	s.start(context.WithoutCancel(ctx))
	select {
	case <-s.first:
		return s.damaged()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// damaged returns what the last reading found wrong, or nil.
func (s *soundness) damaged() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.damage
}

func (s *soundness) verify(ctx context.Context) {
	began := time.Now()
	counts, err := s.store.Verify(ctx)
	if err != nil {
		err = fmt.Errorf("the state was not found whole, so nothing is written: %w", err)
	}
	s.mu.Lock()
	s.damage = err
	s.mu.Unlock()
	switch {
	case err == nil:
		s.log.Info().Int("scopes", counts.Scopes).Int("records", counts.Records).Int("entries", counts.Entries).
			Int64("duration_ms", time.Since(began).Milliseconds()).Msg("state verified")
	case !errors.Is(err, context.Canceled):
		s.log.Error().Err(err).Msg("state not verified")
	}
}

// watch verifies at once and then every day, until ctx ends.
func (s *soundness) watch(ctx context.Context) error {
	s.start(ctx)
	every := time.NewTicker(verifyEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			s.verify(ctx)
		case <-ctx.Done():
			<-s.first // the store is closed after this
			return nil
		}
	}
}
