package cippsim

import "net/http"

// self is who every mailbox is open to.
const self = `NT AUTHORITY\SELF`

// permissionRows are the rights in mailboxes as Exchange lists them: every
// mailbox is open to itself.
func permissionRows(t *Tenant) []object {
	rows := []object{}
	for _, m := range t.Mailboxes {
		rows = append(rows, object{
			"id": m.ID + "-self", "Identity": m.ID, "User": self, "AccessRights": []string{"FullAccess", "ReadPermission"},
			"IsInherited": false, "Deny": false,
		})
		for _, d := range m.Delegates {
			rows = append(rows, object{
				"id": m.ID + "-" + d.User, "Identity": m.ID, "User": d.User, "AccessRights": []string{d.Rights},
				"IsInherited": false, "Deny": false,
			})
		}
	}
	return rows
}

// calendarRows are the rights in calendars, those of Default and Anonymous too.
func calendarRows(t *Tenant) []object {
	rows := []object{}
	for _, m := range t.Mailboxes {
		rows = append(rows, object{
			"id": m.ID + "-default", "Identity": m.ID, "User": "Default", "AccessRights": []string{"AvailabilityOnly"},
			"FolderName": "Calendar",
		})
		for _, r := range m.Calendar {
			rows = append(rows, object{"id": m.ID + "-" + r.User, "Identity": m.ID, "User": r.User, "AccessRights": r.Rights, "FolderName": folder(r)})
		}
	}
	return rows
}

func folder(r CalendarRight) string {
	if r.Folder == "" {
		return "Calendar"
	}
	return r.Folder
}

// report answers the permission reports: one row a mailbox, made of two
// collections of the cache. row returns nil for a mailbox with nothing to say.
func (c *call) report(kind string, row func(m *Mailbox) object) answer {
	if !c.isTrue("UseReportDB") {
		if c.tenant == nil {
			return ok([]object{})
		}
		return c.exception("Cannot bind argument to parameter 'Identity' because it is null.")
	}
	c.s.advance()
	rows, missing := []object{}, c.tenant == nil && !c.all
	tenants := []*Tenant{c.tenant}
	if c.all {
		tenants = c.listed()
	}
	for _, t := range tenants {
		if t == nil {
			continue
		}
		mailboxes, rights := c.s.cache[t.DefaultDomain]["Mailboxes"], c.s.cache[t.DefaultDomain][kind]
		if mailboxes == nil || mailboxes.tenant == nil || rights == nil || rights.tenant == nil {
			missing = missing || !c.all
			continue
		}
		for _, m := range rights.tenant.Mailboxes {
			got := row(m)
			if got == nil {
				continue
			}
			got["Tenant"] = t.DefaultDomain
			got["MailboxCacheTimestamp"], got["PermissionCacheTimestamp"] = stamp(mailboxes.refreshed), stamp(rights.refreshed)
			rows = append(rows, got)
		}
	}
	if missing {
		return answer{status: http.StatusInternalServerError, body: []string{"No " + kind + " data found in reporting database for " + c.filter + ". Sync the report data first."}}
	}
	return ok(rows)
}

// listMailboxPermissions reports who may use whose mailbox
// (CIPP source: Get-CIPPMailboxPermissionReport.ps1).
func (c *call) listMailboxPermissions() answer {
	if !c.isTrue("UseReportDB") && c.param("userId") != "" {
		return c.liveDelegates()
	}
	return c.report("MailboxPermissions", func(m *Mailbox) object {
		rights := []object{}
		for _, d := range m.Delegates {
			rights = append(rights, object{"User": d.User, "AccessRights": d.Rights})
		}
		if len(rights) == 0 {
			return nil
		}
		return object{
			"MailboxUPN": m.UPN, "MailboxDisplayName": m.DisplayName, "MailboxType": m.Type, "PermissionCount": len(rights),
			"Permissions": rights,
		}
	})
}

// listCalendarPermissions reports who may do what in whose calendar; Default
// and Anonymous are left out (CIPP source: Get-CIPPCalendarPermissionReport.ps1).
func (c *call) listCalendarPermissions() answer {
	if c.param("UserID") != "" {
		return c.liveCalendar() // whatever else was asked for
	}
	return c.report("CalendarPermissions", func(m *Mailbox) object {
		rights := []object{}
		for _, r := range m.Calendar {
			rights = append(rights, object{"User": r.User, "AccessRights": r.Rights, "FolderName": folder(r)})
		}
		if len(rights) == 0 {
			return nil
		}
		return object{
			"CalendarUPN": m.UPN, "CalendarDisplayName": m.DisplayName, "CalendarType": m.Type,
			"PermissionCount": len(rights), "Permissions": rights,
		}
	})
}

// listDomainAnalyser shows the stored results of the daily analysis. A field
// that could not be found out is an empty text, whatever its type.
func (c *call) listDomainAnalyser() answer {
	rows := []object{}
	tenants := []*Tenant{c.tenant}
	if c.all {
		tenants = c.listed()
	}
	for _, t := range tenants {
		if t == nil || c.all && c.s.tenantFaults(t).NoRows {
			continue
		}
		for _, d := range c.s.dataOf(t).Domains {
			a := d.Analysis
			if a == nil {
				continue
			}
			rows = append(rows, object{
				"Tenant": t.DefaultDomain, "TenantID": t.CustomerID, "GUID": guid("domain", d.Name), "LastRefresh": stamp(a.At), "Domain": d.Name,
				"NSRecords": []string{}, "ExpectedSPFRecord": "", "ActualSPFRecord": a.SPF, "SPFPassAll": orText(a.SPF != "", a.SPFPass),
				"ActualMXRecords": list(a.MX), "MXPassTest": len(a.MX) > 0, "DMARCPresent": a.DMARC != "", "DMARCFullPolicy": "", "DMARCActionPolicy": a.DMARC,
				"DMARCReportingActive": "", "DMARCPercentagePass": "", "DNSSECPresent": a.DNSSEC, "MailProvider": a.MailProvider, "DKIMEnabled": a.DKIM,
				"DKIMRecords": []string{}, "Score": a.Score * 160 / 100, "MaximumScore": 160, "ScorePercentage": a.Score, "ScoreExplanation": "", "DkimSelectors": []string{},
			})
		}
	}
	return ok(rows)
}

func orText(known bool, v any) any {
	if !known {
		return ""
	}
	return v
}
