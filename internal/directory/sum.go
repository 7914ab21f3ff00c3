package directory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sum is what several tenants hold together. A collection that one of them did not
// prove is unknown: the sum of what is known would be too small.
//
//	of each collection    the sum
//	all proven            all rows; as old as the oldest, partial where one is
//	one unknown           unknown, and of which tenant
//	one id in two         unknown: one tenant was read twice
//
// Licences of one SKU add up, with their subscriptions. What is disputed or unread in
// one tenant is so in the sum.
func Sum(name string, snapshots []*Snapshot) *Snapshot {
	out := &Snapshot{Tenant: Tenant{Name: name}, Of: snapshots}
	for _, s := range snapshots {
		if s != nil && (out.TakenAt.IsZero() || s.TakenAt.Before(out.TakenAt)) {
			out.TakenAt = s.TakenAt
		}
	}
	out.Licences = sumList(snapshots, func(s *Snapshot) List[Licence] { return s.Licences }, nil)
	if out.Licences.proven {
		out.Licences.items = sumLicences(snapshots)
		out.Licences.proof.Rows = len(out.Licences.items)
	}
	out.Users = sumList(snapshots, func(s *Snapshot) List[User] { return s.Users }, func(u *User) string { return u.ID })
	out.Groups = sumList(snapshots, func(s *Snapshot) List[Group] { return s.Groups }, func(g *Group) string { return g.ID })
	out.Domains = sumList(snapshots, func(s *Snapshot) List[Domain] { return s.Domains }, nil)
	if out.Domains.proven {
		out.Domains.items = sumDomains(out.Domains.items)
		out.Domains.proof.Rows = len(out.Domains.items)
	}
	out.Mailboxes = sumList(snapshots, func(s *Snapshot) List[Mailbox] { return s.Mailboxes }, func(m *Mailbox) string { return m.ID })
	out.Holders = sumList(snapshots, func(s *Snapshot) List[Holder] { return s.Holders }, func(h *Holder) string { return h.ID })
	return out
}

// sumList puts the rows of one collection together.
func sumList[T any](snapshots []*Snapshot, of func(*Snapshot) List[T], id func(*T) string) List[T] {
	var items []T
	var proof Proof
	owner := map[string]string{} // tenant, by the id of a row
	for i, s := range snapshots {
		if s == nil {
			return Unknown[T](proof, errors.New("one of its tenants was not read"))
		}
		list := of(s)
		proof = addProof(proof, list.proof, s.Tenant.Name, i == 0)
		rows, err := list.Items()
		if err != nil {
			return Unknown[T](proof, fmt.Errorf("tenant %s: %w", cmp.Or(s.Tenant.Name, string(s.Tenant.ID)), cmp.Or(list.err, err)))
		}
		for j := range rows {
			if id == nil || id(&rows[j]) == "" {
				continue
			}
			if first, twice := owner[id(&rows[j])]; twice && first != string(s.Tenant.ID) {
				return Unknown[T](proof, fmt.Errorf(
					"%s is listed in two of its tenants, %s and %s: one of the answers is another tenant's", id(&rows[j]), first, s.Tenant.ID))
			}
			owner[id(&rows[j])] = string(s.Tenant.ID)
		}
		items = append(items, rows...)
	}
	return Proven(items, proof)
}

// addProof adds the proof of one tenant's list. The sum is as old as the oldest.
func addProof(sum, p Proof, tenant string, first bool) Proof {
	if first {
		sum = p
		sum.Checks = nil
	} else {
		if p.Source != sum.Source {
			sum.Source = strings.Join([]string{sum.Source, p.Source}, ", ")
		}
		if p.Endpoint != sum.Endpoint {
			sum.Endpoint = strings.Join([]string{sum.Endpoint, p.Endpoint}, ", ")
		}
		sum.TakenAt, sum.AsOf = earlier(sum.TakenAt, p.TakenAt), earlier(sum.AsOf, p.AsOf)
		sum.Rows += p.Rows
		sum.Partial = sum.Partial || p.Partial
	}
	for _, check := range p.Checks {
		sum.Checks = append(sum.Checks, tenant+": "+check)
	}
	return sum
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// sumLicences adds up the licences of tenants by SKU. Where one tenant lists the
// subscriptions of a SKU and another has units without, nobody can tell what state
// those are in, and the SKU is unread. So is one that a tenant may hide, and one with a
// subscription that two tenants list.
func sumLicences(snapshots []*Snapshot) []Licence {
	var out []Licence
	at := map[string]int{}
	withoutSubscriptions := map[string][]string{} // tenants with units and no subscriptions, by SKU
	listedIn := map[string]map[int]bool{}         // which tenants list it, by SKU
	ownerOf := map[string]int{}                   // tenant, by subscription
	for n, s := range snapshots {
		tenant := cmp.Or(s.Tenant.Name, string(s.Tenant.ID))
		for _, l := range s.Licences.items {
			if listedIn[l.SKU] == nil {
				listedIn[l.SKU] = map[int]bool{}
			}
			listedIn[l.SKU][n] = true
			for _, b := range l.Subscriptions {
				if other, twice := ownerOf[b.ID]; twice && other != n && b.ID != "" {
					l.Unread = joinReasons(l.Unread, "subscription "+b.ID+" is listed in two of the customer's tenants")
				}
				ownerOf[b.ID] = n
			}
			if l.Disputed != "" {
				l.Disputed = tenant + ": " + l.Disputed
			}
			if l.Unread != "" {
				l.Unread = tenant + ": " + l.Unread
			}
			if len(l.Subscriptions) == 0 && l.Purchased+l.Grace+l.Suspended+l.Trial > 0 {
				withoutSubscriptions[l.SKU] = append(withoutSubscriptions[l.SKU], tenant)
			}
			i, seen := at[l.SKU]
			if !seen {
				at[l.SKU] = len(out)
				out = append(out, l)
				continue
			}
			sum := &out[i]
			sum.PartNumber, sum.Name = cmp.Or(sum.PartNumber, l.PartNumber), cmp.Or(sum.Name, l.Name)
			sum.Purchased += l.Purchased
			sum.Assigned += l.Assigned
			sum.Trial += l.Trial
			sum.Grace += l.Grace
			sum.Suspended += l.Suspended
			sum.Disputed, sum.Unread = joinReasons(sum.Disputed, l.Disputed), joinReasons(sum.Unread, l.Unread)
			sum.Subscriptions = slices.Concat(sum.Subscriptions, l.Subscriptions)
		}
	}
	for i := range out {
		l := &out[i]
		for n, s := range snapshots {
			if s.Licences.proof.Partial && !listedIn[l.SKU][n] {
				l.Unread = joinReasons(l.Unread, cmp.Or(s.Tenant.Name, string(s.Tenant.ID))+" hides some licences, and whether it has this one is not known")
			}
		}
		if tenants := withoutSubscriptions[l.SKU]; len(tenants) > 0 && len(l.Subscriptions) > 0 {
			l.Unread = joinReasons(l.Unread, strings.Join(tenants, ", ")+" has units of it and lists no subscription, while another of the customer's tenants does")
		}
	}
	return out
}

func joinReasons(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// sumDomains leaves one row a domain: where two tenants have it, that of the tenant
// that verified it.
func sumDomains(domains []Domain) []Domain {
	out := make([]Domain, 0, len(domains))
	at := map[string]int{}
	for _, d := range domains {
		i, seen := at[d.Name]
		switch {
		case !seen:
			at[d.Name] = len(out)
			out = append(out, d)
		case d.Verified && !out[i].Verified:
			out[i] = d
		}
	}
	return out
}
