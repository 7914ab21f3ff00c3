package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// A Request is a command as typed, and the configuration that it was typed with.
type Request struct {
	Args []string `json:"args"`
	// File is the configuration file that the caller read, and Sum a digest of
	// its text: the daemon works with its own and says so where they differ.
	File string `json:"file,omitempty"`
	Sum  string `json:"sum,omitempty"`
}

// A Run carries a command out on the console of the other side, and returns
// its exit status.
type Run func(ctx context.Context, q Request, c *Console) int

// Serve runs commands that come in on l until ctx ends, then waits for those
// under way. A peer that is not trusted gets a refusal, which is logged.
func Serve(ctx context.Context, l *Listener, log zerolog.Logger, run Run) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("control socket: %w", err)
		}
		running.Go(func() {
			defer conn.Close()
			who, err := checkPeer(conn, l.allowed())
			if err != nil {
				log.Warn().Err(err).Msg("command refused")
				newWire(conn, nil).refuse("the daemon takes commands from its own user, from root and from the group in control; you are " + UserName(who.uid))
				hearOut(conn)
				return
			}
			serve(ctx, conn, who.uid, run)
		})
	}
}

// refuse ends a command before it begins.
func (w *wire) refuse(why string) {
	_ = w.send(frame{Kind: frameErr, Data: []byte("syncd: " + why + "\n")})
	_ = w.send(frame{Kind: frameExit, Code: 64})
}

// hearOut takes what a refused caller still sends, for a moment and not much of it:
// closed at once, the socket would break off their request, and they would hear of
// that instead of the refusal.
func hearOut(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, _ = io.CopyN(io.Discard, conn, 1<<20)
}

// A remoteConsole is the caller's console over the connection.
type remoteConsole struct {
	*wire
	asking  sync.Mutex // one question at a time
	replies chan frame
	done    <-chan struct{}
}

func serve(ctx context.Context, conn net.Conn, uid int, run Run) {
	w := newWire(conn, ctx.Done())
	stopClosing := context.AfterFunc(ctx, func() { conn.Close() })
	first, err := w.receive(firstFrameTimeout)
	if !stopClosing() || err != nil || first.Kind != frameRun {
		return
	}
	if first.Protocol != protocol || first.Request == nil {
		w.refuse("the daemon that runs is of another version; start it again")
		return
	}
	// A caller that does not read its output must not keep the daemon from stopping.
	hurry := context.AfterFunc(ctx, w.shortenDeadline)
	defer hurry()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f := &remoteConsole{wire: w, replies: make(chan frame), done: ctx.Done()}
	go w.keepAlive(ctx.Done())
	go func() {
		for {
			next, err := w.receive(commandTimeout)
			if err != nil {
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
	c := &Console{Out: stream{f, frameOut, cancel}, Err: stream{f, frameErr, cancel}, Files: f, Width: first.Width,
		Color: first.Color, Progress: first.Show, UID: uid, User: UserName(uid)}
	if first.Asks {
		c.Asker = func(question string) (string, error) {
			reply, err := f.ask(frame{Kind: frameAsk, Text: question}, nil)
			return string(reply), err
		}
	}
	_ = f.send(frame{Kind: frameAlive}) // the caller knows at once that the daemon answers
	code := run(ctx, *first.Request, c)
	_ = f.send(frame{Kind: frameExit, Code: code})
}

// ask sends a frame, with data where there is some, and waits for the answer.
func (f *remoteConsole) ask(x frame, data []byte) ([]byte, error) {
	f.asking.Lock()
	defer f.asking.Unlock()
	if err := f.sendAll(x, data); err != nil {
		return nil, err
	}
	var p transfer
	for {
		select {
		case reply := <-f.replies:
			if p.add(reply) {
				return p.data, p.err
			}
		case <-f.done:
			return nil, io.ErrUnexpectedEOF
		}
	}
}

func (f *remoteConsole) ReadFile(path string) ([]byte, error) {
	return f.ask(frame{Kind: frameRead, Text: path}, nil)
}

func (f *remoteConsole) WriteFile(path string, data []byte, force bool) error {
	if len(data) > maxFile { // the other end would refuse it as well, once it was sent
		return errTooLarge
	}
	_, err := f.ask(frame{Kind: frameWrite, Text: path, Force: force}, data)
	return err
}

type stream struct {
	*remoteConsole
	kind string
	lost context.CancelCauseFunc // ends the command where its output cannot be sent
}

func (s stream) Write(p []byte) (int, error) {
	if err := s.sendAll(frame{Kind: s.kind}, p); err != nil {
		s.lost(fmt.Errorf("the command's terminal takes no output: %w", err))
		return 0, err
	}
	return len(p), nil
}
