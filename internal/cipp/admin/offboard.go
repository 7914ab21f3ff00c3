package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// An Offboarding is what is done about somebody who leaves. The zero value does
// nothing and is refused.
type Offboarding struct {
	DisableSignIn             bool
	RevokeSessions            bool
	ResetPassword             bool // to one that nobody is told
	RemoveLicences            bool
	RemoveGroups              bool
	ConvertToShared           bool
	HideFromAddressList       bool
	RemoveMFADevices          bool
	RemoveMobileDevices       bool
	RemoveRules               bool
	RemoveCalendarInvites     bool
	RemovePermissions         bool // in the mailboxes of others
	RemoveCalendarPermissions bool // in the calendars of others
	RemoveTeamsPhone          bool
	ClearImmutableID          bool
	DisableOneDriveSharing    bool
	EndForwarding             bool
	DeleteUser                bool

	ForwardTo          string // a user of the tenant
	KeepCopy           bool
	OutOfOffice        string
	FullAccess         []string // users who get the mailbox, and see it in Outlook by itself
	FullAccessUnmapped []string // …and do not
	OneDrive           []string // users who get the OneDrive

	// Reference names the task in CIPP. The same one finds the task of an earlier
	// attempt again, which is then followed instead of queued once more; empty
	// makes one up.
	Reference string
	At        time.Time // when; zero = with the scheduler's next run, in up to a quarter of an hour
}

// flags are the names under which CIPP knows the flags.
func (o Offboarding) flags() []struct {
	name string
	on   bool
} {
	return []struct {
		name string
		on   bool
	}{
		{"DisableSignIn", o.DisableSignIn}, {"RevokeSessions", o.RevokeSessions}, {"ResetPass", o.ResetPassword}, {"RemoveLicenses", o.RemoveLicences},
		{"RemoveGroups", o.RemoveGroups}, {"ConvertToShared", o.ConvertToShared}, {"HideFromGAL", o.HideFromAddressList}, {"RemoveMFADevices", o.RemoveMFADevices},
		{"RemoveMobile", o.RemoveMobileDevices}, {"RemoveRules", o.RemoveRules}, {"removeCalendarInvites", o.RemoveCalendarInvites}, {"removePermissions", o.RemovePermissions},
		{"removeCalendarPermissions", o.RemoveCalendarPermissions}, {"RemoveTeamsPhoneDID", o.RemoveTeamsPhone}, {"ClearImmutableId", o.ClearImmutableID},
		{"DisableOneDriveSharing", o.DisableOneDriveSharing}, {"disableForwarding", o.EndForwarding}, {"DeleteUser", o.DeleteUser},
	}
}

// Offboard queues an offboarding in CIPP and, run, follows the task to its end
// and reads back what can be read: sign-in, licences, groups, kind of mailbox.
// CIPP itself answers success when it has only queued it.
func (a *Admin) Offboard(ctx context.Context, t directory.Tenant, user string, o Offboarding) (Step, error) {
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Step{}, err
	}
	reference := o.Reference
	if reference == "" {
		reference = "syncd " + newGUID()
	}
	when := o.At
	if when.IsZero() {
		when = time.Now()
	}
	if gone := time.Since(when); gone > time.Minute {
		// CIPP would run it at once. An earlier attempt may have been made in time.
		earlier, err := a.taskOf(ctx, &Step{Tenant: t}, taskRef{name: "Offboarding: " + u.UPN, reference: reference})
		if err != nil {
			return Step{}, err
		}
		if o.Reference == "" || earlier.fields == nil {
			return Step{}, cipp.Misuse("%s is past: CIPP would do it at once; name a time to come, or none", when.Format("2006-01-02 15:04 MST"))
		}
	}
	body := map[string]any{
		"user": []any{map[string]any{"value": u.UPN, "label": u.Name}}, "reference": reference,
		// Always as a task: without this some versions do it within the call, which
		// the front end cuts off after four minutes.
		"Scheduled": map[string]any{"enabled": true, "date": when.Unix()},
	}
	var did, danger []string
	for _, s := range o.flags() {
		if s.on {
			body[s.name] = true
			did = append(did, s.name)
		}
	}
	one := func(text string) (map[string]any, error) {
		w, err := a.User(ctx, t, text)
		if err != nil {
			return nil, fmt.Errorf("who takes over: %w", err)
		}
		if w.ID == u.ID {
			return nil, cipp.Misuse("%s cannot take over from itself", u.UPN)
		}
		return map[string]any{"value": w.UPN, "label": w.Name}, nil
	}
	if o.ForwardTo != "" {
		if o.EndForwarding {
			return Step{}, cipp.Misuse("forwarding cannot be set and ended at once")
		}
		to, err := one(o.ForwardTo)
		if err != nil {
			return Step{}, err
		}
		body["forward"], body["KeepCopy"] = to, o.KeepCopy
		did = append(did, "forward to "+o.ForwardTo)
	}
	if o.OutOfOffice != "" {
		body["OOO"] = o.OutOfOffice
		did = append(did, "out of office")
	}
	for name, people := range map[string][]string{"AccessAutomap": o.FullAccess, "AccessNoAutomap": o.FullAccessUnmapped, "OnedriveAccess": o.OneDrive} {
		var list []any
		for _, p := range people {
			w, err := one(p)
			if err != nil {
				return Step{}, err
			}
			list = append(list, w)
		}
		if len(list) > 0 {
			body[name] = list
			did = append(did, fmt.Sprintf("%s for %s", name, strings.Join(people, ", ")))
		}
	}
	if len(did) == 0 {
		return Step{}, cipp.Misuse("an offboarding with nothing to do")
	}
	slices.Sort(did)
	mailbox := o.ConvertToShared || o.ForwardTo != "" || o.EndForwarding || o.HideFromAddressList
	if o.DeleteUser {
		danger = append(danger, "the account is deleted; it can be restored for 30 days")
	}
	if o.RemoveLicences && !o.ConvertToShared && !o.DeleteUser {
		danger = append(danger, "without a licence the mailbox is deleted after 30 days; make it a shared one to keep it")
	}
	if o.DeleteUser && o.ConvertToShared {
		danger = append(danger, "a shared mailbox goes with its account")
	}
	if u.Synced {
		danger = append(danger, "the account is synced from an Active Directory, which will undo what it masters: disable it there too")
	}
	groups, err := a.memberships(ctx, t, u)
	if err != nil {
		return Step{}, err
	}
	danger = append(danger, o.groupNotes(groups)...)
	state := func(ctx context.Context) (State, error) {
		now, there, err := a.reread(ctx, t, u.ID)
		if err != nil {
			return nil, err
		}
		s := State{{"exists", yesNo(there)}, {"enabled", yesNo(now.Enabled)}, {"licences", skuNames(directLicences(now))}}
		if !there {
			return append(s, Field{"groups", ""}), nil
		}
		groups, err := a.memberships(ctx, t, u)
		if err != nil {
			return nil, err
		}
		s = append(s, Field{"groups", set(removableGroups(groups, o.RemoveLicences))})
		if mailbox {
			m, err := a.readMailbox(ctx, t, u)
			if err != nil {
				return nil, err
			}
			s = append(s, Field{"mailbox", m.text("recipientTypeDetails")}, Field{"forwards to", forwardOf(m)}, Field{"hidden", m.yesNo("HiddenFromAddressListsEnabled")})
		}
		return s, nil
	}
	before, err := state(ctx)
	if err != nil {
		return Step{}, err
	}
	var want State
	add := func(on bool, name, v string) {
		if on {
			want = append(want, Field{name, v})
		}
	}
	add(o.DeleteUser, "exists", "no")
	if !o.DeleteUser {
		add(o.DisableSignIn, "enabled", "no")
		add(o.RemoveLicences, "licences", "")
		add(o.RemoveGroups, "groups", "")
		add(o.ConvertToShared, "mailbox", "SharedMailbox")
		add(o.HideFromAddressList, "hidden", "yes")
		add(o.EndForwarding, "forwards to", "")
	}
	step := Step{
		ID: "offboard " + u.ID, Title: fmt.Sprintf("offboard %s: %s", u.label(), strings.Join(did, ", ")), Tenant: t, Danger: strings.Join(danger, "; "),
		Before: before, Wanted: want, read: state, call: Call{Endpoint: "ExecOffboardUser", Tenant: t, Body: body},
		task: taskRef{name: "Offboarding: " + u.UPN, reference: reference}, resumable: o.Reference != "", startAt: o.At, lag: licenceLag,
		done: func(now State) bool { return now.holds(want) },
		expected: func(said string) bool {
			return slices.ContainsFunc(groups, func(g membership) bool { return g.unremovable != "" && g.expects(said) })
		},
	}
	if !o.DeleteUser { // the licences of an account that is gone are free, and removing them fails
		step.secondTask = "Remove License: " + u.UPN
	}
	return step.seal(), nil
}

func directLicences(u User) []string {
	return slices.DeleteFunc(slices.Clone(u.Licences), func(sku string) bool { return u.Inherited[sku] != "" })
}

// A membership is a group that a user is in.
type membership struct {
	name        string
	licences    bool   // it gives some: only what removes licences takes anybody out of it
	unremovable string // why CIPP cannot take anybody out of it; empty where it can
}

// memberships are the groups of a user, all pages of them.
func (a *Admin) memberships(ctx context.Context, t directory.Tenant, u User) ([]membership, error) {
	rows, err := a.graph(ctx, t, "users/"+u.ID+"/memberOf/microsoft.graph.group", "$select", "id,displayName,groupTypes,membershipRule,onPremisesSyncEnabled,assignedLicenses", "$top", "999")
	if err != nil {
		return nil, err
	}
	out := make([]membership, 0, len(rows))
	for _, r := range rows {
		g := membership{name: r.text("displayName"), licences: len(r.rows("assignedLicenses")) > 0}
		switch {
		case r.text("membershipRule") != "":
			g.unremovable = "its rule says who is in it"
		case r.flag("onPremisesSyncEnabled"):
			g.unremovable = "its Active Directory says who is in it"
		}
		out = append(out, g)
	}
	return out, nil
}

// expects says whether a sentence of CIPP's is about leaving the group.
func (g *membership) expects(said string) bool {
	return strings.Contains(said, "from group '"+g.name+"' because it is ") || strings.Contains(said, "from license group "+g.name+". This is likely because")
}

// removableGroups are the names of the groups that an offboarding takes somebody out of.
func removableGroups(groups []membership, licences bool) []string {
	var out []string
	for _, g := range groups {
		if g.unremovable == "" && (licences || !g.licences) {
			out = append(out, g.name)
		}
	}
	return out
}

// groupNotes says what removing groups and licences does not do, or does besides.
func (o *Offboarding) groupNotes(groups []membership) (notes []string) {
	if o.DeleteUser || !o.RemoveGroups && !o.RemoveLicences {
		return nil
	}
	for _, g := range groups {
		switch {
		case g.unremovable != "" && (o.RemoveGroups || g.licences):
			notes = append(notes, fmt.Sprintf("it stays in %s: %s", g.name, g.unremovable))
		case g.unremovable == "" && g.licences && !o.RemoveLicences:
			notes = append(notes, fmt.Sprintf("it stays in %s, which gives licences: only removing licences takes it out", g.name))
		case g.unremovable == "" && g.licences && !o.RemoveGroups:
			notes = append(notes, fmt.Sprintf("it leaves %s too, which gives licences", g.name))
		}
	}
	return notes
}
