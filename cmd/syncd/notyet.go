package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// Names that are fixed already and not built yet. Whoever types one is told so in
// plain words, instead of being told that there is no such thing.

// notYet marks a command that is not there yet.
const notYet = "not yet"

// laterCommands are such commands, with what they will do.
var laterCommands = []struct{ path, what string }{}

// addLater adds the commands that are not there yet, hidden, where nobody has
// built one of that name.
func addLater(root *cobra.Command) {
	for _, later := range laterCommands {
		words := strings.Fields(later.path)
		parent := root
		for _, c := range root.Commands() {
			if len(words) > 1 && c.Name() == words[0] {
				parent = c
			}
		}
		parent.AddCommand(&cobra.Command{Use: words[len(words)-1], Hidden: true, DisableFlagParsing: true, Annotations: map[string]string{notYet: later.what},
			RunE: func(*cobra.Command, []string) error {
				return usage("syncd %s is not there yet: %s", later.path, later.what)
			}})
	}
}
