package cippsim

import (
	"cmp"
	"encoding/json"
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
	State      string // Planned, Pending, Running, Processing, Completed or Failed; empty means Planned
	Scheduled  time.Time
	Executed   time.Time
	Results    []string // sentences; of a task that was not yet run there are none
	Hidden     bool
	atOnce     bool // it does not wait for the scheduler
}

// TaskFaults are what can be wrong with the scheduler.
type TaskFaults struct {
	Stalled  bool              // nothing is ever run
	Fails    string            // every task ends as Failed, with this text
	Trips    map[string]string // step of an offboarding (RemoveRules), or a command (Remove-CIPPLicense) → the sentence it fails with
	Unlisted bool              // ListScheduledItems does not show offboarding tasks
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
func (k *Task) due() time.Time {
	if k.atOnce {
		return k.Scheduled
	}
	return k.Scheduled.Truncate(slot).Add(slot)
}

// runDueTasks does what the scheduler should have done by now.
func (s *Server) runDueTasks() {
	if s.faults.Tasks.Stalled || len(s.world.Tasks) == 0 {
		return
	}
	now := s.now()
	life := time.Minute
	for i := 0; i < len(s.world.Tasks); i++ { // a task may plan another one
		k := s.world.Tasks[i]
		if k.State == "Planned" && !now.Before(k.due()) {
			k.State, k.Executed = "Running", k.due()
			if k.Command == offboardingJob {
				k.State = "Processing"
			}
		}
		if k.under() && !now.Before(k.Executed.Add(life)) {
			s.finish(k)
		}
	}
}

// under reports whether the task is under way.
func (k *Task) under() bool { return among([]string{"Pending", "Running", "Processing"}, k.State) }

// RunTasks runs all planned tasks to their end, whatever the time.
func (s *Server) RunTasks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(s.world.Tasks); i++ {
		if k := s.world.Tasks[i]; k.State == "Planned" || k.under() {
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
	if k.Command == offboardingJob && !s.offboardable(k) {
		upn, _ := k.Parameters["Username"].(string)
		k.State, k.Results = "Failed", []string{"Task Failed: Resource '" + upn + "' does not exist or one of its queried reference-property objects are not present."}
		return
	}
	k.State = "Completed" // which says nothing about success
	switch k.Command {
	case offboardingJob:
		k.Results = s.offboard(k)
	case licenceRemoval:
		k.Results = s.removeLicences(k)
	default:
		k.Results = []string{"Task completed successfully"}
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
	row["Results"] = k.stored()
	return row
}

// mostStored is the length from which the results of a task stand elsewhere.
const mostStored = 64000

// stored are the results as the row has them, a text: one result as an object,
// several as a list of them (CIPP source: Push-ExecScheduledCommand.ps1).
func (k *Task) stored() string {
	switch {
	case len(k.Results) == 0 && k.State == "Processing":
		return "Orchestration in progress"
	case len(k.Results) == 0:
		return "Planned"
	case k.State == "Failed": // a hashtable as PowerShell writes it into a text
		return "@{Results=" + k.Results[0] + "}"
	}
	var v any = object{"Results": k.Results[0]}
	if len(k.Results) > 1 {
		v = k.parsed()
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data of our own; cannot fail
	}
	if len(raw) > mostStored {
		return `{"Results":"Completed, details are available in the More Info pane"}` + "\n"
	}
	return string(raw) + "\n"
}

// parsed are the results as the details show them.
func (k *Task) parsed() []object {
	out := make([]object, len(k.Results))
	for i, s := range k.Results {
		out[i] = object{"Results": s}
	}
	return out
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
			var said any = k.parsed()
			if len(k.Results) == 0 || k.State == "Failed" {
				said = []string{k.stored()}
			}
			details := []object{{"Timestamp": stamp(k.Executed), "Tenant": k.Tenant, "Results": said}}
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
