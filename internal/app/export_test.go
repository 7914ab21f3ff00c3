package app_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncd/internal/app"
	"syncd/internal/dataset/postgrestest"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/secret"
	"syncd/internal/state"
	"syncd/internal/sync"
	"syncd/internal/web/control"
	"syncd/internal/web/pages/pagestest"
)

// lived is a make-believe MSP in the middle of a month in which things happened.
func lived(t *testing.T) *pagestest.World {
	t.Helper()
	w, err := pagestest.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	w.App.Jobs = slices.DeleteFunc(w.App.Jobs, func(j sync.Job) bool { return !slices.Contains(j.Targets, "connectwise") })
	if err := w.Settle(); err != nil {
		t.Fatal(err)
	}
	w.GoOn(w.App.Now().Add(2 * time.Second)) // what lasts no second is in no table
	if err := w.Play("seats", "leaver", "human-edit"); err != nil {
		t.Fatal(err)
	}
	return w
}

// exported is the folder of a data set.
func exported(t *testing.T, w *app.App) string {
	t.Helper()
	dir := t.TempDir()
	folder, err := new(control.Disk).OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Discard()
	if err := w.Export(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	return dir
}

func rowsOf(t *testing.T, dir, table string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, table+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
	return rows
}

// A package is what the descriptor says.
type dataPackage struct {
	Version   string
	Resources []struct {
		Name, Path string
		Schema     struct {
			Fields      []struct{ Name, Type string }
			PrimaryKey  []string
			ForeignKeys []struct {
				Fields    []string
				Reference struct {
					Resource string
					Fields   []string
				}
			}
		}
	}
}

// sqlite loads the files into SQLite as the descriptor says, and returns what it prints to queries.
func sqlite(t *testing.T, dir string) func(sql string) string {
	t.Helper()
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("sqlite3 is missing: apt-get install sqlite3")
		}
		t.Skip("no sqlite3 here (Debian: apt-get install sqlite3)")
	}
	text, err := os.ReadFile(filepath.Join(dir, "datapackage.json"))
	if err != nil {
		t.Fatal(err)
	}
	var described dataPackage
	if err := json.Unmarshal(text, &described); err != nil {
		t.Fatal(err)
	}
	var load strings.Builder
	for _, r := range described.Resources {
		var parts []string
		var empty strings.Builder
		for _, f := range r.Schema.Fields {
			kind := map[string]string{"number": "numeric", "integer": "integer"}[f.Type]
			parts = append(parts, fmt.Sprintf("%q %s", f.Name, kind))
			fmt.Fprintf(&empty, "update %q set %q = null where %q = '';\n", r.Name, f.Name, f.Name)
		}
		parts = append(parts, "primary key ("+strings.Join(r.Schema.PrimaryKey, ", ")+")")
		for _, x := range r.Schema.ForeignKeys {
			parts = append(parts, fmt.Sprintf("foreign key (%s) references %q (%s)", strings.Join(x.Fields, ", "), x.Reference.Resource, strings.Join(x.Reference.Fields, ", ")))
		}
		for _, column := range r.Schema.PrimaryKey {
			parts = append(parts, fmt.Sprintf("check (%q <> '')", column))
		}
		fmt.Fprintf(&load, "create table %q (%s);\n.import --csv --skip 1 %q %s\n%s", r.Name, strings.Join(parts, ", "), filepath.Join(dir, r.Path), r.Name, empty.String())
	}
	database := filepath.Join(t.TempDir(), "data.sqlite")
	run := func(sql string) string {
		t.Helper()
		cmd := exec.Command(program, "-bail", database)
		cmd.Stdin = strings.NewReader(sql)
		out, err := cmd.CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("failed")) {
			t.Fatalf("sqlite3: %v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if out := run(load.String() + "pragma foreign_key_check;"); out != "" {
		t.Fatalf("keys do not join: %s", out)
	}
	return run
}

// totals are the money and the lines of each kind and currency as a report has them, as text.
func totals(lines []report.Leak) string {
	r := report.NewLeakage("", "")
	r.Lines = lines
	r.Finish()
	var out []string
	for currency, kinds := range r.Totals {
		for kind, total := range kinds {
			if total.Lines > 0 {
				out = append(out, fmt.Sprintf("%s|%s|%d|%s", kind, currency, total.Lines, total.Money.StringFixed(2)))
			}
		}
	}
	return sortedLines(strings.Join(out, "\n"))
}

// The sums of the data set are those of the reports, to the cent, in SQLite and in PostgreSQL.
func TestTheDataSetSaysWhatTheReportsSay(t *testing.T) {
	w := lived(t)
	now, whole, err := w.App.Reconcile(t.Context(), "", func(int, int, string) {})
	if err != nil || !whole {
		t.Fatal(err, whole)
	}
	var want []report.Leak
	for i := range now.Lines {
		for _, l := range now.Lines[i].Leaks("") {
			if slices.Contains([]string{"unbilled", "under_billed", "over_billed"}, l.Kind) {
				want = append(want, l)
			}
		}
	}
	this := w.App.Now().In(w.App.Location)
	dir := exported(t, w.App)
	for _, table := range app.DataSet.Tables {
		if rows := rowsOf(t, dir, table.Name); len(rows) < 2 && table.Name != "invoices" && table.Name != "overrides" {
			t.Errorf("%s is empty: the test proves nothing of it", table.Name)
		}
	}
	t.Run("SQLite", func(t *testing.T) { compareSQLite(t, dir, this.Format("2006-01"), totals(want)) })

	w.GoOn(time.Date(this.Year(), this.Month()+1, 12, 9, 0, 0, 0, w.App.Location))
	if _, err := w.Apply(); err != nil {
		t.Fatal(err)
	}
	leakage, _, err := w.App.Leakage(t.Context(), this.Format("2006-01"), this.Format("2006-01"), "", nil)
	if err != nil || len(leakage.Lines) == 0 {
		t.Fatalf("got %v and %d lines of the month before", err, len(leakage.Lines))
	}
	t.Run("PostgreSQL", func(t *testing.T) { comparePostgres(t, w.App, this.Format("2006-01"), totals(leakage.Lines)) })
}

// The questions that both databases are asked; what adds money up is spelled differently.
const (
	askDifferences = "select kind || '|' || currency || '|' || count(*) || '|' || %s from differences where kind <> 'held' group by kind, currency"
	askLeakage     = "select kind || '|' || currency || '|' || count(*) || '|' || %s from leakage_months where month = '%s' group by kind, currency"
	askJoined      = `select cast(count(*) as text) from changes x join customers c on c.customer = x.customer join runs r on r.run = x.run
		join licences l on l.customer = x.customer and l.licence = x.object where x.kind = 'addition' and c.name <> ''`
)

func compareSQLite(t *testing.T, dir, month, want string) {
	query := sqlite(t, dir)
	got := sortedLines(query(fmt.Sprintf(askDifferences, "printf('%.2f', sum(cast(round(abs(monthly_difference) * 100) as integer)) / 100.0)")))
	if got != want {
		t.Errorf("differences:\ngot  %s\nwant %s", got, want)
	}
	if query(askJoined) == "0" {
		t.Errorf("nothing joins")
	}
	same := "select count(*) from differences d join leakage_months m on m.month = '" + month + "' and m.customer = d.customer and m.licence = d.licence and m.kind = d.kind and coalesce(m.money, 0) = abs(coalesce(d.monthly_difference, 0))"
	if got, want := query(same), query("select count(*) from differences"); got != want || got == "0" {
		t.Errorf("got %s differences in this month's leakage, want %s", got, want)
	}
}

func comparePostgres(t *testing.T, w *app.App, month, want string) {
	admin := postgrestest.Start(t)
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	page, err := os.ReadFile("../../docs/reporting.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 8 {
		t.Fatalf("got %d blocks of SQL on the page", len(blocks))
	}
	for statement := range strings.SplitSeq(regexp.MustCompile(`--.*`).ReplaceAllString(blocks[0][1], ""), ";") { // what an administrator types
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	url := func(role string) string {
		return strings.TrimSuffix(strings.Replace(admin, "postgres@", role+"@", 1), "postgres") + "reporting"
	}
	w.Config.Export.Postgres = secret.New(url("syncd_export"))
	for range 2 {
		if err := w.ExportOnSchedule(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := pgx.Connect(t.Context(), url("powerbi")+"?search_path=syncd_export")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(context.Background())
	query := func(sql string) string {
		t.Helper()
		rows, err := reader.Query(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return strings.Join(lines, "\n")
	}
	if got := sortedLines(query(fmt.Sprintf(askLeakage, "to_char(coalesce(sum(money), 0), 'FM9999999990.00')", month))); got != want {
		t.Errorf("leakage of %s:\ngot  %s\nwant %s", month, got, want)
	}
	if query(askJoined) == "0" {
		t.Errorf("nothing joins")
	}
	dir := exported(t, w)
	for _, table := range app.DataSet.Tables {
		if got, want := query("select count(*)::text from "+table.Name), fmt.Sprint(len(rowsOf(t, dir, table.Name))-1); got != want {
			t.Errorf("%s: got %s rows, want the %s of the file", table.Name, got, want)
		}
	}
	for _, block := range blocks[1:] { // the page's questions
		rows, err := reader.Query(t.Context(), block[1])
		if err != nil {
			t.Fatalf("%s: %v", block[1], err)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			t.Errorf("%s: %v", block[1], err)
		}
	}
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// A longStore has a ledger that is long, without having it anywhere.
type longStore struct {
	state.Store
	spans int
	peak  uint64 // of the heap while it is read
}

func (s *longStore) Spans(_ context.Context, f state.SpanFilter) iter.Seq2[state.Span, error] {
	return func(yield func(state.Span, error) bool) {
		began := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range s.spans {
			if i%20_000 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				s.peak = max(s.peak, m.HeapAlloc)
			}
			from := began.Add(time.Duration(i%5000) * time.Hour)
			if !yield(state.Span{Scope: plan.Scope{Customer: fmt.Sprint("customer ", i/5000), Target: "connectwise"}, Key: plan.Key{Kind: "addition", ID: "sku"}, From: from, To: from.Add(time.Hour),
				Known: true, Product: "M365-BP", Label: strings.Repeat("a long name ", 20), Purchased: "14", Assigned: "12", Due: "14", Billed: "12", Price: "22", Currency: "USD", Cycle: "1", Ref: "55/910"}, nil) {
				return
			}
		}
	}
}

// nowhere is a folder that keeps nothing.
type nowhere struct{}

func (nowhere) Create(string) (io.WriteCloser, error) { return nowhere{}, nil }
func (nowhere) Commit([]string) error                 { return nil }
func (nowhere) Write(p []byte) (int, error)           { return len(p), nil }
func (nowhere) Close() error                          { return nil }

// However long the ledger is, an export keeps no row of it.
func TestAnExportHoldsNoLedger(t *testing.T) {
	w, err := pagestest.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	store := &longStore{Store: w.App.Store, spans: 100_000}
	w.App.Store = store
	if err := w.App.Export(t.Context(), nowhere{}); err != nil {
		t.Fatal(err)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if most := uint64(8 << 20); store.peak > m.HeapAlloc+most {
		t.Errorf("got %d MiB more than before while %d spans were exported, want 8 at most", (store.peak-m.HeapAlloc)>>20, store.spans)
	}
	w.App.Store = store.Store
}
