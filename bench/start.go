package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

const (
	mostToReady = 250 * time.Millisecond
	scopes      = 1000
	eachScope   = 1000 // records
)

// start measures how long `syncd serve` takes from being executed to the first
// 200 of /readyz, with a store of a million records.
func (b *bench) start() error {
	sims, err := startSimulators(estate{Target: billing, Customers: 10})
	if err != nil {
		return err
	}
	defer sims.close()
	p, err := install(b.syncd, filepath.Join(b.dir, "start"), sims)
	if err != nil {
		return err
	}
	if err := fill(p.state()); err != nil {
		return fmt.Errorf("filling a store: %w", err)
	}
	size, err := os.Stat(p.state())
	if err != nil {
		return err
	}
	var times []time.Duration
	for range 3 {
		took, err := p.ready()
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	took := median(times)
	b.results.gate(took <= mostToReady, fmt.Sprintf("start to ready, %d records (%d MiB)", scopes*eachScope, size.Size()>>20),
		fmt.Sprintf("≤ %d ms", mostToReady.Milliseconds()), "%d ms", took.Milliseconds())
	return nil
}

// fill writes a store of a million records.
func fill(path string) error {
	store, err := boltstate.Open(path, boltstate.Options{})
	if err != nil {
		return err
	}
	defer store.Close()
	now := time.Now().UTC()
	for i := range scopes {
		scope := plan.Scope{Customer: fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i), Target: "connectwise"}
		c := &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: fmt.Sprintf("Customer %d", i), Job: "licences", Outcome: "in_step", At: now, InStepAt: now, Objects: eachScope}}
		for j := range eachScope {
			o := plan.Object{Key: plan.Key{Kind: "addition", ID: fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(j)*2654435761, j)},
				Label: "Microsoft 365 Business Premium", Ref: fmt.Sprintf("%d/%d", i, j), Fields: plan.Set("quantity", fmt.Sprint(j%50), "cancelled", "")}
			c.Put = append(c.Put, plan.Record{Object: o, Origin: plan.Adopted, Run: "01JD0000000000000000000000", At: now})
		}
		if err := store.Commit(context.Background(), c); err != nil {
			return err
		}
	}
	return nil
}

// ready starts the daemon, waits until it is ready and stops it.
func (p *program) ready() (time.Duration, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address := free.Addr().String()
	free.Close()
	cmd := p.command(nil, "serve")
	cmd.Env = append(cmd.Env, "SYNCD_LISTEN="+address)
	var log strings.Builder
	cmd.Stderr = &log
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var took time.Duration
	for took == 0 && time.Since(started) < 30*time.Second {
		if answer, err := http.Get("http://" + address + "/readyz"); err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				took = time.Since(started)
				break
			}
		}
		time.Sleep(time.Millisecond)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	err = cmd.Wait()
	if took == 0 {
		return 0, fmt.Errorf("syncd serve was not ready within 30 s (%v):\n%s", err, tail(log.String()))
	}
	if err != nil {
		return 0, fmt.Errorf("stopping syncd serve: %w\n%s", err, tail(log.String()))
	}
	return took, nil
}
