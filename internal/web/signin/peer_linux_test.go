package signin

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// told serves a gate that nobody signs in to, and sends the users that it takes requests for.
func told(t *testing.T, network, address string) (string, <-chan int) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	users := make(chan int, 1000)
	s := &httptest.Server{Listener: l, Config: &http.Server{ConnContext: ConnContext, Handler: gate(t, Options{Mode: None}).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, _ := Of(r.Context())
		users <- id.UID
	}))}}
	s.Start()
	t.Cleanup(s.Close)
	return l.Addr().String(), users
}

// as does something in a thread that is another user's, which only root can have.
func as(t *testing.T, uid int, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is of no further use
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			done <- errno
			return
		}
		do()
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestTheKernelSaysWhoseAConnectionIs(t *testing.T) {
	listeners := []struct{ network, address, dial string }{{"tcp4", "127.0.0.1:0", "tcp4"}}
	if l, err := net.Listen("tcp6", "[::1]:0"); err == nil { // else this machine has no IPv6
		l.Close()
		listeners = append(listeners, []struct{ network, address, dial string }{
			{"tcp6", "[::1]:0", "tcp6"},
			{"tcp", "[::]:0", "tcp4"}, // an address of four that comes in by six
		}...)
	}
	for _, c := range listeners {
		address, users := told(t, c.network, c.address)
		if strings.HasPrefix(address, "[::]") {
			address = strings.Replace(address, "[::]", "127.0.0.1", 1)
		}
		ask := func() {
			conn, err := net.Dial(c.dial, address)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for range 2 { // the second on the same connection
				fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
				if _, err := conn.Read(make([]byte, 1024)); err != nil {
					t.Error(err)
				}
			}
		}
		ask()
		if a, b := <-users, <-users; a != os.Geteuid() || b != a {
			t.Errorf("%s: got %d and %d, want %d", c.address, a, b, os.Geteuid())
		}
		if os.Geteuid() != 0 {
			continue // nobody but root can be two users
		}
		as(t, 65501, ask)
		if a, b := <-users, <-users; a != 65501 || b != a {
			t.Errorf("%s: got %d and %d, want 65501", c.address, a, b)
		}
	}
}

// Of a socket whose process is gone the kernel says that it is root's.
func TestWhoHangsUpIsNotRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		return // nobody but root can be two users
	}
	address, users := told(t, "tcp4", "127.0.0.1:0")
	as(t, 65501, func() {
		for i := range 300 {
			conn, err := net.Dial("tcp4", address)
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintf(conn, "POST /holds/x/approve HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
			switch i % 3 {
			case 0:
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
			case 1:
				_ = conn.(*net.TCPConn).SetLinger(0) // a reset
			}
			conn.Close()
		}
	})
	for range len(users) {
		if uid := <-users; uid != -1 && uid != 65501 {
			t.Fatalf("a request of user 65501 is taken for one of %d", uid)
		}
	}
}

func TestTheKernelsTable(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:24F8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 100 0 0 10 0
   1: 0100007F:9C40 0100007F:24F8 01 00000000:00000000 00:00000000 00000000  1000        0 77 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:9C41 0100007F:24F8 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:9C42 0100007F:24F8 05 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20 4 30 10 -1
   4: 0100007F:9C43 0100007F:24F8 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0000000000000000
   5: 0100007F:24F8 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 78 1 0000000000000000 20 4 30 10 -1
   6: broken
`
	server := spelledLittle("127.0.0.1:9464")
	for _, c := range []struct {
		name, client string
		want         listing
		ok           bool
	}{
		{"open", "127.0.0.1:40000", listing{1000, 77}, true},
		{"without a process", "127.0.0.1:40001", listing{}, false},
		{"closing", "127.0.0.1:40002", listing{}, false},
		{"waiting for its end", "127.0.0.1:40003", listing{}, false},
		{"not there", "127.0.0.1:40004", listing{}, false},
		{"another address", "127.0.0.2:40000", listing{}, false},
	} {
		got, ok := find([]byte(table), spelledLittle(c.client), server)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: got %+v, %v", c.name, got, ok)
		}
	}
	if got := spelled(netip.MustParseAddrPort("[::1]:9464"), true); got != "00000000000000000000000001000000:24F8" && got != "00000000000000000000000000000001:24F8" {
		t.Errorf("got %s", got)
	}
}

// spelledLittle is an address of four as a machine writes it whose lowest byte is the first.
func spelledLittle(text string) string {
	a := netip.MustParseAddrPort(text)
	b := a.Addr().As4()
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", b[3], b[2], b[1], b[0], a.Port())
}

func TestWithoutAConnectionNobodyIsKnown(t *testing.T) {
	w := over(gate(t, Options{Mode: None}).Handler(inside), "GET", "/", "")
	var id Identity
	if err := json.Unmarshal(w.Body.Bytes(), &id); err != nil || id.UID != -1 {
		t.Errorf("got %+v, %v", id, err)
	}
	one, other := net.Pipe()
	defer one.Close()
	defer other.Close()
	if uid := userOf(one); uid != -1 {
		t.Errorf("got %d", uid)
	}
}
