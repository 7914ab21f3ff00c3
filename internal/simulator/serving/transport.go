// Package serving is what all simulators share of being a server: the log, the
// rules by which requests meet faults, time that passes, answers that break off,
// how fast requests came, and answering with and without a network.
package serving

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
)

// Transport serves requests in this process, without a network: for tests in
// a synctest bubble, where a real connection would never settle. It speaks to
// h whatever the host in the URL is. A connection that h drops is
// io.ErrUnexpectedEOF, from the transport or from the body, as it would be from
// a network.
func Transport(h http.Handler) http.RoundTripper { return transport{h} }

type transport struct{ http.Handler }

// RoundTrip answers one request on the caller's goroutine.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	in.RequestURI, in.RemoteAddr = in.URL.RequestURI(), "127.0.0.1:40000"
	rec := &recorder{header: http.Header{}}
	dropped := rec.serve(t, in)
	if r.Context().Err() != nil {
		return nil, context.Cause(r.Context())
	}
	if dropped && rec.status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	var body io.Reader = &rec.body
	length := int64(rec.body.Len())
	if dropped {
		body, length = io.MultiReader(body, broken{}), -1
	}
	status := max(rec.status, http.StatusOK) // a handler that writes nothing means 200
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: rec.header, Body: io.NopCloser(body), ContentLength: length, Request: r,
	}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type recorder struct {
	header http.Header
	status int // 0 until something is written
	body   bytes.Buffer
}

func (r *recorder) serve(h http.Handler, in *http.Request) (dropped bool) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			dropped = true
		} else if p != nil {
			panic(p)
		}
	}()
	h.ServeHTTP(r, in)
	return false
}

func (r *recorder) Header() http.Header    { return r.header }
func (r *recorder) WriteHeader(status int) { r.status = status }
func (r *recorder) Flush()                 {}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.body.Write(b)
}
