package pages

import (
	"context"
	"fmt"
	"sync"
	"time"

	"syncd/internal/state"
)

// What programs are told is read from CIPP and the bill, at hundreds of calls of a large estate,
// from the same buckets as the jobs. So one reading is made at a time, whoever asks for the same
// meanwhile waits for it, and for a minute its result is given to everybody.
type readings struct {
	turn chan struct{}

	mu   sync.Mutex
	docs map[string]*reading
}

// A reading is what was read, or is being read.
type reading struct {
	done  chan struct{} // closed once it was
	value any
	err   error
	at    time.Time
}

// readingKept is how long a reading is given to whoever asks.
const readingKept = time.Minute

func newReadings() *readings {
	return &readings{turn: make(chan struct{}, 1), docs: map[string]*reading{}}
}

// get returns what read reads. It reads on where whoever asked first hangs up.
func (r *readings) get(ctx context.Context, name string, read func(context.Context) (any, error)) (any, error) {
	r.mu.Lock()
	d := r.docs[name]
	if d == nil || d.over() {
		d = &reading{done: make(chan struct{})}
		r.docs[name] = d
		go r.read(context.WithoutCancel(ctx), name, d, read)
	}
	r.mu.Unlock()
	select {
	case <-d.done:
		return d.value, d.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// over reports whether the reading is too old to be given.
func (d *reading) over() bool {
	select {
	case <-d.done:
		return time.Since(d.at) > readingKept
	default:
		return false
	}
}

func (r *readings) read(ctx context.Context, name string, d *reading, read func(context.Context) (any, error)) {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	ctx, cancel := context.WithTimeout(ctx, readingFor)
	defer cancel()
	d.value, d.err = read(ctx)
	d.at = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.err != nil && r.docs[name] == d {
		delete(r.docs, name) // the next one to ask tries again
	}
	for other, x := range r.docs {
		if x != d && x.over() {
			delete(r.docs, other)
		}
	}
	close(d.done)
}

// readAs answers a program with what read reads for its address.
func (q *request) readAs(read func(context.Context) (any, error)) (answer, error) {
	value, err := q.readOnce(q.URL.RequestURI(), read)
	return answer{json: value}, err
}

// readOnce reads what has a name, or gives what was read within a minute, if no run ended and
// nobody decided anything since.
func (q *request) readOnce(name string, read func(context.Context) (any, error)) (any, error) {
	for e, err := range q.app.Store.Journal(q.Context(), state.JournalFilter{Limit: 1}) {
		if err != nil {
			return nil, err
		}
		name = fmt.Sprintf("%s %d", name, e.Seq)
	}
	return q.readings.get(q.Context(), fmt.Sprintf("%s %d", name, q.app.Engine.Runs()), read)
}
