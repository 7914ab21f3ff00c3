package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/backup"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

func stateCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "state", Short: "Back up, restore, verify, migrate or compact the state", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage("say what: backup, restore, verify, migrate or compact")
		}}
	var copied output
	copying := &cobra.Command{Use: "backup FILE", Short: "Write a consistent copy, also while the daemon runs", Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			var body bytes.Buffer
			if err := w.Store.Backup(ctx, &body); err != nil {
				return fmt.Errorf("backing the state up: %w", err)
			}
			if err := a.write(&copied, body.Bytes()); err != nil {
				return err
			}
			if copied.path == "-" {
				return nil
			}
			return a.print(map[string]any{"file": copied.path, "bytes": body.Len()}, func(out io.Writer) error {
				_, err := fmt.Fprintf(out, "%d bytes written to %s\n", body.Len(), copied.path)
				return err
			})
		})}
	a.writes(copying, &copied)
	var evidence string
	verify := &cobra.Command{Use: "verify", Short: "Check the state and the journal's chain, or a month's evidence", Args: cobra.NoArgs,
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			if evidence != "" {
				return a.verifyEvidence(ctx, w, evidence)
			}
			counts, err := w.Store.Verify(ctx)
			if err != nil {
				return err
			}
			return a.print(counts, func(out io.Writer) error { return writeCounts(out, counts) })
		})}
	check := verify.RunE
	verify.RunE = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if evidence != "" && err != nil && !errors.Is(err, app.ErrEvidence) {
			return usage("%s was compared with nothing: %w", evidence, err) // 1 says that it differs
		}
		return err
	}
	onceVar(verify.Flags(), &evidence, "evidence", "compare the `FILE` of report month with the journal")
	var identity string
	restore := &cobra.Command{Use: "restore FILE", Short: "Put a backup in the place of the state; the daemon must be stopped", Args: cobra.ExactArgs(1),
		Long: "Put a backup in the place of the state, which is kept beside it. FILE is what state backup or the daemon wrote (backup.dir), or - for standard input.\n" +
			"An encrypted one (.age) needs --identity, or comes through age: age -d -i KEYFILE FILE | syncd state restore -",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			if err := a.may(cmd); err != nil {
				return err
			}
			if a.app != nil || cfg.Daemon().Listens() {
				return usage("the daemon is using the state; stop it, restore, start it again")
			}
			file := args[0]
			if file == "-" {
				file = "/dev/stdin"
			}
			if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
				return usage("%s does not exist; name the file that state backup or the daemon wrote", file)
			}
			done, err := boltstate.Restore(file, func(in io.Reader) (io.Reader, error) { return backup.Plain(in, identity) }, cfg.State.Path, time.Now())
			if errors.Is(err, backup.ErrEncrypted) {
				return usage("%w; name the file with the secret key: syncd state restore %s --identity KEYFILE", err, args[0])
			}
			if err != nil {
				return err
			}
			return a.print(done, func(out io.Writer) error { return writeRestoration(out, cfg.State.Path, done) })
		}}
	onceVar(restore.Flags(), &identity, "identity", "the `KEYFILE` of age that opens an encrypted backup")
	migrate := &cobra.Command{Use: "migrate", Short: "Bring the state to this version's layout (opening it does so too)",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("syncd state migrate TO is not there yet: the state cannot be moved to another store; syncd state backup FILE copies it")
			}
			return nil
		},
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			counts, err := w.Store.Verify(ctx)
			if err != nil {
				return err
			}
			return a.print(counts, func(out io.Writer) error {
				if err := writeCounts(out, counts); err != nil {
					return err
				}
				_, err := fmt.Fprintln(out, "the layout is up to date")
				return err
			})
		})}
	compact := &cobra.Command{Use: "compact", Short: "Give the room of what was forgotten back to the disk, at any time", Args: cobra.NoArgs,
		Long: "Forget what is older than it is kept (evidence.keep), and write the state to a file without the room that is free in it.\nRuns wait meanwhile; nothing of what is kept changes.",
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			done, err := w.Compact(ctx)
			if err != nil {
				return err
			}
			return a.print(done, func(out io.Writer) error {
				p := &page{w: out}
				if done.Forgotten != (state.Pruned{}) {
					p.line("older than %s: %s of the ledger, %s of the journal and %s are forgotten", app.Count(w.Config.Evidence.Keep, "month"),
						app.Count(done.Forgotten.Spans, "span"), app.Count(done.Forgotten.Entries, "line"), app.Count(done.Forgotten.Runs, "run"))
				}
				p.line("%s: %d KiB before, %d KiB now", w.Config.State.Path, done.Before>>10, done.After>>10)
				return p.err
			})
		})}
	cmd.AddCommand(copying, restore, verify, migrate, compact)
	return cmd
}

func writeRestoration(out io.Writer, path string, done state.Restoration) error {
	p := &page{w: out}
	asOf := "no run is noted in it"
	if !done.AsOf.IsZero() {
		asOf = "its last run began at " + done.AsOf.Format(time.DateTime+" MST")
	}
	p.line("%s is in place; %s", path, asOf)
	if done.Former != "" {
		p.line("the former state is kept as %s", done.Former)
	}
	p.line("%s of it dropped: what they allowed may be done already", app.Count(done.Decisions, "decision"))
	if done.SignedOut {
		p.line("people sign in again, and programs need new tokens (syncd token create): what was revoked since is not known")
	}
	p.line("the next plan of each customer at each target waits for a person: syncd apply, then syncd holds")
	return p.err
}

func writeCounts(out io.Writer, c state.Counts) error {
	p := &page{w: out}
	p.line("sound: %d scopes, %d records, %d holds, %d journal entries, %d runs, %d spans", c.Scopes, c.Records, c.Holds, c.Entries, c.Runs, c.Spans)
	if c.Forgotten > 0 {
		p.line("the journal begins with line %d: what was before is older than it is kept, as a line of it says", c.Forgotten+1)
	}
	return p.err
}
