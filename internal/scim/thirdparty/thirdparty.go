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
	if known := append(Names(), BetterAuthLimited); !slices.Contains(known, name) {
		t.Fatalf("there is no server called %q, only %s", name, strings.Join(known, ", "))
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: third-party SCIM servers are not exercised")
	}
	dir, err := installed()
	if err != nil {
		t.Fatalf("third-party SCIM servers: %v", err)
	}
	words := strings.Fields(name)
	cmd := exec.Command(node, append([]string{words[0] + ".mjs"}, words[1:]...)...)
	token = secret()
	cmd.Dir = dir
	// Nothing of the machine's own settings: NODE_OPTIONS and NODE_ENV would change what is tested.
	cmd.Env = []string{"TOKEN=" + token, "PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	kill := time.AfterFunc(startsIn, func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	kill.Stop()
	t.Cleanup(func() {
		_ = stdin.Close() // which it takes for the end
		kill := time.AfterFunc(endsIn, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended badly: %v", name, err)
		}
		if t.Failed() && complaints.Len() > 0 {
			t.Logf("%s said:\n%s", name, complaints.String())
		}
	})
	if err != nil {
		_ = cmd.Process.Kill()
		t.Fatalf("%s did not start within %s: %v", name, startsIn, err)
	}
	return strings.TrimSpace(line), token
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
