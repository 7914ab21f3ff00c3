package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/directory"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
	"syncd/internal/web/control"
)

// complete makes flags complete with what the configuration and the state
// know. A completion that cannot be made offers nothing and says nothing.
func complete(cmd *cobra.Command, a *cli, flags ...string) {
	for _, flag := range flags {
		_ = cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return a.candidates(flag, typed), cobra.ShellCompDirectiveNoFileComp
		})
	}
}

// completeArgs does the same for arguments, by position.
func completeArgs(cmd *cobra.Command, a *cli, kinds ...string) {
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(kinds) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.candidates(kinds[len(args)], typed), cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *cli) candidates(kind, typed string) []string {
	cfg, err := a.config()
	if err != nil {
		return nil
	}
	var all []string
	switch kind {
	case "target":
		all = cfg.Targets()
	case "job":
		for _, j := range cfg.Jobs {
			all = append(all, j.Name)
		}
	case "customer", "tenant":
		all = a.names(cfg, kind)
	}
	return beginning(all, typed)
}

// names asks the daemon, which holds the state while it runs, or else the state.
func (a *cli) names(cfg *app.Config, kind string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var out bytes.Buffer
	quiet := *a.console
	quiet.Out, quiet.Err, quiet.Asker = &out, io.Discard, nil
	_, err := cfg.Daemon().Call(ctx, cfg.Request([]string{"names", kind}), &quiet)
	if !errors.Is(err, control.ErrNoDaemon) {
		return strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\n' })
	}
	store, err := boltstate.Open(cfg.State.Path, boltstate.Options{ReadOnly: true})
	if err != nil {
		return nil
	}
	defer store.Close()
	all, err := known(ctx, store, kind)
	if err != nil {
		return nil
	}
	return all
}

// namesCommand is how completion asks a daemon.
func namesCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "names KIND", Hidden: true, Args: cobra.ExactArgs(1)}
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		all, err := known(ctx, w.Store, args[0])
		for _, n := range all {
			fmt.Fprintln(a.out(), clean(n))
		}
		return err
	})
	return cmd
}

// known are the names of customers that the state knows; of tenants also their
// domains, of those that a cipp command met.
func known(ctx context.Context, store state.Store, kind string) ([]string, error) {
	var all []string
	for c, err := range store.Cursors(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, c.Name)
	}
	if kind == "tenant" {
		met, _, err := app.Document[[]metTenant](ctx, store, tenantsDocument)
		if err != nil {
			return nil, err
		}
		for _, t := range met {
			all = append(all, t.Domain, t.Name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// tenantsDocument holds the tenants as the last cipp command listed them, for
// completion alone: nothing is decided by it.
const tenantsDocument = "tenants"

type metTenant struct{ Name, Domain string }

// learnTenants stores the tenants for completion. Its errors are ignored: nothing else reads them.
func (c *cippCommand) learnTenants(ctx context.Context, tenants []directory.Tenant) {
	var now []metTenant
	for i := range tenants {
		now = append(now, metTenant{tenants[i].Name, tenants[i].DefaultDomain})
	}
	was, version, err := app.Document[[]metTenant](ctx, c.app.Store, tenantsDocument)
	if err == nil && !slices.Equal(was, now) {
		_ = app.Put(ctx, c.app.Store, tenantsDocument, version, now)
	}
}

// beginning are the words that begin as what was typed.
func beginning(words []string, typed string) []string {
	var out []string
	for _, w := range words {
		if strings.HasPrefix(strings.ToLower(w), strings.ToLower(typed)) {
			out = append(out, w)
		}
	}
	return out
}

// completeWords makes a flag complete with a closed set of words.
func completeWords(cmd *cobra.Command, flag string, words []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return beginning(words, typed), cobra.ShellCompDirectiveNoFileComp
	})
}
