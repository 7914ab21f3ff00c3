package scimsim

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
)

// Transport serves requests in this process, without a network: for tests in
// a synctest bubble, where a real connection would never settle. It speaks to
// the simulator whatever the host in the URL is.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

// RoundTrip answers one request. A dropped connection is io.ErrUnexpectedEOF,
// from here or from the body, as it would be from a network.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	rec := &recorder{header: http.Header{}}
	dropped := rec.serve(t.s, in)
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
	return &http.Response{
		Status:     strconv.Itoa(rec.status) + " " + http.StatusText(rec.status),
		StatusCode: rec.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: rec.header, Body: io.NopCloser(body), ContentLength: length, Request: r,
	}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) serve(s *Server, in *http.Request) (dropped bool) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			dropped = true
		} else if p != nil {
			panic(p)
		}
	}()
	s.ServeHTTP(r, in)
	return false
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) Flush()                      {}
