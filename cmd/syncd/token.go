package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/report"
)

func tokenCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Let programs use the pages", Args: cobra.NoArgs,
		Long: "A program sends a token as  Authorization: Bearer TOKEN  and gets the pages as JSON (Accept: application/json). It may do what the token's role says until it expires or is revoked. " +
			"Only a digest of it is kept."}
	var role, name string
	var days int
	create := &cobra.Command{Use: "create", Short: "Make one and print it, this once", Args: cobra.NoArgs,
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			t, text, err := w.CreateToken(ctx, a.operator(), name, role, days)
			if err != nil {
				return err
			}
			return a.print(struct {
				app.TokenState
				Token string `json:"token"`
			}{app.NewTokenState(t), text}, func(out io.Writer) error {
				_, err := fmt.Fprintln(out, text)
				return err
			})
		})}
	onceVar(create.Flags(), &role, "role", "what it may do: `ROLE` is viewer, mapper, approver or operator")
	onceVar(create.Flags(), &name, "name", "`TEXT` that says what program it is for")
	wholeVar(create.Flags(), &days, "expires", 90, "for how many `DAYS` it lasts")
	list := &cobra.Command{Use: "list", Short: "Show them, without the tokens themselves", Args: cobra.NoArgs,
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error { return a.listTokens(ctx, w) })}
	revoke := &cobra.Command{Use: "revoke ID", Short: "Take one away for good", Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *app.App, args []string) error {
			t, err := w.RevokeToken(ctx, a.operator(), args[0])
			if err != nil {
				return err
			}
			return a.print(app.NewTokenState(t), func(out io.Writer) error {
				_, err := fmt.Fprintf(out, "%s revoked: whoever sends it gets 401 from now on\n", t.ID)
				return err
			})
		})}
	cmd.AddCommand(create, list, revoke)
	return cmd
}

func (a *cli) listTokens(ctx context.Context, w *app.App) error {
	tokens, err := w.Tokens(ctx)
	if err != nil {
		return err
	}
	all := make([]app.TokenState, len(tokens))
	for i, t := range tokens {
		all[i] = app.NewTokenState(t)
	}
	return a.print(struct {
		Tokens []app.TokenState `json:"tokens"`
	}{all}, func(out io.Writer) error {
		if len(all) == 0 {
			_, err := fmt.Fprintln(out, "no program has a token; syncd token create makes one")
			return err
		}
		s := report.Sheet{Columns: []report.Column{{Name: "Id"}, {Name: "Name"}, {Name: "Role"}, {Name: "Created"}, {Name: "Expires"}, {Name: "Last used"}, {Name: "By"}}}
		for _, t := range all {
			expires, used := t.Expires.In(w.Location).Format(time.DateOnly), "never"
			if !w.Now().Before(t.Expires) {
				expires += " (expired)"
			}
			if t.LastUsed != nil {
				used = t.LastUsed.In(w.Location).Format("2006-01-02 15:04")
			}
			s.Rows = append(s.Rows, []string{t.ID, t.Name, t.Role, t.Created.In(w.Location).Format(time.DateOnly), expires, used, t.CreatedBy})
		}
		return s.Table(out, a.console.Width)
	})
}
