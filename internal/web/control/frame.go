package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// protocol is the version of the frames. Both sides are one program as a rule;
// after an upgrade the daemon is the older one until it is started again.
const protocol = 2

// The kinds of frames. The first three go to the daemon, alive goes both ways,
// the others come from it.
const (
	frameRun       = "run"
	frameReply     = "reply"
	frameInterrupt = "interrupt"
	frameAlive     = "alive"
	frameOut       = "out"
	frameErr       = "err"
	frameRead      = "read"
	frameWrite     = "write"
	frameFolder    = "folder" // open it, for files that replace others
	frameFile      = "file"   // a part of one of them
	framePlace     = "place"  // put one in its place
	frameAsk       = "ask"
	frameExit      = "exit"
)

// A frame is one line of JSON on the socket. What is longer than a chunk
// travels in several, all but the last with More.
type frame struct {
	Kind     string   `json:"kind"`
	Protocol int      `json:"protocol,omitempty"`
	Request  *Request `json:"request,omitempty"`
	Data     []byte   `json:"data,omitempty"`
	More     bool     `json:"more,omitempty"`
	Text     string   `json:"text,omitempty"`  // a path, a question or an error
	Force    bool     `json:"force,omitempty"` // write over a file that is there
	Code     int      `json:"code,omitempty"`
	Width    int      `json:"width,omitempty"`
	Color    bool     `json:"color,omitempty"`
	Show     bool     `json:"show,omitempty"` // progress
	Asks     bool     `json:"asks,omitempty"` // can answer questions
}

// Limits of what the other side may send, and of how long it may send nothing.
const (
	maxFrame = 1 << 20
	chunk    = 128 << 10 // of data in one frame

	keepAliveInterval = 3 * time.Second  // how often each side says that it is alive
	firstFrameTimeout = 10 * time.Second // until the first frame
	daemonTimeout     = 20 * time.Second // then the daemon is frozen
	commandTimeout    = 2 * time.Minute  // then the command's process is
	writeTimeout      = time.Minute      // for the other side to take a frame
	stopTimeout       = 5 * time.Second  // the same while the daemon stops
)

// A wire sends and receives frames over a connection. Many goroutines may send; one
// receives.
type wire struct {
	conn net.Conn
	in   *bufio.Scanner

	sending  chan struct{} // held by the one who sends: one frame at a time
	stopping <-chan struct{}
}

// newWire makes a wire whose sends get a short deadline once stopping is closed; it may be
// nil.
func newWire(conn net.Conn, stopping <-chan struct{}) *wire {
	in := bufio.NewScanner(conn)
	in.Buffer(make([]byte, 0, 4<<10), maxFrame)
	return &wire{conn: conn, in: in, sending: make(chan struct{}, 1), stopping: stopping}
}

func (w *wire) send(x frame) error {
	line, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if len(line) >= maxFrame {
		return fmt.Errorf("%d KiB are too much for one command line", len(line)>>10)
	}
	w.sending <- struct{}{}
	defer func() { <-w.sending }()
	w.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	select {
	case <-w.stopping:
		w.shortenDeadline()
	default: // a later shortenDeadline replaces the deadline
	}
	_, err = w.conn.Write(append(line, '\n'))
	return err
}

// shortenDeadline limits the send under way to stopTimeout.
func (w *wire) shortenDeadline() { w.conn.SetWriteDeadline(time.Now().Add(stopTimeout)) }

// sendAll sends data in as many frames as it takes, the first of them x.
func (w *wire) sendAll(x frame, data []byte) error {
	for {
		n := min(len(data), chunk)
		x.Data, x.More, data = data[:n], n < len(data), data[n:]
		if err := w.send(x); err != nil || !x.More {
			return err
		}
		x = frame{Kind: x.Kind, Text: x.Text, Force: x.Force}
	}
}

// receive returns the next frame, which must come within a time.
func (w *wire) receive(within time.Duration) (frame, error) {
	w.conn.SetReadDeadline(time.Now().Add(within))
	var x frame
	whole := w.in.Scan()
	switch err := w.in.Err(); {
	case err != nil: // even where Scan gives what came of a line before it broke off
		return x, err
	case !whole:
		return x, io.EOF
	}
	return x, json.Unmarshal(w.in.Bytes(), &x)
}

// keepAlive sends a frame at intervals until done is closed.
func (w *wire) keepAlive(done <-chan struct{}) {
	tick := time.NewTicker(keepAliveInterval)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if w.send(frame{Kind: frameAlive}) != nil {
				return
			}
		}
	}
}

// A transfer collects the frames of one file.
type transfer struct {
	data []byte
	err  error
}

var errTooLarge = fmt.Errorf("the file is larger than %d MiB", maxFile>>20)

// add takes one frame, and reports whether it was the last.
func (p *transfer) add(x frame) (last bool) {
	switch {
	case x.Text != "" && x.Kind == frameReply:
		p.err = errors.New(x.Text)
	case len(p.data)+len(x.Data) > maxFile:
		p.data, p.err = nil, errTooLarge
	case p.err == nil:
		p.data = append(p.data, x.Data...)
	}
	return !x.More
}
