// Package replay lives the random histories of bench/model in the program's own loop.
package replay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/shopspring/decimal"

	"syncd/bench/model"
	"syncd/internal/connectwise"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
	"syncd/internal/simulator/connectwise"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
	"syncd/internal/sync"
	"syncd/internal/target"
)

// longestIdle is how many days may pass without a run.
const longestIdle = 20

// A Replay lives random histories in the program's own loop, against a simulated
// ConnectWise, and holds what is billed against the model of package model.
type Replay struct {
	runEvery  int // days
	idle      int // days since the last run
	random    *rand.Rand
	today     time.Time
	customers []*model.Customer
	sim       *cwsim.Server
	engine    *sync.Engine
	store     state.Store
	job       sync.Job
	kill      atomic.Int64 // requests until the run is killed; 0 = none is
	killed    context.CancelFunc

	Months, Runs, Invoices, Approvals, Kills, Holds, Guesses int
}

// Run lives as many customer-months as asked for, of so many customers side by side and
// with a run of the program every so many days on the average, and says the first
// difference between what is billed and what may be.
func Run(customers, customerMonths, runEvery int, seed uint64) (*Replay, error) {
	dir, err := os.MkdirTemp(memory(), "syncd-histories-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &Replay{runEvery: runEvery, random: rand.New(rand.NewPCG(seed, 1)), today: time.Date(2026, 7, 6, 0, 0, 0, 0, time.UTC)}
	if err := r.open(dir, customers); err != nil {
		return r, err
	}
	defer r.store.Close()
	for r.Months = 0; r.Months < customerMonths; {
		month := r.today.Month()
		for r.today.Month() == month {
			if err := r.day(); err != nil {
				return r, fmt.Errorf("seed %d, %s: %w", seed, r.today.Format(time.DateOnly), err)
			}
			r.today = r.today.AddDate(0, 0, 1)
		}
		r.Months += len(r.customers)
	}
	return r, nil
}

// memory is a folder in memory, where the system has one: the state is on disk
// after every step, and what is asked here is not how fast the disk is.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func (r *Replay) now() time.Time { return r.today.Add(12 * time.Hour) }

func tenantOf(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// prices of the products, by SKU.
var historyPrices = []string{"22.00", "36.50"}

func (r *Replay) open(dir string, customers int) error {
	world := cwsim.World{
		Companies: []*cwsim.Company{}, AgreementTypes: []*cwsim.AgreementType{{ID: 3, Name: "Managed Services"}, {ID: 4, Name: "Fixed"}},
		BillingCycles: []*cwsim.BillingCycle{{ID: 2, Identifier: "M", Name: "Monthly", Option: "Monthly"}},
	}
	var rules mapping.Rules
	for j, sku := range model.SKUs {
		world.Products = append(world.Products, &cwsim.Product{ID: 700 + j, Identifier: "P" + strconv.Itoa(j), Description: "Product " + strconv.Itoa(j), Class: "Agreement", Price: decimal.RequireFromString(historyPrices[j])})
		rules.Rules = append(rules.Rules, mapping.Rule{SKU: sku, Part: "S" + strconv.Itoa(j), Name: "Licence " + strconv.Itoa(j), Product: "P" + strconv.Itoa(j), Count: mapping.Purchased, Status: mapping.Bill})
	}
	var table mapping.Table
	for i := range customers {
		c := model.New("customer"+strconv.Itoa(i), r.today, r.random)
		r.customers = append(r.customers, c)
		agreementType := 4
		if c.Managed() {
			agreementType = 3
		}
		world.Companies = append(world.Companies, &cwsim.Company{ID: 1000 + i, Identifier: c.Name, Name: c.Name})
		world.Agreements = append(world.Agreements, &cwsim.Agreement{ID: 2000 + i, Name: "Licences", TypeID: agreementType, CompanyID: 1000 + i,
			StartDate: cwsim.Day(2024, 1, 1), NoEndingDate: true, BillingCycleID: 2, NextInvoiceDate: c.Agreement.Next.Format(time.DateOnly) + "T00:00:00Z"})
		for j, sku := range model.SKUs {
			c.Lines[sku].Billed = c.Due(sku)
			world.Additions = append(world.Additions, &cwsim.Addition{ID: additionID(i, j), AgreementID: 2000 + i, ProductID: 700 + j, Quantity: decimal.NewFromInt(int64(c.Due(sku))),
				UnitPrice: decimal.RequireFromString(historyPrices[j]), BillCustomer: "Billable", EffectiveDate: cwsim.Day(2025, 1, 1)})
		}
		table.Rows = append(table.Rows, mapping.Row{TenantID: directory.TenantID(tenantOf(i)), Tenant: c.Name, Customer: c.Name, Status: mapping.Linked,
			Links: mapping.Links{mapping.ConnectWiseCompany: strconv.Itoa(1000 + i), mapping.ConnectWiseAgreement: strconv.Itoa(2000 + i)}})
	}
	const id = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	r.sim = cwsim.New(world, cwsim.Options{Company: "msp", PublicKey: "PUBKEY00000001", PrivateKey: "PRVKEY00000001", ClientID: id, Now: r.now})
	conf := connectwise.Defaults()
	conf.URL, conf.Company = "https://cw.example.test", "msp"
	conf.PublicKey, conf.PrivateKey, conf.ClientID = secret.New("PUBKEY00000001"), secret.New("PRVKEY00000001"), secret.New(id)
	conf.Rate = rest.Rate{PerSecond: 1e6, Burst: 1e6, Concurrency: 4}
	conf.AgreementTypes = []string{"Managed Services", "Fixed"}
	conf.Freeze = []money.Freeze{{AgreementTypes: []string{"Managed*"}, InvoiceRun: money.RunLastBusiness, After: 2}}
	client, err := connectwise.New(conf, connectwise.Options{Log: zerolog.Nop(), Transport: killing{r, r.sim.Transport()}, Now: r.now})
	if err != nil {
		return err
	}
	if r.store, err = boltstate.Open(filepath.Join(dir, "history.db"), boltstate.Options{}); err != nil {
		return err
	}
	most := decimal.NewFromInt(1_000_000_000)
	none := plan.Ceiling{Count: -1, Percent: -1}
	r.job = sync.Job{Name: "licences", Targets: []string{"connectwise"}, Policy: plan.Auto, Limits: sync.Limits{Limits: plan.Limits{
		Creates: none, Updates: none, Deletes: none, Increase: most, Decrease: most, DecreaseExplained: most, SourceShrink: -1}}}
	r.engine = sync.New(sync.Options{Source: r, Store: r.store, Log: zerolog.Nop(), Now: r.now, Currency: "USD", LateAnswerWait: time.Nanosecond, LedgerMonths: 84,
		Links:   func(context.Context) (mapping.Table, error) { return table, nil },
		Targets: map[string]target.Opener{"connectwise": func(context.Context) (target.Target, error) { return client.Open(money.Tables{Rules: rules}), nil }}})
	return r.run("the first run")
}

func additionID(customer, product int) int { return 10000 + 10*customer + product }

// Tenants and Snapshot are the source: what Microsoft's answers say of each customer.
func (r *Replay) Tenants(context.Context) (directory.List[directory.Tenant], error) {
	out := make([]directory.Tenant, len(r.customers))
	for i, c := range r.customers {
		out[i] = directory.Tenant{ID: directory.TenantID(tenantOf(i)), Name: c.Name}
	}
	return directory.Proven(out, directory.Proof{Source: "history", TakenAt: r.now(), AsOf: r.now()}), nil
}

func (r *Replay) Snapshot(_ context.Context, t directory.Tenant, _ directory.Kinds) (*directory.Snapshot, error) {
	i := slices.IndexFunc(r.customers, func(c *model.Customer) bool { return c.Name == t.Name })
	c := r.customers[i]
	s := &directory.Snapshot{Tenant: t, TakenAt: r.now()}
	proof := directory.Proof{Source: "history", TakenAt: r.now(), AsOf: r.now()}
	if c.Unread {
		s.Licences = directory.Unknown[directory.Licence](proof, errors.New("no answer"))
		return s, nil
	}
	var licences []directory.Licence
	for j, sku := range model.SKUs {
		l := directory.Licence{SKU: sku, PartNumber: "S" + strconv.Itoa(j), Name: "Licence " + strconv.Itoa(j)}
		for _, x := range c.Subscriptions {
			if x.SKU != sku {
				continue
			}
			switch x.Status {
			case "Enabled", "Warning":
				l.Purchased += x.Units
				if x.Status == "Warning" {
					l.Grace += x.Units
				}
			default:
				l.Suspended += x.Units
			}
			l.Subscriptions = append(l.Subscriptions, directory.Subscription{ID: x.ID, Status: x.Status, Total: x.Units, Created: x.Created, Renews: x.Next, Owner: "partner"})
		}
		licences = append(licences, l)
	}
	s.Licences = directory.Proven(licences, proof)
	return s, nil
}

// killing ends the run when so many requests were sent.
type killing struct {
	r    *Replay
	next http.RoundTripper
}

func (k killing) RoundTrip(q *http.Request) (*http.Response, error) {
	if k.r.kill.Load() > 0 && k.r.kill.Add(-1) == 0 {
		resp, err := k.next.RoundTrip(q) // it arrives, and nobody hears the answer
		if err == nil {
			resp.Body.Close()
		}
		k.r.killed()
		return nil, context.Canceled
	}
	return k.next.RoundTrip(q)
}

// day lets a day pass for everybody, and runs where it is time.
func (r *Replay) day() error {
	for _, c := range r.customers {
		c.Day(r.today)
	}
	if r.today.Day() == 1 || r.today.Day() == 5 {
		if err := r.invoice(); err != nil {
			return err
		}
	}
	// What comes and goes between two runs, such as a period of grace, nobody has seen.
	if r.idle++; r.random.IntN(r.runEvery) != 0 && r.idle < longestIdle {
		return nil
	}
	r.idle = 0
	r.edit()
	if r.random.IntN(5) == 0 { // killed somewhere, and begun again
		ctx, cancel := context.WithCancel(context.Background())
		r.killed = cancel
		for _, c := range r.customers {
			c.Note(r.today, "killed")
		}
		r.kill.Store(1 + r.random.Int64N(40))
		_, _ = r.engine.Run(ctx, sync.Selection{Jobs: []sync.Job{r.job}, Trigger: "schedule"}, sync.Apply)
		if r.kill.Swap(0) == 0 {
			r.Kills++
		}
		cancel()
	}
	if err := r.run("a run"); err != nil {
		return err
	}
	return r.approve()
}

// run makes one run, and compares every line.
func (r *Replay) run(what string) error {
	r.Runs++
	if _, err := r.engine.Run(context.Background(), sync.Selection{Jobs: []sync.Job{r.job}, Trigger: "schedule"}, sync.Apply); err != nil {
		return err
	}
	for _, c := range r.customers {
		c.Ran(r.today)
		c.Note(r.today, "%s: unread %t, frozen %t, %d periods; %s", what, c.Unread, model.Frozen(c.Managed(), r.today), c.Outstanding(r.today), lines(c))
	}
	return r.compare(what)
}

// standing is what the program says of a customer.
func (r *Replay) standing(customer int) []string {
	memory, err := r.store.Recall(context.Background(), plan.Scope{Customer: tenantOf(customer), Target: "connectwise"})
	if err != nil || memory.Cursor == nil {
		return []string{fmt.Sprint("nothing is remembered: ", err)}
	}
	out := []string{"syncd says " + memory.Cursor.Outcome + " " + memory.Cursor.Error}
	for _, v := range memory.Cursor.Violations {
		out = append(out, v.Code+": "+v.Message)
	}
	return out
}

func lines(c *model.Customer) string {
	var out []string
	for _, sku := range model.SKUs {
		out = append(out, fmt.Sprintf("due %d billed %d", c.Due(sku), c.Lines[sku].Billed))
	}
	return strings.Join(out, ", ")
}

func (r *Replay) compare(what string) error {
	world := r.sim.World()
	for i, c := range r.customers {
		for j, sku := range model.SKUs {
			l := c.Lines[sku]
			got := world.Addition(additionID(i, j)).Quantity
			if c.Guess(sku, int(got.IntPart())) {
				r.Guesses++
			}
			if !got.Equal(decimal.NewFromInt(int64(l.Billed))) {
				return fmt.Errorf("after %s: %s bills %s of product %d, the model says %d (%d are due; unexplained %t, edited %t, several periods %t)\n%s",
					what, c.Name, got, j, l.Billed, c.Due(sku), l.Unexplained, l.Edited, l.Periods, strings.Join(append(c.Log[max(0, len(c.Log)-25):], r.standing(i)...), "\n"))
			}
		}
	}
	if n := len(world.Additions); n != len(r.customers)*len(model.SKUs) {
		return fmt.Errorf("after %s there are %d lines, want %d", what, n, len(r.customers)*len(model.SKUs))
	}
	return nil
}

// edit lets a person at the PSA change some lines.
func (r *Replay) edit() {
	for i, c := range r.customers {
		if r.random.IntN(60) != 0 {
			continue
		}
		j := r.random.IntN(len(model.SKUs))
		l := c.Lines[model.SKUs[j]]
		quantity := 1 + r.random.IntN(60)
		if quantity == l.Billed {
			continue
		}
		l.Billed, l.Edited = quantity, true
		c.Note(r.today, "jane sets product %d to %d", j, l.Billed)
		r.sim.Edit("jane", func(w *cwsim.World) { w.Addition(additionID(i, j)).Quantity = decimal.NewFromInt(int64(l.Billed)) })
	}
}

// approve lets a person approve some of what waits, and the next run write it.
func (r *Replay) approve() error {
	var holds []state.Hold
	for h, err := range r.store.Holds(context.Background()) {
		if err != nil {
			return err
		}
		holds = append(holds, h)
	}
	approved := map[int]bool{}
	for _, h := range holds {
		i := slices.IndexFunc(r.customers, func(c *model.Customer) bool { return h.Scope.Customer == tenantOf(slices.Index(r.customers, c)) })
		if h.Digest == "" || i < 0 || !r.customers[i].Waits(r.today) {
			continue
		}
		r.Holds++
		if r.random.IntN(3) != 0 {
			continue
		}
		if err := r.store.Decide(context.Background(), h.Scope, h.Digest, state.Decision{Approved: true, By: "jane", At: r.now()}); err != nil {
			return err
		}
		r.Approvals++
		approved[i] = true
	}
	if len(approved) == 0 {
		return nil
	}
	r.Runs++
	if _, err := r.engine.Run(context.Background(), sync.Selection{Jobs: []sync.Job{r.job}, Trigger: "schedule"}, sync.Apply); err != nil {
		return err
	}
	for i, c := range r.customers {
		c.Ran(r.today)
		if approved[i] {
			c.Approved(r.today)
			c.Note(r.today, "approved; %s", lines(c))
		}
	}
	return r.compare("an approval")
}

// invoice makes most of the invoices that are due, and checks each to the cent.
func (r *Replay) invoice() error {
	for i, c := range r.customers {
		for c.Agreement.Next.Before(r.today.AddDate(0, 0, 1)) && r.random.IntN(8) != 0 {
			made := r.sim.Invoice(2000+i, "billing")
			want := decimal.Zero
			for j, sku := range model.SKUs {
				want = want.Add(decimal.RequireFromString(historyPrices[j]).Mul(decimal.NewFromInt(int64(c.Lines[sku].Billed))))
			}
			if !made.Total.Equal(want) {
				return fmt.Errorf("the invoice of %s comes to %s, the model says %s", c.Name, made.Total, want)
			}
			c.Agreement.Next = c.Agreement.Next.AddDate(0, 1, 0)
			r.Invoices++
		}
	}
	return nil
}
