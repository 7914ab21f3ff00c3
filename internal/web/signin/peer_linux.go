package signin

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// established is TCP_ESTABLISHED of the kernel, in hexadecimal as its tables write it.
const established = "01"

// userOf is the user whose process opened the other end of a TCP connection from this
// machine to itself, or -1 where the kernel does not tell.
//
// The kernel lists every socket with the user who opened it (proc_net_tcp(5)). A socket that its
// process closed is listed as root's until it is gone, and its addresses may be another's soon
// after. So the user counts only where the same open socket is listed before and after, and where our
// own end, looked at last, still has the other one.
func userOf(conn net.Conn) int {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return -1
	}
	here, err1 := netip.ParseAddrPort(tcp.LocalAddr().String())
	there, err2 := netip.ParseAddrPort(tcp.RemoteAddr().String())
	if err1 != nil || err2 != nil {
		return -1
	}
	first, ok := lookUp(there, here)
	if !ok {
		return -1
	}
	second, ok := lookUp(there, here)
	if !ok || first != second || !isEstablished(tcp) {
		return -1
	}
	return first.uid
}

// A listing is what the kernel's table says of an open socket.
type listing struct{ uid, inode int }

// lookUp finds the socket of a connection at the end that has the address local.
func lookUp(local, remote netip.AddrPort) (listing, bool) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // without IPv6 there is no such table
		}
		six := strings.HasSuffix(table, "6")
		if l, ok := find(text, spelled(local, six), spelled(remote, six)); ok {
			return l, true
		}
	}
	return listing{}, false
}

// find reads a table of the kernel for an established socket with both addresses. One without an inode
// has no process any more.
func find(table []byte, local, remote string) (listing, bool) {
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || f[1] != local || f[2] != remote || f[3] != established {
			continue
		}
		uid, err1 := strconv.Atoi(f[7])
		inode, err2 := strconv.Atoi(f[9])
		return listing{uid, inode}, err1 == nil && err2 == nil && inode != 0
	}
	return listing{}, false
}

// spelled is an address as the tables write it: words of 32 bits in the machine's order of bytes.
func spelled(a netip.AddrPort, six bool) string {
	ip := a.Addr().Unmap()
	bits := ip.AsSlice()
	if six {
		sixteen := ip.As16()
		bits = sixteen[:]
	}
	for i := 0; i < len(bits); i += 4 {
		binary.BigEndian.PutUint32(bits[i:], binary.NativeEndian.Uint32(bits[i:]))
	}
	return strings.ToUpper(hex.EncodeToString(bits)) + ":" + strings.ToUpper(hex.EncodeToString([]byte{byte(a.Port() >> 8), byte(a.Port())}))
}

// isEstablished reports whether the other end of a connection has neither closed nor reset it.
func isEstablished(conn syscall.Conn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		open = err == nil && info.State == unix.BPF_TCP_ESTABLISHED
	})
	return err == nil && open
}
