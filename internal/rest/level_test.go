package rest

import (
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

func TestLevelsFollowWhatIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics(prometheus.NewRegistry())
		b := NewBucket(Rate{PerSecond: 2, Burst: 3, Concurrency: 2}, m, "acme")
		free := func(want float64, underWay int) {
			t.Helper()
			l := m.Levels(time.Now())
			if len(l) != 1 || l[0].System != "acme" || *l[0].Tokens != want || l[0].UnderWay != underWay || l[0].Burst != 3 {
				t.Fatalf("got %+v with %v tokens, want %v and %d under way", l, *l[0].Tokens, want, underWay)
			}
		}
		free(3, 0)
		release, err := b.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		free(2, 1)
		release()
		time.Sleep(time.Second)
		free(3, 0)
		b.Pause(time.Now().Add(time.Minute))
		free(0, 0)
	})
}

func TestAnOpenBreakerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics(nil)
		host := &url.URL{Scheme: "https", Host: "acme.example"}
		b := newBreaker(Breaker{Failures: 1, Rest: time.Second}, host.Host, zerolog.Nop(), func(until time.Time) { m.noteBreaker("acme", host.Host, until) })
		try := func(err error) {
			t.Helper()
			done, refused := b.allow()
			if refused != nil {
				t.Fatal(refused)
			}
			done(err)
		}
		try(errFailed)
		if open := m.Breakers(); len(open) != 1 || open[0].Host != "acme.example" || open[0].System != "acme" || time.Until(open[0].Until) != time.Second {
			t.Fatalf("got %+v", open)
		}
		time.Sleep(2 * time.Second)
		try(nil)
		if open := m.Breakers(); len(open) != 0 {
			t.Fatalf("got %+v", open)
		}
	})
}
