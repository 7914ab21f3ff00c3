package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// SocketPath is where the daemon that owns the state at path is found.
func SocketPath(state string) string {
	abs, err := filepath.Abs(state)
	if err != nil {
		abs = state
	}
	return abs + ".sock"
}

// maxAddress is how long the path of a socket may be on every system.
const maxAddress = 100

// A Listener is the daemon's end of the socket.
type Listener struct {
	net.Listener
	path   string
	folder string // private, where the socket lies elsewhere; or empty

	mu    sync.Mutex
	group int // whose members may use it, or none
}

// Listen opens the daemon's socket at path for this user alone (0600), or for
// the members of a group too (0660). It takes the place of a socket that a
// killed daemon left behind.
//
// Where the path is longer than a socket's address may be, the socket lies in a
// private folder (0700) under the temporary one, and path is a link to it.
func Listen(path, group string) (*Listener, error) {
	gid, err := groupID(group)
	if err != nil {
		return nil, err
	}
	if conn, err := net.DialTimeout("unix", address(path), time.Second); err == nil {
		conn.Close()
		return nil, fmt.Errorf("control socket %s: another daemon listens there; stop it first", path)
	}
	l := &Listener{path: path, group: gid}
	l.clear(address(path))
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := l.open(); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

func (l *Listener) open() (err error) {
	at := l.path
	if len(at) > maxAddress {
		if l.folder, err = os.MkdirTemp(shortTemp(), folderPrefix); err != nil { // 0700, and a name that nobody can guess
			return err
		}
		at = filepath.Join(l.folder, "s.sock")
		if err := os.Symlink(at, l.path); err != nil {
			return err
		}
	}
	old := syscall.Umask(0o177) // the socket is never open to others, not even for a moment
	l.Listener, err = net.Listen("unix", at)
	syscall.Umask(old)
	if err != nil || l.group == noGroup {
		return err
	}
	if err := l.share(at, 0o660); err != nil || l.folder == "" {
		return err
	}
	return l.share(l.folder, 0o710)
}

// SetGroup has another group use the socket, or none, from now on.
func (l *Listener) SetGroup(name string) error {
	gid, err := groupID(name)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if gid == l.group {
		return nil
	}
	former, socketMode, folderMode := l.group, os.FileMode(0o660), os.FileMode(0o710)
	if l.group = gid; gid == noGroup {
		l.group, socketMode, folderMode = os.Getegid(), 0o600, 0o700
	}
	defer func() { l.group = gid }()
	if err := l.share(address(l.path), socketMode); err != nil {
		gid = former
		return err
	}
	if l.folder != "" {
		return l.share(l.folder, folderMode)
	}
	return nil
}

// allowed is the group whose members may use the socket now.
func (l *Listener) allowed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.group
}

// share gives a file to the group.
func (l *Listener) share(path string, mode os.FileMode) error {
	if err := os.Chown(path, -1, l.group); err != nil {
		return fmt.Errorf("%w; the daemon's user must be a member of the group in control", err)
	}
	return os.Chmod(path, mode)
}

// Close takes the socket away, and the folder that was made for it.
func (l *Listener) Close() (err error) {
	if l.Listener != nil {
		err = l.Listener.Close()
	}
	if l.folder != "" {
		l.clear(filepath.Join(l.folder, "s.sock"))
		os.Remove(l.path)
	}
	return err
}

// clear removes a socket that lies in a folder of ours, and the folder.
func (l *Listener) clear(socket string) {
	if folder := filepath.Dir(socket); strings.HasPrefix(filepath.Base(folder), folderPrefix) && socket != l.path {
		os.Remove(socket)
		os.Remove(folder)
	}
}

const folderPrefix = "syncd-"

// address is what to dial: path, or where its link leads.
func address(path string) string {
	if to, err := os.Readlink(path); err == nil {
		return to
	}
	return path
}

// shortTemp is a temporary folder whose name leaves room for a socket's.
func shortTemp() string {
	if dir := os.TempDir(); len(dir) <= maxAddress-40 {
		return dir
	}
	return "/tmp"
}

// noGroup is the id for a socket that no group may use.
const noGroup = -1

// CheckGroup returns why a group may not be used, with the remedy; no name is none.
func CheckGroup(name string) error {
	_, err := groupID(name)
	return err
}

// Unreachable is the first folder above a daemon's socket that does not let the members of
// the group through; empty where all do.
func Unreachable(path, group string) string {
	gid, err := groupID(group)
	if err != nil || gid == noGroup {
		return ""
	}
	for dir := filepath.Dir(address(path)); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return dir
		}
		owned, ok := info.Sys().(*syscall.Stat_t)
		switch mode := info.Mode().Perm(); {
		case ok && int(owned.Gid) == gid && mode&0o010 == 0, !(ok && int(owned.Gid) == gid) && mode&0o001 == 0:
			return dir
		case dir == filepath.Dir(dir):
			return ""
		}
	}
}

// groupID finds a group by name or number; no name is noGroup.
func groupID(name string) (int, error) {
	if name == "" {
		return noGroup, nil
	}
	if gid, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(gid), nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return noGroup, fmt.Errorf("this machine has no group %q; create it (groupadd %s), or name another", name, name)
	}
	return strconv.Atoi(g.Gid)
}

// UserID finds a user of this machine by name or number; -1 where there is none.
func UserID(name string) int {
	if u, err := user.Lookup(name); err == nil {
		name = u.Uid
	}
	if uid, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(uid)
	}
	return -1
}

// MayUse reports whether a user of this machine may use the socket of a daemon that runs
// as this process's user: that user, root, or a member of the group. In which groups the
// processes of a user are whom the machine does not list nobody can tell; where there is
// a group, it may be that one.
func MayUse(uid int, group string) bool {
	gid, err := groupID(group)
	if uid < 0 || err != nil {
		return false
	}
	groups, listed := groupsOf(uid)
	if !listed {
		groups = []int{gid}
	}
	return peer{uid, groups}.trusted(os.Geteuid(), gid)
}

// Trusts reports whether a user of this machine is one of those, for certain: a user whom the
// machine does not list is in no group.
func Trusts(uid int, group string) bool {
	gid, err := groupID(group)
	if uid < 0 || err != nil {
		return false
	}
	groups, _ := groupsOf(uid)
	return peer{uid, groups}.trusted(os.Geteuid(), gid)
}

// groupsOf are the groups of a user, and whether this machine lists that user.
func groupsOf(uid int) (groups []int, listed bool) {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return nil, false
	}
	ids, _ := u.GroupIds() // without them there is the first one
	for _, id := range append(ids, u.Gid) {
		if n, err := strconv.Atoi(id); err == nil {
			groups = append(groups, n)
		}
	}
	return groups, true
}

// UserName is the name of a user id on this machine. It does not trust $USER, which anybody
// may set.
func UserName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", uid)
}
