package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/state/boltstate"
)

// complete makes flags complete with what the configuration and the state
// know. A completion that cannot be made offers nothing and says nothing.
func complete(cmd *cobra.Command, a *app, flags ...string) {
	for _, flag := range flags {
		_ = cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return a.candidates(flag, typed), cobra.ShellCompDirectiveNoFileComp
		})
	}
}

// completeArgs does the same for arguments, by position.
func completeArgs(cmd *cobra.Command, a *app, kinds ...string) {
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(kinds) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.candidates(kinds[len(args)], typed), cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) candidates(kind, typed string) []string {
	cfg, err := a.config()
	if err != nil {
		return nil
	}
	var all []string
	switch kind {
	case "target":
		all = cfg.targets()
	case "job":
		for _, j := range cfg.Jobs {
			all = append(all, j.Name)
		}
	case "customer":
		// While the daemon runs it holds the file; then there are no customers to
		// offer, and waiting for it would make the key feel broken.
		store, err := boltstate.Open(cfg.State.Path, boltstate.Options{ReadOnly: true})
		if err != nil {
			return nil
		}
		defer store.Close()
		for c, err := range store.Cursors(context.Background()) {
			if err != nil {
				return nil
			}
			all = append(all, c.Name)
		}
	}
	var out []string
	for _, c := range all {
		if strings.HasPrefix(strings.ToLower(c), strings.ToLower(typed)) {
			out = append(out, c)
		}
	}
	return out
}
