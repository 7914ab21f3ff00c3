package control

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// credentials reads SO_PEERCRED and SO_PEERGROUPS of unix(7): who connected, or
// who listened, when that happened.
func credentials(fd int) (peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return peer{}, err
	}
	p := peer{uid: int(cred.Uid), groups: []int{int(cred.Gid)}}
	groups := make([]uint32, 64)
	for {
		size := uint32(4 * len(groups))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == unix.ERANGE && int(size) > 4*len(groups): // size says how much there is
			groups = make([]uint32, size/4)
			continue
		case errno != 0: // kernels before 4.13 tell the first group alone
			return p, nil
		}
		for _, g := range groups[:size/4] {
			p.groups = append(p.groups, int(g))
		}
		return p, nil
	}
}
