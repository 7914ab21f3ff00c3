package app

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const reportingPage = "../../docs/reporting.md"

// describedTables is the part of the page that is made: every table and column.
func describedTables() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## The tables, version %s\n\nColumns in bold are the table's key and never empty.\n", DataSet.Version)
	for _, t := range DataSet.Tables {
		fmt.Fprintf(&b, "\n### `%s`\n\n%s", t.Name, t.What)
		for _, x := range t.References {
			fmt.Fprintf(&b, " `%s` is a row of `%s`.", strings.Join(x.Columns, "`, `"), x.Table)
		}
		b.WriteString("\n\n| column | type | what it says |\n| --- | --- | --- |\n")
		for _, c := range t.Columns {
			name := "`" + c.Name + "`"
			if c.Key {
				name = "**" + name + "**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, c.Type, c.What)
		}
	}
	return b.String()
}

func TestThePageOfTheDataSetIsUpToDate(t *testing.T) {
	page, err := os.ReadFile(reportingPage)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "go generate ./internal/app -->\n"
	written, made, found := strings.Cut(string(page), mark)
	if !found {
		t.Fatalf("%s has no mark where the tables begin", reportingPage)
	}
	if *writeSchema {
		if err := os.WriteFile(reportingPage, []byte(written+mark+describedTables()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if made != describedTables() {
		t.Errorf("%s differs from the data set: run go generate ./internal/app", reportingPage)
	}
}
