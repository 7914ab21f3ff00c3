package main

import (
	"context"
	"io"
	"net/http"
	"os"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/support"
	"syncd/internal/web/control"
	"syncd/internal/web/pages"
)

func serveCommand(a *cli) *cobra.Command {
	return &cobra.Command{Use: "serve", Short: "Run the daemon: schedules, metrics, health, pages", Args: cobra.NoArgs,
		Long: "Run until told to stop. While it runs it owns the state, and every other command works through it.\nIt logs to standard error, one JSON object a line.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			level := zerolog.InfoLevel
			if a.verbose {
				level = zerolog.DebugLevel
			}
			tail := &support.Tail{}
			log := zerolog.New(a.redact.Writer(io.MultiWriter(os.Stderr, tail))).Level(level).With().Timestamp().Logger()
			store, err := openState(cfg)
			if err != nil {
				return err
			}
			defer store.Close()
			w, err := newApp(cfg, store, log)
			if err != nil {
				return err
			}
			w.LogTail = tail
			return w.Serve(cmd.Context(), daemon(w, nil))
		}}
}

// daemon runs the commands that come through the control socket in this process,
// which owns the state, with the terminal and the files of whoever typed them.
func daemon(w *app.App, ready func(addr string)) app.Daemon {
	return app.Daemon{Version: version().Version, Ready: ready, Style: pages.Style(), Pages: func(r *app.Running) http.Handler { return pages.Handler(r, pages.Visitors(w)) }, Run: func(ctx context.Context, q control.Request, c *control.Console) int {
		return execute(ctx, &cli{console: c, args: q.Args, app: w})
	}}
}
