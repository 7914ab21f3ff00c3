package cippsim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Entry is a line of CIPP's logbook.
type Entry struct {
	At       time.Time
	Tenant   string // default domain; empty = none
	TenantID string
	API      string
	Severity string // Info, Error, …
	Message  string
}

const logbookLimit = 2000

// wrote notes what a write did.
func (c *call) wrote(severity, message string) {
	e := Entry{At: c.now, API: c.endpoint.name, Severity: severity, Message: message}
	if c.tenant != nil {
		e.Tenant, e.TenantID = c.tenant.DefaultDomain, c.tenant.CustomerID
	}
	c.s.noteEntry(e)
}

func (s *Server) noteEntry(e Entry) {
	if len(s.logbook) >= logbookLimit {
		s.logbook = slices.Clone(s.logbook[logbookLimit/2:])
	}
	s.logbook = append(s.logbook, e)
}

// Logbook returns what CIPP noted about writes, oldest first.
func (s *Server) Logbook() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.logbook)
}

// listLogs shows the logbook, newest first. Without Filter it is that of today.
func (c *call) listLogs() answer {
	const day = "20060102"
	if c.isTrue("ListLogs") {
		days := []string{}
		for _, e := range c.s.logbook {
			if d := e.At.Format(day); !slices.Contains(days, d) {
				days = append(days, d)
			}
		}
		return ok(days)
	}
	from, to := c.now.Format(day), c.now.Format(day)
	severities := []string{"Info", "Warn", "Warning", "Error", "Critical", "Alert"}
	if c.isTrue("Filter") {
		if d := c.param("DateFilter"); d != "" {
			from, to = d, d
		}
		if start, end := c.param("StartDate"), c.param("EndDate"); start != "" && end != "" {
			from, to = start, end
		}
		if s := c.param("Severity"); s != "" {
			severities = strings.Split(s, ",")
		}
	}
	rows := []object{}
	for i, e := range slices.Backward(c.s.logbook) {
		d, tenant := e.At.Format(day), c.param("Tenant")
		if d < from || d > to || !among(severities, e.Severity) {
			continue
		}
		if t := c.w.Tenant(e.TenantID); t != nil && !c.allows(t) {
			continue
		}
		if tenant != "" && tenant != allTenants && !strings.Contains(strings.ToLower(e.Tenant), strings.ToLower(tenant)) && !strings.EqualFold(e.TenantID, tenant) {
			continue
		}
		if api := c.param("API"); api != "" && !strings.Contains(strings.ToLower(e.API), strings.ToLower(api)) {
			continue
		}
		label, id := e.Tenant, e.TenantID
		if label == "" {
			label, id = "None", "None"
		}
		rows = append(rows, object{
			"DateTime": stamp(e.At), "Tenant": label, "TenantID": id, "API": e.API, "Message": e.Message, "User": "CIPP-API", "Severity": e.Severity,
			"LogData": nil, "AppId": c.s.opts.ClientID, "IP": "127.0.0.1", "RowKey": guid("log", fmt.Sprint(i), e.Message), "StandardInfo": object{}, "DateFilter": d,
		})
	}
	return ok(rows)
}
