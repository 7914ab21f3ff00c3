package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Policy says how far a job may go by itself.
type Policy string

// The policies.
const (
	Never   Policy = "never"   // report only
	Approve Policy = "approve" // every plan waits
	Auto    Policy = "auto"    // plans within limits go
)

// A Ceiling is how many changes of one sort need no approval. Each
// of the two holds on its own; a negative one does not limit.
type Ceiling struct {
	Count   int
	Percent int
}

// Limits are the ceilings of one scope.
type Limits struct {
	HoldFirst     bool
	Creates       Ceiling
	Updates       Ceiling
	Deletes       Ceiling
	MinPopulation int // below this many objects percentages mean nothing
	Increase      decimal.Decimal
	Decrease      decimal.Decimal
	// DecreaseExplained is for falls that something explains, Decrease for all others.
	DecreaseExplained decimal.Decimal
	// ByCurrency are the limits of money in other currencies than the configured one.
	ByCurrency   map[string]MoneyLimits
	SourceShrink int // percent a source list may lose
}

// A Count compares how many rows one source list had and has.
type Count struct {
	Collection string
	Before     int
	Now        int
}

// A GuardInput is what the guards check besides the plan.
type GuardInput struct {
	Policy          Policy
	First           bool // nothing of this scope was ever applied
	SettingsChanged bool // rules, links or filters differ from those of the last run
	// Restored says when the state was restored from a backup, and so lacks what
	// happened at the target since; empty where it was not.
	Restored     string
	Counts       []Count
	SourceAsOf   time.Time
	SourceMaxAge time.Duration // 0 = any age
	Currency     string        // of the limits, and of what names none
	Now          time.Time
}

// Tally counts the changes of a plan as the limits see them.
type Tally struct {
	Creates, Updates, Deletes int
	// Money a month, none negative. Explained are falls that something explains, Down
	// all others.
	Up, Down, Explained decimal.Decimal
}

// count adds what a change does to the monthly bill.
func (t *Tally) count(c *Change) {
	switch {
	case c.MonthlyDelta.IsPositive():
		t.Up = t.Up.Add(c.MonthlyDelta)
	case c.Explanation.Explained():
		t.Explained = t.Explained.Sub(c.MonthlyDelta)
	default:
		t.Down = t.Down.Sub(c.MonthlyDelta)
	}
}

// Tally counts what would be written without approval. A change that is held by itself
// does not count: it waits whatever the limits say. An adoption
// that writes counts as an update; a removal that takes more than half of a set
// counts as a deletion. An update of stamps alone does not count: each new
// month would hold every customer.
func (p *Plan) Tally() Tally {
	return p.tally(func(c *Change) bool { return c.Held == "" })
}

func (p *Plan) tally(counts func(*Change) bool) Tally {
	var t Tally
	for i := range p.Changes {
		c := &p.Changes[i]
		if !counts(c) {
			continue
		}
		switch {
		case c.Action == Create:
			t.Creates++
		case c.Action == Delete:
			t.Deletes++
		case c.Writes() && c.removesMost():
			t.Deletes++
		case c.Writes() && !c.onlyStamps():
			t.Updates++
		}
		if c.Held == "" {
			t.count(c)
		}
	}
	return t
}

// counted reports whether the guards count a change: what waits because nothing
// explains it counts too, since many of those at once are no affair of single objects.
func (c *Change) counted() bool { return c.Held == "" || c.Held == heldUnexplained }

// countsAsDelete reports whether the change counts as a deletion.
func (c *Change) countsAsDelete() bool {
	return c.Action == Delete || c.Action != Create && c.Writes() && c.removesMost()
}

// removesMost reports whether the change removes more than half of a set, or retires
// the object.
func (c *Change) removesMost() bool {
	if c.After != nil && c.Before != nil && c.After.Retired && !c.Before.Retired {
		return true
	}
	return slices.ContainsFunc(c.Fields, func(f FieldChange) bool {
		return f.Set && 2*f.removed() > len(f.Before)
	})
}

// removed is how many values a set loses.
func (f *FieldChange) removed() int {
	n := 0
	for _, v := range f.Before {
		if _, stays := slices.BinarySearch(f.After, v); !stays {
			n++
		}
	}
	return n
}

// onlyStamps reports whether the change is an update of stamps alone, see Kind.Stamps.
func (c *Change) onlyStamps() bool {
	return c.Action == Update && len(c.Fields) > 0 && !slices.ContainsFunc(c.Fields, func(f FieldChange) bool { return !f.Stamp })
}

// MonthlyDelta is what the plan does to the monthly bill, held changes included.
func (p *Plan) MonthlyDelta() decimal.Decimal {
	var sum decimal.Decimal
	for i := range p.Changes {
		sum = sum.Add(p.Changes[i].MonthlyDelta)
	}
	return sum
}

// Unpriced is how many changes have a price that nobody knows: MonthlyDelta lacks them.
func (p *Plan) Unpriced() (n int) {
	for i := range p.Changes {
		if p.Changes[i].Unpriced {
			n++
		}
	}
	return n
}

// Currency is the currency of MonthlyDelta: that of the changes that cost anything, by
// default the one given. It is empty where they have several, which cannot be added.
func (p *Plan) Currency(by string) string {
	one := ""
	for i := range p.Changes {
		if c := &p.Changes[i]; !c.MonthlyDelta.IsZero() {
			this := cmp.Or(c.Currency, by)
			if one != "" && one != this {
				return ""
			}
			one = this
		}
	}
	return cmp.Or(one, by)
}

// ApproveCommand is the command that approves a plan.
func ApproveCommand(digest string) string { return "syncd approve --digest " + digest }

// WithoutWayOn is a message without the command that approves, for where the way on is said
// otherwise.
func WithoutWayOn(message string) string {
	for _, joint := range []string{"; ", ", then "} {
		if at := strings.LastIndex(message, joint+ApproveCommand("")); at >= 0 {
			return message[:at]
		}
	}
	return message
}

// Check returns what holds the plan as a whole. Each violation gives the count, the
// limit and what to do. An empty plan violates nothing.
func Check(p *Plan, f GuardInput, l Limits) []Violation {
	if p.Empty() {
		return nil
	}
	var vs []Violation
	hold := func(code, format string, args ...any) {
		vs = append(vs, Violation{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	approve := ApproveCommand(p.Digest())
	if f.Policy == Never {
		vs = append(vs, Violation{Code: "report_only", NeedsRepair: true,
			Message: "this job only reports (apply: never); set apply: approve or auto to let it write"})
	}
	if f.SourceMaxAge > 0 && f.Now.Sub(f.SourceAsOf) > f.SourceMaxAge {
		vs = append(vs, Violation{Code: "source_stale", NeedsRepair: true, Message: fmt.Sprintf(
			"the source's data is %s old, %s are allowed (cipp.max_age); refresh it at the source",
			f.Now.Sub(f.SourceAsOf).Round(time.Minute), f.SourceMaxAge)})
	}
	if f.Restored != "" {
		hold("restored", "%s: what happened at the target since is not known, edits of people included; read the plan, then %s", f.Restored, approve)
	}
	if f.First && l.HoldFirst {
		hold("first_plan", "this is the first plan of this customer at this target; read it, then %s", approve)
	}
	if p.Reverting != "" {
		hold(heldWayBack, "this is the way back from run %s; read it, then %s, or syncd reject to leave things as they are", p.Reverting, approve)
	}
	if f.Policy == Approve {
		hold("approval", "every plan of this job waits for a person (apply: approve); %s", approve)
	}
	if f.SettingsChanged && !f.First {
		hold("settings_changed", "rules or links changed since the last run; read the plan, then %s", approve)
	}
	t := p.tally((*Change).counted)
	checkCeiling(hold, "creates", "create", t.Creates, l.Creates, p, l, approve)
	checkCeiling(hold, "updates", "update", t.Updates, l.Updates, p, l, approve)
	if !checkCeiling(hold, "deletes", "delete", t.Deletes, l.Deletes, p, l, approve) && l.Deletes.limitsShare() {
		p.checkMassDeletion(hold, approve)
	}
	vs = append(vs, p.checkMoney(f.Currency, l, approve)...)
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Unpriced && c.Held == "" {
			hold("money_unknown", "what %s costs is not known, so no limit of money can be kept; %s", c.Label, approve)
			break
		}
	}
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Unpriced && c.Held != "" { // it waits by itself, and says this too
			vs = append(vs, Violation{Code: "money_unknown", Kind: c.Key.Kind, Key: c.Key.ID, Message: fmt.Sprintf(
				"what %s costs is not known, so that letting it pass keeps no limit of money", c.Label)})
		}
	}
	for _, c := range f.Counts {
		lost := c.Before - c.Now
		switch {
		case lost <= 0 || l.SourceShrink < 0 || l.SourceShrink >= 100:
		case nearlyAll(lost, c.Before):
			hold("source_shrink", "the source lists %d %s, it listed %d before: all but one are gone (limits.source_shrink); %s", c.Now, c.Collection, c.Before, approve)
		case c.Before >= l.MinPopulation && 100*lost > l.SourceShrink*c.Before:
			hold("source_shrink", "the source lists %d %s, it listed %d before: %d%% less, %d%% are allowed (limits.source_shrink); %s",
				c.Now, c.Collection, c.Before, 100*lost/c.Before, l.SourceShrink, approve)
		}
	}
	return vs
}

// checkHeldMoney adds to changes that are held by themselves that approving them would
// exceed the limits of money. It holds those objects alone, not the scope.
func (p *Plan) checkHeldMoney(in string, by string, tally Tally, l MoneyLimits) []Violation {
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Held != "" && cmp.Or(c.Currency, by) == in {
			tally.count(c)
		}
	}
	var vs []Violation
	for i := range p.Changes {
		c := &p.Changes[i]
		add := func(code, verb string, limit decimal.Decimal) {
			vs = append(vs, Violation{Code: code, Kind: c.Key.Kind, Key: c.Key.ID, Message: fmt.Sprintf(
				"letting %s pass would make the monthly bill %s by %s; with it the plan is past the %s allowed (limits.money)", c.Label, verb, c.MonthlyDelta.Abs().StringFixed(2), limit.StringFixed(2))})
		}
		switch {
		case cmp.Or(c.Currency, by) != in:
		case c.Held == "" || c.Held == heldUnexplained: // that hold tells its money
		case c.MonthlyDelta.IsPositive() && tally.Up.GreaterThan(l.Increase):
			add("money_increase", "rise", l.Increase)
		case !c.MonthlyDelta.IsNegative():
		case c.Explanation.Explained() && tally.Explained.GreaterThan(l.DecreaseExplained):
			add("money_decrease", "fall", l.DecreaseExplained)
		case !c.Explanation.Explained() && tally.Down.GreaterThan(l.Decrease):
			add("money_decrease", "fall", l.Decrease)
		}
	}
	return vs
}

func checkCeiling(hold func(string, string, ...any), code, verb string, n int, c Ceiling, p *Plan, l Limits, approve string) (held bool) {
	if c.Count >= 0 && n > c.Count {
		hold(code, "%d objects would be %sd, %d are allowed (limits.%s.count); %s", n, verb, c.Count, code, approve)
		return true
	}
	if c.Percent >= 0 && p.Managed >= l.MinPopulation && 100*n > c.Percent*p.Managed {
		hold(code, "%d of %d objects would be %sd, %d%% are allowed (limits.%s.percent); %s", n, p.Managed, verb, c.Percent, code, approve)
		return true
	}
	return false
}
