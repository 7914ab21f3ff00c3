package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/support"
)

func supportCommand(a *cli) *cobra.Command {
	var into output
	var names bool
	cmd := &cobra.Command{Use: "support", Short: "Write one archive for a bug report, without secrets and names", Args: cobra.NoArgs,
		Long: "Write one archive for a bug report, and print its path: versions, the configuration in force, the last runs, where the customers stand, metrics,\n" +
			"and the newest lines of the daemon's log. No secret is in it. Names of customers and people, user names, domains and mail addresses are pseudonyms."}
	a.writesOut(cmd, &into, "the archive (`FILE`), a .tar.gz or .zip (default syncd-support-TIME.tar.gz)")
	cmd.Flags().BoolVar(&names, "names", false, "leave names as they are")
	write := a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		at := w.Now().UTC()
		files, err := w.Support(ctx, w.Versions(version().Version), names)
		if err != nil {
			return err
		}
		body, err := support.Archive(into.path, at, files)
		if err != nil {
			return err
		}
		if err := a.write(&into, body); err != nil {
			return err
		}
		return a.print(map[string]any{"file": into.path}, func(out io.Writer) error {
			_, err := fmt.Fprintln(out, into.path)
			return err
		})
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if into.path == "" { // the daemon writes only a file that the command names
			into.path = supportPath(time.Now())
			a.args = append(a.args, "--out", into.path)
		}
		if into.path == "-" {
			return usage("the archive needs a file: --out FILE")
		}
		return write(cmd, args)
	}
	return cmd
}

// supportPath is a name that no file has.
func supportPath(now time.Time) string {
	name := "syncd-support-" + now.UTC().Format("20060102T150405Z")
	path := name + ".tar.gz"
	for n := 2; ; n++ {
		if _, err := os.Lstat(path); err != nil {
			return path
		}
		path = fmt.Sprintf("%s-%d.tar.gz", name, n)
	}
}
