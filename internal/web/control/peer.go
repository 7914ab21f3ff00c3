package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
)

// A peer is the user at the other end of a socket, as the kernel reports it.
type peer struct {
	uid    int
	groups []int // all that the process is in
}

// trusted reports whether a peer may use the socket: this process's own user, root, or a
// member of the group.
func (p peer) trusted(self, group int) bool {
	return p.uid == self || p.uid == 0 || group != noGroup && slices.Contains(p.groups, group)
}

// peerOf returns the peer of a connection.
func peerOf(conn net.Conn) (p peer, err error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return p, errors.New("no unix socket")
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return p, err
	}
	if cerr := raw.Control(func(fd uintptr) { p, err = credentials(int(fd)) }); cerr != nil {
		err = cerr
	}
	if err != nil {
		return p, fmt.Errorf("who is at the other end of the control socket: %w", err)
	}
	return p, nil
}

// checkPeer returns the peer, and an error where it is not trusted.
func checkPeer(conn net.Conn, group int) (peer, error) {
	p, err := peerOf(conn)
	if err == nil && !p.trusted(os.Geteuid(), group) {
		err = &untrustedPeer{p}
	}
	return p, err
}

// An untrustedPeer is the error that the peer may not use the socket.
type untrustedPeer struct{ peer }

func (s *untrustedPeer) Error() string {
	return fmt.Sprintf("user %s is neither this one nor root nor in the group that control.group names", UserName(s.uid))
}
