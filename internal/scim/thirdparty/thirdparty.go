// Package thirdparty runs SCIM servers that others wrote, from the packages of
// the npm registry, for tests: what our simulator and our client both get
// wrong, they do not.
package thirdparty

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The servers there are.
const (
	SCIMMY        = "scimmy"         // SCIMMY with its Express routers
	SCIMMYUnpaged = "scimmy unpaged" // the same on Express 5, where every page is the first
	SCIMMYPut     = "scimmy put"     // the same without PATCH
	SCIMPatch     = "scimpatch"      // scim-patch and scim2-parse-filter; no discovery
	BetterAuth    = "betterauth"     // Better Auth's SCIM plugin
	// BetterAuthLimited refuses with 429 what is more than 15 requests a second;
	// a test on it takes its time.
	BetterAuthLimited = "betterauth limited"
)

// Names returns the names of the servers that answer as fast as they can.
func Names() []string { return []string{SCIMMY, SCIMMYUnpaged, SCIMMYPut, SCIMPatch, BetterAuth} }

//go:embed package.json package-lock.json *.mjs
var files embed.FS

const (
	patience    = 5 * time.Minute // for the packages to be there
	startsIn    = time.Minute     // on a machine that does much else
	endsIn      = 5 * time.Second
	tokenLength = 24
)

// Start starts a server with nothing in it on a free port of the loopback
// interface, and ends it with the test. It returns the base URL, which ends in
// /v2, and the token to show. The test is skipped where Node.js is not
// installed; anything else that goes wrong fails it: packages that the registry
// does not give are no reason to test less.
func Start(t testing.TB, name string) (baseURL, token string) {
	t.Helper()
	node, dir := prepare(t, name)
	var complaints bytes.Buffer
	s, err := launch(node, dir, name, &complaints)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
		if t.Failed() && complaints.Len() > 0 {
			t.Logf("%s said:\n%s", name, complaints.String())
		}
	})
	return s.base, s.token
}

// A server is a process that serves.
type server struct {
	name, base, token string
	cmd               *exec.Cmd
	stdin             io.WriteCloser
	says              *bufio.Reader
}

func launch(node, dir, name string, complaints io.Writer) (*server, error) {
	words := strings.Fields(name)
	s := &server{name: name, token: secret(), cmd: exec.Command(node, append([]string{words[0] + ".mjs"}, words[1:]...)...)}
	s.cmd.Dir = dir
	// Nothing of the machine's own settings: NODE_OPTIONS and NODE_ENV would change what is tested.
	s.cmd.Env = []string{"TOKEN=" + s.token, "PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	s.cmd.Stderr = complaints
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.says = bufio.NewReader(stdout)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	if s.base, err = s.line(); err != nil {
		_ = s.end()
		return nil, fmt.Errorf("%s did not start within %s: %w", name, startsIn, err)
	}
	return s, nil
}

// line is what the server says next; one that says nothing is ended.
func (s *server) line() (string, error) {
	kill := time.AfterFunc(startsIn, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	line, err := s.says.ReadString('\n')
	return strings.TrimSpace(line), err
}

// empty makes the server forget everything that it holds.
func (s *server) empty() error {
	if _, err := io.WriteString(s.stdin, "empty\n"); err != nil {
		return fmt.Errorf("emptying %s: %w", s.name, err)
	}
	if _, err := s.line(); err != nil {
		return fmt.Errorf("emptying %s: %w", s.name, err)
	}
	return nil
}

func (s *server) end() error {
	_ = s.stdin.Close() // which it takes for the end
	kill := time.AfterFunc(endsIn, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("%s ended badly: %w", s.name, err)
	}
	return nil
}

// shared are the servers of Shared.
var shared = map[string]*server{}

// Shared is Start for tests that run one after the other: each finds the server
// with nothing in it, and one process serves them all, until End. What it
// complains of goes to standard error.
func Shared(t testing.TB, name string) (baseURL, token string) {
	t.Helper()
	node, dir := prepare(t, name)
	s := shared[name]
	if s == nil {
		var err error
		if s, err = launch(node, dir, name, os.Stderr); err != nil {
			t.Fatal(err)
		}
		shared[name] = s
		return s.base, s.token
	}
	if err := s.empty(); err != nil {
		t.Fatal(err)
	}
	return s.base, s.token
}

// End ends the servers of Shared, once all tests have run.
func End() error {
	var errs []error
	for name, s := range shared {
		errs = append(errs, s.end())
		delete(shared, name)
	}
	return errors.Join(errs...)
}

// prepare finds what a server needs, or skips the test.
func prepare(t testing.TB, name string) (node, dir string) {
	t.Helper()
	if known := append(Names(), BetterAuthLimited); !slices.Contains(known, name) {
		t.Fatalf("there is no server called %q, only %s", name, strings.Join(known, ", "))
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: third-party SCIM servers are not exercised")
	}
	dir, err = installed()
	if err != nil {
		t.Fatalf("third-party SCIM servers: %v", err)
	}
	return node, dir
}

func secret() string {
	b := make([]byte, tokenLength)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// installed returns a folder with the servers and the packages that they need.
// It is kept from one run of the tests to the next, by what is in it.
var installed = sync.OnceValues(func() (string, error) {
	sum := sha256.New()
	names, err := fs.Glob(files, "*")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		b, err := files.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // no home, as in some build environments
	}
	root := filepath.Join(cache, "syncd-thirdparty-scim")
	dir := filepath.Join(root, hex.EncodeToString(sum.Sum(nil))[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", err
	}
	// Made elsewhere and then moved, so that what is there is whole: tests of
	// several packages may want it at the same time, and any may be ended.
	making, err := os.MkdirTemp(root, "making-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(making)
	if err := os.CopyFS(making, files); err != nil {
		return "", err
	}
	if err := install(making); err != nil {
		return "", err
	}
	if err := os.Rename(making, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return dir, nil
})

// install fetches the very packages that the lock file names.
func install(dir string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("npm is not installed although Node.js is: install it, it fetches the servers' packages")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// Scripts of packages are not run; none of these needs one.
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional")
	cmd.Dir = dir
	cmd.WaitDelay = endsIn
	out, err := cmd.CombinedOutput()
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("not done within %s", patience)
		}
		return fmt.Errorf("npm ci: %w; the npm registry must be reachable once, then the packages are kept\n%s", err, tail(out))
	}
	return nil
}

// tail is the end of what npm said; the beginning is warnings.
func tail(out []byte) string {
	const most = 2000
	s := strings.TrimSpace(string(out))
	return s[max(0, len(s)-most):]
}
