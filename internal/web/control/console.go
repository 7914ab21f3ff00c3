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
	"strings"

	"golang.org/x/term"

	"syncd/internal/visible"
)

// A Console is the terminal, the files and the user of a typed command. Commands use it
// instead of the process's own, since the process may be the daemon.
type Console struct {
	Out, Err io.Writer
	Files    Files
	Asker    func(question string) (string, error) // reads one line; nil where nobody can answer
	// Password reads one line without showing it, or from standard input where that is no terminal;
	// nil where nobody can answer.
	Password func(question string) (string, error)
	Width    int  // columns; 0 where Out is no terminal
	Progress bool // Err is a terminal: show how far long work is
	Color    bool
	UID      int    // of the user, as the kernel reports it
	User     string // its name on this machine
}

// Files are the files of the person who typed the command.
type Files interface {
	ReadFile(path string) ([]byte, error)
	// WriteFile writes the file as a whole or leaves it as it was. One that is
	// there already is replaced with force only.
	WriteFile(path string, data []byte, force bool) error
	// OpenFolder opens a folder that is there, for files of any size that replace those of
	// the same names. One is open at a time.
	OpenFolder(path string) (Folder, error)
}

// Ask puts a question and returns the answer without surrounding space. It ends
// with ctx, because reading a terminal does not end with Ctrl-C.
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
	c := &Console{Out: os.Stdout, Err: os.Stderr, Files: &Disk{}, UID: os.Getuid(), User: UserName(os.Getuid())}
	if fd := int(os.Stdout.Fd()); term.IsTerminal(fd) {
		c.Width, _, _ = term.GetSize(fd)
		c.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	c.Progress = term.IsTerminal(int(os.Stderr.Fd()))
	c.Password = readPassword
	if term.IsTerminal(int(os.Stdin.Fd())) {
		c.Asker = func(question string) (string, error) {
			fmt.Fprint(visible.Writer(os.Stderr), question)
			return bufio.NewReader(os.Stdin).ReadString('\n')
		}
	}
	return c
}

// readPassword reads a password twice from a terminal, or once from standard input that is none.
func readPassword(question string) (string, error) {
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err == io.EOF && line != "" {
			err = nil
		}
		return strings.TrimRight(line, "\r\n"), err
	}
	var typed [2]string
	for i, question := range []string{question, "Once more: "} {
		fmt.Fprint(visible.Writer(os.Stderr), question)
		text, err := term.ReadPassword(in)
		fmt.Fprintln(os.Stderr)
		if err != nil {
			return "", err
		}
		typed[i] = string(text)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two differ")
	}
	return typed[0], nil
}
