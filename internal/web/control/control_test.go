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

	"github.com/rs/zerolog"
)

func listen(t *testing.T, run func(context.Context, []string, *Console) int) Daemon {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.sock")
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, l, zerolog.Nop(), func(ctx context.Context, q Request, c *Console) int { return run(ctx, q.Args, c) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return Daemon{Path: path}
}

func TestACommandRunsInTheDaemonWithTheCallersTerminalAndFiles(t *testing.T) {
	daemon := listen(t, func(ctx context.Context, args []string, c *Console) int {
		data, err := c.Files.ReadFile(args[1])
		if err != nil {
			fmt.Fprintln(c.Err, err)
			return 64
		}
		answer, err := c.Ask(ctx, "sure? ")
		if err != nil {
			return 65
		}
		if err := c.Files.WriteFile(args[2], bytes.ToUpper(data), false); err != nil {
			return 66
		}
		fmt.Fprintf(c.Out, "%s %d said %s\n", c.User, c.UID, answer)
		return 3
	})
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	os.WriteFile(in, []byte("table"), 0o600)
	var stdout, stderr bytes.Buffer
	c := &Console{Out: &stdout, Err: &stderr, Files: &Disk{}, UID: 4242, User: "ada", Asker: func(string) (string, error) { return "yes\n", nil }}
	code, err := daemon.Call(t.Context(), Request{Args: []string{"map", in, out}}, c)
	if err != nil || code != 3 || stdout.String() != fmt.Sprintf("%s %d said yes\n", UserName(os.Getuid()), os.Getuid()) { // the kernel's word, not the caller's
		t.Errorf("got %d, %v, %q; want 3 and the answer", code, err, stdout.String())
	}
	if got, _ := os.ReadFile(out); string(got) != "TABLE" {
		t.Errorf("the file holds %q", got)
	}
	code, err = daemon.Call(t.Context(), Request{Args: []string{"map", filepath.Join(dir, "absent"), out}}, c)
	if err != nil || code != 64 || !strings.Contains(stderr.String(), "no such file") {
		t.Errorf("got %d, %v, %q; want 64 and the file's error", code, err, stderr.String())
	}
}

func TestAnInterruptReachesTheCommandInTheDaemon(t *testing.T) {
	started := make(chan struct{})
	daemon := listen(t, func(ctx context.Context, args []string, c *Console) int {
		close(started)
		<-ctx.Done()
		fmt.Fprint(c.Out, context.Cause(ctx))
		return 1
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	var out bytes.Buffer
	code, err := daemon.Call(ctx, Request{Args: []string{"apply"}}, &Console{Out: &out, Err: &out, Files: &Disk{}})
	if err != nil || code != 1 || out.String() != "interrupted" {
		t.Errorf("got %d, %v, %q; want an interrupted command", code, err, out.String())
	}
}

func TestNobodyListensIsToldApart(t *testing.T) {
	dir := t.TempDir()
	if _, err := (Daemon{Path: filepath.Join(dir, "none.sock")}).Call(t.Context(), Request{}, &Console{}); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("no socket: got %v, want ErrNoDaemon", err)
	}
	path := filepath.Join(dir, "left.sock")
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(path)
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("the socket has mode %o, want 600", got)
	}
	if _, err := Listen(path, ""); err == nil || !strings.Contains(err.Error(), "another daemon") {
		t.Errorf("two daemons: got %v", err)
	}
	l.Close()
	os.WriteFile(path, nil, 0o600) // what a killed daemon may leave
	again, err := Listen(path, "")
	if err != nil {
		t.Fatalf("a socket left behind: %v", err)
	}
	again.Close()
}

func TestALongPathGetsASocketInAPrivateFolder(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	state := filepath.Join(t.TempDir(), strings.Repeat("long", 30), "syncd.db")
	os.MkdirAll(filepath.Dir(state), 0o700)
	path := SocketPath(state)
	serve := func() *Listener {
		t.Helper()
		l, err := Listen(path, "")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	serve().Listener.Close() // killed: nobody tidies up
	l := serve()
	folders, _ := os.ReadDir(temp)
	if len(folders) != 1 {
		t.Fatalf("%d folders in the temporary one, want that of the daemon that runs", len(folders))
	}
	if info, _ := folders[0].Info(); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %o, want 700", info.Mode().Perm())
	}
	if !(Daemon{Path: path}).Listens() {
		t.Error("the daemon is not found")
	}
	l.Close()
	if left, _ := os.ReadDir(temp); len(left) != 0 {
		t.Errorf("%s is left behind", left[0].Name())
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the link is left behind")
	}
}

func TestCtrlCEndsAQuestion(t *testing.T) {
	daemon := listen(t, func(ctx context.Context, _ []string, c *Console) int {
		if _, err := c.Ask(ctx, "sure? "); err == nil {
			return 0
		}
		return 130
	})
	ctx, interrupt := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	c := &Console{Out: io.Discard, Err: io.Discard, Files: &Disk{}, Asker: func(string) (string, error) {
		interrupt()
		<-never // a terminal hears nothing but the Enter key
		return "", nil
	}}
	if code, err := daemon.Call(ctx, Request{Args: []string{"demo"}}, c); err != nil || code != 130 {
		t.Errorf("got %d, %v; want the command to end", code, err)
	}
}

// A caller may write anything into its frames; who it is stays what the kernel says.
func TestAForgedFrameIsStillItsSendersOwn(t *testing.T) {
	daemon := listen(t, func(_ context.Context, args []string, c *Console) int {
		fmt.Fprintf(c.Out, "%s %d %s", c.User, c.UID, strings.Join(args, " "))
		return 0
	})
	t.Setenv("USER", "olga")
	t.Setenv("LOGNAME", "olga")
	for _, claims := range []string{
		`"user":"olga","uid":4242,"request":{"args":["approve","--by","olga"],"user":"olga","uid":4242}`,
		`"User":"olga","UID":0,"Request":{"args":["approve","--by","olga"],"Console":{"User":"olga","UID":0}}`,
		`"who":"olga","request":{"args":["approve","--by","olga"],"how":"login olga","by":"olga"}`,
	} {
		conn, err := net.Dial("unix", daemon.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		w := newWire(conn, nil)
		fmt.Fprintf(conn, `{"kind":"run","protocol":%d,%s}`+"\n", protocol, claims)
		var out strings.Builder
		for {
			x, err := w.receive(firstFrameTimeout)
			if err != nil || x.Kind == frameExit {
				break
			}
			out.Write(x.Data)
		}
		if want := fmt.Sprintf("%s %d approve --by olga", UserName(os.Getuid()), os.Getuid()); out.String() != want {
			t.Errorf("%s: got %q, want %q", claims, out.String(), want)
		}
	}
}
