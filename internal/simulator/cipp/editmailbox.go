package cippsim

import (
	"net/http"
	"slices"
	"strings"
)

// mailboxFor finds the mailbox that a write names, or says in Exchange's words
// that it is not there.
func (c *call) mailboxFor(id string) (*Mailbox, *answer) {
	refuse := func(status int, said string) (*Mailbox, *answer) {
		c.wrote("Error", said)
		a := answer{status: status, body: object{"Results": said}}
		return nil, &a
	}
	if c.tenant == nil {
		return refuse(http.StatusInternalServerError, "Failed: the tenant was not found")
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return refuse(http.StatusForbidden, msg)
	}
	if m := c.tenant.mailboxOf(id); m != nil && id != "" {
		return m, nil
	}
	return refuse(http.StatusInternalServerError,
		"Failed: The operation couldn't be performed because object '"+id+"' couldn't be found on 'EURPR01A001'.")
}

func (c *call) execConvertMailbox() answer {
	id, _ := c.field("ID").(string)
	m, refused := c.mailboxFor(id)
	if refused != nil {
		return *refused
	}
	kind, _ := c.field("MailboxType").(string)
	if !among([]string{"Shared", "Regular", "Room", "Equipment"}, kind) {
		return c.refused(http.StatusInternalServerError, "Cannot validate argument on parameter 'MailboxType'.")
	}
	return c.alter(func() answer {
		m.Type = map[string]string{"shared": "SharedMailbox", "regular": "UserMailbox", "room": "RoomMailbox", "equipment": "EquipmentMailbox"}[strings.ToLower(kind)]
		c.patchCachedMailbox(m)
		c.wrote("Info", "Successfully converted "+m.UPN+" to a "+kind+" mailbox")
		return results("Successfully converted " + m.UPN + " to a " + kind + " mailbox")
	})
}

// patchCachedMailbox is what CIPP does at once, so that its report shows it.
func (c *call) patchCachedMailbox(m *Mailbox) {
	if e := c.s.cache[c.tenant.DefaultDomain]["Mailboxes"]; e != nil && e.tenant != nil {
		if old := e.tenant.mailboxOf(m.UPN); old != nil {
			old.Type = m.Type
		}
	}
}

// execEmailForward sets one kind of forwarding; the other is emptied
// (CIPP source: Invoke-ExecEmailForward.ps1). An option that it does not know
// falls through, and nothing at all is answered.
func (c *call) execEmailForward() answer {
	id, _ := c.field("userID").(string)
	m, refused := c.mailboxFor(id)
	if refused != nil {
		refused.body = object{"Results": []string{refused.body.(object)["Results"].(string)}}
		return *refused
	}
	option, _ := c.field("forwardOption").(string)
	inner, _ := value(c.field("ForwardInternal"))
	outer, _ := c.field("ForwardExternal").(string)
	keep := truth(c.field("KeepCopy"))
	switch strings.ToLower(option) {
	case "internaladdress":
		if c.tenant.mailboxOf(inner) == nil {
			return answer{status: http.StatusInternalServerError, body: object{"Results": []string{"Failed to set forwarding for " + id + ". Error: Couldn't find object \"" + inner + "\"."}}}
		}
		outer = ""
	case "externaladdress":
		inner, outer = "", "smtp:"+strings.TrimPrefix(outer, "smtp:")
	case "disabled":
		inner, outer, keep = "", "", false
	default:
		return answer{status: http.StatusOK, body: object{"Results": []any{nil}}}
	}
	return c.alter(func() answer {
		m.ForwardInner, m.ForwardTo, m.KeepCopy = inner, outer, keep
		said := "Forwarding all email for " + id + " to " + inner + outer
		if inner+outer == "" {
			said = "Successfully disabled forwarding for " + id
		}
		c.wrote("Info", said)
		return results([]string{said})
	})
}

// liveCalendar shows the rights in one mailbox's calendar
// (CIPP source: Invoke-ListCalendarPermissions.ps1).
func (c *call) liveCalendar() answer {
	if c.tenant == nil {
		return ok([]object{})
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusForbidden, []string{msg})
	}
	m := c.data.mailboxOf(c.param("UserID"))
	if m == nil {
		return c.failed(http.StatusForbidden, []string{"The operation couldn't be performed because object '" + c.param("UserID") + "' couldn't be found."})
	}
	name := m.calendarName()
	row := func(user string, rights []string) object {
		var id any
		if u := c.data.User(user); u != nil {
			id = u.ID
			if of := c.data.mailboxOf(user); of != nil {
				id = of.ExchangeGUID // a form of Exchange's choice
			}
			if !c.s.faults.AddressesForUsers {
				user = u.DisplayName
			}
		}
		r := object{
			"Identity": m.UPN + `:\` + name, "User": user, "AccessRights": rights, "FolderName": name,
			"MailboxInfo": object{"UserPrincipalName": m.UPN, "PrimarySmtpAddress": m.PrimarySMTP},
		}
		if c.s.atLeast("10.8.4") {
			r["UserId"] = id
		}
		return r
	}
	rows := []object{}
	for _, who := range []struct{ name, rights string }{{"Default", "AvailabilityOnly"}, {"Anonymous", "None"}} {
		if !slices.ContainsFunc(m.Calendar, func(r CalendarRight) bool { return r.User == who.name }) {
			rows = append(rows, row(who.name, []string{who.rights}))
		}
	}
	for _, r := range m.Calendar {
		rows = append(rows, row(r.User, r.Rights))
	}
	return ok(rows)
}

// calendarName is the localised name of the calendar folder.
func (m *Mailbox) calendarName() string {
	if len(m.Calendar) > 0 {
		return folder(m.Calendar[0])
	}
	if m.CalendarName != "" {
		return m.CalendarName
	}
	return "Calendar"
}

var calendarRights = []string{"Owner", "PublishingEditor", "Editor", "PublishingAuthor", "Author", "NonEditingAuthor", "Reviewer", "Contributor", "AvailabilityOnly", "LimitedDetails", "None"}

// anybody says whether a name is one of those that stand for all others.
func anybody(who string) bool { return who == "Default" || who == "Anonymous" }

// setCalendar grants rights to who, or takes them away where rights is empty.
func (m *Mailbox) setCalendar(who, rights string) {
	same := func(r CalendarRight) bool { return strings.EqualFold(r.User, who) }
	name := m.calendarName()
	m.CalendarName = name // or it would be forgotten with the last right
	m.Calendar = slices.DeleteFunc(slices.Clone(m.Calendar), same)
	if rights != "" {
		m.Calendar = append(m.Calendar, CalendarRight{User: who, Rights: []string{rights}, Folder: name})
	}
}

// execEditCalendarPermissions grants or revokes one right. CanViewPrivateItems
// must be there and a boolean (CIPP source: Set-CIPPCalendarPermission.ps1).
func (c *call) execEditCalendarPermissions() answer {
	m, refused := c.mailboxFor(c.given("userid"))
	if refused != nil {
		refused.status = http.StatusForbidden
		return *refused
	}
	if _, isBool := c.field("CanViewPrivateItems").(bool); !isBool {
		return c.refused(http.StatusForbidden,
			"Cannot process argument transformation on parameter 'CanViewPrivateItems'. Cannot convert value to type \"System.Boolean\".")
	}
	if name, _ := c.field("FolderName").(string); !strings.EqualFold(name, m.calendarName()) {
		return c.refused(http.StatusForbidden,
			"Failed to set calendar permissions. Error: The specified mailbox folder \""+m.UPN+`:\`+name+"\" doesn't exist.")
	}
	who, rights := c.picked("UserToGetPermissions"), c.picked("Permissions")
	gone := c.picked("RemoveAccess")
	switch {
	case anybody(gone):
		return c.refused(http.StatusForbidden,
			"Failed to remove calendar permissions for "+gone+". Error: The permission of "+gone+" can't be removed.")
	case gone != "":
		if !slices.ContainsFunc(m.Calendar, func(r CalendarRight) bool { return strings.EqualFold(r.User, gone) }) {
			return c.refused(http.StatusForbidden,
				"Failed to remove calendar permissions for "+gone+". Error: There is no existing permission entry found for user: "+gone)
		}
		return c.alter(func() answer {
			m.setCalendar(gone, "")
			c.wrote("Info", "Removed calendar permissions for "+gone+" from "+m.UPN)
			return results("Successfully removed access for " + gone + " from calendar " + m.UPN)
		})
	case c.someone(who) == nil && !anybody(who):
		return c.refused(http.StatusForbidden,
			"Failed to set calendar permissions. Error: The user \""+who+"\" is either not valid SMTP address, or there is no matching information.")
	case !among(calendarRights, rights):
		return c.refused(http.StatusForbidden,
			"Failed to set calendar permissions. Error: Cannot convert value \""+rights+"\" to type \"MailboxFolderAccessRight\".")
	}
	return c.alter(func() answer {
		m.setCalendar(who, rights)
		c.wrote("Info", "Set calendar permissions for "+who+" on "+m.UPN)
		return results("Successfully set permissions on folder " + m.UPN + `:\` + m.calendarName() + ". The user " + who + " now has " + rights + " permissions on this folder.")
	})
}

// eachPermission walks the edits of one mailbox in the newer multi-edit shape.
func (c *call) eachPermission(do func(m *Mailbox, who, level string, add bool) string) answer {
	m, refused := c.mailboxFor(c.given("userID"))
	if refused != nil {
		return *refused
	}
	all, isList := c.field("permissions").([]any)
	if !isList {
		all = []any{c.field("permissions")}
	}
	return c.alter(func() answer {
		said := []string{}
		for _, one := range all {
			level, _ := value(member(one, "PermissionLevel"))
			mode, _ := value(member(one, "Modification"))
			for _, who := range words(member(one, "UserID")) {
				said = append(said, do(m, who, level, !strings.EqualFold(mode, "Remove")))
			}
		}
		c.wrote("Info", "Changed permissions of "+m.UPN)
		return results(said)
	})
}

func (c *call) execModifyCalPerms() answer {
	return c.eachPermission(func(m *Mailbox, who, level string, add bool) string {
		if c.someone(who) == nil || !among(calendarRights, level) {
			return "Failed to set calendar permissions for " + who + " on " + m.UPN
		}
		if !add {
			level = ""
		}
		m.setCalendar(who, level)
		return "Successfully changed calendar permissions of " + who + " on " + m.UPN
	})
}

func (c *call) execModifyMBPerms() answer {
	return c.eachPermission(func(m *Mailbox, who, level string, add bool) string {
		u := c.someone(who)
		if u == nil || !among([]string{"FullAccess", "SendAs", "SendOnBehalf"}, level) {
			return "Error processing " + level + " for " + who + " on " + m.UPN
		}
		same := func(d Delegate) bool { return strings.EqualFold(d.User, u.UPN) && strings.EqualFold(d.Rights, level) }
		m.Delegates = slices.DeleteFunc(slices.Clone(m.Delegates), same)
		if !add {
			return "Removed " + level + " of " + u.UPN + " from " + m.UPN
		}
		m.Delegates = append(m.Delegates, Delegate{User: u.UPN, Rights: level})
		return "Granted " + u.UPN + " " + level + " to " + m.UPN
	})
}

// liveDelegates shows who may use one mailbox. The rights of one who may send
// as it are a list.
func (c *call) liveDelegates() answer {
	if c.tenant == nil {
		return ok([]object{})
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusForbidden, []string{msg})
	}
	m := c.data.mailboxOf(c.param("userId"))
	if m == nil {
		return c.failed(http.StatusForbidden, []string{"The operation couldn't be performed because object '" + c.param("userId") + "' couldn't be found."})
	}
	rows := []object{{"User": self, "Permissions": "FullAccess, ReadPermission"}}
	for _, d := range m.Delegates {
		row := object{"User": d.User, "Permissions": d.Rights}
		if strings.EqualFold(d.Rights, "SendAs") {
			row["Permissions"] = []string{d.Rights}
		}
		rows = append(rows, row)
	}
	return ok(rows)
}

// listMailboxForwarding lists mailboxes with their forwarding, live or cached.
func (c *call) listMailboxForwarding() answer {
	t := c.data
	if c.isTrue("UseReportDB") && c.tenant != nil {
		e := c.s.cache[c.tenant.DefaultDomain]["Mailboxes"]
		if e == nil || e.tenant == nil {
			return answer{status: http.StatusInternalServerError, body: []string{"No mailbox data found in reporting database. Sync the report data first."}}
		}
		t = e.tenant
	}
	rows := []object{}
	if t == nil {
		return ok(rows)
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusForbidden, []string{msg})
	}
	for _, m := range t.Mailboxes {
		kind, to := "None", ""
		switch {
		case m.ForwardTo != "":
			kind, to = "External", strings.TrimPrefix(m.ForwardTo, "smtp:")
		case m.ForwardInner != "":
			kind, to = "Internal", m.ForwardInner
		default:
			continue
		}
		rows = append(rows, object{
			"UPN": m.UPN, "DisplayName": m.DisplayName, "PrimarySmtpAddress": m.PrimarySMTP, "RecipientTypeDetails": m.Type,
			"ForwardingType": kind, "ForwardTo": to, "ForwardingSmtpAddress": orNil(m.ForwardTo), "InternalForwardingAddress": orNil(m.ForwardInner),
			"DeliverToMailboxAndForward": m.KeepCopy, "Tenant": c.filter,
		})
	}
	return ok(rows)
}
