package app

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	invopop "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"syncd/internal/cipp"
	"syncd/internal/cipp/tenants"
	"syncd/internal/itglue"
	"syncd/internal/rest"
	"syncd/internal/secret"
	"syncd/internal/web/signin"
)

// The schema is made by a test: the program itself needs neither the generator
// nor a command for it.
//
//go:generate go test -run "^Test(TheSchema|ThePageOfTheDataSet)IsUpToDate$" . -write-schema

var writeSchema = flag.Bool("write-schema", false, "write config.schema.json anew")

const schemaPath = "../../config.schema.json"

// schema describes the configuration to editors. It is looser than the loader,
// which knows what belongs together, and never refuses what the loader takes
// from a file as the example shows it.
func schema(t *testing.T, table Table) []byte {
	t.Helper()
	number := func(least, most int64) *invopop.Schema {
		s := &invopop.Schema{Type: "integer", Minimum: json.Number(intText(least))}
		if most > 0 {
			s.Maximum = json.Number(intText(most))
		}
		return s
	}
	r := invopop.Reflector{
		FieldNameTag: "yaml", Anonymous: true, RequiredFromJSONSchemaTags: true,
		Namer: func(typ reflect.Type) string { // every system calls its section Config
			for _, l := range table {
				if typ.PkgPath() == "syncd/internal/"+l.Section {
					return strings.ReplaceAll(l.Title, " ", "") + typ.Name()
				}
			}
			switch typ {
			case reflect.TypeFor[tenants.Config]():
				return "TenantsConfig"
			case reflect.TypeFor[tenants.Rule]():
				return "TenantGroupRule"
			}
			return ""
		},
		Mapper: func(typ reflect.Type) *invopop.Schema {
			switch typ {
			case reflect.TypeFor[time.Duration]():
				return &invopop.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`, Examples: []any{"90s", "15m", "26h"}}
			case reflect.TypeFor[secret.String]():
				return &invopop.Schema{Type: "string"}
			case reflect.TypeFor[RunCount]():
				group := &invopop.Schema{Type: "object", Properties: invopop.NewProperties(), AdditionalProperties: invopop.FalseSchema}
				group.Properties.Set("count", number(0, 10_000_000))
				return &invopop.Schema{OneOf: []*invopop.Schema{number(0, 10_000_000), group}}
			}
			return nil
		},
	}
	// Paths of packages are made of the folders below the one we stand in.
	t.Chdir("../..")
	folders := []string{"internal/app", "internal/rest", "internal/cipp/tenants"}
	for _, l := range table {
		if folder := "internal/" + l.Section; exists(folder) {
			folders = append(folders, folder)
		}
	}
	for _, folder := range folders {
		if err := r.AddGoComments("syncd", "./"+folder); err != nil {
			t.Fatal(err)
		}
	}
	// Go's comments begin with Go's names; an operator knows the setting's.
	for name, comment := range r.CommentMap {
		comment = strings.Join(strings.Fields(comment), " ")
		names := strings.Split(name[strings.LastIndex(name, "/")+1:], ".")
		if rest, ok := strings.CutPrefix(strings.TrimPrefix(comment, "A "), names[len(names)-1]+" "); ok {
			comment = "This " + rest
		}
		r.CommentMap[name] = strings.NewReplacer("This are ", "These are ", "TenantID", "tenant_id").Replace(comment)
	}
	s := r.Reflect(&Config{})
	s.ID, s.Title = "", "syncd's configuration"
	targets := addSections(r, s, table)
	at := func(definition, field string) *invopop.Schema {
		d, ok := s.Definitions[definition]
		if !ok {
			t.Fatalf("the schema has no %s: %v", definition, s.Definitions)
		}
		p, ok := d.Properties.Get(field)
		if !ok {
			t.Fatalf("%s has no %s", definition, field)
		}
		return p
	}
	at("Config", "currency").Pattern = currencyCode.String()
	at("Config", "listen").Pattern = `:[0-9]{1,5}$`
	at("JobConfig", "name").Pattern = jobName.String()
	at("JobConfig", "apply").Enum = []any{"never", "approve", "auto"}
	at("JobConfig", "targets").Items.Pattern = "^(" + strings.Join(targets, "|") + ")$"
	at("EvidenceConfig", "names").Enum = anys(namesKept)
	at("MetricsConfig", "customers").Enum = anys(customersCalled)
	at("AuthConfig", "mode").Enum = anys(signin.Modes)
	at("MailConfig", "tls").Enum = anys(mailTLS)
	at("NotifyConfig", "for").Items.Enum = anys(kindNames())
	at("OIDCConfig", "roles").PropertyNames = &invopop.Schema{Enum: anys(Roles)}
	at("StaffConfig", "role").Enum = anys(Roles)
	s.Definitions["StaffConfig"].Required = []string{"name", "role"}
	s.Definitions["StaffConfig"].AnyOf = []*invopop.Schema{{Required: []string{"os_user"}}, {Required: []string{"login"}}}
	at("EvidenceConfig", "keep").Minimum, at("EvidenceConfig", "keep").Maximum = "1", json.Number(intText(mostMonths))
	at("BackupConfig", "keep").Minimum, at("BackupConfig", "keep").Maximum = "1", json.Number(intText(mostBackups))
	at("BackupConfig", "recipients").Items.Pattern = "^age1[a-z0-9]+$"
	at("LimitsConfig", "first_plan").Enum = []any{"hold", "allow"}
	run := at("Freeze", "invoice_run")
	run.Type, run.OneOf = "", []*invopop.Schema{{Type: "string", Pattern: `^([1-9]|[12][0-9]|3[01]|last|last-business)$`}, number(1, 31)}
	for _, field := range []string{"before", "after"} {
		at("Freeze", field).Minimum, at("Freeze", field).Maximum = "0", "27"
	}
	s.Definitions["StateConfig"].Properties.Delete("postgres") // this version refuses it
	for _, field := range []string{"increase", "decrease", "decrease_explained"} {
		p := at("MoneyConfig", field)
		p.Type, p.OneOf = "", []*invopop.Schema{{Type: "string", Pattern: `^[0-9]+(\.[0-9]{1,4})?$`}, {Type: "number", Minimum: "0"}}
	}
	for definition, fields := range map[string]map[string]int64{
		"CeilingConfig": {"count": 1_000_000, "percent": 100}, "ShrinkConfig": {"percent": 100}, "LimitsConfig": {"minimum_population": 1_000_000},
	} {
		for field, most := range fields {
			p := at(definition, field)
			p.Minimum = "0"
			if most > 0 {
				p.Maximum = json.Number(intText(most))
			}
		}
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func anys[T any](texts []T) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = text
	}
	return out
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// addSections puts the systems' sections into the schema, where people look for them,
// and returns patterns for the names of their targets.
func addSections(r invopop.Reflector, s *invopop.Schema, table Table) (targets []string) {
	all := invopop.NewProperties()
	for p := s.Definitions["Config"].Properties.Oldest(); p != nil; p = p.Next() {
		if all.Set(p.Key, p.Value); p.Key != "timezone" {
			continue
		}
		for _, l := range table {
			section := r.Reflect(l.New().Config())
			maps.Copy(s.Definitions, section.Definitions)
			p := &invopop.Schema{Description: l.What}
			if section.Type == "array" {
				p.Type, p.Items = section.Type, section.Items
				targets = append(targets, l.Section+"/[a-z0-9_-]+")
			} else { // it may stand there empty, where the environment says the rest
				p.OneOf = []*invopop.Schema{{Ref: section.Ref}, {Type: "null"}}
				targets = append(targets, l.Section)
			}
			all.Set(l.Section, p)
		}
	}
	s.Definitions["Config"].Properties = all
	return targets
}

func intText(n int64) string {
	text, _ := json.Marshal(n)
	return string(text)
}

func TestTheSchemaIsUpToDate(t *testing.T) {
	want := schema(t, Systems) // changes to the top folder
	if *writeSchema {
		if err := os.WriteFile("config.schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("config.schema.json")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("config.schema.json differs from the configuration (%v): run go generate ./internal/app", err)
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	return compile(t, text)
}

func compile(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Load([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	plain, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// recipient is a public key of age; nobody has the other part.
const recipient = "age1xhejh3sg9y8t30mcdg9atqej26ut7s7vshqc7lpna5sqkn6qqfmqme9pnv"

func TestWhatTheLoaderTakesTheSchemaTakes(t *testing.T) {
	s := compiled(t)
	bare, all := example(t)
	filled := strings.NewReplacer("change-me", "a-secret-that-is-long-enough").Replace
	for name, text := range map[string]string{
		"the example":                  filled(bare),
		"the example, all of it":       filled(all),
		"the least":                    both,
		"a run's limits, long":         both + "limits: {run: {creates: {count: 5}, money: {increase: 5}}}\n",
		"a job's limits":               both + "jobs: [{name: a, targets: [connectwise], schedule: '@daily', apply: auto, limits: {first_plan: allow, deletes: {count: 0}}}]\n",
		"staff":                        both + people + "four_eyes: true\n",
		"backups":                      both + "backup: {dir: /srv/backups, schedule: '@daily', keep: 3, recipients: [" + recipient + "]}\n",
		"this machine":                 with("cipp", "url: http://127.0.0.1:8080"),
		"a duration of two units":      with("cipp", "max_age: 1h30m"),
		"ConnectWise without a scheme": with("connectwise", "url: api-na.myconnectwise.net"),
	} {
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: the schema refuses it: %v", name, err)
		}
		if _, _, err := parse(text, map[string]string{"SYNCD_CIPP_CLIENT_SECRET": "s"}); err != nil {
			t.Errorf("%s: the loader refuses it: %v", name, err)
		}
	}
	// Sections that the environment fills.
	if err := validate(t, s, "cipp:\nconnectwise:\nitglue:\n"); err != nil {
		t.Errorf("empty sections: %v", err)
	}
}

func TestWhatTheSchemaRefusesTheLoaderRefuses(t *testing.T) {
	s := compiled(t)
	for name, text := range map[string]string{
		"an unknown section":          both + "halo: {}\n",
		"an unknown setting":          with("cipp", "urll: x"),
		"a profile that is none":      both + "scim: [{name: x, profile: acme, url: https://x.example, token: t}]\n",
		"a contact sync that is none": both + "itglue: {api_key: x, psa_contact_sync: both}\n",
		"a way to leave that is none": both + "itglue: {api_key: x, leavers: {then: shred}}\n",
		"no part of a day":            both + "itglue: {api_key: x, quiet_hours: [always]}\n",
		"a number for a list":         with("connectwise", "agreement_types: 3"),
		"a word for a number":         both + "limits: {minimum_population: few}\n",
		"a duration without a unit":   with("cipp", "max_age: 26"),
		"a duration below nothing":    with("cipp", "max_age: -1h"),
		"a negative burst":            with("cipp", "rate: {per_second: 1, burst: -1}"),
		"a percentage above all":      both + "limits: {creates: {percent: 101}}\n",
		"a policy that is none":       both + "jobs: [{name: a, targets: [connectwise], apply: yes please}]\n",
		"a first plan that is none":   both + "limits: {first_plan: maybe}\n",
		"a way to go that is none":    with("connectwise", "gone: delete"),
		"a grace that is none":        with("connectwise", "grace: half"),
		"a currency in words":         both + "currency: dollars\n",
		"an address without a port":   both + "listen: localhost\n",
		"http to a stranger":          with("cipp", "url: http://cipp.example.net"),
		"a list for a secret":         with("connectwise", "private_key: [a]"),
		"a target that is none":       both + "jobs: [{name: a, targets: [halo]}]\n",
		"a job's name with a capital": both + "jobs: [{name: Nightly, targets: [connectwise]}]\n",
		"a role that is none":         both + "staff: [{name: A, role: boss, os_user: a}]\n",
		"nobody's name":               both + "staff: [{role: viewer, os_user: a}]\n",
		"a person nobody could be":    both + "staff: [{name: A, role: viewer}]\n",
		"four eyes in words":          both + "four_eyes: perhaps\n",
		"no backups":                  both + "backup: {dir: /srv, keep: 0}\n",
		"a recipient that is none":    both + "backup: {dir: /srv, recipients: [ada]}\n",
		"money in words":              both + "limits: {money: {increase: lots}}\n",
		"a run's limit in words":      both + "limits: {run: {creates: many}}\n",
		"a run's limit misspelled":    both + "limits: {run: {creates: {cuont: 1}}}\n",
	} {
		if err := validate(t, s, text); err == nil {
			t.Errorf("%s: the schema takes it", name)
		}
		if _, _, err := parse(text, nil); err == nil {
			t.Errorf("%s: the loader takes it", name)
		}
	}
}

func TestEverySettingIsInTheSchemaAndDescribed(t *testing.T) {
	text, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	types := []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[LimitsConfig](), reflect.TypeFor[JobConfig](), reflect.TypeFor[cipp.Config](), reflect.TypeFor[itglue.Users](), reflect.TypeFor[rest.Rate]()}
	for _, l := range Systems {
		if section := reflect.TypeOf(l.New().Config()).Elem(); section.Kind() == reflect.Struct {
			types = append(types, section)
		} else {
			types = append(types, section.Elem())
		}
	}
	for _, typ := range types {
		for f := range typ.Fields() {
			if name := f.Tag.Get("yaml"); name != "" && name[0] != ',' && !strings.Contains(string(text), `"`+name+`": {`) {
				t.Errorf("%v: the schema does not know %s", typ, name)
			}
		}
	}
	if leaked := regexp.MustCompile(`"description": ".*(TenantID|TokenURL|Config |PerSecond).*"`).FindString(string(text)); leaked != "" {
		t.Errorf("a description speaks Go: %s", leaked)
	}
	if got := len(regexp.MustCompile(`"description":`).FindAll(text, -1)); got < 30 {
		t.Errorf("got %d descriptions, want at least 30", got)
	}
}

// sectionOnly is a system of which only the section is asked for.
type sectionOnly struct {
	System
	config any
}

func (s sectionOnly) Config() any { return s.config }

// A system needs its line in the table alone to be in the schema; see also the toy in
// cmd/syncd.
func TestASystemOfTheTableIsInTheSchema(t *testing.T) {
	type toy struct {
		Greeting string `yaml:"greeting" jsonschema:"enum=hello,enum=hi"`
	}
	table := append(Systems[:len(Systems):len(Systems)], Line{"toy", "Toy", "a target: greetings", func() System { return sectionOnly{config: &toy{}} }})
	s := compile(t, schema(t, table))
	for text, want := range map[string]bool{
		"toy:\n": true, "toy: {greeting: hi}\njobs: [{name: a, targets: [toy]}]\n": true,
		"toy: {greeting: hey}\n": false, "toy: {greting: hi}\n": false, "jobs: [{name: a, targets: [tow]}]\n": false,
	} {
		if err := validate(t, s, text); (err == nil) != want {
			t.Errorf("%q: got %v, want it taken: %t", text, err, want)
		}
	}
}
