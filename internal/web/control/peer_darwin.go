package control

import "golang.org/x/sys/unix"

// credentials reads LOCAL_PEERCRED, which is what getpeereid(3) reads too.
func credentials(fd int) (peer, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return peer{}, err
	}
	p := peer{uid: int(cred.Uid)}
	for _, g := range cred.Groups[:min(max(int(cred.Ngroups), 0), len(cred.Groups))] {
		p.groups = append(p.groups, int(g))
	}
	return p, nil
}
