package app

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // containers have no zone files

	"syncd/internal/config"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
	"syncd/internal/sync"
	"syncd/internal/sync/schedule"
	"syncd/internal/target"
	"syncd/internal/web/control"
	"syncd/internal/web/signin"
)

// Config is the whole configuration. Each system owns its section.
type Config struct {
	State    StateConfig    `yaml:"state" env:", prefix=STATE_"`
	Listen   string         `yaml:"listen" env:"LISTEN"`               // /metrics, /healthz, /readyz and the operator pages
	Currency string         `yaml:"currency" env:"CURRENCY"`           // unit of all money, such as USD
	Timezone string         `yaml:"timezone" env:"TIMEZONE"`           // IANA name; schedules and billing days
	Events   EventsConfig   `yaml:"events" env:", prefix=EVENTS_"`     // CIPP's webhooks, as hints that a customer's next cycle come early
	Evidence EvidenceConfig `yaml:"evidence" env:", prefix=EVIDENCE_"` // what the ledger keeps of every month
	Metrics  MetricsConfig  `yaml:"metrics" env:", prefix=METRICS_"`   // what /metrics tells whoever reaches it
	Backup   BackupConfig   `yaml:"backup" env:", prefix=BACKUP_"`     // verified copies of the state, made by the daemon
	Hosts    []string       `yaml:"hosts" env:"HOSTS"`                 // names under which the pages may be reached, besides the listener's own
	URL      string         `yaml:"url" env:"URL"`                     // the public address of the pages, such as https://syncd.example.net; empty: http:// and listen
	Auth     AuthConfig     `yaml:"auth" env:", prefix=AUTH_"`         // how people prove to the pages who they are
	TLS      TLSConfig      `yaml:"tls" env:", prefix=TLS_"`           // how the listener speaks TLS
	Control  ControlConfig  `yaml:"control" env:", prefix=CONTROL_"`   // who may send the daemon commands
	Staff    []StaffConfig  `yaml:"staff"`                             // who may do what; empty: who may send commands may do everything
	FourEyes bool           `yaml:"four_eyes" env:"FOUR_EYES"`         // who changed a rule, link, term or override may not approve a plan that it changed
	Export   ExportConfig   `yaml:"export" env:", prefix=EXPORT_"`     // the data set for BrightGauge, Power BI and Excel
	Notify   NotifyConfig   `yaml:"notify" env:", prefix=NOTIFY_"`     // whom syncd tells what waits, fails or ends
	Jobs     []JobConfig    `yaml:"jobs"`                              // scheduled passes; one a configured target where none is written
	Limits   LimitsConfig   `yaml:"limits" env:", prefix=LIMITS_"`     // how much may change without a person; a job may override any of it

	table    Table
	systems  []configured // in the order of the table
	exposed  string       // who else may read its secrets, or write to it
	location *time.Location
	limits   sync.Limits
	file     string                  // where it was read, absolute
	sum      string                  // a digest of the file's text
	again    func() (*Config, error) // reads it as it is now
}

// Daemon is where the daemon of this configuration is found.
func (c *Config) Daemon() control.Daemon {
	return control.Daemon{Path: control.SocketPath(c.State.Path), Group: c.Control.Group}
}

// Request is a command line that was typed with this configuration.
func (c *Config) Request(args []string) control.Request {
	return control.Request{Args: args, File: c.file, Sum: c.sum}
}

// StateConfig says where syncd remembers.
type StateConfig struct {
	Path     string        `yaml:"path" env:"PATH"`         // embedded store, one file
	Postgres secret.String `yaml:"postgres" env:"POSTGRES"` // for several replicas
}

// EventsConfig says whether CIPP may tell us that something changed.
type EventsConfig struct {
	Secret secret.String `yaml:"secret" env:"SECRET"` // at least 16 characters; empty: no events are taken
}

// EvidenceConfig says what is kept of what was bought, due and billed.
type EvidenceConfig struct {
	Keep  int    `yaml:"keep" env:"KEEP, overwrite"`   // months
	Names string `yaml:"names" env:"NAMES, overwrite"` // how those are named whom a count of assigned licences is made of: upn | id | none
}

// MetricsConfig says what /metrics tells. Anybody who reaches the listener may read it.
type MetricsConfig struct {
	Customers string `yaml:"customers" env:"CUSTOMERS, overwrite"` // how customers are called whose money it tells: ids | names
}

// The words for how metrics call customers.
const (
	customersByID   = "ids"
	customersByName = "names"
)

var customersCalled = []string{customersByID, customersByName}

// namesNone keeps the names of nobody.
const namesNone = "none"

// naming is how a target is told to name people; empty means nobody is named.
func (c EvidenceConfig) naming() string {
	if c.Names == namesNone {
		return ""
	}
	return c.Names
}

// ControlConfig says who may send the daemon commands besides its own user and root.
type ControlConfig struct {
	Group string `yaml:"group" env:"GROUP"` // a group of this machine, by name or number; empty: nobody else
}

// JobConfig is a scheduled pass over some targets.
type JobConfig struct {
	Name     string        `yaml:"name"`     // small letters, digits, - and _
	Schedule string        `yaml:"schedule"` // five cron fields or @hourly, @daily, @every 15m; empty: only by hand
	Targets  []string      `yaml:"targets"`  // such as connectwise
	Apply    string        `yaml:"apply"`    // never: report only | approve: every plan waits | auto: plans within limits go
	Limits   *LimitsConfig `yaml:"limits"`   // where they differ from those of all jobs
}

// Defaults are the values of the contract.
func Defaults() Config {
	n := func(n int) *int { return &n }
	return Config{
		State: StateConfig{Path: "syncd.db"}, Listen: "127.0.0.1:9464", Currency: "USD", Timezone: "Europe/London",
		Auth:     AuthConfig{Mode: signin.None},
		Evidence: EvidenceConfig{Keep: 84, Names: target.NamesUPN}, Metrics: MetricsConfig{Customers: customersByID},
		Backup: BackupConfig{Schedule: "0 3 * * *", Keep: 14},
		Notify: NotifyConfig{For: kindNames(), Digest: time.Minute},
		Limits: LimitsConfig{FirstPlan: "hold",
			Creates: CeilingConfig{n(50), n(50)}, Updates: CeilingConfig{n(200), n(50)}, Deletes: CeilingConfig{n(10), n(20)},
			MinimumPopulation: n(10), Money: MoneyConfig{"500.00", "0.00", "0.00"}, MoneyByCurrency: map[string]MoneyConfig{}, SourceShrink: ShrinkConfig{n(20)}},
	}
}

// defaultJobs are the jobs where the file names none: one for each configured target.
func (c *Config) defaultJobs() []JobConfig {
	var jobs []JobConfig
	for _, s := range c.systems {
		if names := s.Targets(); len(names) > 0 {
			job := s.Job()
			job.Targets = names
			jobs = append(jobs, job)
		}
	}
	return jobs
}

// LoadConfig reads defaults, then the file, then the environment. A path that
// was asked for must exist; the default one may be absent where the environment
// says everything.
func (t Table) LoadConfig(path string, asked bool, env config.Environment, names []string) (*Config, error) {
	given := struct {
		env   config.Environment
		names []string
	}{env, names}
	env, names = config.WithCredentials(env, names)
	problems := &config.Problems{File: path}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist) && !asked && slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, config.Prefix+"CIPP_") }):
		problems.File = "environment"
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s does not exist; copy config.example.yaml to it and fill it in, or name another file with --config", path)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("%s may not be read by this user (uid %d)", path, os.Getuid())
	case err != nil:
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := t.parse(text, env, names, problems)
	if err == nil && len(text) > 0 {
		c.exposed = exposed(path, text, c.Redactor())
	}
	if c != nil && c.State.Path != "" && !filepath.IsAbs(c.State.Path) {
		// Counted from the file and not from wherever a command is typed: a
		// second, empty state would know nothing of what the first one manages.
		c.State.Path = filepath.Join(filepath.Dir(path), c.State.Path)
	}
	if c != nil {
		c.Auth.Basic.File, c.TLS.Config = beside(path, c.Auth.Basic.File), beside(path, c.TLS.Config)
		c.Backup.Dir, c.Export.Dir = beside(path, c.Backup.Dir), beside(path, c.Export.Dir)
	}
	if c != nil {
		if c.file, _ = filepath.Abs(path); text == nil {
			c.file = "the environment"
		}
		c.sum = sumOf(text)
		c.again = func() (*Config, error) { return t.LoadConfig(path, asked, given.env, given.names) }
	}
	if err != nil && c != nil && c.lacksSecretsAlone(problems.List) {
		err = NoSecretsError{err, c}
	}
	return c, err
}

// sumOf is a digest of a file's text.
func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func (t Table) parse(text []byte, env config.Environment, names []string, problems *config.Problems) (*Config, error) {
	c := Defaults()
	c.table = t
	doc := config.Parse(text, problems)
	refuseLater(doc, problems)
	given := func(section ...string) bool {
		return doc.Has(section...) || slices.ContainsFunc(names, func(n string) bool {
			return strings.HasPrefix(n, config.Variable(strings.Join(section, "."))+"_")
		})
	}
	var sections []config.Section
	for _, l := range t {
		s := l.New()
		// A rate that is given replaces every default of that system.
		if r, ok := s.(rated); ok && given(l.Section, "rate") {
			*r.rate() = unrated(*r.rate())
		}
		sections = append(sections, config.Section{Name: l.Section, Into: s.Config()})
		if _, source := s.(*cippSystem); source || given(l.Section) {
			c.systems = append(c.systems, configured{l, s})
		}
	}
	doc.Decode(&c, problems, sections...)
	overlaid := config.Overlay(env, names, &c, problems)
	for _, s := range c.systems {
		if n, ok := s.System.(named); ok {
			maps.Copy(overlaid, n.overlay(env, names, problems))
		} else {
			maps.Copy(overlaid, config.OverlayEntry(s.Line.Section, env, names, s.Config(), problems))
		}
	}
	if !doc.Has("jobs") {
		c.Jobs = c.defaultJobs()
	}
	if doc.Broken() {
		return &c, problems.Err()
	}
	at := func(path, format string, args ...any) {
		if by, ok := overlaid[c.variableOf(path)]; ok {
			problems.Add(0, by, format, args...)
		} else {
			problems.Add(doc.Line(path), path, format, args...)
		}
	}
	c.keepSecrets(problems.File, env, overlaid, at)
	known := *problems
	known.List = slices.Clone(problems.List)
	c.validate(func(path, format string, args ...any) {
		section := path[:max(strings.LastIndex(path, "."), 0)]
		variable := c.variableOf(path)
		_, overlaidHere := overlaid[variable]
		switch {
		case known.Covers(path) || known.Covers(variable) || known.Covers(variable+"_FILE"):
			// A value that could not be read means nothing.
		case section != "" && problemIn(known.List, section) && !overlaidHere && !doc.Has(strings.Split(path, ".")...):
			// What seems to be missing is what was misspelled beside it.
		default:
			at(path, format, args...)
		}
	})
	return &c, problems.Err()
}

// problemIn reports whether a setting right in a section is known to be wrong.
func problemIn(list []config.Problem, section string) bool {
	return slices.ContainsFunc(list, func(p config.Problem) bool {
		rest, ok := strings.CutPrefix(p.Path, section+".")
		return ok && !strings.Contains(rest, ".")
	})
}

// unrated is a rate without the speed: what stays when the operator gives one.
func unrated(r rest.Rate) rest.Rate { return rest.Rate{Burst: 1, Concurrency: r.Concurrency} }

// hostName is a name, an IPv4 address, or an IPv6 address with or without brackets.
var hostName = regexp.MustCompile(`^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?)$`)

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

func (c *Config) validate(report func(path, format string, args ...any)) {
	for _, s := range c.systems {
		s.Validate(c, func(path, message string) { report(s.path(path), "%s", message) })
	}
	c.validateSecrets(report)
	if s := c.Events.Secret; !s.Empty() && len(s.Reveal()) < 16 {
		report("events.secret", "is too short to keep strangers out; write 16 characters or more, such as what  openssl rand -hex 24  prints")
	}
	if !c.State.Postgres.Empty() {
		report("state.postgres", "this version keeps its state in the embedded store only; remove the line")
	} else if c.State.Path == "" {
		report("state.path", "name a file, such as syncd.db")
	}
	if !currencyCode.MatchString(c.Currency) {
		report("currency", "%q is not a currency; write three capital letters such as USD", c.Currency)
	}
	_, port, err := net.SplitHostPort(c.Listen)
	if _, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil {
		report("listen", "%q is not an address; write host:port, such as 127.0.0.1:9464", c.Listen)
	}
	for i, host := range c.Hosts {
		if !hostName.MatchString(host) {
			report(fmt.Sprintf("hosts[%d]", i), "%q is not a host; write a name or address without scheme, port and path, such as syncd.example.net", host)
		}
	}
	if c.Evidence.Keep < 1 || c.Evidence.Keep > mostMonths {
		report("evidence.keep", "%d is out of range; write how many months are kept, from 1 to %d", c.Evidence.Keep, mostMonths)
	}
	if !slices.Contains(namesKept, c.Evidence.Names) {
		report("evidence.names", "%q means nothing here; write %s", c.Evidence.Names, strings.Join(namesKept, ", "))
	}
	if !slices.Contains(customersCalled, c.Metrics.Customers) {
		report("metrics.customers", "%q means nothing here; write %s", c.Metrics.Customers, strings.Join(customersCalled, " or "))
	}
	if c.location, err = time.LoadLocation(c.Timezone); err != nil || c.Timezone == "" || c.Timezone == "Local" {
		report("timezone", "%q is not a time zone; write a name such as Europe/London", c.Timezone)
		c.location = time.UTC
	}
	c.validateExport(report)
	c.validateStaff(report)
	c.validateAuth(report)
	c.validateBackup(report)
	c.validateNotify(report)
	c.limits = c.Limits.resolve("limits", c.Currency, report)
	c.validateJobs(report)
}

// mostMonths is a century: more is a slip of the finger.
const mostMonths = 1200

// namesKept are the ways to name people in the ledger.
var namesKept = []string{target.NamesUPN, target.NamesID, namesNone}

var jobName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

func (c *Config) validateJobs(report func(path, format string, args ...any)) {
	seen := map[string]bool{}
	for i := range c.Jobs {
		j := &c.Jobs[i]
		at := func(field string) string { return fmt.Sprintf("jobs[%d].%s", i, field) }
		switch {
		case !jobName.MatchString(j.Name):
			report(at("name"), "%q is not a name; use small letters, digits, - and _", j.Name)
		case seen[j.Name]:
			report(at("name"), "%q is there twice; give each job its own name", j.Name)
		}
		seen[j.Name] = true
		if j.Schedule != "" {
			if _, err := schedule.Parse(j.Schedule, c.location); err != nil {
				report(at("schedule"), "%v", err)
			}
		}
		if len(j.Targets) == 0 {
			report(at("targets"), "name at least one target, such as [connectwise]")
		}
		for k, t := range j.Targets {
			if !c.configured(t) {
				report(at(fmt.Sprintf("targets[%d]", k)),
					"target %q is not configured; add its section or take it out (configured: %s)", t, Names(c.Targets(), asIs))
			}
		}
		j.Apply = cmp.Or(j.Apply, string(plan.Approve))
		if !slices.Contains([]plan.Policy{plan.Never, plan.Approve, plan.Auto}, plan.Policy(j.Apply)) {
			report(at("apply"), "%q is no policy; write never, approve or auto", j.Apply)
		}
		if j.Limits != nil {
			merged := j.Limits.over(c.Limits)
			merged.resolve(fmt.Sprintf("jobs[%d].limits", i), c.Currency, report)
		}
	}
}

// Targets names the configured targets.
func (c *Config) Targets() []string {
	var names []string
	for _, s := range c.systems {
		names = append(names, s.Targets()...)
	}
	return names
}

// has reports whether the configuration has a section.
func (c *Config) has(section string) bool {
	return slices.ContainsFunc(c.systems, func(s configured) bool { return s.Line.Section == section })
}

// path is that of a setting in the system's section, for which the path in it is
// empty or begins with a name or, in a list, with [.
func (s configured) path(in string) string {
	if in == "" || in[0] == '[' {
		return s.Line.Section + in
	}
	return s.Line.Section + "." + in
}

// variableOf is the environment's variable for a setting's path.
func (c *Config) variableOf(path string) string {
	for _, s := range c.systems {
		if n, ok := s.System.(named); ok {
			if in, ok := strings.CutPrefix(path, s.Line.Section); ok {
				if variable, ok := n.variable(in); ok {
					return variable
				}
			}
		}
	}
	return config.Variable(path)
}

func (c *Config) configured(target string) bool { return slices.Contains(c.Targets(), target) }

// jobs are the configured jobs as the engine takes them.
func (c *Config) jobs() []sync.Job {
	jobs := make([]sync.Job, len(c.Jobs))
	for i, j := range c.Jobs {
		jobs[i] = sync.Job{Name: j.Name, Schedule: j.Schedule, Targets: j.Targets, Policy: plan.Policy(j.Apply), Limits: c.limits}
		if j.Limits != nil {
			merged := j.Limits.over(c.Limits)
			jobs[i].Limits = merged.resolve("", c.Currency, func(string, string, ...any) {})
		}
	}
	return jobs
}

// targetNamed finds the target that a person means: in any case, one of several also
// without the section before its /; nothing means the only one there is.
func (c *Config) targetNamed(text string) (string, error) {
	all := c.Targets()
	known := Names(all, asIs)
	plain := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(text), " ", ""))
	named := slices.IndexFunc(all, func(target string) bool {
		_, name, of := strings.Cut(target, "/")
		return of && name == plain
	})
	switch {
	case plain == "" && len(all) == 1:
		return all[0], nil
	case plain == "":
		return "", Usage("name the target: %s", known)
	case slices.Contains(all, plain):
		return plain, nil
	case named >= 0:
		return all[named], nil
	case strings.Contains(text, ","):
		return "", Usage("%q: one target at a time, or leave it out for all; configured: %s", text, known)
	}
	return "", Usage("target %q is not configured; configured: %s", text, known)
}
