package cippsim

import (
	"slices"
	"strings"
	"time"
)

func userRows(t *Tenant) []object {
	rows := make([]object, 0, len(t.Users))
	for _, u := range t.Users {
		if !u.Deleted {
			rows = append(rows, userRow(t, u))
		}
	}
	return rows
}

func deletedUserRows(t *Tenant) []object {
	rows := []object{}
	for _, u := range t.Users {
		if u.Deleted {
			row := userRow(t, u)
			row["deletedDateTime"] = zulu(t.Refreshed)
			rows = append(rows, row)
		}
	}
	return rows
}

// userRow is a user as Graph beta sends it without $select.
func userRow(t *Tenant, u *User) object {
	var kind any = "Member"
	if u.Guest {
		kind = "Guest"
	}
	if u.NullUserType {
		kind = nil
	}
	assigned, states := []object{}, []object{}
	for _, id := range u.Licences {
		assigned = append(assigned, object{"disabledPlans": []string{}, "skuId": id})
		states = append(states, object{
			"skuId": id, "assignedByGroup": orNil(u.Inherited[id]), "disabledPlans": []string{},
			"state": "Active", "error": "None", "lastUpdatedDateTime": zulu(u.Created),
		})
	}
	nickname, _, _ := strings.Cut(u.UPN, "@")
	var lastSync any
	if u.Synced != nil && *u.Synced {
		lastSync = zulu(t.Refreshed)
	}
	row := object{
		"id": u.ID, "deletedDateTime": nil, "userPrincipalName": u.UPN, "displayName": u.DisplayName,
		"givenName": orNil(u.GivenName), "surname": orNil(u.Surname), "mail": orNil(u.Mail), "mailNickname": nickname,
		"accountEnabled": !u.Disabled, "userType": kind, "isResourceAccount": nil, // for everybody
		"jobTitle": orNil(u.JobTitle), "department": orNil(u.Department), "companyName": orNil(u.CompanyName),
		"officeLocation": orNil(u.Office), "mobilePhone": orNil(u.MobilePhone), "faxNumber": nil,
		"businessPhones": list(u.BusinessPhones), "city": orNil(u.City), "state": orNil(u.State), "country": orNil(u.Country),
		"postalCode": orNil(u.PostalCode), "streetAddress": orNil(u.Street), "preferredLanguage": nil, "preferredDataLocation": nil,
		"usageLocation": orNil(u.UsageLocation), "showInAddressList": nil, "createdDateTime": zulu(u.Created),
		"proxyAddresses": list(u.ProxyAddresses), "otherMails": list(u.OtherMails), "passwordPolicies": nil,
		"assignedLicenses": assigned, "assignedPlans": []object{}, "licenseAssignmentStates": states,
		"onPremisesSyncEnabled": u.Synced, "onPremisesImmutableId": orNil(u.ImmutableID),
		"onPremisesLastSyncDateTime": lastSync, "onPremisesDistinguishedName": nil, "onPremisesSamAccountName": nil,
		"securityIdentifier": "S-1-12-1-" + u.ID[:min(len(u.ID), 8)], "externalUserState": nil, "creationType": nil,
		"lastPasswordChangeDateTime": zulu(u.passwordSet()), "signInSessionsValidFromDateTime": zulu(latest(u.SessionsRevoked, u.Created)),
	}
	if t.NoPasswordDates {
		row["lastPasswordChangeDateTime"] = nil
	}
	if !u.Hired.IsZero() {
		row["employeeHireDate"] = zulu(u.Hired)
	}
	return row
}

func groupRows(t *Tenant) []object {
	rows := make([]object, 0, len(t.Groups))
	for _, g := range t.Groups {
		types := []string{}
		if g.Kind == Microsoft365 {
			types = append(types, "Unified")
		}
		var rule, state any
		if g.MembershipRule != "" {
			types = append(types, "DynamicMembership")
			rule, state = g.MembershipRule, "On"
		}
		teams := []string{}
		if g.Team {
			teams = append(teams, "Team")
		}
		nickname := g.MailNickname
		if nickname == "" {
			nickname = strings.ReplaceAll(strings.ToLower(g.DisplayName), " ", "")
		}
		var visibility any
		if g.Kind == Microsoft365 {
			visibility = "Private"
		}
		licences := []object{}
		for _, id := range g.Licences {
			licences = append(licences, object{"disabledPlans": []string{}, "skuId": id})
		}
		rows = append(rows, object{
			"id": g.ID, "deletedDateTime": nil, "displayName": g.DisplayName, "description": orNil(g.Description),
			"mail": orNil(g.Mail), "mailEnabled": g.Kind != Security, "mailNickname": nickname,
			"securityEnabled": g.Kind == Security || g.Kind == MailEnabledSecurity, "groupTypes": types,
			"resourceProvisioningOptions": teams, "visibility": visibility, "membershipRule": rule,
			"membershipRuleProcessingState": state, "onPremisesSyncEnabled": g.Synced, "onPremisesSamAccountName": nil,
			"organizationId": t.CustomerID, "createdDateTime": zulu(g.Created), "assignedLicenses": licences,
			"licenseProcessingState": nil, "proxyAddresses": proxiesOf(g), "securityIdentifier": "S-1-12-1-" + g.ID[:min(len(g.ID), 8)],
			"isAssignableToRole": nil, "classification": nil, "renewedDateTime": zulu(g.Created), "expirationDateTime": nil,
		})
	}
	return rows
}

func proxiesOf(g *Group) []string {
	if g.Mail == "" {
		return []string{}
	}
	return []string{"SMTP:" + g.Mail}
}

// memberRows are members of any type. Ids the world does not hold are devices.
func memberRows(t *Tenant, ids []string) []object {
	rows := []object{}
	for _, id := range ids {
		if u := t.User(id); u != nil {
			row := userRow(t, u)
			row["@odata.type"] = "#microsoft.graph.user"
			rows = append(rows, row)
			continue
		}
		if g := t.Group(id); g != nil && g.ID != "" {
			row := groupRows(only(t, "group", id))[0]
			row["@odata.type"] = "#microsoft.graph.group"
			rows = append(rows, row)
			continue
		}
		rows = append(rows, object{"@odata.type": "#microsoft.graph.device", "id": id, "displayName": "DEVICE-" + strings.ToUpper(id[:min(len(id), 4)])})
	}
	return rows
}

// calculatedType is CIPP's short name for a kind of group.
func calculatedType(k GroupKind) string {
	switch k {
	case Microsoft365:
		return "m365"
	case MailEnabledSecurity:
		return "security"
	case DistributionList:
		return "distributionList"
	case Security:
		return "generic"
	}
	return "unknown"
}

// heldBy lists the users whose assignedLicenses contain a SKU.
func heldBy(t *Tenant, sku string) []object {
	var rows []object
	for _, u := range t.Users {
		if !u.Deleted && slices.ContainsFunc(u.Licences, func(id string) bool { return strings.EqualFold(id, sku) }) {
			rows = append(rows, object{"displayName": u.DisplayName, "userPrincipalName": u.UPN, "id": u.ID})
		}
	}
	return rows
}

// passwordSet is when the password was last changed.
func (u *User) passwordSet() time.Time { return latest(u.PasswordSet, u.Created) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
