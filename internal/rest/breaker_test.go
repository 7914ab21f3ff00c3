package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fragile makes a client whose breaker opens after 4 failures for 30 s, and
// that asks once only.
func fragile(t *testing.T, h *host) *Client {
	return client(t, h, func(o *Options) { o.Breaker = Breaker{Failures: 4, Rest: 30 * time.Second}; o.Attempts = 1 })
}

func TestTheBreakerOpensAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		h := &host{answer: func(n int, r *http.Request) (*http.Response, error) {
			switch {
			case !down:
				return says(200, "")(r)
			case n%2 == 0:
				return nil, errReset
			}
			return says(502, "")(r)
		}}
		c := fragile(t, h)
		ask := func() error { _, err := c.Do(t.Context(), Get("x")); return err }
		for i := range 4 {
			if err := ask(); errors.Is(err, ErrBreakerOpen) {
				t.Fatalf("opened after %d failures", i)
			}
		}
		time.Sleep(10 * time.Second)
		err := ask()
		if e := theError(t, err); !errors.Is(err, ErrBreakerOpen) || h.count() != 4 || e.RetryAfter != 20*time.Second || !e.Temporary ||
			e.Error() != "acme: GET /x: api.example.net keeps failing and is left alone; it is asked again in 20s, at 00:00:30 UTC" {
			t.Errorf("got %v (%+v) after %d requests", err, e, h.count())
		}
		// The probe fails: closed for as long again.
		time.Sleep(21 * time.Second)
		if err := ask(); errors.Is(err, ErrBreakerOpen) || h.count() != 5 {
			t.Errorf("no probe was let through: %v", err)
		}
		if err := ask(); !errors.Is(err, ErrBreakerOpen) || theError(t, err).RetryAfter != 30*time.Second {
			t.Errorf("after a probe that failed: got %v", err)
		}
		// And succeeds.
		down = false
		time.Sleep(31 * time.Second)
		for range 3 {
			if err := ask(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestOnlyLostRequestsAndServerFaultsOpenTheBreaker(t *testing.T) {
	for name, test := range map[string]struct {
		answer step
		opens  bool
	}{
		"500":               {says(500, ""), true},
		"503":               {says(503, ""), true},
		"connection reset":  {fails(errReset), true},
		"nobody there":      {fails(errDial), true},
		"no answer":         {hangs, true},
		"half an answer":    {breaks("x"), true},
		"429":               {says(429, ""), false},
		"404":               {says(404, ""), false},
		"400 of a system":   {says(418, ""), false},
		"500 of bad input":  {says(500, "InvalidObject"), false},
		"an answer too big": {says(200, strings.Repeat("x", 2000)), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client(t, script(test.answer), func(o *Options) {
					o.Breaker.Failures, o.Attempts, o.MaxBody = 4, 1, 1000
					o.Classify = func(r *Response) error {
						if string(r.Body) == "InvalidObject" {
							return &Error{}
						}
						return nil
					}
				})
				var err error
				for range 5 {
					_, err = c.Do(t.Context(), Get("x"))
				}
				if got := errors.Is(err, ErrBreakerOpen); got != test.opens {
					t.Errorf("open: got %v, want %v (%v)", got, test.opens, err)
				}
			})
		})
	}
}

func TestWhatWeBreakOffOurselvesSaysNothingAboutTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{answer: func(n int, r *http.Request) (*http.Response, error) {
			if n <= 4 {
				return nil, errReset
			}
			if n <= 24 {
				return hangs(r)
			}
			return says(200, "")(r)
		}}
		c := fragile(t, h)
		for range 4 {
			_, _ = c.Do(t.Context(), Get("x"))
		}
		time.Sleep(31 * time.Second)
		// Twenty probes given up by their callers neither close it nor block it.
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := c.Do(ctx, Get("x")); errors.Is(err, ErrBreakerOpen) {
				t.Fatal(err)
			}
			cancel()
		}
		if _, err := c.Do(t.Context(), Get("x")); err != nil {
			t.Error(err)
		}
	})
}

func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{answer: func(n int, r *http.Request) (*http.Response, error) {
			if n <= 4 {
				return nil, errReset
			}
			return slowly(10*time.Second, says(200, ""))(r)
		}}
		c := fragile(t, h)
		for range 4 {
			_, _ = c.Do(t.Context(), Get("x"))
		}
		time.Sleep(31 * time.Second)
		probe := make(chan error)
		go func() { _, err := c.Do(t.Context(), Get("x")); probe <- err }()
		synctest.Wait()
		_, err := c.Do(t.Context(), Get("x"))
		if !errors.Is(err, ErrBreakerOpen) || !strings.Contains(err.Error(), "one request is finding out") {
			t.Errorf("got %v beside a probe", err)
		}
		if err := <-probe; err != nil || h.count() != 5 {
			t.Errorf("the probe: got %v after %d requests", err, h.count())
		}
	})
}

func TestAnOpenBreakerCostsNoTokenAndKeepsWhatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := NewBucket(Rate{PerMinute: 1, Burst: 4}, nil, "acme")
		c := client(t, script(fails(errReset)), func(o *Options) { o.Breaker.Failures = 4; o.Bucket = bucket; o.Attempts = 9 })
		_, err := c.Do(t.Context(), Request{Method: "PUT", Path: "x"})
		e := theError(t, err)
		if !errors.Is(err, ErrBreakerOpen) || !errors.Is(err, ErrOutcomeUnknown) || e.Attempts != 4 || e.RetryAfter == 0 ||
			!strings.Contains(err.Error(), "connection reset by peer; not tried again: ") {
			t.Errorf("got %v", err)
		}
		before := time.Now()
		for range 10 {
			if _, err := c.Do(t.Context(), Get("x")); !errors.Is(err, ErrBreakerOpen) {
				t.Error(err)
			}
		}
		if took := time.Since(before); took != 0 {
			t.Errorf("ten refusals took %s", took)
		}
	})
}

func TestABreakerCanBeLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, script(fails(errReset)), func(o *Options) { o.Breaker.Failures = -1; o.Attempts = 1 })
		for range 100 {
			if _, err := c.Do(t.Context(), Get("x")); errors.Is(err, ErrBreakerOpen) {
				t.Fatal(err)
			}
		}
	})
}
