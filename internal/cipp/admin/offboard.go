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

// An Offboarding is what is done to the account of somebody who leaves. The zero value
// does nothing and is refused.
type Offboarding struct {
	DisableSignIn             bool
	RevokeSessions            bool
	ResetPassword             bool // to a random one, which is not shown
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

// flags returns the flags by their names in CIPP.
func (o Offboarding) flags() []struct {
	name string
	on   bool
} {
	return []struct {
		name string
		on   bool
	}{
		{"DisableSignIn", o.DisableSignIn}, {"RevokeSessions", o.RevokeSessions}, {"ResetPass", o.ResetPassword},
		{"RemoveLicenses", o.RemoveLicences},
		{"RemoveGroups", o.RemoveGroups}, {"ConvertToShared", o.ConvertToShared}, {"HideFromGAL", o.HideFromAddressList},
		{"RemoveMFADevices", o.RemoveMFADevices},
		{"RemoveMobile", o.RemoveMobileDevices}, {"RemoveRules", o.RemoveRules}, {"removeCalendarInvites", o.RemoveCalendarInvites},
		{"removePermissions", o.RemovePermissions},
		{"removeCalendarPermissions", o.RemoveCalendarPermissions}, {"RemoveTeamsPhoneDID", o.RemoveTeamsPhone},
		{"ClearImmutableId", o.ClearImmutableID},
		{"DisableOneDriveSharing", o.DisableOneDriveSharing}, {"disableForwarding", o.EndForwarding}, {"DeleteUser", o.DeleteUser},
	}
}

// Offboard queues an offboarding in CIPP and, run, follows the task to its end
// and reads back what can be read: sign-in, licences, groups, type of mailbox.
// CIPP itself answers success when it has only queued it.
func (a *Admin) Offboard(ctx context.Context, t directory.Tenant, user string, o Offboarding) (Step, error) {
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Step{}, err
	}
	task := taskRef{name: "Offboarding: " + u.UPN, reference: o.Reference}
	if task.reference == "" {
		task.reference = "syncd " + newGUID()
	}
	if err := a.checkOffboardingTime(ctx, t, task, o); err != nil {
		return Step{}, err
	}
	body, actions, err := a.offboardingBody(ctx, t, u, task, o)
	if err != nil {
		return Step{}, err
	}
	groups, err := a.memberships(ctx, t, u)
	if err != nil {
		return Step{}, err
	}
	read := a.offboardingReader(t, u, o)
	before, err := read(ctx)
	if err != nil {
		return Step{}, err
	}
	wanted := o.wanted()
	step := Step{
		ID: "offboard " + u.ID, Title: fmt.Sprintf("offboard %s: %s", u.label(), strings.Join(actions, ", ")), Tenant: t,
		Danger: strings.Join(append(o.dangers(u), o.groupNotes(groups)...), "; "), Before: before, Wanted: wanted, read: read,
		call: Call{Endpoint: "ExecOffboardUser", Tenant: t, Body: body},
		task: task, resumable: o.Reference != "", startAt: o.At, lag: licenceLag,
		done: func(now State) bool { return now.holds(wanted) },
		expected: func(said string) bool {
			return slices.ContainsFunc(groups, func(g membership) bool { return g.unremovable != "" && g.expects(said) })
		},
	}
	if !o.DeleteUser { // the licences of a deleted account are free, and removing them fails
		step.secondTask = "Remove License: " + u.UPN
	}
	return step.seal(), nil
}

// checkOffboardingTime refuses a time in the past, at which CIPP would run the task at
// once, unless an earlier attempt queued the task in time.
func (a *Admin) checkOffboardingTime(ctx context.Context, t directory.Tenant, task taskRef, o Offboarding) error {
	if o.At.IsZero() || time.Since(o.At) <= time.Minute {
		return nil
	}
	earlier, err := a.taskOf(ctx, &Step{Tenant: t}, task)
	if err != nil {
		return err
	}
	if o.Reference == "" || earlier.fields == nil {
		return cipp.Misuse("%s is past: CIPP would do it at once; name a time to come, or none", o.At.Format("2006-01-02 15:04 MST"))
	}
	return nil
}

// offboardingBody returns the body of ExecOffboardUser and the actions in it, in words.
func (a *Admin) offboardingBody(ctx context.Context, t directory.Tenant, u User, task taskRef, o Offboarding) (map[string]any, []string, error) {
	start := o.At
	if start.IsZero() {
		start = time.Now()
	}
	body := map[string]any{
		"user": []any{map[string]any{"value": u.UPN, "label": u.Name}}, "reference": task.reference,
		// Always as a task: without this some versions do it within the call, which
		// the front end cuts off after four minutes.
		"Scheduled": map[string]any{"enabled": true, "date": start.Unix()},
	}
	var actions []string
	for _, f := range o.flags() {
		if f.on {
			body[f.name] = true
			actions = append(actions, f.name)
		}
	}
	successor := func(text string) (map[string]any, error) {
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
			return nil, nil, cipp.Misuse("forwarding cannot be set and ended at once")
		}
		to, err := successor(o.ForwardTo)
		if err != nil {
			return nil, nil, err
		}
		body["forward"], body["KeepCopy"] = to, o.KeepCopy
		actions = append(actions, "forward to "+o.ForwardTo)
	}
	if o.OutOfOffice != "" {
		body["OOO"] = o.OutOfOffice
		actions = append(actions, "out of office")
	}
	for name, people := range map[string][]string{"AccessAutomap": o.FullAccess, "AccessNoAutomap": o.FullAccessUnmapped, "OnedriveAccess": o.OneDrive} {
		var list []any
		for _, p := range people {
			w, err := successor(p)
			if err != nil {
				return nil, nil, err
			}
			list = append(list, w)
		}
		if len(list) > 0 {
			body[name] = list
			actions = append(actions, fmt.Sprintf("%s for %s", name, strings.Join(people, ", ")))
		}
	}
	if len(actions) == 0 {
		return nil, nil, cipp.Misuse("an offboarding with nothing to do")
	}
	slices.Sort(actions)
	return body, actions, nil
}

// dangers lists what the offboarding deletes, and what undoes it.
func (o *Offboarding) dangers(u User) []string {
	var out []string
	if o.DeleteUser {
		out = append(out, "the account is deleted; it can be restored for 30 days")
	}
	if o.RemoveLicences && !o.ConvertToShared && !o.DeleteUser {
		out = append(out, "without a licence the mailbox is deleted after 30 days; make it a shared one to keep it")
	}
	if o.DeleteUser && o.ConvertToShared {
		out = append(out, "a shared mailbox goes with its account")
	}
	if u.Synced {
		out = append(out, "the account is synced from an Active Directory, which will undo what it masters: disable it there too")
	}
	return out
}

// offboardingReader reads the account, its direct licences and removable groups, and
// its mailbox where the offboarding changes it.
func (a *Admin) offboardingReader(t directory.Tenant, u User, o Offboarding) func(context.Context) (State, error) {
	return func(ctx context.Context) (State, error) {
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
		if o.ConvertToShared || o.ForwardTo != "" || o.EndForwarding || o.HideFromAddressList {
			m, err := a.readMailbox(ctx, t, u)
			if err != nil {
				return nil, err
			}
			s = append(s, Field{"mailbox", m.text("recipientTypeDetails")}, Field{"forwards to", forwardOf(m)},
				Field{"hidden", m.yesNo("HiddenFromAddressListsEnabled")})
		}
		return s, nil
	}
}

// wanted is what offboardingReader reads when the offboarding is done.
func (o *Offboarding) wanted() State {
	if o.DeleteUser {
		return State{{"exists", "no"}}
	}
	var want State
	for _, f := range []struct {
		on bool
		Field
	}{
		{o.DisableSignIn, Field{"enabled", "no"}},
		{o.RemoveLicences, Field{"licences", ""}},
		{o.RemoveGroups, Field{"groups", ""}},
		{o.ConvertToShared, Field{"mailbox", "SharedMailbox"}},
		{o.HideFromAddressList, Field{"hidden", "yes"}},
		{o.EndForwarding, Field{"forwards to", ""}},
	} {
		if f.on {
			want = append(want, f.Field)
		}
	}
	return want
}

// directLicences are those that no group assigns.
func directLicences(u User) []string {
	return slices.DeleteFunc(slices.Clone(u.Licences), func(sku string) bool { return u.Inherited[sku] != "" })
}

// A membership is one group that a user is in.
type membership struct {
	name        string
	licences    bool   // the group assigns licences: CIPP removes members only together with licences
	unremovable string // why CIPP cannot remove members; empty where it can
}

// memberships reads all groups of a user.
func (a *Admin) memberships(ctx context.Context, t directory.Tenant, u User) ([]membership, error) {
	rows, err := a.graph(ctx, t, "users/"+u.ID+"/memberOf/microsoft.graph.group", "$select",
		"id,displayName,groupTypes,membershipRule,onPremisesSyncEnabled,assignedLicenses", "$top", "999")
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

// expects reports whether a sentence is CIPP's failure to remove a member of this group.
func (g *membership) expects(said string) bool {
	return strings.Contains(said, "from group '"+g.name+"' because it is ") || strings.Contains(said,
		"from license group "+g.name+". This is likely because")
}

// removableGroups returns the names of the groups that an offboarding removes the user from.
func removableGroups(groups []membership, licences bool) []string {
	var out []string
	for _, g := range groups {
		if g.unremovable == "" && (licences || !g.licences) {
			out = append(out, g.name)
		}
	}
	return out
}

// groupNotes says which groups the user stays in, and which it leaves with its licences.
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
