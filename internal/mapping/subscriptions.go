package mapping

import (
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// A Picker picks some of a SKU's subscriptions: by id, by term, or by who sold
// them. Values of one word are alternatives, and different words must all fit.
//
//	ID; ID            those subscriptions
//	term=annual       those of a term that is known to be so: monthly, annual, triennial
//	owner=GUID|none   those that this partner tenant sold, or that no partner did
//
// The empty one picks all.
type Picker struct {
	ids    []string
	terms  []string
	owners []string
}

// OwnerNone stands for subscriptions that the customer bought from Microsoft.
const OwnerNone = "none"

// Terms are the terms of subscriptions.
var Terms = []string{"monthly", "annual", "triennial"}

// ParsePicker reads one.
func ParsePicker(text string) (Picker, error) {
	var p Picker
	for part := range strings.SplitSeq(text, ";") {
		part = strings.ToLower(strings.TrimSpace(part))
		word, values, named := strings.Cut(part, "=")
		word = strings.TrimSpace(word)
		switch {
		case part == "":
			continue
		case !named:
			for id := range strings.SplitSeq(part, "|") {
				id = strings.TrimSpace(id)
				if !directory.IsGUID(id) {
					return Picker{}, fmt.Errorf("%q is neither a subscription's id (a GUID) nor term=… nor owner=…", id)
				}
				p.ids = append(p.ids, id)
			}
			continue
		}
		for value := range strings.SplitSeq(values, "|") {
			value = strings.TrimSpace(value)
			switch {
			case word == "term" && slices.Contains(Terms, value):
				p.terms = append(p.terms, value)
			case word == "term":
				return Picker{}, fmt.Errorf("term=%s: write %s", value, strings.Join(Terms, " or "))
			case word == "owner" && (value == OwnerNone || directory.IsGUID(value)):
				p.owners = append(p.owners, value)
			case word == "owner":
				return Picker{}, fmt.Errorf("owner=%s: write the partner's tenant id (a GUID), or %s", value, OwnerNone)
			default:
				return Picker{}, fmt.Errorf("%q is no word for subscriptions: write an id, term=… or owner=…", word)
			}
		}
	}
	return p, nil
}

// Empty reports whether it picks all.
func (p Picker) Empty() bool { return len(p.ids)+len(p.terms)+len(p.owners) == 0 }

// BySeller reports whether it asks who sold a subscription.
func (p Picker) BySeller() bool { return len(p.owners) > 0 }

// String is the picker as a person writes it.
func (p Picker) String() string {
	parts := slices.Clone(p.ids)
	if len(p.terms) > 0 {
		parts = append(parts, "term="+strings.Join(p.terms, "|"))
	}
	if len(p.owners) > 0 {
		parts = append(parts, "owner="+strings.Join(p.owners, "|"))
	}
	return strings.Join(parts, "; ")
}

// Picks reports whether it picks a subscription whose term is the given one, empty
// where nobody knows it. Known is false where only the term could tell.
func (p Picker) Picks(s *directory.Subscription, term string) (picks, known bool) {
	if len(p.ids) > 0 && !slices.Contains(p.ids, strings.ToLower(s.ID)) && !slices.Contains(p.ids, s.CommerceID) {
		return false, true
	}
	owner := s.Owner
	if owner == "" {
		owner = OwnerNone
	}
	if len(p.owners) > 0 && !slices.Contains(p.owners, owner) {
		return false, true
	}
	if len(p.terms) > 0 {
		return slices.Contains(p.terms, term), term != ""
	}
	return true, true
}
