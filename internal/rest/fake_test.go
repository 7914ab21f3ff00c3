package rest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

// A host is a system in memory: it answers the nth request (from 1) as told
// and remembers what came and when. It does not know httptrace, as a transport
// of another make does not.
type host struct {
	answer func(n int, r *http.Request) (*http.Response, error)

	mu       sync.Mutex
	at       []time.Time
	requests []*http.Request
	bodies   []string
}

func (h *host) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(raw)
	}
	h.mu.Lock()
	h.at = append(h.at, time.Now())
	h.requests = append(h.requests, r)
	h.bodies = append(h.bodies, body)
	n := len(h.at)
	h.mu.Unlock()
	return h.answer(n, r)
}

func (h *host) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.at)
}

// script answers with one step after the other, and with the last for ever.
func script(steps ...func(*http.Request) (*http.Response, error)) *host {
	return &host{answer: func(n int, r *http.Request) (*http.Response, error) {
		return steps[min(n, len(steps))-1](r)
	}}
}

type step = func(*http.Request) (*http.Response, error)

// says answers at once; header holds names and values in turn.
func says(status int, body string, header ...string) step {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader([]byte(body))),
			ContentLength: int64(len(body)), Request: r}, nil
	}
}

// breaks answers 200 and a part of the body.
func breaks(part string) step {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: 1000,
			Body: io.NopCloser(io.MultiReader(bytes.NewReader([]byte(part)), failing{io.ErrUnexpectedEOF}))}, nil
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// fails gives no answer.
func fails(err error) step {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

var (
	errReset = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
	errDial  = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
)

// hangs never answers.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// slowly answers after a time.
func slowly(d time.Duration, then step) step {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(d):
			return then(r)
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// everything is an allow-list for tests that are about something else.
var everything = []Route{
	{"GET", "/{rest...}"}, {"HEAD", "/{rest...}"}, {"POST", "/{rest...}"}, {"PUT", "/{rest...}"}, {"PATCH", "/{rest...}"}, {"DELETE", "/{rest...}"},
}

// client makes a client whose base path is not /, so that an absolute path
// would miss it.
func client(t testing.TB, h http.RoundTripper, change ...func(*Options)) *Client {
	t.Helper()
	base, err := url.Parse("https://api.example.net/v4/api")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{System: "acme", BaseURL: base, Transport: h, Allow: everything}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// theError returns the *Error in err.
func theError(t testing.TB, err error) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got error %v (%T), want a *rest.Error", err, err)
	}
	return e
}
