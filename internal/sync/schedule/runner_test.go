package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// start2026 is where the wall clock of a bench stands when its test begins,
// in real time that a bubble makes pass at will.
var start2026 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A bench is a running Runner in a bubble, with a wall clock that can be set.
type bench struct {
	*Runner
	t      *testing.T
	ahead  atomic.Int64 // of the bubble's clock, in nanoseconds
	cancel context.CancelCauseFunc
	result chan error

	mu     sync.Mutex
	events []Event
}

func newBench(t *testing.T, opt Options, jobs ...Job) *bench {
	t.Helper()
	b := &bench{t: t, result: make(chan error, 1)}
	b.ahead.Store(int64(time.Until(start2026)))
	opt.Now = b.now
	opt.Report = func(e Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, e)
	}
	r, err := New(jobs, opt)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	b.Runner = r
	return b
}

func (b *bench) now() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }

// set moves the wall clock, as a person, NTP or a suspended machine does.
func (b *bench) set(by time.Duration) { b.ahead.Add(int64(by)) }

func (b *bench) begin() {
	ctx, cancel := context.WithCancelCause(context.Background())
	b.cancel = cancel
	go func() { b.result <- b.Run(ctx) }()
	synctest.Wait()
}

func (b *bench) end() {
	b.t.Helper()
	b.cancel(errors.New("the test is over"))
	if err := <-b.result; err != nil {
		b.t.Errorf("Run: got %v, want nil", err)
	}
}

// sleepUntil lets the bubble's time pass until so long after start2026.
func (b *bench) sleepUntil(d time.Duration) {
	time.Sleep(start2026.Add(d).Sub(b.now()))
	synctest.Wait()
}

// log lists the events so far, as what, cause and wall time since start2026.
func (b *bench) log() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, e := range b.events {
		list = append(list, fmt.Sprintf("%s %s %s", e.At.Sub(start2026), e.Kind, e.Cause))
	}
	return list
}

func (b *bench) want(want ...string) {
	b.t.Helper()
	if got := b.log(); !slices.Equal(got, want) {
		b.t.Errorf("events:\ngot  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// takes is a job that lasts so long, or until it is told to stop.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func at(day, hour, minute int) time.Time {
	return time.Date(2026, 1, day, hour, minute, 0, 0, time.UTC)
}

func TestEveryDayOfAYearHasOneRun(t *testing.T) {
	for _, name := range []string{"Europe/London", "America/New_York"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				loc := zone(t, name)
				runs := map[string]map[string]int{} // by job and local day
				var jobs []Job
				var b *bench
				for _, expr := range []string{"0 0 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "0 6 * * *", "59 23 * * *"} {
					runs[expr] = map[string]int{}
					jobs = append(jobs, Job{Name: expr, Schedule: must(t, expr, loc), Run: func(context.Context) error {
						b.mu.Lock()
						defer b.mu.Unlock()
						runs[expr][b.now().In(loc).Format(time.DateOnly)]++
						return nil
					}})
				}
				b = newBench(t, Options{}, jobs...)
				b.set(-time.Second + time.Date(2026, 1, 1, 0, 0, 0, 0, loc).Sub(start2026))
				b.begin()
				time.Sleep(365 * 24 * time.Hour)
				b.end()

				for _, expr := range slices.Sorted(maps.Keys(runs)) {
					for day := time.Date(2026, 1, 1, 12, 0, 0, 0, loc); day.Year() == 2026; day = day.AddDate(0, 0, 1) {
						if n := runs[expr][day.Format(time.DateOnly)]; n != 1 {
							t.Errorf("%q on %s: got %d runs, want 1", expr, day.Format(time.DateOnly), n)
						}
					}
					if n := len(runs[expr]); n != 365 {
						t.Errorf("%q: got runs on %d days, want 365", expr, n)
					}
				}
			})
		})
	}
}

func TestEveryHourAroundAClockChangeHasOneRun(t *testing.T) {
	for name, changes := range map[string][]time.Time{
		"Europe/London":    {time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)},
		"America/New_York": {time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
	} {
		for _, change := range changes {
			t.Run(name+" "+change.Format(time.DateOnly), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const days = 7 // three before it, and more than three after
					runs := map[int64]int{}
					var b *bench
					b = newBench(t, Options{}, Job{Name: "hourly", Schedule: must(t, "20 * * * *", zone(t, name)), Run: func(context.Context) error {
						b.mu.Lock()
						defer b.mu.Unlock()
						runs[b.now().Unix()/3600]++
						return nil
					}})
					b.set(-time.Second + change.AddDate(0, 0, -3).Sub(start2026))
					b.begin()
					time.Sleep(days * 24 * time.Hour)
					b.end()
					if got, want := len(runs), days*24; got != want {
						t.Errorf("got runs in %d real hours, want %d", got, want)
					}
					for hour, n := range runs {
						if n != 1 {
							t.Errorf("got %d runs in the hour of %v, want 1", n, time.Unix(hour*3600, 0).UTC())
						}
					}
				})
			})
		}
	}
}

func TestJitterStaysWithinItsBounds(t *testing.T) {
	for _, c := range []struct {
		expr   string
		jitter time.Duration
		most   time.Duration
	}{
		{"0 6 * * *", 5 * time.Minute, 5 * time.Minute},
		{"*/30 * * * *", 5 * time.Minute, 3 * time.Minute},
		{"@every 30s", time.Hour, 3 * time.Second},
		{"0 6 * * *", 0, 0},
		{"0 6 * * *", -time.Hour, 0},
	} {
		s := must(t, c.expr, nil)
		slot := s.Next(start2026)
		var low, high time.Duration = c.most, 0
		for i := range 1000 {
			opt := Options{Jitter: c.jitter, Instance: fmt.Sprint("partner-", i)}
			got := newEntry(Job{Name: "licences", Schedule: s}, opt).delay(slot)
			if again := newEntry(Job{Name: "licences", Schedule: s}, opt).delay(slot); got != again {
				t.Fatalf("%q: got %s and then %s for the same instance", c.expr, got, again)
			}
			if got < 0 || got > c.most || got == c.most && c.most > 0 {
				t.Fatalf("%q with jitter %s: got %s, want less than %s", c.expr, c.jitter, got, c.most)
			}
			low, high = min(low, got), max(high, got)
		}
		if low > c.most/20 || high < c.most-c.most/20 {
			t.Errorf("%q with jitter %s: got %s to %s, want it spread up to %s", c.expr, c.jitter, low, high, c.most)
		}
	}
}

func TestRunsStartAfterTheirJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{Jitter: 10 * time.Minute, Instance: "partner"},
			Job{Name: "a", Schedule: must(t, "@hourly", nil), Run: takes(0)})
		b.begin()
		delay := b.entry("a").delay(at(1, 1, 0))
		if delay == 0 {
			t.Fatal("got no delay, want some")
		}
		if got, want := b.Next("a"), at(1, 0, 0).Add(delay); !got.Equal(want) {
			t.Errorf("Next in the minutes between slot and start: got %v, want %v", got, want)
		}
		b.sleepUntil(150 * time.Minute)
		b.end()
		var want []string
		for hour := range 3 {
			d := time.Duration(hour)*time.Hour + delay
			want = append(want, fmt.Sprintf("%s started slot", d), fmt.Sprintf("%s finished slot", d))
		}
		b.want(want...)
	})
}

func TestSlotsDuringARunAreMadeUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under, most atomic.Int32
		first := true
		b := newBench(t, Options{}, Job{Name: "a", Schedule: must(t, "@hourly", nil), Run: func(ctx context.Context) error {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			if first {
				first = false
				return takes(20 * time.Minute)(ctx)
			}
			return takes(time.Minute)(ctx)
		}})
		b.set(50 * time.Minute)
		b.begin()
		if started, err := b.Trigger("a"); !started || err != nil {
			t.Errorf("Trigger: got %v, %v, want a new run", started, err)
		}
		b.sleepUntil(2*time.Hour + 30*time.Minute)
		b.end()
		b.want(
			"50m0s started trigger",
			"1h0m0s skipped slot",
			"1h10m0s finished trigger",
			"1h10m0s started catch-up",
			"1h11m0s finished catch-up",
			"2h0m0s started slot",
			"2h1m0s finished slot",
		)
		if most.Load() != 1 {
			t.Errorf("got %d runs at a time, want 1", most.Load())
		}
		if got, want := b.events[3].Slot, at(1, 1, 0); !got.Equal(want) {
			t.Errorf("slot caught up: got %v, want %v", got, want)
		}
		if got := b.events[2].Duration; got != 20*time.Minute {
			t.Errorf("took: got %s, want 20m", got)
		}
	})
}

func TestJobLongerThanItsStepPausesBetweenRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{}, Job{Name: "a", Schedule: must(t, "*/30 * * * *", nil), Run: takes(45 * time.Minute)})
		b.set(time.Minute)
		b.begin()
		b.sleepUntil(2*time.Hour + 20*time.Minute)
		b.end()
		b.want(
			"30m0s started slot",
			"1h0m0s skipped slot",
			"1h15m0s finished slot",
			"1h30m0s started slot",
			"2h0m0s skipped slot",
			"2h15m0s finished slot",
		)
	})
}

func TestCatchUpAtStart(t *testing.T) {
	var never time.Time
	for _, c := range []struct {
		name             string
		success, attempt time.Time
		start            time.Time
		want             []time.Time // when runs start, to the end of the next day
	}{
		{"success after the last slot: nothing to catch up", at(2, 6, 20), at(2, 6, 0), at(2, 8, 0),
			[]time.Time{at(3, 6, 0)}},
		{"success before the last slot: once", at(1, 6, 20), at(1, 6, 0), at(2, 8, 0),
			[]time.Time{at(2, 8, 0), at(3, 6, 0)}},
		{"many slots missed: once", at(1, 6, 20), at(1, 6, 0), at(20, 8, 0),
			[]time.Time{at(20, 8, 0), at(21, 6, 0)}},
		{"never run: once", never, never, at(2, 8, 0),
			[]time.Time{at(2, 8, 0), at(3, 6, 0)}},
		{"an attempt just now that failed: after a pause", at(1, 6, 20), at(2, 7, 57), at(2, 8, 0),
			[]time.Time{at(2, 8, 7), at(3, 6, 0)}},
		{"an attempt in the future: of no weight", at(1, 6, 20), at(9, 6, 0), at(2, 8, 0),
			[]time.Time{at(2, 8, 0), at(3, 6, 0)}},
		{"the next slot comes before the pause is over: once", at(1, 6, 20), at(2, 5, 58), at(2, 5, 59),
			[]time.Time{at(2, 6, 0), at(3, 6, 0)}},
		{"started at the slot: once", at(1, 6, 20), at(1, 6, 0), at(2, 6, 0),
			[]time.Time{at(2, 6, 0), at(3, 6, 0)}},
		{"success in the future, by a clock that was wrong: the slots as usual", at(30, 6, 20), at(30, 6, 0), at(2, 8, 0),
			[]time.Time{at(3, 6, 0)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Options{
					LastSuccess: func(string) time.Time { return c.success },
					LastAttempt: func(string) time.Time { return c.attempt },
				}, Job{Name: "a", Schedule: must(t, "0 6 * * *", nil), Run: takes(time.Second)})
				b.set(c.start.Sub(start2026))
				b.begin()
				b.sleepUntil(time.Date(2026, 1, c.start.Day()+1, 24, 0, 0, 0, time.UTC).Sub(start2026))
				b.end()
				var got []time.Time
				for _, e := range b.events {
					if e.Kind == Started {
						got = append(got, e.At)
					}
				}
				if !slices.EqualFunc(got, c.want, time.Time.Equal) {
					t.Errorf("runs: got %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestCatchUpAtStartWaitsForItsJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{Jitter: 5 * time.Minute, LastSuccess: func(string) time.Time { return time.Time{} }},
			Job{Name: "a", Schedule: must(t, "0 6 * * *", nil), Run: takes(0)})
		b.set(12 * time.Hour)
		b.begin()
		delay := b.entry("a").delay(at(1, 6, 0))
		if got, want := b.Next("a"), at(1, 12, 0).Add(delay); delay == 0 || !got.Equal(want) {
			t.Errorf("Next: got %v, want %v", got, want)
		}
		b.sleepUntil(13 * time.Hour)
		b.end()
		b.want(fmt.Sprintf("%s started catch-up", 12*time.Hour+delay), fmt.Sprintf("%s finished catch-up", 12*time.Hour+delay))
	})
}

func TestTriggerDoesForTheCatchUpToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{Jitter: time.Hour, LastSuccess: func(string) time.Time { return time.Time{} }},
			Job{Name: "a", Schedule: must(t, "0 6 * * *", nil), Run: takes(0)})
		b.set(12 * time.Hour)
		b.begin()
		if _, err := b.Trigger("a"); err != nil {
			t.Errorf("Trigger: %v", err)
		}
		b.sleepUntil(24 * time.Hour)
		b.end()
		b.want("12h0m0s started trigger", "12h0m0s finished trigger")
	})
}

func TestPanicEndsThatRunOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		b := newBench(t, Options{},
			Job{Name: "panics", Schedule: must(t, "0 * * * *", nil), Run: func(context.Context) error { panic(boom) }},
			Job{Name: "fails", Schedule: must(t, "10 * * * *", nil), Run: func(context.Context) error { return boom }},
			Job{Name: "leaves", Schedule: must(t, "20 * * * *", nil), Run: func(context.Context) error { runtime.Goexit(); return nil }},
		)
		b.set(time.Minute)
		b.begin()
		b.sleepUntil(150 * time.Minute)
		b.end()
		got := map[string]int{}
		for _, e := range b.events {
			if e.Kind != Finished {
				continue
			}
			got[e.Job]++
			p, panicked := errors.AsType[*PanicError](e.Err)
			switch e.Job {
			case "panics":
				if !panicked || !errors.Is(e.Err, boom) || e.Err.Error() != "panic: boom" || !strings.Contains(string(p.Stack), "runner_test.go") {
					t.Errorf("panics: got %v, want a *PanicError of boom with the stack", e.Err)
				}
			case "fails":
				if e.Err != boom {
					t.Errorf("fails: got %v, want boom as it is", e.Err)
				}
			case "leaves":
				if e.Err == nil || panicked {
					t.Errorf("leaves: got %v, want an error", e.Err)
				}
			}
		}
		if want := map[string]int{"panics": 2, "fails": 3, "leaves": 3}; !maps.Equal(got, want) {
			t.Errorf("runs: got %v, want %v", got, want)
		}
	})
}

func TestTriggerRunsNowAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{}, Job{Name: "a", Schedule: must(t, "0 6 * * *", nil), Run: takes(10 * time.Minute)})
		if _, err := b.Trigger("a"); !errors.Is(err, ErrStopped) {
			t.Errorf("before Run: got %v, want ErrStopped", err)
		}
		b.begin()
		if _, err := b.Trigger("b"); !errors.Is(err, ErrUnknownJob) || !strings.Contains(err.Error(), "there are: a") {
			t.Errorf("unknown job: got %v, want ErrUnknownJob with the names", err)
		}
		b.sleepUntil(time.Hour)

		var fresh atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				started, err := b.Trigger("a")
				if err != nil {
					t.Errorf("Trigger: %v", err)
				}
				if started {
					fresh.Add(1)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if fresh.Load() != 1 {
			t.Errorf("twenty triggers at once: got %d that say it is a new run, want 1", fresh.Load())
		}
		b.sleepUntil(65 * time.Minute)
		if started, err := b.Trigger("a"); started || err != nil {
			t.Errorf("while it runs: got %v, %v, want false and no error", started, err)
		}
		if got := b.Status(); len(got) != 1 || !got[0].RunningSince.Equal(at(1, 1, 0)) || !got[0].Next.Equal(at(1, 6, 0)) {
			t.Errorf("Status: got %+v, want a run since 01:00 and the next at 06:00", got)
		}
		b.sleepUntil(2 * time.Hour)
		if got := b.Status(); !got[0].RunningSince.IsZero() {
			t.Errorf("Status when it has ended: got a run since %v, want none", got[0].RunningSince)
		}
		b.sleepUntil(5*time.Hour + 55*time.Minute)
		b.end()
		b.want("1h0m0s started trigger", "1h10m0s finished trigger")
		if _, err := b.Trigger("a"); !errors.Is(err, ErrStopped) {
			t.Errorf("after Run: got %v, want ErrStopped", err)
		}
	})
}

func TestClockSetForwardOrMachineResumedRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{},
			Job{Name: "a", Schedule: must(t, "0 * * * *", nil), Run: takes(time.Second)},
			Job{Name: "every", Schedule: must(t, "@every 15m", nil), Run: takes(time.Second)})
		b.set(59 * time.Minute)
		b.begin()
		time.Sleep(10 * time.Second)
		b.set(72 * time.Hour)
		time.Sleep(maxSleep)
		synctest.Wait()
		started := map[string]int{}
		for _, e := range b.events {
			if e.Kind == Started {
				started[e.Job]++
			}
		}
		if want := map[string]int{"a": 1, "every": 1}; !maps.Equal(started, want) {
			t.Errorf("within a minute of the resume: got runs %v, want %v", started, want)
		}
		if got, want := b.Next("a"), at(4, 2, 0); !got.Equal(want) {
			t.Errorf("Next: got %v, want %v", got, want)
		}
		if got, want := b.events[0].Slot, at(4, 1, 0); !got.Equal(want) {
			t.Errorf("slot: got %v, want the latest, %v", got, want)
		}
		b.end()
	})
}

func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{}, Job{Name: "a", Schedule: must(t, "0 6 * * *", nil), Run: takes(time.Second)})
		b.begin()
		b.sleepUntil(6*time.Hour + 10*time.Minute)
		b.set(-30 * time.Minute) // 05:40 again
		b.sleepUntil(29 * time.Hour)
		b.want("6h0m0s started slot", "6h0m1s finished slot")
		b.sleepUntil(31 * time.Hour)

		// The clock was wrong all the time: it is 2024.
		b.events = nil
		b.set(-2 * 365 * 24 * time.Hour)
		now := b.now()
		time.Sleep(24 * time.Hour)
		b.end()
		if got := len(b.events); got != 2 || b.events[0].At.Sub(now) > 24*time.Hour {
			t.Errorf("in the day after a correction by years: got %v, want one run", b.log())
		}
	})
}

func TestRunWaitsForItsJobsAndTellsThemWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("lease lost")
		var got error
		b := newBench(t, Options{}, Job{Name: "a", Schedule: must(t, "0 * * * *", nil), Run: func(ctx context.Context) error {
			<-ctx.Done()
			got = context.Cause(ctx)
			time.Sleep(90 * time.Minute) // finishes the change in hand; a slot passes
			return got
		}})
		b.set(59 * time.Minute)
		b.begin()
		b.sleepUntil(70 * time.Minute)
		b.cancel(cause)
		synctest.Wait()
		select {
		case <-b.result:
			t.Fatal("Run returned while a job was running")
		default:
		}
		if b.Running() {
			t.Error("Running while it stops: got true, want false")
		}
		if _, err := b.Trigger("a"); !errors.Is(err, ErrStopped) {
			t.Errorf("Trigger while it stops: got %v, want ErrStopped", err)
		}
		b.end()
		if got != cause {
			t.Errorf("cause in the job: got %v, want %v", got, cause)
		}
		b.want("1h0m0s started slot", "2h40m0s finished slot")
	})
}

func TestRunOnceAtATimeButAgainAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var success time.Time
		b := newBench(t, Options{LastSuccess: func(string) time.Time { return success }},
			Job{Name: "a", Schedule: must(t, "0 * * * *", nil), Run: takes(0)})
		success = start2026
		b.begin()
		if err := b.Run(t.Context()); !errors.Is(err, ErrRunning) {
			t.Errorf("a second Run: got %v, want ErrRunning", err)
		}
		if !b.Running() {
			t.Error("Running: got false, want true")
		}
		b.end()
		b.sleepUntil(150 * time.Minute)
		if got, want := b.Next("a"), at(1, 3, 0); !got.Equal(want) {
			t.Errorf("Next while stopped: got %v, want %v", got, want)
		}
		b.begin()
		b.sleepUntil(190 * time.Minute)
		b.end()
		b.want(
			"2h30m0s started catch-up", "2h30m0s finished catch-up",
			"3h0m0s started slot", "3h0m0s finished slot",
		)
		if got := b.Next("b"); !got.IsZero() {
			t.Errorf("Next of an unknown job: got %v, want zero", got)
		}
	})
}

func TestReportMayCallTheRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *Runner
		ctx, cancel := context.WithCancel(t.Context())
		runs := 0
		r, err := New([]Job{{Name: "a", Schedule: must(t, "@hourly", nil), Run: func(context.Context) error { runs++; return nil }}},
			Options{Report: func(e Event) {
				r.Status()
				if e.Kind == Finished && runs == 1 {
					r.Trigger("a")
				}
			}})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(90*time.Minute, cancel)
		if err := r.Run(ctx); err != nil || runs != 2 {
			t.Errorf("got %d runs, %v, want 2 and no error", runs, err)
		}
	})
}

func TestNewReportsAllThatIsWrong(t *testing.T) {
	s := must(t, "@daily", nil)
	_, err := New([]Job{
		{Name: "a", Schedule: s, Run: takes(0)},
		{Name: "a", Schedule: s, Run: takes(0)},
		{Schedule: s, Run: takes(0)},
		{Name: "b", Run: takes(0)},
		{Name: "c", Schedule: s},
	}, Options{})
	for _, want := range []string{`two jobs are called "a"`, `job 3 has no name`, `job "b" has no schedule`, `job "c" does nothing`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}
