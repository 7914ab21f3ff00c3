package serving

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"
)

// A Front is what requests meet before a vendor looks at them, the same in
// every simulator: the log, the hook of Before, the rules of Fail, and the time
// that an answer takes. F is the vendor's fault; its zero value is none. A Front
// may be used by several goroutines at once.
type Front[F any] struct {
	mu     sync.Mutex
	before func(*http.Request) F
	rules  Rules[F]
	log    []*Request
	counts map[string]int
}

// A Request is one line of a simulator's log, and what rules know of it.
type Request struct {
	At      time.Time // by the real clock
	Method  string
	Route   string // the pattern, such as /finance/agreements/{id}, or the name of CIPP's endpoint; empty if there is none
	Account string // whose data it is about, as it was sent: a SCIM account, CIPP's tenantFilter; empty if it names none
	Path    string // as the vendor documents it, such as /finance/agreements/55
	Query   string // raw
	Body    string
	Status  int  // 0 while it is being served, and if the connection was dropped
	Changed bool // the server has done what it was asked, and something is different now
	Reads   bool // it changes nothing, whatever its method
	Aside   bool // it is for another API that stands beside, such as one that gives out tokens
}

// Write reports whether the request could have changed something.
func (r Request) Write() bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && !r.Reads && !r.Aside
}

// A Call is one request as its vendor sees it. The three are called once each,
// in their order; the last is not where the caller gave up.
type Call[F any] interface {
	// Arrive takes the request apart, and completes its line of the log: Method,
	// Query and Body are there, and Path as it is in the URL.
	Arrive(line *Request, body []byte)
	// Wait is the time that passes before the answer.
	Wait(F) time.Duration
	// Answer does what is asked, if the fault lets it.
	Answer(F) Answer
}

// An Answer is what goes over the wire.
type Answer struct {
	Status  int
	Header  http.Header
	Body    []byte
	Changed bool // see Request
	End     End
}

// End says how an answer ends.
type End int

// The ends.
const (
	Whole  End = iota
	Cut        // in the middle of the body
	Unsent     // before it began
)

// logLimit bounds the memory of a server that runs for days.
const logLimit = 250_000

// largest is the size of a body that nobody needs.
const largest = 64 << 20

// Serve answers a request.
func (f *Front[F]) Serve(w http.ResponseWriter, r *http.Request, c Call[F]) {
	body, err := io.ReadAll(io.LimitReader(r.Body, largest))
	if err != nil {
		panic(http.ErrAbortHandler) // the caller went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	line := &Request{At: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Body: string(body)}
	c.Arrive(line, body)
	fault := f.meet(line, r)
	r.Body = io.NopCloser(bytes.NewReader(body)) // the hook may have read it
	if !pause(r.Context(), c.Wait(fault)) {
		panic(http.ErrAbortHandler)
	}
	a := c.Answer(fault)
	f.mu.Lock()
	line.Changed = a.Changed
	if a.End == Whole {
		line.Status = a.Status
	}
	f.mu.Unlock()
	a.send(w)
}

// meet logs a request and finds its fault.
func (f *Front[F]) meet(line *Request, r *http.Request) (fault F) {
	f.mu.Lock()
	if len(f.log) >= logLimit {
		f.log = slices.Clone(f.log[logLimit/2:])
	}
	f.log = append(f.log, line)
	if f.counts == nil {
		f.counts = map[string]int{}
	}
	where := line.Route
	if where == "" {
		where = line.Path
	}
	f.counts[line.Method+" "+where]++
	hook := f.before
	f.mu.Unlock()

	if hook != nil {
		fault = hook(r)
	}
	if !reflect.ValueOf(&fault).Elem().IsZero() {
		return fault
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rules.Use(line)
}

// Before asks hook about every request before it is served. The request's
// body may be read. A hook that answers a zero fault leaves the rules to
// decide. It is called without any lock, perhaps by several goroutines at once,
// so it may call the server's methods.
func (f *Front[F]) Before(hook func(*http.Request) F) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = hook
}

// Fail adds rules. The first rule that matches a request decides.
func (f *Front[F]) Fail(rules ...Rule[F]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, rules...)
}

// Heal ends all rules and the hook of Before.
func (f *Front[F]) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.rules = nil, nil
}

// Requests returns the log in order of arrival; of a very long one only the end.
func (f *Front[F]) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Request, len(f.log))
	for i, r := range f.log {
		out[i] = *r
	}
	return out
}

// Writes returns the requests that could have changed something.
func (f *Front[F]) Writes() []Request {
	return slices.DeleteFunc(f.Requests(), func(r Request) bool { return !r.Write() })
}

// Counts returns how often each method and route was asked for, such as
// "GET /flexible_assets/{id}", refused requests included. What matched no route
// counts under its path.
func (f *Front[F]) Counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

// Forget empties the log, for a test that counts from here on.
func (f *Front[F]) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log, f.counts = nil, nil
}

// MaxRate returns the most requests to the API that arrived within any window
// of that length.
func (f *Front[F]) MaxRate(window time.Duration) int {
	var at []time.Time
	for _, r := range f.Requests() {
		if !r.Aside {
			at = append(at, r.At)
		}
	}
	return busiest(at, window)
}

// send writes the answer.
func (a *Answer) send(w http.ResponseWriter) {
	if a.End == Unsent {
		panic(http.ErrAbortHandler) // net/http closes the connection without a word
	}
	maps.Copy(w.Header(), a.Header)
	w.WriteHeader(a.Status)
	part := a.Body
	if a.End == Cut {
		part = part[:len(part)/2]
	}
	if len(part) > 0 {
		_, _ = w.Write(part)
	}
	if a.End == Cut {
		// Without a flush net/http would throw away what it has buffered.
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// pause lets time pass; false if the caller gave up meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
