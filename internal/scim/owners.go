package scim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// Whose a user or group at the provider is. Customers may share an application,
// and what a tenant's administrator types (a mail address, a group's name) must
// never give one customer the account of another. So:
//
//   - the records of all customers say what is whose, whoever the run is about;
//   - an address proves something only in a domain that the tenant has verified:
//     Microsoft lets one tenant alone verify it;
//   - where several are linked to the application every address of the user must be in
//     such a domain, and a name or number that anybody may type proves nothing.
//
// What is not proven is proposed, and waits for a person.

// owners is what a run knows of whose things are, for one customer.
type owners struct {
	customer string
	others   func(kind, ref string) []string // whose records name it, besides the customer's own
	shared   bool                            // others may have people in the account
	domains  map[string]bool                 // verified; nil where the source does not say
	unknown  string                          // why
}

// ownersOf says who else has to do with a customer's account. It reads the
// records now, so that asking costs nothing later.
func (t *Target) ownersOf(ctx context.Context, asked *target.Asked, a *connection) (*owners, error) {
	o := &owners{customer: asked.Key, others: func(string, string) []string { return nil }}
	if asked.Owners == nil {
		o.shared = !t.config.perAccount() // nobody can tell
		return o, nil
	}
	if _, err := asked.Owners.Others(ctx, asked.Key, kindUser, ""); err != nil {
		return nil, err
	}
	links := asked.Owners.Linked()
	// An id is the provider's own: in another account it is somebody else's.
	elsewhere := func(customer string) bool {
		link, linked := links[customer]
		return linked && t.config.perAccount() && !strings.EqualFold(link, a.name)
	}
	for customer := range links {
		o.shared = o.shared || customer != asked.Key && !elsewhere(customer)
	}
	again := context.WithoutCancel(ctx)
	o.others = func(kind, ref string) []string {
		list, _ := asked.Owners.Others(again, asked.Key, kind, ref)
		return slices.DeleteFunc(list, elsewhere)
	}
	return o, nil
}

// verify takes over which domains the tenant has verified.
func (o *owners) verify(s *directory.Snapshot) {
	list, err := s.Domains.Items()
	if err != nil {
		o.unknown = err.Error()
		return
	}
	o.domains = map[string]bool{}
	for _, d := range list {
		if d.Verified {
			o.domains[strings.ToLower(d.Name)] = true
		}
	}
}

// otherCustomer reports whose a resource is, if it is another customer's: by the
// records of all, or because this run gave it to one.
func (v *view) otherCustomer(kind string, r *resource) string {
	if list := v.owners.others(kind, r.id); len(list) > 0 {
		return strings.Join(list, ", ")
	}
	v.lists.mu.Lock()
	defer v.lists.mu.Unlock()
	if owner := v.lists.assigned[resourceRef{kind, r.id}]; owner != v.customer {
		return owner
	}
	return ""
}

// resourceRef names what a run gave to a customer.
type resourceRef struct{ kind, ref string }

// doubt says why a resource that has a value of an object is not for certain
// the object's; empty where it is. The object's own external id is proof by
// itself: nobody chooses the object ids of a tenant.
func (v *view) doubt(key plan.Key, value string, r *resource) string {
	address := strings.Contains(value, "@")
	switch {
	case sameExternalID(r.externalID, key.ID):
		return ""
	case key.Kind == kindUser && address && !v.owners.domains[domainOf(value)]:
		return v.owners.unproven(value)
	case !v.owners.shared:
		return ""
	case key.Kind == kindGroup:
		return "its name is all that says so, and customers share the application"
	case !address:
		return fmt.Sprintf("%q is all that says so, and customers share the application", value)
	}
	for _, a := range append(slices.Clone(r.emails), r.name) {
		if strings.Contains(a, "@") && !v.owners.domains[domainOf(a)] {
			return fmt.Sprintf("it goes by %s as well, and %s", a, v.owners.unproven(a))
		}
	}
	return ""
}

func (o *owners) unproven(address string) string {
	if o.domains == nil {
		return "which domains the tenant has verified is not known (" + cmp.Or(o.unknown, "not read") + ")"
	}
	return domainOf(address) + " is no domain that the tenant has verified"
}

func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// matchProposed says what a person is to decide of one that is likely and not proven.
func (v *view) matchProposed(key plan.Key, label string, r *resource, why string) *plan.Violation {
	v.contest(key, r)
	return &plan.Violation{Code: "match_proposed", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
		"%s may be %s, but %s; nothing is written to it until somebody says that it is the one: syncd matches accept %s %s %s %s, or create",
		label, r.label(), why, v.customer, v.account.client.Name(), key.ID, r.id), Candidates: candidates([]*resource{r})}
}

// isContested reports whether a conflict of somebody else names a user.
func (v *view) isContested(key plan.Key, id string) bool {
	by, contested := v.contestedBy[id]
	return contested && key.Kind == kindUser && by != key
}

// contest notes that a conflict of key names resources: nobody knows whose they
// are, so they are nobody's leavers, and stay in their groups.
func (v *view) contest(key plan.Key, list ...*resource) {
	for _, r := range list {
		if key.Kind == kindUser {
			v.contestedBy[r.id] = key
		}
	}
}
