package cipp

import (
	"cmp"
	"fmt"
	"strings"

	"syncd/internal/directory"
)

// An overviewRow is a row of ListLicenses, CIPP's own licence list. Its
// skuPartNumber is a display name, and its TotalLicenses is prepaidUnits.enabled.
// CIPP source: Get-CIPPLicenseOverview.ps1.
type overviewRow struct {
	row
	Licence text              `json:"License"`
	SKU     text              `json:"skuId"`
	Used    number            `json:"CountUsed"`
	Total   number            `json:"TotalLicenses"`
	Terms   list[term, *term] `json:"TermInfo"` // a string that holds JSON before 9.x
}

// A term is one subscription of a SKU.
type term struct {
	row
	Status       text   `json:"Status"`
	Total        number `json:"TotalLicenses"`
	Trial        flag   `json:"IsTrial"`
	Next         moment `json:"NextLifecycle"`
	Subscription text   `json:"SubscriptionId"`
}

// notData returns why the row is no data, or "".
func (r *overviewRow) notData() string {
	switch why := r.row.notData(); {
	case why != "":
		return why
	case placeholder(string(r.Licence)):
		return string(r.Licence)
	}
	return ""
}

// overview turns ListLicenses into what the tenant holds. It cannot name what
// is missing: CIPP leaves out the SKUs of its excluded list.
func overview(rows []overviewRow) ([]directory.Licence, error) {
	out := make([]directory.Licence, 0, len(rows))
	seen := make(map[string]int, len(rows))
	for i := range rows {
		r := &rows[i]
		sku := strings.ToLower(r.SKU.trimmed())
		if !directory.IsGUID(sku) {
			return nil, fmt.Errorf("row %d of ListLicenses (%q) has no SKU id (%q)", i+1, clip(string(r.Licence), 60), clip(string(r.SKU), 40))
		}
		if at, twice := seen[sku]; twice {
			out[at].Unread = "ListLicenses lists it twice"
			continue
		}
		seen[sku] = len(out)
		out = append(out, r.licence(sku))
	}
	return out, nil
}

func (r *overviewRow) licence(sku string) directory.Licence {
	assigned, err := r.Used.units("CountUsed")
	enabled, failed := r.Total.units("TotalLicenses")
	l := directory.Licence{SKU: sku, PartNumber: string(r.Licence), Name: string(r.Licence), Purchased: enabled, Assigned: assigned}
	if l.Name == "" {
		l.Name = product(sku, "")
	}
	if err = cmp.Or(err, failed); err != nil {
		l.Unread = err.Error()
		return l
	}
	if len(r.Terms) == 0 {
		return l
	}
	rows := make([]subscriptionRow, len(r.Terms))
	for i, t := range r.Terms {
		if usable(t.Status) && !t.Total.set {
			// Null where the subscription itself could not be read.
			l.Disputed = "one of its subscriptions does not say how many units it has"
			return l
		}
		rows[i] = subscriptionRow{ID: t.Subscription, SKU: text(sku), Status: t.Status, Total: t.Total, Trial: t.Trial, Next: t.Next}
	}
	bought, _ := totalsBySKU(rows)
	h := bought[sku]
	l.Unread = h.unread
	l.Purchased, l.Trial, l.Grace, l.Subscriptions = h.paid, h.trial, h.grace, h.list
	// Units in grace are in the subscriptions and not in TotalLicenses; those
	// of a trial in grace are in neither of ours, so only enabled ones compare.
	active := 0
	for _, s := range h.list {
		if strings.EqualFold(s.Status, "Enabled") {
			active += s.Total
		}
	}
	if active != enabled {
		l.Disputed = fmt.Sprintf("ListLicenses says %d, its subscriptions add up to %d", enabled, active)
	}
	return l
}
