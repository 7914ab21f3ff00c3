package cippsim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
)

// errDropped is what a client sees of a connection that goes away.
var errDropped = errors.New("connection reset by peer")

// Transport reaches the server without a network, whatever the host of the
// URL, so that tests can run in a synctest bubble.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

// RoundTrip serves the request on the caller's goroutine.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if r.Body == nil {
		in.Body = http.NoBody
	} else {
		defer r.Body.Close()
	}
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:40000"

	w := httptest.NewRecorder()
	cut := false
	func() {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				cut = true
			default:
				panic(v)
			}
		}()
		t.s.ServeHTTP(w, in)
	}()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if cut && w.Body.Len() == 0 {
		return nil, fmt.Errorf("read %s: %w", r.URL.Host, errDropped)
	}
	res := w.Result()
	res.Request = r
	if cut {
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(w.Body.Bytes()), brokenReader{}))
	}
	return res, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
