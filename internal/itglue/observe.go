package itglue

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// A world is what the lists of one run say: read once, when the first customer
// is observed, and whole or not at all.
//
// One listing a type serves every organization, so a run costs as many
// requests as there are pages, however many customers there are. Rows wait
// packed until their organization's turn (about a tenth of their size, see
// shelf). Where a run is about a single customer the lists are narrowed to its
// organization instead.
type world struct {
	mu            sync.Mutex
	whole         bool
	at            time.Time // when the contacts were read
	types         *inventory
	organizations map[id]*Organization
	contacts      *shelf
	addresses     map[string][]string // of contacts that show none, by their ConnectWise id
	domains       *shelf
	assets        map[string]*shelf // by kind
	kinds         map[id]string     // of every asset of ours there is, wherever
}

// read fills the world, for one organization where only is set.
func (w *world) read(ctx context.Context, s *session, only id) error {
	var err error
	if w.types == nil {
		types, err := s.readLayouts(ctx)
		if err != nil {
			return err
		}
		if err := types.complete(&s.config); err != nil {
			return err
		}
		w.types = types
	}
	if w.organizations, err = s.organizations(ctx, only); err != nil {
		return err
	}
	w.at = s.options.Now()
	var silent []string
	err = s.contacts(ctx, only, func() { w.contacts, silent = newShelf(), nil }, func(o id, c *contact) error {
		if c.ConnectWise != "" && len(c.Emails) == 0 {
			silent = append(silent, c.ConnectWise)
		}
		return w.contacts.add(o, c)
	})
	if err != nil {
		return err
	}
	if len(silent) > 0 && s.options.Addresses != nil {
		if w.addresses, err = s.options.Addresses(ctx, silent); err != nil {
			return fmt.Errorf("asking ConnectWise for the addresses of contacts that IT Glue shows without: %w", err)
		}
	}
	err = s.domains(ctx, only, func() { w.domains = newShelf() }, func(d nativeDomain) error { return w.domains.add(d.Organization, d) })
	if err != nil {
		return err
	}
	w.contacts.seal()
	w.domains.seal()
	w.assets, w.kinds = map[string]*shelf{}, map[id]string{}
	for kind, l := range w.types.layouts {
		err := s.assets(ctx, l, only, func() { w.assets[kind] = newShelf() }, func(a *asset) error {
			w.kinds[a.ID] = kind
			return w.assets[kind].add(a.Organization, a)
		})
		if err != nil {
			return err
		}
		w.assets[kind].seal()
	}
	w.whole = only == 0
	return nil
}

// A place is a customer's organization, as a run looked at it.
type place struct {
	target       *Target
	err          error // why it could not be looked at
	observed     target.Observed
	whose        mapping.Customer
	organization id
	name         string
	tenant       string
	customer     string
	layouts      map[string]*layout
	at           time.Time // when the contacts were read
	settled      []plan.Settlement
	owners       target.Owners
	contacts     map[id]*contact
	domains      map[string]id             // tracked domains by name
	assets       map[plan.Key]*plan.Object // as observed
	keys         map[id]plan.Key           // of observed assets, by id
	refs         map[plan.Key]id           // and the other way round
	linked       map[string]id             // the contact that a user's asset tags, by object id
	tagged       map[id]string             // contacts that users' assets of other tenants tag, and of which tenant
	microsoft    bool                      // the vendor's Microsoft integration keeps the contacts
	inConflict   map[plan.Key]bool
	carried      map[plan.Key]string // why an asset cannot be written
	here         map[id]bool         // assets that stand for something of this tenant's, doubles included

	addresses map[string][]string // see world
	strays    map[id]*asset       // of our types, without the marks by which we find them

	// What Compare adds.
	mend     map[plan.Key]map[string]bool // marks of an asset that somebody cleared
	people   map[string]pairing           // by object id
	doubled  []*contact                   // with an address of somebody who has another contact
	promised map[string]string            // label of a contact to come → object id
	records  map[plan.Key]*plan.Record    // what earlier runs left
}

// contactOf is the contact of a user, if there is one.
func (p *place) contactOf(object string) *contact { return p.contacts[p.people[object].contact] }

// Observe looks at the customers' organizations. Whose contacts are is known only
// together with the source, see match.
func (t *Target) Observe(ctx context.Context, asked []target.Asked) ([]target.View, error) {
	views := make([]target.View, len(asked))
	links := make([]id, len(asked))
	var only id
	for i := range asked {
		n, err := parseID(asked[i].Links[mapping.ITGlueOrganization])
		if err != nil {
			views[i] = &place{err: fmt.Errorf("the link in column %s: %w", mapping.ITGlueOrganization, err)}
			continue
		}
		links[i] = n
		if len(asked) == 1 {
			only = n
		}
	}
	w := &t.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.whole {
		if err := w.read(ctx, t.session, only); err != nil {
			return nil, err
		}
	}
	for _, n := range links {
		t.shared[n]++
	}
	for i := range asked {
		if views[i] != nil {
			continue
		}
		p, err := t.look(w, &asked[i], links[i])
		if err != nil {
			views[i] = &place{err: err}
			continue
		}
		views[i] = p
		if n := t.shared[links[i]]; n > 1 {
			p.observed.Notes = append(p.observed.Notes, plan.Violation{Code: "organization_shared", Note: true, Message: fmt.Sprintf(
				"%d tenants are documented in organization %s: each keeps its own assets, and all share the contacts; correct the column %s where that is not meant", n, links[i], mapping.ITGlueOrganization)})
		}
		if p.observed.Unmanaged, err = t.left(ctx, w, p, asked[i].Refs); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// look looks at the organization of one customer.
func (t *Target) look(w *world, asked *target.Asked, organization id) (*place, error) {
	o := w.organizations[organization]
	if o == nil {
		return nil, &target.Blocked{Violations: []plan.Violation{{Code: "organization_gone", NeedsRepair: true, Message: fmt.Sprintf(
			"organization %s is not in IT Glue any more, or the key may not see it: correct the column %s (syncd map)", organization, mapping.ITGlueOrganization)}}}
	}
	p := &place{target: t, whose: asked.Customer, organization: organization, name: o.Name, tenant: string(asked.Tenant.ID), customer: asked.Key, layouts: w.types.layouts, at: w.at, settled: asked.Settlements, owners: asked.Owners, addresses: w.addresses,
		contacts: map[id]*contact{}, domains: map[string]id{}, assets: map[plan.Key]*plan.Object{}, keys: map[id]plan.Key{}, refs: map[plan.Key]id{}, linked: map[string]id{}, tagged: map[id]string{},
		inConflict: map[plan.Key]bool{}, carried: map[plan.Key]string{}, strays: map[id]*asset{}, mend: map[plan.Key]map[string]bool{}, here: map[id]bool{}, records: map[plan.Key]*plan.Record{}}
	out := &p.observed
	contacts, err := unfold[contact](w.contacts, organization)
	if err != nil {
		return nil, err
	}
	microsoft, psa := 0, 0
	for _, c := range contacts {
		p.contacts[c.ID] = c
		if c.Microsoft {
			microsoft++
		}
		if c.Synced {
			psa++
		}
	}
	if psa > 0 && t.config.PSAContactSync == SyncOff {
		out.Notes = append(out.Notes, plan.Violation{Code: "psa_contacts", Note: true, Message: fmt.Sprintf(
			"the PSA keeps %d contacts of %s, and itglue.psa_contact_sync is off: those are left as they are; set it to what IT Glue's PSA integration says, or people come twice", psa, o.Name)})
	}
	p.microsoft = 2*microsoft > len(contacts)
	domains, err := unfold[nativeDomain](w.domains, organization)
	if err != nil {
		return nil, err
	}
	for _, d := range domains {
		p.domains[d.Name] = d.ID
	}
	// Licences and domains first: others tag them.
	for _, kind := range creation {
		l := w.types.layouts[kind]
		if l == nil {
			continue
		}
		rows, err := unfold[asset](w.assets[kind], organization)
		if err != nil {
			return nil, err
		}
		p.read(kind, l, rows, out)
	}
	out.Notes = append(out.Notes, notes(w, p)...)
	return p, nil
}

// notes are what is worth knowing of an account and an organization.
func notes(w *world, p *place) []plan.Violation {
	var out []plan.Violation
	note := func(code, format string, args ...any) {
		out = append(out, plan.Violation{Code: code, Note: true, Message: fmt.Sprintf(format, args...)})
	}
	if p.microsoft {
		note("microsoft_integration", "IT Glue's own Microsoft integration keeps most contacts of %s: syncd links them and neither creates nor changes any there; decide which of the two documents people", p.name)
	}
	if len(w.types.microsoft) > 0 && len(p.assets) == 0 {
		note("microsoft_integration", "IT Glue's own Microsoft integration documents into %s as well: syncd never writes there; decide which of the two documents groups and licences", strings.Join(w.types.microsoft, ", "))
	}
	for _, kind := range creation {
		l := w.types.layouts[kind]
		if l == nil {
			continue
		}
		if l.disabled {
			note("layout_disabled", "the asset type %q is disabled: people do not see what is written there", l.name)
		}
		if len(l.missing) > 0 {
			var labels []string
			for _, f := range l.missing {
				labels = append(labels, f.label)
			}
			note("layout_field_missing", "the asset type %q lacks %s, which is left out: syncd itglue layouts upgrade adds it", l.name, strings.Join(labels, ", "))
		}
	}
	return out
}

// read takes the assets of one kind in.
func (p *place) read(kind string, l *layout, rows []*asset, out *target.Observed) {
	byKey := map[plan.Key][]*asset{}
	for _, a := range rows {
		tenant, object := a.keyOf(l)
		if object == "" || tenant == "" {
			p.strays[a.ID] = a // made by hand, as a rule; see recognise
			continue
		}
		if tenant != p.tenant { // of another tenant in this organization
			if kind == kindUser {
				for _, tag := range tagsOf(a.Traits[l.fields["contact"].key]) {
					p.tagged[tag.ID] = tenant
				}
			}
			continue
		}
		p.here[a.ID] = true
		key := p.key(kind, object)
		byKey[key] = append(byKey[key], a)
	}
	for key, found := range byKey {
		a, doubles := p.one(key, found)
		if a == nil {
			p.conflict(out, key, plan.Violation{Code: "duplicate_assets", NeedsRepair: true, Message: fmt.Sprintf(
				"%s is there more than once in %q: %s; nothing is written until one is left (delete the others there, or: syncd matches accept %s itglue %s REF)",
				key, l.name, strings.Join(doubles, ", "), p.customer, key.ID)})
			continue
		}
		p.admit(kind, l, key, a, out)
	}
	slices.SortFunc(out.Objects, func(a, b plan.Object) int { return a.Key.Compare(b.Key) })
}

// admit takes an asset in as what stands for a key, unless it cannot be written.
func (p *place) admit(kind string, l *layout, key plan.Key, a *asset, out *target.Observed) {
	p.keys[a.ID], p.refs[key] = key, a.ID
	if what := a.carries(l); what != "" {
		p.carried[key] = fmt.Sprintf("%s %q (%s) is left as it is: it carries %s, which writing would take away; move that to another record", l.name, a.text(l, fieldTitle), a.ID, what)
	}
	if lacks := a.lacks(l); len(lacks) > 0 && !a.Archived {
		p.conflict(out, key, requiredField(l, key, lacks))
		return
	}
	p.take(kind, l, key, a)
	out.Objects = append(out.Objects, *p.assets[key])
}

// key is the key of an object by what its asset says. Ids at the source differ
// in case only by accident; a customer's key is kept as it is written.
func (p *place) key(kind, object string) plan.Key {
	if kind == kindLicences && strings.EqualFold(object, p.customer) {
		return plan.Key{Kind: kind, ID: p.customer}
	}
	return plan.Key{Kind: kind, ID: strings.ToLower(object)}
}

// take makes the object of an asset.
func (p *place) take(kind string, l *layout, key plan.Key, a *asset) {
	if kind == kindUser {
		if tags := tagsOf(a.Traits[l.fields["contact"].key]); len(tags) == 1 {
			p.linked[key.ID] = tags[0].ID
		}
	}
	o := p.object(l, key, a)
	p.assets[key] = &o
}

// object is an asset as plans see it.
func (p *place) object(l *layout, key plan.Key, a *asset) plan.Object {
	o := plan.Object{Key: key, Label: a.text(l, fieldTitle), Ref: a.ID.String(), Retired: a.Archived, Fields: a.fields(l, p.label), Edited: edited(a.Updated)}
	if upn := o.Fields.Text("upn"); upn != "" {
		o.Info = map[string]string{"upn": upn}
	}
	return o
}

// label names what a tag leads to, in the words in which it is wanted.
func (p *place) label(f *field, t tagged) string {
	switch {
	case f.tag == "Contacts":
		if c := p.contacts[t.ID]; c != nil {
			return c.label()
		}
	case f.tag == "Domains":
		for name, n := range p.domains {
			if n == t.ID {
				return tagLabel(name, n)
			}
		}
	default:
		if key, ok := p.keys[t.ID]; ok {
			return assetLabel(key)
		}
	}
	return tagLabel(string(t.Name), t.ID)
}

// assetLabel is how plans show an asset of ours in a tag. It holds no id, so
// that one which is still to be made has it already.
func assetLabel(key plan.Key) string {
	if key.Kind == kindLicences {
		return "Licences"
	}
	return key.ID
}

func (p *place) conflict(out *target.Observed, key plan.Key, v plan.Violation) {
	v.Key = key.ID
	p.inConflict[key] = true
	out.Conflicts = append(out.Conflicts, plan.Conflict{Key: key, Violation: v})
}

// one chooses among assets of one key: the one that a person named, else the
// only one, else the only one that is not archived. Otherwise it returns none,
// and all by their ids, oldest first.
func (p *place) one(key plan.Key, found []*asset) (*asset, []string) {
	if len(found) == 1 {
		return found[0], nil
	}
	if ref := accepted(p.settled, key); ref != "" {
		if i := slices.IndexFunc(found, func(a *asset) bool { return a.ID.String() == ref }); i >= 0 {
			return found[i], nil
		}
	}
	live := slices.DeleteFunc(slices.Clone(found), func(a *asset) bool { return a.Archived })
	if len(live) == 1 {
		return live[0], nil
	}
	slices.SortFunc(found, func(a, b *asset) int {
		return strings.Compare(a.Created+a.ID.String(), b.Created+b.ID.String())
	})
	var refs []string
	for _, a := range found {
		refs = append(refs, a.ID.String())
	}
	return nil, refs
}

func accepted(settled []plan.Settlement, key plan.Key) string {
	for _, s := range settled {
		if s.Key == key && s.How == plan.SettleAccept {
			return s.Ref
		}
	}
	return ""
}

// lacks are the labels of required fields of others that an asset has no value in.
func (a *asset) lacks(l *layout) []string {
	var out []string
	for key, name := range l.required() {
		if empty(a.Traits[key]) {
			out = append(out, fmt.Sprintf("%q", name))
		}
	}
	slices.Sort(out)
	return out
}

func requiredField(l *layout, key plan.Key, lacks []string) plan.Violation {
	return plan.Violation{Code: "required_field", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
		"%s cannot be written: an administrator made the field %s of %q required; make it optional, or fill it in", key, strings.Join(lacks, ", "), l.name)}
}

// left are the assets that syncd was asked about by their ids, that still stand
// for something of this tenant and are in another organization: a link changed,
// or somebody moved them. Each costs a read; there are none as a rule.
func (t *Target) left(ctx context.Context, w *world, p *place, refs []string) ([]plan.Object, error) {
	var out []plan.Object
	for _, ref := range refs {
		n, err := parseID(ref)
		if err != nil || p.here[n] || p.contacts[n] != nil {
			continue
		}
		kind, known := w.kinds[n]
		if w.whole && !known {
			continue
		}
		a, err := t.session.asset(ctx, n)
		switch {
		case gone(err):
			continue
		case err != nil:
			return nil, err
		}
		for name, l := range p.layouts {
			if l.typeID == a.TypeID {
				kind = name
			}
		}
		l := p.layouts[kind]
		if l == nil || a.Organization == p.organization || a.Archived {
			continue
		}
		if tenant, object := a.keyOf(l); tenant == p.tenant && object != "" {
			out = append(out, plan.Object{Key: p.key(kind, object), Label: a.text(l, fieldTitle), Ref: ref})
		}
	}
	return out, nil
}
