package cippsim

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// A Policy is a conditional access policy.
type Policy struct {
	Name    string
	State   string // enabled, disabled or enabledForReportingButNotEnforced
	Users   string // as CIPP shows it: names joined by line breaks; empty means All
	Apps    string // empty means All
	Grant   string // such as mfa
	Changed time.Time
}

// A Device is one that Intune manages.
type Device struct {
	Name      string
	Owner     string // UPN
	System    string // Windows, iOS, …
	Version   string
	Compliant bool
	Serial    string
	LastSync  time.Time
}

// An Issue is an open one of Microsoft's service health.
type Issue struct{ ID, Service, Feature, Text string }

// An Alert is one of Microsoft's security alerts.
type Alert struct {
	Title    string
	Category string
	Severity string // high, medium, low, informational
	Status   string // newAlert, inProgress, resolved
	At       time.Time
	Users    string
}

// policies are those of the tenant, or the usual two of one that has the
// licence for them.
func (t *Tenant) policies() []Policy {
	if t.Policies != nil || t.NoEntraP1 {
		return t.Policies
	}
	state := "enabledForReportingButNotEnforced"
	for _, u := range t.Users {
		if strings.HasPrefix(u.CoveredByCA, "Enforced - All") {
			state = "enabled"
		}
	}
	return []Policy{
		{Name: "Require MFA for all users", State: state, Grant: "mfa", Changed: t.Created},
		{Name: "Block legacy authentication", State: "enabled", Grant: "block", Changed: t.Created},
	}
}

func (c *call) listPolicies() answer {
	rows := []object{}
	tenants := []*Tenant{c.tenant}
	if c.all {
		tenants = c.listed()
	}
	for _, t := range tenants {
		if t == nil || c.graphError(t) != "" {
			continue // this endpoint swallows its own exceptions
		}
		for _, p := range c.s.dataOf(t).policies() {
			users, apps := p.Users, p.Apps
			if users == "" {
				users = "All\r\n"
			}
			if apps == "" {
				apps = "All"
			}
			id := guid("policy", t.CustomerID, p.Name)
			raw, _ := json.Marshal(object{"id": id, "displayName": p.Name, "state": p.State, "grantControls": object{"operator": "OR", "builtInControls": strings.Split(p.Grant, ",")}}) // plain text
			label := c.filter
			if c.all {
				label = t.DefaultDomain
			}
			rows = append(rows, object{
				"id": id, "displayName": p.Name, "customer": nil, "Tenant": label, "createdDateTime": "", "modifiedDateTime": zulu(p.Changed), "state": p.State,
				"clientAppTypes": "all", "includePlatforms": "", "excludePlatforms": "", "includeLocations": "", "excludeLocations": "", "includeApplications": apps,
				"excludeApplications": "", "includeUserActions": "", "includeAuthenticationContextClassReferences": "", "includeUsers": users, "excludeUsers": "",
				"includeGroups": "", "excludeGroups": "", "includeRoles": "", "excludeRoles": "", "grantControlsOperator": "OR", "builtInControls": p.Grant,
				"customAuthenticationFactors": "", "termsOfUse": "", "rawjson": string(raw),
			})
		}
	}
	return ok(object{"Results": rows, "Metadata": nil})
}

// devices are those of the tenant, or one for each licensed member.
func (t *Tenant) devices() []Device {
	if t.Devices != nil {
		return t.Devices
	}
	var out []Device
	for _, u := range t.Users {
		if len(u.Licences) > 0 && !u.Guest && !u.Deleted && !u.Disabled {
			name, _, _ := strings.Cut(u.UPN, "@")
			out = append(out, Device{
				Name: "LT-" + strings.ToUpper(strings.ReplaceAll(name, ".", "-")), Owner: u.UPN, System: "Windows", Version: "10.0.26100.4946", Compliant: true,
				Serial: strings.ToUpper(guid("device", u.ID)[:8]), LastSync: t.Refreshed,
			})
		}
	}
	return out
}

func (c *call) listDevices() answer {
	rows := []object{}
	if c.tenant == nil {
		return ok(rows)
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusForbidden, []string{msg})
	}
	for _, d := range c.data.devices() {
		state := "noncompliant"
		if d.Compliant {
			state = "compliant"
		}
		rows = append(rows, object{
			"id": guid("device", c.data.CustomerID, d.Name), "deviceName": d.Name, "userPrincipalName": d.Owner, "operatingSystem": d.System, "osVersion": d.Version,
			"complianceState": state, "serialNumber": d.Serial, "lastSyncDateTime": zulu(d.LastSync), "enrolledDateTime": "0001-01-01T00:00:00Z",
			"managementAgent": "mdm", "ownerType": "company", "manufacturer": "Fabrikam", "model": "Notebook 14",
		})
	}
	return ok(rows)
}

func (c *call) listServiceHealth() answer {
	rows := []object{}
	tenants := []*Tenant{c.tenant}
	if c.all {
		c.s.complain("ListServiceHealth: AllTenants runs every tenant inside the call and times out on an estate of any size")
		tenants = c.listed()
	}
	for _, t := range tenants {
		if t == nil {
			continue
		}
		if msg := c.graphError(t); msg != "" && !c.all {
			return c.failed(http.StatusForbidden, []string{msg})
		}
		for _, i := range c.s.dataOf(t).Issues {
			rows = append(rows, object{
				"TenantName": c.param("displayName"), "DefaultDomainName": c.param("defaultDomainName"), "issueId": i.ID, "service": i.Service, "type": i.Feature, "desc": i.Text,
			})
		}
	}
	return ok(rows)
}

func (c *call) listSecureScore() answer {
	filter := c.param("tenantFilter")
	rows := []object{}
	for _, t := range c.listed() {
		if filter != "" && filter != allTenants && c.w.Tenant(filter) != t {
			continue
		}
		score, most := t.Score, t.ScoreMax
		if most == 0 {
			most = 600
		}
		if score == 0 {
			score = 200 + float64(len(t.Users)%40)*5
		}
		percent := float64(int(score/most*1000)) / 10
		row := object{
			"Tenant": t.DefaultDomain, "TenantId": t.CustomerID, "TenantName": t.DisplayName, "CurrentScore": score,
			"MaxScore": most, "PercentageScore": percent, "CapturedAt": zulu(t.Refreshed),
		}
		if c.isTrue("includeHistory") {
			row["History"] = []object{{"Date": t.Refreshed.Format("2006-01-02"), "CurrentScore": score, "PercentageScore": percent}}
		}
		rows = append(rows, row)
	}
	return results(rows)
}

func (c *call) execAlertsList() answer {
	rows := []object{}
	count := map[string]int{}
	tenants := []*Tenant{c.tenant}
	if c.all {
		tenants = c.listed()
	}
	for _, t := range tenants {
		if t == nil {
			continue
		}
		if msg := c.graphError(t); msg != "" && !c.all {
			return c.failed(http.StatusForbidden, msg)
		}
		for _, a := range c.s.dataOf(t).Alerts {
			count[a.Status]++
			count[strings.ToLower(a.Severity)]++
			rows = append(rows, object{
				"Tenant": t.DefaultDomain, "Id": guid("alert", t.CustomerID, a.Title), "Title": a.Title, "Category": a.Category, "EventDateTime": zulu(a.At),
				"Severity": a.Severity, "Status": a.Status, "RawResult": object{"title": a.Title}, "InvolvedUsers": a.Users,
			})
		}
	}
	return ok(object{"Results": object{
		"NewAlertsCount": count["newAlert"], "InProgressAlertsCount": count["inProgress"], "SeverityHighAlertsCount": count["high"],
		"SeverityMediumAlertsCount": count["medium"], "SeverityLowAlertsCount": count["low"], "SeverityInformationalCount": count["informational"], "MSResults": rows,
	}, "Metadata": object{}})
}

// listAlertResults are scripted alerts that fire now: here, tenants with Graph
// errors. It compares the default domain exactly.
func (c *call) listAlertResults() answer {
	rows := []object{}
	filter := c.given("tenantFilter")
	for _, t := range c.listed() {
		if t.GraphErrorCount == 0 || filter != "" && filter != allTenants && filter != t.DefaultDomain {
			continue
		}
		rows = append(rows, object{
			"CmdletName": "Get-CIPPAlertTenantAccess", "AlertComment": nil, "Tenant": t.DefaultDomain, "LastRun": c.now.Format("20060102"),
			"ContentHash": guid("alert", t.CustomerID)[:8], "ContentPreview": t.LastGraphError, "AlertItem": object{"Message": t.LastGraphError},
		})
	}
	return ok(rows)
}

// listDomainHealth looks a domain up in the DNS of the make-believe world.
func (c *call) listDomainHealth() answer {
	action, name := c.param("Action"), c.param("Domain")
	if action == "" || name == "" {
		return answer{status: http.StatusBadRequest, body: object{"Results": "Required parameters Action and Domain are missing"}}
	}
	for _, t := range c.w.Tenants {
		for _, d := range t.Domains {
			a := d.Analysis
			if !strings.EqualFold(d.Name, name) || a == nil {
				continue
			}
			switch action {
			case "ReadSpfRecord":
				return ok(object{"Domain": name, "Record": a.SPF, "ValidationPasses": []string{}, "ValidationFails": []string{}})
			case "ReadDmarcPolicy":
				return ok(object{"Domain": name, "Policy": a.DMARC, "ValidationFails": []string{}})
			case "ReadMXRecord":
				return ok(object{"Domain": name, "Records": list(a.MX), "MailProvider": object{"Name": a.MailProvider}})
			default:
				return ok(object{"Domain": name, "Action": action, "ValidationPasses": []string{}, "ValidationFails": []string{}})
			}
		}
	}
	if action == "ListDomainInfo" {
		return ok(nil)
	}
	return ok(object{"Domain": name, "ValidationPasses": []string{}, "ValidationFails": []string{"No record found."}})
}
