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

func objectID(n int) string { return fmt.Sprintf("11111111-0000-4000-8000-%012d", n) }

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
			{ID: 43, OrganizationID: 2, FirstName: "Zoe", LastName: "Stranger",
				Emails: []itgluesim.Email{{Value: "zoe@elsewhere.example", Label: "Work", Primary: true}}},
			{ID: 44, OrganizationID: 3, FirstName: "Ana", LastName: "Ruiz",
				Emails: []itgluesim.Email{{Value: "ana@contoso.example", Label: "Work", Primary: true}}},
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
			{ID: objectID(1), UPN: "ana@contoso.example", Name: "Ana Ruiz", GivenName: "Ana", Surname: "Ruiz", Mail: "ana@contoso.example",
				Aliases: []string{"a.ruiz@contoso.example"},
				Enabled: true, JobTitle: "Buyer", Licences: []string{skuBP}, MobilePhone: "+1 310 555 0199",
				BusinessPhones: []string{"310-555-0100"}, ManagerID: objectID(2),
				LastSignIn: noon, MFA: directory.MFAEnforced, Created: noon.AddDate(-1, 0, 0)},
			{ID: objectID(2), UPN: "bo@contoso.example", Name: "Bo Lind", GivenName: "Bo", Surname: "Lind", Mail: "bo@contoso.example",
				Enabled: true, JobTitle: "CEO"},
			{ID: objectID(3), UPN: "cy@contoso.example", Name: "Cy <Dahl> & Co", GivenName: "Cy", Surname: "Dahl",
				Mail: "cy@contoso.example", Enabled: true, Licences: []string{skuBP}},
			{ID: objectID(4), UPN: "svc-backup@contoso.example", Name: "Backup", Enabled: true},
			{ID: objectID(5), UPN: "info@contoso.example", Name: "Info", Mail: "info@contoso.example", Enabled: true},
			{ID: objectID(6), UPN: "guest#ext#@contoso.example", Name: "Guest", Guest: true, Enabled: true},
		},
		groups: []directory.Group{
			{ID: objectID(101), Name: "Finance", Description: "Pays the bills\nand counts <them>", Mail: "finance@contoso.example",
				Kind: directory.Microsoft365Group, Team: true,
				Owners: []string{objectID(1)}, Members: directory.Members{IDs: []string{objectID(1), objectID(3), objectID(900)}},
				Licences: []string{skuBP}},
			{ID: objectID(102), Name: "All staff", Kind: directory.SecurityGroup, Rule: `(user.department -eq "All")`,
				Members: directory.Members{Unknown: "cut short"}},
		},
		domains: []directory.Domain{
			{Name: "contoso.example", Verified: true, Default: true, Authentication: "Managed", Services: []string{"Email"},
				Health: directory.DomainHealth{Known: true, MX: []string{"10 mx.example"}, SPF: "v=spf1 -all", SPFPass: true, DMARC: "reject",
					DKIM: true}},
			{Name: "contoso.onmicrosoft.com", Verified: true, Initial: true},
			{Name: "unproven.example"},
		},
		mailboxes: []directory.Mailbox{
			{ID: "mbx-ana", UserID: objectID(1), UPN: "ana@contoso.example", Name: "Ana Ruiz", Address: "ana@contoso.example",
				Kind: "UserMailbox", SizeBytes: 3 << 30},
			{ID: "MBX-info", UserID: objectID(5), UPN: "info@contoso.example", Name: "Info", Address: "info@contoso.example",
				Kind: "SharedMailbox", SizeBytes: 700 << 20,
				FullAccess: []string{"ana@contoso.example", "Cy <Dahl> & Co"},
				Calendar:   []directory.CalendarRight{{Who: "Default", Rights: "AvailabilityOnly", Folder: "Calendar"}}},
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

// A harness is a client, the simulator it talks to, and what a loop remembers of
// one customer.
type harness struct {
	t           testing.TB
	sim         *itgluesim.Server
	conf        Config
	client      *Client
	log         *bytes.Buffer
	source      *source
	customer    mapping.Customer
	settlements []plan.Settlement
	owners      target.Owners
	asOf        func() time.Time // of the source's answers; nil is noon
	records     map[plan.Key]plan.Record
	target      *Target
	view        target.View // of the last plan
	now         time.Time
}

func settings() Config {
	c := Defaults()
	c.URL, c.APIKey = "https://api.itglue.com", secret.New(key)
	c.Rate = rest.Rate{PerSecond: 100000, Burst: 10000, Concurrency: 8}
	return c
}

func newHarness(t testing.TB, world itgluesim.World, edits ...func(*Config)) *harness {
	t.Helper()
	h := &harness{t: t, conf: settings(), log: &bytes.Buffer{}, source: contosoSource(), records: map[plan.Key]plan.Record{}, now: noon,
		customer: mapping.Customer{Key: tenantID, Name: "Contoso", Tenant: directory.Tenant{ID: tenantID, Name: "Contoso"}, Listed: true,
			Status: mapping.Linked,
			Links:  mapping.Links{mapping.ITGlueOrganization: "2"}}}
	h.sim = itgluesim.New(world, itgluesim.Options{Key: key, Now: func() time.Time { return h.now }})
	for _, edit := range edits {
		edit(&h.conf)
	}
	var err error
	if h.client, err = New(h.conf,
		Options{Log: zerolog.New(zerolog.SyncWriter(h.log)), Transport: h.sim.Transport(), Now: func() time.Time { return h.now }}); err != nil {
		t.Fatal(err)
	}
	return h
}

// layouts puts our types into an account that works as documented, as create
// makes them there: most tests are about what comes after.
func (h *harness) layouts() *harness {
	h.t.Helper()
	if types := h.sim.World().Types; h.conf.LayoutPrefix != Defaults().LayoutPrefix || len(types) > 0 {
		return h.create()
	}
	made := worldWithLayouts()
	h.sim.Update(func(w *itgluesim.World) {
		w.Types, w.Fields = append(w.Types, made.Types...), append(w.Fields, made.Fields...)
	})
	return h
}

// worldWithLayouts is an account in which our types were created; each caller gets its own.
func worldWithLayouts() *itgluesim.World {
	layoutsOnce.Do(func() {
		sim := itgluesim.New(seed(), itgluesim.Options{Key: key})
		client, err := New(settings(), Options{Transport: sim.Transport()})
		if err == nil {
			_, err = client.CreateLayouts(context.Background())
		}
		if err != nil {
			panic(err)
		}
		layoutsWorld = sim.World()
	})
	return layoutsWorld.Clone()
}

var (
	layoutsOnce  sync.Once
	layoutsWorld *itgluesim.World
)

// create creates our types.
func (h *harness) create() *harness {
	h.t.Helper()
	if _, err := h.client.CreateLayouts(h.t.Context()); err != nil {
		h.t.Fatalf("creating the layouts: %v", err)
	}
	h.sim.Forget()
	return h
}

// A runResult is what one run planned, and what went wrong.
type runResult struct {
	plan       *plan.Plan
	errs       []error
	violations []plan.Violation
}

func (r *runResult) change(kind, id string) *plan.Change {
	for i := range r.plan.Changes {
		if r.plan.Changes[i].Key == (plan.Key{Kind: kind, ID: id}) {
			return &r.plan.Changes[i]
		}
	}
	return nil
}

func (r *runResult) violation(code string) *plan.Violation {
	for i := range r.violations {
		if r.violations[i].Code == code {
			return &r.violations[i]
		}
	}
	return nil
}

func (r *runResult) String() string {
	var lines []string
	for _, c := range r.plan.Changes {
		line := fmt.Sprintf("%s %s %s (%s):", c.Action, c.Key, c.Label, c.Reason)
		for _, f := range c.Fields {
			line += fmt.Sprintf(" %s [%s]->[%s]", f.Name, f.Before, f.After)
		}
		lines = append(lines, line)
	}
	for _, err := range r.errs {
		lines = append(lines, "error: "+err.Error())
	}
	for _, v := range r.violations {
		lines = append(lines, fmt.Sprintf("%s (note %t): %s", v.Code, v.Note, v.Message))
	}
	return strings.Join(lines, "\n")
}

// plan goes as far as a plan.
func (h *harness) plan() *runResult {
	h.t.Helper()
	r, err := h.tryPlan()
	if err != nil {
		h.t.Fatalf("planning: %v", err)
	}
	return r
}

func (h *harness) tryPlan() (*runResult, error) {
	h.target = h.client.Open()
	var refs []string
	for _, r := range h.records {
		refs = append(refs, r.Ref)
	}
	views, err := h.target.Observe(h.t.Context(),
		[]target.Asked{{Customer: h.customer, Settlements: h.settlements, Refs: refs, Owners: h.owners}})
	if err != nil {
		return nil, err
	}
	h.view = views[0]
	records := slices.Collect(maps.Values(h.records))
	snapshot := h.source.snapshot(tenantID)
	if h.asOf != nil {
		snapshot = h.source.snapshotAsOf(tenantID, h.asOf())
	}
	d, o, err := h.view.Compare(h.t.Context(), snapshot, records)
	if err != nil {
		return nil, err
	}
	off := map[plan.Key]string{}
	for _, s := range h.settlements {
		if s.How == plan.SettleIgnore {
			off[s.Key] = "left alone"
		}
	}
	p, err := plan.Make(plan.Scope{Customer: tenantID, Target: "itglue"}, h.target.Spec().Kinds,
		plan.Sides{Desired: d.Objects, Observed: o.Objects,
			Records: records, Conflicts: append(slices.Clip(d.Conflicts), o.Conflicts...), HandsOff: off, Now: h.now, Unmanaged: o.Unmanaged})
	if err != nil {
		return nil, err
	}
	return &runResult{plan: p, violations: append(slices.Clone(p.Violations), o.Notes...)}, nil
}

// run plans and applies, as the loop would with everything approved.
func (h *harness) run() *runResult {
	h.t.Helper()
	r := h.plan()
	h.apply(r)
	return r
}

func (h *harness) apply(n *runResult) {
	for _, o := range n.plan.Learned {
		r := h.records[o.Key]
		r.Object, r.Pending = o, nil
		if r.Origin == plan.Announced {
			r.Origin = plan.Created
		}
		h.records[o.Key] = r
	}
	for _, k := range n.plan.Dropped {
		delete(h.records, k)
	}
	for _, k := range n.plan.Absent {
		r := h.records[k]
		r.Absences++
		if r.AbsentSince.IsZero() {
			r.AbsentSince = h.now
		}
		h.records[k] = r
	}
	ended := false
	for _, c := range n.plan.Changes {
		if c.Action == plan.Forget {
			delete(h.records, c.Key)
			continue
		}
		if ended {
			continue
		}
		r, known := h.records[c.Key]
		if !c.Writes() {
			h.records[c.Key] = plan.Record{Object: c.Remembered(*c.After), Origin: plan.Adopted}
			continue
		}
		if !known && c.Before == nil {
			h.records[c.Key] = plan.Record{Object: *c.After, Pending: c.After}
		} else if known {
			r.Pending = c.After
			h.records[c.Key] = r
		}
		applied, err := h.view.Apply(h.t.Context(), c)
		if err != nil {
			n.errs = append(n.errs, fmt.Errorf("%s %s: %w", c.Action, c.Key, err))
			if errors.Is(err, rest.ErrOutcomeUnknown) {
				ended = true // the announcement stays
				continue
			}
			if known {
				r.Pending = nil
				h.records[c.Key] = r
			} else {
				delete(h.records, c.Key)
			}
			continue
		}
		n.violations = append(n.violations, applied.Notes...)
		if c.Action == plan.Delete && c.After == nil {
			delete(h.records, c.Key)
			continue
		}
		o := applied.Object
		o.Key = c.Key
		h.records[c.Key] = plan.Record{Object: c.Remembered(o), Origin: plan.Created,
			Rewritten: c.Rewritten(h.records[c.Key].Rewritten, applied.Rewritten, &applied.Object)}
	}
}

// converge runs once without an error, and once more with nothing to do.
func (h *harness) converge() {
	h.t.Helper()
	r := h.run()
	if len(r.errs) > 0 {
		h.t.Fatalf("the first run:\n%s", r)
	}
	h.wantNoChanges()
}

// convergeWithin wants nothing to do after so many runs at most: what went wrong in the first is
// made good in those that follow.
func (h *harness) convergeWithin(most int) {
	h.t.Helper()
	for range most {
		if r := h.run(); r.plan.Empty() && len(r.errs) == 0 {
			break
		}
	}
	h.wantNoChanges()
}

// wantNoChanges wants a run without a change and without a write.
func (h *harness) wantNoChanges() {
	h.t.Helper()
	before := len(h.sim.Writes())
	r := h.run()
	if !r.plan.Empty() || len(r.errs) > 0 {
		h.t.Fatalf("got a plan of a run with nothing to do, want none:\n%s", r)
	}
	if after := len(h.sim.Writes()); after != before {
		h.t.Fatalf("got %d writes of a run with nothing to do, want none: %+v", after-before, h.sim.Writes()[before:])
	}
	h.wantNoForbiddenCalls()
}

func (h *harness) wantNoForbiddenCalls() {
	h.t.Helper()
	if calls := h.sim.ForbiddenCalls(); len(calls) > 0 {
		h.t.Fatalf("got calls that may never be sent: %+v", calls)
	}
}

// asset returns the one asset of a kind and key.
func (h *harness) asset(w *itgluesim.World, kind, object string) *itgluesim.Asset {
	h.t.Helper()
	typ := w.TypeNamed(h.conf.typeName(kind))
	if typ == nil {
		h.t.Fatalf("no type of %s", kind)
	}
	var found []*itgluesim.Asset
	for _, a := range w.AssetsOf(typ.ID, 0) {
		if strings.EqualFold(fmt.Sprint(w.Trait(a, "object-id")), object) {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		h.t.Fatalf("got %d assets of %s %s, want 1", len(found), kind, object)
	}
	return found[0]
}

func (h *harness) contacts() []*itgluesim.Contact { return h.sim.World().ContactsOf(2) }

func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }
