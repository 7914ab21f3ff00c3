package admin_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
	cippsim "syncd/internal/simulator/cipp"
)

type readCase struct {
	name string
	read func(context.Context) (admin.Table, error)
	rows int
	want string // cells of one row, in order, as far as they go
}

// readCases are all lists there are.
func readCases(f *fixture) []readCase {
	dental := f.tenant()
	return []readCase{
		{"tenants", f.admin.Tenants, 3, "Fabrikam Dental|fabrikamdental.example|" + dentalID + "|granularDelegatedAdminPrivileges"},
		{"tenant groups", f.admin.TenantGroups, 3, "Gold support|static|24x7|2|Fabrikam Dental, Northwind"},
		{"users", func(ctx context.Context) (admin.Table, error) { return f.admin.Users(ctx, dental) }, 7, kern + "|Max Kern|yes|Member|2"},
		{"groups", func(ctx context.Context) (admin.Table, error) { return f.admin.Groups(ctx, dental) }, 3, "Reception|Microsoft 365|reception@fabrikamdental.example|no|no"},
		{"members", func(ctx context.Context) (admin.Table, error) { return f.admin.Members(ctx, dental, "Reception") }, 1, "Max Kern|" + kern},
		{"licences", func(ctx context.Context) (admin.Table, error) { return f.admin.Licences(ctx, dental) }, 3, "Microsoft 365 Business Premium|SPB|3|2|1|0|Enabled"},
		{"mailboxes", func(ctx context.Context) (admin.Table, error) { return f.admin.Mailboxes(ctx, dental) }, 3, desk + "|Desk|SharedMailbox|" + desk},
		{"calendar", func(ctx context.Context) (admin.Table, error) { return f.admin.Calendar(ctx, dental, ada) }, 2, "Default|AvailabilityOnly|Kalender"},
		{"mfa", func(ctx context.Context) (admin.Table, error) { return f.admin.MFAReport(ctx, &dental) }, 7, ada + "|fabrikamdental.example|yes|yes|no|yes|||Enforced - All Apps||yes|Ada Berg"},
		{"mfa of all", func(ctx context.Context) (admin.Table, error) { return f.admin.MFAReport(ctx, nil) }, 9, "admin@northwind.example|northwind.example"},
		{"policies", func(ctx context.Context) (admin.Table, error) { return f.admin.Policies(ctx, dental) }, 2, "Block legacy|report only|All"},
		{"domains", func(ctx context.Context) (admin.Table, error) { return f.admin.Domains(ctx, dental) }, 3, "pending.example|no|no|Managed"},
		{"domain health", func(ctx context.Context) (admin.Table, error) { return f.admin.DomainHealth(ctx, &dental) }, 1, "fabrikamdental.example|fabrikamdental.example|Microsoft 365|yes|yes|Reject|no|80"},
		{"devices", func(ctx context.Context) (admin.Table, error) { return f.admin.Devices(ctx, dental) }, 2, "LT-ADA-BERG|" + ada + "|Windows"},
		{"alerts", func(ctx context.Context) (admin.Table, error) { return f.admin.Alerts(ctx, dental) }, 1, "1999-06-01 00:00|high|newAlert|Impossible travel"},
		{"secure score", func(ctx context.Context) (admin.Table, error) { return f.admin.SecureScore(ctx, &dental) }, 1, "Fabrikam Dental|235|600"},
		{"secure score of all", func(ctx context.Context) (admin.Table, error) { return f.admin.SecureScore(ctx, nil) }, 3, "Northwind|205|600"},
		{"service health", func(ctx context.Context) (admin.Table, error) { return f.admin.ServiceHealth(ctx, dental) }, 1, "Exchange Online|EX123456|Mail flow|Some mail is late"},
		{"firing alerts", func(ctx context.Context) (admin.Table, error) { return f.admin.Firing(ctx, nil) }, 0, ""},
		{"tasks", func(ctx context.Context) (admin.Table, error) { return f.admin.Tasks(ctx, nil) }, 0, ""},
		{"logs", func(ctx context.Context) (admin.Table, error) { return f.admin.Logs(ctx, admin.LogFilter{}) }, 0, ""},
		{"a tenant", func(ctx context.Context) (admin.Table, error) { return f.admin.ShowTenant(ctx, dental) }, 8, "Tenant groups|All with GDAP (dynamic), Gold support"},
		{"a user", func(ctx context.Context) (admin.Table, error) { return f.admin.ShowUser(ctx, dental, kern) }, 12, "…by a group|Exchange Online (Plan 1)"},
	}
}

func TestEveryListIsATableOfThatTenant(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		for _, tc := range readCases(f) {
			got, err := tc.read(t.Context())
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
				continue
			}
			if len(got.Rows) != tc.rows {
				t.Errorf("%s: got %d rows, want %d: %q", tc.name, len(got.Rows), tc.rows, got.Rows)
			}
			found := tc.want == ""
			for i, line := range got.Rows {
				if len(line) != len(got.Columns) || len(got.Raw) != len(got.Rows) || !got.Raw[i].IsValid() {
					t.Errorf("%s: row %d has %d cells and %q, want %d and sound JSON", tc.name, i, len(line), got.Raw[i], len(got.Columns))
				}
				found = found || strings.HasPrefix(strings.Join(line, "|"), tc.want)
			}
			if !found {
				t.Errorf("%s: got %q, want a row that begins with %s", tc.name, got.Rows, tc.want)
			}
		}
	})
}

func TestNoShapeOfAnAnswerChangesWhatItSays(t *testing.T) {
	for name, shape := range map[string]cippsim.Shape{
		"a list of one is its element": {Collapse: true}, "…within rows too": {CollapseInside: true}, "empty lists are null": {NullLists: true},
		"numbers are text": {TextNumbers: true}, "flags are text": {TextBools: true}, "names in another case": {OtherCase: true}, "a byte order mark": {BOM: true}, "declared as text": {PlainText: true},
	} {
		t.Run(name, func(t *testing.T) {
			withFixture(t, func(t *testing.T, f *fixture) {
				for _, tc := range readCases(f) {
					f.sim.Heal()
					want, err := tc.read(t.Context())
					if err != nil {
						t.Fatalf("%s: %v", tc.name, err)
					}
					f.sim.SetFaults(cippsim.Faults{Answers: map[string]cippsim.Shape{"*": shape}})
					got, err := tc.read(t.Context())
					if err != nil || !reflect.DeepEqual(got.Rows, want.Rows) {
						t.Errorf("%s: got %q and %v, want %q", tc.name, got.Rows, err, want.Rows)
					}
				}
			})
		})
	}
}

func TestAnEmptyListOfWhatMustBeThereIsAnError(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		gone := directory.Tenant{ID: "11111111-2222-4333-8444-555555555555", Name: "Gone", DefaultDomain: "gone.example"}
		for name, read := range map[string]func() (admin.Table, error){
			"users":   func() (admin.Table, error) { return f.admin.Users(t.Context(), gone) },
			"domains": func() (admin.Table, error) { return f.admin.Domains(t.Context(), gone) },
			"a user":  func() (admin.Table, error) { return f.admin.ShowUser(t.Context(), gone, "x@gone.example") },
		} {
			if got, err := read(); !errors.Is(err, admin.ErrNoRows) {
				t.Errorf("%s: got %v and %v, want ErrNothing", name, got.Rows, err)
			}
		}
	})
}

func TestATenantIsFoundByIdDomainOrANameThatIsItsOwn(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		all, err := f.admin.TenantList(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct{ text, want, fails string }{
			{strings.ToUpper(dentalID), dentalID, ""},
			{"FabrikamDental.example", dentalID, ""},
			{"fabrikamdental.onmicrosoft.com", dentalID, ""},
			{" fabrikam dental ", dentalID, ""},
			{"northwind-gardens.example", gardenID, ""},
			{"Northwind", "", `"Northwind" means several tenants: Northwind (northwind.example, ` + bakeryID + `), Northwind (northwind-gardens.example, ` + gardenID + `)`},
			{"Fabrikam", "", `there is no tenant "Fabrikam"; did you mean Fabrikam Dental (fabrikamdental.example, `},
			{"Contoso", "", `there is no tenant "Contoso"`},
			{"", "", `there is no tenant ""`},
		} {
			got, err := admin.Resolve(all, tc.text)
			if tc.fails == "" && (err != nil || string(got.ID) != tc.want) {
				t.Errorf("%q: got %s and %v, want %s", tc.text, got.ID, err, tc.want)
			}
			if tc.fails != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.fails)) {
				t.Errorf("%q: got %s and %v, want %s", tc.text, got.ID, err, tc.fails)
			}
		}
	})
}
