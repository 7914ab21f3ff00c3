package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shopspring/decimal"

	"go.etcd.io/bbolt"

	"syncd/internal/money"
	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
	itgluesim "syncd/internal/simulator/itglue"
	scimsim "syncd/internal/simulator/scim"
)

// The tenants of the world, all invented.
const (
	partner  = "0f5d3c7e-8f43-4f57-9d1e-5a0f1c2b7d90"
	contoso  = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	fabrikam = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12"
	tailspin = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a13"
)

// The licences that scripts name by part number, with Microsoft's own ids.
var skus = map[string]struct{ id, name string }{
	"SPB":              {"cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "Microsoft 365 Business Premium"},
	"SPE_E3":           {"05e9a617-0261-4cee-bb44-138d3ef5d965", "Microsoft 365 E3"},
	"EXCHANGESTANDARD": {"4b9405b0-7788-4568-add1-99614e613b69", "Exchange Online (Plan 1)"},
	"FLOW_FREE":        {"f30db892-07e9-47e9-837c-80727f46fd3d", "Microsoft Power Automate Free"},
}

// The credentials that both systems know.
const (
	cippSecret = "make-believe-cipp-secret"
	cwPrivate  = "make-believe-private-key"
	cwClient   = "5c1f7a52-63d5-4d0e-9b8a-2f9f2f0a7c11"
)

// A world is one MSP: a CIPP and a ConnectWise, and where the script works.
type world struct {
	dir         string
	listen      string         // where a daemon of the script listens
	cookies     http.CookieJar // of its browser
	cipp        *cippsim.Server
	connectwise *cwsim.Server
	itglue      *itgluesim.Server // where a script wants one
	cinode      *scimsim.Server   // likewise
	messages    messages          // where people are told, where a script wants that
	began       *cwsim.World      // ConnectWise as it was at the start
	servers     []*httptest.Server
	arrived     chan struct{} // a request that connectwise stall holds back is here
	release     context.CancelFunc
	served      sync.WaitGroup // requests under way at ConnectWise
}

func newWorld(dir string) (*world, error) {
	listen, err := unusedAddress()
	if err != nil {
		return nil, err
	}
	return &world{dir: dir, listen: listen, arrived: make(chan struct{}, 16), release: func() {}}, nil
}

var ports atomic.Int32

// unusedAddress is where a daemon can listen. It lies below the ports that the
// system gives to connections, or one of those could take it before the daemon
// is up; each script gets another one.
func unusedAddress() (addr string, err error) {
	for range 1000 {
		addr = fmt.Sprintf("127.0.0.1:%d", 20000+(os.Getpid()%1000)*10+int(ports.Add(1))%2000)
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", err
}

func (w *world) close() {
	w.release()
	w.messages.close()
	for _, s := range w.servers {
		s.CloseClientConnections()
		s.Close()
	}
}

// nextMonth is how a plan spells the days that the next invoice is about.
func (w *world) nextMonth() string {
	y, m, _ := time.Now().UTC().Date()
	return money.Days(cwsim.Day(y, m+1, 1), cwsim.Day(y, m+2, 0))
}

func (w *world) monthEnd() string {
	y, m, _ := time.Now().UTC().Date()
	return cwsim.Day(y, m+1, 0).Format(time.DateOnly)
}

// start brings both systems up and writes the configuration.
func (w *world) start() error {
	w.cipp = cippsim.New(cippWorld(), cippsim.Options{ClientSecret: cippSecret})
	w.connectwise = cwsim.New(connectWiseWorld(), cwsim.Options{Company: "msp", PublicKey: "make-believe-public", PrivateKey: cwPrivate, ClientID: cwClient})
	w.began = w.connectwise.World()
	cipp, connectwise := httptest.NewServer(w.cipp), httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.served.Add(1)
		defer w.served.Done()
		w.connectwise.ServeHTTP(rw, r)
	}))
	w.servers = append(w.servers, cipp, connectwise)
	return writeFile(w.dir, "config.yaml", fmt.Sprintf(`state: {path: syncd.db}
listen: %s
timezone: UTC
cipp:
  url: %s
  tenant_id: %s
  client_id: %s
  client_secret: %s
  token_url: %s%s
  rate: {per_second: 1000, burst: 100, concurrency: 5}
connectwise:
  url: %s
  company: msp
  public_key: make-believe-public
  private_key: %s
  client_id: %s
  rate: {per_second: 1000, burst: 100, concurrency: 4}
`, w.listen, cipp.URL, partner, w.cipp.Options().ClientID, cippSecret, cipp.URL, w.cipp.TokenPath(), connectwise.URL, cwPrivate, cwClient))
}

// former puts the state in place that the last syncd of schema 2 left in this
// world: settled, and then a plan for Contoso that was approved.
func (w *world) former() error {
	packed, err := os.ReadFile(filepath.Join("testdata", "schema2.db.gz"))
	if err != nil {
		return err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	return writeFile(w.dir, "syncd.db", string(text))
}

// newer makes the state one that a syncd of years ahead has opened.
func (w *world) newer() error {
	db, err := bbolt.Open(filepath.Join(w.dir, "syncd.db"), 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("99")) })
	return errors.Join(err, db.Close())
}

// share lets other users of this machine come to where the configuration is, and a group
// read it.
func (w *world) share(group string) error {
	for dir := w.dir; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	gid, err := strconv.Atoi(group)
	if err != nil {
		return err
	}
	path := filepath.Join(w.dir, "config.yaml")
	return errors.Join(os.Chown(path, -1, gid), os.Chmod(path, 0o640))
}

// tables writes what a billing admin would have made: links.csv and products.csv.
func (w *world) tables() error {
	links := "customer,tenant_id,tenant,filter,connectwise_company,connectwise_agreement,status,reason\n"
	for _, l := range []struct{ name, tenant, company string }{{"Contoso Ltd", contoso, "250"}, {"Fabrikam", fabrikam, "251"}, {"Tailspin Toys", tailspin, "252"}} {
		links += fmt.Sprintf("%s,%s,%s,,%s,,linked,\n", l.name, l.tenant, l.name, l.company)
	}
	products := "sku_id,sku,name,product,count,minimum,maximum,status,reason\n"
	for _, p := range []struct{ part, product string }{{"SPB", "M365-BP"}, {"SPE_E3", "M365-E3"}} {
		products += fmt.Sprintf("%s,%s,%s,%s,purchased,,,bill,\n", skus[p.part].id, p.part, skus[p.part].name, p.product)
	}
	if err := writeFile(w.dir, "links.csv", links); err != nil {
		return err
	}
	return writeFile(w.dir, "products.csv", products)
}

func cippWorld() cippsim.World {
	tenant := func(id, name, domain string, skus ...cippsim.SKU) *cippsim.Tenant {
		return &cippsim.Tenant{CustomerID: id, DisplayName: name, DefaultDomain: domain, InitialDomain: strings.TrimSuffix(domain, ".example") + ".onmicrosoft.com",
			Country: "GB", City: "Portwick", SKUs: skus}
	}
	return cippsim.World{
		PartnerTenant: &cippsim.Tenant{CustomerID: partner, DisplayName: "Harbour IT Services", DefaultDomain: "harbour-it.example", InitialDomain: "harbourit.onmicrosoft.com"},
		Tenants: []*cippsim.Tenant{
			tenant(contoso, "Contoso Ltd", "contoso.example", bought("SPB", 14, 12), bought("FLOW_FREE", 10000, 3)),
			tenant(fabrikam, "Fabrikam", "fabrikam.example", bought("SPE_E3", 3, 3)),
			tenant(tailspin, "Tailspin Toys", "tailspin.example", bought("SPB", 7, 7)),
		},
	}
}

func bought(part string, paid, used int) cippsim.SKU {
	return cippsim.SKU{SkuID: skus[part].id, PartNumber: part, Name: skus[part].name, Enabled: paid, Consumed: used,
		Subscriptions: []cippsim.Subscription{cippsim.Yearly(paid, time.Now().AddDate(0, -5, 0))}}
}

func connectWiseWorld() cwsim.World {
	n := decimal.RequireFromString
	began := cwsim.Day(2024, 1, 1)
	now := time.Now().UTC()
	next := cwsim.Day(now.Year(), now.Month()+1, 1).Format(time.RFC3339)
	agreement := func(id, company int) *cwsim.Agreement {
		return &cwsim.Agreement{ID: id, Name: "Managed services", TypeID: 3, CompanyID: company, StartDate: began, NoEndingDate: true, BillingCycleID: 2, NextInvoiceDate: next}
	}
	line := func(id, agreement, product int, quantity, price string) *cwsim.Addition {
		return &cwsim.Addition{ID: id, AgreementID: agreement, ProductID: product, Quantity: n(quantity), UnitPrice: n(price), BillCustomer: "Billable", EffectiveDate: began}
	}
	return cwsim.World{
		Name: "Harbour IT Services",
		Companies: []*cwsim.Company{
			{ID: 250, Identifier: "Contoso", Name: "Contoso Ltd", Website: "https://www.contoso.example", StatusID: 1, TypeIDs: []int{1}},
			{ID: 251, Identifier: "Fabrikam", Name: "Fabrikam GmbH", Website: "https://fabrikam.example", StatusID: 1, TypeIDs: []int{1}},
			{ID: 252, Identifier: "Tailspin", Name: "Tailspin Toys", Website: "https://tailspin.example", StatusID: 1, TypeIDs: []int{1}},
			{ID: 253, Identifier: "Northwind", Name: "Northwind Traders", Website: "https://northwind.example", StatusID: 1, TypeIDs: []int{1}},
		},
		CompanyStatuses: []*cwsim.Setup{{ID: 1, Name: "Active", Default: true}},
		CompanyTypes:    []*cwsim.Setup{{ID: 1, Name: "Customer", Default: true}},
		AgreementTypes:  []*cwsim.AgreementType{{ID: 3, Name: "Managed Services", BillingCycleID: 2}},
		BillingCycles:   []*cwsim.BillingCycle{{ID: 2, Identifier: "M", Name: "Monthly", Option: "Monthly", Default: true}},
		Agreements:      []*cwsim.Agreement{agreement(55, 250), agreement(56, 251), agreement(57, 252)},
		Roles: []*cwsim.Role{{ID: 40, Name: "syncd API", Settings: []cwsim.RoleSetting{
			{Module: "Companies", Function: "Company Maintenance", Inquire: "All"}, {Module: "Companies", Function: "Contacts", Inquire: "All"},
			{Module: "Finance", Function: "Agreements", Add: "All", Edit: "All", Inquire: "All"}, {Module: "Finance", Function: "Invoicing", Inquire: "All"},
			{Module: "Procurement", Function: "Product Catalog", Inquire: "All"}, {Module: "System", Function: "Table Setup", Inquire: "All"}}}},
		Members: []*cwsim.Member{{ID: 61, Identifier: "syncd", Name: "syncd", RoleID: 40}, {ID: 62, Identifier: "jwhite", Name: "June White"}},
		Products: []*cwsim.Product{
			{ID: 752, Identifier: "M365-BP", Description: "Microsoft 365 Business Premium", Class: "Agreement", Price: n("22"), Cost: n("17.60"), VendorSKU: skus["SPB"].id},
			{ID: 753, Identifier: "M365-E3", Description: "Microsoft 365 E3", Class: "Agreement", Price: n("36"), Cost: n("28.80"), ManufacturerPartNumber: "SPE_E3"},
			{ID: 754, Identifier: "BACKUP", Description: "Backup for Microsoft 365, per user", Class: "Agreement", Price: n("3.50"), Cost: n("1.90")},
			{ID: 755, Identifier: "EXO-P1", Description: "Exchange Online Plan 1", Class: "Agreement", Price: n("4"), Cost: n("3.20")},
		},
		Additions: []*cwsim.Addition{
			line(910, 55, 752, "12", "22"), line(911, 55, 754, "9", "3.50"),
			line(912, 56, 753, "3", "36"), line(913, 56, 754, "3", "3.50"),
			line(914, 57, 752, "7", "22"),
		},
	}
}

// check compares the world with what a script says of it.
func (w *world) check(verb string, args []string) error {
	now := w.connectwise.World()
	text := strings.Join(args, " ")
	wrong := func(got string, want string) error {
		return fmt.Errorf("%s %s: got %s, want %s", verb, args[0], got, want)
	}
	switch {
	case verb == "writes" && len(args) == 2: // are N
		if got := strconv.Itoa(len(w.connectwise.Writes())); got != args[1] {
			var list []string
			for _, r := range w.connectwise.Writes() {
				list = append(list, r.Method+" "+r.Path+" "+r.Body)
			}
			return fmt.Errorf("got %s writes, want %s: %s", got, args[1], strings.Join(list, "; "))
		}
		return nil
	case verb == "quantity" && len(args) == 3: // REF is N
		a, err := addition(now, args[0])
		if err != nil {
			return err
		}
		if got := a.Quantity.String(); got != args[2] {
			return wrong(got, args[2])
		}
		return nil
	case verb == "line" && len(args) > 2: // REF is TEXT
		a, err := addition(now, args[0])
		if err != nil {
			return err
		}
		got := fmt.Sprintf("%s %s %s", now.Product(a.ProductID).Identifier, a.Quantity, a.BillCustomer)
		if !a.CancelledDate.IsZero() {
			got += " until " + a.CancelledDate.Format(time.DateOnly)
		}
		if want := strings.Join(args[2:], " "); got != want {
			return wrong(got, want)
		}
		return nil
	case verb == "lines" && len(args) > 2: // AGREEMENT are ID…
		agreement, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		var ids []string
		for _, a := range now.AdditionsOf(agreement) {
			ids = append(ids, strconv.Itoa(a.ID))
		}
		if want := args[2:]; !slices.Equal(ids, want) {
			return wrong(strings.Join(ids, " "), strings.Join(want, " "))
		}
		return nil
	case verb == "untouched" && len(args) > 0:
		for _, ref := range args {
			was, err := addition(w.began, ref)
			if err != nil {
				return err
			}
			is, err := addition(now, ref)
			if err != nil {
				return err
			}
			if !reflect.DeepEqual(was, is) {
				return fmt.Errorf("line %s was %+v and is %+v", ref, *was, *is)
			}
		}
		return nil
	case verb == "settle-down": // what was held back is done
		w.served.Wait()
		return nil
	case verb == "manners": // nobody asked CIPP what a careful client does not
		if c := w.cipp.Complaints(); len(c) > 0 {
			return fmt.Errorf("CIPP complains: %s", strings.Join(c, "; "))
		}
		return nil
	case verb == "arrived": // the request that is held back is here
		select {
		case <-w.arrived:
			return nil
		case <-time.After(30 * time.Second):
			return fmt.Errorf("no request arrived that could be held back")
		}
	}
	return fmt.Errorf("world %s %s means nothing", verb, text)
}

func addition(in *cwsim.World, ref string) (*cwsim.Addition, error) {
	agreement, id, _ := strings.Cut(ref, "/")
	n, err := strconv.Atoi(id)
	if err != nil {
		return nil, fmt.Errorf("%q is no line; write agreement/line, such as 55/910", ref)
	}
	a := in.Addition(n)
	if a == nil || strconv.Itoa(a.AgreementID) != agreement {
		return nil, fmt.Errorf("there is no line %s", ref)
	}
	return a, nil
}

// editCIPP changes what Microsoft or CIPP say:
//
//	sku TENANT PART PAID/USED   the tenant now holds so many
//	sub TENANT PART ID STATE UNITS DAYS [OWNER]   its only subscription, which moves on in so many days; STATE may be Trial
//	also TENANT PART ID UNITS DAYS [OWNER]        another one, which is enabled
//	senseless TENANT [negative | orphan | address]   a row that makes no sense, of something nobody bills
//	drop TENANT PART            the licence vanishes
//	empty TENANT                every licence vanishes
//	silent TENANT               CIPP lost its access: 200 and nothing, everywhere
//	denied TENANT               403 for this tenant
//	broken TENANT               every live call for it ends in a Graph error
//	unlist ID                   CIPP's list leaves the tenant out
//	list-empty                  CIPP's list leaves everybody out
//	new ID NAME DOMAIN INITIAL  a new tenant without anything
//	hide-sku PART               excluded in CIPP's settings
//	leave TENANT UPN            the account is gone
//	delete, restore TENANT UPN  the account goes to the bin, and comes out of it
//	block, unblock TENANT UPN   nobody, or somebody, signs in with it
//	marry TENANT UPN NAME NEW   another name and UPN for the same account
//	rehire TENANT UPN ID        another account under the same UPN, in the same groups
//	employ TENANT UPN DEPARTMENT [PART]   somebody works there, with that licence; or moves there
//	invite TENANT UPN MAIL      a guest with that address
//	group TENANT GROUP UPN…     who is in it now
//	portal, portal-page         the address is the portal's: a sign-in, a page
//	heal
func (w *world) editCIPP(args []string) (err error) {
	if len(args) == 0 {
		return fmt.Errorf("world cipp: say what to edit")
	}
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		err = cmp.Or(err, fmt.Errorf("world cipp %s: too few words", args[0]))
		return ""
	}
	tenant := func(edit func(*cippsim.Tenant)) {
		filter := arg(1)
		w.cipp.Update(func(c *cippsim.World) {
			if t := c.Tenant(filter); t != nil {
				edit(t)
				return
			}
			err = cmp.Or(err, fmt.Errorf("world cipp %s: no tenant %q", args[0], filter))
		})
	}
	switch args[0] {
	case "sku":
		part := arg(2)
		var paid, used int
		if _, serr := fmt.Sscanf(arg(3), "%d/%d", &paid, &used); serr != nil {
			return fmt.Errorf("%q is not PAID/USED", arg(3))
		}
		if skus[part].id == "" {
			return fmt.Errorf("no licence %q", part)
		}
		tenant(func(t *cippsim.Tenant) {
			if k := t.SKU(part); k != nil {
				*k = bought(part, paid, used)
				return
			}
			t.SKUs = append(t.SKUs, bought(part, paid, used))
		})
	case "also":
		units, uerr := strconv.Atoi(arg(4))
		days, derr := strconv.Atoi(arg(5))
		if uerr != nil || derr != nil {
			return fmt.Errorf("world cipp also: say how many units, and in how many days")
		}
		tenant(func(t *cippsim.Tenant) {
			k := t.SKU(arg(2))
			k.Enabled += units
			k.Subscriptions = append(k.Subscriptions, cippsim.Subscription{ID: arg(3), Total: units, Owner: strings.Join(args[6:], ""), Created: time.Now().AddDate(-1, 0, 0), Next: time.Now().AddDate(0, 0, days).Truncate(time.Second)})
		})
	case "sub":
		units, uerr := strconv.Atoi(arg(5))
		days, derr := strconv.Atoi(arg(6))
		if uerr != nil || derr != nil {
			return fmt.Errorf("world cipp sub: say how many units, and in how many days")
		}
		tenant(func(t *cippsim.Tenant) {
			if t.SKU(arg(2)) == nil {
				t.SKUs = append(t.SKUs, bought(arg(2), 0, 0))
			}
			k := t.SKU(arg(2))
			k.Enabled, k.Warning, k.Suspended, k.LockedOut = 0, 0, 0, 0
			status, trial := arg(4), false
			switch status {
			case "Trial":
				status, trial, k.Enabled = "Enabled", true, units
			case "Enabled":
				k.Enabled = units
			case "Warning":
				k.Warning = units
			case "Suspended":
				k.Suspended = units
			case "LockedOut":
				k.LockedOut = units
			}
			k.Subscriptions = []cippsim.Subscription{{ID: arg(3), Status: status, Trial: trial, Total: units, Owner: strings.Join(args[7:], ""), Created: time.Now().AddDate(-1, 0, 0), Next: time.Now().AddDate(0, 0, days).Truncate(time.Second)}}
		})
	case "senseless":
		fault := map[string]cippsim.ResourceFault{}
		switch arg(2) {
		case "negative":
			fault["subscribedSkus"] = cippsim.ResourceFault{Rows: []any{map[string]any{"skuId": skus["EXCHANGESTANDARD"].id, "skuPartNumber": "EXCHANGESTANDARD", "capabilityStatus": "Enabled", "consumedUnits": -1,
				"prepaidUnits": map[string]any{"enabled": 2}}}}
		case "orphan":
			fault["directory/subscriptions"] = cippsim.ResourceFault{Rows: []any{map[string]any{"id": "odd", "skuId": nil, "status": "Enabled", "totalLicenses": 3, "isTrial": false}}}
		case "address":
			tenant(func(t *cippsim.Tenant) {
				u := t.User(arg(3))
				u.ProxyAddresses = append(u.ProxyAddresses, "smtp:two words@"+t.DefaultDomain)
			})
			return err
		default:
			return fmt.Errorf("world cipp senseless %s means nothing", arg(2))
		}
		w.cipp.SetTenantFaults(arg(1), cippsim.TenantFaults{Graph: fault})
	case "drop":
		tenant(func(t *cippsim.Tenant) {
			t.SKUs = slices.DeleteFunc(t.SKUs, func(k cippsim.SKU) bool { return k.PartNumber == arg(2) })
		})
	case "empty":
		tenant(func(t *cippsim.Tenant) { t.SKUs = nil })
	case "silent":
		w.cipp.SetTenantFaults(arg(1), cippsim.TenantFaults{Unauthorised: true})
	case "denied":
		w.cipp.SetTenantFaults(arg(1), cippsim.TenantFaults{Denied: true})
	case "broken":
		w.cipp.SetTenantFaults(arg(1), cippsim.TenantFaults{GraphError: cippsim.TextDissolved})
	case "unlist":
		w.cipp.SetFaults(cippsim.Faults{List: cippsim.ListFaults{Hidden: []string{arg(1)}}})
	case "list-empty":
		w.cipp.SetFaults(cippsim.Faults{List: cippsim.ListFaults{Empty: true}})
	case "new":
		w.cipp.Update(func(c *cippsim.World) {
			c.Tenants = append(c.Tenants, &cippsim.Tenant{CustomerID: arg(1), DisplayName: arg(2), DefaultDomain: arg(3), InitialDomain: arg(4)})
		})
	case "hide-sku":
		w.cipp.Update(func(c *cippsim.World) { c.ExcludedSKUs = append(c.ExcludedSKUs, skus[arg(1)].id) })
	case "leave":
		tenant(func(t *cippsim.Tenant) {
			t.Users = slices.DeleteFunc(t.Users, func(u *cippsim.User) bool { return u.UPN == arg(2) })
			t.Mailboxes = slices.DeleteFunc(t.Mailboxes, func(m *cippsim.Mailbox) bool { return m.UPN == arg(2) })
		})
	case "delete", "restore":
		tenant(func(t *cippsim.Tenant) { t.User(arg(2)).Deleted = args[0] == "delete" })
	case "block", "unblock":
		tenant(func(t *cippsim.Tenant) { t.User(arg(2)).Disabled = args[0] == "block" })
	case "marry":
		tenant(func(t *cippsim.Tenant) {
			u := t.User(arg(2))
			given, surname, _ := strings.Cut(arg(3), " ")
			u.DisplayName, u.GivenName, u.Surname, u.ProxyAddresses = arg(3), given, surname, append(u.ProxyAddresses, "smtp:"+u.UPN)
			u.UPN, u.Mail = arg(4), arg(4)
		})
	case "rehire":
		tenant(func(t *cippsim.Tenant) {
			u := t.User(arg(2))
			for _, g := range t.Groups {
				for i := range g.Members {
					if g.Members[i] == u.ID {
						g.Members[i] = arg(3)
					}
				}
			}
			u.ID = arg(3)
		})
	case "employ":
		upn, department, part := arg(2), arg(3), ""
		if len(args) > 4 {
			part = args[4]
		}
		tenant(func(t *cippsim.Tenant) {
			u := t.User(upn)
			if u == nil {
				u = &cippsim.User{ID: fmt.Sprintf("c0ffee00-0000-4000-8000-0000000002%02d", len(t.Users)), UPN: upn, DisplayName: upn, GivenName: "Em", Surname: "Ployed", Mail: upn}
				t.Users = append(t.Users, u)
			}
			if u.Department = department; part != "" {
				u.Licences = []string{skus[part].id}
			}
		})
	case "invite":
		tenant(func(t *cippsim.Tenant) {
			t.Users = append(t.Users, &cippsim.User{ID: fmt.Sprintf("c0ffee00-0000-4000-8000-0000000001%02d", len(t.Users)), UPN: arg(2), Mail: arg(3), DisplayName: "Invited", GivenName: "In", Surname: "Vited", Guest: true})
		})
	case "group":
		tenant(func(t *cippsim.Tenant) {
			g := t.Group(arg(2))
			g.Members = nil
			for _, upn := range args[3:] {
				g.Members = append(g.Members, t.User(upn).ID)
			}
		})
	case "portal":
		w.cipp.SetFaults(cippsim.Faults{Address: cippsim.PortalSignIn})
	case "portal-page":
		w.cipp.SetFaults(cippsim.Faults{Address: cippsim.PortalPage})
	case "heal":
		w.cipp.Heal()
	default:
		return fmt.Errorf("world cipp %s means nothing", args[0])
	}
	return err
}

// editConnectWise changes what ConnectWise holds, as a person there would, or
// what goes wrong with it:
//
//	quantity REF N                    somebody edits a line
//	price REF N
//	end REF DAY                       the last billed day
//	remove REF                        deletes the line
//	line ID AGREEMENT PRODUCT N       a new line
//	bill REF DoNotBill
//	agreement ID COMPANY NAME         a second agreement
//	currency AGREEMENT CODE           what its prices are in
//	invoice AGREEMENT                 somebody makes the invoice of the next period
//	fail METHOD KIND [TIMES]          dropped, dropped-after, timeout, timeout-after, denied, bad-keys,
//	                                  throttled, html; until heal where no TIMES are given
//	invoice AGREEMENT                 its next invoice is made
//	blind N                           lines cannot be read one by one, after the first N
//	slow METHOD DURATION              the answer takes its time
//	stall METHOD                      committed, and then no answer until the caller is gone
//	stall-before METHOD               not even committed
//	heal
//	desk                              it has the service board Licensing, and the role may work on it
//	tickets N                         waits until so many are open
func (w *world) editConnectWise(args []string) (err error) {
	if len(args) == 0 {
		return fmt.Errorf("world connectwise: say what to edit")
	}
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		err = cmp.Or(err, fmt.Errorf("world connectwise %s: too few words", args[0]))
		return ""
	}
	number := func(i int) int {
		n, nerr := strconv.Atoi(arg(i))
		err = cmp.Or(err, nerr)
		return n
	}
	line := func(edit func(*cwsim.World, *cwsim.Addition)) {
		ref := arg(1)
		w.connectwise.Edit("jwhite", func(c *cwsim.World) {
			a, lerr := addition(c, ref)
			if lerr == nil {
				edit(c, a)
			}
			err = cmp.Or(err, lerr)
		})
	}
	amount := func(i int) decimal.Decimal {
		d, derr := decimal.NewFromString(arg(i))
		err = cmp.Or(err, derr)
		return d
	}
	switch args[0] {
	case "quantity":
		line(func(_ *cwsim.World, a *cwsim.Addition) { a.Quantity = amount(2) })
	case "price":
		line(func(_ *cwsim.World, a *cwsim.Addition) { a.UnitPrice = amount(2) })
	case "cost":
		line(func(_ *cwsim.World, a *cwsim.Addition) { a.UnitCost = amount(2) })
	case "included":
		line(func(_ *cwsim.World, a *cwsim.Addition) { a.LessIncluded = amount(2) })
	case "bill":
		line(func(_ *cwsim.World, a *cwsim.Addition) { a.BillCustomer = arg(2) })
	case "end":
		last, derr := time.Parse(time.DateOnly, arg(2))
		line(func(_ *cwsim.World, a *cwsim.Addition) { a.CancelledDate = last })
		err = cmp.Or(err, derr)
	case "remove":
		line(func(c *cwsim.World, a *cwsim.Addition) {
			c.Additions = slices.DeleteFunc(c.Additions, func(x *cwsim.Addition) bool { return x == a })
		})
	case "line":
		id, agreement, product, quantity := number(1), number(2), arg(3), amount(4)
		w.connectwise.Edit("jwhite", func(c *cwsim.World) {
			i := slices.IndexFunc(c.Products, func(p *cwsim.Product) bool { return p.Identifier == product })
			if i < 0 {
				err = cmp.Or(err, fmt.Errorf("no product %q", product))
				return
			}
			c.Additions = append(c.Additions, &cwsim.Addition{ID: id, AgreementID: agreement, ProductID: c.Products[i].ID, Quantity: quantity,
				UnitPrice: c.Products[i].Price, BillCustomer: "Billable", EffectiveDate: cwsim.Day(2024, 6, 1)})
		})
	case "agreement":
		id, company, name := number(1), number(2), arg(3)
		w.connectwise.Edit("jwhite", func(c *cwsim.World) {
			copied := *c.Agreements[0]
			copied.ID, copied.CompanyID, copied.Name = id, company, name
			c.Agreements = append(c.Agreements, &copied)
		})
	case "cycleless": // AGREEMENT
		agreement := number(1)
		w.connectwise.Edit("jwhite", func(c *cwsim.World) {
			c.Agreement(agreement).BillingCycleID, c.Agreement(agreement).Other = 0, map[string]any{"billingCycle": map[string]any{}}
		})
	case "yearly": // AGREEMENT
		agreement := number(1)
		w.connectwise.Edit("jwhite", func(c *cwsim.World) {
			c.BillingCycles = append(c.BillingCycles, &cwsim.BillingCycle{ID: 9, Identifier: "Y", Name: "Yearly", Option: "Yearly"})
			c.Agreement(agreement).BillingCycleID = 9
		})
	case "currency":
		agreement, code := number(1), arg(2)
		w.connectwise.Edit("jwhite", func(c *cwsim.World) { c.Agreement(agreement).Currency = code })
	case "invoice": // AGREEMENT: a person makes the next one
		if w.connectwise.Invoice(number(1), "jwhite") == nil {
			return fmt.Errorf("there is no agreement %d", number(1))
		}
	case "invoice-at-write": // AGREEMENT: a person makes it while the next line is written
		agreement, once := number(1), sync.Once{}
		w.connectwise.Before(func(r *http.Request) cwsim.Fault {
			if r.Method == http.MethodPatch {
				once.Do(func() { w.connectwise.Invoice(agreement, "jwhite") })
			}
			return cwsim.Fault{}
		})
	case "invoices-unread": // reading the invoices fails
		w.connectwise.Fail(cwsim.Rule{Method: "GET", Route: "/finance/invoices", Fault: cwsim.Fault{Kind: cwsim.HTMLPage}})
	case "uninvoice": // a person deletes the last invoice
		all := w.connectwise.World().Invoices
		if len(all) == 0 || !w.connectwise.DeleteInvoice(all[len(all)-1].ID, "jwhite") {
			return errors.New("there is no invoice")
		}
	case "next": // AGREEMENT MONTHS: the first day not yet invoiced, counted from this month
		agreement, now := number(1), time.Now().UTC()
		next := cwsim.Day(now.Year(), now.Month()+time.Month(number(2)), 1).Format(time.RFC3339)
		w.connectwise.Edit("jwhite", func(c *cwsim.World) { c.Agreement(agreement).NextInvoiceDate = next })
	case "fail":
		kind := map[string]cwsim.FaultKind{"dropped": cwsim.Dropped, "dropped-after": cwsim.DroppedCommitted, "timeout": cwsim.Timeout, "timeout-after": cwsim.TimeoutCommitted,
			"denied": cwsim.Denied, "bad-keys": cwsim.BadKeys, "throttled": cwsim.Throttled, "html": cwsim.HTMLPage}[arg(2)]
		if kind == "" {
			return fmt.Errorf("no failure %q", arg(2))
		}
		times := 0
		if len(args) > 3 {
			times = number(3)
		}
		w.connectwise.Fail(cwsim.Rule{Method: arg(1), Route: made(arg(1)), Times: times, Fault: cwsim.Fault{Kind: kind}})
	case "blind": // lines cannot be read any more either: the answer to a write stays unknown
		// The first bundle reads the lines of all agreements, each further one a line.
		w.connectwise.Fail(cwsim.Rule{Method: "POST", Route: "/system/bundles", Skip: 1 + number(1), Fault: cwsim.Fault{Kind: cwsim.Dropped}})
	case "slow":
		d, derr := time.ParseDuration(arg(2))
		if derr != nil {
			return derr
		}
		method := arg(1)
		w.connectwise.Before(func(r *http.Request) cwsim.Fault {
			if r.Method != method {
				return cwsim.Fault{}
			}
			w.arrived <- struct{}{}
			return cwsim.Fault{Delay: d}
		})
	case "stall", "stall-before":
		w.stall(arg(1), args[0] == "stall")
	case "desk":
		w.connectwise.Update(func(c *cwsim.World) {
			c.Boards = []*cwsim.Setup{{ID: 4, Name: "Licensing"}}
			c.BoardStatuses = []*cwsim.BoardStatus{{ID: 40, BoardID: 4, Name: "New", Default: true}, {ID: 42, BoardID: 4, Name: "Done", Closed: true}}
			c.Roles[0].Settings = append(c.Roles[0].Settings, cwsim.RoleSetting{Module: "Service Desk", Function: "Service Tickets", Add: "All", Edit: "All", Inquire: "All"})
		})
	case "tickets":
		want, got := number(1), -1
		for deadline := time.Now().Add(30 * time.Second); got != want && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			got = 0
			w.connectwise.Look(func(c *cwsim.World) {
				for _, t := range c.Tickets {
					if t.StatusID != 42 {
						got++
					}
				}
			})
		}
		if got != want {
			return fmt.Errorf("got %d open tickets, want %d", got, want)
		}
	case "heal":
		w.release()
		w.connectwise.Heal()
	default:
		return fmt.Errorf("world connectwise %s means nothing", args[0])
	}
	return err
}

// made is the route on which a line is made; bundles of reads are a POST too.
func made(method string) string {
	if method == http.MethodPost {
		return "/finance/agreements/{id}/additions"
	}
	return ""
}

// stall lets the next request of a method hang until its caller is gone. With
// commit, what it asks for is done all the same.
func (w *world) stall(method string, commit bool) {
	ctx, cancel := context.WithCancel(context.Background())
	w.release = cancel
	var taken atomic.Bool
	w.connectwise.Before(func(r *http.Request) cwsim.Fault {
		if r.Method != method || method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/additions") || taken.Swap(true) {
			return cwsim.Fault{}
		}
		w.arrived <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-ctx.Done():
		}
		if commit {
			return cwsim.Fault{Kind: cwsim.DroppedCommitted}
		}
		return cwsim.Fault{Kind: cwsim.Dropped}
	})
}
