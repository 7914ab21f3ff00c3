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
	Consumed   number `json:"consumedUnits"`
	Prepaid    units  `json:"prepaidUnits"`
}

// units are a SKU's units by what has become of them.
type units struct {
	Enabled   number `json:"enabled"`
	Warning   number `json:"warning"`
	Suspended number `json:"suspended"`
	LockedOut number `json:"lockedOut"`
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

// A subscriptionRow is one row of Graph's directory/subscriptions: what was bought.
// https://learn.microsoft.com/graph/api/resources/companysubscription
type subscriptionRow struct {
	row
	ID     text   `json:"id"`
	SKU    text   `json:"skuId"`
	Status text   `json:"status"`
	Total  number `json:"totalLicenses"`
	Trial  flag   `json:"isTrial"`
	Next   moment `json:"nextLifecycleDateTime"`
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

// dead reports whether a SKU in this state gives nobody anything, whatever its
// prepaidUnits still say.
func dead(capability text) bool {
	for _, state := range [...]string{"Suspended", "LockedOut", "Deleted"} {
		if strings.EqualFold(string(capability), state) {
			return true
		}
	}
	return false
}

// errForeign is in the reason where an answer holds another tenant's data.
var errForeign = errors.New("the answer belongs to another tenant")

// foreign returns an error if a SKU's row id names another tenant than id.
func (r *skuRow) foreign(id directory.TenantID) error {
	owner, _, two := strings.Cut(strings.ToLower(r.ID.trimmed()), "_")
	if two && directory.IsGUID(owner) && owner != string(id) {
		return fmt.Errorf("%w: subscribedSkus speaks of %s", errForeign, owner)
	}
	return nil
}

// A holding adds up what was bought of one SKU.
type holding struct {
	paid, trial, grace int
	list               []directory.Subscription
}

// holdings adds up subscriptions by SKU.
func holdings(rows []subscriptionRow) (map[string]*holding, error) {
	bySKU := make(map[string]*holding, len(rows))
	for i := range rows {
		r := &rows[i]
		sku := strings.ToLower(r.SKU.trimmed())
		if !directory.IsGUID(sku) {
			return nil, fmt.Errorf("subscription %q has no SKU id (%q)", r.ID, clip(string(r.SKU), 40))
		}
		total, err := r.Total.units("totalLicenses")
		if err != nil && (usable(r.Status) || r.Total.set) {
			return nil, fmt.Errorf("SKU %s: subscription %q: %w", sku, r.ID, err)
		}
		h := bySKU[sku]
		if h == nil {
			h = &holding{}
			bySKU[sku] = h
		}
		if usable(r.Status) {
			switch {
			case r.Trial.on:
				h.trial += total
			default:
				h.paid += total
				if strings.EqualFold(string(r.Status), "Warning") {
					h.grace += total
				}
			}
		}
		h.list = append(h.list, directory.Subscription{
			ID: string(r.ID), Status: string(r.Status), Total: total, Trial: r.Trial.on, Renews: r.Next.Time,
		})
	}
	return bySKU, nil
}

// licences turns the two answers into what the tenant holds. What was bought
// (subscriptions) and what may be used (prepaidUnits) must add up to the same
// number; where they do not, neither is believed and the licence is disputed.
// Any row that makes no sense is an error for the whole list.
func licences(id directory.TenantID, skus []skuRow, subs []subscriptionRow) ([]directory.Licence, error) {
	bought, err := holdings(subs)
	if err != nil {
		return nil, err
	}
	out := make([]directory.Licence, 0, len(skus))
	seen := make(map[string]bool, len(skus))
	for i := range skus {
		r := &skus[i]
		if err := r.foreign(id); err != nil {
			return nil, err
		}
		sku := strings.ToLower(r.SKU.trimmed())
		if !directory.IsGUID(sku) {
			return nil, fmt.Errorf("row %d of subscribedSkus (%q) has no SKU id (%q)", i+1, clip(string(r.PartNumber), 60), clip(string(r.SKU), 40))
		}
		if seen[sku] {
			return nil, fmt.Errorf("SKU %s is listed twice", sku)
		}
		seen[sku] = true
		l, err := r.licence(sku, bought[sku])
		if err != nil {
			return nil, fmt.Errorf("SKU %s (%s): %w", sku, clip(string(r.PartNumber), 60), err)
		}
		out = append(out, l)
	}
	return append(out, unlisted(seen, bought)...), nil
}

// licence counts one SKU; h is nil where no subscription of it is known.
func (r *skuRow) licence(sku string, h *holding) (directory.Licence, error) {
	assigned, err := r.Consumed.units("consumedUnits")
	if err != nil {
		return directory.Licence{}, err
	}
	prepaid, suspended, err := r.Prepaid.count()
	if err != nil {
		return directory.Licence{}, err
	}
	l := directory.Licence{
		SKU: sku, PartNumber: string(r.PartNumber), Name: product(sku, string(r.PartNumber)),
		Assigned: assigned, Suspended: suspended,
	}
	says := "prepaidUnits says"
	if dead(r.Capability) {
		prepaid = units{}
		says = "capabilityStatus " + string(r.Capability) + " means"
	}
	have := prepaid.Enabled.n + prepaid.Warning.n
	if h == nil {
		l.Purchased, l.Grace = have, prepaid.Warning.n
		return l, nil
	}
	l.Purchased, l.Trial, l.Grace, l.Subscriptions = h.paid, h.trial, h.grace, h.list
	if sum := h.paid + h.trial; sum != have {
		l.Disputed = fmt.Sprintf("%s %d, its subscriptions add up to %d", says, have, sum)
	}
	return l, nil
}

// count checks the units and returns those that can be used, and how many cannot.
// Only enabled must be there: older answers leave out what is nought.
func (u units) count() (usable units, suspended int, err error) {
	if _, err = u.Enabled.units("prepaidUnits.enabled"); err != nil {
		return units{}, 0, err
	}
	for _, part := range [...]struct {
		what string
		n    number
	}{{"warning", u.Warning}, {"suspended", u.Suspended}, {"lockedOut", u.LockedOut}} {
		if !part.n.set {
			continue
		}
		if _, err = part.n.units("prepaidUnits." + part.what); err != nil {
			return units{}, 0, err
		}
	}
	return units{Enabled: u.Enabled, Warning: u.Warning}, u.Suspended.n + u.LockedOut.n, nil
}

// unlisted returns, as disputed, the SKUs of which units were bought and
// subscribedSkus knows nothing: one of the answers lacks something, and a
// licence that is missing would look like one that is gone.
func unlisted(listed map[string]bool, bought map[string]*holding) []directory.Licence {
	var out []directory.Licence
	for sku, h := range bought {
		if listed[sku] || h.paid+h.trial == 0 {
			continue
		}
		out = append(out, directory.Licence{
			SKU: sku, Name: product(sku, ""), Purchased: h.paid, Trial: h.trial, Grace: h.grace, Subscriptions: h.list,
			Disputed: fmt.Sprintf("subscribedSkus does not list it, its subscriptions add up to %d", h.paid+h.trial),
		})
	}
	slices.SortFunc(out, func(a, b directory.Licence) int { return strings.Compare(a.SKU, b.SKU) })
	return out
}
