//go:build !linux

package signin

import "net"

// userOf is -1: other kernels do not tell whose a TCP connection is.
func userOf(net.Conn) int { return -1 }
