// Command bench measures syncd against what it promises: speeds as ratios,
// calls as counts, memory as a ceiling. It exits with 1 where a limit is missed.
//
//	go run ./bench            1,000 customers billed, 100 documented, 5,000 users provisioned
//	go run ./bench -quick     200, 20 and 500
//
// README.md says what each line means.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	simulate := flag.String("simulate", "", "be the simulators of an `ESTATE`, written as JSON; the program starts itself so")
	quick := flag.Bool("quick", false, "smaller estates: 200 customers, memory at 50 and 500; 20 customers documented; 500 users provisioned")
	only := flag.String("only", "", "only these `PARTS`, separated by commas: "+strings.Join(partNames(), ", "))
	keep := flag.Bool("keep", false, "keep the working directory, and say where it is")
	slow := flag.Bool("slow", false, "documentation and identity at the true rates of their targets: about an hour")
	histories := flag.Bool("money", false, "random histories of customers against an independent model of what may be billed, and nothing else")
	months := flag.Int("months", 0, "how many customer-months of them; default 100,000")
	seed := flag.Uint64("seed", 0, "of the random histories; default: another every time")
	binary := flag.String("syncd", "", "measure this `FILE` instead of building syncd")
	flag.Parse()
	if *simulate != "" {
		if err := serveSimulators(*simulate); err != nil {
			fatal(err)
		}
		return
	}
	b := &bench{sizes: sizes{small: 100, usual: 1000, large: 5000, users: 100, fewDocumented: 10, documented: 100, fewUsers: 500, manyUsers: 5000}, keep: *keep, slow: *slow, syncd: *binary, customerMonths: *months, seed: *seed}
	if *quick {
		b.sizes = sizes{small: 50, usual: 200, large: 500, users: 50, fewDocumented: 5, documented: 20, fewUsers: 100, manyUsers: 500}
	}
	if *histories {
		*only = "money"
	}
	if err := b.run(*only); err != nil {
		fatal(err)
	}
	if b.results.missed() {
		os.Exit(1)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(2)
}

// sizes are how many customers the estates have.
type sizes struct {
	small, usual, large       int // that are billed
	fewDocumented, documented int
	users                     int // of each that is documented
	fewUsers, manyUsers       int // of one that is provisioned
}

// A bench is one run of everything.
type bench struct {
	sizes   sizes
	keep    bool
	slow    bool   // first runs at the true rates, not at accelerated ones
	dir     string // of everything that is written
	root    string // of the module
	syncd   string // the program under measurement
	results results

	customerMonths int
	seed           uint64
}

// parts are what is measured, in this order.
var parts = []struct {
	name    string
	measure func(*bench) error
}{
	{"pure", (*bench).pure},
	{"cycle", (*bench).cycle},
	{"memory", (*bench).memory},
	{"documentation", (*bench).documentation},
	{"identity", (*bench).identity},
	{"start", (*bench).start},
	{"money", (*bench).money}, // only where it is asked for
}

func partNames() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

func (b *bench) run(only string) error {
	wanted := strings.FieldsFunc(only, func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range wanted {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("-only %s: there is no such part; there are %s", name, strings.Join(partNames(), ", "))
		}
	}
	var err error
	if b.root, err = moduleRoot(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "syncd-bench-"); err != nil {
		return err
	}
	if b.keep {
		fmt.Fprintln(os.Stderr, "working directory:", b.dir)
	} else {
		defer os.RemoveAll(b.dir)
	}
	if b.syncd == "" {
		b.syncd = filepath.Join(b.dir, "syncd")
		build := exec.Command("go", "build", "-o", b.syncd, "syncd/cmd/syncd")
		build.Dir = b.root
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building syncd: %w\n%s", err, out)
		}
	} else if b.syncd, err = filepath.Abs(b.syncd); err != nil {
		return err
	}
	fmt.Printf("%s, %s, estates of %d, %d and 1 customers\n", machine(), time.Now().Format(time.DateOnly), b.sizes.usual, b.sizes.documented)
	for _, p := range parts {
		if len(wanted) > 0 && !slices.Contains(wanted, p.name) || len(wanted) == 0 && p.name == "money" {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", p.name)
		if err := p.measure(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return b.results.write(os.Stdout)
}

// machine says what was measured on, and how busy it was with other things.
func machine() string {
	model, load := runtime.GOARCH, "load unknown"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for l := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = "load " + strings.Fields(string(text) + " ?")[0]
	}
	return fmt.Sprintf("%s, %s, %d × %s, %s", runtime.Version(), runtime.GOOS, runtime.NumCPU(), model, load)
}
