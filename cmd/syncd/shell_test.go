package main

import (
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

// A shell is one process in which the commands of scripts run one after another, each as
// Main runs it, with the folder and the environment that its script has by then. A process
// for each command costs more than what most of them do; "exec syncd" still starts one.
type shell struct {
	process *exec.Cmd
	in      *json.Encoder
	out     *json.Decoder
	end     io.Closer
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

// newShell starts the process of a shell.
func newShell() (*shell, error) {
	process := exec.Command("shell") // see TestMain
	process.Env, process.Stderr = append(os.Environ(), frugal...), os.Stderr
	in, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &shell{process, json.NewEncoder(in), json.NewDecoder(out), in}, process.Start()
}

// frugal are settings of Go for the processes of scripts: the race detector lets every
// process sleep for a second at its end, and small heaps are swept all the time.
var frugal = []string{"GORACE=atexit_sleep_ms=0", "GOGC=400"}

// run carries a command out.
func (s *shell) run(line typedLine) (result, error) {
	var r result
	if err := errors.Join(s.in.Encode(line), s.out.Decode(&r)); err != nil {
		return r, fmt.Errorf("the process of the scripts' commands has ended, see standard error: %w", err)
	}
	return r, nil
}

// close ends the process. It is an error where that ended badly, as after a data race.
func (s *shell) close() error {
	s.end.Close()
	return s.process.Wait()
}

// shells are those that no script uses at the moment.
type shells struct {
	sync.Mutex
	idle []*shell
}

func (all *shells) take() (*shell, error) {
	all.Lock()
	defer all.Unlock()
	n := len(all.idle) - 1
	if n < 0 {
		return newShell()
	}
	s := all.idle[n]
	all.idle = all.idle[:n]
	return s, nil
}

func (all *shells) put(s *shell) {
	all.Lock()
	defer all.Unlock()
	all.idle = append(all.idle, s)
}

func (all *shells) close(t *testing.T) {
	for _, s := range all.idle {
		if err := s.close(); err != nil {
			t.Errorf("a process of the scripts' commands ended badly: %v; see standard error", err)
		}
	}
}

type shellKey struct{}

// A scriptShell is a shell while a script uses it.
type scriptShell struct {
	*shell
	variables []string // the names that the script begins with, and those that it sets
}

// setting is the name of a variable in a line of a script that sets it.
var setting = regexp.MustCompile(`(?m)^env (\w+)=`)

// open gives a script a shell until it ends.
func (all *shells) open(env *testscript.Env) error {
	s, err := all.take()
	if err != nil {
		return err
	}
	env.Defer(func() { all.put(s) })
	name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	text, err := os.ReadFile(filepath.Join("testdata/script", name+".txtar"))
	if err != nil {
		return err
	}
	var names []string
	for _, pair := range env.Vars {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	for _, found := range setting.FindAllStringSubmatch(string(text), -1) {
		names = append(names, found[1]) // until it is set it is empty, which is the same to syncd
	}
	env.Values[shellKey{}] = scriptShell{s, names}
	return nil
}

// run carries a command of the script out and leaves what it printed to it.
func (s scriptShell) run(ts *testscript.TestScript, args ...string) result {
	folder := ts.MkAbs(".")
	line := typedLine{Args: args, Folder: folder, Environment: []string{"PWD=" + folder}}
	for _, name := range s.variables {
		line.Environment = append(line.Environment, name+"="+ts.Getenv(name))
	}
	r, err := s.shell.run(line)
	ts.Check(err)
	ts.Stdout().Write(r.Stdout)
	ts.Stderr().Write(r.Stderr)
	return r
}

// typeLine runs a command of a script and returns its exit status: syncd in the script's shell, every
// other program in a process of its own.
func typeLine(ts *testscript.TestScript, args ...string) (status int, stdout string) {
	if args[0] == "syncd" {
		r := ts.Value(shellKey{}).(scriptShell).run(ts, args...)
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
