package cippsim

import (
	"math"
	"slices"
	"strings"
	"time"
)

// A queue is one AllTenants run: a task a tenant.
type queue struct {
	id        string
	name      string
	reference string
	started   time.Time
	moved     time.Time
	step      time.Duration
	tasks     []task
	run       func(*Server, *queue, *Tenant, time.Time)
}

type task struct {
	tenant *Tenant
	status string // Queued, Running, Completed or Failed
	at     time.Time
}

// queueLife is how long a queue is remembered.
const queueLife = 3 * time.Hour

// startQueue plans a run. Nothing of it is done before the next request.
func (s *Server) startQueue(name, reference string, tenants []*Tenant, run func(*Server, *queue, *Tenant, time.Time)) *queue {
	q := &queue{
		id: s.nextID("queue"), name: name, reference: reference, run: run,
		started: s.now(), moved: s.now(), step: s.faults.Queues.Step,
	}
	for _, t := range tenants {
		q.tasks = append(q.tasks, task{tenant: t, status: "Queued", at: s.now()})
	}
	s.queues = append(s.queues, q)
	return q
}

// advance does what the running queues should have done by now.
func (s *Server) advance() {
	now := s.now()
	s.queues = slices.DeleteFunc(s.queues, func(q *queue) bool { return now.Sub(q.started) >= queueLife })
	if s.faults.Queues.Stalled {
		return
	}
	for _, q := range s.queues {
		for i := range q.tasks {
			k := &q.tasks[i]
			if k.status == "Completed" || k.status == "Failed" {
				continue
			}
			due := q.started.Add(time.Duration(i+1) * q.step)
			if due.After(now) {
				if k.status == "Queued" && now.After(q.started) {
					k.status = "Running"
				}
				break // a task at a time
			}
			k.status, k.at = "Completed", due
			if s.tenantFaults(k.tenant).TaskFails || !slices.Contains(s.world.Tenants, k.tenant) && k.tenant != s.world.PartnerTenant {
				k.status = "Failed"
			} else {
				q.run(s, q, k.tenant, due)
			}
			q.moved = due
		}
	}
}

// ClearQueues is what a deploy does: runs and their queues are gone.
func (s *Server) ClearQueues() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues = nil
}

func (q *queue) counts() (completed, running, failed int) {
	for _, k := range q.tasks {
		switch k.status {
		case "Completed":
			completed++
		case "Running":
			running++
		case "Failed":
			completed++ // CompletedTasks includes failed ones
			failed++
		}
	}
	return completed, running, failed
}

func (q *queue) status() string {
	switch completed, running, failed := q.counts(); {
	case completed == len(q.tasks) && failed == 0:
		return "Completed"
	case completed == len(q.tasks) && failed == completed:
		return "Failed"
	case completed == len(q.tasks):
		return "Completed (with errors)"
	case completed+running > 0:
		return "Running"
	}
	return "Queued"
}

func (q *queue) over() bool {
	completed, _, _ := q.counts()
	return completed == len(q.tasks)
}

func (s *Server) runningQueue(reference string) *queue {
	for _, q := range s.queues {
		if q.reference == reference && !q.over() {
			return q
		}
	}
	return nil
}

func (q *queue) row() object {
	completed, running, failed := q.counts()
	percent := func(n int) float64 {
		if len(q.tasks) == 0 {
			return 0
		}
		return math.Round(1000*float64(n)/float64(len(q.tasks))) / 10
	}
	tasks := []object{}
	for _, k := range q.tasks {
		tasks = append(tasks, object{"Timestamp": stamp(k.at), "Name": k.tenant.DefaultDomain, "Status": k.status})
	}
	return object{
		"PartitionKey": "CippQueue", "RowKey": q.id, "Name": q.name, "Link": "", "Reference": q.reference,
		"TotalTasks": len(q.tasks), "CompletedTasks": completed, "RunningTasks": running, "FailedTasks": failed,
		"PercentComplete": percent(completed), "PercentFailed": percent(failed), "PercentRunning": percent(running),
		"Tasks": tasks, "Status": q.status(), "Timestamp": stamp(q.moved),
	}
}

func (c *call) listCippQueue() answer {
	c.s.advance()
	rows := []object{}
	for _, q := range c.s.queues {
		id, reference := c.param("QueueId"), c.param("Reference")
		if (id == "" || strings.EqualFold(id, q.id)) && (reference == "" || reference == q.reference) {
			rows = append(rows, q.row())
		}
	}
	return ok(rows)
}

func (c *call) listCippQueues() answer {
	c.s.advance()
	ids := c.param("QueueIds")
	if more, isText := c.field("QueueIds").(string); isText && ids == "" {
		ids = more
	}
	rows, missing := []object{}, []string{}
	complete, failed := true, false
	for id := range strings.SplitSeq(ids, ",") {
		if id = strings.TrimSpace(id); id == "" {
			continue
		}
		i := slices.IndexFunc(c.s.queues, func(q *queue) bool { return strings.EqualFold(q.id, id) })
		if i < 0 {
			missing = append(missing, id)
			continue
		}
		rows = append(rows, c.s.queues[i].row())
		complete = complete && c.s.queues[i].over()
		failed = failed || strings.Contains(strings.ToLower(c.s.queues[i].status()), "error") || c.s.queues[i].status() == "Failed"
	}
	status := "Running"
	switch {
	case complete && failed:
		status = "Completed (with errors)"
	case complete:
		status = "Completed"
	}
	return ok(object{"Queues": rows, "MissingQueueIds": missing, "Summary": object{
		"IsComplete": complete, "Status": status, "TotalQueues": len(rows),
	}})
}

// runNothing is the task of a run whose rows nobody can read here.
func runNothing(*Server, *queue, *Tenant, time.Time) {}
