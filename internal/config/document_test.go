package config_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"syncd/internal/config"
)

// settings has one setting of each kind.
type settings struct {
	Name   string            `yaml:"name" env:"NAME"`
	Places []string          `yaml:"places" env:"PLACES"`
	Budget int               `yaml:"budget" env:"BUDGET"`
	Share  float64           `yaml:"share" env:"SHARE"`
	Strict bool              `yaml:"strict" env:"STRICT"`
	Age    time.Duration     `yaml:"age" env:"AGE"`
	Most   *int              `yaml:"most" env:"MOST"`
	Rate   rate              `yaml:"rate" env:", prefix=RATE_"`
	Office *office           `yaml:"office" env:", prefix=OFFICE_"`
	Jobs   []job             `yaml:"jobs"`
	Labels map[string]string `yaml:"labels"`
	Token  hidden            `yaml:"token" env:"TOKEN"`
}

type rate struct {
	Burst int `yaml:"burst" env:"BURST"`
}

type office struct {
	Street string `yaml:"street" env:"STREET"`
	Token  hidden `yaml:"token" env:"TOKEN"`
}

type job struct {
	Name    string   `yaml:"name"`
	Targets []string `yaml:"targets"`
}

// hidden is a secret: it refuses what it does not like without repeating it.
type hidden struct{ text string }

func (h *hidden) UnmarshalYAML(n *yaml.Node) error {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return errors.New("is not a single text")
	}
	return h.UnmarshalText([]byte(n.Value))
}

func (h *hidden) UnmarshalText(text []byte) error {
	if string(text) == "placeholder" {
		return errors.New("is a placeholder")
	}
	h.text = string(text)
	return nil
}

const known = "age, budget, jobs, labels, most, name, office, places, rate, share, strict, token"

func load(text string) (settings, error) {
	var s settings
	problems := &config.Problems{File: "c.yaml"}
	config.Parse([]byte(text), problems).Decode(&s, problems)
	return s, problems.Err()
}

func lines(s ...string) string { return strings.Join(s, "\n") }

func TestEveryMistakeNamesItsLineItsPathAndTheRemedy(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"an unknown key gets the nearest name", "nmae: x", `c.yaml:1: nmae: no such setting; did you mean name?`},
		{"an unknown key deep down has its path", "rate:\n  brust: 3", `c.yaml:2: rate.brust: no such setting; did you mean burst?`},
		{"an unknown key in a list has its index", "jobs:\n  - name: a\n  - nam: b", `c.yaml:3: jobs[1].nam: no such setting; did you mean name?`},
		{"an unknown key like nothing gets the list", "zzzzzzzz: x", `c.yaml:1: zzzzzzzz: no such setting; known here: ` + known},
		{"an unknown key of great length is not compared", strings.Repeat("n", 500) + ": x", `c.yaml:1: ` + strings.Repeat("n", 500) + `: no such setting; known here: ` + known},
		{"capitals matter", "Name: x", `c.yaml:1: Name: no such setting; did you mean name?`},
		{"a duplicate key", "name: a\nbudget: 1\nname: b", `c.yaml:3: name: is here twice, first in line 1; keep one`},
		{"a duplicate key in quotes", "rate:\n  burst: 1\n  \"burst\": 2", `c.yaml:3: rate.burst: is here twice, first in line 2; keep one`},
		{"a duplicate of an unknown key is reported once as either", "x1: a\nx1: b", lines(`c.yaml:1: x1: no such setting; known here: `+known, `c.yaml:2: x1: is here twice, first in line 1; keep one`)},
		{"a number where a list is due", "places: 3", `c.yaml:1: places: "3" is not a list; write it as [one, two]`},
		{"a text where a list is due", "places: here", `c.yaml:1: places: "here" is not a list; write it as [one, two]`},
		{"a text where a list of groups is due", "jobs: a", `c.yaml:1: jobs: "a" is not a list; write each entry on lines of its own that begin with "- "`},
		{"a group where a list is due", "jobs: {name: a}", `c.yaml:1: jobs: a group of settings is not a list; write each entry on lines of its own that begin with "- "`},
		{"a text where a number is due", "budget: many", `c.yaml:1: budget: "many" is not a whole number; write it in digits, without quotes`},
		{"a fraction where a whole number is due", "budget: 1.5", `c.yaml:1: budget: "1.5" is not a whole number; write it in digits, without quotes`},
		{"a number in quotes", "most: '10'", `c.yaml:1: most: "10" is not a whole number; write it in digits, without quotes`},
		{"a number too large", "budget: 99999999999999999999", `c.yaml:1: budget: "99999999999999999999" is too large a number`},
		{"a text where a fraction may be", "share: fast", `c.yaml:1: share: "fast" is not a number; write it in digits, without quotes`},
		{"no yes and no no", "strict: maybe", `c.yaml:1: strict: "maybe" is not a yes or no; write true or false`},
		{"a word for a duration", "age: soon", `c.yaml:1: age: "soon" is not a duration; write it as 90s, 15m or 26h`},
		{"a duration without a unit", "age: 26", `c.yaml:1: age: "26" is not a duration; write it as 90s, 15m or 26h`},
		{"a list where a text is due", "name: [a]", `c.yaml:1: name: a list is not a text; write it on one line, in quotes if it holds more than letters and digits`},
		{"a group where a text is due", "name: {a: b}", `c.yaml:1: name: a group of settings is not a text; write it on one line, in quotes if it holds more than letters and digits`},
		{"a value where a group is due is not repeated", "office: hunter2", `c.yaml:1: office: a single value is not a group of settings; known here: street, token`},
		{"a list where a group is due", "rate: [1]", `c.yaml:1: rate: a list is not a group of settings; known here: burst`},
		{"a value where labels are due", "labels: x", `c.yaml:1: labels: a single value is not a group of settings; write "name: value" lines below it`},
		{"an empty entry", "places:\n  - a\n  -", `c.yaml:3: places[1]: is an empty entry; write it or take its - out`},
		{"a secret in a list is not repeated", "token: [hunter2]", `c.yaml:1: token: is not a single text`},
		{"a secret as a key is not repeated", "office: {token: {hunter2: x}}", `c.yaml:1: office.token: is not a single text`},
		{"a type's own refusal has path and line", "name: a\noffice:\n  token: placeholder", `c.yaml:3: office.token: is a placeholder`},
		{"a long value is cut", "budget: " + strings.Repeat("x", 200), `c.yaml:1: budget: "` + strings.Repeat("x", 40) + `…" is not a whole number; write it in digits, without quotes`},
		{"several problems come at once in the order of the lines", "budget: x\nnmae: y\nrate:\n  burst: z\nbudget: 2",
			lines(`c.yaml:1: budget: "x" is not a whole number; write it in digits, without quotes`,
				`c.yaml:2: nmae: no such setting; did you mean name?`,
				`c.yaml:4: rate.burst: "z" is not a whole number; write it in digits, without quotes`,
				`c.yaml:5: budget: is here twice, first in line 1; keep one`)},

		{"a list for a file", "- a\n- b", `c.yaml:1: the file must hold settings as "name: value" lines`},
		{"a word for a file", "# a comment\nhello", `c.yaml:2: the file must hold settings as "name: value" lines`},
		{"a list as a key", "? [a]\n: b", `c.yaml:1: a list cannot be the name of a setting; write "name: value"`},
		{"merged settings", "<<: {name: x}", `c.yaml:1: settings cannot be merged in with <<; write them out`},
		{"an alias as a key", "name: &a budget\n*a : 3", `c.yaml:2: the name of a setting cannot be taken from elsewhere (*); write it out`},
		{"an unquoted exclamation mark", "token: !hunter2 rest", `c.yaml:1: token: a text that begins with ! must stand in quotes`},
		{"an alias into itself", "rate: &a\n  burst: *a", `c.yaml:2: rate.burst: a group of settings is not a whole number; write it in digits, without quotes`},
		{"a broken alias is checked where it is used", "name: &a x\nbudget: *a", `c.yaml:2: budget: "x" is not a whole number; write it in digits, without quotes`},

		{"a tab", "rate:\n\tburst: 3", `c.yaml:2: is indented with a tab; YAML takes spaces only`},
		{"a tab in CRLF", "rate:\r\n\tburst: 3\r\n", `c.yaml:2: is indented with a tab; YAML takes spaces only`},
		{"a colon too many", "name: a: b", `c.yaml:1: has a ": " too many: put a value that holds one in quotes, or correct the indentation of this line or the one above`},
		{"an unclosed brace", "rate: {burst: 3\nname: x", `c.yaml:1: a { is never closed with }, or a comma is missing`},
		{"an unclosed bracket", "name: x\nplaces: [a\n", `c.yaml:2: a [ is never closed with ], or a comma is missing`},
		{"an unclosed quote", "budget: 3\nname: \"abc\nage: 3h\n", `c.yaml:2: a quote is never closed`},
		{"a missing colon", "name: a\nbudget 3\nage: 3h", `c.yaml:2: is no "name: value" line: the colon and a space after it are missing`},
		{"an indentation out of step", "rate:\n    burst: 3\n  x: 3", `c.yaml:3: is not a "name: value" line in step with those above: correct its indentation, or close the quotes before it`},
		{"an unquoted @", "name: @here", `c.yaml:1: a value that begins with @, %, ` + "`" + ` or a tab must stand in quotes`},
		{"an unquoted asterisk", "token: *hunter2", `c.yaml:1: a text that begins with * must stand in quotes`},
		{"an unquoted asterisk and nothing", "name: * x", `c.yaml:1: a text that begins with * or & must stand in quotes`},
		{"a backslash in double quotes", `name: "C:\qemu"`, `c.yaml:1: has a \ in double quotes that YAML does not know: write \\, or use single quotes`},
		{"two documents", "name: a\n---\nname: b", `c.yaml:2: begins a second document with ---; a configuration is one`},
		{"a broken tag", "token: !<hunter2", `c.yaml:1: a text that begins with ! must stand in quotes`},

		{"a control character", "name: a\nbudget: \x01", `c.yaml:2: holds bytes that are no text; name the right file with --config, or save this one as UTF-8`},
		{"binary junk", "\x7fELF\x02\x01\x00\x00", `c.yaml:1: holds bytes that are no text; name the right file with --config, or save this one as UTF-8`},
		{"Latin-1", "name: Z\xfcrich", `c.yaml:1: holds bytes that are no text; name the right file with --config, or save this one as UTF-8`},
		{"ten megabytes", "name: x\n" + strings.Repeat("# filler\n", 10<<20/9), `c.yaml: is 10485764 bytes long, which is no configuration; name the right file with --config`},
		{"deep nesting", "labels: " + strings.Repeat("[", 20_000), `c.yaml:1: is nested deeper than any setting; name the right file with --config`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(c.in)
			if got := fmt.Sprint(err); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestWhatIsRightIsRead(t *testing.T) {
	full := settings{Name: "a", Places: []string{"x", "y"}, Budget: 3, Share: 0.5, Strict: true, Age: 26 * time.Hour, Most: new(7),
		Rate: rate{2}, Office: &office{"Elm", hidden{"0123"}}, Jobs: []job{{"j", []string{"t"}}}, Labels: map[string]string{"k": "v"}, Token: hidden{"!x"}}
	text := "name: a\nplaces: [x, y]\nbudget: 3\nshare: 0.5\nstrict: true\nage: 26h\nmost: 7\nrate: {burst: 2}\noffice:\n  street: Elm\n  token: 0123\njobs:\n  - name: j\n    targets: [t]\nlabels: {k: v}\ntoken: '!x'\n"
	utf16 := "\xff\xfe"
	for _, r := range text {
		utf16 += string([]byte{byte(r), 0})
	}
	for _, c := range []struct {
		name, in string
		want     settings
	}{
		{"every kind of setting", text, full},
		{"a byte order mark", "\ufeff" + text, full},
		{"lines that end in CRLF", strings.ReplaceAll(text, "\n", "\r\n"), full},
		{"UTF-16, as Notepad saves Unicode", utf16, full},
		{"one document with its mark", "---\n" + text + "...\n", full},
		{"tabs between values and in comments", "name:\ta\t# here\n#\there\n", settings{Name: "a"}},
		{"an empty file", "", settings{}},
		{"nothing but a byte order mark", "\ufeff\r\n", settings{}},
		{"only comments", "# name: a\n\n# b\n", settings{}},
		{"a document of nothing", "---\n", settings{}},
		{"anchors and aliases", "name: &n a\ntoken: *n\nplaces: &p [x]\njobs:\n  - targets: *p\n  - targets: *p\n",
			settings{Name: "a", Token: hidden{"a"}, Places: []string{"x"}, Jobs: []job{{Targets: []string{"x"}}, {Targets: []string{"x"}}}}},
		{"numbers as text stay as they are written", "name: 0123\nplaces: [1e5, true]", settings{Name: "0123", Places: []string{"1e5", "true"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := load(c.in)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestASettingWithoutAValueKeepsWhatIsThere(t *testing.T) {
	s := settings{Name: "a", Budget: 3, Rate: rate{2}, Most: new(7), Token: hidden{"t"}}
	problems := &config.Problems{File: "c.yaml"}
	doc := config.Parse([]byte("name:\nbudget: ~\nrate:\nstrict: null\n"), problems)
	doc.Decode(&s, problems)
	want := settings{Name: "a", Budget: 3, Rate: rate{2}, Most: s.Most, Token: hidden{"t"}}
	if err := problems.Err(); err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, %v; want %+v", s, err, want)
	}
	if doc.Has("rate") || doc.Has("rate", "burst") || doc.Has("nothing") {
		t.Error("an empty section counts as one")
	}
}

func TestWhatIsRightBesideAMistakeIsReadAllTheSame(t *testing.T) {
	s, err := load("budget: x\nname: a\nnmae: b\nage: 3h")
	if err == nil || s.Name != "a" || s.Age != 3*time.Hour {
		t.Errorf("got %+v, %v; want the name and the age", s, err)
	}
}

func TestAliasesOfAliasesEndSoon(t *testing.T) {
	var b strings.Builder
	b.WriteString("labels: &l0 [x, x, x, x, x, x, x, x]\n")
	for i := range 20 {
		fmt.Fprintf(&b, "a%d: &l%d [%s]\n", i, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i), 8), ", "))
	}
	b.WriteString("places: *l20\n")
	begun := time.Now()
	if _, err := load(b.String()); err == nil || time.Since(begun) > 10*time.Second {
		t.Errorf("got %v after %s; want an error at once", err, time.Since(begun))
	}
}

func TestALineIsThatOfTheNearestKnownPlace(t *testing.T) {
	problems := &config.Problems{File: "c.yaml"}
	doc := config.Parse([]byte("name: a\nrate:\n  burst: 3\njobs:\n  - name: j\n    targets: [a]\n  - name: k\n"), problems)
	for path, want := range map[string]int{
		"name": 1, "rate": 2, "rate.burst": 3, "rate.other": 2, "jobs": 4, "jobs[0].name": 5, "jobs[0].targets[0]": 6, "jobs[0].targets[7]": 6,
		"jobs[1].targets": 7, "jobs[9].name": 4, "office.street": 0, "": 0, "jobs[x]": 4, "jobs[-1]": 4, "name.further": 1,
	} {
		if got := doc.Line(path); got != want {
			t.Errorf("%q: got line %d, want %d", path, got, want)
		}
	}
}

func TestARefusedSectionIsReportedOnceAndGone(t *testing.T) {
	var s settings
	problems := &config.Problems{File: "c.yaml"}
	doc := config.Parse([]byte("name: a\nlater:\n  what: ever\nbudget: 3\n"), problems)
	doc.Refuse("later", "comes later; take it out", problems)
	doc.Decode(&s, problems)
	if got, want := fmt.Sprint(problems.Err()), "c.yaml:2: later: comes later; take it out"; got != want || s.Budget != 3 {
		t.Errorf("got %s and %+v, want %s", got, s, want)
	}
	doc = config.Parse([]byte("rate: {burst: 3, later: [1]}\nlater: []\n"), problems)
	doc.Refuse("later", "x", problems) // it says nothing, so there is nothing to refuse
	doc.Refuse("rate.later", "comes later", problems)
	doc.Refuse("name.later", "x", problems)
	if doc.Decode(&s, problems); len(problems.List) != 2 || problems.List[1].Path != "rate.later" || problems.List[1].Line != 1 {
		t.Errorf("got %v, want rate.later alone besides", problems.List)
	}
	problems.List = problems.List[:1]
	config.Parse(nil, problems).Refuse("later", "x", problems)
	if len(problems.List) != 1 {
		t.Errorf("an empty file was refused: %v", problems)
	}
}

func TestAFileWrongInEveryLineEndsAfterAScreen(t *testing.T) {
	_, err := load(strings.Repeat("- x\n", 3) + "a: b")
	if err == nil {
		t.Error("a list that becomes a group was accepted")
	}
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "x%d: 1\n", i)
	}
	_, err = load(b.String())
	got := strings.Split(fmt.Sprint(err), "\n")
	if len(got) != 51 || got[50] != "c.yaml: and 950 problems more" {
		t.Errorf("got %d lines, the last %q; want 51 and how many more", len(got), got[len(got)-1])
	}
}

func TestAProblemCoversWhatIsAboveAndBelowIt(t *testing.T) {
	p := &config.Problems{}
	p.Add(1, "jobs[1].targets", "x")
	for path, want := range map[string]bool{"jobs[1].targets": true, "jobs[1].targets[0]": true, "jobs[1]": true, "jobs": true, "jobs[1].name": false, "jobs[10].targets": false, "job": false} {
		if got := p.Covers(path); got != want {
			t.Errorf("%s: got %t, want %t", path, got, want)
		}
	}
}

func FuzzParseDecode(f *testing.F) {
	for _, seed := range []string{"", "name: a", "rate: {burst: 3}", "jobs:\n  - name: a\n    targets: [b]", "a: &a [*a]", "token: !x y", "<<: {a: b}", "? {a: b}\n: c", "\ufeff# x", "name: a\nname: b", "%YAML 1.2\n---\n", "age: -1h", "places: !!binary x", "a: *b", "\xff\xfea\x00", "name: \"\\x", "- - - a", "&a a: *a", "most: ~", "labels: {a: ~}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s settings
		problems := &config.Problems{File: "c.yaml"}
		doc := config.Parse(text, problems)
		doc.Decode(&s, problems)
		doc.Line("jobs[0].targets[0]")
		if err := problems.Err(); err != nil {
			for _, internal := range []string{"config_test", "!!", "reflect", "construct", "unmarshal"} {
				for _, p := range problems.List {
					if strings.Contains(p.Message, internal) && !strings.Contains(string(text), internal) {
						t.Errorf("%q: %q speaks of %q", text, p.Message, internal)
					}
				}
			}
		}
	})
}
