package cippsim

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// groupKinds are the words of AddGroup's groupType.
var groupKinds = map[string]GroupKind{
	"generic": Security, "azurerole": Security, "security": MailEnabledSecurity, "m365": Microsoft365, "dynamic": Security,
	"distribution": DistributionList, "dynamicdistribution": DistributionList,
}

// addGroup does not say the id of what it made.
func (c *call) addGroup() answer {
	name, _ := c.field("displayName").(string)
	kind, _ := value(c.field("groupType"))
	k, known := groupKinds[strings.ToLower(kind)]
	if c.tenant == nil || !known || name == "" {
		return c.refused(http.StatusInternalServerError, "Failed to create group "+name)
	}
	return c.alter(func() answer {
		g := &Group{ID: c.s.nextID("group"), DisplayName: name, Kind: k, Created: c.now}
		g.Description, _ = c.field("description").(string)
		g.MembershipRule, _ = c.field("membershipRules").(string)
		g.MailNickname, _ = c.field("username").(string)
		if k != Security {
			domain := c.picked("primDomain")
			if domain == "" {
				domain = c.tenant.DefaultDomain
			}
			g.Mail = g.MailNickname + "@" + domain
		}
		for _, id := range words(c.field("members")) {
			if u := c.someone(id); u != nil {
				g.Members = append(g.Members, u.ID)
			}
		}
		for _, id := range words(c.field("owners")) {
			if u := c.someone(id); u != nil {
				g.Owners = append(g.Owners, u.ID)
			}
		}
		c.tenant.Groups = append(c.tenant.Groups, g)
		c.wrote("Info", "Created group "+name)
		return results([]string{"Successfully created group " + name + " for " + c.filter})
	})
}

// editGroup changes members and properties, each with a sentence of its own
// (CIPP source: Invoke-EditGroup.ps1). A property that is sent sets all three.
func (c *call) editGroup() answer {
	id, _ := value(c.field("groupId"))
	if c.tenant == nil {
		return results([]string{"Error - Failed to edit group. The tenant was not found"})
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return results([]string{"Error - Failed to edit group. " + msg})
	}
	g := c.tenant.Group(id)
	if g == nil || !strings.EqualFold(g.ID, id) {
		return results([]string{"Error - Failed to edit group. Resource '" + id + "' does not exist."})
	}
	return c.alter(func() answer {
		if kind, _ := value(c.field("groupType")); kind != "" && !strings.EqualFold(kind, string(g.Kind)) && inExchange(g) {
			return results([]string{"Error - Cannot update a mail-enabled security group or distribution list through Graph."})
		}
		said := c.changeMembers(g, "AddMember", &g.Members, "member", true)
		said = append(said, c.changeMembers(g, "RemoveMember", &g.Members, "member", false)...)
		said = append(said, c.changeMembers(g, "AddOwner", &g.Owners, "owner", true)...)
		said = append(said, c.changeMembers(g, "RemoveOwner", &g.Owners, "owner", false)...)
		said = append(said, c.changeProperties(g)...)
		if len(said) == 0 {
			said = append(said, "No changes made")
		}
		c.wrote("Info", "Edited group "+g.DisplayName)
		return results(said)
	})
}

func inExchange(g *Group) bool { return g.Kind == DistributionList || g.Kind == MailEnabledSecurity }

// changeMembers adds those whom a field names to a list of the group, or removes them.
func (c *call) changeMembers(g *Group, field string, list *[]string, what string, add bool) []string {
	said := []string{}
	all, _ := c.field(field).([]any)
	for _, one := range all {
		id, labelled := value(one)
		if !labelled {
			c.s.complain("EditGroup: %s holds a bare text where {value} is read; it is ignored", field)
			continue
		}
		upn, _ := member(member(one, "addedFields"), "userPrincipalName").(string)
		shown := cmp.Or(upn, id)
		u := c.someone(id)
		has := u != nil && among(*list, u.ID)
		switch {
		case inExchange(g) && upn == "":
			said = append(said, "Error - Failed to edit "+what+" "+shown+": Cannot bind argument to parameter 'Member' because it is null.")
		case u == nil:
			said = append(said, "Error - Resource '"+id+"' does not exist or one of its queried reference-property objects are not present.")
		case g.MembershipRule != "":
			said = append(said, "Error - Insufficient privileges to complete the operation: the group is dynamic.")
		case add && has:
			said = append(said, "Error - One or more added object references already exist for the following modified properties: 'members'.")
		case !add && !has:
			said = append(said, "Error - Resource '"+u.ID+"' is no "+what+" of the group.")
		case add:
			*list = append(*list, u.ID)
			said = append(said, "Success - Added "+what+" "+shown+" to "+g.DisplayName)
		default:
			*list = slices.DeleteFunc(*list, func(m string) bool { return strings.EqualFold(m, u.ID) })
			said = append(said, "Success - Removed "+what+" "+shown+" from "+g.DisplayName)
		}
	}
	return said
}

func (c *call) changeProperties(g *Group) []string {
	if c.field("displayName") == nil && c.field("description") == nil && c.field("mailNickname") == nil {
		return nil
	}
	for name, p := range map[string]*string{"displayName": &g.DisplayName, "description": &g.Description, "mailNickname": &g.MailNickname} {
		v, sent := c.field(name).(string)
		if !sent && *p != "" && !inExchange(g) {
			c.s.complain("EditGroup: %s is not sent with the other properties; that of %s is emptied", name, g.ID)
		}
		if sent || !inExchange(g) {
			*p = v
		}
	}
	return []string{"Success - Edited group properties for " + g.DisplayName}
}

func (c *call) execGroupsDelete() answer {
	if c.tenant == nil {
		return c.refused(http.StatusInternalServerError, "Failed to delete group: the tenant was not found")
	}
	id := c.given("id")
	i := slices.IndexFunc(c.tenant.Groups, func(g *Group) bool { return strings.EqualFold(g.ID, id) })
	if i < 0 {
		return c.refused(http.StatusInternalServerError, "Could not delete group "+c.given("displayName"))
	}
	return c.alter(func() answer {
		name := c.tenant.Groups[i].DisplayName
		c.tenant.Groups = slices.Delete(c.tenant.Groups, i, i+1)
		c.wrote("Info", "Successfully deleted "+name)
		return results("Successfully Deleted " + string(name))
	})
}

// listUserGroups stops after the first page.
func (c *call) listUserGroups() answer {
	rows := []object{}
	if c.tenant == nil {
		return ok(rows)
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusForbidden, []string{msg})
	}
	u := c.data.User(c.param("userId"))
	if u == nil {
		return c.failed(http.StatusForbidden, []string{"Resource '" + c.param("userId") + "' does not exist."})
	}
	for i, row := range groupRows(c.data) {
		g := c.data.Groups[i]
		if !among(g.Members, u.ID) || len(rows) == 100 {
			continue
		}
		rows = append(rows, object{
			"id": g.ID, "DisplayName": g.DisplayName, "MailEnabled": row["mailEnabled"], "Mail": row["mail"], "SecurityGroup": row["securityEnabled"],
			"GroupTypes": strings.Join(row["groupTypes"].([]string), ","), "OnPremisesSync": g.Synced, "IsAssignableToRole": nil,
			"calculatedGroupType": calculatedType(g.Kind), "groupType": string(g.Kind),
		})
	}
	return ok(rows)
}
