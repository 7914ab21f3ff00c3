package control

import "testing"

// Files of our own names are written into the folder that report month names, and nowhere else.
func TestOnlyTheFolderOfAMonthIsWrittenInto(t *testing.T) {
	for _, tt := range []struct {
		args []string
		path string
		may  bool
	}{
		{[]string{"report", "month", "--out", "pack"}, "pack/2026-10-contoso-0a1b2c3d.html", true},
		{[]string{"report", "month", "--out=./pack/"}, "pack/2026-10-all-customers.json", true},
		{[]string{"report", "month", "--out", "pack"}, "pack/.bashrc", false},
		{[]string{"report", "month", "--out", "pack"}, "pack/2026-10-x.sh", false},
		{[]string{"report", "month", "--out", "pack"}, "pack/deeper/2026-10-x.html", false},
		{[]string{"report", "month", "--out", "pack"}, "pack/../2026-10-x.html", false},
		{[]string{"report", "month"}, "2026-10-x.html", false},
		{[]string{"report", "licences", "--out", "pack"}, "pack/2026-10-x.html", false},
	} {
		if may := namesFolder(tt.args, tt.path); may != tt.may {
			t.Errorf("%v, %s: got %t, want %t", tt.args, tt.path, may, tt.may)
		}
	}
}
