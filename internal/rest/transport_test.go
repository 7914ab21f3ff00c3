package rest

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A wire is an HTTP/1.1 server over pipes, for the real transport inside a
// bubble. serve gets each request with its number on the connection and
// overall; it answers, or returns false to close without an answer.
type wire struct {
	serve func(conn, n int, r *http.Request, w io.Writer) bool

	mu sync.Mutex
	at []time.Time
}

func (s *wire) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		in := bufio.NewReader(far)
		for n := 1; ; n++ {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			s.mu.Lock()
			s.at = append(s.at, time.Now())
			all := len(s.at)
			s.mu.Unlock()
			if !s.serve(n, all, r, far) {
				return
			}
		}
	}()
	return near, nil
}

func (s *wire) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.at)
}

func ok(w io.Writer) bool {
	_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	return err == nil
}

// loopback makes a client with the real transport.
func loopback(t testing.TB, address string, tr *http.Transport, change ...func(*Options)) *Client {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return client(t, tr, append([]func(*Options){func(o *Options) { o.BaseURL = base }}, change...)...)
}

// A server closes a connection it had kept open just as a request comes in:
// net/http then sends a GET again by itself.
func TestWhatTheTransportRepeatsByItselfPaysToo(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &wire{serve: func(conn, _ int, _ *http.Request, w io.Writer) bool { return conn == 1 && ok(w) }}
				tr := NewTransport()
				tr.DialContext = s.dial
				c := loopback(t, "http://localhost/api", tr, func(o *Options) { o.Bucket = NewBucket(Rate{PerSecond: 1, Burst: 1}, nil, "acme") })
				for range 2 {
					_, err := c.Do(t.Context(), Request{Method: method, Path: "x", Body: map[string]int{"n": 1}})
					if method == "POST" && s.count() == 2 {
						if !errors.Is(err, ErrOutcomeUnknown) {
							t.Errorf("a POST on a closed connection: got %v, want ErrOutcomeUnknown", err)
						}
					} else if err != nil {
						t.Error(err)
					}
				}
				if want := map[string]int{"GET": 3, "POST": 2}[method]; s.count() != want {
					t.Errorf("the server saw %d requests, want %d", s.count(), want)
				}
				for i := 1; i < len(s.at); i++ {
					if gap := s.at[i].Sub(s.at[i-1]); gap < time.Second {
						t.Errorf("request %d came %s after the one before, want a second or more", i+1, gap)
					}
				}
			})
		})
	}
}

func TestAPOSTThatGotNoConnectionInTimeNeverLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &wire{serve: func(_, _ int, _ *http.Request, w io.Writer) bool { return ok(w) }}
		var dials atomic.Int32
		tr := NewTransport()
		tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials.Add(1) == 1 {
				<-ctx.Done()
				return nil, errors.New("a dialer of another make")
			}
			return s.dial(ctx, network, address)
		}
		c := loopback(t, "http://localhost", tr, func(o *Options) { o.Timeout = 5 * time.Second })
		r, err := c.Do(t.Context(), Request{Method: "POST", Path: "x"})
		if err != nil || r.Attempts != 2 || s.count() != 1 {
			t.Errorf("got %+v, %v; the server saw %d", r, err, s.count())
		}
	})
}

func TestAPOSTWhoseAnswerNeverCameIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, serve := range map[string]func(conn, n int, r *http.Request, w io.Writer) bool{
			"closed":       func(int, int, *http.Request, io.Writer) bool { return false },
			"half headers": func(_, _ int, _ *http.Request, w io.Writer) bool { fmt.Fprint(w, "HTTP/1.1 20"); return false },
			"half body": func(_, _ int, _ *http.Request, w io.Writer) bool {
				fmt.Fprint(w, "HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{\"id\":")
				return false
			},
			"silence": func(int, int, *http.Request, io.Writer) bool { time.Sleep(2 * time.Minute); return false },
		} {
			s := &wire{serve: serve}
			tr := NewTransport()
			tr.DialContext = s.dial
			_, err := loopback(t, "http://localhost", tr).Do(t.Context(), Request{Method: "POST", Path: "additions", Body: map[string]int{"quantity": 3}})
			if !errors.Is(err, ErrOutcomeUnknown) || s.count() != 1 {
				t.Errorf("%s: got %v; the server saw %d requests, want ErrOutcomeUnknown and one", name, err, s.count())
			}
			time.Sleep(2 * time.Minute) // until the silent server has gone
		}
	})
}

func TestACertificateNobodyKnowsIsExplained(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request left") }))
	server.Config.ErrorLog = quietLog()
	server.StartTLS()
	defer server.Close()
	c := loopback(t, server.URL, NewTransport(), func(o *Options) { o.Attempts = 1 })
	_, err := c.Do(t.Context(), Request{Method: "POST", Path: "x"})
	if err == nil || errors.Is(err, ErrOutcomeUnknown) || !strings.Contains(err.Error(), "certificate") || !strings.Contains(theError(t, err).Remedy, "certificate authority") {
		t.Errorf("got %v", err)
	}
}

func TestAHostThatIsNotThereIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, err = loopback(t, "http://"+address, NewTransport(), func(o *Options) { o.Attempts = 1 }).Do(t.Context(), Request{Method: "POST", Path: "x"})
	if err == nil || errors.Is(err, ErrOutcomeUnknown) || !strings.HasSuffix(err.Error(), "; check that this machine reaches 127.0.0.1") {
		t.Errorf("got %v", err)
	}
}

func TestAnswersAreUnpackedAndRedirectsNotFollowed(t *testing.T) {
	followed := false
	mux := http.NewServeMux()
	mux.HandleFunc("/api/packed", func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("gzip was not asked for")
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprint(z, strings.Repeat("x", 10_000))
		z.Close()
	})
	mux.HandleFunc("/api/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/api/elsewhere", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/api/elsewhere", func(http.ResponseWriter, *http.Request) { followed = true })
	server := httptest.NewServer(mux)
	defer server.Close()

	c := loopback(t, server.URL+"/api/", NewTransport())
	r, err := c.Do(t.Context(), Get("packed"))
	if err != nil || len(r.Body) != 10_000 {
		t.Errorf("got %v", err)
	}
	if _, err := c.Do(t.Context(), Get("moved")); err == nil || !strings.Contains(err.Error(), "301: redirected to another path") || followed {
		t.Errorf("got %v, followed: %v", err, followed)
	}
	small := loopback(t, server.URL+"/api", NewTransport(), func(o *Options) { o.MaxBody = 5000 })
	if _, err := small.Do(t.Context(), Get("packed")); !errors.Is(err, errTooLarge) {
		t.Errorf("a body that is small only while packed: got %v", err)
	}
}

func TestWorkersKeepTheirConnections(t *testing.T) {
	var mu sync.Mutex
	fresh := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			mu.Lock()
			fresh++
			mu.Unlock()
		}
	}
	server.Start()
	defer server.Close()
	c := loopback(t, server.URL, NewTransport())
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				if _, err := c.Do(t.Context(), Get("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	// A dial that a returned connection overtook may add some.
	if fresh > 32 {
		t.Errorf("320 requests of 16 workers took %d connections", fresh)
	}
}
