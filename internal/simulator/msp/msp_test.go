package msp

import (
	"encoding/csv"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// table reads CSV text as rows by column.
func table(t *testing.T, text string) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("reading the table: %v", err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		out = append(out, m)
	}
	return out
}

// worlds are all worlds that must hold together.
func worlds() map[string]*MSP {
	return map[string]*MSP{
		"the MSP": New(atNoon, WithLayouts()), "an estate of 30": NewEstate(30, atNoon), "an estate of 3 with 40 accounts each": NewEstate(3, atNoon, WithAccounts(40), WithDocumentation()),
		// Dates are counted from now: the ends of months and years are where that goes wrong.
		"the MSP on the last day of the year": New(func() time.Time { return time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC) }),
		"the MSP on a leap day":               New(func() time.Time { return time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC) }),
	}
}

func TestEverythingRefersToSomethingThatIsThere(t *testing.T) {
	for name, m := range worlds() {
		t.Run(name, func(t *testing.T) {
			w := m.ConnectWise.World()
			distinct(t, "company", w.Companies, func(c *cwsim.Company) any { return c.ID })
			distinct(t, "company", w.Companies, func(c *cwsim.Company) any { return c.Identifier })
			distinct(t, "agreement", w.Agreements, func(a *cwsim.Agreement) any { return a.ID })
			distinct(t, "addition", w.Additions, func(a *cwsim.Addition) any { return a.ID })
			distinct(t, "product", w.Products, func(p *cwsim.Product) any { return p.ID })
			distinct(t, "product", w.Products, func(p *cwsim.Product) any { return p.Identifier })
			distinct(t, "contact", w.Contacts, func(c *cwsim.Contact) any { return c.ID })
			for _, a := range w.Agreements {
				if w.Company(a.CompanyID) == nil {
					t.Errorf("agreement %d: no company %d", a.ID, a.CompanyID)
				}
				if p := w.Agreement(a.ParentID); a.ParentID != 0 && (p == nil || p.CompanyID != a.CompanyID) {
					t.Errorf("agreement %d: parent %d is not there or another company's", a.ID, a.ParentID)
				}
			}
			for _, a := range w.Additions {
				if w.Agreement(a.AgreementID) == nil {
					t.Errorf("addition %d: no agreement %d", a.ID, a.AgreementID)
				}
				if p := w.Product(a.ProductID); p == nil || p.Class == "Bundle" {
					t.Errorf("addition %d: product %d is not there or a bundle", a.ID, a.ProductID)
				}
			}
			for _, c := range w.Contacts {
				if w.Company(c.CompanyID) == nil {
					t.Errorf("contact %d: no company %d", c.ID, c.CompanyID)
				}
			}
			c := m.CIPP.World()
			distinct(t, "tenant", c.Tenants, func(t *cippsim.Tenant) any { return t.CustomerID })
			distinct(t, "tenant", c.Tenants, func(t *cippsim.Tenant) any { return t.DefaultDomain })
			distinct(t, "tenant", c.Tenants, func(t *cippsim.Tenant) any { return t.InitialDomain })
			for _, tenant := range c.Tenants {
				for _, k := range tenant.SKUs {
					// Graph's two answers agree, or no count is believed.
					bought := 0
					for _, s := range k.Subscriptions {
						bought += s.Total
					}
					if bought != k.Enabled+k.Warning {
						t.Errorf("%s %s: subscriptions add up to %d, units to %d", tenant.DisplayName, k.PartNumber, bought, k.Enabled+k.Warning)
					}
				}
			}
			if got := m.CIPP.Complaints(); len(got) > 0 {
				t.Errorf("CIPP complains: %q", got)
			}
		})
	}
}

func distinct[T any](t *testing.T, what string, all []*T, key func(*T) any) {
	t.Helper()
	seen := map[any]bool{}
	for _, o := range all {
		if k := key(o); k == 0 || k == "" || seen[k] {
			t.Errorf("%s %v is empty or there twice", what, k)
		} else {
			seen[k] = true
		}
	}
}

func TestTheTablesNameWhatIsThere(t *testing.T) {
	for name, m := range worlds() {
		t.Run(name, func(t *testing.T) {
			cw, cipp := m.ConnectWise.World(), m.CIPP.World()
			for _, row := range table(t, m.LinksCSV()) {
				tenant := cipp.Tenant(row["tenant_id"])
				if tenant == nil || tenant.Excluded || tenant.DisplayName != row["tenant"] {
					t.Errorf("%s: tenant %s is not listed under this name", row["tenant"], row["tenant_id"])
				}
				if row["status"] != "linked" {
					if row["connectwise_company"]+row["connectwise_agreement"] != "" {
						t.Errorf("%s is %s and has links", row["tenant"], row["status"])
					}
					continue
				}
				co := cw.Company(number(row["connectwise_company"]))
				if co == nil || co.Deleted {
					t.Errorf("%s: company %q is not there", row["tenant"], row["connectwise_company"])
					continue
				}
				if id := row["connectwise_agreement"]; id != "" {
					if a := cw.Agreement(number(id)); a == nil || a.CompanyID != co.ID {
						t.Errorf("%s: agreement %s is not one of company %d", row["tenant"], id, co.ID)
					}
				}
			}
			rules := table(t, m.ProductsCSV())
			for _, row := range rules {
				found := false
				for _, tenant := range cipp.Tenants {
					k := tenant.SKU(row["sku_id"])
					found = found || k != nil && k.SkuID == row["sku_id"] && k.PartNumber == row["sku"] && k.Name == row["name"]
				}
				if !found && !strings.HasPrefix(name, "an estate") {
					t.Errorf("no tenant holds %s %s", row["sku_id"], row["sku"])
				}
				products := 0
				for _, p := range cw.Products {
					if p.Identifier == row["product"] && p.Class != "Bundle" {
						products++
					}
				}
				if row["status"] == "bill" && products != 1 {
					t.Errorf("%s: %d products are called %q", row["sku"], products, row["product"])
				}
			}
		})
	}
}

func number(text string) int {
	n := 0
	if _, err := fmt.Sscan(text, &n); err != nil {
		return -1
	}
	return n
}

func TestTheSameMomentMakesTheSameMSP(t *testing.T) {
	a, b := New(atNoon, WithLayouts()), New(atNoon, WithLayouts())
	if !reflect.DeepEqual(a.ITGlue.World(), b.ITGlue.World()) {
		t.Error("two worlds of IT Glue differ")
	}
	if !reflect.DeepEqual(a.CIPP.World(), b.CIPP.World()) {
		t.Error("two worlds of CIPP differ")
	}
	if !reflect.DeepEqual(a.ConnectWise.World(), b.ConnectWise.World()) {
		t.Error("two worlds of ConnectWise differ")
	}
	if a.LinksCSV() != b.LinksCSV() || a.ProductsCSV() != b.ProductsCSV() {
		t.Error("two tables differ")
	}
}

func TestEveryMessIsThere(t *testing.T) {
	m := New(atNoon)
	w, c := m.ConnectWise.World(), m.CIPP.World()
	lines := func(has func(*cwsim.Addition) bool) int {
		n := 0
		for _, a := range w.Additions {
			if has(a) {
				n++
			}
		}
		return n
	}
	today := cwsim.Day(2026, 11, 21)
	trials, grace := 0, 0
	for _, tenant := range c.Tenants {
		for _, k := range tenant.SKUs {
			for _, s := range k.Subscriptions {
				if s.Trial {
					trials++
				}
				if s.Status == "Warning" {
					grace++
				}
			}
		}
	}
	status := map[string]int{}
	for _, l := range m.Links() {
		status[l.Status]++
	}
	for _, x := range []struct {
		what      string
		got, want int
	}{
		{"tenants", len(c.Tenants), 27},
		{"linked", status["linked"], 21},
		{"left for suggestions", status["unmapped"], 4},
		{"ignored", status["ignored"], 1},
		{"lines that are not billed", lines(func(a *cwsim.Addition) bool { return a.BillCustomer == "DoNotBill" }), 1},
		{"lines that end this month", lines(func(a *cwsim.Addition) bool { return a.CancelledDate.Equal(cwsim.Day(2026, 11, 30)) }), 1},
		{"lines that have ended", lines(func(a *cwsim.Addition) bool { return !a.CancelledDate.IsZero() && a.CancelledDate.Before(today) }), 1},
		{"lines that begin later", lines(func(a *cwsim.Addition) bool { return a.EffectiveDate.After(today) }), 1},
		{"lines with some included", lines(func(a *cwsim.Addition) bool { return a.LessIncluded.IsPositive() }), 1},
		{"trial subscriptions", trials, 2},
		{"subscriptions in grace", grace, 1},
	} {
		if x.got != x.want {
			t.Errorf("%s: got %d, want %d", x.what, x.got, x.want)
		}
	}
}

func TestAnEstateIsInStep(t *testing.T) {
	cipp, cw, links, products := Estate(25, noon)
	if got := len(table(t, links)); got != 25 {
		t.Errorf("got %d links, want 25", got)
	}
	byPart := map[string]string{}
	for _, r := range table(t, products) {
		if r["status"] == "bill" {
			byPart[r["sku"]] = r["product"]
		}
	}
	if len(byPart) != 4 {
		t.Errorf("got %d billed licences, want 4", len(byPart))
	}
	for i, tenant := range cipp.Tenants {
		if len(tenant.SKUs) != 6 {
			t.Errorf("%s has %d licences, want 6", tenant.DisplayName, len(tenant.SKUs))
		}
		for part, product := range byPart {
			a, err := lineOf(&cw, fmt.Sprintf("Estate%04d", i+1), product)
			if err != nil {
				t.Error(err)
				continue
			}
			if got, want := a.Quantity.IntPart(), int64(tenant.SKU(part).Enabled); got != want {
				t.Errorf("%s %s: billed %d, held %d", tenant.DisplayName, part, got, want)
			}
		}
	}
}

func BenchmarkEstate(b *testing.B) {
	for _, n := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				Estate(n, noon)
			}
		})
	}
}
