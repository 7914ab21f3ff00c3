package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// quiet is a console that nobody looks at.
func quiet() *Console { return &Console{Out: io.Discard, Err: io.Discard, Files: &Disk{}} }

func TestAFrozenDaemonDoesNotHangTheCaller(t *testing.T) {
	for name, daemon := range map[string]func(net.Conn){
		"from the start": func(net.Conn) {},
		"in the middle of a line": func(conn net.Conn) {
			w := newWire(conn, nil)
			w.send(frame{Kind: frameAlive})
			conn.Write([]byte(`{"kind":"out"`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				go func() {
					go io.Copy(io.Discard, there) // the kernel's buffer
					daemon(there)
				}()
				started := time.Now()
				_, err := call(t.Context(), here, Request{Args: []string{"status"}}, quiet())
				here.Close()
				if err == nil || !strings.Contains(err.Error(), "says nothing any more") || time.Since(started) > time.Minute {
					t.Errorf("got %v after %s", err, time.Since(started))
				}
			})
		})
	}
}

func TestADaemonThatWorksForHoursIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		go serve(t.Context(), there, 1000, func(context.Context, Request, *Console) int {
			time.Sleep(3 * time.Hour)
			return 3
		})
		if code, err := call(t.Context(), here, Request{}, quiet()); code != 3 || err != nil {
			t.Errorf("got %d, %v; want 3", code, err)
		}
		here.Close()
	})
}

func TestWhatEndsACommandOfTheDaemon(t *testing.T) {
	for _, c := range []struct {
		name    string
		command func(context.Context, *Console)
		client  func(w *wire, stop func()) // after its request
		most    time.Duration
	}{
		{"a terminal that is frozen", func(ctx context.Context, _ *Console) { <-ctx.Done() }, func(*wire, func()) {}, commandTimeout + time.Second},
		{"output that nobody takes", func(ctx context.Context, c *Console) {
			for ctx.Err() == nil {
				c.Out.Write(make([]byte, 1000))
			}
		}, func(w *wire, _ func()) { go w.keepAlive(w.stopping) }, writeTimeout + time.Second},
		{"output that nobody takes while the daemon stops", func(ctx context.Context, c *Console) {
			for {
				if _, err := c.Out.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}, func(w *wire, stop func()) { go w.keepAlive(w.stopping); stop() }, stopTimeout + time.Second},
		{"a frame without end", func(ctx context.Context, _ *Console) { <-ctx.Done() }, func(w *wire, _ func()) {
			w.conn.Write(bytes.Repeat([]byte("x"), 2*maxFrame))
		}, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				ended := make(chan struct{})
				var took time.Duration
				go func() {
					defer close(ended)
					started := time.Now()
					serve(ctx, there, 1000, func(ctx context.Context, _ Request, con *Console) int {
						c.command(ctx, con)
						took = time.Since(started)
						return 0
					})
				}()
				w := newWire(here, t.Context().Done())
				w.send(frame{Kind: frameRun, Protocol: protocol, Request: &Request{}})
				w.receive(time.Minute) // that it is heard
				c.client(w, stop)
				time.Sleep(c.most)
				synctest.Wait()
				select {
				case <-ended:
				default:
					if took == 0 {
						t.Errorf("the command still runs after %s", c.most)
					}
				}
				here.Close()
				<-ended
			})
		})
	}
}

func TestAPagerKeepsNobodyWaiting(t *testing.T) {
	text := strings.Repeat("a line of the journal\n", 200_000)
	printed := make(chan struct{})
	daemon := listen(t, func(_ context.Context, _ []string, c *Console) int {
		fmt.Fprint(c.Out, text)
		close(printed)
		return 0
	})
	read, write := io.Pipe()
	go daemon.Call(t.Context(), Request{Args: []string{"history"}}, &Console{Out: write, Err: io.Discard, Files: &Disk{}})
	<-printed // although nobody read a line of it
	got := make([]byte, len(text))
	if _, err := io.ReadFull(read, got); err != nil || string(got) != text {
		t.Errorf("the reader got %d bytes, %v; want all %d", len(got), err, len(text))
	}
}

func TestOnlyFilesThatTheCommandNamesAreTouched(t *testing.T) {
	dir := t.TempDir()
	private := filepath.Join(dir, "private")
	os.WriteFile(private, []byte("mine"), 0o600)
	for _, c := range []struct {
		name string
		args []string
		ok   bool
	}{
		{"named", []string{"map", "import", private}, true},
		{"a flag's value", []string{"report", "--out", private}, true},
		{"a flag with its value", []string{"report", "--out=" + private}, true},
		{"a body", []string{"cipp", "call", "X", "--data", "@" + private}, true},
		{"not named", []string{"status"}, false},
		{"another name that ends like it", []string{"map", "import", "x" + private}, false},
		{"its folder", []string{"map", "import", dir}, false},
	} {
		for _, what := range []string{"read", "write"} {
			daemon := listen(t, func(ctx context.Context, _ []string, c *Console) int {
				data, err := []byte(nil), error(nil)
				if what == "read" {
					data, err = c.Files.ReadFile(private)
				} else {
					err = c.Files.WriteFile(private, []byte("theirs"), true)
				}
				if err != nil {
					return 1
				}
				return min(len(data), 1)
			})
			os.WriteFile(private, []byte("mine"), 0o600)
			_, err := daemon.Call(t.Context(), Request{Args: append(c.args, "--force")}, quiet())
			if c.ok != (err == nil) {
				t.Errorf("%s, %s: got %v", c.name, what, err)
			}
			if got, _ := os.ReadFile(private); (string(got) == "theirs") != (c.ok && what == "write") {
				t.Errorf("%s, %s: the file holds %q", c.name, what, got)
			}
		}
	}
}

func TestLargeFilesTravelWhole(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	want := bytes.Repeat([]byte("0123456789"), 300_000)
	os.WriteFile(in, want, 0o600)
	daemon := listen(t, func(_ context.Context, args []string, c *Console) int {
		data, err := c.Files.ReadFile(args[0])
		if err != nil {
			return 1
		}
		if err := c.Files.WriteFile(args[1], append(data, '!'), false); err != nil {
			return 2
		}
		if err := c.Files.WriteFile(args[1], make([]byte, maxFile+1), true); err == nil || !strings.Contains(err.Error(), "larger than") {
			return 3
		}
		return 0
	})
	if code, err := daemon.Call(t.Context(), Request{Args: []string{in, out}}, quiet()); code != 0 || err != nil {
		t.Fatalf("got %d, %v", code, err)
	}
	if got, _ := os.ReadFile(out); string(got) != string(want)+"!" {
		t.Errorf("%d bytes arrived, want %d", len(got), len(want)+1)
	}
}

// The other end sends as much as it likes.
func TestNoMoreOfAFileIsTakenThanMayBeKept(t *testing.T) {
	var p transfer
	for range maxFile / chunk {
		p.add(frame{Data: make([]byte, chunk), More: true})
	}
	if p.err != nil || len(p.data) != maxFile {
		t.Fatalf("got %d bytes, %v, want %d", len(p.data), p.err, maxFile)
	}
	if last := p.add(frame{Data: []byte("!")}); !last || !errors.Is(p.err, errTooLarge) || p.data != nil {
		t.Errorf("got %d bytes, %v, last %t, want none of it", len(p.data), p.err, last)
	}
}

func TestAnotherVersionIsToldToBeStartedAgain(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go serve(t.Context(), there, 1000, func(context.Context, Request, *Console) int { return 0 })
	w := newWire(here, nil)
	w.send(frame{Kind: frameRun})
	x, err := w.receive(time.Minute)
	if err != nil || !strings.Contains(string(x.Data), "another version") {
		t.Errorf("got %q, %v", x.Data, err)
	}
}

func TestWhatCannotBePrintedIsNoSuccess(t *testing.T) {
	daemon := listen(t, func(_ context.Context, _ []string, c *Console) int { fmt.Fprint(c.Out, "x"); return 0 })
	full := &Console{Out: broken{}, Err: io.Discard, Files: &Disk{}}
	if _, err := daemon.Call(t.Context(), Request{}, full); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("got %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// Whatever a caller sends, the daemon ends its command and takes nobody for somebody else.
func FuzzWhatACallerSends(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"run","protocol":2,"request":{"args":["status"]}}` + "\n",
		`{"kind":"run","protocol":2,"uid":0,"user":"root","request":{"args":["approve"],"uid":0}}` + "\n" + `{"kind":"interrupt"}` + "\n",
		`{"kind":"reply","data":"AA==","more":true}` + "\n" + `{"kind":"run"` + "\n",
		"{}\n\x00\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		here, there := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer there.Close()
			serve(t.Context(), there, 4242, func(ctx context.Context, _ Request, c *Console) int {
				if c.UID != 4242 || c.User != UserName(4242) {
					t.Errorf("taken for %s (%d)", c.User, c.UID)
				}
				_, _ = c.Files.ReadFile("table.csv")
				return 0
			})
		}()
		go io.Copy(io.Discard, here)
		_, _ = here.Write(sent)
		here.Close()
		<-ended
	})
}
