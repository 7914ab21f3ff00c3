package money

import (
	"os"
	"strings"
	"testing"
)

// A billing admin reads the same tables as the program: those of the comments
// stand word for word in docs/money.md.
func TestTheTablesAreThoseOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/money.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, name := range []string{"subscription.go", "due.go", "term.go", "memory.go", "decrease.go", "carry.go", "calendar.go", "effect.go", "credit.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var table []string
		for line := range strings.Lines(string(source)) {
			if row, ok := strings.CutPrefix(line, "//\t"); ok {
				table = append(table, row)
				continue
			}
			// Remember's table is about our memory and decides nothing that is billed.
			if len(table) > 0 && !strings.HasPrefix(table[0], "status now") {
				tables++
				if text := "```\n" + strings.Join(table, "") + "```\n"; !strings.Contains(string(page), text) {
					t.Errorf("docs/money.md lacks a table of %s:\n%s", name, text)
				}
			}
			table = nil
		}
	}
	if tables != 11 {
		t.Errorf("got %d tables, want 11", tables)
	}
}
