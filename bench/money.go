package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"syncd/bench/replay"
)

// money lives random histories, and fails at the first line that is billed
// otherwise than an independent model says.
func (b *bench) money() error {
	months := cmp.Or(b.customerMonths, 100_000)
	seed := cmp.Or(b.seed, uint64(time.Now().UnixNano()))
	fmt.Fprintf(os.Stderr, "random histories of seed %d\n", seed)
	debug.SetGCPercent(400) // memory is there, and two thirds of what is made is thrown away at once
	started := time.Now()
	r, err := replay.Run(months, 7, seed)
	if err != nil {
		return err
	}
	b.results.gate(r.Months >= months, "histories: customer-months billed as the model says", strconv.Itoa(months), "%d", r.Months)
	b.results.inform("histories: runs, kills, approvals, overrides", "%d, %d, %d, %d in %s", r.Runs, r.Kills, r.Approvals, r.Overrides, time.Since(started).Round(time.Second))
	b.results.inform("histories: invoices to the cent, deleted and made again", "%d, %d", r.Invoices, r.Deleted)
	b.results.inform("histories: months closed, not yet to be closed", "%d, %d", r.Closed, r.Refused)
	b.results.inform("histories: packs that verify, and not with one bit changed", "%d", r.Packs)
	b.results.inform("histories: falls that nothing explains", "%d", r.Happened["nothing explains it"])
	b.results.inform("histories: guesses (a fall and a purchase in one read)", "%d", r.Guesses)
	return nil
}
