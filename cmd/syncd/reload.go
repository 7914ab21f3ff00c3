package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/web/control"
)

func reloadCommand(a *cli) *cobra.Command {
	return &cobra.Command{Use: "reload", Short: "Have the daemon take the configuration as it is now", Args: cobra.NoArgs,
		Long: "The daemon reads its configuration and its secrets anew. Where anything is wrong with them it takes nothing of them and says what; otherwise it takes all and says what changed. " +
			"Runs under way end with the configuration that they began with. Only listen, state and tls need a restart.\n\nExit status: 0 taken, 64 not taken, the former one stays.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.app != nil {
				return a.stateful(a.reload)(cmd, args)
			}
			// What is wrong with a configuration is for the daemon to say, which remembers it.
			cfg, err := a.readConfig()
			if cfg == nil {
				return err
			}
			status, called := cfg.Daemon().Call(cmd.Context(), cfg.Request(a.args), a.console)
			switch {
			case !errors.Is(called, control.ErrNoDaemon):
				a.status = status
				return called
			case err != nil:
				return err
			}
			a.cfg = cfg
			if err := a.may(cmd); err != nil {
				return err
			}
			return usage("no daemon runs on the state %s, so nothing was taken: it reads the configuration when it starts; another state takes a restart", cfg.State.Path)
		}}
}

func (a *cli) reload(ctx context.Context, w *app.App, _ []string) error {
	r, err := w.Reload(ctx, a.operator())
	if err != nil {
		return err
	}
	return a.print(r, func(out io.Writer) error {
		fmt.Fprintf(out, "taken: %s\n", r.File)
		if len(r.Changes) == 0 {
			fmt.Fprintln(out, "nothing in it is other than before")
		}
		for _, c := range r.Changes {
			fmt.Fprintf(out, "  %s: %s\n", c.Setting, settingChange(c))
		}
		return nil
	})
}

// settingChange says what is other about a setting.
func settingChange(c app.SettingChange) string {
	switch {
	case c.Before == nil && c.Secret:
		return "new"
	case c.After == nil && c.Secret:
		return "gone"
	case c.Secret:
		return "changed"
	case c.Before == nil:
		return "now " + orNothing(*c.After)
	case c.After == nil:
		return "no more " + orNothing(*c.Before)
	}
	return orNothing(*c.Before) + " -> " + orNothing(*c.After)
}

// orNothing makes an empty text visible.
func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
