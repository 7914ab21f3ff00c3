package connectwise

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// Which agreement a customer's licences are billed under.
//
// The link names a company, and perhaps an agreement:
//
//	company       agreement column   what happens
//	absent        –                  held, company_gone: deleted, merged away or hidden; never "no customer"
//	there         names one          that one, if it is usable (below); else held
//	there         empty              the only one that fits (below); else held
//
// A named agreement is usable, an unnamed one fits, if no line speaks against it:
//
//	what the agreement shows                        named                  not named
//	it is not there                                 agreement_missing      –
//	it belongs to another company                   agreement_foreign      –
//	a first or last day that is no date             agreement_unusable     does not fit
//	cancelledFlag, or status Cancelled              agreement_unusable     does not fit
//	it begins after today                           agreement_unusable     does not fit
//	its last day was before today, or Expired       agreement_unusable     does not fit
//	status Inactive, or one that we do not know     agreement_unusable     does not fit
//	oneTimeFlag or billOneTimeFlag                  agreement_unusable     does not fit
//	a billing cycle that does not recur or is not   agreement_unusable     does not fit
//	known (one that is left out counts as monthly; where none is shown money is not known)
//	its type is not among agreement_types           usable                 does not fit
//	it is a child of another agreement              usable                 fits, and is never taken by itself
//
// Of those that fit: none is agreement_missing; exactly one, no child, is
// taken; anything else is agreement_ambiguous.

// status is what ConnectWise says, or what the dates say where it says nothing.
func (a *agreement) status(today day) string {
	switch {
	case a.Status != "":
		return a.Status
	case a.Cancelled:
		return "Cancelled"
	case a.Start > today:
		return "Inactive"
	case !a.NoEnd && a.End != 0 && a.End < today:
		return "Expired"
	}
	return "Active"
}

// unusable says why nothing may be billed under the agreement now, or is empty.
func (a *agreement) unusable(today day) string {
	switch {
	case a.Start == unreadable, a.End == unreadable:
		return "its first or its last day is no date"
	case a.Cancelled, a.Status == "Cancelled":
		return "it is cancelled"
	case a.Start > today:
		return "it begins only on " + a.Start.String()
	case !a.NoEnd && a.End != 0 && a.End < today:
		return "it ended on " + a.End.String()
	case a.Status == "Expired":
		return "it has expired"
	case a.Status != "" && a.Status != "Active":
		return "its status is " + rest.Excerpt(a.Status)
	case a.OneTime, a.BillOneTime:
		return "it bills only once"
	case a.cycle == "" && a.BillingCycle.Name != "":
		return fmt.Sprintf("its billing cycle %q is not known", rest.Excerpt(a.BillingCycle.Name))
	case a.cycle == notRecurring:
		return "it has no recurring billing cycle"
	case a.cycle != unsetCycle && a.cycle.months() == "":
		return fmt.Sprintf("its billing cycle %q is not known", rest.Excerpt(string(a.cycle)))
	}
	return ""
}

// unfit says why the agreement is not one that is found by itself, or is empty.
func (a *agreement) unfit(today day, types []string) string {
	if why := a.unusable(today); why != "" {
		return why
	}
	if !slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(strings.TrimSpace(t), strings.TrimSpace(a.Type.Name)) }) {
		return "its type is not among connectwise.agreement_types (" + strings.Join(types, ", ") + ")"
	}
	return ""
}

// A link is where a customer's licences are billed, as the link table says it.
type link struct {
	company   int
	agreement int // 0 where the table names none
}

// linkOf reads the two columns.
func linkOf(links mapping.Links) (link, error) {
	var l link
	for _, x := range []struct {
		column string
		into   *int
		what   string
	}{
		{mapping.ConnectWiseCompany, &l.company, "company"},
		{mapping.ConnectWiseAgreement, &l.agreement, "agreement"},
	} {
		text := strings.TrimSpace(links[x.column])
		if text == "" && x.column == mapping.ConnectWiseAgreement {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return link{}, blocked("link_bad", "%q in the column %s is not the id of a ConnectWise %s (a number): correct it with syncd map",
				rest.Excerpt(text), x.column, x.what)
		}
		*x.into = n
	}
	return l, nil
}

func blocked(code, format string, args ...any) error {
	return &target.Blocked{Violations: []plan.Violation{{Code: code, NeedsRepair: true, Message: fmt.Sprintf(format, args...)}}}
}

// choose picks the agreement of a link, or says in a *target.Blocked why none is
// picked. company is nil where it is gone. agreements are all of the company
// where the link names none, and otherwise hold the named one if there is one.
func choose(l link, company *company, agreements []*agreement, types []string, today day) (*agreement, error) {
	if company == nil {
		return nil, blocked("company_gone", "company %d is not in ConnectWise any more: deleted, merged into another one, or hidden from the API member; "+
			"that never means no customer: restore it, or link the tenant to its successor (column %s)", l.company, mapping.ConnectWiseCompany)
	}
	who := fmt.Sprintf("company %d (%s)", company.ID, company.Name)
	if l.agreement != 0 {
		return named(l, who, agreements, today)
	}
	var fit []*agreement
	children := 0
	for _, a := range agreements {
		if a.unfit(today, types) == "" {
			fit = append(fit, a)
			if a.Parent != nil {
				children++
			}
		}
	}
	switch {
	case len(fit) == 1 && children == 0:
		return fit[0], nil
	case len(agreements) == 0:
		return nil, blocked("agreement_missing", "%s has no agreement at all, or none that the API member may see: make one, or name one in the column %s",
			who, mapping.ConnectWiseAgreement)
	case len(fit) == 0:
		return nil, blocked("agreement_missing", "%s has no agreement that fits: %s; name one in the column %s",
			who, candidates(agreements, types, today), mapping.ConnectWiseAgreement)
	case len(fit) == 1:
		return nil, blocked("agreement_ambiguous", "%s has only a child agreement that fits, which is not taken by itself: %s; name one in the column %s",
			who, candidates(agreements, types, today), mapping.ConnectWiseAgreement)
	}
	return nil, blocked("agreement_ambiguous", "%s has %d agreements that fit: %s; name one in the column %s",
		who, len(fit), candidates(agreements, types, today), mapping.ConnectWiseAgreement)
}

func named(l link, who string, agreements []*agreement, today day) (*agreement, error) {
	i := slices.IndexFunc(agreements, func(a *agreement) bool { return a.ID == l.agreement })
	if i < 0 {
		return nil, blocked("agreement_missing",
			"agreement %d, which the link names for %s, is not in ConnectWise, or is hidden from the API member: name another one in the column %s",
			l.agreement, who, mapping.ConnectWiseAgreement)
	}
	a := agreements[i]
	if a.Company.ID != l.company {
		return nil, blocked("agreement_foreign", "agreement %s belongs to company %d (%s) and not to %s: correct the column %s",
			a.describe(today), a.Company.ID, a.Company.Name, who, mapping.ConnectWiseAgreement)
	}
	if why := a.unusable(today); why != "" {
		return nil, blocked("agreement_unusable",
			"agreement %s, which the link names for %s, cannot be billed under: %s; repair it in ConnectWise, or name another one in the column %s",
			a.describe(today), who, why, mapping.ConnectWiseAgreement)
	}
	return a, nil
}

func (a *agreement) describe(today day) string {
	return fmt.Sprintf("%d %q (%s, %s)", a.ID, a.Name, a.Type.Name, a.status(today))
}

// maxListedCandidates is how many agreements a message lists; some companies have
// a decade of ended ones.
const maxListedCandidates = 12

// candidates lists agreements with what speaks for and against each, those
// that fit first.
func candidates(agreements []*agreement, types []string, today day) string {
	sorted := slices.Clone(agreements)
	rank := func(a *agreement) int {
		switch {
		case a.unfit(today, types) == "":
			return 0
		case a.unusable(today) == "":
			return 1
		}
		return 2
	}
	slices.SortFunc(sorted, func(a, b *agreement) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return a.ID - b.ID
	})
	var texts []string
	for i, a := range sorted {
		if i == maxListedCandidates {
			texts = append(texts, fmt.Sprintf("and %d more that do not fit", len(sorted)-i))
			break
		}
		why := a.unfit(today, types)
		switch {
		case why != "":
			why = "does not fit: " + why
		case a.Parent != nil:
			why = "fits, but is a child, billed on the invoice of agreement " + strconv.Itoa(a.Parent.ID)
		default:
			why = "fits"
		}
		texts = append(texts, a.describe(today)+" "+why)
	}
	return strings.Join(texts, "; ")
}
