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

// accountLists are what the lists of one run say: read once, when the first customer
// is observed, and whole or not at all.
//
// One listing a type serves every organization, so a run costs as many
// requests as there are pages, however many customers there are. Rows wait
// packed until their organization's turn (about a tenth of their size, see
// packedRows). Where a run is about a single customer the lists are narrowed to its
// organization instead.
type accountLists struct {
	mu                   sync.Mutex
	complete             bool
	contactsReadAt       time.Time // when the contacts were read
	types                *inventory
	organizations        map[id]*Organization
	contacts             *packedRows
	connectWiseAddresses map[string][]string // of contacts that show none, by their ConnectWise id
	domains              *packedRows
	assets               map[string]*packedRows // by kind
	kindByID             map[id]string          // of every asset of ours there is, wherever
}

// read reads the lists, for one organization where only is set.
func (lists *accountLists) read(ctx context.Context, s *session, only id) error {
	var err error
	if lists.types == nil {
		types, err := s.readLayouts(ctx)
		if err != nil {
			return err
		}
		if err := types.complete(&s.config); err != nil {
			return err
		}
		lists.types = types
	}
	if lists.organizations, err = s.organizations(ctx, only); err != nil {
		return err
	}
	lists.contactsReadAt = s.options.Now()
	var silent []string
	err = s.contacts(ctx, only, func() { lists.contacts, silent = newPackedRows(), nil }, func(o id, c *contact) error {
		if c.ConnectWise != "" && len(c.Emails) == 0 {
			silent = append(silent, c.ConnectWise)
		}
		return lists.contacts.add(o, c)
	})
	if err != nil {
		return err
	}
	if len(silent) > 0 && s.options.Addresses != nil {
		if lists.connectWiseAddresses, err = s.options.Addresses(ctx, silent); err != nil {
			return fmt.Errorf("asking ConnectWise for the addresses of contacts that IT Glue shows without: %w", err)
		}
	}
	err = s.domains(ctx, only, func() { lists.domains = newPackedRows() },
		func(d nativeDomain) error { return lists.domains.add(d.Organization, d) })
	if err != nil {
		return err
	}
	lists.contacts.seal()
	lists.domains.seal()
	lists.assets, lists.kindByID = map[string]*packedRows{}, map[id]string{}
	for kind, l := range lists.types.layouts {
		err := s.assets(ctx, l, only, func() { lists.assets[kind] = newPackedRows() }, func(a *asset) error {
			lists.kindByID[a.ID] = kind
			return lists.assets[kind].add(a.Organization, a)
		})
		if err != nil {
			return err
		}
		lists.assets[kind].seal()
	}
	lists.complete = only == 0
	return nil
}

// A view is a customer's organization, as a run looked at it.
type view struct {
	target                 *Target
	err                    error // why it could not be looked at
	observed               target.Observed
	customer               mapping.Customer
	organization           id
	name                   string
	tenant                 string
	customerKey            string
	layouts                map[string]*layout
	contactsReadAt         time.Time // when the contacts were read
	settlements            []plan.Settlement
	owners                 target.Owners
	contacts               map[id]*contact
	domains                map[string]id             // tracked domains by name
	assets                 map[plan.Key]*plan.Object // as observed
	keyByID                map[id]plan.Key           // of observed assets, by id
	idByKey                map[plan.Key]id           // and the other way round
	taggedContacts         map[string]id             // the contact that a user's asset tags, by object id
	otherTenantContacts    map[id]string             // contacts that users' assets of other tenants tag, and of which tenant
	microsoftKeepsContacts bool                      // the vendor's Microsoft integration keeps the contacts
	inConflict             map[plan.Key]bool
	whyUnwritable          map[plan.Key]string // why an asset cannot be written
	tenantAssets           map[id]bool         // assets that stand for something of this tenant's, doubles included

	connectWiseAddresses map[string][]string // see accountLists
	unmarkedAssets       map[id]*asset       // of our types, without the marks by which we find them

	// What Compare adds.
	clearedMarks      map[plan.Key]map[string]bool // marks of an asset that somebody cleared
	contactMatches    map[string]contactMatch      // by object id
	duplicateContacts []*contact                   // with an address of somebody who has another contact
	pendingContacts   map[string]string            // label of a contact to come → object id
	records           map[plan.Key]*plan.Record    // what earlier runs left
	refused           map[plan.Key]bool            // contacts that IT Glue refused to change, as they remember
}

// contactOf is the contact of a user, if there is one.
func (v *view) contactOf(object string) *contact { return v.contacts[v.contactMatches[object].contact] }

// Observe looks at the customers' organizations. Whose contacts are is known only
// together with the source, see match.
func (t *Target) Observe(ctx context.Context, asked []target.Asked) ([]target.View, error) {
	views := make([]target.View, len(asked))
	links := make([]id, len(asked))
	var only id
	for i := range asked {
		n, err := parseID(asked[i].Links[mapping.ITGlueOrganization])
		if err != nil {
			views[i] = &view{err: fmt.Errorf("the link in column %s: %w", mapping.ITGlueOrganization, err)}
			continue
		}
		links[i] = n
		if len(asked) == 1 {
			only = n
		}
	}
	lists := &t.lists
	lists.mu.Lock()
	defer lists.mu.Unlock()
	if !lists.complete {
		if err := lists.read(ctx, t.session, only); err != nil {
			return nil, err
		}
	}
	for _, n := range links {
		t.customersIn[n]++
	}
	for i := range asked {
		if views[i] != nil {
			continue
		}
		v, err := t.observeOrganization(lists, &asked[i], links[i])
		if err != nil {
			views[i] = &view{err: err}
			continue
		}
		views[i] = v
		if n := t.customersIn[links[i]]; n > 1 {
			v.observed.Notes = append(v.observed.Notes, plan.Violation{Code: "organization_shared", Note: true, Message: fmt.Sprintf(
				"%d tenants are documented in organization %s: each keeps its own assets, and all share the contacts; correct the column %s where that is not meant", n, links[i], mapping.ITGlueOrganization)})
		}
		if v.observed.Unmanaged, err = t.unmanaged(ctx, lists, v, asked[i].Refs); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// observeOrganization looks at the organization of one customer.
func (t *Target) observeOrganization(lists *accountLists, asked *target.Asked, organization id) (*view, error) {
	o := lists.organizations[organization]
	if o == nil {
		return nil, &target.Blocked{Violations: []plan.Violation{{Code: "organization_gone", NeedsRepair: true, Message: fmt.Sprintf(
			"organization %s is not in IT Glue any more, or the key may not see it: correct the column %s (syncd map)", organization,
			mapping.ITGlueOrganization)}}}
	}
	v := &view{target: t, customer: asked.Customer, organization: organization, name: o.Name, tenant: string(asked.Tenant.ID),
		customerKey: asked.Key, layouts: lists.types.layouts, contactsReadAt: lists.contactsReadAt, settlements: asked.Settlements,
		owners: asked.Owners, connectWiseAddresses: lists.connectWiseAddresses,
		contacts: map[id]*contact{}, domains: map[string]id{}, assets: map[plan.Key]*plan.Object{}, keyByID: map[id]plan.Key{},
		idByKey: map[plan.Key]id{}, taggedContacts: map[string]id{}, otherTenantContacts: map[id]string{},
		inConflict: map[plan.Key]bool{}, whyUnwritable: map[plan.Key]string{}, unmarkedAssets: map[id]*asset{},
		clearedMarks: map[plan.Key]map[string]bool{}, tenantAssets: map[id]bool{}, records: map[plan.Key]*plan.Record{},
		refused: map[plan.Key]bool{}}
	out := &v.observed
	contacts, err := rowsOf[contact](lists.contacts, organization)
	if err != nil {
		return nil, err
	}
	microsoft, psa := 0, 0
	for _, c := range contacts {
		v.contacts[c.ID] = c
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
	v.microsoftKeepsContacts = 2*microsoft > len(contacts)
	domains, err := rowsOf[nativeDomain](lists.domains, organization)
	if err != nil {
		return nil, err
	}
	for _, d := range domains {
		v.domains[d.Name] = d.ID
	}
	// Licences and domains first: others tag them.
	for _, kind := range creation {
		l := lists.types.layouts[kind]
		if l == nil {
			continue
		}
		rows, err := rowsOf[asset](lists.assets[kind], organization)
		if err != nil {
			return nil, err
		}
		v.readAssets(kind, l, rows, out)
	}
	out.Notes = append(out.Notes, notes(lists, v)...)
	return v, nil
}

// notes are what is worth knowing of an account and an organization.
func notes(lists *accountLists, v *view) []plan.Violation {
	var out []plan.Violation
	note := func(code, format string, args ...any) {
		out = append(out, plan.Violation{Code: code, Note: true, Message: fmt.Sprintf(format, args...)})
	}
	if v.microsoftKeepsContacts {
		note("microsoft_integration", "IT Glue's own Microsoft integration keeps most contacts of %s: syncd links them and neither creates nor changes any there; decide which of the two documents people", v.name)
	}
	if len(lists.types.microsoft) > 0 && len(v.assets) == 0 {
		note("microsoft_integration", "IT Glue's own Microsoft integration documents into %s as well: syncd never writes there; decide which of the two documents groups and licences", strings.Join(lists.types.microsoft, ", "))
	}
	for _, kind := range creation {
		l := lists.types.layouts[kind]
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
			note("layout_field_missing", "the asset type %q lacks %s, which is left out: syncd itglue layouts upgrade adds it", l.name,
				strings.Join(labels, ", "))
		}
	}
	return out
}

// readAssets takes the assets of one kind in.
func (v *view) readAssets(kind string, l *layout, rows []*asset, out *target.Observed) {
	byKey := map[plan.Key][]*asset{}
	for _, a := range rows {
		tenant, object := a.keyOf(l)
		if object == "" || tenant == "" {
			v.unmarkedAssets[a.ID] = a // made by hand, as a rule; see findUnlisted
			continue
		}
		if tenant != v.tenant { // of another tenant in this organization
			if kind == kindUser {
				for _, tag := range tagsOf(a.Traits[l.fields["contact"].key]) {
					v.otherTenantContacts[tag.ID] = tenant
				}
			}
			continue
		}
		v.tenantAssets[a.ID] = true
		key := v.key(kind, object)
		byKey[key] = append(byKey[key], a)
	}
	for key, found := range byKey {
		a, doubles := v.chooseAsset(key, found)
		if a == nil {
			v.conflict(out, key, plan.Violation{Code: "duplicate_assets", NeedsRepair: true, Message: fmt.Sprintf(
				"%s is there more than once in %q: %s; nothing is written until one is left (delete the others there, or: syncd matches accept %s itglue %s REF)",
				key, l.name, strings.Join(doubles, ", "), v.customerKey, key.ID)})
			continue
		}
		v.addAsset(kind, l, key, a, out)
	}
	slices.SortFunc(out.Objects, func(a, b plan.Object) int { return a.Key.Compare(b.Key) })
}

// addAsset takes an asset in as what stands for a key, unless it cannot be written.
func (v *view) addAsset(kind string, l *layout, key plan.Key, a *asset, out *target.Observed) {
	v.keyByID[a.ID], v.idByKey[key] = key, a.ID
	if what := a.carries(l); what != "" {
		v.whyUnwritable[key] = fmt.Sprintf("%s %q (%s) is left as it is: it carries %s, which writing would take away; move that to another record", l.name, a.text(l, fieldTitle), a.ID, what)
	}
	if lacks := a.lacks(l); len(lacks) > 0 && !a.Archived {
		v.conflict(out, key, requiredField(l, key, lacks))
		return
	}
	v.setAsset(kind, l, key, a)
	out.Objects = append(out.Objects, *v.assets[key])
}

// key is the key of an object by what its asset says. Ids at the source differ
// in case only by accident; a customer's key is kept as it is written.
func (v *view) key(kind, object string) plan.Key {
	if kind == kindLicences && strings.EqualFold(object, v.customerKey) {
		return plan.Key{Kind: kind, ID: v.customerKey}
	}
	return plan.Key{Kind: kind, ID: strings.ToLower(object)}
}

// setAsset makes the object of an asset.
func (v *view) setAsset(kind string, l *layout, key plan.Key, a *asset) {
	if kind == kindUser {
		if tags := tagsOf(a.Traits[l.fields["contact"].key]); len(tags) == 1 {
			v.taggedContacts[key.ID] = tags[0].ID
		}
	}
	o := v.object(l, key, a)
	v.assets[key] = &o
}

// object is an asset as plans see it.
func (v *view) object(l *layout, key plan.Key, a *asset) plan.Object {
	o := plan.Object{Key: key, Label: a.text(l, fieldTitle), Ref: a.ID.String(), Retired: a.Archived, Fields: a.fields(l, v.label),
		Edited: edited(a.Updated)}
	o.UPN = o.Fields.Text("upn")
	return o
}

// label names what a tag leads to, in the words in which it is wanted.
func (v *view) label(f *field, t taggedRecord) string {
	switch {
	case f.tag == "Contacts":
		if c := v.contacts[t.ID]; c != nil {
			return c.label()
		}
	case f.tag == "Domains":
		for name, n := range v.domains {
			if n == t.ID {
				return tagLabel(name, n)
			}
		}
	default:
		if key, ok := v.keyByID[t.ID]; ok {
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

func (v *view) conflict(out *target.Observed, key plan.Key, violation plan.Violation) {
	violation.Key = key.ID
	v.inConflict[key] = true
	out.Conflicts = append(out.Conflicts, plan.Conflict{Key: key, Violation: violation})
}

// chooseAsset chooses among assets of one key: the one that a person named, else the
// only one, else the only one that is not archived. Otherwise it returns none,
// and all by their ids, oldest first.
func (v *view) chooseAsset(key plan.Key, found []*asset) (*asset, []string) {
	if len(found) == 1 {
		return found[0], nil
	}
	if ref := accepted(v.settlements, key); ref != "" {
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
		"%s cannot be written: an administrator made the field %s of %q required; make it optional, or fill it in", key,
		strings.Join(lacks, ", "), l.name)}
}

// unmanaged are the assets that syncd was asked about by their ids, that still stand
// for something of this tenant and are in another organization: a link changed,
// or somebody moved them. Each costs a read; there are none as a rule.
func (t *Target) unmanaged(ctx context.Context, lists *accountLists, v *view, refs []string) ([]plan.Object, error) {
	var out []plan.Object
	for _, ref := range refs {
		n, err := parseID(ref)
		if err != nil || v.tenantAssets[n] || v.contacts[n] != nil {
			continue
		}
		kind, known := lists.kindByID[n]
		if lists.complete && !known {
			continue
		}
		a, err := t.session.asset(ctx, n)
		switch {
		case gone(err):
			continue
		case err != nil:
			return nil, err
		}
		for name, l := range v.layouts {
			if l.typeID == a.TypeID {
				kind = name
			}
		}
		l := v.layouts[kind]
		if l == nil || a.Organization == v.organization || a.Archived {
			continue
		}
		if tenant, object := a.keyOf(l); tenant == v.tenant && object != "" {
			out = append(out, plan.Object{Key: v.key(kind, object), Label: a.text(l, fieldTitle), Ref: ref})
		}
	}
	return out, nil
}
