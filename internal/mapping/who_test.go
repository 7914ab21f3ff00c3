package mapping

import (
	"errors"
	"strings"
	"testing"

	"syncd/internal/directory"
)

const e3 = "05e9a617-0261-4cee-bb44-138d3ef5d965" // SPE_E3

// staff is a tenant with one of each sort.
func staff() *directory.Snapshot {
	user := func(id, name, department, office string) directory.User {
		return directory.User{ID: id, UPN: id + "@contoso.example", Name: name, Department: department, Office: office, Enabled: true}
	}
	ann, bob, cid := user("ann", "Ann Example", "Sales/EMEA", "Berlin"), user("bob", "Bob Example", "Sales/US", "Boston"), user("cid", "Cid Example", "IT", "Berlin")
	ann.Licences, bob.Licences = []string{e3}, []string{"11111111-1111-1111-1111-111111111111"}
	cid.Enabled = false
	guest := directory.User{ID: "gus", UPN: "gus_fabrikam.example#ext#@contoso.onmicrosoft.example", Name: "Gus", Guest: true, Enabled: true}
	service, shared := user("svc-backup", "Backup service", "", ""), user("info", "Info", "", "")
	return &directory.Snapshot{
		Users:    directory.Proven([]directory.User{ann, bob, cid, guest, service, shared}, directory.Proof{}),
		Licences: directory.Proven([]directory.Licence{{SKU: "11111111-1111-1111-1111-111111111111", PartNumber: "SPB"}}, directory.Proof{}),
		Groups: directory.Proven([]directory.Group{
			{ID: "g1", Name: "Backup users", Members: directory.Members{IDs: []string{"ann", "g2"}}},
			{ID: "g2", Name: "Inner", Members: directory.Members{IDs: []string{"cid", "g1"}}},
			{ID: "g3", Name: "Cut short", Members: directory.Members{Unknown: "page 2 failed"}},
		}, directory.Proof{}),
		Mailboxes: directory.Proven([]directory.Mailbox{{UserID: "info", Kind: "SharedMailbox"}, {UserID: "ann", Kind: "UserMailbox"}}, directory.Proof{}),
	}
}

func TestWhomAFilterTakes(t *testing.T) {
	for _, c := range []struct{ filter, want string }{
		{"", "ann bob cid gus info svc-backup"},
		{"licence=spe_e3", "ann"},
		{"licence=SPB | SPE_E3", "ann bob"},
		{"LICENCE=" + strings.ToUpper(e3), "ann"},
		{"not licence=SPB|SPE_E3", "cid gus info svc-backup"},
		{"group=Backup users", "ann cid"},
		{"group=backup*|nobody", "ann cid"},
		{"group=g2", "ann cid"},
		{"not group=nobody; office=Berlin", "ann cid"},
		{"domain=contoso.example", "ann bob cid info svc-backup"},
		{"department=Sales*", "ann bob"},
		{"department=sales/emea; office=berlin", "ann"},
		{"office=Berlin", "ann cid"},
		{"enabled=true; office=Berlin", "ann"},
		{"enabled=false", "cid"},
		{"type=guest", "gus"},
		{"type=shared", "info"},
		{"type=member; enabled=true; not name=svc-*", "ann bob"},
		{"type=member|shared; not name=* Example", "info svc-backup"},
		{"not name=Ann*; licence=SPE_E3", ""},
		{" ; office = Berlin ; ", "ann cid"},
	} {
		w, err := ParseWho(c.filter)
		if err != nil {
			t.Errorf("%q: %v", c.filter, err)
			continue
		}
		users, err := w.Of(staff())
		var got []string
		for _, u := range users {
			got = append(got, u.ID)
		}
		if text := strings.Join(got, " "); err != nil || text != c.want {
			t.Errorf("%q: got %q, want %q (%v)", c.filter, text, c.want, err)
		}
		if again, err := ParseWho(w.String()); err != nil || again.String() != w.String() {
			t.Errorf("%q is written as %q, and read as %q", c.filter, w, again)
		}
	}
}

func TestAFilterThatMakesNoSense(t *testing.T) {
	for filter, want := range map[string]string{
		"licens=SPB":          `"licens" is no word of a filter: write one of licence, group, domain, department, office, type, enabled, name`,
		"department":          `"department" lacks its value: write department=…`,
		"department=":         "department= has an empty value: write one, or leave the word out",
		"department=a||b":     "department= has an empty value: write one, or leave the word out",
		"type=robot":          "type=robot: write member or guest or shared",
		"enabled=yes":         "enabled=yes: write true or false",
		"name=[":              `name=[: "[" is not a pattern: * stands for any text, ? for one character`,
		"office=a, name=b; x": `"x" is no word of a filter: write one of licence, group, domain, department, office, type, enabled, name`,
		"notname=svc-*":       `"notname" is no word of a filter: write one of licence, group, domain, department, office, type, enabled, name`,
	} {
		if _, err := ParseWho(filter); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", filter, err, want)
		}
	}
}

// Who is not seen must not be somebody less.
func TestAFilterCountsNobodyWhereTheSourceDidNotProveIt(t *testing.T) {
	unknown := errors.New("no answer")
	for _, c := range []struct {
		name, filter string
		change       func(*directory.Snapshot)
		unproven     bool
	}{
		{"the users", "office=Berlin", func(s *directory.Snapshot) { s.Users = directory.Unknown[directory.User](directory.Proof{}, unknown) }, true},
		{"some users are hidden", "office=Berlin", func(s *directory.Snapshot) {
			items, _ := s.Users.Items()
			s.Users = directory.Proven(items, directory.Proof{Partial: true})
		}, true},
		{"the groups", "group=Inner", func(s *directory.Snapshot) { s.Groups = directory.Unknown[directory.Group](directory.Proof{}, unknown) }, true},
		{"the groups, which do not matter", "office=Berlin", func(s *directory.Snapshot) { s.Groups = directory.Unknown[directory.Group](directory.Proof{}, unknown) }, false},
		{"a group's members", "group=Cut short", func(*directory.Snapshot) {}, true},
		{"another group's members", "group=Inner", func(*directory.Snapshot) {}, false},
		{"the mailboxes", "type=member", func(s *directory.Snapshot) {
			s.Mailboxes = directory.Unknown[directory.Mailbox](directory.Proof{}, unknown)
		}, true},
		{"some mailboxes are hidden", "type=member", func(s *directory.Snapshot) {
			items, _ := s.Mailboxes.Items()
			s.Mailboxes = directory.Proven(items, directory.Proof{Partial: true})
		}, true},
		{"the mailboxes, which do not matter", "type=guest", func(s *directory.Snapshot) {
			s.Mailboxes = directory.Unknown[directory.Mailbox](directory.Proof{}, unknown)
		}, false},
		{"a user whose row makes no sense", "office=Berlin", func(s *directory.Snapshot) {
			items, _ := s.Users.Items()
			items[0].Unread = "accountEnabled is a list"
		}, true},
	} {
		s := staff()
		c.change(s)
		w, err := ParseWho(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = w.Of(s); errors.Is(err, directory.ErrIncomplete) != c.unproven || err != nil && !c.unproven {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

// A group that was renamed has not lost its members.
func TestAGroupThatIsNotThereHasNoMembersToCount(t *testing.T) {
	for _, c := range []struct {
		filter string
		gone   bool
	}{{"group=nobody", true}, {"group=nobody|no*", true}, {"group=nobody|inner", false}, {"not group=nobody", false}, {"group=inner; group=nobody", true}} {
		w, err := ParseWho(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Of(staff()); errors.Is(err, ErrNoGroup) != c.gone || err != nil && !c.gone {
			t.Errorf("%s: got %v", c.filter, err)
		}
	}
}

// What of a tenant is read grows only where a filter cannot tell without it.
func TestWhatAFilterNeeds(t *testing.T) {
	users, groups, mailboxes := directory.Users, directory.Users|directory.Groups, directory.Users|directory.Mailboxes
	for filter, want := range map[string]directory.Kinds{"": users, "office=Berlin; enabled=true": users, "group=a": groups, "not group=a": groups, "type=guest": users, "type=Guest": users,
		"type=member": mailboxes, "type=shared|guest": mailboxes, "type=member|shared": users, "not type=shared": mailboxes} {
		w, err := ParseWho(filter)
		if err != nil || w.Needs() != want {
			t.Errorf("%q: got %v and %v, want %v", filter, w.Needs(), err, want)
		}
	}
}

func FuzzWho(f *testing.F) {
	f.Add("licence=SPB|SPE_E3; group=a*; not name=svc-*")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWho(text)
		if err != nil {
			return
		}
		if again, err := ParseWho(w.String()); err != nil || again.String() != w.String() {
			t.Errorf("%q is written as %q, which is read as %q (%v)", text, w, again, err)
		}
	})
}
