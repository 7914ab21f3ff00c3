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

// A Price returns what one unit of a licence costs the customer a month; known is false
// where there is no price.
type Price func(t directory.Tenant, sku string) (monthly decimal.Decimal, known bool)

// A Runner plans and runs playbooks. It may be shared; the caller avoids two runs of one
// table at the same time.
type Runner struct {
	Admin *admin.Admin
	Price Price // nil: no price is known
	Store Store // what was done so far
	// Concurrency is how many lines run at once; 0 means 4. Lines of one tenant run one
	// after the other, except for offboardings, which mostly wait.
	Concurrency int
	// OnOutcome is called with the outcome of every item, by one goroutine at a time;
	// it may be nil.
	OnOutcome func(Outcome)
}

// An Effect is what an item does to the licences that a customer uses.
type Effect struct {
	Tenant  string // its name
	SKU     string
	Name    string
	Units   int
	Monthly decimal.Decimal // of all units; 0 where Known is false
	Known   bool
}

// An Item is one step of a plan.
type Item struct {
	ID      string // stable: the same in every plan of the same table
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
	isDone  func(context.Context) (bool, error) // whether the wanted state is there; called after an earlier attempt
	// complete gives an existing account the planned licences and groups that it lacks,
	// and returns what it did; nil for other items.
	complete func(context.Context) ([]string, error)
	progress Progress
}

// State is the state of an item's earlier attempts: empty, started, done or failed.
func (i *Item) State() string { return i.progress.State }

// A Plan is all steps of a table.
type Plan struct {
	Run    string // the table's digest
	Kind   Kind
	Digest string // of what is still to be done
	Items  []Item
}

// Empty reports whether there is nothing to do.
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

// A planner makes one plan.
type planner struct {
	runner    *Runner
	ctx       context.Context
	table     *Table
	run       string
	tenants   []directory.Tenant
	done      map[string]Progress
	licences  map[directory.TenantID][]admin.Licence
	changedBy map[string]int // user and SKU → the line of a licences table that changes it
	plan      *Plan
	problems  []mapping.Problem
}

// Plan reads everything that a table names and returns what would be done. A line that
// cannot be done is a problem, and with one problem there is no plan: the error is a
// *mapping.ImportError. What an earlier run of the same table did stays done.
func (r *Runner) Plan(ctx context.Context, table *Table) (*Plan, error) {
	p := &planner{runner: r, ctx: ctx, table: table, run: table.Digest(), licences: map[directory.TenantID][]admin.Licence{},
		changedBy: map[string]int{}}
	p.plan = &Plan{Run: p.run, Kind: table.Kind}
	var err error
	if p.done, err = r.Store.Load(ctx, p.run); err != nil {
		return nil, fmt.Errorf("what was done so far: %w", err)
	}
	if p.tenants, err = r.Admin.TenantList(ctx); err != nil {
		return nil, err
	}
	for _, l := range table.Lines {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		t, err := admin.Resolve(p.tenants, l.Get("tenant"))
		if err != nil {
			p.addProblem(l, "tenant", err)
			continue
		}
		switch table.Kind {
		case Onboard:
			p.planOnboard(l, t)
		case Offboard:
			p.planOffboard(l, t)
		case Licences:
			p.planLicences(l, t)
		case MFA:
			p.planMFA(l, t)
		}
	}
	p.checkFreeUnits()
	if len(p.problems) > 0 {
		return nil, &mapping.ImportError{Problems: p.problems}
	}
	h := sha256.New()
	for _, i := range p.plan.Items {
		if i.State() != StateDone && !i.Already {
			fmt.Fprintf(h, "%q%q%q%q\n", i.ID, i.What, i.Before.String(), i.Wanted.String())
		}
	}
	p.plan.Digest = hex.EncodeToString(h.Sum(nil)[:6])
	return p.plan, nil
}

func (p *planner) addProblem(l Line, column string, err error) {
	p.problems = append(p.problems, mapping.Problem{Line: l.N, Column: column, Message: err.Error()})
}

// add adds an item, with its progress in an earlier run.
func (p *planner) add(l Line, i Item) string {
	i.Line = l.N
	i.ID = fmt.Sprintf("%s/%s/%s", i.Tenant.ID, strings.ToLower(i.Who), i.ID)
	i.progress = p.done[i.ID]
	if slices.ContainsFunc(p.plan.Items, func(o Item) bool { return o.ID == i.ID }) {
		p.addProblem(l, "", fmt.Errorf("the same is asked for in another line: %s", i.What))
	}
	p.plan.Items = append(p.plan.Items, i)
	return i.ID
}

// attempted reports whether an earlier run started an item: what is there now may be its
// result.
func (p *planner) attempted(t directory.Tenant, who, id string) bool {
	return p.done[fmt.Sprintf("%s/%s/%s", t.ID, strings.ToLower(who), id)].State != ""
}

// withStep returns an item with the title, state and dangers of its step.
func withStep(i Item, s admin.Step) Item {
	i.step, i.What, i.Danger, i.Before, i.Wanted, i.Already = s.ID, s.Title, s.Danger, s.Before, s.Wanted, s.Done
	return i
}

func (p *planner) licencesOf(t directory.Tenant) ([]admin.Licence, error) {
	if all, ok := p.licences[t.ID]; ok {
		return all, nil
	}
	all, err := p.runner.Admin.LicenceList(p.ctx, t)
	if err == nil {
		p.licences[t.ID] = all
	}
	return all, err
}

// effect returns what assigning (1) or removing (-1) a licence costs.
func (p *planner) effect(t directory.Tenant, sku, name string, units int) Effect {
	e := Effect{Tenant: t.Name, SKU: sku, Name: name, Units: units}
	if p.runner.Price != nil {
		if one, known := p.runner.Price(t, sku); known {
			e.Monthly, e.Known = one.Mul(decimal.NewFromInt(int64(units))), true
		}
	}
	return e
}

// checkFreeUnits checks that there are units for all lines: each line by itself only
// checked that one is free.
func (p *planner) checkFreeUnits() {
	freeUnits := map[string]int{}
	for id, all := range p.licences {
		for _, k := range all {
			freeUnits[string(id)+k.SKU] = k.Free
		}
	}
	for _, i := range p.plan.Items {
		if i.State() == StateDone || i.Already {
			continue
		}
		for _, e := range i.Effects {
			key := string(i.Tenant.ID) + e.SKU
			free, counted := freeUnits[key]
			if !counted {
				continue
			}
			// A unit that an offboarding frees is free when its task has run, which
			// nobody can promise to later lines; it counts where lines follow each other.
			freeUnits[key] = free - e.Units
			if e.Units > 0 && freeUnits[key] < 0 {
				p.problems = append(p.problems, mapping.Problem{Line: i.Line,
					Message: fmt.Sprintf("no %s is left in %s for %s: the lines above take the last one; buy more first", e.Name, e.Tenant, i.Who)})
			}
		}
	}
}
