package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/support"
	"syncd/internal/tracing"
	"syncd/internal/web/control"
	"syncd/internal/web/pages"
)

func serveCommand(a *cli) *cobra.Command {
	return &cobra.Command{Use: "serve", Short: "Run the daemon: schedules, metrics, health, pages", Args: cobra.NoArgs,
		Long: "Run until told to stop. While it runs it owns the state, and every other command works through it.\nSIGHUP has it read the configuration anew, as syncd reload does.\nIt logs to standard error, one JSON object a line.",
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
			stop, err := tracing.Start(cmd.Context(), os.Getenv, version().Version, log)
			if err != nil {
				return err
			}
			defer stop()
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
			served := daemon(nil)
			hangup := make(chan os.Signal, 1) // one is enough: what is read then is the newest
			signal.Notify(hangup, syscall.SIGHUP)
			defer signal.Stop(hangup)
			served.Hangup, served.Redact = hangup, a.redact
			return w.Serve(cmd.Context(), served)
		}}
}

// daemon runs the commands that come through the control socket in this process,
// which owns the state, with the terminal and the files of whoever typed them.
func daemon(ready func(addr string)) app.Daemon {
	return app.Daemon{Version: version().Version, Ready: ready, Style: pages.Style(),
		Pages: func(r *app.Running) http.Handler { return pages.Handler(r, pages.Visitors(r.App)) },
		Run: func(ctx context.Context, w *app.App, q control.Request, c *control.Console) int {
			if note := w.Config.OtherThan(q); note != "" && !slices.Contains(q.Args, "reload") {
				fmt.Fprintln(c.Err, "syncd: "+note)
			}
			return execute(ctx, &cli{console: c, args: q.Args, app: w})
		}}
}
