package app

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/config"
	"syncd/internal/connectwise"
	"syncd/internal/itglue"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

const aGUID = "7d1f0a52-91b7-4c1e-8a37-0c5f2f1f6d10"

// cippSection and cwSection are the least that must be said.
const (
	cippSection = "cipp: {url: https://cipp.example.net, tenant_id: msp.example.net, client_id: " + aGUID + ", client_secret: s}\n"
	cwSection   = "connectwise: {url: https://api-na.myconnectwise.net, company: msp, public_key: p, private_key: k, client_id: c}\n"
	both        = cippSection + cwSection
)

// parse reads a configuration with an environment of its own.
func parse(text string, vars map[string]string) (*Config, *config.Problems, error) {
	problems := &config.Problems{File: "config.yaml"}
	c, err := Systems.parse([]byte(text), func(name string) (string, bool) { v, ok := vars[name]; return v, ok }, slices.Sorted(maps.Keys(vars)), problems)
	return c, problems, err
}

func cippOf(c *Config) *CIPPConfig                { return section[CIPPConfig](c) }
func connectWiseOf(c *Config) *connectwise.Config { return section[connectwise.Config](c) }
func itGlueOf(c *Config) *itglue.Config           { return section[itglue.Config](c) }

func scimsOf(c *Config) []SCIMConfig {
	if list := section[[]SCIMConfig](c); list != nil {
		return *list
	}
	return nil
}

func mustParse(t *testing.T, text string, vars map[string]string) *Config {
	t.Helper()
	c, _, err := parse(text, vars)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return c
}

// example returns config.example.yaml as it is, and with every optional line in force.
func example(t *testing.T) (bare, all string) {
	t.Helper()
	text, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	optional := regexp.MustCompile(`(?m)^#([a-z]|  )`)
	return string(text), optional.ReplaceAllString(string(text), "$1")
}

// The example is not a configuration until it is filled in, and says where.
func TestTheExampleFileIsToBeFilledIn(t *testing.T) {
	bare, all := example(t)
	for _, text := range []string{bare, all} {
		want := 0
		for line := range strings.Lines(text) {
			if strings.Contains(line, "change-me") && line[0] != '#' {
				want++
			}
		}
		_, problems, _ := parse(text, nil)
		var got []string
		for _, p := range problems.List {
			if strings.Contains(p.Message, "still says change-me") {
				got = append(got, p.Path)
			} else if p.Path != "events.secret" { // which is too short besides
				t.Errorf("%s: %s", p.Path, p.Message)
			}
		}
		if len(got) != want || !slices.Contains(got, "connectwise.private_key") {
			t.Errorf("got %v to be filled in, want the %d that say change-me", got, want)
		}
	}
}

// As it is, the example bills licences by the defaults; with every optional line
// in force it says the same.
func TestTheExampleFileLoadsBothWaysAndStatesTheDefaults(t *testing.T) {
	bare, all := example(t)
	filled := strings.NewReplacer("change-me", "a-secret-that-is-long-enough").Replace
	short, long := mustParse(t, filled(bare), nil), mustParse(t, filled(all), nil)
	if itGlueOf(short) != nil || len(scimsOf(short)) > 0 || fmt.Sprint(short.Targets()) != "[connectwise]" || len(short.Jobs) != 1 || short.Jobs[0].Name != "licences" {
		t.Errorf("as it is: got targets %v and jobs %+v, want licences alone", short.Targets(), short.Jobs)
	}
	want := mustParse(t, both+"itglue: {api_key: a-secret-that-is-long-enough}\nscim: [{name: cinode, profile: cinode, url: 'https://api.cinode.com/scim/tenants/{account}/v2', token: a-secret-that-is-long-enough}]\n", nil)
	if fmt.Sprintf("%+v", scimsOf(long)) != fmt.Sprintf("%+v", scimsOf(want)) {
		t.Errorf("SCIM: got %+v, want the defaults %+v", scimsOf(long), scimsOf(want))
	}
	itGlueOf(long).Portal = "" // its example is a name
	if fmt.Sprintf("%+v", *itGlueOf(long)) != fmt.Sprintf("%+v", *itGlueOf(want)) {
		t.Errorf("IT Glue: got %+v, want the defaults %+v", *itGlueOf(long), *itGlueOf(want))
	}
	if deletes := long.limits.Run.Deletes; deletes == nil || *deletes != 50 || !cippOf(long).Tenants.Active() {
		t.Errorf("what has no default: got limits of a run %+v, tenants %+v", long.limits.Run, cippOf(long).Tenants)
	}
	long.Limits.Run, cippOf(long).Tenants = want.Limits.Run, cippOf(want).Tenants
	if defaults := long.defaultJobs(); !reflect.DeepEqual(long.Jobs, defaults) {
		t.Errorf("jobs: got %+v, want the defaults %+v", long.Jobs, defaults)
	}
	for name, got := range map[string]*Config{"as it is": short, "with all of it": long} {
		if cippOf(got).TokenURL != "" && cippOf(got).TokenURL != "https://login.microsoftonline.com/"+cippOf(got).TenantID+"/oauth2/v2.0/token" {
			t.Errorf("%s: the address of tokens is %s", name, cippOf(got).TokenURL)
		}
		// What is no default is a name or a secret, and is the example's own.
		cippOf(got).URL, cippOf(got).TenantID, cippOf(got).ClientID, cippOf(got).ClientSecret, cippOf(got).TokenURL = cippOf(want).URL, cippOf(want).TenantID, cippOf(want).ClientID, cippOf(want).ClientSecret, ""
		w, o := connectWiseOf(got), connectWiseOf(want)
		w.URL, w.Company, w.PublicKey, w.PrivateKey, w.ClientID = o.URL, o.Company, o.PublicKey, o.PrivateKey, o.ClientID
		if fmt.Sprintf("%+v", *cippOf(got)) != fmt.Sprintf("%+v", *cippOf(want)) || !reflect.DeepEqual(w, o) {
			t.Errorf("%s: got %+v and %+v, want the defaults %+v and %+v", name, *cippOf(got), *w, *cippOf(want), *o)
		}
		if !reflect.DeepEqual(got.Limits, want.Limits) || got.State != want.State || got.Listen != want.Listen || got.Currency != want.Currency || got.Timezone != want.Timezone || got.Control != want.Control {
			t.Errorf("%s: got %+v %+v %s %s %s, want the defaults", name, got.Limits, got.State, got.Listen, got.Currency, got.Timezone)
		}
	}
}

func TestEveryDefaultIsThatOfTheContract(t *testing.T) {
	c := mustParse(t, both, nil)
	for _, x := range []struct {
		path      string
		got, want any
	}{
		{"state.path", c.State.Path, "syncd.db"},
		{"listen", c.Listen, "127.0.0.1:9464"},
		{"currency", c.Currency, "USD"},
		{"timezone", c.Timezone, "Europe/London"},
		{"the location", c.location.String(), "Europe/London"},
		{"cipp.token_url", cippOf(c).TokenURL, ""},
		{"cipp.rate", cippOf(c).Rate, rest.Rate{PerSecond: 5, Burst: 10, Concurrency: 5}},
		{"cipp.max_age", cippOf(c).MaxAge, 26 * time.Hour},
		{"connectwise.agreement_types", fmt.Sprint(connectWiseOf(c).AgreementTypes), "[Managed Services]"},
		{"connectwise.rate", connectWiseOf(c).Rate, rest.Rate{PerMinute: 300, Burst: 20, Concurrency: 4}},
		{"connectwise.create_additions", connectWiseOf(c).CreateAdditions, false},
		{"connectwise.gone", connectWiseOf(c).Gone, "zero"},
		{"limits.first_plan", c.limits.HoldFirst, true},
		{"limits.creates", c.limits.Creates, plan.Ceiling{Count: 50, Percent: 50}},
		{"limits.updates", c.limits.Updates, plan.Ceiling{Count: 200, Percent: 50}},
		{"limits.deletes", c.limits.Deletes, plan.Ceiling{Count: 10, Percent: 20}},
		{"limits.minimum_population", c.limits.MinPopulation, 10},
		{"limits.money.increase", c.limits.Increase.StringFixed(2), "500.00"},
		{"limits.money.decrease", c.limits.Decrease.StringFixed(2), "0.00"},
		{"limits.money.decrease_explained", c.limits.DecreaseExplained.StringFixed(2), "0.00"},
		{"limits.source_shrink.percent", c.limits.SourceShrink, 20},
		{"limits.run", c.limits.Run.Creates == nil && c.limits.Run.Updates == nil && c.limits.Run.Deletes == nil && c.limits.Run.Increase == nil && c.limits.Run.Decrease == nil, true},
		{"jobs", fmt.Sprint(c.Jobs), "[{licences 0 6 * * * [connectwise] approve <nil>}]"},
	} {
		if x.got != x.want {
			t.Errorf("%s: got %v, want %v", x.path, x.got, x.want)
		}
	}
	if c := mustParse(t, cippSection, nil); connectWiseOf(c) != nil || len(c.Jobs) != 0 {
		t.Errorf("without a target: got %+v and jobs %v, want neither", connectWiseOf(c), c.Jobs)
	}
	if c := mustParse(t, both+"jobs: []\n", nil); len(c.Jobs) != 0 {
		t.Errorf("with an empty list of jobs: got %v, want none", c.Jobs)
	}
	if c := mustParse(t, both+"jobs: [{name: a, targets: [connectwise]}]\n", nil); c.Jobs[0].Apply != "approve" || c.Jobs[0].Schedule != "" {
		t.Errorf("a job that says little: got %+v, want approve and no schedule", c.Jobs[0])
	}
}

// with is both sections with one line of a section replaced or added.
func with(section, setting string) string {
	key, _, _ := strings.Cut(setting, ":")
	values := map[string]map[string]string{
		"cipp":        {"url": "https://cipp.example.net", "tenant_id": "msp.example.net", "client_id": aGUID, "client_secret": "s"},
		"connectwise": {"url": "https://api-na.myconnectwise.net", "company": "msp", "public_key": "p", "private_key": "k", "client_id": "c"},
	}
	var b strings.Builder
	for _, name := range []string{"cipp", "connectwise"} {
		b.WriteString(name + ":\n")
		if name == section {
			b.WriteString("  " + setting + "\n") // line 2 for cipp, line 7 for connectwise
			delete(values[name], key)
		}
		for _, k := range slices.Sorted(maps.Keys(values[name])) {
			fmt.Fprintf(&b, "  %s: %s\n", k, values[name][k])
		}
	}
	return b.String()
}

func TestEveryBadValueNamesItsLineAndTheRemedy(t *testing.T) {
	job := func(s string) string { return both + "jobs:\n  - name: a\n    targets: [connectwise]\n    " + s + "\n" }
	for _, c := range []struct {
		name, in string
		line     int
		path     string
		message  string
	}{
		{"no CIPP at all", cwSection, 0, "cipp.url", "is missing: write the API URL"},
		{"an empty secret", with("cipp", `client_secret: ""`), 2, "cipp.client_secret", "set SYNCD_CIPP_CLIENT_SECRET or SYNCD_CIPP_CLIENT_SECRET_FILE"},
		{"the placeholder for a secret", with("cipp", `client_secret: "[redacted]"`), 2, "cipp.client_secret", "write the secret itself"},
		{"http to a stranger", with("cipp", "url: http://cipp.example.net"), 2, "cipp.url", "write https://cipp.example.net (http:// is for this machine only)"},
		{"no scheme", with("cipp", "url: cipp.example.net"), 2, "cipp.url", "does not begin with https://"},
		{"a password in an address", with("cipp", "url: https://me:hunter2@cipp.example.net"), 2, "cipp.url", "holds a user name or password"},
		{"a bad tenant", with("cipp", "tenant_id: my tenant"), 2, "cipp.tenant_id", `"my tenant" is neither a tenant id`},
		{"a bad client", with("cipp", "client_id: abc"), 2, "cipp.client_id", `"abc" is not a client id (a GUID)`},
		{"http for tokens", with("cipp", "token_url: http://login.example.net/x"), 2, "cipp.token_url", "write https://login.example.net"},
		{"no age", with("cipp", "max_age: 0s"), 2, "cipp.max_age", "such as 26h"},
		{"two speeds", with("cipp", "rate: {per_second: 1, per_minute: 2}"), 2, "cipp.rate", "keep one"},
		{"no speed", with("cipp", "rate: {burst: 40}"), 2, "cipp.rate", "write per_second or per_minute"},
		{"a negative burst", with("connectwise", "rate: {per_minute: 1, burst: -1}"), 7, "connectwise.rate", "burst: -1"},
		{"too fast for ConnectWise", with("connectwise", "rate: {per_second: 20}"), 7, "connectwise.rate", "more than 900 requests a minute"},
		{"the host for people", with("connectwise", "url: https://na.myconnectwise.net"), 7, "connectwise.url", "https://api-na.myconnectwise.net"},
		{"http to ConnectWise", with("connectwise", "url: http://api-na.myconnectwise.net"), 7, "connectwise.url", "would send credentials unencrypted"},
		{"a company with the key", with("connectwise", "company: msp+key"), 7, "connectwise.company", "without the key"},
		{"a key with space around it", with("connectwise", `private_key: " k"`), 7, "connectwise.private_key", "copy it again without"},
		{"an empty agreement type", with("connectwise", `agreement_types: [a, ""]`), 7, "connectwise.agreement_types[1]", "take the entry out"},
		{"a way to go that is none", with("connectwise", "gone: delete"), 7, "connectwise.gone", `"delete" is neither zero nor cancel-at-period-end`},
		{"an empty ConnectWise section with one line", cippSection + "connectwise:\n  company: msp\n", 2, "connectwise.url", "is missing"},

		{"the other store", both + "state: {postgres: postgres://x}\n", 3, "state.postgres", "embedded store only; remove the line"},
		{"no store", both + "state: {path: \"\"}\n", 3, "state.path", "name a file, such as syncd.db"},
		{"a currency in words", both + "currency: dollars\n", 3, "currency", "three capital letters such as USD"},
		{"a time zone of no place", both + "timezone: Mars/Base\n", 3, "timezone", "write a name such as Europe/London"},
		{"the machine's own time zone", both + "timezone: Local\n", 3, "timezone", "write a name such as Europe/London"},
		{"no port", both + "listen: localhost\n", 3, "listen", "write host:port, such as 127.0.0.1:9464"},
		{"no possible port", both + "listen: localhost:99999\n", 3, "listen", "write host:port, such as 127.0.0.1:9464"},

		{"a job without a name", both + "jobs:\n  - targets: [connectwise]\n", 4, "jobs[0].name", "use small letters, digits, - and _"},
		{"a name with a space", both + "jobs:\n  - name: My Job\n    targets: [connectwise]\n", 4, "jobs[0].name", `"My Job" is not a name`},
		{"two jobs of one name", both + "jobs:\n  - {name: a, targets: [connectwise]}\n  - {name: a, targets: [connectwise]}\n", 5, "jobs[1].name", `"a" is there twice`},
		{"a job without targets", both + "jobs:\n  - name: a\n", 4, "jobs[0].targets", "name at least one target, such as [connectwise]"},
		{"a target nobody knows", both + "jobs:\n  - name: a\n    targets: [connectwise, halo]\n", 5, "jobs[0].targets[1]", `"halo" is not configured; add its section or take it out (configured: connectwise)`},
		{"a target that is not configured", cippSection + "jobs:\n  - name: a\n    targets: [connectwise]\n", 4, "jobs[0].targets[0]", `"connectwise" is not configured; add its section or take it out (configured: none)`},
		{"a SCIM target that is not configured", both + "jobs:\n  - name: a\n    targets: [scim/cinode]\n", 5, "jobs[0].targets[0]", `target "scim/cinode" is not configured`},
		{"a policy that is none", job("apply: always"), 6, "jobs[0].apply", `"always" is no policy; write never, approve or auto`},
		{"a schedule in words", job("schedule: daily"), 6, "jobs[0].schedule", `schedule "daily": `},
		{"a schedule with seconds", job(`schedule: "0 0 6 * * *"`), 6, "jobs[0].schedule", `has six fields; there are no seconds here, write "0 6 * * *"`},
		{"a schedule out of range", job(`schedule: "0 25 * * *"`), 6, "jobs[0].schedule", "25 is out of range; write 0 to 23"},
		{"a schedule that never comes", job(`schedule: "0 6 31 2 *"`), 6, "jobs[0].schedule", "never comes"},
		{"a schedule too often", job(`schedule: "@every 1s"`), 6, "jobs[0].schedule", "is too often"},
		{"a schedule with its own time zone", job(`schedule: "CRON_TZ=UTC 0 6 * * *"`), 6, "jobs[0].schedule", "set timezone: UTC"},
		{"a job's limit out of range", job("limits: {deletes: {percent: 101}}"), 6, "jobs[0].limits.deletes.percent", "write a number from 0 to 100"},

		{"a first plan that is neither", both + "limits: {first_plan: maybe}\n", 3, "limits.first_plan", `"maybe" means nothing here; write hold or allow`},
		{"a negative count", both + "limits:\n  creates: {count: -1}\n", 4, "limits.creates.count", "-1 is out of range; write a number from 0 to 1000000"},
		{"more than all", both + "limits:\n  updates:\n    percent: 120\n", 5, "limits.updates.percent", "write a number from 0 to 100"},
		{"a negative population", both + "limits: {minimum_population: -5}\n", 3, "limits.minimum_population", "-5 is out of range"},
		{"more shrinking than all", both + "limits: {source_shrink: {percent: 200}}\n", 3, "limits.source_shrink.percent", "200 is out of range"},
		{"money in words", both + "limits: {money: {increase: lots}}\n", 3, "limits.money.increase", `"lots" is not an amount of money; write it as "500.00"`},
		{"money with a sign", both + "limits: {money: {decrease: \"-1\"}}\n", 3, "limits.money.decrease", `"-1" is not an amount of money`},
		{"money with a comma", both + "limits: {run: {money: {increase: \"5,00\"}}}\n", 3, "limits.run.money.increase", `"5,00" is not an amount of money`},
		{"a run's limit in words", both + "limits: {run: {creates: many}}\n", 3, "limits.run.creates", "is not a whole number; write one, such as 500, without quotes"},
		{"a run's limit in words, long", both + "limits: {run: {creates: {count: many}}}\n", 3, "limits.run.creates.count", `"many" is not a whole number`},
		{"a run's limit misspelled", both + "limits: {run: {creates: {cuont: 1}}}\n", 3, "limits.run.creates.cuont", "did you mean count?"},
		{"a run's limit below nothing", both + "limits: {run: {deletes: -1}}\n", 3, "limits.run.deletes", "-1 is out of range"},

		{"evidence of no month", both + "evidence: {keep: 0}\n", 3, "evidence.keep", "0 is out of range; write how many months are kept, from 1 to 1200"},
		{"customers called so by nobody", both + "metrics: {customers: none}\n", 3, "metrics.customers", `"none" means nothing here; write ids or names`},
		{"names nobody has", both + "evidence: {names: mail}\n", 3, "evidence.names", `"mail" means nothing here; write upn, id, none`},

		{"IT Glue without a key", both + "itglue:\n  url: https://api.itglue.com\n", 3, "itglue.api_key", "an administrator makes one in IT Glue"},
		{"IT Glue's host for people", both + "itglue:\n  api_key: x\n  url: https://msp.eu.itglue.com\n", 5, "itglue.url", "the API answers at https://api.eu.itglue.com"},
		{"more than IT Glue takes", both + "itglue:\n  api_key: x\n  rate: {per_second: 20, burst: 10}\n", 5, "itglue.rate", "IT Glue refuses more than 3000"},
		{"a kind that is none", both + "itglue:\n  api_key: x\n  fields: {person: {title: fill}}\n", 5, "itglue.fields.person", "is no kind: write one of"},
		{"a field that is none", both + "itglue:\n  api_key: x\n  fields: {contact: {shoe: fill}}\n", 5, "itglue.fields.contact.shoe", "is no field: write one of"},
		{"an owner that is none", both + "itglue:\n  api_key: x\n  fields: {contact: {title: ours}}\n", 5, "itglue.fields.contact.title", "none of restore, fill, keep and hold"},
		{"quiet hours in words", both + "itglue:\n  api_key: x\n  quiet_hours: [daytime]\n", 5, "itglue.quiet_hours[0]", "write it as 08:00-18:00"},
		{"a SCIM target without a token", both + "scim:\n  - {name: cinode, url: https://scim.example.net}\n", 4, "scim[0].token", "is missing"},
		{"two SCIM targets of one name", both + "scim:\n  - {name: a, url: https://scim.example.net, token: t}\n  - {name: a, url: https://scim.example.net, token: t}\n", 5, "scim[1].name", `"a" is the name of [0] already`},
		{"a SCIM profile that is none", both + "scim:\n  - {name: a, url: https://scim.example.net, token: t, profile: acme}\n", 4, "scim[0].profile", `"acme" is not known: write one of cinode, generic`},
		{"a SCIM setting misspelled", both + "scim:\n  - {name: a, url: https://scim.example.net, token: t, proflie: generic}\n", 4, "scim[0].proflie", "did you mean profile?"},
		{"SCIM over plain http", both + "scim:\n  - {name: a, url: http://scim.example.net, token: t}\n", 4, "scim[0].url", ""},
		{"an expression that is none", both + "scim:\n  - {name: a, url: https://scim.example.net, token: t, attributes: {title: \"Jion([x])\"}}\n", 4, "scim[0].attributes.title", ""},
		{"a secret of events that is short", both + "events: {secret: hush}\n", 3, "events.secret", "too short"},
		{"a section misspelled", both + "conectwise: {}\n", 3, "conectwise", "no such setting; did you mean connectwise?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems, err := parse(c.in, nil)
			if err == nil {
				t.Fatalf("accepted:\n%s", c.in)
			}
			if !slices.ContainsFunc(problems.List, func(p config.Problem) bool {
				return p.Line == c.line && p.Path == c.path && strings.Contains(p.Message, c.message)
			}) {
				t.Errorf("got:\n%v\nwant line %d, %s: …%s…", err, c.line, c.path, c.message)
			}
			for _, p := range problems.List {
				if p.Path != c.path && !strings.HasPrefix(c.path, "cipp") && !strings.HasPrefix(c.path, "connectwise.") {
					t.Errorf("one mistake, and also: %v", p)
				}
			}
		})
	}
}

func TestMistakesInTextAndInValuesComeAtOnce(t *testing.T) {
	_, _, err := parse(cippSection+"currency: dollars\nlisten: [x]\nconnectwise:\n  url: https://api-na.myconnectwise.net\n  compny: msp\n  public_key: p\n  private_key: k\n  client_id: c\n  gone: away\n", nil)
	want := `config.yaml:2: currency: "dollars" is not a currency; write three capital letters such as USD
config.yaml:3: listen: a list is not a text; write it on one line, in quotes if it holds more than letters and digits
config.yaml:6: connectwise.compny: no such setting; did you mean company?
config.yaml:10: connectwise.gone: "away" is neither zero nor cancel-at-period-end`
	if got := fmt.Sprint(err); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if _, _, err := parse("cipp: {url: x\n", nil); strings.Count(fmt.Sprint(err), "\n") != 0 {
		t.Errorf("a file that is no YAML: got %v, want nothing about what it lacks", err)
	}
}

func TestHTTPIsForLoopbackOnly(t *testing.T) {
	for host, ok := range map[string]bool{"127.0.0.1:8080": true, "localhost:1": true, "[::1]:80": true, "127.9.9.9": true, "api.localhost": true,
		"10.0.0.1": false, "cipp.example.net": false, "localhost.example.net": false, "127.0.0.1.example.net": false, "[::2]": false} {
		for _, section := range []string{"cipp", "connectwise"} {
			if _, _, err := parse(with(section, `url: "http://`+host+`"`), nil); (err == nil) != ok {
				t.Errorf("%s at http://%s: got %v, want accepted: %t", section, host, err, ok)
			}
		}
	}
}

func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, value string
		got         func(c *Config) any
		want        any
	}{
		{"SYNCD_STATE_PATH", "/var/lib/x.db", func(c *Config) any { return c.State.Path }, "/var/lib/x.db"},
		{"SYNCD_LISTEN", "0.0.0.0:80", func(c *Config) any { return c.Listen }, "0.0.0.0:80"},
		{"SYNCD_CURRENCY", "EUR", func(c *Config) any { return c.Currency }, "EUR"},
		{"SYNCD_TIMEZONE", "UTC", func(c *Config) any { return c.location.String() }, "UTC"},
		{"SYNCD_CIPP_URL", "https://other.example.net", func(c *Config) any { return cippOf(c).URL }, "https://other.example.net"},
		{"SYNCD_CIPP_TENANT_ID", aGUID, func(c *Config) any { return cippOf(c).TenantID }, aGUID},
		{"SYNCD_CIPP_CLIENT_ID", aGUID, func(c *Config) any { return cippOf(c).ClientID }, aGUID},
		{"SYNCD_CIPP_CLIENT_SECRET", "new", func(c *Config) any { return cippOf(c).ClientSecret.Reveal() }, "new"},
		{"SYNCD_CIPP_CLIENT_SECRET_FILE", file, func(c *Config) any { return cippOf(c).ClientSecret.Reveal() }, "from file"},
		{"SYNCD_CIPP_TOKEN_URL", "https://login.example.net/t", func(c *Config) any { return cippOf(c).TokenURL }, "https://login.example.net/t"},
		{"SYNCD_CIPP_MAX_AGE", "3h", func(c *Config) any { return cippOf(c).MaxAge }, 3 * time.Hour},
		{"SYNCD_CIPP_RATE_PER_SECOND", "2.5", func(c *Config) any { return cippOf(c).Rate }, rest.Rate{PerSecond: 2.5, Burst: 1, Concurrency: 5}},
		{"SYNCD_CONNECTWISE_URL", "https://api-eu.myconnectwise.net", func(c *Config) any { return connectWiseOf(c).URL }, "https://api-eu.myconnectwise.net"},
		{"SYNCD_CONNECTWISE_COMPANY", "other", func(c *Config) any { return connectWiseOf(c).Company }, "other"},
		{"SYNCD_CONNECTWISE_PUBLIC_KEY", "new", func(c *Config) any { return connectWiseOf(c).PublicKey.Reveal() }, "new"},
		{"SYNCD_CONNECTWISE_PRIVATE_KEY", "new", func(c *Config) any { return connectWiseOf(c).PrivateKey.Reveal() }, "new"},
		{"SYNCD_CONNECTWISE_PRIVATE_KEY_FILE", file, func(c *Config) any { return connectWiseOf(c).PrivateKey.Reveal() }, "from file"},
		{"SYNCD_CONNECTWISE_CLIENT_ID", "new", func(c *Config) any { return connectWiseOf(c).ClientID.Reveal() }, "new"},
		{"SYNCD_CONNECTWISE_AGREEMENT_TYPES", "Managed Services, Cloud", func(c *Config) any { return strings.Join(connectWiseOf(c).AgreementTypes, "|") }, "Managed Services|Cloud"},
		{"SYNCD_CONNECTWISE_CREATE_ADDITIONS", "true", func(c *Config) any { return connectWiseOf(c).CreateAdditions }, true},
		{"SYNCD_CONNECTWISE_GONE", "cancel-at-period-end", func(c *Config) any { return connectWiseOf(c).Gone }, "cancel-at-period-end"},
		{"SYNCD_CONNECTWISE_RATE_PER_MINUTE", "60", func(c *Config) any { return connectWiseOf(c).Rate }, rest.Rate{PerMinute: 60, Burst: 1, Concurrency: 4}},
		{"SYNCD_LIMITS_FIRST_PLAN", "allow", func(c *Config) any { return c.limits.HoldFirst }, false},
		{"SYNCD_LIMITS_DELETES_COUNT", "0", func(c *Config) any { return c.limits.Deletes }, plan.Ceiling{Count: 0, Percent: 20}},
		{"SYNCD_LIMITS_MINIMUM_POPULATION", "3", func(c *Config) any { return c.limits.MinPopulation }, 3},
		{"SYNCD_LIMITS_MONEY_INCREASE", "12.50", func(c *Config) any { return c.limits.Increase.String() }, "12.5"},
		{"SYNCD_LIMITS_SOURCE_SHRINK_PERCENT", "5", func(c *Config) any { return c.limits.SourceShrink }, 5},
		{"SYNCD_LIMITS_RUN_DELETES_COUNT", "7", func(c *Config) any { return *c.limits.Run.Deletes }, 7},
		{"SYNCD_LIMITS_RUN_MONEY_DECREASE", "1", func(c *Config) any { return c.limits.Run.Decrease.String() }, "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.got(mustParse(t, both, map[string]string{c.name: c.value})); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestABadVariableIsNamedAndNotTheFile(t *testing.T) {
	for _, c := range []struct {
		vars map[string]string
		want string
	}{
		{map[string]string{"SYNCD_CURRENCY": "dollars"}, `environment: SYNCD_CURRENCY: "dollars" is not a currency; write three capital letters such as USD`},
		{map[string]string{"SYNCD_CIPP_MAX_AGE": "soon"}, `environment: SYNCD_CIPP_MAX_AGE: "soon" is not a duration; write it as 90s, 15m or 26h`},
		{map[string]string{"SYNCD_CIPP_URL": "http://cipp.example.net"}, `environment: SYNCD_CIPP_URL: would send credentials unencrypted: write https://cipp.example.net (http:// is for this machine only)`},
		{map[string]string{"SYNCD_LIMITS_DELETE_COUNT": "3"}, `environment: SYNCD_LIMITS_DELETE_COUNT: no such setting; did you mean SYNCD_LIMITS_DELETES_COUNT?`},
		{map[string]string{"SYNCD_CIPP_CLIENT_SECRET": "hunter2", "SYNCD_CIPP_CLIENT_SECRET_FILE": "/x"}, `environment: SYNCD_CIPP_CLIENT_SECRET: both this and SYNCD_CIPP_CLIENT_SECRET_FILE are set; keep one`},
		{map[string]string{"SYNCD_ITGLUE_PSA_CONTACT_SYNC": "both", "SYNCD_ITGLUE_API_KEY": "hunter2"}, `environment: SYNCD_ITGLUE_PSA_CONTACT_SYNC: "both" is none of off, one-way and two-way: write what IT Glue's PSA integration is set to for contacts`},
		{map[string]string{"SYNCD_SCIM_CINODE_TOKEN": "hunter2"}, `environment: SYNCD_SCIM_CINODE_TOKEN: no target under scim has that name; name one of none`},
	} {
		if _, _, err := parse("currency: EUR\n"+both, c.vars); fmt.Sprint(err) != c.want {
			t.Errorf("%v: got:\n%v\nwant:\n%s", c.vars, err, c.want)
		}
	}
	// Names of another program, or of no section, are nobody's.
	if _, _, err := parse(both, map[string]string{"SYNCD_PORT": "tcp://10.0.0.1:9464", "SYNCD_ADDRESS": "x", "SYNCD_COMPANY": "x"}); err != nil {
		t.Errorf("got %v, want names of no section left alone", err)
	}
}

func TestTheEnvironmentAloneIsEnough(t *testing.T) {
	vars := map[string]string{"SYNCD_CIPP_URL": "https://cipp.example.net", "SYNCD_CIPP_TENANT_ID": "msp.example.net", "SYNCD_CIPP_CLIENT_ID": aGUID, "SYNCD_CIPP_CLIENT_SECRET": "s"}
	target := maps.Clone(vars)
	maps.Copy(target, map[string]string{"SYNCD_CONNECTWISE_URL": "https://api-na.myconnectwise.net", "SYNCD_CONNECTWISE_COMPANY": "msp", "SYNCD_CONNECTWISE_PUBLIC_KEY": "p", "SYNCD_CONNECTWISE_PRIVATE_KEY": "k", "SYNCD_CONNECTWISE_CLIENT_ID": "c"})
	for _, text := range []string{"", "cipp:\nconnectwise:\njobs:\n", "# nothing\n", "cipp: {}\n"} {
		c := mustParse(t, text, target)
		if cippOf(c).Rate.PerSecond != 5 || connectWiseOf(c) == nil || connectWiseOf(c).Rate.PerMinute != 300 || len(c.Jobs) != 1 {
			t.Errorf("%q: got %+v, %+v, %v; want both sections with their defaults, and the job", text, cippOf(c), connectWiseOf(c), c.Jobs)
		}
	}
	if c := mustParse(t, "", vars); connectWiseOf(c) != nil {
		t.Errorf("got %+v, want no ConnectWise", connectWiseOf(c))
	}
	delete(target, "SYNCD_CONNECTWISE_COMPANY")
	if _, _, err := parse("", target); err == nil || !strings.Contains(err.Error(), "config.yaml: connectwise.company: is missing") {
		t.Errorf("got %v, want what is missing in the section", err)
	}
}

func TestTheEnvironmentSpeaksOfSCIMTargetsByName(t *testing.T) {
	mounted := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(mounted, []byte("from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := both + "scim:\n  - {name: cinode, url: https://one.example.net, rate: {per_second: 2}}\n  - {name: cinode-test, url: 'https://two.example.net/{account}', tokens: {acme: '', Big-Co: kept}}\n"
	c := mustParse(t, text, map[string]string{"SYNCD_SCIM_CINODE_TOKEN_FILE": mounted, "SYNCD_SCIM_CINODE_USERS_GUESTS": "true", "SYNCD_SCIM_CINODE_TEST_TOKENS_ACME": "of-acme", "SYNCD_SCIM_CINODE_TEST_TOKENS_4711_FILE": mounted, "SYNCD_SCIM_CINODE_TEST_LEAVERS_DAYS": "4"})
	one, two := scimsOf(c)[0], scimsOf(c)[1]
	if one.Token.Reveal() != "from-a-file" || !one.Users.Guests || one.Rate != (rest.Rate{PerSecond: 2, Burst: 1, Concurrency: 2}) || !one.Reactivate || one.Leavers.Absences != 2 {
		t.Errorf("got %+v, want the token of the file, guests, and the other defaults", one)
	}
	if two.Tokens["acme"] != secret.New("of-acme") || two.Tokens["Big-Co"] != secret.New("kept") || two.Tokens["4711"].Reveal() != "from-a-file" || two.Leavers.Days != 4 || !two.Token.Empty() {
		t.Errorf("got %+v, want what is said of cinode-test", two)
	}
	for name, want := range map[string]string{"SYNCD_SCIM_CINODE_TOKNE": "did you mean SYNCD_SCIM_CINODE_TOKEN?", "SYNCD_SCIM_OTHER_TOKEN": "name one of cinode, cinode-test", "SYNCD_SCIM_CINODE_LEAVERS_THEN": "none of disable, delete and leave"} {
		_, _, err := parse(text, map[string]string{"SYNCD_SCIM_CINODE_TOKEN": "x", "SYNCD_SCIM_CINODE_TEST_TOKENS_ACME": "y", name: "shred"})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

func TestARateThatIsGivenReplacesEveryDefault(t *testing.T) {
	for _, c := range []struct {
		in   string
		vars map[string]string
		want rest.Rate
	}{
		{with("connectwise", "rate: {per_second: 2}"), nil, rest.Rate{PerSecond: 2, Burst: 1, Concurrency: 4}},
		{with("connectwise", "rate: {per_minute: 30, burst: 7, concurrency: 1}"), nil, rest.Rate{PerMinute: 30, Burst: 7, Concurrency: 1}},
		{with("connectwise", "rate:"), nil, rest.Rate{PerMinute: 300, Burst: 20, Concurrency: 4}},
		{both, map[string]string{"SYNCD_CONNECTWISE_RATE_PER_SECOND": "3"}, rest.Rate{PerSecond: 3, Burst: 1, Concurrency: 4}},
		{with("connectwise", "rate: {per_second: 2, burst: 9}"), map[string]string{"SYNCD_CONNECTWISE_RATE_BURST": "3"}, rest.Rate{PerSecond: 2, Burst: 3, Concurrency: 4}},
	} {
		if got := connectWiseOf(mustParse(t, c.in, c.vars)).Rate; got != c.want {
			t.Errorf("%s%v: got %+v, want %+v", c.in, c.vars, got, c.want)
		}
	}
}

func TestAJobOverridesTheLimitsItNames(t *testing.T) {
	c := mustParse(t, both+`limits:
  deletes: {count: 5}
  money: {increase: "100"}
  run: {creates: 9, money: {decrease: "3"}}
jobs:
  - {name: a, targets: [connectwise]}
  - name: b
    targets: [connectwise]
    apply: auto
    limits: {first_plan: allow, deletes: {percent: 0}, minimum_population: 0, money: {decrease: 7}, run: {deletes: {count: 1}}}
`, nil)
	jobs := c.jobs()
	if a := jobs[0].Limits; !reflect.DeepEqual(a, c.limits) || a.Deletes != (plan.Ceiling{Count: 5, Percent: 20}) || jobs[0].Policy != plan.Approve {
		t.Errorf("a: got %+v, want the limits of all", a)
	}
	b := jobs[1].Limits
	if b.HoldFirst || b.Deletes != (plan.Ceiling{Count: 5, Percent: 0}) || b.Creates != (plan.Ceiling{Count: 50, Percent: 50}) || b.MinPopulation != 0 || jobs[1].Policy != plan.Auto {
		t.Errorf("b: got %+v, want its own first plan, percentage and population", b.Limits)
	}
	if !b.Increase.Equal(decimal.New(100, 0)) || !b.Decrease.Equal(decimal.New(7, 0)) || *b.Run.Creates != 9 || *b.Run.Deletes != 1 || b.Run.Updates != nil || !b.Run.Decrease.Equal(decimal.New(3, 0)) {
		t.Errorf("b: got %+v, want money and run inherited where it is silent", b)
	}
}

func TestARunsLimitHasTwoSpellings(t *testing.T) {
	short := mustParse(t, both+"limits: {run: {creates: 1, updates: 0, deletes: 3}}\n", nil).limits
	long := mustParse(t, both+"limits: {run: {creates: {count: 1}, updates: {count: 0}, deletes: {count: 3}}}\n", nil).limits
	if !reflect.DeepEqual(short, long) || *short.Run.Creates != 1 || *short.Run.Updates != 0 || *short.Run.Deletes != 3 {
		t.Errorf("got %+v and %+v, want the same", short.Run, long.Run)
	}
	if none := mustParse(t, both+"limits: {run: {creates: , money: {}}}\n", nil).limits; none.Run.Creates != nil {
		t.Errorf("got %v, want no limit where none is written", *none.Run.Creates)
	}
}

func TestWhereTheFileIsAndWhatIsWrongWithIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	none := func(string) (string, bool) { return "", false }
	for _, asked := range []bool{true, false} {
		if _, err := Systems.LoadConfig(path, asked, none, nil); err == nil || !strings.Contains(err.Error(), "copy config.example.yaml to it") {
			t.Errorf("asked %t: got %v, want how to make one", asked, err)
		}
	}
	vars := map[string]string{"SYNCD_CIPP_URL": "http://cipp.example.net"}
	env := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	if _, err := Systems.LoadConfig(path, true, env, []string{"SYNCD_CIPP_URL"}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a file that was asked for: got %v, want that it does not exist", err)
	}
	if _, err := Systems.LoadConfig(path, false, env, []string{"SYNCD_CIPP_URL"}); err == nil || !strings.Contains(err.Error(), "environment: cipp.tenant_id: is missing") {
		t.Errorf("an environment for all: got %v, want what the environment lacks", err)
	}
	if _, err := Systems.LoadConfig(dir, true, none, nil); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: got %v", err)
	}
	if err := os.WriteFile(path, []byte(both+"currency: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Systems.LoadConfig(path, true, none, nil)
	if _, ok := errors.AsType[*config.Problems](err); !ok || !strings.HasPrefix(err.Error(), path+":3: currency: ") {
		t.Errorf("got %v, want the file and line", err)
	}
}

// TestNoMessageShowsASecret puts a marker wherever a secret may stand, right
// and wrong, and looks for it in all that is said.
func TestNoMessageShowsASecret(t *testing.T) {
	const marker = "hunter2marker"
	shapes := []string{marker, `"` + marker + `"`, "[" + marker + "]", "{" + marker + ": x}", "{x: " + marker + "}", "*" + marker, "&" + marker, "!" + marker, "!" + marker + " x", "!<" + marker, "!a!" + marker + " x", "@" + marker,
		`"` + marker, "'" + marker, "[" + marker, "{" + marker, marker + ": " + marker, `" ` + marker + ` "`, "|\n      " + marker + "\n     x", "\"" + marker + "\\q\"", "%" + marker, "`" + marker + "`", "!!binary " + marker, "!!int " + marker, "!!float " + marker, "? " + marker, "- " + marker, "[redacted] " + marker, marker + "\x01", marker + "\xff",
		marker + "\n  client_secret: " + marker, marker + "\n  " + marker + "\n"}
	said := func(what string, c *Config, err error) {
		for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v %#v", err, err), fmt.Sprintf("%v %+v", c, c), describe(c)} {
			if strings.Contains(text, marker) {
				t.Errorf("%s: shown in: %s", what, text)
			}
		}
	}
	for _, shape := range shapes {
		for _, at := range []struct{ section, key string }{{"cipp", "client_secret"}, {"connectwise", "public_key"}, {"connectwise", "private_key"}, {"connectwise", "client_id"}} {
			text := with(at.section, at.key+": "+shape)
			c, _, err := parse(text+"currency: x\n", nil)
			said(at.key+": "+shape, c, err)
		}
		c, _, err := parse(both+"state:\n  postgres: "+shape+"\n", nil)
		said("state.postgres: "+shape, c, err)
		c, _, err = parse(both+"itglue:\n  api_key: "+shape+"\n", nil)
		said("itglue.api_key: "+shape, c, err)
		c, _, err = parse(both+"scim:\n  - token: "+shape+"\n", nil)
		said("scim[0].token: "+shape, c, err)
	}
	for _, section := range []string{"cipp", "connectwise", "itglue", "state"} {
		c, _, err := parse(section+": "+marker+"\n", nil)
		said("in place of "+section, c, err)
	}
	for _, url := range []string{"https://" + marker + "@cipp.example.net", "https://me:" + marker + "@cipp.example.net", "https://cipp.example.net?code=" + marker, "https://cipp.example.net#" + marker} {
		for _, at := range []struct{ section, key string }{{"cipp", "url"}, {"cipp", "token_url"}, {"connectwise", "url"}} {
			_, _, err := parse(with(at.section, at.key+": "+url), nil)
			if strings.Contains(fmt.Sprint(err), marker) {
				t.Errorf("%s.%s: %s: shown in %v", at.section, at.key, url, err)
			}
		}
	}
	dir := t.TempDir()
	for i, text := range []string{marker, marker + "\xff", marker + "\x00", strings.Repeat(marker, 10_000), "[redacted]" + marker, " " + marker + " "} {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"SYNCD_CIPP_CLIENT_SECRET", "SYNCD_CONNECTWISE_PUBLIC_KEY", "SYNCD_CONNECTWISE_PRIVATE_KEY", "SYNCD_CONNECTWISE_CLIENT_ID", "SYNCD_STATE_POSTGRES", "SYNCD_ITGLUE_API_KEY", "SYNCD_SCIM_CINODE_TOKEN"} {
			for _, vars := range []map[string]string{{name: text}, {name + "_FILE": path}, {name: text, name + "_FILE": path}, {name + "X": text}} {
				c, _, err := parse("currency: x\n"+both, vars)
				said(fmt.Sprint(slices.Collect(maps.Keys(vars))), c, err)
			}
		}
	}
}

// describe prints what is behind a Config's pointers.
func describe(c *Config) string {
	text := fmt.Sprintf("%+v %#v", *cippOf(c), c.State)
	if connectWiseOf(c) != nil {
		text += fmt.Sprintf("%+v %#v", *connectWiseOf(c), *connectWiseOf(c))
	}
	if itGlueOf(c) != nil {
		text += fmt.Sprintf("%+v %#v", *itGlueOf(c), *itGlueOf(c))
	}
	return text
}

func TestWhichTargetIsMeant(t *testing.T) {
	one := mustParse(t, both, nil)
	many := mustParse(t, both+"itglue: {api_key: s}\nscim: [{name: cinode, url: 'https://scim.example.net', token: t}]\n", nil)
	for _, c := range []struct {
		cfg         *Config
		typed, want string
	}{
		{one, "ConnectWise", "connectwise"},
		{one, "", "connectwise"},
		{many, "IT Glue", "itglue"},
		{many, "SCIM/Cinode", "scim/cinode"},
		{many, "Cinode", "scim/cinode"},
		{many, "", "<name the target: connectwise, itglue, scim/cinode>"},
		{many, "hudu", `<target "hudu" is not configured; configured: connectwise, itglue, scim/cinode>`},
		{many, "itglue,connectwise", `<"itglue,connectwise": one target at a time, or leave it out for all; configured: connectwise, itglue, scim/cinode>`},
	} {
		got, err := c.cfg.targetNamed(c.typed)
		if err != nil {
			got = "<" + err.Error() + ">"
		}
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.typed, got, c.want)
		}
	}
	if slices.Contains(one.Targets(), "") {
		t.Error("a target has no name")
	}
}
