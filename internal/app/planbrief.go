package app

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// A PlanBrief is the plan of a hold as a list of plans shows it: what all of its changes come to, and a
// few of them whole. A first plan of a documentation has hundreds of changes, and a list many such plans.
type PlanBrief struct {
	Count   int
	Did     map[plan.Action]int // an adoption that writes is an update
	Bills   bool                // whether any of them is about a line of a bill
	Changes []plan.Change       // the most money first
}

// A sketch is what is read of every change.
type sketch struct {
	action       plan.Action
	key          plan.Key
	money        decimal.Decimal
	writes       bool // beyond taking it on
	bills        bool
	begins, ends int // in the plan
}

// Brief reads the plan of a hold: so many of its changes whole, and those of the keys that also says. One
// that cannot be read is shown without its changes, as by ShownPlan.
func Brief(h *state.Hold, most int, also func(plan.Key) bool) PlanBrief {
	all, err := sketches(h.Plan)
	if err != nil {
		return PlanBrief{}
	}
	slices.SortStableFunc(all, func(a, b sketch) int { return b.money.Cmp(a.money) })
	b := PlanBrief{Count: len(all), Did: map[plan.Action]int{}}
	for i := range all {
		s := &all[i]
		if s.action == plan.Adopt && s.writes {
			b.Did[plan.Update]++
		} else {
			b.Did[s.action]++
		}
		b.Bills = b.Bills || s.bills
		if i >= most && !also(s.key) {
			continue
		}
		var c plan.Change
		if stdjson.Unmarshal(h.Plan[s.begins:s.ends], &c) != nil {
			return PlanBrief{}
		}
		b.Changes = append(b.Changes, c)
	}
	return b
}

// sketches reads what tells the changes of a plan apart, and no more of them.
func sketches(body []byte) (all []sketch, err error) {
	in := jsontext.NewDecoder(bytes.NewReader(body))
	err = eachMember(in, func(name string) error {
		if name != "changes" || in.PeekKind() != '[' {
			return in.SkipValue()
		}
		if _, err := in.ReadToken(); err != nil {
			return err
		}
		for in.PeekKind() == '{' {
			s, err := readSketch(in)
			if err != nil {
				return err
			}
			s.begins = s.begins + bytes.IndexByte(body[s.begins:], '{') // behind a comma
			all = append(all, s)
		}
		_, err := in.ReadToken()
		return err
	})
	return all, err
}

func readSketch(in *jsontext.Decoder) (s sketch, err error) {
	s.begins = int(in.InputOffset())
	err = eachMember(in, func(name string) error {
		switch name {
		case "action", "kind", "key", "monthly_delta":
			token, err := in.ReadToken()
			if err != nil {
				return err
			}
			s.say(name, token.String())
			return nil
		case "facts":
			s.bills = s.bills || in.PeekKind() == '{'
			return in.SkipValue()
		case "fields":
			fields, err := in.ReadValue()
			s.writes = len(fields) > len("{}")
			return err
		}
		return in.SkipValue()
	})
	s.ends = int(in.InputOffset())
	return s, err
}

func (s *sketch) say(name, text string) {
	switch name {
	case "action":
		s.action = plan.Action(text)
	case "kind":
		s.key.Kind = text
	case "key":
		s.key.ID = text
	default:
		money, _ := decimal.NewFromString(text) // nothing counts as no money
		s.money, s.bills = money.Abs(), s.bills || !money.IsZero()
	}
}

// eachMember reads an object by its members.
func eachMember(in *jsontext.Decoder, member func(name string) error) error {
	switch token, err := in.ReadToken(); {
	case err != nil:
		return err
	case token.Kind() != '{':
		return errors.New("a plan or a change is no object")
	}
	for in.PeekKind() == '"' {
		name, err := in.ReadToken()
		if err != nil {
			return err
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	_, err := in.ReadToken()
	return err
}
