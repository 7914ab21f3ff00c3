package main

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/web/control"
)

// An output is the file that a command writes. It is looked at before the work
// and written after it, both times where the command was typed.
type output struct {
	path     string
	argument bool   // it is the command's first argument
	format   string // what is written into it; empty for anything
	force    bool
	folder   bool // it is a folder, and the files have names of our own
}

// writes declares that cmd writes its first argument.
func (a *cli) writes(cmd *cobra.Command, o *output) {
	o.argument = true
	a.declare(cmd, o)
}

// writesOut declares that cmd writes the file of its flag --out.
func (a *cli) writesOut(cmd *cobra.Command, o *output, help string) {
	cmd.Flags().StringVar(&o.path, "out", o.path, help)
	a.declare(cmd, o)
}

func (a *cli) declare(cmd *cobra.Command, o *output) {
	cmd.Flags().BoolVar(&o.force, "force", false, "write over a file that is there already")
	a.outputOf(cmd, o)
}

// outputOf notes what cmd writes.
func (a *cli) outputOf(cmd *cobra.Command, o *output) {
	if a.outputs == nil {
		a.outputs = map[*cobra.Command]*output{}
	}
	a.outputs[cmd] = o
}

// foresee refuses, before any work, what could not be written in the end.
func (a *cli) foresee(cmd *cobra.Command, args []string) error {
	o := a.outputs[cmd]
	if o == nil {
		return nil
	}
	if o.argument {
		o.path = args[0]
	}
	if o.format != "" {
		if _, err := formatOf(o.format, o.path, o.format); err != nil {
			return err
		}
	}
	disk, here := a.console.Files.(*control.Disk)
	if !here || o.path == "" {
		return nil // the process in which the command was typed has looked already
	}
	if o.folder {
		if err := disk.MakeFolder(o.path); err != nil {
			return usage("%w", err)
		}
		return nil
	}
	if err := disk.MayWrite(o.path, o.force); err != nil {
		return usage("%w", err)
	}
	return nil
}

// write is the only way in which a command writes a file that a person named.
func (a *cli) write(o *output, data []byte) error {
	if err := a.console.Files.WriteFile(o.path, data, o.force); err != nil {
		return fmt.Errorf("writing %s: %w", o.path, err)
	}
	return nil
}

// deliverTable writes an exported table and says so.
func (a *cli) deliverTable(o *output, body []byte, lines int) error {
	if err := a.write(o, body); err != nil {
		return err
	}
	switch {
	case a.json && o.path != "-":
		return a.print(map[string]any{"file": o.path, "lines": lines}, nil)
	case o.path != "-":
		a.say("%s written to %s", app.Count(lines, "line"), o.path)
	}
	return nil
}

// endings are the formats of files, by their endings.
var endings = map[string]string{".csv": "csv", ".xlsx": "xlsx", ".json": "json", ".txt": "table", ".html": "html", ".htm": "html"}

// formatOf is the format that a person means: the one that was named, or else that
// of the file's ending, or else the usual one. A file in a format that its ending
// denies would open in the wrong program.
func formatOf(named, path, usual string, known ...string) (string, error) {
	known = append(known, usual)
	if named == "html" || named == "" && endings[strings.ToLower(filepath.Ext(path))] == "html" {
		if !slices.Contains(known, "html") {
			return "", usage("HTML is not there yet; write %s", app.Names(known, asIs))
		}
	}
	if named != "" && !slices.Contains(known, named) {
		return "", usage("%q is no format; write %s", named, app.Names(known, asIs))
	}
	ending := strings.ToLower(filepath.Ext(path))
	of := endings[ending]
	switch {
	case path == "" || path == "-" || ending == "" || strings.HasPrefix(path, "/dev/"):
		return cmp.Or(named, usual), nil
	case named != "" && (of == "" || of == "table"): // an ending that says little
		return named, nil
	case named != "" && named != of:
		return "", usage("%s is to be %s, and its ending says %s; change one of the two", path, named, of)
	case of == "" || !slices.Contains(known, of):
		return "", usage("nothing of this is written as %s; let the file end in %s", ending, app.Names(fileEndings(known), asIs))
	}
	return of, nil
}

// fileEndings are the endings of formats.
func fileEndings(formats []string) []string {
	var out []string
	for _, ending := range slices.Sorted(maps.Keys(endings)) {
		if slices.Contains(formats, endings[ending]) {
			out = append(out, ending)
		}
	}
	return out
}
