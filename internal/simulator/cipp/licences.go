package cippsim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// licenceRows are what CIPP makes of subscribedSkus and
// directory/subscriptions (CIPP source: Get-CIPPLicenseOverview.ps1).
func (s *Server) licenceRows(t *Tenant, label string, now time.Time, includeExcluded bool) []object {
	old := !s.atLeast("9.0.0")
	rows := []object{}
	for i := range t.SKUs {
		k := &t.SKUs[i]
		if s.excluded(k.SkuID) && !includeExcluded {
			continue
		}
		row := object{
			"Tenant": label, "License": k.Name, "skuId": k.SkuID,
			"skuPartNumber": k.Name, // a copy of the display name, and no part number
			"CountUsed":     strconv.Itoa(k.Consumed), "TotalLicenses": strconv.Itoa(k.Enabled),
			"CountAvailable": k.Enabled - k.Consumed, "availableUnits": k.Enabled - k.Consumed,
		}
		terms := termInfo(k, now)
		if old {
			raw, _ := json.Marshal(terms) // plain text and numbers
			row["TermInfo"] = string(raw)
			row["PartitionKey"], row["RowKey"] = "License", label+" "+k.SkuID
		} else {
			row["TermInfo"] = terms
			row["AssignedUsers"], row["AssignedGroups"] = nil, nil
			if users := heldBy(t, k.SkuID); len(users) > 0 {
				row["AssignedUsers"] = users
			}
			if groups := groupsWith(t, k.SkuID); len(groups) > 0 {
				row["AssignedGroups"] = groups
			}
			row["ServicePlans"] = k.ServicePlans
		}
		rows = append(rows, row)
	}
	return rows
}

// excluded says whether the MSP hides a SKU from CIPP's own licence lists.
func (s *Server) excluded(sku string) bool {
	return slices.ContainsFunc(s.world.ExcludedSKUs, func(id string) bool { return strings.EqualFold(id, sku) })
}

func groupsWith(t *Tenant, sku string) []object {
	var rows []object
	for _, g := range t.Groups {
		if slices.ContainsFunc(g.Licences, func(id string) bool { return strings.EqualFold(id, sku) }) {
			rows = append(rows, object{
				"displayName": g.DisplayName, "calculatedGroupType": string(g.Kind), "id": g.ID, "onPremisesSyncEnabled": g.Synced,
			})
		}
	}
	return rows
}

// termInfo is one entry a subscription. Without an end of term the days until
// it are counted from the year 1, as PowerShell does.
func termInfo(k *SKU, now time.Time) []object {
	terms := []object{}
	for _, b := range k.Subscriptions {
		term := "Term unknown or non-NCE license"
		switch days := int(b.Next.Sub(b.Created).Hours() / 24); {
		case b.Trial:
			term = "Trial"
		case b.Next.IsZero():
		case days >= 25 && days <= 35:
			term = "Monthly"
		case days >= 36 && days <= 1089:
			term = "Yearly"
		case days >= 1090:
			term = "3 Year"
		}
		left := int(b.Next.Unix()/86400 - now.Unix()/86400)
		terms = append(terms, object{
			"Status": b.Status, "Term": term, "TotalLicenses": b.Total, "DaysUntilRenew": left,
			"NextLifecycle": zulu(b.Next), "CreatedDateTime": zulu(b.Created), "IsTrial": b.Trial, "SubscriptionId": b.ID,
			"CSPSubscriptionId": guid("commerce", b.ID), "OCPSubscriptionId": guid("commerce", b.ID),
		})
	}
	return terms
}

// liveLicences hides a sub-request that failed: the tenant then has no rows.
func (c *call) liveLicences(t *Tenant) []object {
	if c.graphError(t) != "" {
		return []object{}
	}
	f := c.s.resourceFault(t, "subscribedSkus", "")
	if f.Status >= 300 || f.Empty || c.s.tenantFaults(t).NeedsApp {
		return []object{}
	}
	return c.s.licenceRows(c.data, c.filter, c.now, c.param("IncludeExcluded") != "")
}

func (c *call) listLicenses() answer {
	if c.all {
		c.s.complain("ListLicenses: AllTenants starts a full run whenever it has no rows; there is no queue id to wait for")
		c.s.advance()
		if rows := rowsOf(c.s.licenceRun, "", c.now, c.allows); len(rows) > 0 {
			return ok(rows)
		}
		c.s.startLicenceRun(c.listed())
		return ok([]object{LoadingRow()})
	}
	if c.tenant == nil {
		return ok([]object{})
	}
	return ok(c.liveLicences(c.tenant))
}

const licenceReference = "Licenses-AllTenants"

func (s *Server) startLicenceRun(tenants []*Tenant) *queue {
	return s.startQueue("Licenses (All Tenants)", licenceReference, tenants, func(s *Server, _ *queue, t *Tenant, at time.Time) {
		f := s.tenantFaults(t)
		if f.NoRows || f.Unauthorised {
			return
		}
		var rows any = s.licenceRows(s.dataOf(t), t.DefaultDomain, at, false)
		if g := s.resourceFault(t, "subscribedSkus", ""); f.GraphError != "" {
			rows = []object{ErrorRow(t.DefaultDomain, f.GraphError)}
		} else if g.Status >= 300 || g.Empty {
			rows = []object{}
		}
		stored, _ := plainJSON(rows).([]any)
		s.licenceRun = append(slices.DeleteFunc(s.licenceRun, func(r cachedRows) bool { return r.tenant == t }),
			cachedRows{tenant: t, at: at, rows: stored}) // the rows do not say which run they are of
	})
}

func (c *call) listLicensesReport() answer {
	withoutTerm := func(rows []any) []any {
		for _, r := range rows {
			row, _ := r.(map[string]any)
			terms, _ := row["TermInfo"].([]any)
			for _, term := range terms {
				delete(term.(map[string]any), "Term")
			}
		}
		return rows
	}
	if !c.all {
		rows := []any{}
		if c.tenant != nil {
			if msg := c.graphError(c.tenant); msg != "" {
				return c.failed(http.StatusInternalServerError, msg)
			}
			rows, _ = plainJSON(c.liveLicences(c.tenant)).([]any)
		}
		return ok(object{"Results": withoutTerm(rows), "Metadata": object{}})
	}
	c.s.advance()
	if c.param("QueueId") == "" {
		if rows := rowsOf(c.s.licenceRun, "", c.now, c.allows); len(rows) > 0 {
			copied, _ := plainJSON(rows).([]any)
			return ok(object{"Results": withoutTerm(copied), "Metadata": object{}})
		}
		for _, q := range c.s.queues {
			// A run that ended with errors counts as still running until it is forgotten.
			if q.reference == licenceReference && q.status() != "Completed" && q.status() != "Failed" {
				return c.queued(object{}, q, "Still loading data for all tenants. Please check back after the job completes")
			}
		}
	}
	q := c.s.startLicenceRun(c.listed())
	return c.queued(object{}, q, TextQueued)
}

// execLicenseSearch finds the display names of SKUs that some tenant holds.
func (c *call) execLicenseSearch() answer {
	ids, isList := c.field("skuIds").([]any)
	if !isList || len(ids) == 0 {
		return answer{status: http.StatusBadRequest, body: object{"error": "skuIds is required"}}
	}
	rows := []object{}
	for _, want := range ids {
		id, _ := want.(string)
		for _, t := range c.w.Tenants {
			if k := t.SKU(id); k != nil && strings.EqualFold(k.SkuID, id) {
				rows = append(rows, object{"skuId": k.SkuID, "displayName": k.Name})
				break
			}
		}
	}
	return ok(rows)
}
