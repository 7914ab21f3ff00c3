// Command syncd keeps ConnectWise billing, IT Glue documentation and SCIM
// identities in step with what Microsoft 365 tenants hold.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"syncd/internal/web/control"
)

func main() {
	os.Exit(Main())
}

// Main is the program as typed; tests run it in a process of its own.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends at once: the first one stays as it was for good.
	context.AfterFunc(ctx, stop)
	return execute(ctx, &cli{console: control.Local(), args: os.Args[1:]})
}
