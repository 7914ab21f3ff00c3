package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// A view is how a person wants to see a run.
type view struct {
	all     bool // what needs nothing is shown too
	summary bool // a line a customer
	part    bool // the run was about one object

	ofPeople func(target string) bool // whether a target holds people and what belongs to them
}

// mostNoted is how many customers with nothing but notes may speak at length:
// what is noted of hundreds on every run drowns what matters.
const mostNoted = 10

// writeReport writes a run as people read it: what differs, the most money
// first; what is quiet, and what stops everybody alike, in one line.
func (p *page) writeReport(r *sync.Report, v view) error {
	p.all, p.part, p.planned = v.all, v.part, r.PlanOnly
	scopes := slices.Clone(r.Scopes)
	slices.SortStableFunc(scopes, func(a, b sync.ScopeReport) int { return moved(&b).Cmp(moved(&a)) })
	p.shared, p.curable = map[string]int{}, map[string]bool{}
	for i := range scopes {
		p.share(scopes[i].Violations)
	}
	if v.summary {
		return p.summary(scopes, r)
	}
	quiet := &quietly{codes: map[string]int{}}
	for i := range scopes {
		if s := &scopes[i]; p.calm(s) && len(p.own(s)) > 0 {
			quiet.noted++
		}
	}
	var first []sync.ScopeReport // of people, too long to be read line by line
	for i := range scopes {
		s := scopes[i].Unpacked()
		switch {
		case s.Outcome == sync.Unmapped && len(s.Violations) == 0:
			quiet.unlinked(&s)
		case s.Refused && s.Count() == 0:
			quiet.turnedAway(&s)
		case !v.all && s.First && s.Count() > 0 && v.ofPeople(s.Target) && s.Error == nil && len(s.Trace)+len(s.Looked) == 0:
			first = append(first, scopes[i]) // packed: all of them together are everything there is
		case v.all || !p.calm(&s) || len(p.own(&s)) > 0 && quiet.noted <= mostNoted:
			p.scope(&s)
		default:
			quiet.add(&s)
			for _, v := range p.own(&s) {
				quiet.codes[v.Code]++
			}
		}
	}
	p.firstOfPeople(first)
	p.quiet(quiet)
	p.guards()
	p.totals(r)
	return p.err
}

// moved is the money that a scope's changes are about, up and down alike.
func moved(s *sync.ScopeReport) decimal.Decimal {
	up, down := s.Delta()
	return up.Add(down)
}

// differs reports whether a change is more than taking on what is there.
func differs(c *plan.Change) bool { return c.Action != plan.Adopt || c.Writes() || c.Held != "" }

// calm reports whether nothing of a scope differs, failed or waits for more than
// what stops everybody.
func (p *page) calm(s *sync.ScopeReport) bool {
	full := s.Unpacked()
	return s.Error == nil && len(s.Trace)+len(s.Looked) == 0 && !slices.ContainsFunc(full.Changes, func(c plan.Change) bool { return differs(&c) }) &&
		!plan.Holds(p.own(s)) && (s.Outcome == sync.Held || s.Outcome == sync.InStep || s.Outcome == sync.Skipped || s.Outcome == sync.Changed)
}

// share counts what stops scopes as a whole, to be said once where it is the
// same for several.
func (p *page) share(vs []plan.Violation) {
	for _, v := range vs {
		if v.Key == "" && !v.Note {
			p.shared[guard(&v)]++
			p.curable[guard(&v)] = p.curable[guard(&v)] || !v.NeedsRepair
		}
	}
}

// guard is a violation as it is read, without the way on.
func guard(v *plan.Violation) string { return v.Code + ": " + plan.WithoutWayOn(v.Message) }

// own are the violations that are not said for all scopes together.
func (p *page) own(s *sync.ScopeReport) []plan.Violation {
	return slices.DeleteFunc(slices.Clone(s.Violations), func(v plan.Violation) bool { return v.Key == "" && !v.Note && p.shared[guard(&v)] > 1 })
}

// guards says what stops several scopes alike, and the way on.
func (p *page) guards() {
	said := false
	for _, text := range slices.Sorted(maps.Keys(p.shared)) {
		if n := p.shared[text]; n > 1 {
			p.flow(p.mark(false), fmt.Sprintf("%s (%d plans)", text, n))
			said = said || p.curable[text]
		}
	}
	if said {
		p.flow("  > ", "to let one pass: syncd approve CUSTOMER TARGET, or --digest DIGEST; all of them: syncd approve --all")
	}
	if len(p.shared) > 0 && p.err == nil && said {
		p.line("")
	}
}

// quietly counts what has nothing to say.
type quietly struct {
	inStep, asItIs, objects, unmapped, ignored int
	noted                                      int            // of all of them, those with something to note
	refused                                    map[string]int // by target: customers that it was not or could not be asked about
	codes                                      map[string]int
}

func (q *quietly) add(s *sync.ScopeReport) {
	if n := s.Count(); n > 0 {
		q.asItIs++
		q.objects += n
		return
	}
	q.inStep++
}

func (q *quietly) turnedAway(s *sync.ScopeReport) {
	if q.refused == nil {
		q.refused = map[string]int{}
	}
	q.refused[s.Target]++
}

func (q *quietly) unlinked(s *sync.ScopeReport) {
	if s.Ignored {
		q.ignored++
		return
	}
	q.unmapped++
}

func (p *page) quiet(q *quietly) {
	if q.asItIs > 0 {
		p.flow("", fmt.Sprintf("%s with nothing to write: what is there is taken on as it is (%s); --all shows it", app.Count(q.asItIs, "plan"), app.Count(q.objects, "object")))
	}
	if q.inStep > 0 {
		p.flow("", fmt.Sprintf("%d in step, nothing to do", q.inStep))
	}
	if len(q.codes) > 0 {
		p.flow("", fmt.Sprintf("%d of them with something to note (%s): --customer NAME or --all shows it", q.noted, byCode(q.codes)))
	}
	for _, target := range slices.Sorted(maps.Keys(q.refused)) {
		p.flow("", fmt.Sprintf("%s not read: %s turned syncd away", app.Count(q.refused[target], "customer"), target))
	}
	if q.unmapped > 0 {
		p.flow("", fmt.Sprintf("%d not linked: syncd map suggest", q.unmapped))
	}
	if q.ignored > 0 {
		p.flow("", fmt.Sprintf("%d ignored on purpose", q.ignored))
	}
}

func byCode(codes map[string]int) string {
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		parts = append(parts, fmt.Sprintf("%s %d", code, codes[code]))
	}
	return strings.Join(parts, ", ")
}

// firstOfPeople shows first plans of people as a table.
func (p *page) firstOfPeople(scopes []sync.ScopeReport) {
	if len(scopes) == 0 || p.err != nil {
		return
	}
	sheet := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Linked", Number: true}, {Name: "Filled", Number: true}, {Name: "Created", Number: true},
		{Name: "For a person", Number: true}, {Name: "Stands"}, {Name: "Target"}, {Name: "Plan"}}}
	people, limits, notes := map[string]int{}, map[string]int{}, map[string]int{}
	for i := range scopes {
		s := new(scopes[i].Unpacked())
		linked, filled, created, waits := 0, 0, 0, 0
		for j := range s.Changes {
			switch c := &s.Changes[j]; {
			case c.Action == plan.Create:
				created++
			case c.Writes():
				filled++
			case c.Action == plan.Adopt:
				linked++
			}
		}
		for _, v := range p.own(s) {
			switch {
			case v.Note:
				notes[v.Code]++
			case v.Key != "":
				waits++
				people[v.Code]++
			case !v.NeedsRepair:
				limits[v.Code]++
			}
		}
		sheet.Rows = append(sheet.Rows, []string{s.Customer.Name, strconv.Itoa(linked), strconv.Itoa(filled), strconv.Itoa(created), strconv.Itoa(waits), s.Standing(p.planned), s.Target, s.Digest})
	}
	p.err = sheet.Table(p.w, p.width)
	few := len(scopes) <= mostNoted
	for i := range scopes {
		s := new(scopes[i].Unpacked())
		own := p.own(s)
		if !few { // only what must be repaired speaks for itself
			own = slices.DeleteFunc(own, func(v plan.Violation) bool { return v.Note || v.Key != "" || !v.NeedsRepair })
		}
		if len(own) > 0 {
			p.line("%s", p.paint(clean(s.Customer.Name)+" at "+s.Target, text.Bold))
			p.violations(s, own)
		}
	}
	if !few && len(people) > 0 {
		p.flow("", fmt.Sprintf("for a person: %s; syncd matches lists them", byCode(people)))
	}
	if !few && len(limits) > 0 {
		p.flow("", fmt.Sprintf("past a limit: %s; syncd holds says by how much", byCode(limits)))
	}
	if !few && len(notes) > 0 {
		p.flow("", "noted: "+byCode(notes))
	}
	p.flow("", "filled is what is linked and differs; --all shows each object, --customer NAME --all those of one customer")
	p.line("")
}

// summary is a line a customer at a target.
func (p *page) summary(scopes []sync.ScopeReport, r *sync.Report) error {
	sheet := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Target"}, {Name: "Stands"}, {Name: "Differ", Number: true},
		{Name: "Up", Number: true}, {Name: "Down", Number: true}, {Name: "Net", Number: true}, {Name: "Plan"}}}
	quiet := &quietly{}
	for i := range scopes {
		s := scopes[i].Unpacked()
		if s.Outcome == sync.Unmapped && len(s.Violations) == 0 {
			quiet.unlinked(&s)
			continue
		}
		if s.Refused && s.Count() == 0 {
			quiet.turnedAway(&s)
			continue
		}
		n := 0
		for j := range s.Changes {
			if differs(&s.Changes[j]) {
				n++
			}
		}
		up, down := s.Delta()
		sums := amounts(up, down)
		if s.Unpriced() > 0 {
			sums[len(sums)-1] = unknownMoney
		} else if net := len(sums) - 1; sums[net] != "" && len(r.Currencies()) > 1 {
			sums[net] += " " + s.Currency
		}
		sheet.Rows = append(sheet.Rows, append([]string{s.Customer.Name, s.Target, s.Standing(p.planned), strconv.Itoa(n)}, append(sums, s.Digest)...))
	}
	if len(sheet.Rows) > 0 {
		currencies := r.Currencies()
		for _, currency := range currencies {
			up, down := r.MonthlyDelta(currency)
			name := "All"
			if len(currencies) > 1 {
				name += " in " + currency
			}
			sheet.Footer = append(sheet.Footer, append([]string{name, "", "", ""}, append(amounts(up, down), "")...))
		}
		p.err = sheet.Table(p.w, p.width)
	}
	p.quiet(quiet)
	p.totals(r)
	return p.err
}

// amounts are what bills rise by, fall by, and both together; nothing is blank.
func amounts(up, down decimal.Decimal) []string {
	texts := make([]string, 3)
	for i, d := range []decimal.Decimal{up, down.Neg(), up.Sub(down)} {
		if !up.IsZero() || !down.IsZero() {
			texts[i] = signed(d.StringFixed(2))
		}
	}
	return texts
}

func (p *page) totals(r *sync.Report) {
	var parts []string
	counts, putOff, written, recovered := map[string]int{}, map[string]int{}, 0, 0
	for i := range r.Scopes {
		s := &r.Scopes[i]
		standing := s.Standing(r.PlanOnly)
		counts[standing]++
		if standing == state.StandsPutOff {
			putOff[plan.PutOff(s.Violations)]++
		}
		written += s.Written
		for _, v := range s.Violations {
			if v.Code == plan.CodeRecovered {
				recovered++
			}
		}
	}
	order := slices.Clone(state.Standings)
	slices.Reverse(order[:len(order)-1]) // what is well first, who is not linked last
	for _, standing := range order {
		if standing == state.StandsPutOff {
			for _, until := range slices.Sorted(maps.Keys(putOff)) {
				parts = append(parts, p.standing(standing, state.Counted(putOff[until], standing)+" until "+until))
			}
		} else if n := counts[standing]; n > 0 {
			parts = append(parts, p.standing(standing, state.Counted(n, standing)))
		}
	}
	text := strings.Join(parts, ", ")
	switch {
	case text == "" && r.Error != nil:
		return // it ended before anybody was looked at; the command says why
	case text == "":
		text = "nobody to look at"
	}
	planned := "" // an apply says it where not all of the money was written
	if !r.PlanOnly && slices.ContainsFunc(r.Scopes, func(s sync.ScopeReport) bool {
		return s.Outcome == sync.Held || plan.PutOff(s.Violations) != "" || s.Outcome == sync.Failed || s.Outcome == sync.Partial
	}) {
		planned = "planned: "
	}
	for _, currency := range r.Currencies() { // they are never added
		if up, down := r.MonthlyDelta(currency); !up.IsZero() || !down.IsZero() {
			text += fmt.Sprintf("; %smonthly bills +%s -%s, net %s %s", planned, up.StringFixed(2), down.StringFixed(2), signed(up.Sub(down).StringFixed(2)), currency)
		}
	}
	p.flow("", text)
	unknown := 0
	for i := range r.Scopes {
		unknown += r.Scopes[i].Unpriced()
	}
	if unknown > 0 {
		p.flow("", app.Count(unknown, "change")+" without a known price, in no sum of money")
	}
	switch {
	case r.PlanOnly:
	case written == 0 && recovered > 0:
		p.flow("", "nothing was written now; "+app.Count(recovered, "earlier write")+" got through, see above")
	case written == 0:
		p.flow("", "nothing was written")
	default:
		p.flow("", app.Count(written, "object")+" written")
	}
	if !r.PlanOnly && counts[state.StandsNeedsApproval] > 0 {
		p.flow("", "syncd holds shows what waits; syncd approve lets it pass at the next apply")
	}
}
