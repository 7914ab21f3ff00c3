package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"
)

// The codes of changes that are held by themselves.
const (
	heldEdit      = "changed_at_target"
	heldRemoval   = "removed_at_target"
	heldAnother   = "another_at_target"
	heldSentTwice = "sent_twice"
)

// CodeHalves holds a change in one part of a divided tenant that belongs together with one in
// another part which cannot be written now.
const CodeHalves = "split_halves"

// maxAttempts is how often a create whose answer was lost is sent in all.
const maxAttempts = 2

func (p *Plan) addChange(kind *Kind, c Change, m merged) decision {
	c.After, c.Fields, c.Kept = m.after, m.fields, m.kept
	c.remembered, c.notOurs = m.last, kind.notOurs(c.Before, &m)
	if m.held {
		c.Held = heldEdit
	}
	about := c.After
	if about == nil {
		about = c.Before
	}
	c.Key, c.Label, c.Ref = about.Key, about.Label, about.Ref
	if c.Before != nil {
		c.Ref = c.Before.Ref
		c.lastEdit = cmp.Or(c.lastEdit, c.Before.Edited)
	}
	if c.Action == Create {
		for _, f := range c.After.Fields {
			c.Fields = append(c.Fields, FieldChange{Name: f.Name, After: f.Value, Set: slices.Contains(kind.Sets, f.Name)})
		}
	}
	if c.Action == Adopt {
		if len(c.Fields) == 0 {
			c.After, about = c.Before, c.Before // it is shown as it is, at its own price
		} else {
			c.Reason = differing[c.Reason]
		}
	}
	c.Billing = about.Billing
	c.MonthlyDelta = decimal.Zero
	if kind.Delta != nil && c.Action != Forget {
		c.MonthlyDelta = kind.Delta(c.Before, c.After)
		c.Unpriced = kind.Priced != nil && c.Writes() && !kind.Priced(about)
		c.Currency = about.currency()
	}
	if c.Held != "" {
		p.Violations = append(p.Violations, Violation{Code: c.Held, Kind: c.Key.Kind, Key: c.Key.ID, Message: c.heldMessage(), NeedsRepair: c.Held == heldSentTwice,
			EditedBy: c.lastEdit.By, EditedAt: c.lastEdit.At})
	}
	p.holdOutstanding(kind, &c)
	p.Changes = append(p.Changes, c)
	return decision{merged: m, change: true}
}

func (c *Change) heldMessage() string {
	switch {
	case c.Held == heldAnother:
		return fmt.Sprintf("%s was %s at the target and is now %s; approve to take that one on (%s is left as it is), or repair it there", c.Label, c.formerRef, c.Ref, c.formerRef)
	case c.Held == heldSentTwice:
		return fmt.Sprintf("%s was sent twice, no answer came, and it is not there; find out why at the target, then syncd matches retry", c.Label)
	case c.Held == heldRemoval && c.Action == Forget:
		return fmt.Sprintf("%s was ended or removed at the target since our last write%s; approve to stop managing it, or restore it there", c.Label, c.lastEdit)
	case c.Held == heldRemoval:
		return fmt.Sprintf("%s was removed at the target since our last write%s; approve to create it again", c.Label, c.lastEdit)
	case c.Action == Delete:
		return fmt.Sprintf("%s was edited at the target since our last write%s and is now gone from the source; approve to take it back", c.Label, c.lastEdit)
	}
	text := fmt.Sprintf("%s was edited at the target since our last write%s:", c.Label, c.lastEdit)
	for _, f := range c.Fields {
		text += fmt.Sprintf(" %s is %s, ours would be %s;", f.Name, f.Before.Or("nothing"), f.After.Or("nothing"))
	}
	return text + " approve to overwrite the edit, or tell syncd to leave it alone (syncd matches ignore)"
}
