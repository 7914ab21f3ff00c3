package attribute

import (
	"testing"

	"syncd/internal/directory"
)

func TestDepartmentsRestrictWhoTakesPart(t *testing.T) {
	f := &ScopingFilter{Departments: []string{"Sales*", "ops"}}
	for department, want := range map[string]Verdict{"Sales Nordics": In, "Ops": In, "Finance": Out, "": Out} {
		if got, why := f.User(&directory.User{ID: "1", UPN: "a@contoso.example", Department: department, Enabled: true},
			Membership{}); got != want {
			t.Errorf("%q: got %v (%s), want %v", department, got, why, want)
		}
	}
}
