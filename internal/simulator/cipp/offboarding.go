package cippsim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	offboardingJob = "Invoke-CIPPOffboardingJob"
	licenceRemoval = "Remove-CIPPLicense"
)

// offboardingSteps are the actions that ExecOffboardUser knows, in the order in
// which they are done (CIPP source: Invoke-CIPPOffboardingJob.ps1).
var offboardingSteps = []string{
	"RevokeSessions", "ResetPass", "DisableSignIn", "HideFromGAL", "RemoveGroups", "RemoveRules", "RemoveMobile", "removeCalendarInvites",
	"OOO", "forward", "disableForwarding", "OnedriveAccess", "DisableOneDriveSharing", "AccessNoAutomap", "AccessAutomap", "removePermissions",
	"removeCalendarPermissions", "ConvertToShared", "RemoveMFADevices", "RemoveTeamsPhoneDID", "RemoveLicenses", "ClearImmutableId", "DeleteUser",
}

// execOffboardUser only queues: nothing has happened when it answers.
func (c *call) execOffboardUser() answer {
	users := words(c.field("user"))
	if len(users) == 0 {
		return answer{status: http.StatusBadRequest, body: object{"Results": []string{"No users were provided for offboarding."}}}
	}
	options, asked := map[string]any{}, false
	body, _ := c.body.(map[string]any)
	for name, v := range body {
		if among([]string{"user", "tenantFilter", "Scheduled"}, name) {
			continue
		}
		options[strings.ToLower(name)] = v
		on := v != nil && v != false && v != ""
		if list, isList := v.([]any); isList {
			on = len(list) > 0
		}
		asked = asked || on && among(offboardingSteps, name)
	}
	if !asked {
		return answer{status: http.StatusBadRequest, body: object{"Results": []string{"No offboarding actions were selected."}}}
	}
	when, atOnce := c.now, true
	if enabled, _ := member(c.field("Scheduled"), "enabled").(bool); enabled {
		atOnce = false
		if at := seconds(member(c.field("Scheduled"), "date")); at > 0 {
			when = time.Unix(at, 0).UTC()
		}
	}
	reference, _ := c.field("reference").(string)
	tenant, _ := value(c.field("tenantFilter")) // an unknown one is accepted
	if c.tenant != nil {
		tenant = c.tenant.DefaultDomain
	}
	return c.alter(func() answer {
		said := []string{}
		for _, upn := range users {
			parameters := map[string]any{"Username": upn, "options": options, "RunScheduled": true}
			k := &Task{
				ID: c.s.nextID("task"), Name: "Offboarding: " + upn, Tenant: tenant, Command: offboardingJob,
				Parameters: parameters, Reference: reference, State: "Planned", Scheduled: when, atOnce: atOnce,
			}
			c.w.Tasks = append(c.w.Tasks, k)
			if atOnce {
				said = append(said, "Task "+k.Name+" scheduled to run now")
				continue
			}
			said = append(said, "Successfully added task: "+k.Name+". It will run in "+minutes(k.due().Sub(c.now))+".")
		}
		c.wrote("Info", "Offboarding queued")
		return results(said)
	})
}

// offboardable says whether the account of an offboarding is there: otherwise
// the job does not start.
func (s *Server) offboardable(k *Task) bool {
	upn, _ := k.Parameters["Username"].(string)
	t := s.world.Tenant(k.Tenant)
	return t != nil && t.User(upn) != nil && !t.User(upn).Deleted
}

// An offboarding is one that is being done.
type offboarding struct {
	s       *Server
	task    *Task
	tenant  *Tenant
	user    *User
	mailbox *Mailbox // nil where there is none
	upn     string
	options map[string]any
}

// offboard does a queued offboarding and says, step by step, how it went.
func (s *Server) offboard(k *Task) []string {
	o := offboarding{s: s, task: k, tenant: s.world.Tenant(k.Tenant)}
	o.upn, _ = k.Parameters["Username"].(string)
	o.options, _ = k.Parameters["options"].(map[string]any)
	o.user, o.mailbox = o.tenant.User(o.upn), o.tenant.mailboxOf(o.upn)
	var said []string
	for _, step := range offboardingSteps {
		if !o.asked(step) {
			continue
		}
		if sentence := s.faults.Tasks.Trips[step]; sentence != "" {
			said = append(said, sentence)
			continue
		}
		if o.mailbox == nil && among(mailboxSteps, step) {
			said = append(said, "Failed: no mailbox found for "+o.upn)
			continue
		}
		said = append(said, o.do(step)...)
	}
	return said
}

// mailboxSteps are those that fail without a mailbox.
var mailboxSteps = []string{
	"HideFromGAL", "ConvertToShared", "forward", "disableForwarding", "OOO", "AccessAutomap", "AccessNoAutomap", "RemoveRules",
}

func (o *offboarding) option(step string) any { return o.options[strings.ToLower(step)] }

func (o *offboarding) asked(step string) bool {
	v := o.option(step)
	if v == nil || v == false || v == "" {
		return false
	}
	return step != "AccessAutomap" && step != "AccessNoAutomap" || len(words(v)) > 0
}

// do does one step and says how it went.
func (o *offboarding) do(step string) []string {
	u, m, v := o.user, o.mailbox, o.option(step)
	switch step {
	case "RevokeSessions":
		u.SessionsRevoked = o.task.Executed
	case "ResetPass":
		return o.resetPassword()
	case "RemoveGroups":
		return leaveGroups(o.tenant, u)
	case "HideFromGAL":
		m.Hidden = true
	case "DisableSignIn":
		u.Disabled = true
		if u.Synced != nil && *u.Synced { // it is done, and complained about
			return []string{"Failed to execute Set-CIPPSignInState : Failed to set sign-in state for " + o.upn +
				". Error: WARNING: User " + o.upn + " is AD Sync enabled. Please enable/disable in the local AD."}
		}
	case "removePermissions":
		for _, other := range o.tenant.Mailboxes {
			other.Delegates = slices.DeleteFunc(other.Delegates, func(d Delegate) bool { return strings.EqualFold(d.User, u.UPN) })
		}
	case "removeCalendarPermissions":
		for _, other := range o.tenant.Mailboxes {
			if slices.ContainsFunc(other.Calendar, func(r CalendarRight) bool { return strings.EqualFold(r.User, u.UPN) }) {
				other.setCalendar(u.UPN, "")
			}
		}
	case "OOO":
		m.OutOfOffice, _ = v.(string)
	case "forward":
		m.ForwardInner, _ = value(v)
		m.KeepCopy = truth(o.options["keepcopy"])
	case "disableForwarding":
		m.ForwardInner, m.ForwardTo, m.KeepCopy = "", "", false
	case "RemoveMFADevices":
		no := false
		u.MFAMethods, u.MFARegistered = nil, &no
	case "ClearImmutableId":
		u.ImmutableID = ""
	case "ConvertToShared":
		m.Type = "SharedMailbox"
	case "AccessAutomap", "AccessNoAutomap":
		for _, who := range words(v) {
			m.Delegates = append(m.Delegates, Delegate{User: who, Rights: "FullAccess"})
		}
	case "RemoveLicenses":
		return o.scheduleLicenceRemoval()
	case "DeleteUser":
		u.Deleted = true
		o.tenant.CountConsumed()
	}
	return []string{"Successfully completed " + step + " for " + o.upn}
}

func (o *offboarding) resetPassword() []string {
	u := o.user
	u.Password, u.PasswordSet = "Pw-"+o.s.nextID("password")[:13]+"!", o.task.Executed
	return []string{"Successfully reset the password for " + u.DisplayName + ", " + u.UPN +
		". User must change password is set to True. The new password is " + u.Password}
}

// scheduleLicenceRemoval leaves the licences to a task of its own.
func (o *offboarding) scheduleLicenceRemoval() []string {
	w, name := o.s.world, "Remove License: "+o.upn
	waits := func(k *Task) bool { return k.Name == name && k.State != "Completed" && k.State != "Failed" }
	if !slices.ContainsFunc(w.Tasks, waits) {
		w.Tasks = append(w.Tasks, &Task{
			ID: o.s.nextID("task"), Name: name, Tenant: o.tenant.DefaultDomain, Command: licenceRemoval,
			State: "Planned", Scheduled: o.task.Executed.Add(5 * time.Minute),
			Parameters: map[string]any{"userid": o.user.ID, "username": o.upn, "APIName": "Scheduled License Removal"},
		})
	}
	return []string{"Scheduled license removal for " + o.upn + ". Licenses currently assigned that will be removed: " +
		strings.Join(o.tenant.licenceNames(o.user.Licences), ", ") + "."}
}

// leaveGroups takes a user out of the groups that allow it
// (CIPP source: Remove-CIPPGroups.ps1).
func leaveGroups(t *Tenant, u *User) (said []string) {
	for _, g := range t.Groups {
		about := u.UPN + " from group '" + g.DisplayName + "'"
		switch {
		case !among(g.Members, u.ID):
		case len(g.Licences) > 0:
			said = append(said, "Skipping removal of "+about+" because it has assigned licenses. This group will be handled during the license removal step.")
		case g.MembershipRule != "":
			said = append(said, "Error: Could not remove "+about+" because it is a Dynamic Group.")
		case g.Synced != nil && *g.Synced:
			said = append(said, "Error: Could not remove "+about+" because it is synced with Active Directory.")
		default:
			g.leave(u)
			said = append(said, "Successfully removed "+about)
		}
	}
	if len(said) == 0 {
		said = []string{u.UPN + " is not a member of any groups."}
	}
	return said
}

func (g *Group) leave(u *User) {
	g.Members = slices.DeleteFunc(g.Members, func(id string) bool { return strings.EqualFold(id, u.ID) })
}

// removeLicences does the second task of an offboarding
// (CIPP source: Remove-CIPPLicense.ps1).
func (s *Server) removeLicences(k *Task) (said []string) {
	upn, _ := k.Parameters["username"].(string)
	if sentence := s.faults.Tasks.Trips[licenceRemoval]; sentence != "" {
		return []string{sentence}
	}
	t := s.world.Tenant(k.Tenant)
	if t == nil || t.User(upn) == nil || t.User(upn).Deleted {
		return []string{"Could not remove license for " + upn + ". Error: Resource '" + upn + "' does not exist or one of its queried reference-property objects are not present."}
	}
	u := t.User(upn)
	for _, g := range t.Groups {
		about := u.DisplayName + " from license group " + g.DisplayName
		switch {
		case len(g.Licences) == 0 || !among(g.Members, u.ID):
		case g.MembershipRule != "", g.Synced != nil && *g.Synced:
			said = append(said, "Failed to remove "+about+". This is likely because its a Dynamic Group or synced with active directory.")
		default:
			g.leave(u)
			u.Licences = slices.DeleteFunc(u.Licences, func(id string) bool { return u.Inherited[id] == g.ID })
			said = append(said, "Removed "+about)
		}
	}
	direct := slices.DeleteFunc(slices.Clone(u.Licences), func(id string) bool { return u.Inherited[id] != "" })
	if len(direct) == 0 {
		return append(said, "No licenses to remove for "+upn)
	}
	u.Licences = slices.DeleteFunc(u.Licences, func(id string) bool { return u.Inherited[id] == "" })
	t.CountConsumed()
	return append(said, "Removed directly assigned licenses for "+upn+": "+strings.Join(t.licenceNames(direct), ", "))
}

func (t *Tenant) licenceNames(ids []string) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id
		for _, k := range t.SKUs {
			if strings.EqualFold(k.SkuID, id) {
				names[i] = k.Name
			}
		}
	}
	slices.Sort(names)
	return names
}
