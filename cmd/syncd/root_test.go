package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"syncd/internal/report"
	"syncd/internal/web/control"
)

func TestNothingThatIsPrintedHidesAnything(t *testing.T) {
	const name = "Contoso \u202edtl\u202c \x1b[2Jgone"
	for what, print := range map[string]func(a *cli) error{
		"a sentence":  func(a *cli) error { a.say("%s is linked", name); return nil },
		"a complaint": func(a *cli) error { a.complain(errors.New(name)); return nil },
		"text": func(a *cli) error {
			return a.print(nil, func(out io.Writer) error { _, err := fmt.Fprintln(out, name); return err })
		},
		"JSON": func(a *cli) error { a.json = true; return a.print(map[string]string{"name": name}, nil) },
		"a table": func(a *cli) error {
			return (&report.Sheet{Columns: []report.Column{{Name: "Customer"}}, Rows: [][]string{{name}}}).Table(a.out(), 0)
		},
		"a plan": func(a *cli) error { a.page(a.out()).line("%s", name); return nil },
	} {
		var out bytes.Buffer
		if err := print(&cli{console: &control.Console{Out: &out, Err: &out}}); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); strings.ContainsAny(got, "\u202e\u202c\x1b") || !strings.Contains(got, `\u202edtl\u202c`) {
			t.Errorf("%s: got %q", what, got)
		}
	}
}
