package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The types of Grafana's Foundation SDK say what a dashboard may look like; the compiler of
// TypeScript holds the JSON to them.
func TestDashboardsFitGrafanasTypes(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node.js is not installed: the dashboards are not held to the types of Grafana's Foundation SDK")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("schema")); err != nil {
		t.Fatal(err)
	}
	run := func(program string, args ...string) (string, error) {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"); err != nil {
		t.Fatalf("installing the types; the npm registry must be reachable once: %v\n%s", err, out)
	}
	write := func(name, text string) {
		t.Helper()
		text = fmt.Sprintf("import type { Dashboard } from './shape.js';\nexport const d: Dashboard = %s;\n", text)
		if err := os.WriteFile(filepath.Join(dir, name+".ts"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path := range dashboards(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(strings.TrimSuffix(filepath.Base(path), ".json"), string(text))
	}
	compiler := filepath.Join("node_modules", ".bin", "tsc")
	if out, err := run(compiler, "-p", "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A check that takes anything would take these.
	write("wrong", `{"title": "x", "refresh": 5, "panels": [{"type": "stat", "gridPos": {"x": 0, "y": 0, "w": "12", "h": 1}, "targets": [{"exprs": "up"}]}]}`)
	out, err := run(compiler, "-p", ".")
	for _, want := range []string{"wrong.ts", "'number' is not assignable", "'string' is not assignable", "exprs"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("a wrong dashboard: got %v and\n%s\nwant it to say %s", err, out, want)
		}
	}
}
