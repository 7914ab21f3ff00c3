package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"syncd/internal/app"
	"syncd/internal/mapping"
)

func TestTheTableOfRulesIsReadOnASmallTerminal(t *testing.T) {
	three := 3
	lines := []app.ProductLine{
		{Rule: mapping.Rule{SKU: "a", Part: "SPB", Name: "Microsoft 365 Business Premium", Product: "M365-BP", Count: mapping.Purchased, Status: mapping.Bill}, Tenants: 12, Purchased: 140, Assigned: 133},
		{Rule: mapping.Rule{Customer: "c", SKU: "a", Part: "SPB", Name: "Microsoft 365 Business Premium", Product: "M365-BP", Count: mapping.Assigned, Who: "department=Sales|Marketing; type=member; not name=svc-*",
			Weight: "0.5", Minimum: &three, Floor: mapping.Purchased, Status: mapping.Bill, Reason: "agreed in May"}, CustomerName: "Contoso Ltd", Tenants: 12, Purchased: 140, Assigned: 133},
		{Rule: mapping.Rule{Product: "BACKUP", Count: mapping.People, Who: "type=member", Status: mapping.Bill}},
	}
	s, open, proposed := productSheet(lines)
	var out strings.Builder
	if err := s.Table(&out, 80); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, " \n")); n > 80 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	for _, want := range []string{"Contoso Ltd", "weight 0.5", "floor purchased", "(people)", "BACKUP"} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), want) {
			t.Errorf("it lacks %q:\n%s", want, out.String())
		}
	}
	if open != 0 || proposed != 0 {
		t.Errorf("got %d open and %d proposed", open, proposed)
	}
	if s, _, _ := productSheet(lines[:1]); len(s.Columns) != 11 {
		t.Errorf("got %d columns where no rule is one customer's, want 11", len(s.Columns))
	}
}
