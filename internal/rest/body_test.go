package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// packs answers with so many bytes of a pattern, packed.
func packs(t testing.TB, unpacked int, pattern string) step {
	t.Helper()
	const members = 64 // what is packed once is packed often: RFC 1952, section 2.2
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(bytes.Repeat([]byte(pattern), unpacked/members/len(pattern)+1))
	z.Close()
	return says(200, strings.Repeat(b.String(), members), "Content-Encoding", "gzip")
}

func TestABombIsRefusedBeforeItGoesOff(t *testing.T) {
	bomb := script(packs(t, 128<<20, `{"id":null},`))
	c := client(t, bomb, func(o *Options) { o.Bucket = NewBucket(Rate{Concurrency: 16}, nil, "acme") })
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done, peak := make(chan struct{}), uint64(0)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
			}
		}
	}()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			_, err := c.Do(t.Context(), Get("x"))
			if !errors.Is(err, errTooLarge) || !strings.Contains(err.Error(), "as no list of records does") {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	done <- struct{}{}
	if grown := (peak - min(peak, before.HeapAlloc)) >> 20; grown > 80 { // 28 of them in use; the collector comes after
		t.Errorf("16 bombs took %d MiB", grown)
	}
	if n := bomb.count(); n != 16 {
		t.Errorf("%d requests: a bomb was asked for again", n)
	}
}

func TestLongAnswersTakeTurns(t *testing.T) {
	const long = 24 << 20
	synctest.Test(t, func(t *testing.T) {
		c := client(t, &host{answer: func(n int, r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(io.LimitReader(drip{}, long))}, nil
		}})
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				r, err := c.Do(t.Context(), Get("x"))
				if err != nil || len(r.Body) != long {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		if b := c.bucket.bodies; b.free != sharedBytes || len(b.exclusive) != 0 {
			t.Errorf("%d of %d bytes are left, %d hold the last", b.free, int64(sharedBytes), len(b.exclusive))
		}
	})
}

// drip gives a little at a time, so that several answers grow side by side.
type drip struct{}

func (drip) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return min(len(p), 64<<10), nil
}

func TestWhoWaitsForMemoryHearsTheContext(t *testing.T) {
	of := &memoryBudget{free: 0, exclusive: make(chan struct{}, 1)}
	of.exclusive <- struct{}{} // somebody reads on for ever
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("enough"))
	body := &http.Response{Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(io.LimitReader(drip{}, 2*freeBytes))}
	if _, err := read(ctx, body, 64<<20, of); err == nil || err.Error() != "enough" {
		t.Errorf("got %v", err)
	}
}

func TestBodiesOfEverySize(t *testing.T) {
	sizes := []int{0, 1, 8<<10 - 1, 8 << 10, 8<<10 + 1, 100_000, freeBytes - 1, freeBytes, freeBytes + 1, 3 << 20}
	for _, n := range sizes {
		want := make([]byte, n)
		for i := range want {
			want[i] = byte(i * i >> 3)
		}
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write(want)
		z.Close()
		for name, r := range map[string]*http.Response{
			"length known":   {Header: http.Header{}, ContentLength: int64(n), Body: io.NopCloser(bytes.NewReader(want))},
			"length unknown": {Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(bytes.NewReader(want))},
			"packed":         {Header: http.Header{"Content-Encoding": {"GZIP"}}, ContentLength: int64(packed.Len()), Body: io.NopCloser(&packed)},
		} {
			got, err := read(t.Context(), r, 3<<20, newMemoryBudget())
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %s: got %d, %v", n, name, len(got), err)
			}
		}
		if n > 0 {
			r := &http.Response{Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(bytes.NewReader(want))}
			if _, err := read(t.Context(), r, int64(n)-1, newMemoryBudget()); !errors.Is(err, errTooLarge) {
				t.Errorf("%d bytes where one less is allowed: got %v", n, err)
			}
		}
	}
	none := &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: http.NoBody}
	if got, err := read(t.Context(), none, 1<<20, newMemoryBudget()); len(got) != 0 || err != nil {
		t.Errorf("nothing, said to be packed: got %q, %v", got, err)
	}
	broken := &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, ContentLength: -1, Body: io.NopCloser(strings.NewReader("no gzip"))}
	if _, err := read(t.Context(), broken, 1<<20, newMemoryBudget()); err == nil {
		t.Error("what is not packed was read as if it were")
	}
}
