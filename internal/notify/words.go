package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/visible"
)

// maxName is how much of a foreign name a message shows.
const maxName = 80

// name is foreign text within a line of ours.
func name(text string) string { return visible.Clip(visible.Line(text), maxName) }

// Money is what something does to the monthly bills in one currency.
type Money struct {
	Currency string          `json:"currency"`
	Increase decimal.Decimal `json:"increase"`
	Decrease decimal.Decimal `json:"decrease"` // not positive
}

// String is such as +44.00 −3.00 USD.
func (m Money) String() string {
	var parts []string
	if !m.Increase.IsZero() {
		parts = append(parts, "+"+m.Increase.StringFixed(2))
	}
	if !m.Decrease.IsZero() {
		parts = append(parts, "−"+m.Decrease.Abs().StringFixed(2))
	}
	return strings.Join(append(parts, m.Currency), " ")
}

// amounts are such as +44.00 USD, +12.00 EUR a month; empty where there are none.
func amounts(all []Money) string {
	if len(all) == 0 {
		return ""
	}
	texts := make([]string, len(all))
	for i, m := range all {
		texts[i] = m.String()
	}
	return strings.Join(texts, ", ") + " a month"
}

// together adds up what causes come to, each currency by itself.
func together(causes []Cause) []Money {
	sums := map[string]*Money{}
	for i := range causes {
		for _, m := range causes[i].Money {
			if sums[m.Currency] == nil {
				sums[m.Currency] = &Money{Currency: m.Currency}
			}
			s := sums[m.Currency]
			s.Increase, s.Decrease = s.Increase.Add(m.Increase), s.Decrease.Add(m.Decrease)
		}
	}
	var all []Money
	for _, m := range sums {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b Money) int { return strings.Compare(a.Currency, b.Currency) })
	return all
}

func sortByName(causes []Cause) {
	slices.SortFunc(causes, func(a, b Cause) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Title()), strings.ToLower(b.Title())), strings.Compare(a.Key, b.Key))
	})
}

func kindOf(id string) Kind {
	kind, _, _ := strings.Cut(id, " ")
	return Kind(kind)
}

// count is how many of a thing there are.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Title is whom or what a cause is about, such as Contoso Ltd at ConnectWise.
func (c *Cause) Title() string {
	title := name(c.What)
	if c.Customer != nil {
		if title = name(c.Customer.Name); title == "" {
			title = name(c.Customer.Key)
		}
	}
	if c.Target != "" {
		title += " at " + name(c.Target)
	}
	return title
}

// Says is what there is to say of a cause, with its money.
func (c *Cause) Says() string {
	if money := amounts(c.Money); money != "" {
		return c.Text + ", " + money
	}
	return c.Text
}

// words are the sentences of a kind. What begins with a number is said of so many.
var words = map[Kind]struct {
	one, many         string // the heading, behind the number of causes that are new or changed
	solvedOne, solved string // likewise, of causes that are solved
	page              string // where all of them are seen
	do                string // what a person does now
}{
	Waiting: {"plan waits for you", "plans wait for you", "plan no longer waits", "plans no longer wait", "/",
		"Look at what changes and why, then approve or reject it. Nothing is written until somebody does."},
	Failing: {"customer was not brought into step for a day", "customers were not brought into step for a day",
		"customer no longer fails", "customers no longer fail", "/customers",
		"What the customers are billed and what is documented of them may be old. The page says why, and what to do."},
	Month: {"month is ready to close", "months are ready to close", "month is closed, or no longer ready", "months are closed, or no longer ready", "/months",
		"Every number at its end is proven. Look through it, then close it: syncd report month --month YYYY-MM --close, or the button on its page."},
	Renewals: {"subscription reaches the end of its term", "subscriptions reach the end of their terms", "", "", "/report/renewals",
		"Until that day units can be given back; after it they are paid for another term."},
	Credentials: {"credential ends", "credentials end", "credential was replaced", "credentials were replaced", "/system",
		"Make a new one at that system and write it where the old one stands. Without it syncd can neither read nor write there."},
	Test: {"test", "tests", "", "", "/", "If you read this, syncd can reach you here. Nothing else happened."},
}

// Subject is a message in one line. It holds no text but ours.
func (m *Message) Subject() string {
	if m.Kind == Test {
		return "syncd: this is a test"
	}
	w := words[m.Kind]
	var parts []string
	if n := len(m.New) + len(m.Changed); n > 0 {
		parts = append(parts, count(n, w.one, w.many))
	}
	if n := len(m.Solved); n > 0 {
		parts = append(parts, "solved: "+count(n, w.solvedOne, w.solved))
	}
	return "syncd: " + strings.Join(parts, "; ")
}

// A part is some of the causes under a heading.
type part struct {
	Heading string
	Causes  []Cause
	More    string // how many are not listed
	Money   string // what they come to, where there are several
}

// parts are the causes of a message, at most so many of each part.
func (m *Message) parts(most int) (all []part) {
	add := func(heading string, causes []Cause, open bool) {
		if len(causes) == 0 {
			return
		}
		p := part{Heading: heading, Causes: causes[:min(len(causes), most)]}
		if more := len(causes) - len(p.Causes); more > 0 {
			p.More = fmt.Sprintf("and %d more, which the page lists", more)
		}
		if open && len(causes) > 1 {
			p.Money = amounts(together(causes))
		}
		all = append(all, p)
	}
	w := words[m.Kind]
	if m.Kind == Test {
		return nil
	}
	add(count(len(m.New), w.one, w.many), m.New, true)
	add("Changed since you were told", m.Changed, true)
	add("Solved: "+count(len(m.Solved), w.solvedOne, w.solved), was(m.Solved), false)
	return all
}

// was are causes that are true no longer, in the words in which people were told of them.
func was(causes []Cause) []Cause {
	past := make([]Cause, len(causes))
	for i, c := range causes {
		c.Text = "was: " + c.Text
		past[i] = c
	}
	return past
}

// do is what a person does now; empty where all is solved.
func (m *Message) do() string {
	if m.Kind != Test && len(m.New)+len(m.Changed) == 0 {
		return ""
	}
	return words[m.Kind].do
}

// page is where all of it is seen.
func (m *Message) page(base string) string { return base + words[m.Kind].page }

// day is a day as people read it, in no order that two countries read differently.
func day(at time.Time) string { return at.Format("2 January 2006") }
