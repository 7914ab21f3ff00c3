package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/state"
)

// A finding is one line of check.
type finding struct {
	System string `json:"system"`
	Name   string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

func checkCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "check", Short: "Prove configuration, credentials, rights, reachability", Args: cobra.NoArgs,
		Long: "Ask every configured system whether syncd may and can work with it, one line each, with the remedy. Nothing is written.\n\nExit status: 0 all well, 1 something is wrong, 64 the configuration itself is."}
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, _ []string) error {
		findings := w.check(ctx)
		for i, f := range findings {
			findings[i].Detail = a.redact.Text(f.Detail)
			if !f.OK {
				a.status = statusFailed
			}
		}
		return a.print(struct {
			Checks []finding `json:"checks"`
		}{findings}, func(out io.Writer) error {
			p := a.page(out)
			for _, f := range findings {
				mark := p.paint("ok  ", text.FgGreen)
				if !f.OK {
					mark = p.paint("FAIL", text.FgRed, text.Bold)
				}
				// The error says its remedy too; once is enough.
				detail := strings.TrimSuffix(strings.TrimSuffix(f.Detail, f.Remedy), "; ")
				p.flow(fmt.Sprintf("%s %-12s %-14s ", mark, f.System, f.Name), clean(detail))
				if f.Remedy != "" {
					p.flow(fmt.Sprintf("     %-12s %-14s -> ", "", ""), clean(f.Remedy))
				}
			}
			return p.err
		})
	})
	return cmd
}

func (w *World) check(ctx context.Context) []finding {
	all := []finding{{System: "syncd", Name: "configuration", OK: true, Detail: fmt.Sprintf("%s, targets: %s", count(len(w.Jobs), "job"), names(w.Config.targets(), func(t string) string { return t }))}}
	if w.Config.exposed != "" {
		all = append(all, finding{System: "syncd", Name: "permissions", Detail: w.Config.exposed,
			Remedy: "chmod 600 it, owned by the user that syncd runs as, or keep the secrets out of it (SYNCD_…_FILE)"})
	}
	stored := finding{System: "syncd", Name: "state", OK: true}
	if counts, err := w.Store.Verify(ctx); err != nil {
		stored.OK, stored.Detail, stored.Remedy = false, err.Error(), stateRemedy(err)
	} else {
		stored.Detail = fmt.Sprintf("%d scopes, %d records, %d journal entries", counts.Scopes, counts.Records, counts.Entries)
	}
	all = append(all, stored)
	for _, f := range w.CIPP.Check(ctx, w.needs()) {
		all = append(all, finding{"cipp", f.Name, f.OK, f.Detail, f.Remedy})
	}
	if w.ConnectWise != nil {
		for _, f := range w.ConnectWise.Check(ctx) {
			all = append(all, finding{"connectwise", f.Name, f.OK, f.Detail, f.Remedy})
		}
	}
	if w.ITGlue != nil {
		for _, f := range w.ITGlue.Check(ctx) {
			all = append(all, finding{"itglue", f.Name, f.OK, f.Detail, f.Remedy})
		}
	}
	table, _ := w.links(ctx) // checkTables says what is wrong with them
	for i, client := range w.SCIM {
		var accounts []string
		for _, row := range table.Rows {
			if link := row.Links[mapping.SCIMColumn(w.Config.SCIM[i].Name)]; row.Status == mapping.Linked && link != "" {
				accounts = append(accounts, link)
			}
		}
		for _, f := range client.Check(ctx, accounts...) {
			all = append(all, finding{client.Name(), f.Name, f.OK, f.Detail, f.Remedy})
		}
	}
	return append(all, w.checkTables(ctx))
}

// needs are the collections that the configured targets are made from.
func (w *World) needs() directory.Kinds {
	needs := directory.Licences
	if w.ITGlue != nil {
		needs |= w.ITGlue.Open().Spec().Needs
	}
	for _, client := range w.SCIM {
		needs |= client.Open().Spec().Needs
	}
	return needs
}

// checkTables says how far people have got with the tables. Nothing linked yet
// is a beginning, not a failure.
func (w *World) checkTables(ctx context.Context) finding {
	f := finding{System: "syncd", Name: "tables"}
	table, err := w.links(ctx)
	if err == nil {
		var rules mapping.Rules
		if rules, err = w.rules(ctx); err == nil {
			linked := 0
			for _, r := range table.Rows {
				if r.Status == mapping.Linked {
					linked++
				}
			}
			f.OK = true
			f.Detail = fmt.Sprintf("%s linked, %s billed", count(linked, "customer"), count(len(rules.Billed()), "product"))
			if linked == 0 || len(rules.Billed()) == 0 {
				f.Remedy = "next: syncd map suggest, syncd products suggest"
			}
			return f
		}
	}
	f.Detail, f.Remedy = err.Error(), stateRemedy(err)
	return f
}

// stateRemedy tells a state that is damaged from one that only cannot be read.
func stateRemedy(err error) string {
	if errors.Is(err, state.ErrCorrupt) {
		return "restore a backup: syncd state restore FILE"
	}
	return "look at the disk and at who may read the file; the state itself may be sound"
}
