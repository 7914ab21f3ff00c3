package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const leastObjects = 1_000_000 // in step, a second, on one core

// pure measures diff, guards and digest by the benchmark of their package.
func (b *bench) pure() error {
	const n = 100_000 // objects in one operation of the benchmark
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkInStep$", "-benchmem", "-cpu", "1", "-count", "3", "syncd/internal/plan")
	cmd.Dir = b.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	speed, allocations := 0.0, 0.0
	found := false
	for text := range strings.Lines(string(out)) {
		if !strings.HasPrefix(text, "BenchmarkInStep") {
			continue
		}
		found = true
		fields := strings.Fields(text)
		for i := 1; i < len(fields); i++ {
			v, _ := strconv.ParseFloat(fields[i-1], 64)
			switch fields[i] {
			case "objects/s":
				speed = max(speed, v)
			case "allocs/op":
				allocations = max(allocations, v)
			}
		}
	}
	if !found {
		return fmt.Errorf("no result of BenchmarkInStep in:\n%s", out)
	}
	b.results.gate(speed >= leastObjects, "diff, guards and digest: objects in step a second, one core", fmt.Sprintf("≥ %d", leastObjects), "%.0f", speed)
	// A plan is an object too; what matters is that none comes with an object.
	b.results.gate(allocations < 10, "diff, guards and digest: allocations for 100,000 objects", "0 an object", "%.0f (%.5f an object)", allocations, allocations/n)
	return nil
}

// moduleRoot is where go.mod is.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	path := strings.TrimSpace(string(out))
	if filepath.Base(path) != "go.mod" {
		return "", fmt.Errorf("run the bench inside the module: go run ./bench")
	}
	return filepath.Dir(path), nil
}
