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
	"strconv"
	"sync"
	"time"

	"syncd/internal/simulator"
	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
)

// The simulators run in a process of their own, so that neither their CPU nor
// their memory counts. The bench talks to them over their standard input and
// output, one JSON document a line, so that a simulator dies with its bench.

// A hello is the simulators' first word.
type hello struct {
	CIPP, Token, ConnectWise string // base URLs, and the token endpoint
	PartnerTenant            string
	ClientID, ClientSecret   string
	Links, Products          string // the tables that join both, as CSV
}

// An order is what the bench asks of the simulators.
type order struct {
	Reset  bool // forget what was counted
	Record bool // from now on note the bodies of all answers
	Seats  int  // so many customers buy a seat of a licence that is billed
}

// An account is their answer: what was asked of them since the last reset.
type account struct {
	CIPP        map[string]int // by endpoint, tokens included
	ConnectWise map[string]int // by method and route
	Writes      []string       // at ConnectWise
	Complaints  []string       // of CIPP
	Answers     []recording    // that were recorded
	Error       string
}

// A recording is the body of one answer.
type recording struct {
	System, Path string
	Body         []byte
}

// Credentials of the simulated systems; they work nowhere else.
const (
	company, publicKey, privateKey = "harbour", "PUBLICKEY0000001", "PRIVATEKEY000001"
	clientID                       = "6b1f8a52-0d6e-4f0e-9a57-3f3f6f5d2b11"
)

// serveSimulators is the other process: it ends with its standard input.
func serveSimulators(customers int) error {
	source, target, links, products := simulator.Estate(customers, time.Now())
	cipp := cippsim.New(source, cippsim.Options{})
	connectwise := cwsim.New(target, cwsim.Options{Company: company, PublicKey: publicKey, PrivateKey: privateKey, ClientID: clientID})
	tape := &recorder{}
	at := func(name string, h http.Handler) (string, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		go func() { _ = http.Serve(l, tape.over(name, h)) }()
		return "http://" + l.Addr().String(), nil
	}
	cippURL, err := at("cipp", cipp)
	if err != nil {
		return err
	}
	connectwiseURL, err := at("connectwise", connectwise)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(hello{CIPP: cippURL, Token: cippURL + cipp.TokenPath(), ConnectWise: connectwiseURL,
		PartnerTenant: source.PartnerTenant.CustomerID, ClientID: cipp.Options().ClientID, ClientSecret: cipp.Options().ClientSecret,
		Links: links, Products: products}); err != nil {
		return err
	}
	in := json.NewDecoder(os.Stdin)
	for {
		var o order
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var a account
		if o.Reset {
			cipp.ResetLog()
			connectwise.Forget()
			tape.take()
		} else {
			a = account{CIPP: cipp.Counts(), ConnectWise: connectwise.Counts(), Complaints: cipp.Complaints(), Answers: tape.take()}
			for _, w := range connectwise.Writes() {
				a.Writes = append(a.Writes, w.Method+" "+w.Path)
			}
		}
		tape.set(o.Record)
		if o.Seats > 0 {
			a.Error = buy(cipp, o.Seats)
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

// buy lets the first customers buy one seat of Business Premium, which is
// billed. Both of Microsoft's numbers rise, so that they agree. It returns
// what went wrong.
func buy(cipp *cippsim.Server, customers int) (missing string) {
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

// A recorder notes the bodies of answers while it is told to.
type recorder struct {
	mu      sync.Mutex
	on      bool
	answers []recording
}

func (t *recorder) set(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.on = on
}

func (t *recorder) take() []recording {
	t.mu.Lock()
	defer t.mu.Unlock()
	answers := t.answers
	t.answers = nil
	return answers
}

func (t *recorder) over(system string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.mu.Lock()
		on := t.on
		t.mu.Unlock()
		if !on {
			h.ServeHTTP(w, r)
			return
		}
		both := &teeWriter{ResponseWriter: w}
		h.ServeHTTP(both, r)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.answers = append(t.answers, recording{system, r.URL.Path, both.body.Bytes()})
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
	hello
	customers int
	process   *exec.Cmd
	in        io.WriteCloser
	orders    *json.Encoder
	accounts  *json.Decoder
}

func startSimulators(customers int) (*simulators, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &simulators{customers: customers, process: exec.Command(self, "-simulate", strconv.Itoa(customers))}
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
	if err := s.accounts.Decode(&s.hello); err != nil {
		s.close()
		return nil, fmt.Errorf("starting the simulators: %w", err)
	}
	return s, nil
}

func (s *simulators) close() {
	s.in.Close()
	_ = s.process.Wait()
}

// tell gives an order and returns the account of what came before it.
func (s *simulators) tell(o order) (a account, err error) {
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
func (a *account) calls() int {
	n := 0
	for _, c := range a.CIPP {
		n += c
	}
	for _, c := range a.ConnectWise {
		n += c
	}
	return n
}
