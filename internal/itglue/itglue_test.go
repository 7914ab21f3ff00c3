package itglue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
	itgluesim "syncd/internal/simulator/itglue"
	"syncd/internal/target"
)

// Invented ids.
const (
	tenantID = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	otherID  = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12"
	skuBP    = "0a11aaaa-0000-4000-8000-000000000001"
	key      = "ITG.example0123456789"
)

func oid(n int) string { return fmt.Sprintf("11111111-0000-4000-8000-%012d", n) }

// seed is an MSP with two customers; the first has three contacts.
func seed() itgluesim.World {
	return itgluesim.World{
		OrganizationStatuses: []*itgluesim.Setup{{ID: 12, Name: "Active"}},
		Organizations: []*itgluesim.Organization{
			{ID: 1, Name: "Example Networks", Primary: true, StatusID: 12},
			{ID: 2, Name: "Contoso Ltd", ShortName: "Contoso", StatusID: 12,
				Adapters: []itgluesim.Adapter{{ID: 21, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "250", Sync: true}}},
			{ID: 3, Name: "Fabrikam", StatusID: 12},
		},
		Contacts: []*itgluesim.Contact{
			{ID: 41, OrganizationID: 2, FirstName: "Ana", LastName: "Ruiz", Notes: "knows the alarm code",
				Emails: []itgluesim.Email{{Value: "A.Ruiz@contoso.example", Label: "Work", Primary: true}, {Value: "ana@home.example", Label: "Home"}},
				Phones: []itgluesim.Phone{{Value: "3105550100", Label: "Work", Primary: true}}},
			{ID: 42, OrganizationID: 2, FirstName: "Bo", LastName: "Lind", Title: "Boss"},
			{ID: 43, OrganizationID: 2, FirstName: "Zoe", LastName: "Stranger", Emails: []itgluesim.Email{{Value: "zoe@elsewhere.example", Label: "Work", Primary: true}}},
			{ID: 44, OrganizationID: 3, FirstName: "Ana", LastName: "Ruiz", Emails: []itgluesim.Email{{Value: "ana@contoso.example", Label: "Work", Primary: true}}},
		},
		Domains: []*itgluesim.Domain{{ID: 81, OrganizationID: 2, Name: "Contoso.example"}},
	}
}

// A source is what a tenant holds.
type source struct {
	users     []directory.User
	groups    []directory.Group
	domains   []directory.Domain
	mailboxes []directory.Mailbox
	licences  []directory.Licence
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func contosoSource() *source {
	return &source{
		users: []directory.User{
			{ID: oid(1), UPN: "ana@contoso.example", Name: "Ana Ruiz", GivenName: "Ana", Surname: "Ruiz", Mail: "ana@contoso.example", Aliases: []string{"a.ruiz@contoso.example"},
				Enabled: true, JobTitle: "Buyer", Licences: []string{skuBP}, MobilePhone: "+1 310 555 0199", BusinessPhones: []string{"310-555-0100"}, ManagerID: oid(2),
				LastSignIn: noon, MFA: directory.MFAEnforced, Created: noon.AddDate(-1, 0, 0)},
			{ID: oid(2), UPN: "bo@contoso.example", Name: "Bo Lind", GivenName: "Bo", Surname: "Lind", Mail: "bo@contoso.example", Enabled: true, JobTitle: "CEO"},
			{ID: oid(3), UPN: "cy@contoso.example", Name: "Cy <Dahl> & Co", GivenName: "Cy", Surname: "Dahl", Mail: "cy@contoso.example", Enabled: true, Licences: []string{skuBP}},
			{ID: oid(4), UPN: "svc-backup@contoso.example", Name: "Backup", Enabled: true},
			{ID: oid(5), UPN: "info@contoso.example", Name: "Info", Mail: "info@contoso.example", Enabled: true},
			{ID: oid(6), UPN: "guest#ext#@contoso.example", Name: "Guest", Guest: true, Enabled: true},
		},
		groups: []directory.Group{
			{ID: oid(101), Name: "Finance", Description: "Pays the bills\nand counts <them>", Mail: "finance@contoso.example", Kind: directory.Microsoft365Group, Team: true,
				Owners: []string{oid(1)}, Members: directory.Members{IDs: []string{oid(1), oid(3), oid(900)}}, Licences: []string{skuBP}},
			{ID: oid(102), Name: "All staff", Kind: directory.SecurityGroup, Rule: `(user.department -eq "All")`, Members: directory.Members{Unknown: "cut short"}},
		},
		domains: []directory.Domain{
			{Name: "contoso.example", Verified: true, Default: true, Authentication: "Managed", Services: []string{"Email"},
				Health: directory.DomainHealth{Known: true, MX: []string{"10 mx.example"}, SPF: "v=spf1 -all", SPFPass: true, DMARC: "reject", DKIM: true}},
			{Name: "contoso.onmicrosoft.com", Verified: true, Initial: true},
			{Name: "unproven.example"},
		},
		mailboxes: []directory.Mailbox{
			{ID: "mbx-ana", UserID: oid(1), UPN: "ana@contoso.example", Name: "Ana Ruiz", Address: "ana@contoso.example", Kind: "UserMailbox", SizeBytes: 3 << 30},
			{ID: "MBX-info", UserID: oid(5), UPN: "info@contoso.example", Name: "Info", Address: "info@contoso.example", Kind: "SharedMailbox", SizeBytes: 700 << 20,
				FullAccess: []string{"ana@contoso.example", "Cy <Dahl> & Co"}, Calendar: []directory.CalendarRight{{Who: "Default", Rights: "AvailabilityOnly", Folder: "Calendar"}}},
		},
		licences: []directory.Licence{{SKU: skuBP, PartNumber: "SPB", Name: "Microsoft 365 Business Premium", Purchased: 5, Assigned: 2,
			Subscriptions: []directory.Subscription{{ID: "s1", Status: "Enabled", Total: 5, Renews: noon.AddDate(0, 3, 0)}}}},
	}
}

func (s *source) snapshot(tenant string) *directory.Snapshot { return s.snapshotAsOf(tenant, noon) }

func (s *source) snapshotAsOf(tenant string, asOf time.Time) *directory.Snapshot {
	proof := directory.Proof{Source: "test", AsOf: asOf}
	return &directory.Snapshot{Tenant: directory.Tenant{ID: directory.TenantID(tenant)}, TakenAt: noon,
		Users: directory.Proven(s.users, proof), Groups: directory.Proven(s.groups, proof), Domains: directory.Proven(s.domains, proof),
		Mailboxes: directory.Proven(s.mailboxes, proof), Licences: directory.Proven(s.licences, proof)}
}

// A bench is a client, the simulator it talks to, and what a loop remembers of
// one customer.
type bench struct {
	t        testing.TB
	sim      *itgluesim.Server
	conf     Config
	client   *Client
	log      *bytes.Buffer
	source   *source
	customer mapping.Customer
	settled  []plan.Settlement
	owners   target.Owners
	asOf     func() time.Time // of the source's answers; nil is noon
	records  map[plan.Key]plan.Record
	target   *Target
	view     target.View // of the last plan
	now      time.Time
}

func settings() Config {
	c := Defaults()
	c.URL, c.APIKey = "https://api.itglue.com", secret.New(key)
	c.Rate = rest.Rate{PerSecond: 100000, Burst: 10000, Concurrency: 8}
	return c
}

func newBench(t testing.TB, world itgluesim.World, edits ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, conf: settings(), log: &bytes.Buffer{}, source: contosoSource(), records: map[plan.Key]plan.Record{}, now: noon,
		customer: mapping.Customer{Key: tenantID, Name: "Contoso", Tenant: directory.Tenant{ID: tenantID, Name: "Contoso"}, Listed: true, Status: mapping.Linked,
			Links: mapping.Links{mapping.ITGlueOrganization: "2"}}}
	b.sim = itgluesim.New(world, itgluesim.Options{Key: key, Now: func() time.Time { return b.now }})
	for _, edit := range edits {
		edit(&b.conf)
	}
	var err error
	if b.client, err = New(b.conf, Options{Log: zerolog.New(zerolog.SyncWriter(b.log)), Transport: b.sim.Transport(), Now: func() time.Time { return b.now }}); err != nil {
		t.Fatal(err)
	}
	return b
}

// layouts puts our types into an account that works as documented, as create
// makes them there: most tests are about what comes after.
func (b *bench) layouts() *bench {
	b.t.Helper()
	if types := b.sim.World().Types; b.conf.LayoutPrefix != Defaults().LayoutPrefix || len(types) > 0 {
		return b.create()
	}
	made := made()
	b.sim.Update(func(w *itgluesim.World) {
		w.Types, w.Fields = append(w.Types, made.Types...), append(w.Fields, made.Fields...)
	})
	return b
}

// made is an account in which our types were created; each caller gets its own.
func made() *itgluesim.World {
	madeOnce.Do(func() {
		sim := itgluesim.New(seed(), itgluesim.Options{Key: key})
		client, err := New(settings(), Options{Transport: sim.Transport()})
		if err == nil {
			_, err = client.CreateLayouts(context.Background())
		}
		if err != nil {
			panic(err)
		}
		madeWorld = sim.World()
	})
	return madeWorld.Clone()
}

var (
	madeOnce  sync.Once
	madeWorld *itgluesim.World
)

// create creates our types.
func (b *bench) create() *bench {
	b.t.Helper()
	if _, err := b.client.CreateLayouts(b.t.Context()); err != nil {
		b.t.Fatalf("creating the layouts: %v", err)
	}
	b.sim.Forget()
	return b
}

// A run is what one night did.
type night struct {
	plan *plan.Plan
	errs []error
	held []plan.Violation
}

func (n *night) find(kind, id string) *plan.Change {
	for i := range n.plan.Changes {
		if n.plan.Changes[i].Key == (plan.Key{Kind: kind, ID: id}) {
			return &n.plan.Changes[i]
		}
	}
	return nil
}

func (n *night) code(code string) *plan.Violation {
	for i := range n.held {
		if n.held[i].Code == code {
			return &n.held[i]
		}
	}
	return nil
}

func (n *night) String() string {
	var lines []string
	for _, c := range n.plan.Changes {
		line := fmt.Sprintf("%s %s %s (%s):", c.Action, c.Key, c.Label, c.Reason)
		for _, f := range c.Fields {
			line += fmt.Sprintf(" %s [%s]->[%s]", f.Name, f.Before, f.After)
		}
		lines = append(lines, line)
	}
	for _, err := range n.errs {
		lines = append(lines, "error: "+err.Error())
	}
	for _, v := range n.held {
		lines = append(lines, fmt.Sprintf("%s (note %t): %s", v.Code, v.Note, v.Message))
	}
	return strings.Join(lines, "\n")
}

// plan goes as far as a plan.
func (b *bench) plan() *night {
	b.t.Helper()
	n, err := b.tryPlan()
	if err != nil {
		b.t.Fatalf("planning: %v", err)
	}
	return n
}

func (b *bench) tryPlan() (*night, error) {
	b.target = b.client.Open()
	var refs []string
	for _, r := range b.records {
		refs = append(refs, r.Ref)
	}
	views, err := b.target.Observe(b.t.Context(), []target.Asked{{Customer: b.customer, Settlements: b.settled, Refs: refs, Owners: b.owners}})
	if err != nil {
		return nil, err
	}
	b.view = views[0]
	records := slices.Collect(maps.Values(b.records))
	snapshot := b.source.snapshot(tenantID)
	if b.asOf != nil {
		snapshot = b.source.snapshotAsOf(tenantID, b.asOf())
	}
	d, o, err := b.view.Compare(b.t.Context(), snapshot, records)
	if err != nil {
		return nil, err
	}
	off := map[plan.Key]string{}
	for _, s := range b.settled {
		if s.How == plan.SettleIgnore {
			off[s.Key] = "left alone"
		}
	}
	p, err := plan.Make(plan.Scope{Customer: tenantID, Target: "itglue"}, b.target.Spec().Kinds, plan.Sides{Desired: d.Objects, Observed: o.Objects,
		Records: records, Conflicts: append(slices.Clip(d.Conflicts), o.Conflicts...), HandsOff: off, Now: b.now, Unmanaged: o.Unmanaged})
	if err != nil {
		return nil, err
	}
	return &night{plan: p, held: append(slices.Clone(p.Violations), o.Notes...)}, nil
}

// night plans and applies, as the loop would with everything approved.
func (b *bench) night() *night {
	b.t.Helper()
	n := b.plan()
	b.apply(n)
	return n
}

func (b *bench) apply(n *night) {
	for _, o := range n.plan.Learned {
		r := b.records[o.Key]
		r.Object, r.Pending = o, nil
		if r.Origin == plan.Announced {
			r.Origin = plan.Created
		}
		b.records[o.Key] = r
	}
	for _, k := range n.plan.Dropped {
		delete(b.records, k)
	}
	for _, k := range n.plan.Absent {
		r := b.records[k]
		r.Absences++
		if r.AbsentSince.IsZero() {
			r.AbsentSince = b.now
		}
		b.records[k] = r
	}
	ended := false
	for _, c := range n.plan.Changes {
		if c.Action == plan.Forget {
			delete(b.records, c.Key)
			continue
		}
		if ended {
			continue
		}
		r, known := b.records[c.Key]
		if !c.Writes() {
			b.records[c.Key] = plan.Record{Object: c.Remembered(*c.After), Origin: plan.Adopted}
			continue
		}
		if !known && c.Before == nil {
			b.records[c.Key] = plan.Record{Object: *c.After, Pending: c.After}
		} else if known {
			r.Pending = c.After
			b.records[c.Key] = r
		}
		applied, err := b.view.Apply(b.t.Context(), c)
		if err != nil {
			n.errs = append(n.errs, fmt.Errorf("%s %s: %w", c.Action, c.Key, err))
			if errors.Is(err, rest.ErrOutcomeUnknown) {
				ended = true // the announcement stays
				continue
			}
			if known {
				r.Pending = nil
				b.records[c.Key] = r
			} else {
				delete(b.records, c.Key)
			}
			continue
		}
		n.held = append(n.held, applied.Notes...)
		if c.Action == plan.Delete && c.After == nil {
			delete(b.records, c.Key)
			continue
		}
		o := applied.Object
		o.Key = c.Key
		b.records[c.Key] = plan.Record{Object: c.Remembered(o), Origin: plan.Created, Rewritten: c.Rewritten(b.records[c.Key].Rewritten, applied.Rewritten, &applied.Object)}
	}
}

// settle runs a night that must go well and one that must find nothing to do.
func (b *bench) settle() {
	b.t.Helper()
	n := b.night()
	if len(n.errs) > 0 {
		b.t.Fatalf("the first night:\n%s", n)
	}
	b.quiet()
}

// calm wants peace after so many nights at most: what went wrong in the first is
// made good in those that follow.
func (b *bench) calm(most int) {
	b.t.Helper()
	for range most {
		if n := b.night(); n.plan.Empty() && len(n.errs) == 0 {
			break
		}
	}
	b.quiet()
}

// quiet wants a night without a change and without a write.
func (b *bench) quiet() {
	b.t.Helper()
	before := len(b.sim.Writes())
	n := b.night()
	if !n.plan.Empty() || len(n.errs) > 0 {
		b.t.Fatalf("got a plan on a quiet night, want none:\n%s", n)
	}
	if after := len(b.sim.Writes()); after != before {
		b.t.Fatalf("got %d writes on a quiet night, want none: %+v", after-before, b.sim.Writes()[before:])
	}
	b.harmless()
}

func (b *bench) harmless() {
	b.t.Helper()
	if bombs := b.sim.Bombs(); len(bombs) > 0 {
		b.t.Fatalf("got calls that may never be sent: %+v", bombs)
	}
}

// asset returns the one asset of a kind and key.
func (b *bench) asset(w *itgluesim.World, kind, object string) *itgluesim.Asset {
	b.t.Helper()
	typ := w.TypeNamed(b.conf.typeName(kind))
	if typ == nil {
		b.t.Fatalf("no type of %s", kind)
	}
	var found []*itgluesim.Asset
	for _, a := range w.AssetsOf(typ.ID, 0) {
		if strings.EqualFold(fmt.Sprint(w.Trait(a, "object-id")), object) {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		b.t.Fatalf("got %d assets of %s %s, want 1", len(found), kind, object)
	}
	return found[0]
}

func (b *bench) contacts() []*itgluesim.Contact { return b.sim.World().ContactsOf(2) }

func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }
