// Package control lets a command run in the daemon that owns the state, with
// the terminal and the files of the person who typed it.
package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"golang.org/x/term"
)

// A Console is where a command was typed: its terminal, its files, its person.
// Commands use it instead of the process's own, because that may be the daemon.
type Console struct {
	Out, Err io.Writer
	Files    Files
	Asker    func(question string) (string, error) // reads one line; nil where nobody can answer
	Width    int                                   // columns; 0 where Out is no terminal
	Progress bool                                  // Err is a terminal: show how far long work is
	Color    bool
	User     string
}

// Files are the files of the person who typed the command.
type Files interface {
	ReadFile(path string) ([]byte, error)
	// WriteFile writes the file as a whole or leaves it as it was. One that is
	// there already is replaced with force only.
	WriteFile(path string, data []byte, force bool) error
}

// Ask puts a question and returns the answer without surrounding space. It ends
// with ctx, because a terminal that is being read does not hear Ctrl-C.
func (c *Console) Ask(ctx context.Context, question string) (string, error) {
	if c.Asker == nil {
		return "", errors.New("a question needs an answer, and this is no terminal; pass --yes")
	}
	type reply struct {
		answer string
		err    error
	}
	answered := make(chan reply, 1)
	go func() {
		answer, err := c.Asker(question)
		answered <- reply{answer, err}
	}()
	select {
	case r := <-answered:
		return strings.TrimSpace(r.answer), r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Local is the console of this process.
func Local() *Console {
	c := &Console{Out: os.Stdout, Err: os.Stderr, Files: &Disk{}, User: userName()}
	if fd := int(os.Stdout.Fd()); term.IsTerminal(fd) {
		c.Width, _, _ = term.GetSize(fd)
		c.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	c.Progress = term.IsTerminal(int(os.Stderr.Fd()))
	if term.IsTerminal(int(os.Stdin.Fd())) {
		c.Asker = func(question string) (string, error) {
			fmt.Fprint(os.Stderr, question)
			return bufio.NewReader(os.Stdin).ReadString('\n')
		}
	}
	return c
}

func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// maxFile bounds what is read into memory: no table of ours comes near it.
const maxFile = 64 << 20

// Disk is the files of this process.
type Disk struct {
	// Kept are files that nothing may be written over, under whatever name and
	// with whatever force: the state in use.
	Kept []string
}

// ReadFile reads a file, or standard input where path is "-".
func (*Disk) ReadFile(path string) ([]byte, error) {
	var in io.Reader = os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	return data, err
}

// MayWrite is an ErrKept or ErrExists where WriteFile would be refused: a
// command says so before its work and not after it.
func (d *Disk) MayWrite(path string, force bool) error {
	if path == "-" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		info = nil
	}
	for _, kept := range d.Kept {
		if there, err := os.Stat(kept); err == nil && os.SameFile(info, there) || samePath(path, kept) {
			return fmt.Errorf("%s: %w; name another file", path, ErrKept)
		}
	}
	if info != nil && info.Mode().IsRegular() && !force {
		return fmt.Errorf("%s: %w; --force writes over it", path, fs.ErrExist)
	}
	return nil
}

// ErrKept says that a file is the state in use.
var ErrKept = errors.New("this is the state in use, and nothing is written over it")

// samePath compares the names of files of which one may not be there yet.
func samePath(a, b string) bool {
	place := func(path string) string {
		path, _ = filepath.Abs(path)
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			return filepath.Join(dir, filepath.Base(path))
		}
		return path
	}
	return place(a) == place(b)
}

// WriteFile writes to standard output where path is "-".
func (d *Disk) WriteFile(path string, data []byte, force bool) (err error) {
	if path == "-" {
		_, err := os.Stdout.Write(data)
		return err
	}
	if err := d.MayWrite(path, force); err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // replace the file, not the link to it
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // such as /dev/stdout
		return os.WriteFile(path, data, 0o600)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if !force {
		// A name that somebody took meanwhile stays theirs.
		if err = os.Link(f.Name(), path); err == nil {
			return os.Remove(f.Name())
		}
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s: %w; --force writes over it", path, fs.ErrExist)
		} // otherwise a file system without hard links
	}
	return os.Rename(f.Name(), path)
}
