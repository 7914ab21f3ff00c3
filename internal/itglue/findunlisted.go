package itglue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// findUnlisted finds the assets of records that no list showed under their key:
// somebody cleared the marks, archived them where the account's lists leave
// archived ones out, or moved them to another organization. Each that is not in
// the lists costs a read; a leaver who was archived long ago costs none.
func (t *Target) findUnlisted(ctx context.Context, v *view, s *directory.Snapshot, records []plan.Record, o *target.Observed) error {
	for i := range records {
		r := &records[i]
		l := v.layouts[r.Kind]
		n, err := parseID(r.Ref)
		if _, there := v.idByKey[r.Key]; l == nil || err != nil || there || v.inConflict[r.Key] || r.Origin == plan.Announced {
			continue
		}
		if r.Retired && !t.sourceHas(s, r.Key) {
			o.Objects = append(o.Objects, r.Object) // as we left it; it is looked at when it returns
			continue
		}
		a := v.unmarkedAssets[n]
		if a == nil {
			if a, err = t.session.asset(ctx, n); gone(err) {
				continue
			} else if err != nil {
				return fmt.Errorf("looking for asset %s, which no list shows: %w", n, err)
			}
		}
		tenant, object := a.keyOf(l)
		switch {
		case a.TypeID != 0 && a.TypeID != l.typeID:
			continue // an id that was given to something else
		case a.Organization != v.organization:
			if t.sourceHas(s, r.Key) {
				t.reportMoved(v, r, a, o)
			}
			continue
		case tenant != "" && tenant != v.tenant || object != "" && v.key(r.Kind, object) != r.Key:
			continue // somebody made it stand for something else
		}
		for name, mark := range map[string]string{fieldTenant: tenant, fieldObject: object} {
			if mark == "" {
				if v.clearedMarks[r.Key] == nil {
					v.clearedMarks[r.Key] = map[string]bool{}
				}
				v.clearedMarks[r.Key][name] = true
			}
		}
		v.tenantAssets[a.ID] = true
		v.addAsset(r.Kind, l, r.Key, a, o)
		if len(o.Objects) > 0 {
			if last := &o.Objects[len(o.Objects)-1]; last.Key == r.Key {
				for name := range v.clearedMarks[r.Key] {
					last.Fields = last.Fields.With(name, nil)
				}
			}
		}
	}
	slices.SortFunc(o.Objects, func(a, b plan.Object) int { return a.Key.Compare(b.Key) })
	return nil
}

// maxContactProbes is how many contacts that vanished are asked for by their ids: a list
// that leaves one out leaves out many.
const maxContactProbes = 3

// verifyContactList makes sure that contacts which earlier runs settled on and no list shows
// are really gone. An account whose rights were cut lists none at all, with a
// total of zero; every tag to them would be written away.
func (t *Target) verifyContactList(ctx context.Context, v *view, known map[string]id) error {
	asked := 0
	for _, object := range slices.Sorted(maps.Keys(known)) {
		n := known[object]
		if v.contacts[n] != nil {
			continue
		}
		if asked++; asked > maxContactProbes {
			return nil
		}
		c, err := t.session.contact(ctx, n)
		switch {
		case gone(err):
		case err != nil:
			return fmt.Errorf("looking for contact %s, which no list shows: %w", n, err)
		case c.Organization == v.organization:
			return fmt.Errorf("IT Glue's list of contacts leaves out contact %s (%s), which is there: the list is not to be trusted, and nothing was written; look at what the API key may see", n, c.name())
		}
	}
	return nil
}

// reportMoved deals with an asset that lives in another organization. Where others
// of the customer are in this one, somebody moved it: nothing is made in its
// place before a person has spoken. Where none is, the link changed, and what is
// left behind is said by Observe.
func (t *Target) reportMoved(v *view, r *plan.Record, a *asset, o *target.Observed) {
	settled := slices.ContainsFunc(v.settlements, func(s plan.Settlement) bool { return s.Key == r.Key && s.How == plan.SettleCreate })
	if len(v.idByKey) == 0 || settled {
		return
	}
	o.Unmanaged = slices.DeleteFunc(o.Unmanaged, func(l plan.Object) bool { return l.Ref == r.Ref })
	v.conflict(o, r.Key, plan.Violation{Code: "asset_moved", NeedsRepair: true, Message: fmt.Sprintf(
		"%s %q (%s) was moved to organization %s: move it back, or say that a new one is to be made here: syncd matches create %s itglue %s/%s",
		v.layouts[r.Kind].name, r.Label, a.ID, a.Organization, v.customerKey, r.Kind, r.Key.ID)})
}

// sourceHas reports whether the source still has what a key stands for. It may say
// yes too often: that costs a read.
func (t *Target) sourceHas(s *directory.Snapshot, key plan.Key) bool {
	switch key.Kind {
	case kindUser:
		items, _ := s.Users.Items()
		return slices.ContainsFunc(items, func(u directory.User) bool { return strings.EqualFold(u.ID, key.ID) })
	case kindGroup:
		items, _ := s.Groups.Items()
		return slices.ContainsFunc(items, func(g directory.Group) bool { return strings.EqualFold(g.ID, key.ID) })
	case kindDomain:
		items, _ := s.Domains.Items()
		return slices.ContainsFunc(items, func(d directory.Domain) bool { return strings.EqualFold(d.Name, key.ID) })
	case kindMailbox:
		items, _ := s.Mailboxes.Items()
		return slices.ContainsFunc(items, func(m directory.Mailbox) bool {
			return strings.EqualFold(m.ID, key.ID) || strings.EqualFold(m.UserID, key.ID) || strings.EqualFold(m.Address, key.ID)
		})
	}
	return true
}

// markValue is what a field by which an asset is found says.
func (v *view) markValue(name string, key plan.Key) string {
	if name == fieldTenant {
		return v.tenant
	}
	return key.ID
}
