package rest

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// levelMetrics are those that say how systems stand now.
var levelMetrics = []string{"syncd_rate_tokens", "syncd_rate_speed_ratio", "syncd_rate_paused_seconds", "syncd_breaker_open", "syncd_clock_offset_seconds"}

func TestMetricsSayHowASystemStandsFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		m := NewMetrics(reg)
		b := NewBucket(Rate{PerSecond: 2, Burst: 3}, m, "acme")
		is := func(what, want string) {
			t.Helper()
			families, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			values := map[string]string{}
			for _, f := range families {
				if g := f.GetMetric()[0].GetGauge(); g != nil {
					values[f.GetName()] = strings.TrimSuffix(time.Duration(g.GetValue()*float64(time.Second)).String(), "s")
				}
			}
			var got []string
			for _, name := range levelMetrics {
				got = append(got, values[name])
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%s: got %s of %s, want %s", what, text, strings.Join(levelMetrics, " "), want)
			}
		}
		is("nothing happened", "3 1 0 0 0")
		b.Pause(time.Now().Add(40 * time.Second))
		m.notePause(Pause{System: "acme", Until: time.Now().Add(40 * time.Second)}, time.Now())
		m.noteBreaker("acme", "acme.example", time.Now().Add(time.Minute))
		is("it asked for a pause and fails", "0 1 40 1 0")
		time.Sleep(time.Minute)
		m.noteBreaker("acme", "acme.example", time.Time{})
		is("it is well again", "3 1 0 0 0")
		if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v %v", problems, err)
		}
	})
}

func TestTheClockIsComparedWithEveryAnswer(t *testing.T) {
	began := time.Date(2026, 11, 21, 9, 0, 0, 600_000_000, time.UTC) // and ends two seconds later
	at := func(d time.Duration) string { return began.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		name, date, age string
		want            float64
	}{
		{"whole seconds", at(-600 * time.Millisecond), "", 0},
		{"made as it ended", at(2 * time.Second), "", 0},
		{"the system is ahead", at(302 * time.Second), "", 299.4},
		{"the system is behind", at(-time.Hour), "", -3600.6},
		{"out of a cache", at(-time.Hour), "3600", 7},
		{"no header", "", "", 7},
		{"senseless", "yesterday", "", 7},
	} {
		m := NewMetrics(nil)
		m.offsets["acme"] = 7 // as of the answer before
		h := http.Header{}
		if c.date != "" {
			h.Set("Date", c.date)
		}
		if c.age != "" {
			h.Set("Age", c.age)
		}
		m.noteClock(&Response{Header: h, Started: began, Elapsed: 2 * time.Second, system: "acme"})
		if got := m.offset("acme"); got < c.want-0.01 || got > c.want+0.01 {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
