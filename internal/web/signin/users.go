package signin

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// A User is a line of the users' file.
type User struct {
	Name string
	Hash string // bcrypt
	Role string // of whom staff does not name; empty: nothing
}

// Users are those of a file.
type Users []User

// Find finds a user by name, in any case.
func (us Users) Find(name string) (User, bool) {
	for _, u := range us {
		if strings.EqualFold(u.Name, strings.TrimSpace(name)) {
			return u, true
		}
	}
	return User{}, false
}

// Cost is the work of a hash that is made here, as bcrypt counts it: a tenth of a second of a
// processor. Only tests take less.
var Cost = 12

// nobody is a hash that no password fits and that takes as much work to compare as those of the others.
func (us Users) nobody() string {
	most := Cost
	for i, u := range us {
		if c, err := bcrypt.Cost([]byte(u.Hash)); err == nil && (i == 0 || c > most) {
			most = c
		}
	}
	return fmt.Sprintf("$2a$%02d$%s", most, strings.Repeat(".", 53))
}

// ReadUsers reads a file of lines NAME:HASH, as htpasswd -B writes them, or NAME: HASH. A third
// field is the role of somebody whom staff does not name. Empty lines and those that begin with # are
// nobody.
func ReadUsers(path string) (Users, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	users := Users{}
	for i, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		u, err := parseUser(line)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, i+1, err)
		}
		if u.Name == "" {
			continue
		}
		if _, twice := users.Find(u.Name); twice {
			return nil, fmt.Errorf("%s: line %d: %s is there twice; keep one", path, i+1, u.Name)
		}
		users = append(users, u)
	}
	return users, nil
}

// parseUser reads a line; without a name it is nobody.
func parseUser(line string) (User, error) {
	line = strings.TrimSpace(line)
	if line == "" || strings.HasPrefix(line, "#") {
		return User{}, nil
	}
	fields := strings.Split(line, ":")
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	if len(fields) < 2 || len(fields) > 3 || fields[0] == "" {
		return User{}, errors.New("is no user; write NAME:HASH as htpasswd -B does, or let syncd user add write it")
	}
	u := User{Name: fields[0], Hash: strings.Trim(fields[1], `"'`)}
	if len(fields) == 3 {
		u.Role = fields[2]
	}
	if err := CheckHash(u.Hash); err != nil {
		return User{}, fmt.Errorf("%s: %w", u.Name, err)
	}
	return u, nil
}

// CheckHash returns why a text is no hash that can be compared with.
func CheckHash(hash string) error {
	if _, err := bcrypt.Cost([]byte(hash)); err != nil || len(hash) != 60 {
		return errors.New("there is no bcrypt hash; let syncd user add write it, or htpasswd -B")
	}
	return nil
}

// Hash makes the hash of a password.
func Hash(password string) (string, error) {
	if password == "" {
		return "", errors.New("the password is empty")
	}
	if len(password) > 72 { // bcrypt would read no further
		return "", errors.New("the password is longer than 72 bytes; take a shorter one")
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), Cost)
	return string(hash), err
}

// WriteUser puts a user's line into the file, in the place of the one that was there, and makes the
// file where there is none. Other lines stay as they are.
func WriteUser(path string, u User) (replaced bool, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	if err == nil {
		if _, err := ReadUsers(path); err != nil {
			return false, err
		}
	}
	line := u.Name + ":" + u.Hash
	if u.Role != "" {
		line += ":" + u.Role
	}
	var lines []string
	if len(text) > 0 {
		lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	i := slices.IndexFunc(lines, func(l string) bool {
		there, err := parseUser(l)
		return err == nil && there.Name != "" && strings.EqualFold(there.Name, u.Name)
	})
	if i >= 0 {
		lines[i] = line
	} else {
		lines = append(lines, line)
	}
	return i >= 0, writeWhole(path, strings.Join(lines, "\n")+"\n")
}

// writeWhole replaces a file, or leaves it as it was. It keeps its owner and mode; a new one is its
// owner's alone.
func writeWhole(path, text string) error {
	mode := os.FileMode(0o600)
	owner, group := -1, -1
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			owner, group = int(s.Uid), int(s.Gid)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".users-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // once it has its name there is nothing left
	_, err = f.WriteString(text)
	err = cmp.Or(err, f.Chmod(mode), f.Sync())
	if owner >= 0 && (owner != os.Geteuid() || group != os.Getegid()) {
		err = cmp.Or(err, f.Chown(owner, group))
	}
	if err := cmp.Or(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// A stamp tells one content of a file from another.
type stamp struct {
	modified time.Time
	size     int64
	inode    uint64
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	s := stamp{modified: info.ModTime(), size: info.Size()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = uint64(sys.Ino)
	}
	return s, nil
}
