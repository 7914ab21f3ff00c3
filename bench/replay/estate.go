package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/shopspring/decimal"

	"syncd/bench/model"
	"syncd/internal/app"
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

// An estate is the customers of one history, the ConnectWise that bills them, and the
// program.
type estate struct {
	Replay
	runEvery  int // days
	idle      int // days since the last run
	random    *rand.Rand
	today     time.Time
	customers []*model.Customer
	sim       *cwsim.Server
	stood     map[int]decimal.Decimal // what the lines billed after the last run or edit, by addition
	store     state.Store
	app       *app.App
	job       sync.Job
	kill      atomic.Int64 // requests until the run is killed; 0 = none is
	end       context.CancelFunc

	graceFree bool // what has lapsed and still works costs nothing
	began     time.Time
	looked    string               // the last month that was looked back at
	closed    map[string]*archived // the months that are closed
}

func (e *estate) now() time.Time { return e.today.Add(12 * time.Hour) }

func tenantID(customer, n int) string {
	return fmt.Sprintf("0000%04d-0000-4000-8000-%012d", n, customer)
}

func agreementID(customer int) int { return 2000 + customer }

func additionID(customer, product int) int { return 10000 + 10*customer + product }

// key is how the program calls a customer: by its tenant, or by its name where it has
// several.
func (e *estate) key(customer int) string {
	if c := e.customers[customer]; c.Tenants > 1 {
		return c.Name
	}
	return tenantID(customer, 0)
}

// open makes them all.
func (e *estate) open(dir string) error {
	world := cwsim.World{
		Companies: []*cwsim.Company{}, AgreementTypes: []*cwsim.AgreementType{{ID: 3, Name: "Managed Services"}, {ID: 4, Name: "Fixed"}},
		BillingCycles: []*cwsim.BillingCycle{{ID: 2, Identifier: "M", Name: "Monthly", Option: "Monthly"}},
	}
	e.graceFree = e.random.IntN(2) == 0
	var table mapping.Table
	var rules mapping.Rules
	for j, p := range model.Products {
		world.Products = append(world.Products, &cwsim.Product{ID: 700 + j, Identifier: p.ID, Description: "Product " + p.ID, Class: "Agreement", Price: decimal.RequireFromString(p.Price)})
		rules.Rules = append(rules.Rules, ruleOf(p, ""))
	}
	for i := range customersOfEstate {
		c := model.New("customer"+strconv.Itoa(i), i, e.graceFree, e.today, e.random)
		e.customers = append(e.customers, c)
		agreementType := 4
		if c.Managed() {
			agreementType = 3
		}
		world.Companies = append(world.Companies, &cwsim.Company{ID: 1000 + i, Identifier: c.Name, Name: c.Name})
		world.Agreements = append(world.Agreements, &cwsim.Agreement{ID: agreementID(i), Name: "Licences", TypeID: agreementType, CompanyID: 1000 + i,
			StartDate: cwsim.Day(2024, 1, 1), NoEndingDate: true, BillingCycleID: 2, NextInvoiceDate: c.Agreement.Next.Format(time.DateOnly) + "T00:00:00Z"})
		for j, p := range c.Products() {
			world.Additions = append(world.Additions, &cwsim.Addition{ID: additionID(i, j), AgreementID: agreementID(i), ProductID: 700 + j, Quantity: decimal.NewFromInt(int64(c.Lines[p.ID].Billed)),
				UnitPrice: decimal.RequireFromString(p.Price), BillCustomer: "Billable", EffectiveDate: cwsim.Day(2025, 1, 1)})
			if p.Own {
				rules.Rules = append(rules.Rules, ruleOf(p, e.key(i)))
			}
		}
		for n := range c.Tenants {
			table.Rows = append(table.Rows, mapping.Row{TenantID: directory.TenantID(tenantID(i, n)), Tenant: fmt.Sprintf("%s-%d", c.Name, n), Customer: c.Name, Together: c.Tenants > 1, Status: mapping.Linked,
				Links: mapping.Links{mapping.ConnectWiseCompany: strconv.Itoa(1000 + i), mapping.ConnectWiseAgreement: strconv.Itoa(agreementID(i))}})
		}
	}
	if err := e.start(dir, world, map[string]any{app.LinksDocument: table, app.ProductsDocument: rules}); err != nil {
		return err
	}
	e.began = e.today
	if err := e.run("the first run"); err != nil {
		return err
	}
	e.keep()
	return nil
}

func ruleOf(p model.Product, customer string) mapping.Rule {
	r := mapping.Rule{Customer: customer, SKU: p.SKU, Product: p.ID, Count: p.Count, Who: p.Who, Status: mapping.Bill}
	if p.SKU != "" {
		r.Part, r.Name = "S"+p.ID, "Licence of "+p.ID
	}
	if p.Half {
		r.Weight = "0.5"
	}
	if p.Minimum > 0 {
		r.Minimum = &p.Minimum
	}
	if p.Maximum > 0 {
		r.Maximum = &p.Maximum
	}
	if p.Floor {
		r.Floor = mapping.Purchased
	}
	return r
}

// start makes the program: its own tables, its own loop and commands, and its client of
// the simulated ConnectWise, without a network.
func (e *estate) start(dir string, world cwsim.World, tables map[string]any) (err error) {
	const id = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	e.sim = cwsim.New(world, cwsim.Options{Company: "msp", PublicKey: "PUBKEY00000001", PrivateKey: "PRVKEY00000001", ClientID: id, Now: e.now})
	conf := connectwise.Defaults()
	conf.URL, conf.Company = "https://cw.example.test", "msp"
	conf.PublicKey, conf.PrivateKey, conf.ClientID = secret.New("PUBKEY00000001"), secret.New("PRVKEY00000001"), secret.New(id)
	conf.Rate = rest.Rate{PerSecond: 1e6, Burst: 1e6, Concurrency: 4}
	if e.graceFree {
		conf.Grace = money.GraceFree
	}
	conf.AgreementTypes = []string{"Managed Services", "Fixed"}
	conf.Freeze = []money.Freeze{{AgreementTypes: []string{"Managed*"}, InvoiceRun: money.RunLastBusiness, After: 2}}
	client, err := connectwise.New(conf, connectwise.Options{Log: zerolog.Nop(), Transport: killing{e, e.sim.Transport()}, Now: e.now, Names: target.NamesUPN})
	if err != nil {
		return err
	}
	if e.store, err = boltstate.Open(filepath.Join(dir, "history.db"), boltstate.Options{}); err != nil {
		return err
	}
	for name, table := range tables {
		body, err := json.Marshal(table)
		if err != nil {
			return err
		}
		if err := e.store.PutDocument(context.Background(), state.Document{Name: name, Body: body}); err != nil {
			return err
		}
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte("timezone: UTC\nconnectwise: {}\n"), 0o600); err != nil {
		return err
	}
	system := &biller{estate: e, Client: client, grace: conf.Grace}
	none := func(string) (string, bool) { return "", false }
	loaded, err := app.Table{{Section: "connectwise", Title: "ConnectWise", What: "a target: billing", New: func() app.System { return system }}}.LoadConfig(file, true, none, nil)
	if err != nil {
		return err
	}
	most := decimal.NewFromInt(1_000_000_000)
	open := plan.Ceiling{Count: -1, Percent: -1}
	e.job = sync.Job{Name: "licences", Targets: []string{"connectwise"}, Policy: plan.Auto, Limits: sync.Limits{Limits: plan.Limits{
		Creates: open, Updates: open, Deletes: open, Increase: most, Decrease: most, DecreaseExplained: most, SourceShrink: -1}}}
	e.app = &app.App{Config: loaded, Store: e.store, Log: zerolog.Nop(), Jobs: []sync.Job{e.job}, Location: time.UTC, Now: e.now}
	e.app.Engine = sync.New(sync.Options{Source: e, Store: e.store, Log: zerolog.Nop(), Now: e.now, Currency: "USD", LateAnswerWait: time.Nanosecond, LedgerMonths: loaded.Evidence.Keep,
		Links:   e.app.Links,
		Targets: map[string]target.Opener{"connectwise": func(ctx context.Context) (target.Target, error) { return system.Open(ctx, "connectwise") }}})
	return nil
}

// A biller is ConnectWise as the program has it among its systems, with a client that
// needs no network.
type biller struct {
	*estate
	*connectwise.Client
	grace  string
	config struct{}
}

var (
	_ app.Biller      = (*biller)(nil)
	_ app.MonthBiller = (*biller)(nil)
)

func (b *biller) Config() any                                      { return &b.config }
func (b *biller) Validate(*app.Config, func(path, message string)) {}
func (b *biller) Targets() []string                                { return []string{"connectwise"} }
func (b *biller) Job() app.JobConfig                               { return app.JobConfig{Name: "licences"} }
func (b *biller) Connect(*app.App) error                           { return nil }
func (b *biller) Needs() directory.Kinds                           { return directory.Licences }
func (b *biller) Columns() []mapping.Column                        { return nil }
func (b *biller) Check(context.Context) []target.Finding           { return nil }
func (b *biller) Grace() string                                    { return b.grace }

// Open readies the target with what people decided, as the program does.
func (b *biller) Open(ctx context.Context, _ string) (target.Target, error) {
	var tables money.Tables
	var err error
	if tables.Rules, err = b.app.Rules(ctx); err != nil {
		return nil, err
	}
	if tables.Overrides, _, err = app.Document[money.Overrides](ctx, b.store, app.OverridesDocument); err != nil {
		return nil, err
	}
	return b.Client.Open(tables), nil
}

// killing ends the run when so many requests were sent.
type killing struct {
	e    *estate
	next http.RoundTripper
}

func (k killing) RoundTrip(q *http.Request) (*http.Response, error) {
	if k.e.kill.Load() > 0 && k.e.kill.Add(-1) == 0 {
		resp, err := k.next.RoundTrip(q) // it arrives, and nobody hears the answer
		if err == nil {
			resp.Body.Close()
		}
		k.e.end()
		return nil, context.Canceled
	}
	return k.next.RoundTrip(q)
}

// Tenants and Snapshot are the source: what Microsoft's answers say of each tenant.
func (e *estate) Tenants(context.Context) (directory.List[directory.Tenant], error) {
	var out []directory.Tenant
	for i, c := range e.customers {
		for n := range c.Tenants {
			out = append(out, directory.Tenant{ID: directory.TenantID(tenantID(i, n)), Name: fmt.Sprintf("%s-%d", c.Name, n)})
		}
	}
	return directory.Proven(out, e.proof()), nil
}

func (e *estate) proof() directory.Proof {
	return directory.Proof{Source: "history", TakenAt: e.now(), AsOf: e.now()}
}

func (e *estate) Snapshot(_ context.Context, t directory.Tenant, _ directory.Kinds) (*directory.Snapshot, error) {
	for i, c := range e.customers {
		for n := range c.Tenants {
			if string(t.ID) == tenantID(i, n) {
				return e.snapshot(t, c, n), nil
			}
		}
	}
	return nil, fmt.Errorf("there is no tenant %s", t.ID)
}

func (e *estate) snapshot(t directory.Tenant, c *model.Customer, n int) *directory.Snapshot {
	s := &directory.Snapshot{Tenant: t, TakenAt: e.now()}
	held := map[string]int{}
	users, holders := []directory.User{}, []directory.Holder{}
	for _, p := range c.People {
		if p.Tenant != n {
			continue
		}
		var licences []string
		for _, sku := range model.SKUs {
			if p.Holds[sku] {
				licences = append(licences, sku)
				held[sku]++
			}
		}
		users = append(users, directory.User{ID: p.ID, UPN: p.UPN, Name: p.UPN, Enabled: p.Enabled, Licences: licences})
		holders = append(holders, directory.Holder{ID: p.ID, UPN: p.UPN, Licences: licences})
	}
	s.Users, s.Holders = directory.Proven(users, e.proof()), directory.Proven(holders, e.proof())
	if c.NoPeople[n] {
		s.Users = directory.Unknown[directory.User](e.proof(), errors.New("no answer"))
	}
	if c.NoLicences[n] {
		s.Licences = directory.Unknown[directory.Licence](e.proof(), errors.New("no answer"))
		return s
	}
	var licences []directory.Licence
	for _, p := range model.Products {
		if p.SKU == "" {
			continue
		}
		l := directory.Licence{SKU: p.SKU, PartNumber: "S" + p.ID, Name: "Licence of " + p.ID, Assigned: held[p.SKU]}
		for _, x := range c.Subscriptions {
			if x.SKU != p.SKU || x.Tenant != n {
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
	s.Licences = directory.Proven(licences, e.proof())
	return s
}
