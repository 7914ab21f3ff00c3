package msp

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	cippsim "syncd/internal/simulator/cipp"
	itgluesim "syncd/internal/simulator/itglue"
)

// Where the scenarios about people and their documentation take place.
const (
	scenePeople = "callowaylegal.example"
	sceneNames  = "alderfinch.example"
	sceneGroups = scenePeople
)

// workforce is how the accounts of a tenant of w are changed.
func (m *MSP) workforce(w *cippsim.World, t *cippsim.Tenant) *workforce {
	return &workforce{t: t, cal: m.cal, salt: slices.Index(w.Tenants, t)}
}

// staffOf returns a tenant of w and the persons there that are at work, of whom
// there must be at least so many.
func staffOf(w *cippsim.World, domain string, atLeast int) (*cippsim.Tenant, []*cippsim.User, error) {
	t := w.Tenant(domain)
	if t == nil {
		return nil, nil, fmt.Errorf("there is no tenant %s", domain)
	}
	staff := slices.DeleteFunc(people(t), func(u *cippsim.User) bool { return u.Disabled })
	if len(staff) < atLeast {
		return nil, nil, fmt.Errorf("tenant %s has %d people (any more), and %d are needed", domain, len(staff), atLeast)
	}
	return t, staff, nil
}

// leaver deletes the last one hired. The licences are free again, and still
// paid for; the rights that the account had in mailboxes stay, as they do.
func leaver(m *MSP) (err error) {
	m.CIPP.Update(func(w *cippsim.World) {
		var t *cippsim.Tenant
		var staff []*cippsim.User
		if t, staff, err = staffOf(w, scenePeople, 6); err != nil {
			return
		}
		gone := staff[len(staff)-1]
		for _, id := range gone.Licences {
			t.SKU(id).Consumed--
		}
		gone.Deleted, gone.Licences, gone.Inherited = true, nil, nil
		is := func(id string) bool { return id == gone.ID }
		for _, g := range t.Groups {
			g.Members, g.Owners = slices.DeleteFunc(g.Members, is), slices.DeleteFunc(g.Owners, is)
		}
		t.Mailboxes = slices.DeleteFunc(t.Mailboxes, func(b *cippsim.Mailbox) bool { return is(b.UserID) })
	})
	return err
}

// rename gives the first one without a double name such a one. Mail to the
// former address still arrives.
func rename(m *MSP) (err error) {
	m.CIPP.Update(func(w *cippsim.World) {
		var t *cippsim.Tenant
		var staff []*cippsim.User
		if t, staff, err = staffOf(w, sceneNames, 1); err != nil {
			return
		}
		i := slices.IndexFunc(staff, func(u *cippsim.User) bool { return !strings.Contains(u.Surname, "-") && u != t.Users[0] })
		if i < 0 {
			err = fmt.Errorf("everybody at %s has married", sceneNames)
			return
		}
		u := staff[i]
		former := u.UPN
		u.Surname += "-Thorne"
		u.DisplayName = u.GivenName + " " + u.Surname
		u.UPN = strings.ToLower(u.GivenName+"."+u.Surname) + "@" + t.DefaultDomain
		u.Mail = u.UPN
		u.ProxyAddresses[0] = "SMTP:" + u.UPN
		u.ProxyAddresses = append(u.ProxyAddresses, "smtp:"+former)
		for _, b := range t.Mailboxes {
			if b.UserID == u.ID {
				b.UPN, b.PrimarySMTP, b.DisplayName, b.Aliases = u.UPN, u.UPN, u.DisplayName, append(b.Aliases, former)
			}
			// Exchange keeps who somebody is and shows the name of today.
			now := func(who *string) {
				if *who == former {
					*who = u.UPN
				}
			}
			for i := range b.Delegates {
				now(&b.Delegates[i].User)
			}
			for i := range b.Calendar {
				now(&b.Calendar[i].User)
			}
			for i := range b.SendOnBehalf {
				now(&b.SendOnBehalf[i])
			}
		}
	})
	return err
}

// regroup moves a person from each of two groups into the other one, those
// first who have been there longest.
func regroup(m *MSP) (err error) {
	m.CIPP.Update(func(w *cippsim.World) {
		t, management, err1 := groupOf(w, sceneGroups, groupManagement)
		_, remote, err2 := groupOf(w, sceneGroups, groupRemote)
		if err = errors.Join(err1, err2); err != nil {
			return
		}
		move := func(from, to *cippsim.Group) {
			i := slices.IndexFunc(from.Members, func(id string) bool { return t.User(id) != nil && !slices.Contains(to.Members, id) })
			if i < 0 {
				err = fmt.Errorf("nobody can move from %s to %s", from.DisplayName, to.DisplayName)
				return
			}
			to.Members = append(to.Members, from.Members[i])
			from.Members = slices.Delete(from.Members, i, i+1)
		}
		move(remote, management)
		move(management, remote)
	})
	return err
}

var errNoITGlue = errors.New("this MSP has no IT Glue")

// note is June White at work: what she writes is hers in the one field, and
// syncd's to put right in the other.
func note(m *MSP) (err error) {
	if m.ITGlue == nil {
		return errNoITGlue
	}
	organization := m.organizationOf(sceneNames)
	m.ITGlue.Edit(personMember, func(w *itgluesim.World) {
		for _, a := range w.Assets {
			notes, title := fieldOf(w, a.TypeID, manualNotes), fieldOf(w, a.TypeID, "Job title")
			if a.OrganizationID != organization || a.Archived || notes == nil || title == nil {
				continue
			}
			w.SetTrait(a, notes.NameKey, "Prefers to be called after four. Spare laptop is in the cupboard.")
			w.SetTrait(a, title.NameKey, "Head of everything")
			return
		}
		err = fmt.Errorf("no person of %s is documented yet: create the asset types and apply first", sceneNames)
	})
	return err
}

// organizationOf is where a customer is linked to in IT Glue.
func (m *MSP) organizationOf(domain string) int64 {
	id := guid("tenant", domain)
	for _, l := range m.links {
		if l.TenantID == id {
			return l.Organization
		}
	}
	return 0
}

func fieldOf(w *itgluesim.World, typeID int64, name string) *itgluesim.Field {
	for _, f := range w.FieldsOf(typeID) {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// lostDocument makes something to write down, so that there is an answer to lose.
func lostDocument(m *MSP) (err error) {
	if m.ITGlue == nil {
		return errNoITGlue
	}
	m.CIPP.Update(func(w *cippsim.World) {
		var t *cippsim.Tenant
		var staff []*cippsim.User
		if t, staff, err = staffOf(w, scenePeople, 2); err != nil {
			return
		}
		i := slices.IndexFunc(staff, func(u *cippsim.User) bool { return u != staff[0] && u.JobTitle != "Partner" })
		if i < 0 {
			err = fmt.Errorf("everybody at %s has been promoted", scenePeople)
			return
		}
		staff[i].JobTitle = "Partner"
		f := m.workforce(w, t)
		f.join(f.hire()) // the seat is bought tomorrow
	})
	if err != nil {
		return err
	}
	lost := itgluesim.Fault{Kind: itgluesim.DroppedCommitted}
	m.ITGlue.Fail(
		itgluesim.Rule{Method: "PATCH", Route: "/flexible_assets/{id}", Times: 1, Fault: lost},
		itgluesim.Rule{Method: "POST", Route: "/flexible_assets", Times: 1, Fault: lost})
	return nil
}
