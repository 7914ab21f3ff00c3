package rest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnotherRateWinsNoTokens(t *testing.T) {
	tokens := func(b *Bucket) float64 { return *b.level(time.Now()).Tokens }
	for _, c := range []struct {
		name  string
		from  Rate
		spent int
		pause time.Duration
		to    Rate
		want  float64
	}{
		{"a full bucket stays full", Rate{PerSecond: 1, Burst: 5}, 0, 0, Rate{PerSecond: 10, Burst: 5}, 5},
		{"an empty one stays empty", Rate{PerSecond: 1, Burst: 5}, 5, 0, Rate{PerSecond: 10, Burst: 5}, 0},
		{"a larger one has what was there", Rate{PerSecond: 1, Burst: 5}, 3, 0, Rate{PerSecond: 1, Burst: 50}, 2},
		{"a smaller one has what it has room for", Rate{PerSecond: 1, Burst: 50}, 3, 0, Rate{PerSecond: 1, Burst: 5}, 5},
		{"a slower one", Rate{PerSecond: 10, Burst: 5}, 3, 0, Rate{PerMinute: 6, Burst: 5}, 2},
		{"the same", Rate{PerSecond: 1, Burst: 5}, 4, 0, Rate{PerSecond: 1, Burst: 5}, 1},
		{"a pause", Rate{PerSecond: 1, Burst: 5}, 0, time.Minute, Rate{PerSecond: 100, Burst: 50}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBucket(c.from, nil, "acme")
				for range c.spent {
					release, err := b.Take(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					release()
				}
				began := time.Now()
				if c.pause > 0 {
					b.Pause(began.Add(c.pause))
				}
				for range 3 { // again and again changes nothing
					b.SetRate(c.to)
				}
				if got := tokens(b); got != c.want {
					t.Errorf("got %v tokens, want %v", got, c.want)
				}
				if c.pause > 0 {
					if release, err := b.Take(t.Context()); err != nil || time.Since(began) != c.pause {
						t.Errorf("got %v after %s, want the pause to last %s", err, time.Since(began), c.pause)
					} else {
						release()
					}
				}
				if got := b.level(time.Now()).Rate; got != c.to.String() {
					t.Errorf("got the rate %q, want %q", got, c.to)
				}
			})
		})
	}
}

func TestARateThatChangesUnderLoadIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fast, slow := Rate{PerSecond: 50, Burst: 10, Concurrency: 8}, Rate{PerSecond: 5, Burst: 2, Concurrency: 2}
		b := NewBucket(fast, nil, "acme")
		var mu sync.Mutex
		var grants []time.Time
		ctx, stop := context.WithCancelCause(t.Context())
		var workers sync.WaitGroup
		for range 32 {
			workers.Go(func() {
				for {
					release, err := b.Take(ctx)
					if err != nil {
						return
					}
					mu.Lock()
					grants = append(grants, time.Now())
					mu.Unlock()
					time.Sleep(30 * time.Millisecond)
					release()
				}
			})
		}
		for i := range 40 {
			time.Sleep(700 * time.Millisecond)
			b.SetRate([]Rate{slow, fast}[i%2])
		}
		stop(errors.New("enough"))
		workers.Wait()
		slices.SortFunc(grants, time.Time.Compare)
		if got := excess(grants, fast.interval(), fast.Burst); got > 1e-6 {
			t.Errorf("%d grants, %v more than the faster of the rates allows", len(grants), got)
		}
		if got := b.slots.underWay(); got != 0 {
			t.Errorf("%d slots are taken and nobody has them", got)
		}
	})
}

func TestSlotsAreGivenInOrderAndNeverTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slots{limit: 2}
		var mu sync.Mutex
		most, order := 0, []int{}
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				if err := s.take(t.Context()); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				most, order = max(most, s.underWay()), append(order, i)
				mu.Unlock()
				time.Sleep(time.Second)
				s.release()
			})
			synctest.Wait()
		}
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { left <- s.take(ctx) }()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		group.Wait()
		for i, who := range order { // two at a time, of whom either may say so first
			if who/2 != i/2 {
				t.Errorf("got the order %v", order)
			}
		}
		if most != 2 || s.underWay() != 0 {
			t.Errorf("got %d at once, and %d taken at the end", most, s.underWay())
		}
		s.setLimit(0)
		for range 9 {
			if err := s.take(t.Context()); err != nil {
				t.Error(err)
			}
		}
		s.setLimit(1)
		go func() { left <- s.take(t.Context()) }()
		for range 8 {
			s.release()
		}
		synctest.Wait()
		select {
		case <-left:
			t.Error("there is one slot, and two have it")
		default:
		}
		s.release()
		if err := <-left; err != nil {
			t.Error(err)
		}
	})
}
