package playbook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// A Price says what one assigned unit of a licence costs the customer a month;
// known is false where nobody said.
type Price func(t directory.Tenant, sku string) (monthly decimal.Decimal, known bool)

// A Player plans and carries out playbooks. It may be shared; two runs of one
// book at the same time are the caller's to avoid.
type Player struct {
	Admin *admin.Admin
	Price Price // nil: no price is known
	Store Store // what was done so far
	// Width is how many lines are worked on at once; 0 means 4. Those of one
	// tenant follow each other, but for offboardings, which mostly wait.
	Width int
	// Heard is told of every item that came to an end; it may be nil. It is
	// called by one goroutine at a time.
	Heard func(Outcome)
}

// An Effect is what an item does to the licences that a customer uses.
type Effect struct {
	Tenant  string // its name
	SKU     string
	Name    string
	Units   int
	Monthly decimal.Decimal // of all units; nought where Known is false
	Known   bool
}

// An Item is one step of a plan.
type Item struct {
	ID      string // stable: the same in every plan of the same book
	Line    int
	Tenant  directory.Tenant
	Who     string
	What    string // in words
	Danger  string
	Already bool // it is so, as far as can be seen now
	Effects []Effect
	Before  admin.State
	Wanted  admin.State
	step    string // id of the step that was planned; empty where it could not be made yet
	needs   string // id of the item that must be done first
	make    func(context.Context) (admin.Step, error)
	settled func(context.Context) (bool, error) // is it so already? asked where an attempt may have been made
	// rest gives an account that is there what is missing of the licences and
	// groups it was to be made with, and says what it did; nil for other items.
	rest     func(context.Context) ([]string, error)
	progress Progress
}

// State is what is known of an item's earlier attempts: empty, started, done
// or failed.
func (i *Item) State() string { return i.progress.State }

// A Plan is all steps of a book.
type Plan struct {
	Run    string // names the run: the book's digest
	Kind   Kind
	Digest string // of what is still to be done
	Items  []Item
}

// Empty says whether there is nothing left to do.
func (p *Plan) Empty() bool {
	return !slices.ContainsFunc(p.Items, func(i Item) bool { return i.State() != StateDone && !i.Already })
}

// Effects adds up what the plan does to licences, by tenant and licence.
func (p *Plan) Effects() []Effect {
	var out []Effect
	for _, i := range p.Items {
		if i.State() == StateDone || i.Already {
			continue
		}
		for _, e := range i.Effects {
			at := slices.IndexFunc(out, func(o Effect) bool { return o.Tenant == e.Tenant && o.SKU == e.SKU })
			if at < 0 {
				out = append(out, e)
				continue
			}
			out[at].Units += e.Units
			out[at].Monthly = out[at].Monthly.Add(e.Monthly)
			out[at].Known = out[at].Known && e.Known
		}
	}
	return slices.DeleteFunc(out, func(e Effect) bool { return e.Units == 0 })
}

// Monthly is what the plan costs or saves the customers a month, and how many
// units of it have no known price.
func (p *Plan) Monthly() (sum decimal.Decimal, unknown int) {
	for _, e := range p.Effects() {
		if e.Known {
			sum = sum.Add(e.Monthly)
		} else {
			unknown += max(e.Units, -e.Units)
		}
	}
	return sum, unknown
}

// planning is what is shared by the lines of one plan.
type planning struct {
	p        *Player
	ctx      context.Context
	book     *Book
	run      string
	tenants  []directory.Tenant
	done     map[string]Progress
	licences map[directory.TenantID][]admin.Licence
	touched  map[string]int // user and SKU → the line of a licences book that changes it
	plan     *Plan
	problems []mapping.Problem
}

// Plan looks at everything a book speaks of and says what would be done. A
// line that cannot be carried out is a problem, and with one problem there is
// no plan: the error is a *mapping.ImportError. What was done in an earlier
// run of the same book stays done.
func (p *Player) Plan(ctx context.Context, book *Book) (*Plan, error) {
	w := &planning{p: p, ctx: ctx, book: book, run: book.Digest(), licences: map[directory.TenantID][]admin.Licence{}, touched: map[string]int{}}
	w.plan = &Plan{Run: w.run, Kind: book.Kind}
	var err error
	if w.done, err = p.Store.Load(ctx, w.run); err != nil {
		return nil, fmt.Errorf("what was done so far: %w", err)
	}
	if w.tenants, err = p.Admin.TenantList(ctx); err != nil {
		return nil, err
	}
	for _, l := range book.Lines {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		t, err := admin.Resolve(w.tenants, l.Get("tenant"))
		if err != nil {
			w.wrong(l, "tenant", err)
			continue
		}
		switch book.Kind {
		case Onboard:
			w.onboard(l, t)
		case Offboard:
			w.offboard(l, t)
		case Licences:
			w.change(l, t)
		case MFA:
			w.mfa(l, t)
		}
	}
	w.enough()
	if len(w.problems) > 0 {
		return nil, &mapping.ImportError{Problems: w.problems}
	}
	h := sha256.New()
	for _, i := range w.plan.Items {
		if i.State() != StateDone && !i.Already {
			fmt.Fprintf(h, "%q%q%q%q\n", i.ID, i.What, i.Before.String(), i.Wanted.String())
		}
	}
	w.plan.Digest = hex.EncodeToString(h.Sum(nil)[:6])
	return w.plan, nil
}

func (w *planning) wrong(l Line, column string, err error) {
	w.problems = append(w.problems, mapping.Problem{Line: l.N, Column: column, Message: err.Error()})
}

// add takes an item in, with what an earlier run made of it.
func (w *planning) add(l Line, i Item) string {
	i.Line = l.N
	i.ID = fmt.Sprintf("%s/%s/%s", i.Tenant.ID, strings.ToLower(i.Who), i.ID)
	i.progress = w.done[i.ID]
	if slices.ContainsFunc(w.plan.Items, func(o Item) bool { return o.ID == i.ID }) {
		w.wrong(l, "", fmt.Errorf("the same is asked for in another line: %s", i.What))
	}
	w.plan.Items = append(w.plan.Items, i)
	return i.ID
}

// attempted says whether an earlier run began an item, so that what it would
// be checked for now may be its own doing.
func (w *planning) attempted(t directory.Tenant, who, id string) bool {
	return w.done[fmt.Sprintf("%s/%s/%s", t.ID, strings.ToLower(who), id)].State != ""
}

// from fills an item with what a step says of itself.
func from(i Item, s admin.Step) Item {
	i.step, i.What, i.Danger, i.Before, i.Wanted, i.Already = s.ID, s.Title, s.Danger, s.Before, s.Wanted, s.Done
	return i
}

func (w *planning) licencesOf(t directory.Tenant) ([]admin.Licence, error) {
	if all, ok := w.licences[t.ID]; ok {
		return all, nil
	}
	all, err := w.p.Admin.LicenceList(w.ctx, t)
	if err == nil {
		w.licences[t.ID] = all
	}
	return all, err
}

// effect is what giving (1) or taking (-1) a licence costs.
func (w *planning) effect(t directory.Tenant, sku, name string, units int) Effect {
	e := Effect{Tenant: t.Name, SKU: sku, Name: name, Units: units}
	if w.p.Price != nil {
		if one, known := w.p.Price(t, sku); known {
			e.Monthly, e.Known = one.Mul(decimal.NewFromInt(int64(units))), true
		}
	}
	return e
}

// enough checks that there is a unit for everybody: each line by itself was
// only told that one is free.
func (w *planning) enough() {
	left := map[string]int{}
	for id, all := range w.licences {
		for _, k := range all {
			left[string(id)+k.SKU] = k.Free
		}
	}
	for _, i := range w.plan.Items {
		if i.State() == StateDone || i.Already {
			continue
		}
		for _, e := range i.Effects {
			key := string(i.Tenant.ID) + e.SKU
			free, counted := left[key]
			if !counted {
				continue
			}
			// A unit that an offboarding frees is free when its task has run, which
			// nobody can promise to later lines; it counts where lines follow each other.
			left[key] = free - e.Units
			if e.Units > 0 && left[key] < 0 {
				w.problems = append(w.problems, mapping.Problem{Line: i.Line, Message: fmt.Sprintf("no %s is left in %s for %s: the lines above take the last one; buy more first", e.Name, e.Tenant, i.Who)})
			}
		}
	}
}
