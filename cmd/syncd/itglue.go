package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/itglue"
	"syncd/internal/report"
)

func itglueCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "itglue", Short: "IT Glue's asset types that the documentation is written into"}
	layouts := &cobra.Command{Use: "layouts", Short: "Show our asset types, and what would change", Args: cobra.NoArgs,
		Long: "Show which of our asset types IT Glue has, and what creating or upgrading would do; nothing is written.\n\n" +
			"create makes the types that are missing; upgrade adds fields that a newer syncd knows, and renews hints that syncd itself wrote. Neither deletes a field nor changes anything else of one: that would take the data of every asset along."}
	layouts.RunE = layoutsRun(a, assetTypes.Layouts, "")
	layouts.AddCommand(
		&cobra.Command{Use: "create", Short: "Create the asset types that are missing", Args: cobra.NoArgs, RunE: layoutsRun(a, assetTypes.CreateLayouts, "create")},
		&cobra.Command{Use: "upgrade", Short: "Add the fields that types lack, and explain the others", Args: cobra.NoArgs, RunE: layoutsRun(a, assetTypes.UpgradeLayouts, "upgrade")})
	cmd.AddCommand(layouts)
	return cmd
}

// assetTypes are kept by IT Glue.
type assetTypes interface {
	Layouts(ctx context.Context) ([]itglue.Layout, error)
	CreateLayouts(ctx context.Context) ([]itglue.Layout, error)
	UpgradeLayouts(ctx context.Context) ([]itglue.Layout, error)
}

// layoutsRun shows the types as they stand after doing something about them.
func layoutsRun(a *cli, do func(assetTypes, context.Context) ([]itglue.Layout, error), verb string) func(*cobra.Command, []string) error {
	return a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		glue, there := app.Find[assetTypes](w)
		if !there {
			return usage("itglue is not configured; add the section itglue to the configuration")
		}
		before := []itglue.Layout{}
		if verb != "" {
			var err error
			if before, err = glue.Layouts(ctx); err != nil {
				return err
			}
		}
		layouts, err := do(glue, ctx)
		if len(layouts) == 0 {
			return err
		}
		done := changedLayouts(before, layouts)
		printed := a.print(struct {
			Layouts []itglue.Layout `json:"layouts"`
			Changed []string        `json:"changed"`
		}{layouts, app.Listed(done)}, func(out io.Writer) error { return writeLayouts(out, a.console.Width, layouts, done, verb) })
		if err != nil {
			return err
		}
		for _, l := range layouts {
			if l.Trouble != "" {
				a.status = statusFailed
			}
		}
		return printed
	})
}

// changedLayouts says in words what became different.
func changedLayouts(before, after []itglue.Layout) []string {
	var done []string
	for i, l := range after {
		switch {
		case i >= len(before):
		case !before[i].Exists() && l.Exists():
			done = append(done, fmt.Sprintf("created %s (%s)", l.Name, l.ID))
		case len(before[i].Missing) > len(l.Missing):
			done = append(done, fmt.Sprintf("added to %s: %s", l.Name, strings.Join(before[i].Missing, ", ")))
		}
		if n := len(l.Outdated); i < len(before) && before[i].Exists() && n < len(before[i].Outdated) {
			done = append(done, fmt.Sprintf("explained in %s: %d fields", l.Name, len(before[i].Outdated)-n))
		}
	}
	return done
}

func writeLayouts(out io.Writer, width int, layouts []itglue.Layout, done []string, verb string) error {
	s := report.Sheet{Columns: []report.Column{{Name: "Type"}, {Name: "Id"}, {Name: "Stands"}}}
	create, upgrade := false, false
	for _, l := range layouts {
		stands := "complete"
		switch {
		case l.Trouble != "":
			stands = l.Trouble
		case !l.Exists():
			stands, create = fmt.Sprintf("not there; would be created with %d fields", len(l.Missing)), true
		case len(l.Missing) > 0:
			stands, upgrade = "lacks "+strings.Join(l.Missing, ", "), true
		}
		if n := len(l.Outdated); n > 0 {
			stands, upgrade = fmt.Sprintf("%s; the hints of %d fields would be renewed", stands, n), true
		}
		if len(l.Notes) > 0 {
			stands += "; " + strings.Join(l.Notes, "; ")
		}
		s.Rows = append(s.Rows, []string{l.Name, l.ID, clean(stands)})
	}
	if err := s.Table(out, width); err != nil {
		return err
	}
	for _, line := range done {
		fmt.Fprintln(out, clean(line))
	}
	switch {
	case create:
		fmt.Fprintln(out, "next: syncd itglue layouts create")
	case upgrade:
		fmt.Fprintln(out, "next: syncd itglue layouts upgrade")
	case verb != "" && len(done) == 0:
		fmt.Fprintln(out, "nothing to do")
	}
	return nil
}
