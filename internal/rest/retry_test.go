package rest

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/secret"
)

// The rows of the table above fate, and what an operator or the engine sees.
func TestWhatIsSentAgainAndWhatIsNot(t *testing.T) {
	type sort struct {
		name    string
		request Request
	}
	read := sort{"GET", Request{Path: "/x"}}
	disguised := sort{"POST that reads", Request{Method: "POST", Path: "/x", Read: true}}
	put := sort{"PUT", Request{Method: "PUT", Path: "/x"}}
	patch := sort{"PATCH", Request{Method: "PATCH", Path: "/x"}}
	del := sort{"DELETE", Request{Method: "DELETE", Path: "/x"}}
	post := sort{"POST", Request{Method: "POST", Path: "/x", Body: map[string]int{"n": 1}}}
	once := sort{"PATCH once", Request{Method: "PATCH", Path: "/x", Once: true}}
	onceGet := sort{"GET once", Request{Path: "/x", Once: true}}

	repeatable := []sort{read, disguised, put, patch, del}
	single := []sort{post, once}
	reads := []sort{read, disguised}
	writes := []sort{put, patch, del, post, once}
	all := append(append([]sort{onceGet}, repeatable...), single...)

	temporary := func(*Response) error { return &Error{Code: "Busy", Message: "loading", Temporary: true} }
	permanent := func(*Response) error { return &Error{Code: "InvalidObject", Message: "bad object"} }

	for _, test := range []struct {
		what     string
		of       []sort
		first    step
		classify func(*Response) error // of the first answer
		sent     int                   // 2: again; 1: not
		unknown  bool
	}{
		{"accepted", all, says(200, ""), nil, 1, false},
		{"dial error", all, fails(errDial), nil, 2, false},
		{"proxy not reached", all, fails(&net.OpError{Op: "proxyconnect", Err: errDial}), nil, 2, false},
		{"name not found", all, fails(&net.DNSError{Err: "no such host", Name: "api.example.net"}), nil, 2, false},
		{"foreign certificate", all, fails(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "api.example.net"}), nil, 2, false},
		{"connection reset", repeatable, fails(errReset), nil, 2, false},
		{"connection reset", single, fails(errReset), nil, 1, true},
		{"connection reset", []sort{onceGet}, fails(errReset), nil, 1, false},
		{"503", []sort{onceGet}, says(503, ""), nil, 1, false},
		{"an error that says nothing", single, fails(errors.New("boom")), nil, 1, true},
		{"no answer in time", repeatable, hangs, nil, 2, false},
		{"no answer in time", single, hangs, nil, 1, true},
		{"answer broken off", repeatable, breaks(`{"a`), nil, 2, false},
		{"answer broken off", single, breaks(`{"a`), nil, 1, true},
		{"408", repeatable, says(408, ""), nil, 2, false},
		{"408", single, says(408, ""), nil, 1, true},
		{"429", all, says(429, ""), nil, 2, false},
		{"429 with Retry-After", all, says(429, "", "Retry-After", "3"), nil, 2, false},
		{"500", repeatable, says(500, ""), nil, 2, false},
		{"500", single, says(500, ""), nil, 1, true},
		{"502", single, says(502, ""), nil, 1, true},
		{"503", repeatable, says(503, ""), nil, 2, false},
		{"503", single, says(503, ""), nil, 1, true},
		{"503 with Retry-After", all, says(503, "", "Retry-After", "3"), nil, 2, false},
		{"504", single, says(504, ""), nil, 1, true},
		{"522", repeatable, says(522, ""), nil, 2, false},
		{"500 that is permanent", all, says(500, ""), permanent, 1, false},
		{"501", all, says(501, ""), nil, 1, false},
		{"400", all, says(400, ""), nil, 1, false},
		{"400 that is temporary", reads, says(400, ""), temporary, 2, false},
		{"400 that is temporary", writes, says(400, ""), temporary, 1, false},
		{"200 that is temporary", reads, says(200, ""), temporary, 2, false},
		{"200 that is temporary", writes, says(200, ""), temporary, 1, false},
		{"200 that is permanent", all, says(200, ""), permanent, 1, false},
		{"401", all, says(401, ""), nil, 1, false},
		{"403", all, says(403, ""), nil, 1, false},
		{"404", all, says(404, ""), nil, 1, false},
		{"409", all, says(409, ""), nil, 1, false},
		{"412", all, says(412, ""), nil, 1, false},
		{"302", all, says(302, "", "Location", "https://login.example.net/?token=hunter2"), nil, 1, false},
	} {
		for _, s := range test.of {
			t.Run(test.what+" of a "+s.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := script(test.first, says(200, `{"ok":true}`))
					c := client(t, h, func(o *Options) {
						n := 0
						o.Classify = func(r *Response) error {
							if n++; n == 1 && test.classify != nil {
								return test.classify(r)
							}
							return nil
						}
					})
					r, err := c.Do(t.Context(), s.request)
					if got := h.count(); got != test.sent {
						t.Errorf("sent %d times, want %d (error %v)", got, test.sent, err)
					}
					wantOK := test.sent == 2 || test.what == "accepted"
					if (err == nil) != wantOK {
						t.Errorf("got error %v, want success: %v", err, wantOK)
					}
					if err == nil && r.Attempts != test.sent {
						t.Errorf("got Attempts %d, want %d", r.Attempts, test.sent)
					}
					if got := errors.Is(err, ErrOutcomeUnknown); got != test.unknown {
						t.Errorf("outcome unknown: got %v, want %v (error %v)", got, test.unknown, err)
					}
					if err != nil && strings.Contains(err.Error(), "hunter2") {
						t.Errorf("got %v", err)
					}
					for i, body := range h.bodies {
						if body != h.bodies[0] {
							t.Errorf("attempt %d sent %q, the first %q", i+1, body, h.bodies[0])
						}
					}
				})
			})
		}
	}
}

func TestAWriteThatWasLostOnceStaysUnknownUntilItSucceeds(t *testing.T) {
	for name, test := range map[string]struct {
		steps []step
		want  bool
	}{
		"then refused":             {[]step{fails(errReset), says(409, "locked")}, true},
		"then gone":                {[]step{says(502, ""), says(404, "")}, true},
		"then nobody there":        {[]step{fails(errReset), fails(errDial)}, true},
		"then accepted":            {[]step{fails(errReset), says(200, "")}, false},
		"never there":              {[]step{fails(errDial)}, false},
		"refused at once":          {[]step{says(409, "locked")}, false},
		"asked to wait, then gone": {[]step{says(429, ""), says(404, "")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := client(t, script(test.steps...)).Do(t.Context(), Request{Method: "PUT", Path: "x", Body: 1})
				if got := errors.Is(err, ErrOutcomeUnknown); got != test.want {
					t.Errorf("outcome unknown: got %v, want %v (error %v)", got, test.want, err)
				}
			})
		})
	}
}

func TestAttemptsEndAndSayHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := script(says(503, "busy"))
		_, err := client(t, h).Do(t.Context(), Get("/x"))
		if want := "acme: GET /x: 503: busy (after 5 attempts)"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if e := theError(t, err); !e.Temporary || e.Attempts != 5 || h.count() != 5 {
			t.Errorf("got %+v after %d requests", e, h.count())
		}
	})
}

func TestPausesGrowWithFullJitterUpToTheCap(t *testing.T) {
	b := Backoff{Base: 500 * time.Millisecond, Cap: time.Minute}
	for attempt, want := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 5: 8 * time.Second, 8: time.Minute, 5000: time.Minute} {
		if got := b.longest(attempt); got != want {
			t.Errorf("attempt %d: got %s, want %s", attempt, got, want)
		}
	}
	low, high := time.Hour, time.Duration(0)
	for range 2000 {
		d := jitter(time.Second)
		low, high = min(low, d), max(high, d)
	}
	if low < 0 || low > 50*time.Millisecond || high > time.Second || high < 950*time.Millisecond {
		t.Errorf("jitter of 1s went from %s to %s, want nearly all of 0 to 1s", low, high)
	}
}

func TestRetryAfterIsReadInSecondsAndAsADate(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, test := range []struct {
		header []string
		want   time.Duration
	}{
		{nil, 0},
		{[]string{"Retry-After", "7"}, 7 * time.Second},
		{[]string{"Retry-After", " 7 "}, 7 * time.Second},
		{[]string{"Retry-After", "0.25"}, 250 * time.Millisecond},
		{[]string{"Retry-After", "0"}, 0},
		{[]string{"Retry-After", "-5"}, 0},
		{[]string{"Retry-After", "soon"}, 0},
		{[]string{"Retry-After", "NaN"}, 0},
		{[]string{"Retry-After", "Inf"}, 0},
		{[]string{"Retry-After", date(90 * time.Second)}, 90 * time.Second},
		{[]string{"Retry-After", date(-time.Second)}, 0},
		{[]string{"Retry-After", date(90 * time.Second), "Date", date(60 * time.Second)}, 30 * time.Second}, // our clock is a minute slow
		{[]string{"X-Retry-After", "9"}, 9 * time.Second},
		{[]string{"Retry-After", "soon", "X-Retry-After", "9"}, 9 * time.Second},
	} {
		h := http.Header{}
		for i := 0; i+1 < len(test.header); i += 2 {
			h.Set(test.header[i], test.header[i+1])
		}
		if got := retryAfter(h, now); got != test.want {
			t.Errorf("%q: got %s, want %s", test.header, got, test.want)
		}
	}
	if got := retryAfter(http.Header{"Retry-After": {"1e300"}}, now); got <= 0 {
		t.Errorf("a misprint: got %s, want something long", got)
	}
}

func TestA429PausesEverybody(t *testing.T) {
	for name, header := range map[string]func() []string{
		"seconds": func() []string { return []string{"Retry-After", "30"} },
		"date": func() []string {
			return []string{"Retry-After", time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat)}
		},
		"X-Retry-After": func() []string { return []string{"X-Retry-After", "30"} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				bucket := NewBucket(Rate{PerSecond: 10, Burst: 5}, nil, "acme")
				busy := script(says(429, "too many", header()...), says(200, ""))
				quiet := script(says(200, ""))
				one := client(t, busy, func(o *Options) { o.Bucket = bucket })
				other := client(t, quiet, func(o *Options) { o.Bucket = bucket })

				done := make(chan error)
				go func() {
					_, err := one.Do(t.Context(), Request{Method: "POST", Path: "x"})
					done <- err
				}()
				synctest.Wait()
				if _, err := other.Do(t.Context(), Get("y")); err != nil {
					t.Error(err)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
				if got := quiet.at[0].Sub(started); got < 30*time.Second {
					t.Errorf("another client of the same system sent after %s, want 30s", got)
				}
				if got := busy.at[1].Sub(started); busy.count() != 2 || got < 30*time.Second || got > 31*time.Second {
					t.Errorf("sent %d times, again after %s, want 2 and about 30s", busy.count(), got)
				}
			})
		})
	}
}

func TestARefusalForTooMuchPausesOthersAlsoWhereNobodyAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := NewBucket(Rate{}, nil, "acme")
		c := client(t, script(says(429, "", "Retry-After", "60")), func(o *Options) { o.Bucket = bucket; o.Attempts = 1 })
		started := time.Now()
		_, err := c.Do(t.Context(), Get("x"))
		if e := theError(t, err); e.RetryAfter != time.Minute || time.Since(started) != 0 {
			t.Errorf("got %+v after %s, want an error at once that says a minute", e, time.Since(started))
		}
		if _, err := bucket.Take(t.Context()); err != nil || time.Since(started) != time.Minute {
			t.Errorf("the next turn came after %s (%v), want 1m", time.Since(started), err)
		}
	})
}

func TestAStormOfRefusalsIsOneStrike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := NewBucket(Rate{PerSecond: 100, Burst: 50}, nil, "acme")
		h := &host{answer: func(n int, r *http.Request) (*http.Response, error) {
			if n <= 40 {
				return slowly(time.Second, says(429, "", "Retry-After", "10"))(r)
			}
			return says(200, "")(r)
		}}
		c := client(t, h, func(o *Options) { o.Bucket = bucket })
		errs := make(chan error)
		for range 40 {
			go func() {
				_, err := c.Do(t.Context(), Get("x"))
				errs <- err
			}()
		}
		for range 40 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if bucket.speed() != 1 {
			t.Errorf("got speed %v, want 1: forty refusals of one moment are one", bucket.speed())
		}
	})
}

func TestNobodySleepsPastTheDeadline(t *testing.T) {
	for name, first := range map[string]step{
		"back-off":        says(503, "busy"),
		"Retry-After":     says(429, "busy", "Retry-After", "120"),
		"503 Retry-After": says(503, "busy", "Retry-After", "120"),
		"500 Retry-After": says(500, "busy", "Retry-After", "120"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client(t, script(first), func(o *Options) { o.Backoff = Backoff{Base: time.Hour, Cap: time.Hour}; o.Attempts = 50 })
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				started := time.Now()
				_, err := c.Do(ctx, Get("x"))
				if took := time.Since(started); took > 2*time.Second {
					t.Errorf("took %s, want no more than the 2s there were", took)
				}
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "busy; not tried again") {
					t.Errorf("got %v, want the system's answer and the deadline", err)
				}
			})
		})
	}
}

func TestTheCauseOfACancellationIsReported(t *testing.T) {
	lost := errors.New("lease lost")
	for name, test := range map[string]struct {
		first   step
		request Request
		text    string
		unknown bool
		sent    int
	}{
		"while the answer is due":          {hangs, Get("x"), "acme: GET /x: no answer: lease lost", false, 1},
		"while a write's answer is due":    {hangs, Request{Method: "POST", Path: "x"}, "acme: POST /x: no answer: lease lost; whether it took effect is not known", true, 1},
		"while waiting for another try":    {says(429, "busy", "Retry-After", "9"), Get("x"), "acme: GET /x: 429: busy; not tried again: lease lost", false, 1},
		"while a lost write waits":         {fails(errReset), Request{Method: "PUT", Path: "x"}, "acme: PUT /x: no answer: read tcp: connection reset by peer; not tried again: lease lost; whether it took effect is not known", true, 1},
		"while a PUT waits for its answer": {hangs, Request{Method: "PUT", Path: "x"}, "acme: PUT /x: no answer: lease lost; whether it took effect is not known", true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := script(test.first)
				// The pause must outlast the moment of the cancellation whatever the jitter.
				c := client(t, h, func(o *Options) { o.Backoff = Backoff{Base: 1 << 60, Cap: 1 << 60} })
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(lost) })
				_, err := c.Do(ctx, test.request)
				if !errors.Is(err, lost) || !errors.Is(err, context.Canceled) || err.Error() != test.text {
					t.Errorf("got %v\nwant %s", err, test.text)
				}
				if errors.Is(err, ErrOutcomeUnknown) != test.unknown || h.count() != test.sent {
					t.Errorf("got outcome unknown %v after %d requests, want %v and %d", !test.unknown, h.count(), test.unknown, test.sent)
				}
			})
		})
	}
	t.Run("before anything was sent", func(t *testing.T) {
		h := script(says(200, ""))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(lost)
		_, err := client(t, h).Do(ctx, Request{Method: "POST", Path: "x"})
		if !errors.Is(err, lost) || errors.Is(err, ErrOutcomeUnknown) || h.count() != 0 || err.Error() != "acme: POST /x: lease lost" {
			t.Errorf("got %v after %d requests", err, h.count())
		}
	})
}

func TestATimeoutOfOneAttemptIsNotTheCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := script(hangs)
		c := client(t, h, func(o *Options) { o.Timeout = time.Hour; o.Attempts = 2 })
		started := time.Now()
		_, err := c.Do(t.Context(), Request{Path: "x", Timeout: 3 * time.Second})
		if errors.Is(err, context.DeadlineExceeded) || err.Error() != "acme: GET /x: no answer: timed out after 3s (after 2 attempts)" {
			t.Errorf("got %v", err)
		}
		if took := time.Since(started); took < 6*time.Second || took > 7*time.Second {
			t.Errorf("took %s, want two attempts of 3s", took)
		}
	})
}

func TestATransportThatSaysDeadlineOfOurTimeoutIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, script(slowly(time.Hour, says(200, ""))), func(o *Options) { o.Attempts = 2 })
		_, err := c.Do(t.Context(), Request{Method: "PUT", Path: "x"})
		if errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrOutcomeUnknown) || !strings.Contains(err.Error(), "timed out after 1m0s") {
			t.Errorf("got %v", err)
		}
	})
}

func TestABodyThatBreaksOffIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := script(breaks(`{"rows":[1,2`), breaks(`{"rows":[1,2,3`), says(200, `{"rows":[1,2,3]}`))
		r, err := client(t, h).Do(t.Context(), Get("x"))
		if err != nil || string(r.Body) != `{"rows":[1,2,3]}` || r.Attempts != 3 {
			t.Errorf("got %+v, %v", r, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, err := client(t, script(breaks(`{"rows":[1,2`))).Do(t.Context(), Get("x"))
		if want := "acme: GET /x: the answer broke off: unexpected EOF (after 5 attempts)"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

func TestA401RenewsTheCredentialsOnce(t *testing.T) {
	for name, test := range map[string]struct {
		steps    []step
		attempts int
		sent     int
		renewed  int
		ok       bool
	}{
		"a stale token":                 {[]step{says(401, ""), says(200, "")}, 5, 2, 1, true},
		"with one attempt only":         {[]step{says(401, ""), says(200, "")}, 1, 2, 1, true},
		"and a failure of another kind": {[]step{says(401, ""), says(503, ""), says(200, "")}, 2, 3, 1, true},
		"wrong credentials":             {[]step{says(401, "no such client")}, 5, 2, 1, false},
		"stale after a failure":         {[]step{says(503, ""), says(401, ""), says(200, "")}, 5, 3, 1, true},
		"stale again after a failure":   {[]step{says(401, ""), says(503, ""), says(401, "")}, 5, 3, 1, false},
	} {
		for _, method := range []string{"GET", "POST"} {
			if method == "POST" && strings.Contains(name, "failure") {
				continue // a 503 ends a POST
			}
			t.Run(name+" "+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					token, renewed := "old", 0
					h := script(test.steps...)
					c := client(t, h, func(o *Options) {
						o.Attempts = test.attempts
						o.Sign = func(_ context.Context, r *http.Request) error {
							r.Header.Set("Authorization", "Bearer "+token)
							return nil
						}
						o.Refused = func(context.Context) { renewed++; token = "new" }
					})
					_, err := c.Do(t.Context(), Request{Method: method, Path: "x"})
					if (err == nil) != test.ok || h.count() != test.sent || renewed != test.renewed {
						t.Errorf("got %v, %d requests, %d renewals; want success %v, %d, %d", err, h.count(), renewed, test.ok, test.sent, test.renewed)
					}
					if err != nil && (!theError(t, err).Unauthorised || errors.Is(err, ErrOutcomeUnknown)) {
						t.Errorf("got %#v, want it unauthorised and known", err)
					}
					if got := h.requests[h.count()-1].Header.Get("Authorization"); got != "Bearer new" {
						t.Errorf("the last request was signed %q", got)
					}
				})
			})
		}
	}
}

// A key that was changed in its file while a request waited for its turn is no failure.
func TestARefusedRequestIsSignedAnewWhereItsKeyWasChanged(t *testing.T) {
	for _, c := range []struct {
		name string
		next string // the key after the first request
		sent int
		ok   bool
	}{{"changed", "new", 2, true}, {"the same", "old", 1, false}} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(c.name+" "+method, func(t *testing.T) {
				key := "old"
				kept := secret.Keep(secret.Place{Name: "vault", Remote: true, Read: func(context.Context) (string, time.Time, error) { return key, time.Time{}, nil }})
				if err := kept.Renew(t.Context()); err != nil {
					t.Fatal(err)
				}
				h := script(func(r *http.Request) (*http.Response, error) {
					key = c.next
					return says(401, "wrong key")(r)
				}, says(200, "{}"))
				client := client(t, h, func(o *Options) {
					o.Keys = []secret.String{kept}
					o.Sign = func(_ context.Context, r *http.Request) error {
						r.Header.Set("x-api-key", kept.Reveal())
						return nil
					}
				})
				_, err := client.Do(t.Context(), Request{Method: method, Path: "x"})
				if (err == nil) != c.ok || h.count() != c.sent {
					t.Errorf("got %v after %d requests, want success %v after %d", err, h.count(), c.ok, c.sent)
				}
			})
		}
	}
}
