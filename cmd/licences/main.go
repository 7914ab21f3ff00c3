// Command licences gathers the licences of all that is linked into syncd, for the image:
//
//	go run ./cmd/licences /licenses
//
// For another platform set GOOS and GOARCH. A module without a licence is an error.
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
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./cmd/licences FOLDER")
		os.Exit(64)
	}
	if err := gather(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

// licence is how the files are called that say on which terms something may be used.
var licence = regexp.MustCompile(`(?i)^(licen[sc]e|copying|copyright|notice|patents|unlicense)([.-].*)?$|^[^.]+\.licen[sc]e$`)

// A module is what go list says of one.
type module struct {
	Path, Version, Dir string
	Main               bool
	Replace            *module
}

// A listed is a package that is linked.
type listed struct {
	Dir      string
	Standard bool
	Module   *module
}

// gather copies the licences into a folder for each module, ours and Go's own included, and
// writes a list of them.
func gather(into string) error {
	packages, err := linked()
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	folders := map[string][]string{"go": {strings.TrimSpace(string(root))}} // of each module, its own first
	for _, p := range packages {
		m := p.Module
		if p.Standard || m == nil {
			continue
		}
		name := "syncd"
		if !m.Main {
			name = m.Path + "@" + m.Version
		}
		if folders[name] == nil {
			folders[name] = []string{m.Dir}
		}
		for dir := p.Dir; len(dir) > len(m.Dir); dir = filepath.Dir(dir) { // a package may have one of its own
			if !slices.Contains(folders[name], dir) {
				folders[name] = append(folders[name], dir)
			}
		}
	}
	var errs []error
	list := ""
	for _, name := range sorted(folders) {
		n, err := copyLicences(folders[name], filepath.Join(into, filepath.FromSlash(name)))
		if err == nil && n == 0 {
			err = errors.New("has no licence: look at what it is, and whether it may be shipped")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		list += name + "\n"
	}
	// What browsers load was copied from elsewhere; a table says from where.
	const vendored = "internal/web/pages/static/vendor"
	if _, err := copyLicences([]string{vendored}, filepath.Join(into, "pages")); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, copyFile(filepath.Join(vendored, "VENDOR.md"), filepath.Join(into, "pages", "VENDOR.md")), os.WriteFile(filepath.Join(into, "modules.txt"), []byte(list), 0o644))
	return errors.Join(errs...)
}

// linked are the packages of the program.
func linked() ([]listed, error) {
	out, err := exec.Command("go", "list", "-deps", "-json=Dir,Standard,Module", "./cmd/syncd").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if p.Module != nil && p.Module.Replace != nil {
			p.Module.Dir = p.Module.Replace.Dir
		}
		all = append(all, p)
	}
}

// copyLicences copies what licences are in some folders, of which the first holds the others,
// and returns how many.
func copyLicences(from []string, into string) (n int, err error) {
	for _, dir := range from {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return n, err
		}
		for _, e := range entries {
			if e.IsDir() || !licence.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			name := e.Name()
			if below, err := filepath.Rel(from[0], dir); err == nil && below != "." {
				name = strings.ReplaceAll(filepath.ToSlash(below), "/", "-") + "-" + name
			}
			if err := copyFile(filepath.Join(dir, e.Name()), filepath.Join(into, name)); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

func sorted(m map[string][]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
