package playbook

import (
	"encoding/csv"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"syncd/internal/cipp/admin"
)

// An MFAPolicy selects who shall have per-user MFA, among the accounts that can sign in
// and do not need a second factor at every application.
type MFAPolicy struct {
	State      string   // enabled or enforced
	Unlicensed bool     // those without a licence too
	AdminsOnly bool     // administrators and nobody else
	Exclude    []string // shell patterns on UPNs, such as breakglass-*@*
}

// Table makes an MFA table of the report of admin.MFAReport, for a person to review.
// Guests are left out: their own tenant asks for their second factor.
func (p MFAPolicy) Table(report admin.Table) (*Table, error) {
	if p.State != "enabled" && p.State != "enforced" {
		return nil, fmt.Errorf("%q protects nobody; write enabled or enforced", p.State)
	}
	at := map[string]int{}
	for i, c := range report.Columns {
		at[c.Key] = i
	}
	for _, key := range []string{"upn", "tenant", "enabled", "licensed", "admin", "protected"} {
		if _, ok := at[key]; !ok {
			return nil, fmt.Errorf("that is no MFA report: it has no column %s", key)
		}
	}
	table := &Table{Kind: MFA}
	for _, row := range report.Rows {
		get := func(key string) string { return row[at[key]] }
		upn := get("upn")
		out, err := p.excludes(upn)
		if err != nil {
			return nil, err
		}
		switch {
		case out, get("enabled") != "yes", get("protected") == "yes", strings.Contains(upn, "#EXT#"):
		case get("licensed") != "yes" && !p.Unlicensed, get("admin") != "yes" && p.AdminsOnly:
		default:
			table.Lines = append(table.Lines, Line{N: len(table.Lines) + 2,
				Cells: map[string]string{"tenant": get("tenant"), "user": upn, "state": p.State}})
		}
	}
	return table, nil
}

func (p MFAPolicy) excludes(upn string) (bool, error) {
	for _, pattern := range p.Exclude {
		is, err := path.Match(strings.ToLower(pattern), strings.ToLower(upn))
		if err != nil {
			return false, fmt.Errorf("the pattern %q: %w", pattern, err)
		}
		if is {
			return true, nil
		}
	}
	return false, nil
}

// WriteCSV writes a table so that Parse reads it back: the required columns, and those
// that are used.
func (b *Table) WriteCSV(w io.Writer) error {
	var names []string
	for _, c := range columns[b.Kind] {
		used := slices.ContainsFunc(b.Lines, func(l Line) bool { return l.Get(c.name) != "" })
		if c.required || used {
			names = append(names, c.name)
		}
	}
	out := csv.NewWriter(w)
	_ = out.Write(names) // Error returns what failed
	for _, l := range b.Lines {
		cells := make([]string, len(names))
		for i, n := range names {
			cells[i] = l.Get(n)
		}
		_ = out.Write(cells)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}
