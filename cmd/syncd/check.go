package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/target"
)

func checkCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "check", Short: "Prove configuration, credentials, rights, reachability", Args: cobra.NoArgs,
		Long: "Ask every configured system whether syncd may and can work with it, one line each, with the remedy. Nothing is written.\n\nExit status: 0 all well, 1 something is wrong, 64 the configuration itself is."}
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		findings := w.Check(ctx)
		if slices.ContainsFunc(findings, func(f target.Finding) bool { return !f.OK }) {
			a.status = statusFailed
		}
		return a.print(struct {
			Checks []target.Finding `json:"checks"`
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
