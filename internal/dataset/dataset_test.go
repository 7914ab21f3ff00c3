package dataset

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncd/internal/dataset/postgrestest"
)

// A memory is a folder that remembers.
type memory struct {
	files  map[string]*bytes.Buffer
	placed []string
}

type unclosed struct{ *bytes.Buffer }

func (unclosed) Close() error { return nil }

func (m *memory) Create(name string) (io.WriteCloser, error) {
	m.files[name] = &bytes.Buffer{}
	return unclosed{m.files[name]}, nil
}

func (m *memory) Commit(names []string) error { m.placed = append(m.placed, names...); return nil }

var pets = &Table{Name: "pets", What: "Who lives here, and what it's called.", Columns: []Column{{"owner", Text, true, ""}, {"pet", Text, true, ""}, {"born", Day, false, ""}, {"price", Number, false, ""}},
	References: []Reference{{[]string{"owner"}, "owners"}}}

var owners = &Table{Name: "owners", Columns: []Column{{"owner", Text, true, ""}, {"name", Text, false, ""}, {"seen", Time, false, ""}, {"kind", Boolean, false, ""}}}

var zoo = &Set{Name: "zoo", Title: "zoo", Version: "1.0", Tables: []*Table{owners, pets}}

// fill writes pets before those whom they refer to.
func fill(sink Sink, ownerRows, petRows [][]string) error {
	for _, x := range []struct {
		t    *Table
		rows [][]string
	}{{pets, petRows}, {owners, ownerRows}} {
		err := sink.Write(context.Background(), x.t, func(put Put) error {
			for _, row := range x.rows {
				if err := put(row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func TestFiles(t *testing.T) {
	to := &memory{files: map[string]*bytes.Buffer{}}
	err := WriteFiles(zoo, time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC), to, func(s Sink) error {
		return fill(s, [][]string{{"=1", "=HYPERLINK(\"http://evil\")", "", "true"}, {"b", "@sum, \"Ltd\"\r\n\x00", "2026-11-30T09:00:00Z", "false"}},
			[][]string{{"=1", "'=2", "", "-5.50"}, {"b", "-3+4", "2026-01-31", ""}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"owners.csv": "owner,name,seen,kind\n'=1,\"'=HYPERLINK(\"\"http://evil\"\")\",,true\nb,\"'@sum, \"\"Ltd\"\"   \",2026-11-30T09:00:00Z,false\n",
		"pets.csv":   "owner,pet,born,price\n'=1,''=2,,-5.50\nb,'-3+4,2026-01-31,\n",
	} {
		if got := to.files[name].String(); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got, want := strings.Join(to.placed, " "), "owners.csv pets.csv datapackage.json"; got != want {
		t.Errorf("got the order %s, want %s: what others refer to comes first", got, want)
	}
	const described = `   "name": "pets",
   "path": "pets.csv",
   "description": "Who lives here, and what it's called.",
   "format": "csv",`
	if got := to.files[Descriptor].String(); !strings.Contains(got, described) || !strings.Contains(got, `"created": "2026-11-30T09:00:00Z"`) {
		t.Errorf("got the descriptor %s", got)
	}
}

// What is not whole is put in no place.
func TestNothingIsPlacedBeforeAllIsWritten(t *testing.T) {
	to, failure := &memory{files: map[string]*bytes.Buffer{}}, errors.New("the state cannot be read")
	err := WriteFiles(zoo, time.Now(), to, func(s Sink) error {
		return s.Write(context.Background(), pets, func(Put) error { return failure })
	})
	if !errors.Is(err, failure) || len(to.placed) > 0 {
		t.Errorf("got %v and %v in place, want %v and nothing", err, to.placed, failure)
	}
}

func TestWhatIsNotOfItsTypeIsUnknown(t *testing.T) {
	for _, c := range []struct {
		of   Type
		text string
		want bool
	}{
		{Number, "-5.50", true}, {Number, "12", true}, {Number, "1e3", false}, {Number, "many", false}, {Number, "-", false}, {Integer, "12", true}, {Integer, "1.5", false},
		{Day, "2026-11-30", true}, {Day, "2026-02-30", false}, {Day, "30/11/2026", false}, {Month, "2026-11", true}, {Month, "2026-13", false},
		{Time, "2026-11-30T09:00:00Z", true}, {Time, "2026-11-30", false}, {Boolean, "true", true}, {Boolean, "yes", false}, {Day, "", true}, {Text, "=1", true},
	} {
		if got := c.of.is(c.text); got != c.want {
			t.Errorf("%s %q: got %t, want %t", c.of, c.text, got, c.want)
		}
	}
}

func TestCleanText(t *testing.T) {
	for in, want := range map[string]string{
		"Contoso Ltd": "Contoso Ltd", "Ærø ☂": "Ærø ☂", "a\nb\tc": "a b c", "a\x00b": "a b", "\xff": "\ufffd", "\ufeffx": "x", "a\u2028b": "a b", "": "",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// queried is what a query gives, a line a row.
func queried(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(lines, "\n")
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestDatabase(t *testing.T) {
	admin := postgrestest.Start(t)
	a := connect(t, admin)
	for _, sql := range []string{"create role writer login", "create role stranger login", "grant create on database postgres to writer"} {
		if _, err := a.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	as := func(role string) string { return strings.Replace(admin, "postgres@", role+"@", 1) }
	d := &Database{URL: as("writer"), Schema: "zoo", Reader: "zoo_reader"}
	load := func(s *Set, ownerRows, petRows [][]string) (unreadable, err error) {
		return d.Load(t.Context(), s, func(sink Sink) error { return fill(sink, ownerRows, petRows) })
	}
	all := func() string {
		return queried(t, a, "select owner || ':' || coalesce(name, 'null') || ':' || coalesce(pet, 'null') || ':' || coalesce(born::text, 'null') || ':' || coalesce(price::text, 'null') from zoo.owners left join zoo.pets using (owner) order by 1")
	}
	if err := d.Check(t.Context()); err != nil {
		t.Fatal(err)
	}

	// The role may make no other one: the load is done, and says so.
	unreadable, err := load(zoo, [][]string{{"a", "=1+1", "", "true"}}, [][]string{{"a", "rex", "", "5.50"}})
	if err != nil || unreadable == nil || !strings.Contains(unreadable.Error(), `create role "zoo_reader" nologin`) {
		t.Fatalf("got %v, %v, want a load and what an administrator types", unreadable, err)
	}
	if got, want := all(), "a:=1+1:rex:null:5.50"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	// Whoever reads meanwhile sees the former rows, and views last.
	for _, sql := range []string{"create role zoo_reader nologin", "grant zoo_reader to stranger", "create view public.names as select name from zoo.owners", "begin isolation level repeatable read"} {
		if _, err := a.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	before := all()
	if unreadable, err := load(zoo, [][]string{{"a", "", "", ""}, {"b", "Bo", "2026-11-30T09:00:00Z", "false"}}, [][]string{{"b", "tom", "2026-01-31", ""}}); err != nil || unreadable != nil {
		t.Fatal(unreadable, err)
	}
	if got := all(); got != before {
		t.Errorf("a transaction of before sees %s, want %s", got, before)
	}
	if _, err := a.Exec(t.Context(), "commit"); err != nil {
		t.Fatal(err)
	}
	if got, want := all(), "a:null:null:null:null\nb:Bo:tom:2026-01-31:null"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	// The reader reads and writes nothing; others do neither.
	stranger := connect(t, as("stranger"))
	if got := queried(t, stranger, "select pet from zoo.pets"); got != "tom" {
		t.Errorf("got %s, want what the reader may read", got)
	}
	for _, sql := range []string{"delete from zoo.pets", "insert into zoo.owners (owner) values ('x')", "create table zoo.mine (x int)", "truncate zoo.pets"} {
		if _, err := stranger.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "denied") && !strings.Contains(err.Error(), "must be owner") {
			t.Errorf("%s: got %v, want a refusal", sql, err)
		}
	}

	// What fails in the middle, or does not join, leaves the former rows.
	before = all()
	for name, rows := range map[string][2][][]string{"an orphan": {{{"a", "", "", ""}}, {{"nobody", "rex", "", ""}}}, "no key": {{{"", "", "", ""}}, nil}} {
		if _, err := load(zoo, rows[0], rows[1]); err == nil {
			t.Errorf("%s: got no error", name)
		}
		if got := all(); got != before {
			t.Errorf("%s: got %s, want %s", name, got, before)
		}
	}

	// Another version makes the tables anew, once nothing of somebody else's depends on them.
	next := *zoo
	next.Version = "2.0"
	if _, err := load(&next, nil, nil); err == nil || !strings.Contains(err.Error(), "drop that first") {
		t.Errorf("got %v, want what depends on it", err)
	}
	if _, err := a.Exec(t.Context(), "drop view public.names"); err != nil {
		t.Fatal(err)
	}
	if _, err := load(&next, [][]string{{"a", "", "", ""}}, nil); err != nil {
		t.Error(err)
	}
	if got := queried(t, a, "select obj_description('zoo'::regnamespace, 'pg_namespace')"); got != "zoo, version 2.0" {
		t.Errorf("got the version %q", got)
	}

	// Somebody else's schema is left alone, and no error says the URL.
	if _, err := a.Exec(t.Context(), "create schema theirs authorization writer; comment on schema theirs is 'payroll'"); err != nil {
		t.Fatal(err)
	}
	theirs := &Database{URL: d.URL, Schema: "theirs", Reader: "zoo_reader"}
	if _, err := theirs.Load(t.Context(), zoo, func(Sink) error { return nil }); err == nil || !strings.Contains(err.Error(), "somebody else's") {
		t.Errorf("got %v, want a refusal", err)
	}
	wrong := &Database{URL: strings.Replace(as("nobody"), "nobody@", "nobody:make-believe-password@", 1), Schema: "zoo"}
	if err := wrong.Check(t.Context()); err == nil || strings.Contains(err.Error(), "make-believe-password") {
		t.Errorf("got %v, want an error without the password", err)
	}
}

func TestURLs(t *testing.T) {
	got := map[string]bool{}
	for _, url := range []string{"postgres://u:p@h/d", "postgresql://h/d?sslmode=require", "postgres://%zz", "host=h dbname=d", "https://h/d", "postgres://h:notaport/d"} {
		got[url] = ValidURL(url)
	}
	if want := map[string]bool{"postgres://u:p@h/d": true, "postgresql://h/d?sslmode=require": true, "postgres://%zz": false, "host=h dbname=d": false, "https://h/d": false, "postgres://h:notaport/d": false}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
