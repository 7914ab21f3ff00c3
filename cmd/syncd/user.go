package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/web/signin"
)

// hashFlag carries the hash of a password to the daemon; the password itself goes nowhere.
const hashFlag = "hash"

// weakBelow is a length of passwords, in bytes, below which they are guessed soon.
const weakBelow = 10

func userCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Let people sign in to the pages with a password"}
	var role, hash string
	add := &cobra.Command{Use: "add NAME", Short: "Add somebody, or give a new password", Args: cobra.ExactArgs(1),
		Long: "NAME is what the person types to sign in: the login of staff, which says the role, or somebody else with --role. The password is asked for, or read as one line of standard input. " +
			"The file that auth.basic names gets the line; the daemon reads it at once, and ends the sessions of a former password."}
	onceVar(add.Flags(), &role, "role", "what somebody may do whom staff does not name: `ROLE` is viewer, mapper, approver or operator")
	onceVar(add.Flags(), &hash, hashFlag, "the `HASH` of the password, bcrypt, instead of the password itself")
	_ = add.Flags().MarkHidden(hashFlag)
	put := a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		if hash == "" {
			return usage("nobody was added: the password is missing; type the command in a terminal, or give the password on standard input")
		}
		replaced, err := w.AddUser(ctx, a.operator(), args[0], role, hash)
		if err != nil {
			return err
		}
		return a.print(map[string]any{"user": args[0], "file": w.Config.Auth.Basic.File, "replaced": replaced}, func(out io.Writer) error {
			what := "can sign in now"
			if replaced {
				what = "has a new password"
			}
			_, err := fmt.Fprintf(out, "%s %s (%s)\n", args[0], what, w.Config.Auth.Basic.File)
			return err
		})
	})
	add.RunE = func(cmd *cobra.Command, args []string) error {
		if hash == "" && a.app == nil {
			cfg, err := a.config()
			if cfg == nil {
				return err
			}
			if err := a.may(cmd); err != nil {
				return err
			}
			if _, _, err := cfg.CheckNewUser(args[0], role); err != nil {
				return err
			}
			if hash, err = a.newPassword(args[0]); err != nil {
				return err
			}
			a.args = append(a.args, "--"+hashFlag+"="+hash)
		}
		return put(cmd, args)
	}
	cmd.AddCommand(add)
	return cmd
}

// newPassword reads a password and returns its hash.
func (a *cli) newPassword(name string) (string, error) {
	if a.console.Password == nil {
		return "", usage("nobody was added: the password cannot be asked for here")
	}
	password, err := a.console.Password("Password for " + name + ": ")
	if err != nil {
		return "", usage("nobody was added: reading the password: %w", err)
	}
	hash, err := signin.Hash(password)
	if err != nil {
		return "", usage("nobody was added: %w", err)
	}
	if len(password) < weakBelow {
		fmt.Fprintf(a.err(), "syncd: the password is short; one of %d characters or more is harder to guess\n", weakBelow)
	}
	return hash, nil
}
