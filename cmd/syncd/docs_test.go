package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"

	"syncd/internal/web/control"
)

var (
	shellBlock = regexp.MustCompile("(?ms)^ *```(?:sh|console)\\n(.*?)^ *```$")
	codeSpan   = regexp.MustCompile("`(syncd [^`\n]+)`")
	aside      = regexp.MustCompile(`\s+#.*$`)
	anyCommand = regexp.MustCompile(`^\[|^[A-Z]+$`)
	typedWord  = regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)
)

// Every command that a page shows is one of the program, with the flags that it
// shows, and is built.
func TestEveryCommandOfThePagesIsTheProgram(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, page := range append(pages, "../../README.md") {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, block := range shellBlock.FindAllStringSubmatch(string(raw), -1) {
			lines = append(lines, strings.Split(block[1], "\n")...)
		}
		for _, span := range codeSpan.FindAllStringSubmatch(string(raw), -1) {
			lines = append(lines, span[1])
		}
		for _, line := range lines {
			for _, part := range regexp.MustCompile(`&&|\|`).Split(aside.ReplaceAllString(line, ""), -1) {
				words := typedWord.FindAllString(strings.TrimSpace(part), -1)
				if len(words) < 2 || words[0] != "syncd" || anyCommand.MatchString(words[1]) {
					continue
				}
				tried++
				if why := wrongCommand(words[1:]); why != "" {
					t.Errorf("%s: %s: %s", filepath.Base(page), strings.Join(words, " "), why)
				}
			}
		}
	}
	if tried < 60 {
		t.Errorf("got %d commands, want all of them", tried)
	}
}

// typedBlock is what a page has the reader type, and a test run.
var typedBlock = regexp.MustCompile("(?ms)^ *```sh\\n(.*?)^ *```$")

// drill writes what a section of a page has the reader type to a file.
func drill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: drill PAGE SECTION FILE")
	}
	page, err := os.ReadFile(filepath.Join(docs, args[0]))
	ts.Check(err)
	_, section, found := strings.Cut(string(page), "\n## "+args[1]+"\n")
	if !found {
		ts.Fatalf("%s has no section %q", args[0], args[1])
	}
	section, _, _ = strings.Cut(section, "\n## ")
	text := ""
	for _, block := range typedBlock.FindAllStringSubmatch(section, -1) {
		text += block[1]
	}
	if !strings.Contains(text, "syncd ") {
		ts.Fatalf("section %q of %s has nothing to type", args[1], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text), 0o600))
}

// docs is the folder of the pages.
var docs, _ = filepath.Abs("../../docs")

// wrongCommand says what is wrong with a command as a page writes it, or "".
func wrongCommand(words []string) string {
	root := (&cli{console: &control.Console{}}).root()
	// What a page leaves open is no word of the command.
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.Contains(w, "…") || w == ">" })
	cmd, rest, err := root.Find(words)
	switch {
	case err != nil:
		return err.Error()
	case cmd == root && !strings.HasPrefix(words[0], "-"):
		return "no such command"
	}
	for i := range rest {
		rest[i] = strings.Trim(rest[i], `'"`)
	}
	if err := cmd.ParseFlags(rest); err != nil && !errors.Is(err, pflag.ErrHelp) && !strings.Contains(err.Error(), "needs an argument") {
		return err.Error()
	}
	if left := cmd.Flags().Args(); cmd.HasSubCommands() && len(left) > 0 && !anyCommand.MatchString(left[0]) {
		return "there is no " + left[0] + " below it"
	}
	return ""
}
