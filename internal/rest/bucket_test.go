package rest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// excess is by how much the worst window of grants goes over burst + rate·t.
func excess(grants []time.Time, interval time.Duration, burst int) float64 {
	worst := 0.0
	// full is how full a bucket is that leaks at the rate; the worst window is
	// the one in which it is fullest.
	full, last := 0.0, grants[0]
	for _, at := range grants {
		full = max(0, full-float64(at.Sub(last))/float64(interval)) + 1
		last = at
		worst = max(worst, full-float64(burst))
	}
	return worst
}

func TestNoWindowSeesMoreThanBurstAndRate(t *testing.T) {
	for _, test := range []struct {
		rate    Rate
		workers int
		busy    time.Duration // with each request
		n       int
	}{
		{Rate{PerSecond: 50, Burst: 10}, 64, 0, 5000},
		{Rate{PerSecond: 50, Burst: 10}, 64, 300 * time.Millisecond, 5000},
		{Rate{PerSecond: 50, Burst: 1}, 64, 0, 2000},
		{Rate{PerMinute: 300, Burst: 20}, 64, 70 * time.Millisecond, 1000},
		{Rate{PerSecond: 7, Burst: 3}, 1, time.Millisecond, 500},
	} {
		t.Run(fmt.Sprintf("%s with %d workers busy for %s", test.rate, test.workers, test.busy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBucket(test.rate, nil, "acme")
				var mu sync.Mutex
				var grants []time.Time
				started := time.Now()
				var wg sync.WaitGroup
				for range test.workers {
					wg.Go(func() {
						for {
							release, err := b.Take(t.Context())
							if err != nil {
								t.Error(err)
								return
							}
							mu.Lock()
							done := len(grants) >= test.n
							if !done {
								grants = append(grants, time.Now())
							}
							mu.Unlock()
							time.Sleep(test.busy)
							release()
							if done {
								return
							}
						}
					})
				}
				wg.Wait()
				slices.SortFunc(grants, time.Time.Compare)
				interval := test.rate.interval()
				if got := excess(grants, interval, test.rate.Burst); got > 1e-6 {
					t.Errorf("a window saw %.3f requests too many", got)
				}
				ideal := time.Duration(test.n-test.rate.Burst) * interval
				if wall := grants[len(grants)-1].Sub(started); float64(wall) > 1.001*float64(ideal) {
					t.Errorf("%d requests took %s, want %s: the rate is not used", test.n, wall, ideal)
				}
			})
		})
	}
}

// On a busy machine timers fire late and clocks are read at odd moments: the
// bound must hold for whatever moments the bucket is asked at.
func TestTheBoundHoldsHoweverLateTheSleepersWake(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := Rate{PerSecond: rapid.Float64Range(0.1, 200).Draw(t, "per second"), Burst: rapid.IntRange(1, 40).Draw(t, "burst")}
		b := NewBucket(rate, nil, "acme")
		now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
		var grants []time.Time
		for range 400 {
			if wait := b.grant(now); wait == 0 {
				grants = append(grants, now)
			} else if rapid.Bool().Draw(t, "wake on time") {
				now = now.Add(wait)
			} else {
				now = now.Add(wait + time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "late")))
			}
		}
		if got := excess(grants, rate.interval(), rate.Burst); got > 1e-6 {
			t.Fatalf("%s: a window saw %.3f requests too many", rate, got)
		}
	})
}

func TestWaitersLeaveInTheOrderTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBucket(Rate{PerSecond: 1, Burst: 1}, nil, "acme")
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				release, err := b.Take(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer release()
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			})
			synctest.Wait()
		}
		wg.Wait()
		if !slices.IsSorted(order) || len(order) != 20 {
			t.Errorf("got order %v", order)
		}
	})
}

func TestNoMoreThanConcurrencyAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBucket(Rate{PerSecond: 1000, Burst: 100, Concurrency: 3}, nil, "acme")
		var mu sync.Mutex
		under, most := 0, 0
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				release, err := b.Take(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				under++
				most = max(most, under)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				under--
				mu.Unlock()
				release()
				release() // once is enough, twice does no harm
			})
		}
		wg.Wait()
		if most != 3 {
			t.Errorf("got %d under way at once, want 3", most)
		}
	})
}

func TestAPauseHoldsEverybodyAndEndsWithoutABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBucket(Rate{PerSecond: 10, Burst: 10}, nil, "acme")
		started := time.Now()
		b.Pause(started.Add(30 * time.Second))
		b.Pause(started.Add(10 * time.Second)) // never shortens
		var mu sync.Mutex
		var at []time.Duration
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				release, err := b.Take(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer release()
				mu.Lock()
				at = append(at, time.Since(started))
				mu.Unlock()
			})
		}
		wg.Wait()
		if at[0] != 30*time.Second || at[19] != 30*time.Second+19*100*time.Millisecond {
			t.Errorf("got the first after %s and the last after %s, want 30s and 31.9s", at[0], at[19])
		}
	})
}

func TestAPauseThatBeginsWhileOthersWaitHoldsThemToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBucket(Rate{PerSecond: 1, Burst: 1}, nil, "acme")
		started := time.Now()
		var mu sync.Mutex
		var last time.Duration
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := b.Take(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				last = time.Since(started)
				mu.Unlock()
			})
			synctest.Wait()
		}
		time.Sleep(500 * time.Millisecond)
		b.Pause(started.Add(time.Minute))
		wg.Wait()
		if want := time.Minute + time.Second; last != want {
			t.Errorf("got the last after %s, want %s", last, want)
		}
	})
}

func TestAPauseIsCappedAtAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBucket(Rate{}, nil, "acme")
		started := time.Now()
		b.Pause(started.AddDate(1, 0, 0))
		if _, err := b.Take(t.Context()); err != nil || time.Since(started) != time.Hour {
			t.Errorf("got a turn after %s, %v; want 1h", time.Since(started), err)
		}
	})
}

func TestATurnThatWouldComeTooLateIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBucket(Rate{PerSecond: 10, Burst: 1, Concurrency: 1}, nil, "acme")
		b.Pause(time.Now().Add(time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		started := time.Now()
		_, err := b.Take(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != 0 {
			t.Errorf("got %v after %s, want a deadline error at once", err, time.Since(started))
		}
		// It left the slot and the turn to others.
		if _, err := b.Take(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWhoeverGivesUpSaysWhyAndTakesNothing(t *testing.T) {
	lost := errors.New("lease lost")
	for name, first := range map[string]func(*Bucket){
		"waiting for a slot":  func(b *Bucket) { b.Take(context.Background()) },
		"waiting for a token": func(b *Bucket) { b.Pause(time.Now().Add(time.Minute)) },
		"waiting for a turn": func(b *Bucket) {
			b.turn <- struct{}{}
			time.AfterFunc(time.Hour, func() { <-b.turn })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBucket(Rate{PerSecond: 1, Burst: 1, Concurrency: 1}, nil, "acme")
				first(b)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(lost) })
				_, err := b.Take(ctx)
				if !errors.Is(err, lost) || !errors.Is(err, context.Canceled) || err.Error() != "lease lost" {
					t.Errorf("got %v, want the cause, still context.Canceled", err)
				}
				if _, err := b.Take(ctx); !errors.Is(err, lost) {
					t.Errorf("with a context at its end: got %v", err)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

func TestRepeatedRefusalsHalveTheRateAndItCreepsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBucket(Rate{PerSecond: 8, Burst: 8}, nil, "acme")
		strike := func() bool { _, strike := b.noteThrottled(time.Now(), time.Now().Add(time.Second)); return strike }

		if !strike() || b.speed() != 1 {
			t.Errorf("one refusal: speed %v, want 1", b.speed())
		}
		early := time.Now().Add(-time.Millisecond)
		if _, strike := b.noteThrottled(early, time.Now().Add(time.Second)); strike {
			t.Error("a refusal of what left before the first one counted again")
		}
		time.Sleep(2 * time.Second)
		if !strike() || b.speed() != 0.5 {
			t.Errorf("a second refusal: speed %v, want 0.5", b.speed())
		}
		for range 10 {
			time.Sleep(2 * time.Second)
			strike()
		}
		if b.speed() != 1/maxSlow {
			t.Errorf("many refusals: speed %v, want %v", b.speed(), 1/maxSlow)
		}

		// As the system sees it: one in a second, and no burst.
		time.Sleep(2 * time.Second)
		started := time.Now()
		for range 11 {
			if _, err := b.Take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(started); got < 9*time.Second || got > 11*time.Second {
			t.Errorf("ten more requests took %s, want about 10 s at an eighth of 8 a second", got)
		}

		last := b.speed()
		for minutes := 1; b.speed() < 1; minutes++ {
			time.Sleep(time.Minute)
			if now := b.speed(); now < last || now > last*easeBy*1.01 {
				t.Fatalf("speed went from %v to %v in a minute", last, now)
			}
			if last = b.speed(); minutes > 15 {
				t.Fatalf("speed is %v after %d minutes", last, minutes)
			}
		}
		// Long after, one refusal is an accident again.
		time.Sleep(time.Hour)
		if strike(); b.speed() != 1 {
			t.Errorf("a refusal an hour later: speed %v, want 1", b.speed())
		}
	})
}
