package pages

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// How much of one plan a card shows.
const (
	linesShown   = 8
	reasonsShown = 6
)

// A card is a plan that waits.
type card struct {
	app.Waiting
	Where   string // the target, and the agreement
	Summary string // what the plan does, in one line
	Money   string
	Tags    []tag
	Open    bool
	Bills   bool   // whether its lines have quantities and prices
	Header  string // of the column with the money
	Lines   []line
	More    int      // lines that are not shown
	Reasons []string // why it waits, where the lines do not say it
	Others  int      // reasons that are not shown
	Edits   []edit
	Decided string  // a person's word on it
	Apart   string  // why whoever looks may not approve it, and who may (four_eyes)
	Written string  // when an approval is carried out
	Bulk    bool    // whether it may be approved with others
	Ups     string  // for the sum of what is chosen: amounts by currency
	Sent    []field // what its forms send: the decision that is shown, and the part of the inbox
	Reject  asking
	Ways    []wayOn // to the pages where what must be settled is settled
}

// A wayOn is a page on which a person settles what keeps a plan.
type wayOn struct{ To, Text string }

// waysOn are the pages for the codes of violations. Of others the message names the command.
var waysOn = map[string]wayOn{
	"match_conflict":      {"/matches", "Decide who is who"},
	"match_proposed":      {"/matches", "Decide who is who"},
	"agreement_ambiguous": {"/map", "Choose the agreement"},
}

// waysOf are the pages on which a person settles a violation.
func waysOf(v *plan.Violation) []wayOn {
	if way, ok := waysOn[v.Code]; ok {
		return []wayOn{way}
	}
	return waysIn(v.Message)
}

// A line is a change of a card.
type line struct {
	Key                         plan.Key
	Label, Before, After, Price string
	Money                       string
	What                        string // where it is about no quantity
	Why                         string
}

// An edit is a person's edit at a target over which a plan would write, with the three things
// that one may want.
type edit struct {
	Label         string
	Before, After string // quantities; empty where it is about something else
	Keep, Leave   asking
	CanKeep       bool
}

func newCard(q *request, w app.Waiting) card {
	title := q.app.Config.TargetTitle(w.Scope.Target)
	c := card{Waiting: w, Where: title, Bulk: w.InBulk(), Written: writtenWhen(q, w.Scope.Target, w.Violations)}
	shown := app.Brief(&w.Hold, linesShown, func(k plan.Key) bool {
		return slices.ContainsFunc(w.Violations, func(v plan.Violation) bool { return v.OverwritesEdit() && v.Kind == k.Kind && v.Key == k.ID })
	})
	c.Bills = shown.Bills
	for i := range shown.Changes {
		x := &shown.Changes[i]
		if b := x.Billing; b != nil && b.AgreementName != "" && c.Where == title {
			c.Where += " · " + clipped(b.AgreementName, maxName) + " (" + b.Agreement + ")"
		}
	}
	c.Summary = summary(&shown)
	c.Money, c.Header = money(w.Extent, q.app.Config.Currency)
	for _, r := range whys(w.Violations) {
		if c.Open = c.Open || r.open; r.tone != "" {
			c.Tags = append(c.Tags, tag{r.text, r.tone})
		}
	}
	c.decided(q)
	for i := range shown.Changes {
		x := &shown.Changes[i]
		if i < linesShown {
			c.Lines = append(c.Lines, c.newLine(q, x))
		}
		c.addEdit(q, x)
	}
	c.More = shown.Count - len(c.Lines)
	c.addReasons(shown.Changes)
	c.Ups = sumsText(w.Up) + "/" + sumsText(w.Down)
	c.Sent = []field{{Name: seenField, Value: app.Seen(w.Decision)}, {Name: viewField, Value: q.view()}}
	c.Reject = asking{Button: "Reject", Do: "Reject this plan", To: address("holds", w.Digest, "reject"), Hidden: c.Sent,
		Fields: []field{{Name: "reason", Label: "Why, for whoever looks at it next", Required: true}}}
	return c
}

// decided says what a person said of the plan.
func (c *card) decided(q *request) {
	if c.Stands == state.StandsNeedsRepair {
		c.Tags = append([]tag{{"to be repaired", "trouble"}}, c.Tags...)
		c.Open = true
	}
	if d := c.Decision; d != nil && !d.Approved {
		c.Tags = append([]tag{{"rejected", "trouble"}}, c.Tags...)
		c.Decided = fmt.Sprintf("%s rejected it %s%s", clipped(d.By, maxName), when(d.At, q.app.Now(), q.app.Location), app.Because(d.Reason))
		c.Open = false
	}
}

// money is what a plan comes to, with the header of its column.
func money(e app.Extent, currency string) (total, header string) {
	sums := app.Sums{}
	sums.AddAll(e.Up)
	sums.AddAll(e.Down)
	header = currency + " a month"
	if e.Unpriced > 0 {
		return "not known", "A month"
	}
	switch len(sums) {
	case 0:
		return amount(decimal.Zero), header
	case 1:
		for in, sum := range sums {
			return signed(sum), in + " a month"
		}
	}
	var parts []string
	for _, in := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, signed(sums[in])+" "+in)
	}
	return strings.Join(parts, ", "), "A month"
}

// sumsText is sums as a script of the page adds them up.
func sumsText(sums app.Sums) string {
	var parts []string
	for _, in := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, in+" "+sums[in].StringFixed(2))
	}
	return strings.Join(parts, ",")
}

// verbs are what becomes of objects, in the order in which it is said.
var verbs = []struct {
	action plan.Action
	done   string
}{{plan.Create, "created"}, {plan.Update, "changed"}, {plan.Delete, "removed"}, {plan.Adopt, "taken on"}, {plan.Forget, "let go"}}

// summary says what a plan does in one line.
func summary(shown *app.PlanBrief) string {
	if shown.Count == 0 {
		return "nothing to change"
	}
	if shown.Count == 1 {
		c := &shown.Changes[0]
		for _, f := range c.Fields {
			if f.Name == plan.FieldQuantity {
				return clipped(c.Label, maxName) + " " + quantity(f.Before.String()) + " → " + quantity(f.After.String())
			}
		}
	}
	var parts []string
	for _, v := range verbs {
		if n := shown.Did[v.action]; n > 0 {
			parts = append(parts, thousands(fmt.Sprint(n))+" "+v.done)
		}
	}
	return strings.Join(parts, ", ")
}

// deltaText is what a change does to the monthly bill.
func deltaText(x *plan.Change) string {
	if x.Unpriced {
		return "not known"
	}
	return signed(x.MonthlyDelta)
}

func (c *card) newLine(q *request, x *plan.Change) line {
	l := line{Key: x.Key, Label: x.Label, Money: deltaText(x)}
	if x.Billing != nil && x.Billing.UnitPrice != nil {
		l.Price = amount(x.Billing.UnitPrice) + x.Billing.Cycle.Per()
	}
	var what []string
	for _, f := range x.Fields {
		if f.Name == plan.FieldQuantity {
			l.Before, l.After = quantity(f.Before.String()), quantity(f.After.String())
			continue
		}
		what = append(what, fieldText(&f))
	}
	if x.Action == plan.Adopt && len(x.Fields) == 0 && x.After != nil {
		if n := x.After.Fields.Text(plan.FieldQuantity); n != "" {
			l.Before, l.After = quantity(n), quantity(n)
		}
	}
	l.What = strings.Join(what, "; ")
	if !c.Bills && l.What == "" {
		l.What = actionText(x)
	}
	l.Why = c.because(q, x)
	return l
}

func actionText(x *plan.Change) string {
	for _, v := range verbs {
		if v.action == x.Action {
			return v.done
		}
	}
	return string(x.Action)
}

// fieldText says what becomes of a field.
func fieldText(f *plan.FieldChange) string {
	name := strings.ReplaceAll(f.Name, "_", " ")
	if f.Set && len(f.Before)+len(f.After) > 4 {
		came, went := 0, 0
		for _, v := range f.After {
			if !slices.Contains(f.Before, v) {
				came++
			}
		}
		for _, v := range f.Before {
			if !slices.Contains(f.After, v) {
				went++
			}
		}
		return fmt.Sprintf("%s +%d −%d", name, came, went)
	}
	if f.Before.Blank() {
		return name + " " + clipped(f.After.Or("empty"), 60)
	}
	return name + " " + clipped(f.Before.String(), 60) + " → " + clipped(f.After.Or("empty"), 60)
}

// because says in sentences why a change is planned, and from when it is billed.
func (c *card) because(q *request, x *plan.Change) string {
	now, zone := q.app.Now(), q.app.Location
	title := q.app.Config.TargetTitle(c.Scope.Target)
	var parts []string
	edited := slices.IndexFunc(c.Violations, func(v plan.Violation) bool { return v.OverwritesEdit() && v.Kind == x.Key.Kind && v.Key == x.Key.ID })
	switch {
	case edited >= 0:
		parts = append(parts, editText(&c.Violations[edited], x, title, now, zone), "Never part of a bulk approval.")
	case x.Explanation != nil && !x.Explanation.Explained():
		parts = append(parts, unexplained(x, now, zone))
	default:
		if text := causes[x.Reason.Row()]; text != "" {
			parts = append(parts, strings.ReplaceAll(text, "TARGET", title))
		} else {
			parts = append(parts, sentence(string(x.Reason)))
		}
	}
	if e := x.Explanation; e != nil && e.Explained() {
		parts = append(parts, sentence(e.Text()))
	}
	if x.Effect != nil && x.Effect.Text != "" {
		parts = append(parts, sentence(x.Effect.Text))
	}
	return strings.Join(parts, " ")
}

// unexplained says of a fall what was looked for in vain.
func unexplained(x *plan.Change, now time.Time, zone *time.Location) string {
	text := "Microsoft has fewer"
	for _, f := range x.Fields {
		before, known := number(f.Before.String())
		after, knownToo := number(f.After.String())
		if f.Name == plan.FieldQuantity && known && knownToo {
			text = "Microsoft has " + quantity(before.Sub(after)) + " fewer"
		}
	}
	if x.Explanation.Date != "" {
		text += ", in the middle of a term that ends " + dayOf(x.Explanation.Date, now, zone)
	}
	return text + ". No renewal, no 168-hour window, nothing moved, nobody left."
}

// causes are the rows of the plan's table in the words of a billing admin.
var causes = map[plan.Reason]string{
	plan.NewAtSource:      "New at Microsoft.",
	plan.ChangedAtSource:  "Changed at Microsoft.",
	plan.GoneFromSource:   "Gone at Microsoft.",
	plan.BackAtSource:     "Back at Microsoft.",
	plan.AlreadyAtTarget:  "There already; taken on.",
	plan.ChangedAtTarget:  "Edited in TARGET since we wrote it.",
	plan.ChangedAtBoth:    "Edited in TARGET, and changed at Microsoft.",
	plan.RemovedAtTarget:  "Removed in TARGET since we wrote it.",
	plan.GoneFromBoth:     "Gone on both sides; we let go of it.",
	plan.AnotherAtTarget:  "Another one stands in its place in TARGET.",
	plan.AttemptVanished:  "An earlier attempt left nothing.",
	plan.AttemptSucceeded: "An earlier attempt got through.",
}

// editText says who edited what at the target, and when.
func editText(v *plan.Violation, x *plan.Change, title string, now time.Time, zone *time.Location) string {
	who := cmp.Or(clipped(v.EditedBy, maxName), "Somebody")
	at := ""
	if !v.EditedAt.IsZero() {
		at = " on " + strings.TrimPrefix(when(v.EditedAt, now, zone), "on ")
		if strings.HasPrefix(at, " on today") {
			at = strings.TrimPrefix(at, " on")
			at = " " + strings.TrimSpace(at)
		}
	}
	for _, f := range x.Fields {
		if f.Name == plan.FieldQuantity {
			return fmt.Sprintf("%s set %s in %s%s; Microsoft has %s.", who, quantity(f.Before.String()), title, at, quantity(f.After.String()))
		}
	}
	if x.Reason.Row() == plan.RemovedAtTarget {
		return fmt.Sprintf("%s removed it in %s%s.", who, title, at)
	}
	return fmt.Sprintf("%s edited it in %s%s.", who, title, at)
}

// addEdit adds what one may do about a person's edit.
func (c *card) addEdit(q *request, x *plan.Change) {
	if !slices.ContainsFunc(c.Violations, func(v plan.Violation) bool { return v.OverwritesEdit() && v.Kind == x.Key.Kind && v.Key == x.Key.ID }) {
		return
	}
	e := edit{Label: x.Label}
	for _, f := range x.Fields {
		if f.Name == plan.FieldQuantity {
			e.Before, e.After = quantity(f.Before.String()), quantity(f.After.String())
			e.CanKeep = !f.Before.Blank() && c.Bills
		}
	}
	hidden := []field{{Name: "kind", Value: x.Key.Kind}, {Name: "key", Value: x.Key.ID}, {Name: viewField, Value: q.view()}}
	e.Keep = asking{Button: "Keep " + e.Before + " until", Do: "Keep " + e.Before, To: address("holds", c.Digest, "keep"), Hidden: hidden,
		Fields: []field{{Name: "until", Label: "Last day", Type: "date", Required: true, Min: q.app.Now().In(q.app.Location).Format(time.DateOnly)},
			{Name: "reason", Label: "Why", Required: true}}}
	e.Leave = asking{Button: "Leave it alone", Do: "Leave it alone", To: address("holds", c.Digest, "leave"), Hidden: hidden,
		Fields: []field{{Name: "reason", Label: "Why", Required: true}}}
	c.Edits = append(c.Edits, e)
}

// addReasons adds why the plan waits, where neither a box nor a line says it.
func (c *card) addReasons(changes []plan.Change) {
	said := []string{"approval", "first_plan", "decrease_unexplained", "rejected"}
	for i := range c.Violations {
		v := &c.Violations[i]
		if !v.Note {
			c.Ways = withWay(c.Ways, waysOf(v)...)
		}
		inLine := v.OverwritesEdit() && slices.ContainsFunc(changes, func(x plan.Change) bool { return x.Key.Kind == v.Kind && x.Key.ID == v.Key })
		if slices.Contains(said, v.Code) || inLine {
			continue
		}
		if len(c.Reasons) == reasonsShown {
			c.Others++
			continue
		}
		c.Reasons = append(c.Reasons, sentence(v.Message))
	}
}
