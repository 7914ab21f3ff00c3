package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func healthcheckCommand(a *cli) *cobra.Command {
	return &cobra.Command{Use: "healthcheck", Short: "Ask the daemon whether it is ready; for containers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
			defer cancel()
			if err := askReady(ctx, reachable(cfg.Listen), cfg.TLS.Config != ""); err != nil {
				return err
			}
			return a.print(map[string]bool{"ready": true}, func(out io.Writer) error {
				_, err := fmt.Fprintln(out, "ready")
				return err
			})
		}}
}

// askReady asks the daemon that listens on an address of this machine whether it is ready.
func askReady(ctx context.Context, address string, encrypted bool) error {
	scheme, client := "http", &http.Client{}
	if encrypted {
		// Its certificate is for the name that people type, and nothing secret is asked or told.
		scheme, client.Transport = "https", &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the daemon does not answer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the daemon is not ready: %s", resp.Status)
	}
	return nil
}

// reachable is the listening address as one can call it from this machine.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
