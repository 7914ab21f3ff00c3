package cipp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/directory"
)

// A skuRow is one row of Graph's subscribedSkus: what the tenant may use.
// https://learn.microsoft.com/graph/api/resources/subscribedsku
type skuRow struct {
	row
	ID         text   `json:"id"` // <tenant>_<sku>
	SKU        text   `json:"skuId"`
	PartNumber text   `json:"skuPartNumber"`
	Capability text   `json:"capabilityStatus"`
	Applies    text   `json:"appliesTo"` // User or Company
	Consumed   number `json:"consumedUnits"`
	Prepaid    units  `json:"prepaidUnits"`
	Bought     listed `json:"subscriptionIds"` // the subscriptions whose units these are
}

// units are a SKU's units by state.
type units struct {
	Enabled   number `json:"enabled"`
	Warning   number `json:"warning"`
	Suspended number `json:"suspended"`
	LockedOut number `json:"lockedOut"`
}

// listed is how many elements a list has; one, where it is a single value or was cut.
type listed int

func (n *listed) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*n = 0
	if dec.PeekKind() != '[' {
		s, err := dec.ReadValue()
		if text := string(s); err == nil && text != "null" && text != `""` {
			*n = 1
		}
		return err
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if err := dec.SkipValue(); err != nil {
			return err
		}
		*n++
	}
	_, err := dec.ReadToken()
	return err
}

// UnmarshalJSONFrom reads the object; its text, where the host cut it, is an error.
func (u *units) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*u = units{}
	if dec.PeekKind() == '{' {
		type plain units
		return json.UnmarshalDecode(dec, (*plain)(u))
	}
	s, err := scalar(dec)
	if err == nil && s != "" {
		err = errors.New("text where units were due")
	}
	return err
}

func (r *skuRow) fillNames(n rowNames) {
	r.row, r.ID, r.SKU, r.PartNumber = n.row, text(n.ID), text(n.SKU), text(n.Part)
}

// A subscriptionRow is one row of Graph's directory/subscriptions: what was bought.
// https://learn.microsoft.com/graph/api/resources/companysubscription
type subscriptionRow struct {
	row
	ID       text   `json:"id"`
	Commerce text   `json:"commerceSubscriptionId"`
	SKU      text   `json:"skuId"`
	Part     text   `json:"skuPartNumber"`
	Status   text   `json:"status"`
	Total    number `json:"totalLicenses"`
	Trial    flag   `json:"isTrial"`
	Owner    text   `json:"ownerTenantId"` // the partner; null where the customer buys from Microsoft
	Created  moment `json:"createdDateTime"`
	Next     moment `json:"nextLifecycleDateTime"`
}

func (r *subscriptionRow) fillNames(n rowNames) {
	r.row, r.ID, r.SKU, r.Part = n.row, text(n.ID), text(n.SKU), text(n.Part)
}

// product is the name of a SKU for people.
func product(sku, partNumber string) string {
	return cmp.Or(directory.ProductName(sku, partNumber), sku)
}

// usable reports whether units of a subscription in this state can be used:
// Warning is the grace period after a renewal was missed, in which they still
// work and are still billed. A state Microsoft adds later counts as unusable,
// and shows because the two answers then disagree.
func usable(status text) bool {
	return strings.EqualFold(string(status), "Enabled") || strings.EqualFold(string(status), "Warning")
}

// isInactive reports whether a SKU in this state has no usable units, whatever its
// prepaidUnits say.
func isInactive(capability text) bool {
	for _, state := range [...]string{"Suspended", "LockedOut", "Deleted"} {
		if strings.EqualFold(string(capability), state) {
			return true
		}
	}
	return false
}

// errForeign is in the reason where an answer holds another tenant's data.
var errForeign = errors.New("the answer belongs to another tenant")

// checkTenant returns an error if a SKU's row id names another tenant than id.
func (r *skuRow) checkTenant(id directory.TenantID) error {
	owner, _, two := strings.Cut(strings.ToLower(r.ID.trimmed()), "_")
	if two && directory.IsGUID(owner) && owner != string(id) {
		return fmt.Errorf("%w: subscribedSkus speaks of %s", errForeign, owner)
	}
	return nil
}

// skuTotals are the units of one SKU, added up over its subscriptions.
type skuTotals struct {
	paid, trial, grace int
	unusable           int    // units of subscriptions that cannot be used
	unread             string // why nothing of it can be trusted, or ""
	list               []directory.Subscription
}

// totalsBySKU adds up subscriptions by SKU. Subscriptions without a SKU id are returned
// apart: they may belong to any SKU.
func totalsBySKU(rows []subscriptionRow) (bySKU map[string]*skuTotals, orphans []*subscriptionRow) {
	bySKU = make(map[string]*skuTotals, len(rows))
	for i := range rows {
		r := &rows[i]
		sku := strings.ToLower(r.SKU.trimmed())
		if !directory.IsGUID(sku) {
			orphans = append(orphans, r)
			continue
		}
		h := bySKU[sku]
		if h == nil {
			h = &skuTotals{}
			bySKU[sku] = h
		}
		total, err := r.Total.units("totalLicenses")
		switch {
		case r.unread != "":
			h.unread = fmt.Sprintf("subscription %q: %s", r.ID, r.unread)
		case err != nil && (usable(r.Status) || r.Total.set):
			h.unread = fmt.Sprintf("subscription %q: %s", r.ID, err)
		}
		switch {
		case !usable(r.Status):
			h.unusable += total
		case r.Trial.on:
			h.trial += total
		default:
			h.paid += total
			if strings.EqualFold(string(r.Status), "Warning") {
				h.grace += total
			}
		}
		h.list = append(h.list, directory.Subscription{
			ID: string(r.ID), CommerceID: strings.ToLower(r.Commerce.trimmed()), Status: string(r.Status), Total: total, Trial: r.Trial.on,
			Owner: strings.ToLower(r.Owner.trimmed()), Created: r.Created.Time, Renews: r.Next.Time,
		})
	}
	return bySKU, orphans
}

// licences turns the two answers into what the tenant holds. What was bought
// (subscriptions) and what may be used (prepaidUnits) must add up to the same
// number; where they do not, the licence is disputed. A row that makes no sense makes its
// SKU unread and leaves the others as they are; one that could be any SKU's makes the
// list partial: what it lacks is unknown.
func licences(id directory.TenantID, skus []skuRow, subs []subscriptionRow) (list []directory.Licence, partial bool, err error) {
	bought, orphans := totalsBySKU(subs)
	none := len(subs) == 0
	out := make([]directory.Licence, 0, len(skus))
	seen := make(map[string]int, len(skus))
	for i := range skus {
		r := &skus[i]
		if err := r.checkTenant(id); err != nil {
			return nil, false, err
		}
		sku, why := r.sku()
		if sku == "" {
			partial, err = true, fmt.Errorf("row %d of subscribedSkus: %s", i+1, why)
			continue
		}
		l := r.licence(sku, bought[sku], none)
		l.Unread = cmp.Or(why, l.Unread)
		if at, twice := seen[sku]; twice {
			out[at].Unread = "subscribedSkus lists it twice"
			continue
		}
		seen[sku] = len(out)
		out = append(out, l)
	}
	if len(out) == 0 && err != nil {
		return nil, false, err
	}
	out = append(out, unlisted(seen, bought)...)
	for _, r := range orphans {
		r.freezeSKUs(out, bought)
	}
	return out, partial, nil
}

// sku returns the row's SKU and what is wrong with the row, or no SKU where it
// does not say which it is. Graph's own id of the row ends in the SKU.
func (r *skuRow) sku() (sku, why string) {
	sku = strings.ToLower(r.SKU.trimmed())
	if directory.IsGUID(sku) {
		return sku, r.unread
	}
	why = cmp.Or(r.unread, fmt.Sprintf("%q has no SKU id (%q)", clip(string(r.PartNumber), 60), clip(string(r.SKU), 40)))
	_, sku, _ = strings.Cut(strings.ToLower(r.ID.trimmed()), "_")
	if !directory.IsGUID(sku) {
		return "", why
	}
	return sku, why
}

// freezeSKUs handles a subscription without a SKU id: it makes the SKU with its part
// number unread, or, where it has no part number, every SKU whose numbers do not show
// that it is complete.
func (r *subscriptionRow) freezeSKUs(list []directory.Licence, bought map[string]*skuTotals) {
	part := r.Part.trimmed()
	named := part != "" && slices.ContainsFunc(list, func(l directory.Licence) bool { return strings.EqualFold(l.PartNumber, part) })
	for i := range list {
		l := &list[i]
		h := bought[l.SKU]
		whole := l.Disputed == "" && (h != nil && h.unusable == l.Suspended || h == nil && l.Purchased+l.Suspended == 0)
		if named && strings.EqualFold(l.PartNumber, part) || !named && !whole {
			l.Unread = cmp.Or(l.Unread, fmt.Sprintf("subscription %q has no SKU id (%q)", r.ID, clip(string(r.SKU), 40)))
		}
	}
}

// licence counts one SKU; h is nil where no subscription of it is known. Units whose
// subscriptions are named and not listed, or that somebody pays for while none are listed at
// all, are disputed: they may be a trial's.
func (r *skuRow) licence(sku string, h *skuTotals, none bool) directory.Licence {
	l := directory.Licence{SKU: sku, PartNumber: string(r.PartNumber), Name: product(sku, string(r.PartNumber)), Unread: r.unread}
	if h != nil {
		l.Purchased, l.Trial, l.Grace, l.Subscriptions = h.paid, h.trial, h.grace, h.list
		l.Unread = cmp.Or(l.Unread, h.unread)
	}
	assigned, err := r.Consumed.units("consumedUnits")
	prepaid, suspended, failed := r.Prepaid.count()
	if err = cmp.Or(err, failed); err != nil {
		l.Unread = cmp.Or(l.Unread, err.Error())
		return l
	}
	l.Assigned, l.Suspended = assigned, suspended
	says := "prepaidUnits says"
	if isInactive(r.Capability) {
		prepaid = units{}
		says = "capabilityStatus " + string(r.Capability) + " means"
	}
	have := prepaid.Enabled.n + prepaid.Warning.n
	switch {
	case h == nil:
		l.Purchased, l.Grace = have, prepaid.Warning.n
		if have > 0 && !directory.FreeSKU(string(r.PartNumber)) && (none || r.Bought > 0) {
			l.Disputed = fmt.Sprintf("%s %d, and directory/subscriptions lists none of its subscriptions", says, have)
		}
	case h.paid+h.trial != have:
		l.Disputed = fmt.Sprintf("%s %d, its subscriptions add up to %d", says, have, h.paid+h.trial)
	}
	return l
}

// count checks the units and returns those that can be used, and how many cannot.
// Only enabled must be there: older answers leave out what is 0.
func (u units) count() (usable units, suspended int, err error) {
	if _, err = u.Enabled.units("prepaidUnits.enabled"); err != nil {
		return units{}, 0, err
	}
	for _, part := range [...]struct {
		what string
		n    number
	}{{"prepaidUnits.warning", u.Warning}, {"prepaidUnits.suspended", u.Suspended}, {"prepaidUnits.lockedOut", u.LockedOut}} {
		if !part.n.set {
			continue
		}
		if _, err = part.n.units(part.what); err != nil {
			return units{}, 0, err
		}
	}
	return units{Enabled: u.Enabled, Warning: u.Warning}, u.Suspended.n + u.LockedOut.n, nil
}

// unlisted returns the SKUs of which units were bought and subscribedSkus knows
// nothing. Where they can be used it is disputed: one of the answers lacks
// something, and a licence that is missing would look like one that is gone.
// Suspended ones may be billed for months.
func unlisted(listed map[string]int, bought map[string]*skuTotals) []directory.Licence {
	var out []directory.Licence
	for sku, h := range bought {
		live := slices.ContainsFunc(h.list, func(s directory.Subscription) bool {
			return !strings.EqualFold(s.Status, "Deleted") && !strings.EqualFold(s.Status, "LockedOut")
		})
		if _, there := listed[sku]; there || !live && h.unread == "" {
			continue
		}
		l := directory.Licence{SKU: sku, Name: product(sku, ""), Purchased: h.paid, Trial: h.trial, Grace: h.grace, Unread: h.unread,
			Subscriptions: h.list}
		if h.paid+h.trial > 0 {
			l.Disputed = fmt.Sprintf("subscribedSkus does not list it, its subscriptions add up to %d", h.paid+h.trial)
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b directory.Licence) int { return strings.Compare(a.SKU, b.SKU) })
	return out
}
