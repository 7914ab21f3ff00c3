package schedule

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A diary has what ran, in order.
type diary struct {
	mu   sync.Mutex
	said []string
}

func (d *diary) says(text string, takes time.Duration) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(takes)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.said = append(d.said, text)
		return nil
	}
}

func (d *diary) want(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.said) > 1 && d.said[0] > d.said[1] && d.said[0][:3] == d.said[1][:3] {
		d.said[0], d.said[1] = d.said[1], d.said[0] // two of one moment
	}
	if !slices.Equal(d.said, want) {
		t.Errorf("got %q, want %q", d.said, want)
	}
}

func TestJobsAreReplacedWhileTheRunnerIsAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		hourly, daily := must(t, "@hourly", time.UTC), must(t, "0 6 * * *", time.UTC)
		b := newBench(t, Options{},
			Job{"a", hourly, d.says("old a", 10*time.Minute)}, Job{"b", hourly, d.says("old b", 10*time.Minute)})
		b.set(-time.Minute)
		b.begin()
		defer b.end()

		// Five minutes after the slot both are under way: a stays with another way to run
		// and schedule, b goes, c is new.
		b.sleepUntil(5 * time.Minute)
		if err := b.Replace([]Job{{"c", hourly, d.says("c", 0)}, {"a", daily, d.says("new a", 0)}}); err != nil {
			t.Fatal(err)
		}
		if got := b.Status(); len(got) != 2 || got[1].Job != "a" || got[1].RunningSince.IsZero() || !b.Next("a").Equal(at(1, 6, 0)) || !b.Next("b").IsZero() {
			t.Errorf("got %+v", got)
		}
		b.sleepUntil(20 * time.Minute)
		d.want(t, "old a", "old b") // both ended as they began
		b.sleepUntil(65 * time.Minute)
		d.want(t, "old a", "old b", "c")
		b.sleepUntil(6*time.Hour + time.Minute)
		d.want(t, "old a", "old b", "c", "c", "c", "c", "c", "new a", "c")

		// What is wrong changes nothing.
		if err := b.Replace([]Job{{"x", hourly, d.says("x", 0)}, {"x", hourly, d.says("x", 0)}}); err == nil {
			t.Error("two jobs of one name were taken")
		}
		if got := b.Status(); len(got) != 2 || got[0].Job != "c" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAJobThatIsTakenOutAndPutBackDoesNotOverlapItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		hourly := must(t, "@hourly", time.UTC)
		long := []Job{{"a", hourly, d.says("long", 70*time.Minute)}}
		b := newBench(t, Options{}, long...)
		b.set(-time.Minute)
		b.begin()
		defer b.end()
		b.sleepUntil(time.Minute)
		for _, jobs := range [][]Job{nil, {{"a", hourly, d.says("new", 0)}}} {
			if err := b.Replace(jobs); err != nil {
				t.Fatal(err)
			}
		}
		b.sleepUntil(65 * time.Minute)
		d.want(t)
		b.sleepUntil(125 * time.Minute)
		d.want(t, "long", "new")
		b.want("0s started slot", "1h0m0s skipped slot", "1h10m0s finished slot", "2h0m0s started slot", "2h0m0s finished slot")
	})
}

func TestAJobThatStaysKeepsWhatItHasToCatchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		daily := must(t, "0 6 * * *", time.UTC)
		b := newBench(t, Options{Jitter: time.Minute, LastSuccess: func(string) time.Time { return start2026.Add(-72 * time.Hour) },
			LastAttempt: func(string) time.Time { return start2026.Add(-5 * time.Minute) }}, Job{"a", daily, d.says("old", 0)})
		b.begin()
		defer b.end()
		b.sleepUntil(time.Minute)
		if err := b.Replace([]Job{{"a", daily, d.says("new", 0)}, {"b", daily, d.says("b", 0)}}); err != nil {
			t.Fatal(err)
		}
		b.sleepUntil(30 * time.Minute)
		d.want(t, "new") // and b, which is new, has nothing to catch up
	})
}
