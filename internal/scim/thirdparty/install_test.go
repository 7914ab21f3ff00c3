package thirdparty

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPackagesThatCannotBeHadAreAnError(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: third-party SCIM servers are not exercised")
	}
	t.Run("a registry that does not answer", func(t *testing.T) {
		t.Setenv("npm_config_registry", "http://127.0.0.1:1/")
		t.Setenv("npm_config_cache", t.TempDir()) // which might hold them
		t.Setenv("npm_config_fetch_retries", "0")
		dir := t.TempDir()
		if err := os.CopyFS(dir, files); err != nil {
			t.Fatal(err)
		}
		err := install(dir)
		if err == nil || !strings.Contains(err.Error(), "the npm registry must be reachable once") {
			t.Errorf("got %v, want it to say that the registry must be reachable", err)
		}
	})
	t.Run("no npm", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Symlink(node, filepath.Join(dir, "node")); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir)
		err := install(t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "npm is not installed") {
			t.Errorf("got %v, want it to say that npm is missing", err)
		}
	})
}
