package rest

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// How much memory the answers of one system take at most while they are read,
// whatever it sends:
//
//	under way × freeBytes + sharedBytes + the largest answer that is allowed
//
// and of bodies with a suspicious compression ratio only suspectBytes each.
const (
	freeBytes    = 1 << 20 // of every answer
	sharedBytes  = 8 << 20 // what is longer pays from this, all answers together
	suspectBytes = 4 << 20 // what unpacks to more than this …
	mostUnpacked = 200     // … and to more than so many times its size is no list of records
	partBytes    = 1 << 20 // by which an answer grows
)

var errTooLarge = errors.New("answer too large")

// A memoryBudget limits the memory for long answers of one system. Once it is used up,
// answers are read one at a time: the one that has exclusive needs no memory of the
// others, so that none waits for ever.
type memoryBudget struct {
	mu        sync.Mutex
	free      int64
	exclusive chan struct{}
}

func newMemoryBudget() *memoryBudget {
	return &memoryBudget{free: sharedBytes, exclusive: make(chan struct{}, 1)}
}

// An allocation is what one answer has of the budget.
type allocation struct {
	budget *memoryBudget
	taken  int64
	last   bool
}

// grow allocates n more bytes, and waits until they are free.
func (s *allocation) grow(ctx context.Context, n int64) error {
	if s.last {
		return nil
	}
	s.budget.mu.Lock()
	enough := s.budget.free >= n
	if enough {
		s.budget.free -= n
		s.taken += n
	}
	s.budget.mu.Unlock()
	if enough {
		return nil
	}
	select {
	case s.budget.exclusive <- struct{}{}:
		s.last = true
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *allocation) release() {
	s.budget.mu.Lock()
	s.budget.free += s.taken
	s.budget.mu.Unlock()
	if s.last {
		<-s.budget.exclusive
	}
	*s = allocation{budget: s.budget}
}

// read reads a whole body, unpacked, at most limit bytes of it.
func read(ctx context.Context, r *http.Response, limit int64, of *memoryBudget) ([]byte, error) {
	packed := &countingReader{in: r.Body}
	in, err := gunzip(r, packed)
	if err != nil {
		return nil, err
	}
	room := &allocation{budget: of}
	defer room.release()
	var parts [][]byte // not one buffer that is copied whenever it grows: twice the memory
	total := int64(0)
	for size := initialSize(r); ; size = min(3*total, partBytes) {
		size = min(size, limit+1-total) // one more byte than allowed tells that there is more
		if total+size > freeBytes {
			if err := room.grow(ctx, size); err != nil {
				return nil, err
			}
		}
		part := make([]byte, size)
		n, err := fill(in, part)
		total += int64(n)
		parts = append(parts, part[:n])
		switch {
		case total > limit:
			return nil, fmt.Errorf("%w: more than %s; ask for smaller pages", errTooLarge, sizeText(limit))
		case total > suspectBytes && total > mostUnpacked*packed.n:
			return nil, fmt.Errorf("%w: %s unpack to %s and more, as no list of records does", errTooLarge, sizeText(packed.n), sizeText(total))
		case err == io.EOF && len(parts) == 1:
			return parts[0], nil
		case err == io.EOF:
			return slices.Concat(parts...), nil
		case err != nil:
			return nil, err
		}
	}
}

// initialSize is how much to allocate at first. A short body with a length is read into
// one buffer and not copied.
func initialSize(r *http.Response) int64 {
	if n := r.ContentLength; n >= 0 && n < freeBytes && r.Header.Get("Content-Encoding") == "" {
		return n + 1 // the one byte more tells that it ends
	}
	return 8 << 10
}

// fill reads until p is full or nothing more comes; the error is the reader's own.
func fill(in io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = in.Read(p[n:])
		n += m
	}
	return n, err
}

// gunzip returns the decompressed body. The transport could decompress it, but would not
// tell how many bytes came over the wire.
func gunzip(r *http.Response, packed *countingReader) (io.Reader, error) {
	if !strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		return packed, nil
	}
	in := bufio.NewReader(packed)
	if _, err := in.Peek(1); err == io.EOF {
		return in, nil // no body at all, as after a HEAD or with a 204
	}
	return gzip.NewReader(in)
}

// countingReader counts the bytes that come over the wire.
type countingReader struct {
	in io.Reader
	n  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

func sizeText(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
