package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"syncd/internal/web/control"
)

// An output is the file that a command writes. It is looked at before the work
// and written after it, both times where the command was typed.
type output struct {
	path     string
	argument bool // it is the command's first argument
	force    bool
}

// writes declares that cmd writes its first argument.
func (a *app) writes(cmd *cobra.Command, o *output) {
	o.argument = true
	a.declare(cmd, o)
}

// writesOut declares that cmd writes the file of its flag --out.
func (a *app) writesOut(cmd *cobra.Command, o *output, help string) {
	cmd.Flags().StringVar(&o.path, "out", o.path, help)
	a.declare(cmd, o)
}

func (a *app) declare(cmd *cobra.Command, o *output) {
	cmd.Flags().BoolVar(&o.force, "force", false, "write over a file that is there already")
	if a.outputs == nil {
		a.outputs = map[*cobra.Command]*output{}
	}
	a.outputs[cmd] = o
}

// foresee refuses, before any work, what could not be written in the end.
func (a *app) foresee(cmd *cobra.Command, args []string) error {
	o := a.outputs[cmd]
	if o == nil {
		return nil
	}
	if o.argument {
		o.path = args[0]
	}
	disk, here := a.console.Files.(*control.Disk)
	if !here || o.path == "" {
		return nil // the process in which the command was typed has looked already
	}
	if err := disk.MayWrite(o.path, o.force); err != nil {
		return usageError{err}
	}
	return nil
}

// write is the only way in which a command writes a file that a person named.
func (a *app) write(o *output, data []byte) error {
	if err := a.console.Files.WriteFile(o.path, data, o.force); err != nil {
		return fmt.Errorf("writing %s: %w", o.path, err)
	}
	return nil
}

// deliverTable writes an exported table and says so.
func (a *app) deliverTable(o *output, body []byte, lines int) error {
	if err := a.write(o, body); err != nil {
		return err
	}
	switch {
	case a.json && o.path != "-":
		return a.print(map[string]any{"file": o.path, "lines": lines}, nil)
	case o.path != "-":
		a.say("%d lines written to %s", lines, o.path)
	}
	return nil
}
