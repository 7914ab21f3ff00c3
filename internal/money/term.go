package money

import (
	"fmt"
	"time"

	"syncd/internal/directory"
)

// The terms of a subscription.
const (
	TermMonthly   = "monthly"
	TermAnnual    = "annual"
	TermTriennial = "triennial"
)

// Term is the term between one end and the next, by the days between them; empty
// where they tell none:
//
//	days          term
//	28 to 31      monthly
//	365, 366      annual
//	1095, 1096    triennial
//
// The first term may be short and odd, since subscriptions are aligned with each
// other; what lies between two ends is a whole one.
func Term(end, next time.Time) string {
	switch days := int((next.Sub(end) + 12*time.Hour) / (24 * time.Hour)); {
	case days >= 28 && days <= 31:
		return TermMonthly
	case days == 365 || days == 366:
		return TermAnnual
	case days == 1095 || days == 1096:
		return TermTriennial
	}
	return ""
}

// Months are those of a term; 0 where it is not known.
func Months(term string) int {
	switch term {
	case TermMonthly:
		return 1
	case TermAnnual:
		return 12
	case TermTriennial:
		return 36
	}
	return 0
}

// The sources of a claim, the strongest last.
const (
	Observed    = "observed"
	Distributor = "distributor"
)

// A Claim is what somebody says of a subscription's term. Microsoft tells none,
// so each is shown with its source.
type Claim struct {
	Customer     string    `json:"customer"`     // its key
	Subscription string    `json:"subscription"` // its id, or its commerce id
	Term         string    `json:"term,omitempty"`
	Ends         time.Time `json:"ends,omitzero"` // the last day of the present term
	Source       string    `json:"source"`        // observed, distributor, or who said so
	Reason       string    `json:"reason,omitempty"`
}

// sourceStrength orders sources: a person's word is stronger than a distributor's, and
// that stronger than what was observed.
func sourceStrength(source string) int {
	switch source {
	case Observed:
		return 0
	case Distributor:
		return 1
	}
	return 2
}

// StrongestClaim joins claims about one subscription: of each fact the one with the
// strongest source; of two that are as strong the later in the list.
func StrongestClaim(claims []Claim) Claim {
	var out Claim
	term, ends := -1, -1
	for _, c := range claims {
		out.Subscription = c.Subscription
		n := sourceStrength(c.Source)
		if c.Term != "" && n >= term {
			out.Term, term = c.Term, n
			if n >= ends {
				out.Source, out.Reason = c.Source, c.Reason
			}
		}
		if !c.Ends.IsZero() && n >= ends {
			out.Ends, ends = c.Ends, n
			out.Source, out.Reason = c.Source, c.Reason
		}
	}
	return out
}

// FormerTerm says which term of a year or three a subscription had before it began to
// renew by the month, and who says so; it is empty where it had none, and where
// somebody who says that it is monthly knows already.
func FormerTerm(s *directory.Subscription, claims []Claim, now time.Time) string {
	said := StrongestClaim(ClaimsOn(claims, s))
	if said.Source != Observed && said.Term == TermMonthly {
		return ""
	}
	if s.Before.Term == TermMonthly && s.Before.Earlier != "" {
		return s.Before.Earlier + " before"
	}
	for _, c := range ClaimsOn(claims, s) {
		if c.Source == Observed || c.Term != TermAnnual && c.Term != TermTriennial || c.Ends.IsZero() || c.Ends.AddDate(0, 0, 1).After(now) {
			continue
		}
		after := c.Ends.AddDate(0, 0, 1) // the term may end at either end of its last day
		if s.Before.Term == TermMonthly || s.Renews.After(now) && (Term(c.Ends, s.Renews) == TermMonthly || Term(after, s.Renews) == TermMonthly) {
			return fmt.Sprintf("%s until %s, says %s", c.Term, c.Ends.Format(time.DateOnly), c.Source)
		}
	}
	return ""
}

// PresentTerm is the term that a subscription runs in now, and who says so: its claim, but
// monthly where a term of a year or three is over and it renews by the month.
func PresentTerm(s *directory.Subscription, claims []Claim, now time.Time) (term, by string) {
	if FormerTerm(s, claims, now) != "" {
		return TermMonthly, Observed
	}
	return s.Claim.Term, s.Claim.TermBy
}
