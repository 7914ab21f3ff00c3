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
	for what, print := range map[string]func(a *app) error{
		"a sentence":  func(a *app) error { a.say("%s is linked", name); return nil },
		"a complaint": func(a *app) error { a.complain(errors.New(name)); return nil },
		"text": func(a *app) error {
			return a.print(nil, func(out io.Writer) error { _, err := fmt.Fprintln(out, name); return err })
		},
		"JSON": func(a *app) error { a.json = true; return a.print(map[string]string{"name": name}, nil) },
		"a table": func(a *app) error {
			return (&report.Sheet{Columns: []report.Column{{Name: "Customer"}}, Rows: [][]string{{name}}}).Table(a.out(), 0)
		},
		"a plan": func(a *app) error { a.page(a.out()).line("%s", name); return nil },
	} {
		var out bytes.Buffer
		if err := print(&app{console: &control.Console{Out: &out, Err: &out}}); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); strings.ContainsAny(got, "\u202e\u202c\x1b") || !strings.Contains(got, `\u202edtl\u202c`) {
			t.Errorf("%s: got %q", what, got)
		}
	}
}
