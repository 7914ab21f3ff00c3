package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// An Operator is the person in whose name something is decided.
type Operator struct {
	Name       string // as the state keeps it
	Identified string // how that is known, such as: by the kernel
}

// Meant says which holds a person speaks of: one by its digest, those of a customer,
// or all of them.
type Meant struct {
	Approve bool     // to approve them; false to reject them
	Digest  string   // of one plan
	Names   []string // a customer, and a target where one is meant
	All     bool
}

// Holds returns what waits for a person, the most money first: all of it, or that
// of a customer or a target.
func (w *App) Holds(ctx context.Context, customer, target string) ([]state.Hold, error) {
	holds, err := w.held(ctx)
	if err != nil {
		return nil, err
	}
	if customer != "" {
		c, err := w.Customer(ctx, customer)
		if err != nil {
			return nil, err
		}
		holds = slices.DeleteFunc(holds, func(h state.Hold) bool { return h.Scope.Customer != c.Key })
	}
	if target != "" {
		if target, err = w.Config.targetNamed(target); err != nil {
			return nil, err
		}
		holds = slices.DeleteFunc(holds, func(h state.Hold) bool { return h.Scope.Target != target })
	}
	return holds, nil
}

// held returns every hold, the most money first.
func (w *App) held(ctx context.Context) ([]state.Hold, error) {
	holds, money := []state.Hold{}, map[plan.Scope]decimal.Decimal{} // a plan may be long: each is read once, not at every comparison
	for h, err := range w.Store.Holds(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the holds: %w", err)
		}
		delta, _ := decimal.NewFromString(ShownPlan(&h).MonthlyDelta) // nothing counts as no money
		holds, money[h.Scope] = append(holds, h), delta.Abs()
	}
	slices.SortStableFunc(holds, func(a, b state.Hold) int {
		return cmp.Or(money[b.Scope].Cmp(money[a.Scope]), strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)))
	})
	return holds, nil
}

// ShownPlan is the plan of a hold as it was shown when it was held.
func ShownPlan(h *state.Hold) (s sync.ScopeReport) {
	if err := json.Unmarshal(h.Plan, &s); err != nil {
		s.Changes = nil // it is shown without its changes rather than not at all
	}
	return s
}

// Meant returns the holds that were named. An approval of a plan that was only
// shown, never held, makes the plan again and holds it first.
func (w *App) Meant(ctx context.Context, d Meant, progress Progress) ([]state.Hold, error) {
	sel := sync.Selection{Jobs: w.Jobs, Trigger: "command"}
	if len(d.Names) > 0 {
		c, err := w.Customer(ctx, d.Names[0])
		if err != nil {
			return nil, err
		}
		sel.Customer = c.Key
	}
	if len(d.Names) > 1 {
		target, err := w.Config.targetNamed(d.Names[1])
		if err != nil {
			return nil, err
		}
		sel.Target = target
	}
	find := func() ([]state.Hold, error) {
		holds, err := w.held(ctx)
		return slices.DeleteFunc(holds, func(h state.Hold) bool {
			switch {
			case d.All:
				return d.Approve && h.Decision != nil && h.Decision.Approved
			case d.Digest != "":
				return h.Digest != d.Digest
			}
			return h.Scope.Customer != sel.Customer || sel.Target != "" && h.Scope.Target != sel.Target
		}), err
	}
	found, err := find()
	if err != nil || len(found) > 0 {
		return found, err
	}
	if d.Approve && len(d.Names) > 0 {
		if found, err = w.unsettled(ctx, sel); err != nil || len(found) > 0 {
			return found, err
		}
	}
	if d.Approve {
		sel.Progress = progress.scopes()
		if _, err := w.Engine.Run(ctx, sel, sync.HoldOnly); err != nil {
			return nil, err
		}
		if found, err = find(); err != nil || len(found) > 0 {
			return found, err
		}
	}
	switch {
	case d.Digest != "":
		return nil, Usage("no plan that waits has digest %s; it may have changed: see syncd holds", d.Digest)
	case d.All:
		return nil, nil
	}
	return nil, Usage("nothing waits for %s; see syncd holds", strings.Join(d.Names, " at "))
}

// Sweep parts what --all approves from what somebody must name: a word of a
// person stands against it, or a person's own edit at the target.
func Sweep(holds []state.Hold) (taken []state.Hold, out []Verdict) {
	for _, h := range holds {
		v := verdictOn(&h, "left_out")
		switch edits := edited(&h); {
		case h.Digest == "": // there is nothing to approve, and that is said
			taken = append(taken, h)
		case h.Decision != nil && !h.Decision.Approved:
			v.Message = fmt.Sprintf("%s rejected it%s; syncd approve --digest %s takes it back", h.Decision.By, Because(h.Decision.Reason), h.Digest)
			out = append(out, v)
		case h.Decision == nil && slices.ContainsFunc(h.Violations, func(v plan.Violation) bool { return v.Code == plan.Rejected }):
			v.Message = fmt.Sprintf("this very plan was rejected before; syncd approve --digest %s takes that back", h.Digest)
			out = append(out, v)
		case slices.ContainsFunc(h.Violations, func(v plan.Violation) bool { return v.BillsTwice() }):
			v.Message = fmt.Sprintf("it would bill twice what was kept in step elsewhere before; end that first, or syncd approve --digest %s allows it", h.Digest)
			out = append(out, v)
		case slices.ContainsFunc(h.Violations, func(v plan.Violation) bool { return v.StopsCounting() }):
			v.Message = fmt.Sprintf("what was set for a tenant alone would count no longer; set it for this customer first, or syncd approve --digest %s allows it", h.Digest)
			out = append(out, v)
		case slices.ContainsFunc(h.Violations, func(v plan.Violation) bool { return v.ChangesTakenOver() }):
			v.Message = fmt.Sprintf("it would change what was kept in step for a tenant alone, whatever waited there; syncd approve --digest %s allows it", h.Digest)
			out = append(out, v)
		case slices.ContainsFunc(h.Violations, func(v plan.Violation) bool { return v.MayBeClosed() }):
			v.Message = fmt.Sprintf("it may be billed for days of a month that is closed; syncd approve --digest %s allows it", h.Digest)
			out = append(out, v)
		case returns(&h):
			v.Message = fmt.Sprintf("it would write again what a person took back; syncd approve --digest %s allows it", h.Digest)
			out = append(out, v)
		case edits != "":
			v.Message = fmt.Sprintf("it would write over a person's edit: %s; syncd approve --digest %s allows it", edits, h.Digest)
			out = append(out, v)
		default:
			taken = append(taken, h)
		}
	}
	return WithoutHalves(taken, out)
}

// WithoutHalves leaves out what belongs together with what is left out.
func WithoutHalves(taken []state.Hold, out []Verdict) ([]state.Hold, []Verdict) {
	for {
		i := slices.IndexFunc(taken, func(h state.Hold) bool { return otherHalf(&h, out) != nil })
		if i < 0 {
			return taken, out
		}
		h := taken[i]
		v := verdictOn(&h, "left_out")
		v.Message = fmt.Sprintf("it belongs together with the plan of %s, which is left out; syncd approve --digest %s approves this half",
			otherHalf(&h, out).Customer.Name, h.Digest)
		taken, out = slices.Delete(slices.Clone(taken), i, i+1), append(out, v)
	}
}

// otherHalf is the verdict on a plan that a hold belongs together with; nil where there is
// none.
func otherHalf(h *state.Hold, of []Verdict) *Verdict {
	i := slices.IndexFunc(of, func(v Verdict) bool {
		return v.Target == h.Scope.Target && slices.Contains(together(h.Violations), v.Customer.Key)
	})
	if i < 0 {
		return nil
	}
	return &of[i]
}

// together are the customers in whose plans the other halves of a hold's changes are.
func together(vs []plan.Violation) (customers []string) {
	for _, v := range vs {
		customers = append(customers, v.With...)
	}
	slices.Sort(customers)
	return slices.Compact(customers)
}

// halvesWaiting says which plans belong together with an approved one and wait for a person,
// those that are decided with it aside.
func (w *App) halvesWaiting(ctx context.Context, h *state.Hold, decided []state.Hold) (string, error) {
	var waiting []string
	for _, customer := range together(h.Violations) {
		scope := plan.Scope{Customer: customer, Target: h.Scope.Target}
		if slices.ContainsFunc(decided, func(x state.Hold) bool { return x.Scope == scope }) {
			continue
		}
		m, err := w.Store.Recall(ctx, scope)
		if err != nil {
			return "", fmt.Errorf("reading what waits of %s: %w", scope, err)
		}
		x := m.Hold
		if x == nil || x.Approved(x.Digest) || !slices.ContainsFunc(x.Violations, func(v plan.Violation) bool { return !v.Note && v.Code != plan.CodeHalves }) {
			continue
		}
		waiting = append(waiting, fmt.Sprintf("%s (syncd approve --digest %s)", x.Name, x.Digest))
	}
	if len(waiting) == 0 {
		return "", nil
	}
	return "it belongs together with what waits of " + strings.Join(waiting, " and ") + ": all of it is written in one run, or nothing", nil
}

// returns reports whether a hold would write again what a person reverted.
func returns(h *state.Hold) bool {
	return slices.ContainsFunc(h.Violations, func(v plan.Violation) bool { return v.Returns() })
}

// edited says what of a hold would write over what a person did at the target.
func edited(h *state.Hold) string {
	var of []string
	for _, v := range h.Violations {
		if v.OverwritesEdit() {
			text, _, _ := strings.Cut(v.Message, "; approve ")
			of = append(of, text)
		}
	}
	return strings.Join(of, "; ")
}

// A Verdict is one line of what approve and reject did.
type Verdict struct {
	Customer sync.CustomerRef `json:"customer"`
	Target   string           `json:"target"`
	Digest   string           `json:"digest"`
	Decision string           `json:"decision"` // approved, rejected, stays or left_out
	Message  string           `json:"message"`
	Credits  []money.Credit   `json:"credits,omitzero"` // to be issued by hand where a way back was approved

	Plan      sync.ScopeReport `json:"-"` // as it was approved
	ForOthers bool             `json:"-"` // left out, because who asks changed it (four_eyes)
}

func verdictOn(h *state.Hold, decision string) Verdict {
	customer := sync.CustomerRef{Key: h.Scope.Customer, Name: h.Name}
	return Verdict{Customer: customer, Target: h.Scope.Target, Digest: h.Digest, Decision: decision}
}

// Decide stores a person's word on each of the holds: they pass at the next apply,
// or wait until they change. Where one of them is for other eyes it stores nothing.
func (w *App) Decide(ctx context.Context, by Operator, approve bool, reason string, holds []state.Hold) ([]Verdict, error) {
	if approve {
		if _, out, err := w.ForOthers(ctx, by, holds); err != nil {
			return nil, err
		} else if len(out) > 0 {
			return nil, &FourEyesError{out}
		}
	}
	var verdicts []Verdict
	for i := range holds {
		h := &holds[i]
		v := verdictOn(h, "rejected")
		if approve {
			v.Decision, v.Plan = "approved", ShownPlan(h)
			v.Credits = v.Plan.Credits
		}
		settled := 0
		if approve {
			n, err := w.settleInvoices(ctx, by, h, reason)
			if err != nil {
				return nil, err
			}
			settled = n
		}
		gone := ""
		if approve {
			var err error
			if gone, err = w.givenUp(ctx, h); err != nil {
				return nil, err
			}
		}
		switch stays := repairs(h.Violations); {
		case gone != "":
			v.Decision, v.Message, v.Credits = "stays", gone, nil
		case settled > 0 && h.Digest == "":
			v.Message = Count(settled, "invoice") + " settled; the next run says no more of it"
		case h.Digest == "" && stays == "":
			v.Decision, v.Message = "stays", "there is no change to decide on"
		case approve && h.Digest == "":
			v.Decision, v.Message = "stays", "approval does not cure it: "+stays
		default:
			err := w.Store.Decide(ctx, h.Scope, h.Digest, state.Decision{Approved: approve, By: by.Name, How: by.Identified, At: w.Now().UTC(), Reason: reason},
				w.planEntry(by, approve, h, reason))
			if err != nil {
				return nil, fmt.Errorf("%s at %s: %w; see syncd holds", h.Name, h.Scope.Target, err)
			}
			w.Log.Info().Str("customer", h.Scope.Customer).Str("target", h.Scope.Target).Str("digest", h.Digest).Str("decision", v.Decision).
				Str("by", by.Name).Str("identified", by.Identified).Msg("plan decided on")
			if err := w.withdrawRejected(ctx, approve, h); err != nil {
				return nil, err
			}
			if stays != "" && approve {
				v.Message = "approved, but this stays until it is repaired: " + stays
			} else if approve {
				if v.Message, err = w.halvesWaiting(ctx, h, holds); err != nil {
					return nil, err
				}
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, nil
}

// A PlanGoneError is about a digest that no plan has that waits.
type PlanGoneError struct {
	Digest string
	Known  bool     // whether a plan had it once
	Moved  []string // what became of it
}

func (e *PlanGoneError) Error() string {
	if !e.Known {
		return fmt.Sprintf("no plan has the digest %s; syncd holds lists what waits", e.Digest)
	}
	return fmt.Sprintf("the plan %s does not wait any more, so nothing was decided: %s", e.Digest, strings.Join(e.Moved, "; "))
}

// DecideOn stores a person's word on the plan with a digest. The same word again changes
// nothing; where the plan does not wait any more it is a PlanGoneError. Seen, where it is
// known, is what that person saw somebody's decision to be (Seen): another person's that came
// since is a MovedError.
func (w *App) DecideOn(ctx context.Context, by Operator, digest string, approve bool, reason string, seen *string) (Verdict, error) {
	w.settling.Lock()
	defer w.settling.Unlock()
	for h, err := range w.Store.Holds(ctx) {
		if err != nil {
			return Verdict{}, fmt.Errorf("reading the holds: %w", err)
		}
		if h.Digest != digest || digest == "" {
			continue
		}
		if d := h.Decision; d != nil && d.Approved == approve {
			return decidedAlready(&h, *d), nil
		} else if d != nil && d.By != by.Name && seen != nil && *seen != Seen(d) {
			return Verdict{}, &MovedError{[]string{fmt.Sprintf("%s %s it on %s%s", d.By, decided(d.Approved), d.At.In(w.Location).Format("2006-01-02 15:04"), Because(d.Reason))}}
		}
		verdicts, err := w.Decide(ctx, by, approve, reason, []state.Hold{h})
		if errors.Is(err, state.ErrNotFound) { // it moved just now
			break
		}
		if err != nil {
			return Verdict{}, err
		}
		v := verdicts[0]
		if d := h.Decision; d != nil && v.Message == "" { // who decides may not have seen it
			v.Message = fmt.Sprintf("%s had %s it; that is taken back", d.By, decided(d.Approved))
		}
		return v, nil
	}
	return w.decideOnFormer(ctx, digest, approve)
}

// Seen tells a decision from every other one of the same plan: by its time, as JSON has it.
// That of no decision is empty.
func Seen(d *state.Decision) string {
	if d == nil {
		return ""
	}
	return d.At.UTC().Format(time.RFC3339Nano)
}

func decidedAlready(h *state.Hold, d state.Decision) Verdict {
	v := verdictOn(h, decided(d.Approved))
	v.Message = fmt.Sprintf("%s %s it already%s", d.By, v.Decision, Because(d.Reason))
	return v
}

// decideOnFormer is a person's word on a plan that does not wait any more.
func (w *App) decideOnFormer(ctx context.Context, digest string, approve bool) (Verdict, error) {
	gone := &PlanGoneError{Digest: digest}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return Verdict{}, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		i := slices.IndexFunc(c.Former, func(f state.FormerPlan) bool { return f.Digest == digest })
		if i < 0 || digest == "" {
			continue
		}
		f := &c.Former[i]
		if approve && f.Done != nil {
			v := decidedAlready(&state.Hold{Scope: c.Scope, Name: c.Name, Digest: digest}, *f.Done)
			v.Message += ", and it was carried out"
			return v, nil
		}
		m, err := w.Store.Recall(ctx, c.Scope)
		if err != nil {
			return Verdict{}, err
		}
		gone.Known, gone.Moved = true, w.movedSince(f, &c, m.Hold)
		break
	}
	return Verdict{}, gone
}

// movedSince says what became of a plan that waited.
func (w *App) movedSince(f *state.FormerPlan, c *state.Cursor, now *state.Hold) []string {
	at := f.At.In(w.Location).Format("2006-01-02 15:04")
	switch {
	case f.Done != nil:
		return []string{fmt.Sprintf("%s approved it, and it was carried out at %s", f.Done.By, at)}
	case now == nil || now.Digest == "":
		return []string{fmt.Sprintf("since %s nothing of it waits: %s is %s", at, c.Name, c.Standing(""))}
	}
	shown := ShownPlan(now)
	var out []string
	for _, was := range f.Changes {
		i := slices.IndexFunc(shown.Changes, func(x plan.Change) bool { return x.Key == was.Key })
		switch {
		case i < 0:
			out = append(out, fmt.Sprintf("%s: was %s, and is no part of the plan any more", was.Label, was.What))
		case shown.Changes[i].What() != was.What:
			out = append(out, fmt.Sprintf("%s: was %s, is %s", was.Label, was.What, shown.Changes[i].What()))
		}
	}
	for i := range shown.Changes {
		x := &shown.Changes[i]
		if f.More == 0 && !slices.ContainsFunc(f.Changes, func(was state.FormerChange) bool { return was.Key == x.Key }) {
			out = append(out, fmt.Sprintf("%s: is new, %s", x.Label, x.What()))
		}
	}
	if len(out) == 0 {
		out = []string{"the changes read the same; what else is in them moved"}
	}
	return append(out, fmt.Sprintf("since %s the plan %s waits in its place", at, now.Digest))
}

func decided(approve bool) string {
	if approve {
		return "approved"
	}
	return "rejected"
}

// repairs says what no approval cures.
func repairs(vs []plan.Violation) string {
	text := ""
	for _, v := range vs {
		if v.NeedsRepair && !v.Note {
			if text != "" {
				text += "; "
			}
			text += v.Message
		}
	}
	return text
}
