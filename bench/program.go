package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"syncd/internal/simulator/msp"
)

// A rate is what the token bucket of a system is set to.
type rate struct {
	perSecond float64
	burst     int
}

// ideal is how long the bucket alone makes so many calls take.
func (r rate) ideal(calls int) time.Duration {
	return time.Duration(float64(max(calls-r.burst, 0)) / r.perSecond * float64(time.Second)).Round(time.Microsecond)
}

func (r rate) String() string { return fmt.Sprintf("%g/s burst %d", r.perSecond, r.burst) }

// rates are what the buckets of some systems are set to; those of the others
// slow nothing down. Systems go by their names in SYNCD_<NAME>_RATE_….
type rates map[string]rate

// unlimited is a rate that delays no request.
var unlimited = rate{5000, 1000}

// A program is syncd with a configuration and a state of its own.
type program struct {
	binary, dir string
	systems     []string // that are configured
}

// install writes the configuration for some simulators.
func install(binary, dir string, s *simulators) (*program, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &program{binary: binary, dir: dir, systems: []string{"CIPP"}}
	var text, jobs strings.Builder
	fmt.Fprintf(&text, `state: {path: %q}
cipp:
  url: %s
  token_url: %s
  tenant_id: %s
  client_id: %s
  client_secret: %s
  rate: {per_second: 5, burst: 10, concurrency: 5}
`, p.state(), s.CIPP, s.Token, s.PartnerTenant, s.ClientID, s.ClientSecret)
	if s.ConnectWise != "" {
		p.systems = append(p.systems, "CONNECTWISE")
		fmt.Fprintf(&text, `connectwise:
  url: %s
  company: %s
  public_key: %s
  private_key: %s
  client_id: %s
  rate: {per_second: 5, burst: 20, concurrency: 4}
`, s.ConnectWise, company, publicKey, privateKey, clientID)
		fmt.Fprintln(&jobs, `  - {name: licences, schedule: "0 6 * * *", targets: [connectwise], apply: auto}`)
	}
	if s.ITGlue != "" {
		p.systems = append(p.systems, "ITGLUE")
		fmt.Fprintf(&text, `itglue:
  url: %s
  api_key: %s
  rate: {per_second: 8, burst: 40, concurrency: 4}
`, s.ITGlue, msp.ITGlueKey)
		fmt.Fprintln(&jobs, `  - {name: documentation, schedule: "0 */4 * * *", targets: [itglue], apply: auto, limits: `+open+`}`)
	}
	if s.SCIM != "" {
		p.systems = append(p.systems, "SCIM_ESTATE")
		fmt.Fprintf(&text, `scim:
  - name: estate
    profile: generic
    url: %q
    token: %s
    rate: {per_second: 5, burst: 10, concurrency: 2}
    groups: {include: ["*"]}
`, s.SCIM, scimToken)
		fmt.Fprintln(&jobs, `  - {name: identity, schedule: "*/30 * * * *", targets: [`+identity+`], apply: auto, limits: `+open+`}`)
	}
	text.WriteString("jobs:\n" + jobs.String())
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	for name, table := range map[string]string{"links.csv": s.Links, "products.csv": s.Products} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(table), 0o600); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// open are limits that let a first plan of any size through.
const open = `{first_plan: allow, creates: {count: 1000000, percent: 100}, updates: {count: 1000000, percent: 100}}`

func (p *program) state() string { return filepath.Join(p.dir, "syncd.db") }

// command is syncd as typed, at the rates given.
func (p *program) command(at rates, args ...string) *exec.Cmd {
	cmd := exec.Command(p.binary, args...)
	cmd.Dir = p.dir
	// The machine's own settings must not reach the program under measurement.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "TMPDIR=" + os.TempDir()}
	for _, system := range p.systems {
		r, named := at[system]
		if !named {
			r = unlimited
		}
		cmd.Env = append(cmd.Env, "SYNCD_"+system+"_RATE_PER_SECOND="+strconv.FormatFloat(r.perSecond, 'f', -1, 64),
			"SYNCD_"+system+"_RATE_BURST="+strconv.Itoa(r.burst))
	}
	return cmd
}

// An execution is the cost of running syncd once.
type execution struct {
	status    int
	out       []byte
	started   time.Time
	wall, cpu time.Duration
	anonymous int // KiB, the most that was seen
	high      int // KiB, VmHWM: mapped files included
}

// run executes syncd and watches it. An exit status other than the wanted one
// is an error.
func (p *program) run(status int, at rates, args ...string) (*execution, error) {
	cmd := p.command(at, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	r := &execution{started: time.Now()}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		r.watch(ctx, cmd.Process.Pid)
	}()
	err := cmd.Wait()
	r.wall = time.Since(r.started)
	stop()
	<-watched
	r.status, r.out = cmd.ProcessState.ExitCode(), out.Bytes()
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if r.status != status {
		return r, fmt.Errorf("syncd %s: exit status %d (%v), want %d:\n%s%s", strings.Join(args, " "), r.status, err, status, tail(out.String()), tail(errs.String()))
	}
	return r, nil
}

func tail(s string) string {
	if len(s) > 2000 {
		return "…" + s[len(s)-2000:]
	}
	return s
}

// watch looks at the memory of a process every few milliseconds. RssAnon is
// what counts: the store is a mapped file, and its pages are the kernel's to
// take back.
func (r *execution) watch(ctx context.Context, pid int) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	path := fmt.Sprintf("/proc/%d/status", pid)
	for {
		if text, err := os.ReadFile(path); err == nil {
			r.anonymous = max(r.anonymous, kib(text, "RssAnon:"))
			r.high = max(r.high, kib(text, "VmHWM:"))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func kib(status []byte, name string) int {
	_, rest, found := bytes.Cut(status, []byte(name))
	if !found {
		return 0
	}
	fields := bytes.Fields(rest[:min(len(rest), 64)])
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(string(fields[0]))
	return n
}

// bringIntoStep brings an estate into step the way an operator does.
func (p *program) bringIntoStep(customers int) error {
	for _, step := range []struct {
		status int
		args   []string
	}{
		{0, []string{"map", "import", "links.csv"}},
		{0, []string{"products", "import", "products.csv"}},
		{3, []string{"apply"}},
		{0, []string{"approve", "--all"}},
		{0, []string{"apply"}},
	} {
		if _, err := p.run(step.status, nil, step.args...); err != nil {
			return fmt.Errorf("preparing: %w", err)
		}
	}
	r, err := p.run(0, nil, "apply", "--json")
	if err != nil {
		return err
	}
	if n, err := r.total("in_step"); err != nil || n != customers {
		return fmt.Errorf("preparing: %d customers are in step, want %d (%v)", n, customers, err)
	}
	return nil
}

// total reads how many scopes ended with an outcome from a report.
func (r *execution) total(outcome string) (int, error) {
	var report struct {
		Totals map[string]int `json:"totals"`
	}
	if err := json.Unmarshal(r.out, &report); err != nil {
		return 0, fmt.Errorf("reading the report: %w", err)
	}
	return report.Totals[outcome], nil
}
