package money

import "syncd/internal/plan"

// CarryExplanation returns what explains that a line is billed for more than the rules
// come to: what was found before, and what is found now. A fall may wait for days, and
// what showed it is told at its first read only; an override may hide it for as long.
// Counted is nil where the count is not proven now.
//
//	the line, the rules                      what was found before    what is found now    what stays
//	no more than they come to                any                      any                  nothing
//	more, or the count is not proven         any                      nothing              what was found before
//	more                                     unexplained              any                  unexplained
//	more                                     any other                anything             what is found now
func CarryExplanation(before, found *plan.Explanation, counted *int, billed int) *plan.Explanation {
	switch {
	case counted != nil && billed <= *counted:
		return nil
	case found == nil, before != nil && !before.Explained():
		return before
	}
	return found
}

// ExplanationOf is what explains that a line is billed for more than is due. Where what
// a person set decides alone, that is why, whatever the rules come to.
func ExplanationOf(carried *plan.Explanation, o *Override, counted *int, due int) *plan.Explanation {
	if o != nil && (o.Quantity != nil || o.Maximum != nil && (counted == nil || due < *counted)) {
		return &plan.Explanation{Code: plan.ByOverride, Source: o.By}
	}
	return carried
}
