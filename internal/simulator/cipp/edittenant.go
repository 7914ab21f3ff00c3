package cippsim

import (
	"net/http"
	"slices"
	"strings"
)

// editTenant sets alias and static groups, both whole
// (CIPP source: Invoke-EditTenant.ps1). What is not sent is not left alone: an
// absent alias removes the one that is there.
func (c *call) editTenant() answer {
	id, _ := c.field("customerId").(string)
	t := c.w.Tenant(id)
	if t == nil || !strings.EqualFold(t.CustomerID, id) || t.Excluded {
		return answer{status: http.StatusInternalServerError, body: object{"state": "error", "resultText": "Failed to edit tenant: no tenant with that customerId"}}
	}
	c.tenant = t
	return c.alter(func() answer {
		alias, _ := c.field("tenantAlias").(string)
		switch had := t.Alias(); {
		case alias != "":
			t.OriginalDisplayName, t.DisplayName, t.SameAlias = t.DisplayName, alias, alias == t.MicrosoftName
		case had != "":
			c.s.complain("EditTenant: no tenantAlias; the alias %q of %s is gone", had, t.DefaultDomain)
			// The tenant is refreshed, which builds its row anew.
			t.OriginalDisplayName, t.DisplayName, t.SameAlias = "", t.MicrosoftName, false
			t.GraphErrorCount, t.LastGraphError = 0, ""
		}
		if wanted, isList := c.field("tenantGroups").([]any); isList && len(wanted) > 0 {
			ids := make([]string, len(wanted))
			for i, g := range wanted {
				ids[i], _ = member(g, "groupId").(string)
			}
			for _, g := range c.w.TenantGroups {
				if g.Dynamic {
					continue
				}
				g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return strings.EqualFold(m, t.CustomerID) })
				if among(ids, g.ID) {
					g.Members = append(g.Members, t.CustomerID)
				}
			}
		}
		c.wrote("Info", "Edited tenant "+t.DefaultDomain)
		return ok(object{"state": "success", "resultText": "Tenant details updated successfully"})
	})
}

// Alias is what CIPP's table of tenant properties holds; empty = none.
func (t *Tenant) Alias() string {
	if t.DisplayName != t.MicrosoftName || t.SameAlias {
		return t.DisplayName
	}
	return ""
}

func (c *call) editOffboardingDefaults() answer {
	id, _ := c.field("customerId").(string)
	t := c.w.Tenant(id)
	if t == nil {
		return answer{status: http.StatusInternalServerError, body: object{"state": "error", "resultText": "Tenant not found"}}
	}
	c.tenant = t
	return c.alter(func() answer {
		t.OffboardingDefault, _ = c.field("offboardingDefaults").(map[string]any)
		return ok(object{"state": "success", "resultText": "Tenant offboarding defaults updated successfully"})
	})
}

// execTenantGroup makes, changes and deletes groups of tenants
// (CIPP source: Invoke-ExecTenantGroup.ps1).
func (c *call) execTenantGroup() answer {
	if c.scope != nil {
		return answer{status: http.StatusForbidden, body: object{"Results": "You do not have permission to manage tenant groups."}}
	}
	text := func(name string) string { s, _ := c.field(name).(string); return s }
	action, id := text("Action"), text("groupId")
	at := slices.IndexFunc(c.w.TenantGroups, func(g *TenantGroup) bool { return strings.EqualFold(g.ID, id) })
	switch action {
	case "AddEdit":
		return c.alter(func() answer {
			g := &TenantGroup{ID: id}
			if at >= 0 {
				g = c.w.TenantGroups[at]
			} else {
				if id == "" {
					g.ID = c.s.nextID("tenant group") // and nobody is told which
				}
				c.w.TenantGroups = append(c.w.TenantGroups, g)
			}
			if name := text("groupName"); name != "" { // an empty one does not overwrite
				g.Name = name
			}
			if words := text("groupDescription"); words != "" {
				g.Description = words
			}
			if kind := text("groupType"); kind != "" {
				g.Dynamic = kind == "dynamic"
			}
			said := []object{}
			if all, given := c.field("members").([]any); given {
				g.Members = nil
				for _, m := range all {
					v, _ := value(m)
					if t := c.w.Tenant(v); t != nil && strings.EqualFold(t.CustomerID, v) {
						g.Members = append(g.Members, t.CustomerID)
						said = append(said, object{"resultText": "Added " + t.DisplayName + " to group", "state": "success"})
					} else {
						said = append(said, object{"resultText": "Failed to add " + v + " to group", "state": "error"})
					}
				}
			}
			c.wrote("Info", "Group '"+g.Name+"' saved successfully")
			return results(append([]object{{"resultText": "Group '" + g.Name + "' saved successfully", "state": "success"}}, said...))
		})
	case "Delete":
		if at < 0 {
			return results([]object{{"resultText": "Group '" + id + "' not found", "state": "error"}})
		}
		return c.alter(func() answer {
			name := c.w.TenantGroups[at].Name
			c.w.TenantGroups = slices.Delete(slices.Clone(c.w.TenantGroups), at, at+1)
			c.wrote("Info", "Group '"+name+"' deleted")
			return results([]object{{"resultText": "Group '" + name + "' deleted successfully", "state": "success"}})
		})
	}
	return results("Invalid action") // with 200
}
