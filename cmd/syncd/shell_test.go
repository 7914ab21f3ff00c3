package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A shell is one process in which a script's commands run one after another, each as
// Main runs it, with the folder and the environment that the script has by then. A process
// for each command costs more than what most of them do; "exec syncd" still starts one.
type shell struct {
	environment []string // at the start of the script
	variables   []string // their names, and those that the script sets
	process     *exec.Cmd
	in          *json.Encoder
	out         *json.Decoder
	end         io.Closer
	stderr      bytes.Buffer // what the race detector and a panic say
}

// A typed line is what goes into the shell.
type typedLine struct {
	Args, Environment []string
	Folder            string
}

// A result is what comes out of it.
type result struct {
	Stdout, Stderr []byte
	Status         int
}

// serveShell is the process of a shell: it carries out what comes in until nothing does.
func serveShell() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var line typedLine
		if err := in.Decode(&line); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			panic(err)
		}
		r, err := line.run()
		if err := errors.Join(err, out.Encode(r)); err != nil {
			panic(err)
		}
	}
}

// run is Main with other folder, environment and files than this process has.
func (l typedLine) run() (result, error) {
	if err := os.Chdir(l.Folder); err != nil {
		return result{}, err
	}
	os.Clearenv()
	for _, pair := range l.Environment {
		name, value, _ := strings.Cut(pair, "=")
		if err := os.Setenv(name, value); err != nil {
			return result{}, err
		}
	}
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		return result{}, err
	}
	defer stdin.Close()
	var r result
	var reading sync.WaitGroup
	pipe := func(into *[]byte) (*os.File, error) {
		from, to, err := os.Pipe()
		reading.Go(func() {
			*into, _ = io.ReadAll(from)
			from.Close()
		})
		return to, err
	}
	stdout, err := pipe(&r.Stdout)
	if err != nil {
		return result{}, err
	}
	stderr, err := pipe(&r.Stderr)
	if err != nil {
		return result{}, err
	}
	os.Args, os.Stdin, os.Stdout, os.Stderr = l.Args, stdin, stdout, stderr
	r.Status = Main()
	stdout.Close()
	stderr.Close()
	reading.Wait()
	return r, nil
}

// setting is the name of a variable in a line of a script that sets it.
var setting = regexp.MustCompile(`(?m)^env (\w+)=`)

// start brings the shell's process up where it is not yet.
func (s *shell) start(script string) error {
	if s.process != nil {
		return nil
	}
	for _, pair := range s.environment {
		name, _, _ := strings.Cut(pair, "=")
		s.variables = append(s.variables, name)
	}
	text, err := os.ReadFile(filepath.Join("testdata/script", script+".txtar"))
	if err != nil {
		return err
	}
	for _, found := range setting.FindAllStringSubmatch(string(text), -1) {
		s.variables = append(s.variables, found[1]) // until it is set it is empty, which is the same to syncd
	}
	process := exec.Command("shell") // see TestMain
	process.Env, process.Stderr = s.environment, &s.stderr
	in, err := process.StdinPipe()
	if err != nil {
		return err
	}
	out, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return err
	}
	s.process, s.in, s.out, s.end = process, json.NewEncoder(in), json.NewDecoder(out), in
	return nil
}

// run carries a command out and leaves what it printed to the script.
func (s *shell) run(ts *testscript.TestScript, args ...string) (result, error) {
	if err := s.start(ts.Name()); err != nil {
		return result{}, err
	}
	line := typedLine{Args: args, Folder: ts.MkAbs("."), Environment: []string{"PWD=" + ts.MkAbs(".")}}
	for _, name := range s.variables {
		line.Environment = append(line.Environment, name+"="+ts.Getenv(name))
	}
	if err := s.in.Encode(line); err != nil {
		return result{}, fmt.Errorf("the shell has ended: %w\n%s", err, s.close())
	}
	var r result
	if err := s.out.Decode(&r); err != nil {
		return result{}, fmt.Errorf("the shell has ended: %w\n%w", err, s.close())
	}
	ts.Stdout().Write(r.Stdout)
	ts.Stderr().Write(r.Stderr)
	return r, nil
}

// close ends the process. It is an error where that ended badly, as after a data race.
func (s *shell) close() error {
	if s.process == nil {
		return nil
	}
	s.end.Close()
	err := s.process.Wait()
	s.process = nil
	if err != nil {
		return fmt.Errorf("%w\n%s", err, &s.stderr)
	}
	return nil
}

type shellKey struct{}

// openShell gives a script its shell.
func openShell(t *testing.T, env *testscript.Env) {
	s := &shell{environment: env.Vars}
	env.Values[shellKey{}] = s
	env.Defer(func() {
		if err := s.close(); err != nil {
			t.Errorf("%s: the process of its commands ended badly: %v", filepath.Base(env.WorkDir), err)
		}
	})
}

// typeLine runs a command of a script and returns its exit status: syncd in the script's shell, every
// other program in a process of its own.
func typeLine(ts *testscript.TestScript, args ...string) (status int, stdout string) {
	if args[0] == "syncd" {
		r, err := ts.Value(shellKey{}).(*shell).run(ts, args...)
		ts.Check(err)
		return r.Status, string(r.Stdout)
	}
	err := ts.Exec(args[0], args[1:]...)
	if _, ended := errors.AsType[*exec.ExitError](err); !ended {
		ts.Check(err)
	}
	return exitStatus(err), ts.ReadFile("stdout")
}

func exitStatus(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}

func statusOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got, _ := typeLine(ts, args[1:]...); got != want {
		ts.Fatalf("%s ended with exit status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// loses expects a command that a full disk or a limit ends: any status but 0.
func loses(ts *testscript.TestScript, neg bool, args []string) {
	if got, _ := typeLine(ts, args...); got == 0 {
		ts.Fatalf("%s went well, want it to fail", strings.Join(args, " "))
	}
}

// await types a command until what it prints fits, as somebody who waits for a
// daemon's next run would.
func await(ts *testscript.TestScript, neg bool, args []string) {
	n := len(args) - 2
	if neg || n < 1 || args[n] != "contains" {
		ts.Fatalf("usage: await program args… contains PATTERN")
	}
	want, err := regexp.Compile(args[n+1])
	ts.Check(err)
	for deadline := time.Now().Add(60 * time.Second); ; {
		status, stdout := typeLine(ts, args[:n]...)
		if status == 0 && want.MatchString(stdout) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never printed %s", strings.Join(args[:n], " "), want)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
