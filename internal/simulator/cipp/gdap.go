package cippsim

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// A Relationship is a GDAP relationship on its way from an invitation to a
// tenant that CIPP lists.
type Relationship struct {
	ID        string
	Roles     []any
	Reference string
	Invited   time.Time
	Onboarded time.Time // when ExecOnboardTenant was called; zero = never
	tenant    string    // customer id of the tenant that came of it
}

const (
	approvalTakes   = 10 * time.Minute // the customer's administrator follows the link
	onboardingTakes = 5 * time.Minute
)

func (r *Relationship) active(now time.Time) bool { return !now.Before(r.Invited.Add(approvalTakes)) }

// gdapRoles are the mappings of a new instance, cut short.
var gdapRoles = []object{
	{"GroupName": "M365 GDAP User Administrator", "GroupId": guid("gdap group", "User Administrator"), "RoleName": "User Administrator", "roleDefinitionId": "fe930be7-5e62-47db-91af-98c3a49a38b1"},
	{"GroupName": "M365 GDAP Exchange Administrator", "GroupId": guid("gdap group", "Exchange Administrator"), "RoleName": "Exchange Administrator", "roleDefinitionId": "29232cdf-9323-42fd-ade2-1d097af3e4de"},
}

func (c *call) listGDAPRoles() answer { return ok(gdapRoles) }

// execGDAPInvite answers a message without a severity, failures included
// (CIPP source: Invoke-ExecGDAPInvite.ps1).
func (c *call) execGDAPInvite() answer {
	action := c.given("Action")
	if action != "" && !strings.EqualFold(action, "Create") {
		return ok(object{"Message": "Invite not found"})
	}
	roles, _ := c.field("roleMappings").([]any)
	if len(roles) == 0 {
		return ok(object{
			"Message": "Error creating GDAP relationship, failed at step: Creating GDAP relationship: accessDetails is invalid",
			"Invite":  nil,
		})
	}
	return c.alter(func() answer {
		r := &Relationship{ID: c.s.nextID("relationship"), Roles: roles, Invited: c.now}
		r.Reference, _ = c.field("Reference").(string)
		c.w.Relationships = append(c.w.Relationships, r)
		c.wrote("Info", "Created GDAP Invite")
		return ok(object{
			"Message": "GDAP relationship invite created. Log in as a Global Admin in the new tenant to approve the invite.",
			"Invite":  c.invite(r),
		})
	})
}

func (c *call) invite(r *Relationship) object {
	roles, err := json.Marshal(r.Roles)
	if err != nil {
		panic(err) // came as JSON
	}
	return object{"PartitionKey": "invite", "RowKey": r.ID, "InviteUrl": "https://admin.microsoft.com/AdminPortal/Home#/partners/invitation/granularAdminRelationships/" + r.ID,
		"OnboardingUrl": nil, "RoleMappings": string(roles), "Technician": "CIPP-API", "Reference": r.Reference}
}

func (c *call) listGDAPInvite() answer {
	rows := []object{}
	for _, r := range c.w.Relationships {
		if id := c.param("RelationshipId"); id == "" || strings.EqualFold(id, r.ID) {
			rows = append(rows, c.invite(r))
		}
	}
	return ok(rows)
}

func (c *call) listGDAPRelationships() answer {
	rows := []object{}
	for _, r := range c.w.Relationships {
		if id := c.param("id"); id != "" && !strings.EqualFold(id, r.ID) {
			continue
		}
		status := "approvalPending"
		if r.active(c.now) {
			status = "active"
		}
		rows = append(rows, object{"id": r.ID, "displayName": "CIPP_" + r.ID, "status": status, "duration": "P730D", "autoExtendDuration": "P180D"})
	}
	return results(rows)
}

var onboardingSteps = []string{"Step 1: GDAP Invite", "Step 2: GDAP Role Test", "Step 3: GDAP Group Mapping", "Step 4: CPV Refresh", "Step 5: Graph API Test"}

func (c *call) execOnboardTenant() answer {
	id, _ := c.field("id").(string)
	for _, r := range c.w.Relationships {
		if id == "" || !strings.EqualFold(r.ID, id) {
			continue
		}
		return c.alter(func() answer {
			if r.Onboarded.IsZero() {
				r.Onboarded = c.now
			}
			return ok(c.onboarding(r))
		})
	}
	return text(http.StatusNotFound, "Relationship not found")
}

func (c *call) onboarding(r *Relationship) object {
	done := !c.now.Before(r.Onboarded.Add(onboardingTakes)) && r.active(c.now)
	status, each, message := "queued", "pending", "Waiting for onboarding job to start"
	if done {
		status, each, message = "succeeded", "succeeded", "Done"
		if r.tenant == "" {
			t := &Tenant{
				DisplayName: "New customer", DefaultDomain: "new-customer-" + r.ID[:8] + ".example",
				InitialDomain: "newcustomer" + r.ID[:8] + ".onmicrosoft.com",
			}
			t.settle(c.now)
			r.tenant = t.CustomerID
			c.w.Tenants = append(c.w.Tenants, t)
		}
	}
	steps := make([]object, len(onboardingSteps))
	for i, title := range onboardingSteps {
		steps[i] = object{"Status": each, "Title": title, "Message": message}
	}
	return object{"PartitionKey": "Onboarding", "RowKey": r.ID, "CustomerId": r.tenant, "Status": status, "OnboardingSteps": steps,
		"Relationship": object{}, "Logs": object{}, "Exception": "", "Timestamp": stamp(r.Onboarded)}
}

func (c *call) listTenantOnboarding() answer {
	rows := []object{}
	for _, r := range c.w.Relationships {
		if !r.Onboarded.IsZero() {
			rows = append(rows, c.onboarding(r))
		}
	}
	return ok(rows)
}

// addTenant checks names and addresses. It says that it made a tenant, and did
// not: the call is commented out in its source (Invoke-AddTenant.ps1).
func (c *call) addTenant() answer {
	name := c.given("TenantName")
	switch strings.ToLower(c.given("Action")) {
	case "validatedomain":
		if domain := name + ".onmicrosoft.com"; c.w.Tenant(domain) != nil {
			return ok(object{"Success": false, "Message": "The domain '" + domain + "' is already in use."})
		}
		return ok(object{"Success": true})
	case "addtenant":
		c.s.complain("AddTenant: says that %s was made, and makes nothing", name)
		return results([]object{{"state": "success", "copyField": "this_is_not_a_real_password",
			"resultText": "Tenant created successfully. 'Username is test@" + name + ".onmicrosoft.com'. Click copy to retrieve the password."}})
	}
	return ok(nil)
}
