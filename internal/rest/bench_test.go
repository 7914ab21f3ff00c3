package rest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// BenchmarkDo is a whole request over loopback, beside net/http alone.
func BenchmarkDo(b *testing.B) {
	body := bytes.Repeat([]byte(`{"id":"0123456789abcdef"},`), 40)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
	defer server.Close()

	b.Run("rest", func(b *testing.B) {
		m := NewMetrics(prometheus.NewRegistry())
		c := loopback(b, server.URL, NewTransport(), func(o *Options) {
			o.Metrics = m
			o.Bucket = NewBucket(Rate{PerSecond: 999_999, Burst: 1_000_000, Concurrency: 16}, m, "acme")
			o.Sign = func(_ context.Context, r *http.Request) error { r.Header.Set("Authorization", "Bearer x"); return nil }
		})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Do(b.Context(), Get("users/%d", 42)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("net/http", func(b *testing.B) {
		tr := NewTransport()
		defer tr.CloseIdleConnections()
		c := &http.Client{Transport: tr}
		b.ReportAllocs()
		for b.Loop() {
			r, err := c.Get(server.URL + "/users/42")
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadAll(r.Body); err != nil {
				b.Fatal(err)
			}
			r.Body.Close()
		}
	})
}

// BenchmarkBucket is what a grant costs where nobody has to wait, alone and
// with many asking at once.
func BenchmarkBucket(b *testing.B) {
	for _, parallelism := range []int{1, 32} {
		b.Run(fmt.Sprintf("%d askers a core", parallelism), func(b *testing.B) {
			bucket := NewBucket(Rate{PerSecond: 999_999, Burst: 1 << 30, Concurrency: 64}, nil, "acme")
			b.SetParallelism(parallelism)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					release, err := bucket.Take(context.Background())
					if err != nil {
						b.Error(err)
						return
					}
					release()
				}
			})
		})
	}
}

// BenchmarkRate asks at a limit, on the real clock: x-ideal is wall time over
// the least that the rate allows, and excess what the worst window saw too many.
func BenchmarkRate(b *testing.B) {
	rate := Rate{PerSecond: 2000, Burst: 20}
	for b.Loop() {
		const n = 1000
		bucket := NewBucket(rate, nil, "acme")
		grants := make(chan time.Time, n+64)
		ctx, cancel := context.WithCancel(b.Context())
		started := time.Now()
		for range 64 {
			go func() {
				for {
					release, err := bucket.Take(ctx)
					if err != nil {
						return
					}
					at := time.Now()
					release()
					select {
					case grants <- at:
					case <-ctx.Done():
						return
					}
				}
			}()
		}
		var all []time.Time
		for range n {
			all = append(all, <-grants)
		}
		wall := time.Since(started)
		cancel()
		ideal := time.Duration(n-rate.Burst) * rate.interval()
		b.ReportMetric(float64(wall)/float64(ideal), "x-ideal")
		b.ReportMetric(excess(all, rate.interval(), rate.Burst), "excess")
	}
}
