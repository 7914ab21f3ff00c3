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
// and of what unpacks beyond all measure only suspectBytes each.
const (
	freeBytes    = 1 << 20 // of every answer
	sharedBytes  = 8 << 20 // what is longer pays from this, all answers together
	suspectBytes = 4 << 20 // what unpacks to more than this …
	mostUnpacked = 200     // … and to more than so many times its size is no list of records
	partBytes    = 1 << 20 // by which an answer grows
)

var errTooLarge = errors.New("answer too large")

// A ration is the memory for long answers of one system. Once it is used up they
// are read on one at a time: whoever has last needs nothing of the others', so
// that nobody waits for ever.
type ration struct {
	mu   sync.Mutex
	left int64
	last chan struct{}
}

func newRation() *ration { return &ration{left: sharedBytes, last: make(chan struct{}, 1)} }

// A share is what one answer has of the ration.
type share struct {
	of    *ration
	taken int64
	last  bool
}

// grow makes room for n more bytes, waiting until it may.
func (s *share) grow(ctx context.Context, n int64) error {
	if s.last {
		return nil
	}
	s.of.mu.Lock()
	enough := s.of.left >= n
	if enough {
		s.of.left -= n
		s.taken += n
	}
	s.of.mu.Unlock()
	if enough {
		return nil
	}
	select {
	case s.of.last <- struct{}{}:
		s.last = true
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *share) release() {
	s.of.mu.Lock()
	s.of.left += s.taken
	s.of.mu.Unlock()
	if s.last {
		<-s.of.last
	}
	*s = share{of: s.of}
}

// read reads a whole body, unpacked, at most limit bytes of it.
func read(ctx context.Context, r *http.Response, limit int64, of *ration) ([]byte, error) {
	packed := &counted{in: r.Body}
	in, err := unpacked(r, packed)
	if err != nil {
		return nil, err
	}
	room := &share{of: of}
	defer room.release()
	var parts [][]byte // not one buffer that is copied whenever it grows: twice the memory
	total := int64(0)
	for size := firstPart(r); ; size = min(3*total, partBytes) {
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

// firstPart is how much to make room for at first. What says its length and is
// short is read into one piece, and copied nowhere.
func firstPart(r *http.Response) int64 {
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

// unpacked is the body without gzip. We ask for it ourselves, because the
// transport would not tell how much came over the wire.
func unpacked(r *http.Response, packed *counted) (io.Reader, error) {
	if !strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		return packed, nil
	}
	in := bufio.NewReader(packed)
	if _, err := in.Peek(1); err == io.EOF {
		return in, nil // no body at all, as after a HEAD or with a 204
	}
	return gzip.NewReader(in)
}

// counted counts what comes over the wire.
type counted struct {
	in io.Reader
	n  int64
}

func (c *counted) Read(p []byte) (int, error) {
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
