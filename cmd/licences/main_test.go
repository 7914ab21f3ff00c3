package main

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Every module that is in the program has its licence in the folder, and so have Go, syncd and
// what browsers load.
func TestEveryModuleHasItsLicence(t *testing.T) {
	t.Chdir("../..")
	into := t.TempDir()
	if err := gather(into); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "syncd")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/syncd").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	wanted := []string{"go", "syncd", "pages"}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		wanted = append(wanted, d.Path+"@"+d.Version)
	}
	if len(wanted) < 30 {
		t.Errorf("got %d modules, want all of them", len(wanted))
	}
	for _, name := range wanted {
		files, err := os.ReadDir(filepath.Join(into, name))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: got %d licences, %v", name, len(files), err)
			continue
		}
		for _, f := range files {
			if text, err := os.ReadFile(filepath.Join(into, name, f.Name())); err != nil || !f.IsDir() && len(text) < 100 {
				t.Errorf("%s: %s says nothing: %q, %v", name, f.Name(), text, err)
			}
		}
	}
}

func TestAModuleWithoutALicenceIsFound(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"main.go", "license.go", "README.md"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("package x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := copyLicences([]string{dir}, t.TempDir()); n != 0 || err != nil {
		t.Errorf("got %d, %v, want none", n, err)
	}
	for _, name := range []string{"LICENSE", "LICENCE.md", "COPYING", "LICENSE-MIT", "NOTICE.txt", "uPlot.LICENSE"} {
		if !licence.MatchString(name) {
			t.Errorf("%s is not taken for a licence", name)
		}
	}
}
