package cippsim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// listUsers reads all users live, or one.
func (c *call) listUsers() answer {
	if c.all {
		return ok([]object{{"Message": "This function has been deprecated for all users, please use ListGraphRequest instead"}})
	}
	if c.tenant == nil {
		return ok([]object{})
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusInternalServerError, msg)
	}
	t := c.data
	p, _ := graphURL("users?$expand=manager")
	if id := c.param("UserID"); id != "" {
		p.path = "users/" + id
	} else if filter := c.param("graphFilter"); filter != "" {
		p.query.Set("$filter", filter)
	}
	g := c.s.graphGet(c.tenant, t, p, c.s.resourceFault(c.tenant, p.path, ""))
	if g.failed() {
		return c.failed(http.StatusInternalServerError, g.message)
	}
	rows := []any{}
	for _, r := range g.rows {
		row, isObject := r.(object)
		u := (*User)(nil)
		if isObject {
			u = t.User(fmt.Sprint(row["id"]))
		}
		if u != nil {
			addUserFields(t, u, row)
			if c.param("UserID") != "" && c.param("IncludeLogonDetails") != "" {
				row["LastSigninApplication"], row["LastSigninDate"] = "Office 365 Exchange Online", "20 August 2026\r\n09:15:03"
				row["LastSigninStatus"], row["LastSigninResult"], row["LastSigninFailureReason"] = 0, "Success", "Other."
			}
		}
		rows = append(rows, r)
	}
	return ok(rows)
}

func addUserFields(t *Tenant, u *User, row object) {
	name, domain, _ := strings.Cut(u.UPN, "@")
	row["username"], row["Aliases"] = name, strings.Join(u.ProxyAddresses, ", ")
	row["primDomain"] = object{"value": domain, "label": domain}
	row["onPremisesSyncEnabled"] = u.Synced != nil && *u.Synced // forced to a bool here
	names := make([]string, len(u.Licences))
	for i, id := range u.Licences {
		if k := t.SKU(id); k != nil {
			names[i] = k.Name // a SKU that the CSV does not know leaves an empty part
		}
	}
	row["LicJoined"] = strings.Join(names, ", ")
}

func mfaRows(t *Tenant) []object {
	rows := []object{}
	for _, u := range t.Users {
		if u.Deleted {
			continue
		}
		kind := "Member"
		if u.Guest {
			kind = "Guest"
		}
		covered := u.CoveredByCA
		if covered == "" {
			covered = "Not Enforced"
		}
		row := object{
			"Tenant": t.DefaultDomain, "ID": u.ID, "UPN": u.UPN, "DisplayName": u.DisplayName, "AccountEnabled": !u.Disabled,
			"PerUser": orNil(u.PerUserMFA), "isLicensed": len(u.Licences) > 0, "MFARegistration": u.MFARegistered,
			"MFACapable": u.MFACapable, "MFAMethods": list(u.MFAMethods), "CoveredByCA": covered, "CAPolicies": []object{},
			"CoveredBySD": u.CoveredBySD, "IsAdmin": u.Admin, "UserType": kind, "RowKey": u.UPN, "PartitionKey": "users",
		}
		if t.NoEntraP1 {
			row["MFARegistration"], row["MFACapable"] = nil, nil
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *call) listMFAUsers() answer {
	if c.isTrue("UseReportDB") {
		rows, missing := c.reportRows("MFAState")
		if missing {
			return answer{status: http.StatusInternalServerError, body: []string{"No MFA state data found in reporting database for " + c.filter + ". Sync the report data first."}}
		}
		return ok(rows)
	}
	if c.all {
		c.s.complain("ListMFAUsers: AllTenants without UseReportDB starts a full run on each call")
		c.s.startQueue("MFA Users (All Tenants)", "MFAUsers-AllTenants", c.listed(), runNothing)
		return ok([]object{{"UPN": TextLoading}})
	}
	if c.tenant == nil {
		return ok([]object{})
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusForbidden, []string{msg})
	}
	return ok(mfaRows(c.data))
}

func addGroupFields(row object, g *Group) {
	prim := ""
	if _, domain, has := strings.Cut(g.Mail, "@"); has {
		prim = domain
	}
	row["primDomain"], row["membersCsv"], row["ownersCsv"] = prim, "", ""
	row["teamsEnabled"], row["dynamicGroupBool"] = g.Team, g.MembershipRule != ""
	row["groupType"], row["calculatedGroupType"], row["SID"] = string(g.Kind), calculatedType(g.Kind), row["securityIdentifier"]
}

// listGroups lists live or cached groups, or shows one.
func (c *call) listGroups() answer {
	id := c.param("groupID")
	if id == "" && (c.isTrue("members") || c.isTrue("owners")) {
		return text(http.StatusBadRequest, "groupID is required to list members or owners")
	}
	if c.all || c.isTrue("UseReportDB") {
		rows, missing := c.reportRows("Groups")
		if missing {
			return answer{status: http.StatusInternalServerError, body: []string{"No groups data found in reporting database for " + c.filter + ". Sync the report data first."}}
		}
		return ok(rows)
	}
	if c.tenant == nil {
		return ok([]object{})
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusForbidden, msg)
	}
	t := c.data
	if id != "" {
		return ok(groupDetail(t, id, c.param("groupType")))
	}
	p, _ := graphURL("groups")
	for _, expand := range []string{"Members", "Owners"} {
		if c.isTrue("expand" + expand) {
			p.query.Set("$expand", strings.ToLower(expand))
			break
		}
	}
	g := c.s.graphGet(c.tenant, t, p, c.s.resourceFault(c.tenant, p.path, ""))
	if g.failed() {
		return c.failed(http.StatusForbidden, g.message)
	}
	for _, r := range g.rows {
		row, isObject := r.(object)
		if !isObject {
			continue
		}
		if group := t.Group(fmt.Sprint(row["id"])); group != nil {
			addGroupFields(row, group)
			for _, expanded := range []string{"members", "owners"} {
				if all, has := row[expanded].([]object); has {
					row[expanded+"Csv"] = upnsOf(all)
				}
			}
		}
	}
	return ok(g.rows)
}

func upnsOf(members []object) string {
	var upns []string
	for _, m := range members {
		if upn, isUser := m["userPrincipalName"].(string); isUser {
			upns = append(upns, upn)
		}
	}
	return strings.Join(upns, ",")
}

// groupDetail answers 200 even for a group that is not there.
func groupDetail(t *Tenant, id, kind string) object {
	row := findRow(groupRows(t), id)
	if row == nil {
		return object{
			"groupInfo": object{"error": object{"code": "Request_ResourceNotFound", "message": "Resource '" + id + "' does not exist."}},
			"members":   []object{}, "owners": []object{}, "allowExternal": false, "sendCopies": nil, "hideFromOutlookClients": nil, "SID": nil,
		}
	}
	g := t.Group(id)
	addGroupFields(row, g)
	return object{
		"groupInfo": row, "members": memberRows(t, g.Members), "owners": memberRows(t, g.Owners),
		"allowExternal": kind == string(g.Kind) && g.Kind == Microsoft365, // meaningless unless the exact type is passed
		"sendCopies":    nil, "hideFromOutlookClients": nil, "SID": row["securityIdentifier"],
	}
}

func mailboxRows(t *Tenant, fromCache bool) []object {
	rows := []object{}
	for _, m := range t.Mailboxes {
		archive := "00000000-0000-0000-0000-000000000000"
		if m.Archive {
			archive = guid("archive", m.ExchangeGUID)
		}
		row := object{
			"Id": m.ID, "ExchangeGuid": m.ExchangeGUID, "ArchiveGuid": archive, "WhenSoftDeleted": nil, "UPN": m.UPN,
			"displayName": m.DisplayName, "primarySmtpAddress": m.PrimarySMTP, "ArchiveEnabled": m.Archive,
			"AutoExpandingArchive": false, "AutoExpandingArchiveScope": "None", "recipientType": "UserMailbox",
			"recipientTypeDetails": m.Type, "AdditionalEmailAddresses": strings.Join(m.Aliases, ", "),
			"ForwardingSmtpAddress": m.ForwardTo, "InternalForwardingAddress": orNil(m.ForwardInner), "DeliverToMailboxAndForward": m.KeepCopy,
			"HiddenFromAddressListsEnabled": m.Hidden, "ExternalDirectoryObjectId": m.UserID, "IsDirSynced": m.DirSynced,
			"MessageCopyForSendOnBehalfEnabled": true, "MessageCopyForSentAsEnabled": true,
			"LitigationHoldEnabled": m.LitigationOn, "LitigationHoldDate": nil, "LitigationHoldDuration": "Unlimited",
			"LicensedForLitigationHold": true, "ComplianceTagHoldApplied": false, "RetentionHoldEnabled": false,
			"InPlaceHolds": []string{}, "RetentionPolicy": "Default MRM Policy",
		}
		if fromCache {
			row["id"] = row["Id"] // the key's case differs
			withoutKeys(row, "Id", "IsDirSynced")
			row["storageUsedInBytes"], row["prohibitSendReceiveQuotaInBytes"] = m.StorageUsed, m.Quota
			row["MailboxItemCount"], row["ArchiveSize"], row["ArchiveItemCount"] = m.Items, 0, 0
			row["GrantSendOnBehalfTo"], row["Guid"], row["Identity"] = list(m.SendOnBehalf), m.ExchangeGUID, m.ID
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *call) listMailboxes() answer {
	if c.isTrue("UseReportDB") {
		rows, missing := c.reportRows("Mailboxes")
		if missing {
			return answer{status: http.StatusInternalServerError, body: []string{"No mailbox data found in reporting database. Sync the report data first."}}
		}
		return ok(rows)
	}
	if c.all {
		return answer{status: http.StatusForbidden, body: []string{"AllTenants is only supported with UseReportDB"}}
	}
	if c.tenant == nil {
		return ok([]object{})
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusForbidden, []string{msg})
	}
	if c.data.NoExchange {
		return c.failed(http.StatusForbidden, []string{TextNoLicence})
	}
	rows := mailboxRows(c.data, false)
	if id := c.param("Identity"); id != "" {
		m := c.data.mailboxOf(id)
		if m == nil {
			return c.failed(http.StatusForbidden, []string{"The operation couldn't be performed because object '" + id + "' couldn't be found."})
		}
		rows = slices.DeleteFunc(rows, func(r object) bool { return r["ExchangeGuid"] != m.ExchangeGUID })
	}
	if kind := c.param("RecipientTypeDetails"); kind != "" {
		rows = slices.DeleteFunc(rows, func(r object) bool { return !strings.EqualFold(r["recipientTypeDetails"].(string), kind) })
	}
	return ok(rows)
}
