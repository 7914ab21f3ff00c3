package cippsim

import (
	"cmp"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Task is an entry of CIPP's scheduler.
type Task struct {
	ID         string
	Name       string
	Tenant     string // default domain, or AllTenants; empty = None
	Command    string
	Parameters map[string]any
	Recurrence string // 0 or empty = once, else 15m, 1h, 1d, …
	Reference  string
	State      string // Planned, Running, Completed or Failed; empty means Planned
	Scheduled  time.Time
	Executed   time.Time
	Results    []string
	Hidden     bool
}

// TaskFaults are what can be wrong with the scheduler.
type TaskFaults struct {
	Stalled  bool              // nothing is ever run
	Fails    string            // every task ends as Failed, with this text
	Trips    map[string]string // step of an offboarding (RemoveLicenses) → the sentence it fails with
	Unlisted bool              // ListScheduledItems does not show offboarding tasks
	Slow     time.Duration     // how long a task runs; 0 means a minute
}

// slot is the granularity of the scheduler.
const slot = 15 * time.Minute

func (k *Task) settle(now time.Time) {
	k.ID = cmp.Or(k.ID, guid("task", k.Name, k.Tenant))
	k.State = cmp.Or(k.State, "Planned")
	if k.Scheduled.IsZero() {
		k.Scheduled = now
	}
}

// due is the first run of the scheduler that takes the task up.
func (k *Task) due() time.Time { return k.Scheduled.Truncate(slot).Add(slot) }

// runDueTasks does what the scheduler should have done by now.
func (s *Server) runDueTasks() {
	if s.faults.Tasks.Stalled || len(s.world.Tasks) == 0 {
		return
	}
	now := s.now()
	life := cmp.Or(s.faults.Tasks.Slow, time.Minute)
	for _, k := range s.world.Tasks {
		if k.State == "Planned" && !now.Before(k.due()) {
			k.State, k.Executed = "Running", k.due()
		}
		if k.State == "Running" && !now.Before(k.Executed.Add(life)) {
			s.finish(k)
		}
	}
}

// RunTasks runs all planned tasks to their end, whatever the time.
func (s *Server) RunTasks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.world.Tasks {
		if k.State == "Planned" || k.State == "Running" {
			k.Executed = s.now()
			s.finish(k)
		}
	}
}

func (s *Server) finish(k *Task) {
	if s.faults.Tasks.Fails != "" {
		k.State, k.Results = "Failed", []string{"Task Failed: " + s.faults.Tasks.Fails}
		return
	}
	k.State = "Completed"
	k.Results = []string{"Task executed successfully"}
	if k.Command == offboardingJob {
		k.Results = s.offboard(k)
	}
	if every := period(k.Recurrence); every > 0 {
		k.State, k.Scheduled = "Planned", k.Executed.Add(every)
	}
}

func period(recurrence string) time.Duration {
	if days, isDays := strings.CutSuffix(recurrence, "d"); isDays {
		n, _ := strconv.Atoi(days) // what is no number does not recur
		return time.Duration(n) * 24 * time.Hour
	}
	d, err := time.ParseDuration(recurrence)
	if err != nil {
		return 0
	}
	return d
}

const offboardingJob = "Invoke-CIPPOffboardingJob"

// offboardingSteps are the actions that ExecOffboardUser knows, in the order in
// which they are done (CIPP source: Invoke-CIPPOffboardingJob.ps1).
var offboardingSteps = []string{
	"RevokeSessions", "ResetPass", "RemoveGroups", "HideFromGAL", "DisableSignIn", "removeCalendarInvites", "removePermissions",
	"removeCalendarPermissions", "OOO", "forward", "disableForwarding", "RemoveTeamsPhoneDID", "RemoveRules", "RemoveMobile",
	"DisableOneDriveSharing", "RemoveMFADevices", "ClearImmutableId", "ConvertToShared", "AccessAutomap", "AccessNoAutomap", "OnedriveAccess",
	"RemoveLicenses", "DeleteUser",
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
	when := c.now
	if enabled, _ := member(c.field("Scheduled"), "enabled").(bool); enabled {
		if at := seconds(member(c.field("Scheduled"), "date")); at > 0 {
			when = time.Unix(at, 0).UTC()
		}
	}
	reference, _ := c.field("reference").(string)
	if c.tenant == nil {
		return answer{status: http.StatusForbidden, body: object{"Results": []string{"Could not add task: the tenant was not found"}}}
	}
	return c.alter(func() answer {
		said := []string{}
		for _, upn := range users {
			parameters := map[string]any{"Username": upn, "options": options, "RunScheduled": true}
			k := &Task{
				ID: c.s.nextID("task"), Name: "Offboarding: " + upn, Tenant: c.tenant.DefaultDomain, Command: offboardingJob,
				Parameters: parameters, Reference: reference, State: "Planned", Scheduled: when,
			}
			c.w.Tasks = append(c.w.Tasks, k)
			said = append(said, "Successfully added task: "+k.Name+". It will run in "+minutes(k.due().Sub(c.now))+".")
		}
		c.wrote("Info", "Offboarding queued")
		return results(said)
	})
}

func minutes(d time.Duration) string { return fmt.Sprintf("about %d minutes", int(d.Minutes())) }

// seconds reads a Unix time that may be a number or a text.
func seconds(v any) int64 {
	switch v := v.(type) {
	case float64:
		return int64(v)
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err == nil {
			return n
		}
	}
	return 0
}

// offboard does a queued offboarding and says, step by step, how it went.
func (s *Server) offboard(k *Task) []string {
	t := s.world.Tenant(k.Tenant)
	upn, _ := k.Parameters["Username"].(string)
	if t == nil || t.User(upn) == nil {
		return []string{"Failed to offboard " + upn + ". Error: the user was not found"}
	}
	u, m := t.User(upn), t.mailboxOf(upn)
	options, _ := k.Parameters["options"].(map[string]any)
	var said []string
	for _, step := range offboardingSteps {
		v := options[strings.ToLower(step)]
		list := words(v)
		if v == nil || v == false || v == "" || step == "AccessAutomap" && len(list) == 0 || step == "AccessNoAutomap" && len(list) == 0 {
			continue
		}
		if sentence := s.faults.Tasks.Trips[step]; sentence != "" {
			said = append(said, sentence)
			continue
		}
		if m == nil && among([]string{"HideFromGAL", "ConvertToShared", "forward", "disableForwarding", "OOO", "AccessAutomap", "AccessNoAutomap", "RemoveRules"}, step) {
			said = append(said, "Failed: no mailbox found for "+upn)
			continue
		}
		switch step {
		case "RevokeSessions":
			u.SessionsRevoked = k.Executed
		case "ResetPass":
			u.Password, u.PasswordSet = "Pw-"+s.nextID("password")[:13]+"!", k.Executed
			said = append(said, "Successfully reset the password for "+u.DisplayName+", "+u.UPN+". User must change password is set to True. The new password is "+u.Password)
			continue
		case "RemoveGroups":
			for _, g := range t.Groups {
				if g.MembershipRule == "" && (g.Synced == nil || !*g.Synced) {
					g.Members = slices.DeleteFunc(g.Members, func(id string) bool { return strings.EqualFold(id, u.ID) })
				}
			}
		case "HideFromGAL":
			m.Hidden = true
		case "DisableSignIn":
			u.Disabled = true
		case "removePermissions":
			for _, other := range t.Mailboxes {
				other.Delegates = slices.DeleteFunc(other.Delegates, func(d Delegate) bool { return strings.EqualFold(d.User, u.UPN) })
			}
		case "removeCalendarPermissions":
			for _, other := range t.Mailboxes {
				if slices.ContainsFunc(other.Calendar, func(r CalendarRight) bool { return strings.EqualFold(r.User, u.UPN) }) {
					other.setCalendar(u.UPN, "")
				}
			}
		case "OOO":
			m.OutOfOffice, _ = v.(string)
		case "forward":
			m.ForwardInner, _ = value(v)
			m.KeepCopy = truth(options["keepcopy"])
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
			for _, who := range list {
				m.Delegates = append(m.Delegates, Delegate{User: who, Rights: "FullAccess"})
			}
		case "RemoveLicenses":
			u.Licences = slices.DeleteFunc(u.Licences, func(id string) bool { return u.Inherited[id] == "" })
			t.CountConsumed()
		case "DeleteUser":
			u.Deleted = true
			t.CountConsumed()
		}
		said = append(said, "Successfully completed "+step+" for "+upn)
	}
	return said
}

// taskRow is a task as the list shows it.
func (c *call) taskRow(k *Task) object {
	recurrence := cmp.Or(k.Recurrence, "Once")
	if recurrence == "0" {
		recurrence = "Once"
	}
	row := object{
		"PartitionKey": "ScheduledTask", "RowKey": k.ID, "Name": k.Name, "Command": k.Command, "Parameters": k.Parameters, "Recurrence": recurrence,
		"TaskState": k.State, "Tenant": "None", "ScheduledTime": zulu(k.Scheduled), "Reference": k.Reference, "PostExecution": "", "Hidden": k.Hidden, "Timestamp": stamp(latest(k.Executed, k.Scheduled)),
	}
	if k.Parameters == nil {
		row["Parameters"] = object{}
	}
	if k.Tenant != "" {
		row["Tenant"] = object{"label": k.Tenant, "value": k.Tenant, "type": "Tenant"}
	}
	if !k.Executed.IsZero() {
		row["ExecutedTime"] = zulu(k.Executed) // a column that a task which never ran does not have
	}
	if len(k.Results) > 0 {
		row["Results"] = k.Results
		if len(k.Results) == 1 {
			row["Results"] = k.Results[0]
		}
	}
	return row
}

// visible says whether the caller's role shows it a task.
func (c *call) visible(k *Task) bool {
	t := c.w.Tenant(k.Tenant)
	return c.scope == nil || t != nil && c.allows(t)
}

func (c *call) listScheduledItems() answer {
	rows := []object{}
	for _, k := range c.w.Tasks {
		if !c.visible(k) || k.Hidden != (strings.EqualFold(c.given("ShowHidden"), "true")) {
			continue
		}
		if k.Command == offboardingJob && c.s.faults.Tasks.Unlisted {
			continue
		}
		if id := c.given("Id"); id != "" && !strings.EqualFold(id, k.ID) {
			continue
		}
		if filter := c.given("tenantFilter"); filter != "" && filter != allTenants && c.w.Tenant(filter) != c.w.Tenant(k.Tenant) {
			continue
		}
		if name := c.given("Name"); name != "" && name != k.Name { // table storage compares exactly
			continue
		}
		if kind := c.given("Type"); kind != "" && kind != k.Command {
			continue
		}
		if pattern := c.given("SearchTitle"); pattern != "" {
			if like, err := path.Match(strings.ToLower(pattern), strings.ToLower(k.Name)); err != nil || !like {
				continue
			}
		}
		rows = append(rows, c.taskRow(k))
	}
	slices.SortStableFunc(rows, func(a, b object) int {
		return strings.Compare(b["ScheduledTime"].(string), a["ScheduledTime"].(string))
	})
	return ok(rows)
}

func (c *call) listScheduledItemDetails() answer {
	id := c.given("RowKey")
	if id == "" {
		return text(http.StatusBadRequest, "Required parameter 'RowKey' is missing")
	}
	for _, k := range c.w.Tasks {
		if strings.EqualFold(k.ID, id) && c.visible(k) {
			details := []object{{"Timestamp": stamp(k.Executed), "Tenant": k.Tenant, "Results": list(k.Results)}}
			return ok(object{"Task": c.taskRow(k), "Details": details})
		}
	}
	return text(http.StatusNotFound, "Task with RowKey '"+id+"' not found")
}

// addScheduledItem answers refusals with 200, and never says the id.
func (c *call) addScheduledItem() answer {
	name, _ := c.field("Name").(string)
	command := c.picked("Command")
	if name == "" || command == "" {
		return results("Error - Task could not be added: Name and Command are required")
	}
	if truth(c.field("DisallowDuplicateName")) && slices.ContainsFunc(c.w.Tasks, func(k *Task) bool { return k.Name == name && k.State == "Planned" }) {
		return results("Task with name " + name + " already exists")
	}
	tenant, _ := value(c.field("TenantFilter"))
	if t := c.w.Tenant(tenant); t != nil {
		if !c.allows(t) {
			return text(http.StatusForbidden, TextNoTenant)
		}
		tenant = t.DefaultDomain
	}
	return c.alter(func() answer {
		k := &Task{ID: c.s.nextID("task"), Name: name, Tenant: tenant, Command: command, State: "Planned", Scheduled: c.now}
		k.Parameters, _ = c.field("Parameters").(map[string]any)
		k.Reference, _ = c.field("Reference").(string)
		k.Recurrence, _ = value(c.field("Recurrence"))
		k.Hidden = c.isTrue("hidden")
		if at := seconds(c.field("ScheduledTime")); at > 0 {
			k.Scheduled = time.Unix(at, 0).UTC()
		}
		c.w.Tasks = append(c.w.Tasks, k)
		c.wrote("Info", "Added task "+name)
		return results("Successfully added task: " + name + ". It will run in " + minutes(k.due().Sub(c.now)) + ".")
	})
}

// removeScheduledItem says success whatever it was given.
func (c *call) removeScheduledItem() answer {
	id := c.given("id")
	return c.alter(func() answer {
		c.w.Tasks = slices.DeleteFunc(slices.Clone(c.w.Tasks), func(k *Task) bool { return strings.EqualFold(k.ID, id) })
		c.wrote("Info", "Removed task "+id)
		return results("Task removed successfully.")
	})
}
