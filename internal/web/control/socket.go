package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// ErrNoDaemon says that nobody listens: the command may open the state itself.
var ErrNoDaemon = errors.New("no daemon is running")

// SocketPath is where the daemon that owns the state at path listens. It stands
// beside the state; where that would be longer than the system allows, it
// stands in the temporary directory under a name made from the path.
func SocketPath(state string) string {
	abs, err := filepath.Abs(state)
	if err != nil {
		abs = state
	}
	path := abs + ".sock"
	if len(path) <= 100 {
		return path
	}
	sum := sha256.Sum256([]byte(abs))
	return filepath.Join(os.TempDir(), "syncd-"+hex.EncodeToString(sum[:8])+".sock")
}

// The kinds of frames. The first four go to the daemon, the others come from it.
const (
	frameRun       = "run"
	frameReply     = "reply"
	frameInterrupt = "interrupt"
	frameOut       = "out"
	frameErr       = "err"
	frameRead      = "read"
	frameWrite     = "write"
	frameAsk       = "ask"
	frameExit      = "exit"
)

// A frame is one line of JSON on the socket.
type frame struct {
	Kind  string   `json:"kind"`
	Data  []byte   `json:"data,omitempty"`
	Text  string   `json:"text,omitempty"` // a path, a question, an answer or an error
	Args  []string `json:"args,omitempty"`
	Code  int      `json:"code,omitempty"`
	Width int      `json:"width,omitempty"`
	Color bool     `json:"color,omitempty"`
	Show  bool     `json:"show,omitempty"` // progress
	Asks  bool     `json:"asks,omitempty"` // can answer questions
	User  string   `json:"user,omitempty"`
	Force bool     `json:"force,omitempty"` // write over a file that is there
}

// Listen opens the daemon's socket with mode 0600, taking the place of a
// socket that a killed daemon left behind.
func Listen(path string) (net.Listener, error) {
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return nil, fmt.Errorf("control socket %s: another daemon listens there; stop it first", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	old := syscall.Umask(0o177) // the socket is never open to others, not even for a moment
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// Serve runs commands that come in on l until ctx ends, then waits for those
// under way. run gets the arguments and the console of the other side.
func Serve(ctx context.Context, l net.Listener, run func(ctx context.Context, args []string, c *Console) int) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var under sync.WaitGroup
	defer under.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("control socket: %w", err)
		}
		under.Go(func() {
			defer conn.Close()
			serve(ctx, conn, run)
		})
	}
}

// far is the other side of a connection as a console.
type far struct {
	mu      sync.Mutex // one frame at a time
	asking  sync.Mutex // one question at a time
	out     *json.Encoder
	replies chan frame
	gone    <-chan struct{}
}

func serve(ctx context.Context, conn net.Conn, run func(context.Context, []string, *Console) int) {
	in := json.NewDecoder(conn)
	var first frame
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if in.Decode(&first) != nil || first.Kind != frameRun {
		return
	}
	conn.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f := &far{out: json.NewEncoder(conn), replies: make(chan frame), gone: ctx.Done()}
	go func() {
		for {
			var next frame
			if err := in.Decode(&next); err != nil {
				cancel(errors.New("the command's terminal is gone"))
				return
			}
			switch next.Kind {
			case frameReply:
				select {
				case f.replies <- next:
				case <-ctx.Done():
					return
				}
			case frameInterrupt:
				cancel(errors.New("interrupted"))
			}
		}
	}()
	c := &Console{Out: stream{f, frameOut}, Err: stream{f, frameErr}, Files: f, Width: first.Width,
		Color: first.Color, Progress: first.Show, User: first.User}
	if first.Asks {
		c.Asker = func(question string) (string, error) {
			reply, err := f.ask(frame{Kind: frameAsk, Text: question})
			return string(reply.Data), err
		}
	}
	code := run(ctx, first.Args, c)
	f.send(frame{Kind: frameExit, Code: code})
}

func (f *far) send(x frame) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.out.Encode(x)
}

func (f *far) ask(x frame) (frame, error) {
	f.asking.Lock()
	defer f.asking.Unlock()
	if err := f.send(x); err != nil {
		return frame{}, err
	}
	select {
	case reply := <-f.replies:
		if reply.Text != "" {
			return reply, errors.New(reply.Text)
		}
		return reply, nil
	case <-f.gone:
		return frame{}, io.ErrUnexpectedEOF
	}
}

func (f *far) ReadFile(path string) ([]byte, error) {
	reply, err := f.ask(frame{Kind: frameRead, Text: path})
	return reply.Data, err
}

func (f *far) WriteFile(path string, data []byte, force bool) error {
	_, err := f.ask(frame{Kind: frameWrite, Text: path, Data: data, Force: force})
	return err
}

type stream struct {
	*far
	kind string
}

func (s stream) Write(p []byte) (int, error) {
	if err := s.send(frame{Kind: s.kind, Data: p}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Call runs a command in the daemon that listens at path, on console c, and
// returns its exit status. It is ErrNoDaemon where nobody listens.
func Call(ctx context.Context, path string, args []string, c *Console) (int, error) {
	conn, err := net.DialTimeout("unix", path, 2*time.Second)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return 0, ErrNoDaemon
		}
		if errors.Is(err, os.ErrPermission) {
			return 0, fmt.Errorf("the daemon's socket %s belongs to another user; run the command as that user", path)
		}
		return 0, fmt.Errorf("reaching the daemon: %w", err)
	}
	defer conn.Close()
	var mu sync.Mutex
	out := json.NewEncoder(conn)
	send := func(x frame) error {
		mu.Lock()
		defer mu.Unlock()
		return out.Encode(x)
	}
	if err := send(frame{Kind: frameRun, Args: args, Width: c.Width, Color: c.Color, Show: c.Progress, Asks: c.Asker != nil, User: c.User}); err != nil {
		return 0, fmt.Errorf("reaching the daemon: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { send(frame{Kind: frameInterrupt}) })
	defer stop()
	in := json.NewDecoder(conn)
	for {
		var x frame
		if err := in.Decode(&x); err != nil {
			return 0, fmt.Errorf("the daemon hung up in the middle of the command (%w); see its log, then look at syncd status", err)
		}
		switch x.Kind {
		case frameOut:
			c.Out.Write(x.Data)
		case frameErr:
			c.Err.Write(x.Data)
		case frameRead:
			data, err := c.Files.ReadFile(x.Text)
			err = send(reply(data, err))
			if err != nil {
				return 0, err
			}
		case frameWrite:
			if err := send(reply(nil, c.Files.WriteFile(x.Text, x.Data, x.Force))); err != nil {
				return 0, err
			}
		case frameAsk:
			answer, err := c.Ask(ctx, x.Text)
			if err := send(reply([]byte(answer), err)); err != nil {
				return 0, err
			}
		case frameExit:
			return x.Code, nil
		}
	}
}

func reply(data []byte, err error) frame {
	x := frame{Kind: frameReply, Data: data}
	if err != nil {
		x.Text = err.Error()
	}
	return x
}

// Listens reports whether a daemon answers at path.
func Listens(path string) bool {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
