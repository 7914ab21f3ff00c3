package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrNoDaemon says that no daemon listens: the command may open the state itself.
var ErrNoDaemon = errors.New("no daemon is running")

// A Daemon is the address of one.
type Daemon struct {
	Path  string // see SocketPath
	Group string // whose members may run it and send it commands, besides its user and root
}

// Listens reports whether a daemon answers.
func (d Daemon) Listens() bool {
	conn, err := d.dial()
	if conn != nil {
		conn.Close()
	}
	return !errors.Is(err, ErrNoDaemon)
}

// dial connects to a daemon that may be trusted.
func (d Daemon) dial() (net.Conn, error) {
	group, err := groupID(d.Group)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("unix", address(d.Path), 2*time.Second)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, ErrNoDaemon
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("the daemon's socket %s belongs to another user; run the command as that user, or name a group that may use it in control", d.Path)
	case err != nil:
		return nil, fmt.Errorf("reaching the daemon: %w", err)
	}
	if _, err := checkPeer(conn, group); err != nil {
		conn.Close()
		if s, ok := errors.AsType[*untrustedPeer](err); ok {
			return nil, fmt.Errorf("not sent to the daemon at %s: %w; run the command as %s if that is syncd's own user", d.Path, s, UserName(s.uid))
		}
		return nil, err
	}
	return conn, nil
}

// Call runs a command in the daemon, on console c, and returns its exit status.
// It is ErrNoDaemon where no daemon listens.
func (d Daemon) Call(ctx context.Context, q Request, c *Console) (int, error) {
	conn, err := d.dial()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return call(ctx, conn, q, c)
}

func call(ctx context.Context, conn net.Conn, q Request, c *Console) (int, error) {
	w := newWire(conn, nil)
	if err := w.send(frame{Kind: frameRun, Protocol: protocol, Request: &q, Width: c.Width, Color: c.Color, Show: c.Progress, Asks: c.Asker != nil}); err != nil {
		return 0, fmt.Errorf("reaching the daemon: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		if ctx.Err() == context.DeadlineExceeded { // the caller does not wait for the daemon's answer
			conn.Close()
			return
		}
		_ = w.send(frame{Kind: frameInterrupt})
	})
	defer stop()
	ended := make(chan struct{})
	defer close(ended)
	go w.keepAlive(ended)
	box := newInbox()
	defer box.end(nil)
	go box.fill(w)
	var written transfer
	var folder openFolder
	defer folder.discard()
	for {
		x, err := box.take()
		if err != nil {
			return 0, connectionLost(err)
		}
		switch x.Kind {
		case frameOut:
			if _, err := c.Out.Write(x.Data); err != nil {
				return 0, fmt.Errorf("printing the output: %w", err)
			}
		case frameErr:
			_, _ = c.Err.Write(x.Data)
		case frameRead:
			if !namesFile(q.Args, x.Text) {
				return 0, fileNotNamed("read", x.Text)
			}
			data, err := c.Files.ReadFile(x.Text)
			if err := w.reply(data, err); err != nil {
				return 0, connectionLost(err)
			}
		case frameWrite:
			if !namesFile(q.Args, x.Text) && !namesFolder(q.Args, x.Text) {
				return 0, fileNotNamed("write", x.Text)
			}
			if !written.add(x) {
				continue
			}
			err := written.err
			if err == nil {
				err = c.Files.WriteFile(x.Text, written.data, x.Force && hasForce(q.Args))
			}
			written = transfer{}
			if err := w.reply(nil, err); err != nil {
				return 0, connectionLost(err)
			}
		case frameFolder:
			if !namesDataSet(q.Args, x.Text) {
				return 0, fileNotNamed("write into", x.Text)
			}
			if err := w.reply(nil, folder.open(c, x.Text)); err != nil {
				return 0, connectionLost(err)
			}
		case frameFile:
			if !folder.has(x.Text) {
				return 0, fileNotNamed("write", x.Text)
			}
			last, err := folder.take(x)
			if !last {
				continue
			}
			if err := w.reply(nil, err); err != nil {
				return 0, connectionLost(err)
			}
		case framePlace:
			if !folder.has(x.Text) {
				return 0, fileNotNamed("write", x.Text)
			}
			if err := w.reply(nil, folder.Commit([]string{x.Text})); err != nil {
				return 0, connectionLost(err)
			}
		case frameAsk:
			answer, err := c.Ask(ctx, x.Text)
			// A command that was interrupted meanwhile waits for no answer: what it said last is in the
			// inbox, or else why nothing more comes.
			_ = w.reply([]byte(answer), err)
		case frameExit:
			return x.Code, nil
		}
	}
}

func (w *wire) reply(data []byte, err error) error {
	x := frame{Kind: frameReply}
	if err != nil {
		x.Text, data = err.Error(), nil
	}
	return w.sendAll(x, data)
}

func connectionLost(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the daemon says nothing any more: it hangs or was stopped; look at its process and its log, then at syncd status")
	}
	return fmt.Errorf("the daemon hung up in the middle of the command (%w); see its log, then look at syncd status", err)
}

func fileNotNamed(what, path string) error {
	return fmt.Errorf("the daemon wanted to %s %s, which the command does not name; it was not let, and the command ended", what, path)
}

// namesFile reports whether a command line names a file: as an argument, as a
// flag's value, or after an @.
func namesFile(args []string, path string) bool {
	for _, arg := range args {
		if arg == path || arg == "@"+path {
			return true
		}
		if flag, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(flag, "-") && (value == path || value == "@"+path) {
			return true
		}
	}
	return false
}

// monthFile is how the files of report month are called.
var monthFile = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[a-z0-9-]+\.(json|html|xlsx|txt)$`)

// namesFolder reports whether a command line of report month names the folder of a file
// of such a name.
func namesFolder(args []string, path string) bool {
	folder, name := filepath.Split(path)
	if !slices.Contains(args, "month") || !monthFile.MatchString(name) {
		return false
	}
	for i, arg := range args {
		named, ok := strings.CutPrefix(arg, "--out=")
		if arg == "--out" && i+1 < len(args) {
			named, ok = args[i+1], true
		}
		if ok && filepath.Clean(named) == filepath.Clean(folder) {
			return true
		}
	}
	return false
}

// hasForce reports whether a command line has --force.
func hasForce(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		value, ok := strings.CutPrefix(arg, "--force=")
		yes, _ := strconv.ParseBool(value)
		return arg == "--force" || ok && yes
	})
}

// maxBuffered is how many bytes of the daemon's output are buffered for a slow reader, such
// as a pager, before the daemon must wait.
const maxBuffered = 64 << 20

// An inbox buffers the daemon's frames, so that the daemon need not wait for a slow
// reader.
type inbox struct {
	mu      sync.Mutex
	changed *sync.Cond
	frames  []frame
	bytes   int
	closed  bool
	err     error // why nothing more comes
}

func newInbox() *inbox {
	b := &inbox{}
	b.changed = sync.NewCond(&b.mu)
	return b
}

// fill reads frames from the wire until an error.
func (b *inbox) fill(w *wire) {
	within := firstFrameTimeout
	for {
		x, err := w.receive(within)
		if err != nil {
			b.end(err)
			return
		}
		within = daemonTimeout
		if x.Kind == frameAlive {
			continue
		}
		b.mu.Lock()
		for b.bytes > maxBuffered && !b.closed {
			b.changed.Wait()
		}
		b.frames, b.bytes = append(b.frames, x), b.bytes+len(x.Data)
		b.changed.Broadcast()
		b.mu.Unlock()
	}
}

// end closes the inbox: no more frames come, or none are taken.
func (b *inbox) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.err = true, err
	b.changed.Broadcast()
}

// take returns the next frame; the error comes after the last one.
func (b *inbox) take() (frame, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.frames) == 0 && !b.closed {
		b.changed.Wait()
	}
	if len(b.frames) == 0 {
		return frame{}, b.err
	}
	x := b.frames[0]
	b.frames, b.bytes = b.frames[1:], b.bytes-len(x.Data)
	b.changed.Broadcast()
	return x, nil
}
