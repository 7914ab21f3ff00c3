package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"syncd/internal/web/control"
)

func allCommands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, allCommands(sub)...)
	}
	return all
}

// A flag may stand before its command only if it is plain whether a value follows.
func TestFlagsOfOneNameTakeAValueOrNone(t *testing.T) {
	valued := map[string]bool{}
	for _, c := range allCommands((&cli{console: control.Local()}).root()) {
		for _, set := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
			set.VisitAll(func(f *pflag.Flag) {
				takes := f.NoOptDefVal == ""
				if was, seen := valued[f.Name]; seen && was != takes {
					t.Errorf("%s --%s takes a value, or none, unlike elsewhere", c.CommandPath(), f.Name)
				}
				valued[f.Name] = takes
			})
		}
	}
}

// Help is read on eighty columns.
func TestHelpFitsTheTerminal(t *testing.T) {
	var out strings.Builder
	console := control.Local()
	console.Width = 80
	root := (&cli{console: console}).root()
	root.SetOut(&out)
	for _, c := range allCommands(root) {
		if c.Hidden || c.CommandPath() == "syncd completion bash" || strings.HasPrefix(c.CommandPath(), "syncd completion ") {
			continue
		}
		out.Reset()
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(out.String(), "\n") {
			if n := len([]rune(line)); n > 80 && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%s: %d columns: %s", c.CommandPath(), n, line)
			}
		}
	}
}

func TestFlagsBeforeTheirCommand(t *testing.T) {
	root := (&cli{console: control.Local()}).root()
	for _, c := range []struct{ typed, want string }{
		{"--yes cipp users offboard x", "cipp users offboard x --yes"},
		{"--json --tenant contoso cipp users list", "--json cipp users list --tenant contoso"},
		{"--config c.yaml --target=ITGlue -v plan --all", "--config c.yaml -v plan --all --target=ITGlue"},
		{"--customer Contoso plan -- x", "plan --customer Contoso -- x"},
		{"plan --all", "plan --all"},
		{"--version", "--version"},
		{"--nosuch plan", "--nosuch plan"},
		{"--yes", "--yes"},
	} {
		if got := strings.Join(arranged(root, strings.Fields(c.typed)), " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.typed, got, c.want)
		}
	}
}
