package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	stdsync "sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// HoldList is what waits for a person, as scripts read it.
type HoldList struct {
	Holds []state.Hold `json:"holds"`
}

// A Waiting is a hold with what its plan comes to. The plan itself is read where it is
// shown: a list may be of a thousand.
type Waiting struct {
	state.Hold
	Stands string
	Extent
}

// An Extent is what a plan comes to.
type Extent struct {
	Up       Sums // a month, by currency
	Down     Sums // likewise, none positive
	Unpriced int  // changes of which the money is not known, and in neither
	Count    int  // of changes
	Writes   int  // of them, those that ask the target for anything
}

// Sums are amounts of money by currency, which are never added.
type Sums map[string]decimal.Decimal

// Add adds to the sum of a currency.
func (s *Sums) Add(currency string, amount decimal.Decimal) {
	if *s == nil {
		*s = Sums{}
	}
	(*s)[currency] = (*s)[currency].Add(amount)
}

// AddAll adds other sums.
func (s *Sums) AddAll(o Sums) {
	for currency, amount := range o {
		s.Add(currency, amount)
	}
}

// Size is how much money the plan is about: what it adds and what it takes, a month.
func (w *Extent) Size() decimal.Decimal {
	var size decimal.Decimal
	for _, sums := range []Sums{w.Up, w.Down} {
		for _, amount := range sums {
			size = size.Add(amount.Abs())
		}
	}
	return size
}

// Adopts reports whether approving the plan changes nothing at the target, and nothing
// else about it is asked.
func (w *Waiting) Adopts() bool {
	return w.Digest != "" && w.Count > 0 && w.Writes == 0 && w.Stands == state.StandsNeedsApproval &&
		!slices.ContainsFunc(w.Violations, func(v plan.Violation) bool { return !v.Note && (v.Key != "" || v.NeedsRepair) })
}

// EditedBy reports whether approving the plan writes over what a person did at the target.
func (w *Waiting) EditedBy() bool {
	return slices.ContainsFunc(w.Violations, func(v plan.Violation) bool { return v.OverwritesEdit() })
}

// InBulk reports whether the plan may be approved together with others.
func (w *Waiting) InBulk() bool {
	if w.Digest == "" || w.Stands != state.StandsNeedsApproval {
		return false
	}
	taken, _ := Sweep([]state.Hold{w.Hold})
	return len(taken) == 1
}

// Waiting returns what waits for a person, the most money first, without reading more of
// the plans than their sums.
func (w *App) Waiting(ctx context.Context) ([]Waiting, error) {
	var all []Waiting
	for h, err := range w.Store.Holds(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the holds: %w", err)
		}
		all = append(all, Waiting{h, h.Standing(), w.extents.of(&h, w.Config.Currency)})
	}
	sizes := map[plan.Scope]decimal.Decimal{}
	for i := range all {
		sizes[all[i].Scope] = all[i].Size()
	}
	slices.SortStableFunc(all, func(a, b Waiting) int {
		return cmp.Or(sizes[b.Scope].Cmp(sizes[a.Scope]), strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)))
	})
	return all, nil
}

// extents remembers what plans come to: they are long, and the same until a run looks again.
type extents struct {
	mu    stdsync.Mutex
	known map[plan.Scope]extentOf
}

type extentOf struct {
	run, digest string
	Extent
}

// of is what the plan of a hold comes to.
func (x *extents) of(h *state.Hold, currency string) Extent {
	x.mu.Lock()
	defer x.mu.Unlock()
	if known, ok := x.known[h.Scope]; ok && known.run == h.Run && known.digest == h.Digest {
		return known.Extent
	}
	if x.known == nil {
		x.known = map[plan.Scope]extentOf{}
	}
	e := extentOfPlan(h.Plan, currency)
	x.known[h.Scope] = extentOf{h.Run, h.Digest, e}
	return e
}

// extentOfPlan reads from a plan what it comes to. One that cannot be read is shown without its sums.
func extentOfPlan(body []byte, currency string) (e Extent) {
	var shown struct {
		Changes []struct {
			Action       plan.Action    `json:"action"`
			Fields       jsontext.Value `json:"fields"`
			MonthlyDelta *string        `json:"monthly_delta"`
			Currency     string         `json:"currency"`
		} `json:"changes"`
	}
	if json.Unmarshal(body, &shown) != nil {
		return e
	}
	e.Count = len(shown.Changes)
	for _, c := range shown.Changes {
		switch c.Action {
		case plan.Create, plan.Update, plan.Delete:
			e.Writes++
		case plan.Adopt:
			if len(c.Fields) > len("{}") {
				e.Writes++
			}
		}
		if c.MonthlyDelta == nil {
			e.Unpriced++
			continue
		}
		delta, err := decimal.NewFromString(*c.MonthlyDelta)
		switch {
		case err != nil || delta.IsZero():
		case delta.IsPositive():
			e.Up.Add(cmp.Or(c.Currency, currency), delta)
		default:
			e.Down.Add(cmp.Or(c.Currency, currency), delta)
		}
	}
	return e
}
