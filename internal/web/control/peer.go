package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
)

// A peer is who is at the other end of a socket, by the kernel's word.
type peer struct {
	uid    int
	groups []int // all that the process is in
}

// trusts reports whether this process deals with a peer: its own user, root, or
// a member of the group that may use the socket.
func (p peer) trusted(self, group int) bool {
	return p.uid == self || p.uid == 0 || group != nobody && slices.Contains(p.groups, group)
}

// peerOf asks the kernel who is at the other end.
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

// checkPeer returns the peer where it may be trusted.
func checkPeer(conn net.Conn, group int) (peer, error) {
	p, err := peerOf(conn)
	if err == nil && !p.trusted(os.Geteuid(), group) {
		err = &stranger{p}
	}
	return p, err
}

// A stranger is a peer that is not trusted.
type stranger struct{ peer }

func (s *stranger) Error() string {
	return fmt.Sprintf("user %s is neither this one nor root nor in the group that control.group names", userName(s.uid))
}
