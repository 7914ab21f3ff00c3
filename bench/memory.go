package main

import (
	"fmt"
	"path/filepath"
)

// memory measures the most anonymous memory of an unchanged cycle at three
// sizes, at a rate that lets nothing rest. One limit holds for all of them.
func (b *bench) memory() error {
	for _, n := range []int{b.sizes.small, b.sizes.usual, b.sizes.large} {
		if err := b.memoryOf(n); err != nil {
			return fmt.Errorf("%d customers: %w", n, err)
		}
	}
	return nil
}

func (b *bench) memoryOf(n int) error {
	sims, err := startSimulators(estate{Target: billing, Customers: n})
	if err != nil {
		return err
	}
	defer sims.close()
	p, err := install(b.syncd, filepath.Join(b.dir, fmt.Sprintf("memory-%d", n)), sims)
	if err != nil {
		return err
	}
	if err := p.bringIntoStep(n); err != nil {
		return err
	}
	most, high := 0, 0
	for range 3 {
		r, err := p.run(0, nil, "apply")
		if err != nil {
			return err
		}
		most, high = max(most, r.anonymous), max(high, r.high)
	}
	b.results.gate(mib(most) <= maxAnonymous, fmt.Sprintf("unchanged cycle of %d customers: anonymous memory", n),
		fmt.Sprintf("≤ %d MiB", maxAnonymous), "%.1f MiB (VmHWM %.1f)", mib(most), mib(high))
	return nil
}

func mib(kib int) float64 { return float64(kib) / 1024 }
