package admin

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// A LogFilter selects lines of CIPP's logbook; the zero value selects those of today.
type LogFilter struct {
	Tenant   *directory.Tenant // nil = all
	From, To time.Time         // days, in the instance's time zone; zero = today
	Severity []string          // one of severities, whatever the case; empty = all but Debug
	Endpoint string            // a part of the name of an endpoint
}

var severities = []string{"Debug", "Info", "Warning", "Error", "Critical", "Alert"}

// severitySpellings are the words that CIPP's code writes for a severity: the logbook
// compares whole words, and some severities are spelled in two ways.
var severitySpellings = map[string][]string{
	"Debug": {"Debug"}, "Info": {"Info", "Information"}, "Warning": {"Warning", "Warn"}, "Error": {"Error"}, "Critical": {"Critical"}, "Alert": {"Alert"},
}

// Logs lists CIPP's logbook, newest first.
func (a *Admin) Logs(ctx context.Context, f LogFilter) (Table, error) {
	const day = "20060102"
	query := url.Values{}
	if !f.From.IsZero() || !f.To.IsZero() {
		if f.From.IsZero() {
			f.From = f.To
		}
		if f.To.IsZero() {
			f.To = time.Now()
		}
		if f.To.Before(f.From) {
			return Table{}, cipp.Misuse("the logbook ends (%s) before it begins (%s)", f.To.Format(time.DateOnly), f.From.Format(time.DateOnly))
		}
		query.Set("StartDate", f.From.Format(day))
		query.Set("EndDate", f.To.Format(day))
	}
	if len(f.Severity) > 0 {
		var all []string
		for _, word := range f.Severity {
			at := slices.IndexFunc(severities, func(s string) bool {
				return slices.ContainsFunc(severitySpellings[s], func(w string) bool { return strings.EqualFold(w, strings.TrimSpace(word)) })
			})
			if at < 0 {
				return Table{}, cipp.Misuse("%q is no severity; these are: %s", word, strings.Join(severities, ", "))
			}
			all = append(all, severitySpellings[severities[at]]...)
		}
		query.Set("Severity", strings.Join(slices.Compact(all), ","))
	}
	if f.Endpoint != "" {
		query.Set("API", f.Endpoint)
	}
	if f.Tenant != nil {
		query.Set("Tenant", f.Tenant.DefaultDomain) // not tenantFilter
	}
	if len(query) > 0 {
		query.Set("Filter", "true")
		if !query.Has("StartDate") {
			query.Set("DateFilter", time.Now().Format(day))
		}
	}
	rows, err := a.global(ctx, "ListLogs", query)
	if err != nil {
		return Table{}, err
	}
	return tabulate(redactRows(rows), true, timeCol("at", "When", "DateTime"), col("severity", "Severity", "Severity"),
		col("tenant", "Tenant", "Tenant"), col("endpoint", "Endpoint", "API"),
		col("message", "Message", "Message"), col("user", "User", "User"), col("id", "Id", "RowKey")), nil
}
