package rest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func TestAWaitSaysForWhatAndUntilWhen(t *testing.T) {
	for _, c := range []struct {
		name string
		step step
		wait time.Duration // of one pause
		why  string
		log  string
	}{
		{"a day", says(429, "", "Retry-After", "86400"), time.Hour, "it answered 429 and asked for 24h0m0s; syncd waits 1h0m0s at a time",
			`"status":429,"wait_ms":3600000,"asked_ms":86400000,"speed":1,"message":"asked to slow down"`},
		{"a minute", says(429, "", "Retry-After", "60"), time.Minute, "it answered 429 and asked for 1m0s",
			`"status":429,"wait_ms":60000,"asked_ms":60000,"speed":1,"message":"asked to slow down"`},
		{"out of order for a day", says(503, "", "Retry-After", "86400"), time.Hour, "it answered 503 and asked for 24h0m0s; syncd waits 1h0m0s at a time",
			`"status":503,"wait_ms":3600000,"asked_ms":86400000,"message":"asked to come back later"`},
		{"broken for ten minutes", says(500, "", "Retry-After", "600"), 10 * time.Minute, "it answered 500 and asked for 10m0s",
			`"status":500,"wait_ms":600000,"asked_ms":600000,"message":"asked to come back later"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				m := NewMetrics(nil)
				client := client(t, script(c.step, says(200, "{}")), func(o *Options) {
					o.Metrics, o.Log = m, zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.InfoLevel)
				})
				started := time.Now()
				for range 3 { // whoever asks meanwhile waits for the same
					go client.Do(t.Context(), Get("x"))
				}
				time.Sleep(time.Second)
				synctest.Wait()
				pauses := m.Pauses(time.Now())
				if len(pauses) != 1 || pauses[0].System != "acme" || pauses[0].Why != c.why || !pauses[0].Until.Equal(started.Add(c.wait)) {
					t.Errorf("got %+v, want a pause of %s: %s", pauses, c.wait, c.why)
				}
				if got := log.String(); !strings.Contains(got, c.log) || strings.Count(got, "\n") != 1 {
					t.Errorf("the log says %s\nwant once %s", got, c.log)
				}
				time.Sleep(c.wait)
				if left := m.Pauses(time.Now()); len(left) != 0 {
					t.Errorf("after it: %+v", left)
				}
			})
		})
	}
}
