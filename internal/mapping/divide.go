package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// The codes of parts that do not add up to the whole.
const (
	SplitOverlap    = "split_overlap"    // somebody is in two parts, or more units are held than there are
	SplitIncomplete = "split_incomplete" // somebody, or something, is in no part
)

// DivideNeeds are the collections that must be proven to divide a tenant.
func DivideNeeds(of []Share) directory.Kinds {
	needs := directory.Users
	for _, share := range of {
		if who, err := ParseWho(share.Filter); err == nil && share.Filter != Rest {
			needs |= who.Needs()
		}
	}
	return needs
}

// Divide divides what a tenant holds among its parts, in their order. Each person is in
// exactly one of them, and units are where the people are who hold them:
//
//	whom the filters take               what becomes of it
//	the people are not proven           every list of every part is unknown
//	somebody by two                     split_overlap, in all parts
//	no part is the rest                 split_incomplete, in all parts
//	somebody by one                     that part
//	somebody by none                    the rest
//
//	units of a licence                  a part                  the rest
//	bought                              what its people hold    what is left
//	assigned                            what its people hold    what its people hold
//
// A licence is unsure in all parts where the people hold another number of units than
// are assigned: somebody is not seen, and nobody knows whose he is.
func Divide(s *directory.Snapshot, of []Share) []*directory.Snapshot {
	out := make([]*directory.Snapshot, len(of))
	part, err := takers(s, of)
	for i, share := range of {
		out[i] = &directory.Snapshot{Tenant: directory.Tenant{Name: share.Customer}, TakenAt: s.TakenAt, Part: &directory.Part{}}
	}
	if err != nil {
		for i := range out {
			if code := codeOf(err); code != "" {
				out[i].Part.Code, out[i].Part.Why = code, err.Error()
			}
			out[i].Licences = directory.Unknown[directory.Licence](s.Licences.Proof(), fmt.Errorf("who is in which part of %s is not known: %w", s.Tenant.Name, err))
		}
		return out
	}
	users, _ := s.Users.Items()
	members, held := make([][]directory.User, len(of)), make([]map[string]int, len(of))
	for i := range of {
		held[i] = map[string]int{}
	}
	for j := range users {
		i := part[j]
		members[i] = append(members[i], users[j])
		for _, sku := range users[j].Licences {
			held[i][strings.ToLower(sku)]++
		}
	}
	rest := slices.IndexFunc(of, func(x Share) bool { return x.Filter == Rest })
	licences, lerr := s.Licences.Items()
	for i := range out {
		o := out[i]
		o.Users, o.Groups, o.Mailboxes, o.Domains = directory.Proven(members[i], s.Users.Proof()), s.Groups, s.Mailboxes, s.Domains
		o.Holders = holdersAmong(s.Holders, members[i])
		if lerr != nil {
			o.Licences = s.Licences
			continue
		}
		own := make([]directory.Licence, len(licences))
		for j := range licences {
			own[j] = divideLicence(&licences[j], held, i, rest)
		}
		o.Licences = directory.Proven(own, s.Licences.Proof())
		o.Part.Proof = proofOf(s, of, licences, members, held, rest)
	}
	return out
}

// holdersAmong are those of a list who are among some people.
func holdersAmong(list directory.List[directory.Holder], users []directory.User) directory.List[directory.Holder] {
	items, err := list.Items()
	if err != nil {
		return list
	}
	among := make(map[string]bool, len(users))
	for i := range users {
		among[users[i].ID] = true
	}
	return directory.Proven(slices.DeleteFunc(slices.Clone(items), func(h directory.Holder) bool { return !among[h.ID] }), list.Proof())
}

// divideLicence is what the part at one place has of a licence.
func divideLicence(l *directory.Licence, held []map[string]int, at, rest int) directory.Licence {
	d := &directory.Divided{Whole: *l, Held: held[at][l.SKU], Rest: at == rest}
	all := 0
	for i := range held {
		all += held[i][l.SKU]
		if i != rest {
			d.Taken += held[i][l.SKU]
		}
	}
	if all != l.Assigned && l.Unread == "" {
		d.Unsure = fmt.Sprintf("%d units are assigned, and the people of the tenant hold %d", l.Assigned, all)
	}
	out := *l
	out.Subscriptions, out.Divided, out.Assigned = nil, d, d.Held
	if d.Rest {
		out.Purchased = max(0, l.Purchased-d.Taken)
		out.Grace = min(l.Grace, out.Purchased)
		return out
	}
	out.Trial, out.Grace, out.Suspended = 0, 0, 0
	out.Purchased = min(d.Held, l.Purchased)
	return out
}

// A splitError says why parts do not add up.
type splitError struct{ code, text string }

func (e *splitError) Error() string { return e.text }

func codeOf(err error) string {
	if e, ok := errors.AsType[*splitError](err); ok {
		return e.code
	}
	return ""
}

// takers says which part each person of a tenant is in.
func takers(s *directory.Snapshot, of []Share) ([]int, error) {
	if err := s.Proven(directory.Users); err != nil {
		return nil, err
	}
	if s.Users.Proof().Partial {
		return nil, fmt.Errorf("%w: the source hides some of them", directory.ErrIncomplete)
	}
	users, err := s.Users.Items()
	if err != nil {
		return nil, err
	}
	by := map[string][]int{} // parts, by object id
	rest := -1
	for i, share := range of {
		if share.Filter == Rest {
			rest = i
			continue
		}
		who, err := ParseWho(share.Filter)
		if err != nil {
			return nil, fmt.Errorf("filter %q: %w", share.Filter, err)
		}
		people, err := who.Of(s)
		if err != nil {
			return nil, fmt.Errorf("part %s (%s): %w", share.Customer, share.Filter, err)
		}
		for _, u := range people {
			by[u.ID] = append(by[u.ID], i)
		}
	}
	part := make([]int, len(users))
	var twice, left []string
	for j := range users {
		u := &users[j]
		if u.Unread != "" {
			return nil, fmt.Errorf("%w: what the source says of %s makes no sense (%s)", directory.ErrIncomplete, cmp.Or(u.UPN, u.Name, u.ID), u.Unread)
		}
		switch in := by[u.ID]; {
		case len(in) > 1:
			names := make([]string, len(in))
			for k, i := range in {
				names[k] = of[i].Customer
			}
			twice = append(twice, cmp.Or(u.UPN, u.ID)+" ("+strings.Join(names, " and ")+")")
		case len(in) == 1:
			part[j] = in[0]
		default:
			part[j] = rest
			if len(u.Licences) > 0 {
				left = append(left, cmp.Or(u.UPN, u.ID))
			}
		}
	}
	switch {
	case len(twice) > 0:
		return nil, &splitError{SplitOverlap, fmt.Sprintf("parts of tenant %s overlap: %s; correct the filters (syncd map), or the people in Microsoft 365", s.Tenant.Name, some(twice))}
	case rest < 0 && len(left) > 0:
		return nil, &splitError{SplitIncomplete, fmt.Sprintf("no part of tenant %s takes %s, nor the units that nobody is assigned: add a line with the filter %s (syncd map)", s.Tenant.Name, some(left), Rest)}
	case rest < 0:
		return nil, &splitError{SplitIncomplete, fmt.Sprintf("no part of tenant %s takes the units that nobody is assigned, or whom no filter takes: add a line with the filter %s (syncd map)", s.Tenant.Name, Rest)}
	}
	return part, nil
}

// some are the first of many names, sorted.
func some(names []string) string {
	slices.Sort(names)
	if n := len(names) - 20; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:20], ", "), n)
	}
	return strings.Join(names, ", ")
}

// proofOf shows that the parts add up to the whole: people, and the units of each licence
// that somebody pays for.
func proofOf(s *directory.Snapshot, of []Share, licences []directory.Licence, members [][]directory.User, held []map[string]int, rest int) string {
	sum := func(what string, whole int, each func(i int) int) string {
		parts := make([]string, len(of))
		for i := range of {
			parts[i] = fmt.Sprintf("%d %s", each(i), of[i].Customer)
		}
		return fmt.Sprintf("%d %s = %s", whole, what, strings.Join(parts, " + "))
	}
	users, _ := s.Users.Items()
	out := []string{sum("people", len(users), func(i int) int { return len(members[i]) })}
	for j := range licences {
		l := &licences[j]
		if l.Purchased == 0 || directory.FreeSKU(l.PartNumber) {
			continue
		}
		out = append(out, sum(cmp.Or(l.Name, l.SKU)+" bought", l.Purchased, func(i int) int {
			d := divideLicence(l, held, i, rest)
			return d.Purchased
		}))
	}
	return fmt.Sprintf("tenant %s: %s", s.Tenant.Name, strings.Join(out, "; "))
}
