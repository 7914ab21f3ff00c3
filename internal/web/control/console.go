// Package control lets a command run in the daemon that owns the state, with
// the terminal and the files of the person who typed it.
package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
	// WriteFile replaces the file as a whole or leaves it as it was.
	WriteFile(path string, data []byte) error
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
	c := &Console{Out: os.Stdout, Err: os.Stderr, Files: disk{}, User: userName()}
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

type disk struct{}

// maxFile bounds what is read into memory: no table of ours comes near it.
const maxFile = 64 << 20

func (disk) ReadFile(path string) ([]byte, error) {
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

func (disk) WriteFile(path string, data []byte) (err error) {
	if path == "-" {
		_, err := os.Stdout.Write(data)
		return err
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
	return os.Rename(f.Name(), path)
}
