package control

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
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

func TestTheSocketsFolderLetsTheGroupThrough(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for up := filepath.Dir(dir); len(up) > len(os.TempDir()); up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	own, path := strconv.Itoa(os.Getegid()), filepath.Join(dir, "syncd.db.sock")
	if os.Chown(dir, -1, os.Getegid()) != nil {
		t.Fatal("a folder may be given to its owner's own group")
	}
	for _, c := range []struct {
		mode  os.FileMode
		group string
		want  string
	}{
		{0o700, own, dir},
		{0o710, own, ""},
		{0o710, "65500", dir},
		{0o711, "65500", ""},
		{0o701, own, dir}, // the kernel looks at the group's bits first
		{0o700, "", ""},
	} {
		if err := os.Chmod(dir, c.mode); err != nil {
			t.Fatal(err)
		}
		if got := Unreachable(path, c.group); got != c.want {
			t.Errorf("%o for group %q: got %q, want %q", c.mode, c.group, got, c.want)
		}
	}
}

func TestWhoMayUseTheSocket(t *testing.T) {
	for _, c := range []struct {
		uid   int
		group string
		want  bool
	}{
		{os.Geteuid(), "", true}, {0, "", true}, {65501, "", false}, {-1, "65500", false},
		{65501, "65500", true}, // nobody knows the groups of a user whom the machine does not list
		{os.Geteuid(), "no-such-group", false},
	} {
		if got := MayUse(c.uid, c.group); got != c.want {
			t.Errorf("uid %d, group %q: got %v", c.uid, c.group, got)
		}
	}
}
