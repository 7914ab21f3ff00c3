package main

import (
	"cmp"
	"fmt"
	"os"
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
	started := time.Now()
	r, err := replay.Run(months, 7, seed)
	if err != nil {
		return err
	}
	b.results.gate(r.Months >= months, "histories: customer-months billed as the model says", strconv.Itoa(months), "%d", r.Months)
	b.results.inform("histories: runs, kills, approvals, overrides, invoices to the cent", "%d, %d, %d, %d, %d in %s",
		r.Runs, r.Kills, r.Approvals, r.Overrides, r.Invoices, time.Since(started).Round(time.Second))
	return nil
}
