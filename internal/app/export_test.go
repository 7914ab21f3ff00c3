package app_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncd/internal/app"
	"syncd/internal/dataset/postgrestest"
	"syncd/internal/report"
	"syncd/internal/secret"
	"syncd/internal/sync"
	"syncd/internal/web/control"
	"syncd/internal/web/pages/pagestest"
)

// lived is a make-believe MSP after a month and a half.
func lived(t *testing.T) *pagestest.World {
	t.Helper()
	w, err := pagestest.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	w.App.Jobs = slices.DeleteFunc(w.App.Jobs, func(j sync.Job) bool { return !slices.Contains(j.Targets, "connectwise") })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Settle())
	must(w.Play("seats", "leaver"))
	now := time.Now().In(w.App.Location)
	w.GoOn(time.Date(now.Year(), now.Month()+1, 12, 9, 0, 0, 0, w.App.Location))
	must(w.Play("rename"))
	w.GoOn(w.App.Now().Add(25 * time.Hour))
	must(w.Play("human-edit"))
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
	dir := exported(t, w.App)
	for _, table := range app.DataSet.Tables {
		if rows := rowsOf(t, dir, table.Name); len(rows) < 2 && table.Name != "invoices" && table.Name != "overrides" {
			t.Errorf("%s is empty: the test proves nothing of it", table.Name)
		}
	}
	now, whole, err := w.App.Reconcile(t.Context(), "", func(int, int, string) {})
	if err != nil || !whole {
		t.Fatal(err, whole)
	}
	var differ []report.Leak // what the state knows: licences that a rule counts
	for i := range now.Lines {
		for _, l := range now.Lines[i].Leaks("") {
			if l.Kind != "unmapped" && l.Kind != "past_margin" && l.Kind != "unassigned" {
				differ = append(differ, l)
			}
		}
	}
	this := w.App.Now().In(w.App.Location).Format("2006-01")
	before := w.App.Now().In(w.App.Location).AddDate(0, -1, 0).Format("2006-01")
	leakage, _, err := w.App.Leakage(t.Context(), before, before, "", func(int, int, string) {})
	if err != nil || len(leakage.Lines) == 0 {
		t.Fatalf("got %v and %d lines of the month before", err, len(leakage.Lines))
	}
	wantNow, wantBefore := totals(differ), totals(leakage.Lines)

	const differences = "select kind || '|' || currency || '|' || count(*) || '|' || %s from %sdifferences group by kind, currency"
	const leaks = "select kind || '|' || currency || '|' || count(*) || '|' || %s from %sleakage_months where month = '%s' group by kind, currency"
	const joined = "select count(*) from %schanges x join %scustomers c on c.customer = x.customer join %sruns r on r.run = x.run join %slicences l on l.customer = x.customer and l.licence = x.object where x.kind = 'addition' and c.name <> ''"
	t.Run("SQLite", func(t *testing.T) {
		query := sqlite(t, dir)
		cents := func(column string) string {
			return "printf('%.2f', coalesce(sum(cast(round(abs(" + column + ") * 100) as integer)), 0) / 100.0)"
		}
		if got := sortedLines(query(fmt.Sprintf(differences, cents("monthly_difference"), ""))); got != wantNow {
			t.Errorf("differences:\ngot  %s\nwant %s", got, wantNow)
		}
		if got := sortedLines(query(fmt.Sprintf(leaks, cents("money"), "", before))); got != wantBefore {
			t.Errorf("leakage of %s:\ngot  %s\nwant %s", before, got, wantBefore)
		}
		if got := query(fmt.Sprintf(joined, "", "", "", "")); got == "0" {
			t.Errorf("nothing joins")
		}
		same := "select count(*) from differences d join leakage_months m on m.month = '" + this + "' and m.customer = d.customer and m.licence = d.licence and m.kind = d.kind and coalesce(m.money, 0) = abs(coalesce(d.monthly_difference, 0))"
		if got, want := query(same), query("select count(*) from differences"); got != want {
			t.Errorf("got %s differences in this month's leakage, want %s", got, want)
		}
	})
	t.Run("PostgreSQL", func(t *testing.T) {
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
		if len(blocks) < 7 {
			t.Fatalf("got %d blocks of SQL on the page", len(blocks))
		}
		for statement := range strings.SplitSeq(regexp.MustCompile(`--.*`).ReplaceAllString(blocks[0][1], ""), ";") { // what an administrator types
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		to, err := pgx.ParseConfig(admin)
		if err != nil {
			t.Fatal(err)
		}
		url := func(role string) string { return fmt.Sprintf("postgres://%s@%s:%d/reporting", role, to.Host, to.Port) }
		w.App.Config.Export.Postgres = secret.New(url("syncd_export"))
		for range 2 {
			if err := w.App.ExportOnSchedule(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		reader, err := pgx.Connect(t.Context(), url("powerbi"))
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
		const in = "syncd_export."
		money := func(column string) string {
			return "to_char(coalesce(sum(abs(" + column + ")), 0), 'FM9999999990.00')"
		}
		if got := sortedLines(query(fmt.Sprintf(differences, money("monthly_difference"), in))); got != wantNow {
			t.Errorf("differences:\ngot  %s\nwant %s", got, wantNow)
		}
		if got := sortedLines(query(fmt.Sprintf(leaks, money("money"), in, before))); got != wantBefore {
			t.Errorf("leakage of %s:\ngot  %s\nwant %s", before, got, wantBefore)
		}
		if got := query(strings.Replace(fmt.Sprintf(joined, in, in, in, in), "count(*)", "count(*)::text", 1)); got == "0" {
			t.Errorf("nothing joins")
		}
		for _, table := range app.DataSet.Tables {
			if got, want := query("select count(*)::text from "+in+table.Name), fmt.Sprint(len(rowsOf(t, dir, table.Name))-1); got != want {
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
	})
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
