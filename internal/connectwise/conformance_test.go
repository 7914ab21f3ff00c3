package connectwise_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/shopspring/decimal"

	"syncd/internal/connectwise"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/rest"
	"syncd/internal/secret"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
	"syncd/internal/target/targettest"
)

func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*connectwise.Config)
	}{
		{"lines that are there", func(*connectwise.Config) {}},
		{"missing lines are made", func(c *connectwise.Config) { c.CreateAdditions = true }},
		{"what is gone is cancelled", func(c *connectwise.Config) { c.CreateAdditions, c.Gone = true, connectwise.GoneCancel }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			targettest.Run(t, func(t *testing.T) *targettest.Fixture { return newFixture(t, tt.edit) })
		})
	}
}

// Microsoft's ids of the licences below.
const (
	premium  = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	e3       = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	exchange = "4b9405b0-7788-4568-add1-99614e613b69"
)

// newFixture is two customers with a managed agreement each, and lines that
// are nobody's business.
func newFixture(t *testing.T, edit func(*connectwise.Config)) *targettest.Fixture {
	sim := cwsim.New(billed(time.Now()), cwsim.Options{Company: "msp", PublicKey: "public", PrivateKey: "private", ClientID: "client"})
	conf := connectwise.Defaults()
	conf.URL, conf.Company = "https://cw.example.test", "msp"
	conf.PublicKey, conf.PrivateKey, conf.ClientID = secret.New("public"), secret.New("private"), secret.New("client")
	conf.Rate = rest.Rate{PerSecond: 1000, Burst: 100, Concurrency: 4}
	edit(&conf)
	client, err := connectwise.New(conf, connectwise.Options{Log: zerolog.Nop(), Transport: sim.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	rules := mapping.Rules{}
	for sku, product := range map[string]string{premium: "M365-BP", e3: "M365-E3", exchange: "EXO-P1"} {
		rules.Rules = append(rules.Rules, mapping.Rule{SKU: sku, Name: product, Product: product, Count: mapping.Purchased, Status: mapping.Bill})
	}
	f := &targettest.Fixture{Target: "connectwise",
		Open: func(context.Context) (target.Target, error) { return client.Open(money.Tables{Rules: rules}), nil },
		Tenants: []directory.Tenant{
			{ID: "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11", Name: "Contoso Ltd", DefaultDomain: "contoso.example"},
			{ID: "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12", Name: "Fabrikam", DefaultDomain: "fabrikam.example"},
		},
		Strangers: []string{"55/913", "57/914", "55/915", "56/916", "58/917", "56/918"},
		Dump:      func() map[string]string { return everything(sim.World()) },
		Edit:      func(ref string) string { return editQuantity(t, sim, ref) },
		Fail:      func(fault targettest.Fault) { fail(sim, fault) },
		Heal:      sim.Heal,
		Writes:    func() int { return len(sim.Writes()) },
	}
	for i, tenant := range f.Tenants {
		f.Links.Rows = append(f.Links.Rows, mapping.Row{TenantID: tenant.ID, Tenant: tenant.Name, Status: mapping.Linked,
			Links: mapping.Links{mapping.ConnectWiseCompany: strconv.Itoa(250 + i)}})
	}
	bought := time.Now().Add(-time.Hour)
	f.Snapshot = func(tenant directory.Tenant, step targettest.Step) *directory.Snapshot {
		held := map[string]int{premium: 14, e3: 5}
		switch {
		case tenant.ID != f.Tenants[0].ID:
			held = map[string]int{premium: 8}
		case step == targettest.Changed:
			held[premium] = 15
		case step == targettest.New && !conf.CreateAdditions:
			return nil
		case step == targettest.New:
			held[exchange] = 4
		case step == targettest.Gone:
			delete(held, premium)
		}
		proof := directory.Proof{Source: "test", TakenAt: time.Now(), AsOf: time.Now()}
		var licences []directory.Licence
		for sku, n := range held {
			licences = append(licences, directory.Licence{SKU: sku, Purchased: n, Assigned: n, Subscriptions: []directory.Subscription{
				// Bought lately: it may be given back, and no fall is unexplained.
				{ID: string(tenant.ID) + sku, Status: "Enabled", Total: n, Created: bought}}})
		}
		return &directory.Snapshot{Tenant: tenant, TakenAt: time.Now(), Licences: directory.Proven(licences, proof)}
	}
	return f
}

func billed(now time.Time) cwsim.World {
	began := now.AddDate(-1, 0, 0).Truncate(24 * time.Hour)
	agreement := func(id, company int) *cwsim.Agreement {
		return &cwsim.Agreement{ID: id, Name: "Managed", TypeID: 3, CompanyID: company, StartDate: began, NoEndingDate: true, BillingCycleID: 2,
			NextInvoiceDate: cwsim.Day(now.Year(), now.Month()+1, 1).Format(time.RFC3339)}
	}
	line := func(id, agreement, product int, quantity int64) *cwsim.Addition {
		return &cwsim.Addition{ID: id, AgreementID: agreement, ProductID: product, Quantity: decimal.NewFromInt(quantity), UnitPrice: decimal.NewFromInt(20),
			BillCustomer: "Billable", EffectiveDate: began}
	}
	ended := line(915, 55, 752, 30)
	ended.CancelledDate = began.AddDate(0, 3, 0)
	free := line(916, 56, 753, 2)
	free.BillCustomer = "DoNotBill"
	return cwsim.World{
		Companies:       []*cwsim.Company{{ID: 250, Identifier: "Contoso", Name: "Contoso Ltd", StatusID: 1}, {ID: 251, Identifier: "Fabrikam", Name: "Fabrikam", StatusID: 1}, {ID: 252, Identifier: "Tailspin", Name: "Tailspin", StatusID: 1}},
		CompanyStatuses: []*cwsim.Setup{{ID: 1, Name: "Active", Default: true}},
		AgreementTypes:  []*cwsim.AgreementType{{ID: 3, Name: "Managed Services"}, {ID: 4, Name: "Projects"}},
		BillingCycles:   []*cwsim.BillingCycle{{ID: 2, Identifier: "M", Name: "Monthly", Option: "Monthly"}},
		Agreements:      []*cwsim.Agreement{agreement(55, 250), agreement(56, 251), agreement(57, 252), {ID: 58, Name: "Project", TypeID: 4, CompanyID: 250, StartDate: began, NoEndingDate: true, BillingCycleID: 2}},
		Products: []*cwsim.Product{
			{ID: 752, Identifier: "M365-BP", Class: "Agreement", Price: decimal.NewFromInt(22)}, {ID: 753, Identifier: "M365-E3", Class: "Agreement", Price: decimal.NewFromInt(36)},
			{ID: 754, Identifier: "BACKUP", Class: "Agreement", Price: decimal.NewFromInt(3)}, {ID: 755, Identifier: "EXO-P1", Class: "Agreement", Price: decimal.NewFromInt(4)},
		},
		Additions: []*cwsim.Addition{
			line(910, 55, 752, 12), line(911, 55, 753, 5), line(912, 56, 752, 8),
			// What is not ours: other products, other agreements, history, what is not
			// billed, and a line of a product with a rule whose licence nobody ever had.
			line(913, 55, 754, 9), line(914, 57, 752, 3), ended, free, line(917, 58, 752, 6), line(918, 56, 755, 11),
		},
	}
}

// everything is what the instance holds but for its own notes of who did what.
func everything(w *cwsim.World) map[string]string {
	dump := map[string]string{}
	show := func(ref string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // plain data
		}
		dump[ref] = string(text)
	}
	for _, a := range w.Additions {
		show(fmt.Sprintf("%d/%d", a.AgreementID, a.ID), a)
	}
	for _, a := range w.Agreements {
		show(fmt.Sprintf("agreement %d", a.ID), a)
	}
	for _, c := range w.Companies {
		show(fmt.Sprintf("company %d", c.ID), c)
	}
	for _, p := range w.Products {
		show(fmt.Sprintf("product %d", p.ID), p)
	}
	return dump
}

func editQuantity(t *testing.T, sim *cwsim.Server, ref string) string {
	t.Helper()
	_, id, _ := strings.Cut(ref, "/")
	n, err := strconv.Atoi(id)
	if err != nil {
		t.Fatalf("%q is no line", ref)
	}
	sim.Edit("jwhite", func(w *cwsim.World) {
		a := w.Addition(n)
		a.Quantity = a.Quantity.Add(decimal.NewFromInt(100))
	})
	return "quantity"
}

// fail lets the next write go wrong; after one that nobody heard of, nothing
// answers any more.
func fail(sim *cwsim.Server, fault targettest.Fault) {
	var mu sync.Mutex
	hit := false
	sim.Before(func(r *http.Request) cwsim.Fault {
		mu.Lock()
		defer mu.Unlock()
		writes := r.Method == http.MethodPatch || r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/additions")
		switch {
		case hit && fault != targettest.Refused:
			return cwsim.Fault{Kind: cwsim.Dropped}
		case hit || !writes:
			return cwsim.Fault{}
		}
		hit = true
		switch fault {
		case targettest.LostAfter:
			return cwsim.Fault{Kind: cwsim.DroppedCommitted}
		case targettest.LostBefore:
			return cwsim.Fault{Kind: cwsim.Dropped}
		}
		return cwsim.Fault{Kind: cwsim.InUse}
	})
}
