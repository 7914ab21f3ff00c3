package control

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestWhoMayBeDealtWith(t *testing.T) {
	for _, c := range []struct {
		name        string
		peer        peer
		self, group int
		ok          bool
	}{
		{"its own user", peer{uid: 1000}, 1000, noGroup, true},
		{"root", peer{uid: 0}, 1000, noGroup, true},
		{"another user", peer{uid: 1001, groups: []int{100}}, 1000, noGroup, false},
		{"another user, seen by root", peer{uid: 1001}, 0, noGroup, false},
		{"a member of the group", peer{uid: 1001, groups: []int{100, 2000}}, 1000, 2000, true},
		{"a member of other groups", peer{uid: 1001, groups: []int{100, 2001}}, 1000, 2000, false},
		{"no group has a number below zero", peer{uid: 1001, groups: []int{-1}}, 1000, noGroup, false},
	} {
		if got := c.peer.trusted(c.self, c.group); got != c.ok {
			t.Errorf("%s: got %v, want %v", c.name, got, c.ok)
		}
	}
}

func TestTheKernelSaysWhoIsAtTheOtherEnd(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p, err := peerOf(conn)
	if err != nil || p.uid != os.Geteuid() || len(p.groups) == 0 {
		t.Errorf("got %+v, %v; want uid %d and its groups", p, err, os.Geteuid())
	}
}
