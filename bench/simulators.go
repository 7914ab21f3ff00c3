package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	cippsim "syncd/internal/simulator/cipp"
)

// The simulators run in a process of their own, so that neither their CPU nor
// their memory counts. The bench talks to them over their standard input and
// output, one JSON document a line, so that a simulator ends with its bench.

// addresses are the first line that the simulators print: where they listen, and the
// credentials that they accept.
type addresses struct {
	CIPP, Token               string // base URL, and the token endpoint
	ConnectWise, ITGlue, SCIM string // base URLs; empty where there is none
	PartnerTenant             string
	ClientID, ClientSecret    string
	Links, Products           string // the tables that join both, as CSV; no products where nothing is billed
}

// A command is one line from the bench to the simulators.
type command struct {
	Reset  bool // all counts start at 0
	Record bool // record the bodies of all answers from now on
	Seats  int  // so many customers buy a seat of a licence that is billed
}

// observations answer a command: the requests since the last reset.
type observations struct {
	CIPP       map[string]int // by endpoint, tokens included
	Target     map[string]int // by method and route
	Writes     []string       // at the target
	Held       map[string]int // how much of each kind the target holds
	Complaints []string       // of CIPP and the target
	Answers    []answer       // that were recorded
	First      time.Time      // when the target was asked first
	Last       time.Time      // when it had answered last
	Error      string
}

// An answer is the body of one response.
type answer struct {
	System, Path string
	Body         []byte
}

// serveSimulators is the other process: it ends with its standard input.
func serveSimulators(text string) error {
	var e estate
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return fmt.Errorf("-simulate %s: %w", text, err)
	}
	w := e.fixture()
	tape := &recorder{}
	at := func(name string, h http.Handler) (string, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		go func() { _ = http.Serve(l, tape.wrap(name, h)) }()
		return "http://" + l.Addr().String(), nil
	}
	own := w.cipp.Options()
	first := addresses{PartnerTenant: w.cipp.World().PartnerTenant.CustomerID, ClientID: own.ClientID, ClientSecret: own.ClientSecret, Links: w.links, Products: w.products}
	var err error
	if first.CIPP, err = at(source, w.cipp); err != nil {
		return err
	}
	first.Token = first.CIPP + w.cipp.TokenPath()
	url, err := at(w.target.name(), w.target)
	if err != nil {
		return err
	}
	w.target.announce(&first, url)
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(first); err != nil {
		return err
	}
	in := json.NewDecoder(os.Stdin)
	for {
		var o command
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var a observations
		if o.Reset {
			w.cipp.ResetLog()
			w.target.Forget()
			tape.take()
		} else {
			a = observations{CIPP: w.cipp.Counts(), Target: w.target.Counts(), Complaints: w.cipp.Complaints()}
			a.Answers, a.First, a.Last = tape.take()
			w.target.observe(&a)
		}
		tape.set(o.Record)
		if o.Seats > 0 {
			a.Error = buySeats(w.cipp, o.Seats)
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

// buySeats lets the first customers buy one seat of Business Premium, which is
// billed. Both of Microsoft's numbers rise, so that they agree. It returns
// what went wrong.
func buySeats(cipp *cippsim.Server, customers int) (missing string) {
	const sku = "SPB"
	cipp.Update(func(w *cippsim.World) {
		for _, t := range w.Tenants[:customers] {
			k := t.SKU(sku)
			if k == nil || len(k.Subscriptions) == 0 {
				missing = fmt.Sprintf("tenant %s holds no %s", t.DisplayName, sku)
				return
			}
			k.Enabled++
			k.Subscriptions[0].Total++
		}
	})
	return missing
}

// A recorder records when the target was asked, and response bodies while
// recording is on.
type recorder struct {
	mu          sync.Mutex
	on          bool
	first, last time.Time // the target's first request and its last answer; zero = none
	answers     []answer
}

func (t *recorder) begun(system string) (on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if system != source && t.first.IsZero() {
		t.first = time.Now()
	}
	return t.on
}

func (t *recorder) ended(system, path string, body []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if system != source {
		t.last = time.Now()
	}
	if body != nil {
		t.answers = append(t.answers, answer{system, path, body})
	}
}

func (t *recorder) set(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.on = on
}

// take returns what was noted, and forgets it.
func (t *recorder) take() (answers []answer, first, last time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	answers, first, last = t.answers, t.first, t.last
	t.answers, t.first, t.last = nil, time.Time{}, time.Time{}
	return answers, first, last
}

func (t *recorder) wrap(system string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !t.begun(system) {
			h.ServeHTTP(w, r)
			t.ended(system, r.URL.Path, nil)
			return
		}
		both := &teeWriter{ResponseWriter: w}
		h.ServeHTTP(both, r)
		t.ended(system, r.URL.Path, append([]byte{}, both.body.Bytes()...))
	})
}

type teeWriter struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (w *teeWriter) Write(p []byte) (int, error) {
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// Unwrap lets the simulators flush through us.
func (w *teeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// simulators are the other process, seen from here.
type simulators struct {
	addresses
	estate
	process  *exec.Cmd
	in       io.WriteCloser
	orders   *json.Encoder
	accounts *json.Decoder
}

func startSimulators(e estate) (*simulators, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	s := &simulators{estate: e, process: exec.Command(self, "-simulate", string(text))}
	s.process.Stderr = os.Stderr
	s.in, err = s.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	s.orders, s.accounts = json.NewEncoder(s.in), json.NewDecoder(bufio.NewReader(out))
	if err := s.accounts.Decode(&s.addresses); err != nil {
		s.close()
		return nil, fmt.Errorf("starting the simulators: %w", err)
	}
	return s, nil
}

func (s *simulators) close() {
	s.in.Close()
	_ = s.process.Wait()
}

// command sends a command and returns the observations until then.
func (s *simulators) command(o command) (a observations, err error) {
	if err = s.orders.Encode(o); err == nil {
		err = s.accounts.Decode(&a)
	}
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	if err != nil {
		return a, fmt.Errorf("asking the simulators: %w", err)
	}
	return a, nil
}

// calls is how many requests an account holds.
func (a *observations) calls() int { return sum(a.CIPP) + sum(a.Target) }
