package control

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// as runs something as another user and group: one thread of this process
// becomes that user, and ends with it. Only root can; without it there is no
// other user to be.
func as(t *testing.T, uid, gid int, do func()) {
	t.Helper()
	done := make(chan string)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is of no further use
		if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
			done <- errno.Error()
			return
		}
		for _, call := range [][2]uintptr{{unix.SYS_SETRESGID, uintptr(gid)}, {unix.SYS_SETRESUID, uintptr(uid)}} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[1], call[1]); errno != 0 {
				done <- errno.Error()
				return
			}
		}
		do()
		done <- ""
	}()
	if problem := <-done; problem != "" {
		t.Fatal(problem)
	}
}

func TestStrangersAreRefusedOnBothSides(t *testing.T) {
	if os.Geteuid() != 0 {
		return // a table in peer_test.go holds the rule; nobody but root can be two users
	}
	dir := t.TempDir()
	os.Chmod(filepath.Dir(dir), 0o755) // else nobody else comes as far as the socket
	path := filepath.Join(dir, "s.sock")
	l, err := Listen(path, "65500")
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o660 {
		t.Errorf("the socket has mode %o, want 660", info.Mode().Perm())
	}
	os.Chmod(path, 0o666) // as if its mode did not keep anybody out
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, l, zerolog.Nop(), func(_ context.Context, _ Request, c *Console) int {
			fmt.Fprintf(c.Out, "%s %d", c.User, c.UID)
			return 7
		})
	}()
	daemon := Daemon{Path: path, Group: "65500"}
	for _, c := range []struct {
		name     string
		uid, gid int
		code     int
		out      string
	}{
		{"a stranger", 65501, 65501, 64, "takes commands from its own user, from root and from the group"},
		{"a member of the group", 65501, 65500, 7, "uid 65501 65501"},
	} {
		as(t, c.uid, c.gid, func() {
			var out strings.Builder
			conn, err := net.Dial("unix", path)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			code, err := call(t.Context(), conn, Request{}, &Console{Out: &out, Err: &out, Files: &Disk{}})
			if err != nil || code != c.code || !strings.Contains(out.String(), c.out) {
				t.Errorf("%s: got %d, %v, %q; want %d", c.name, code, err, out.String(), c.code)
			}
		})
	}
	if code, err := daemon.Call(ctx, Request{}, quiet()); code != 7 || err != nil {
		t.Errorf("root itself: got %d, %v", code, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	os.Chmod(dir, 0o777)
	var impostor *Listener
	as(t, 65501, 65501, func() {
		if impostor, err = Listen(path, ""); err != nil {
			t.Error(err)
		}
	})
	defer impostor.Close()
	_, err = Daemon{Path: path}.Call(t.Context(), Request{Args: []string{"map", "import", "/etc/shadow"}}, quiet())
	if err == nil || !strings.Contains(err.Error(), "uid 65501 is neither this one nor root") {
		t.Errorf("a daemon of a stranger: got %v", err)
	}
}
