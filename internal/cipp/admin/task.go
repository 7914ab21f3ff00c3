package admin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/cipp"
	"syncd/internal/rest"
)

// A taskRef identifies a task in CIPP's scheduler: the answer to the call that makes
// one does not have its id.
type taskRef struct {
	name      string    // its name in CIPP
	reference string    // set by syncd; empty for tasks that CIPP makes by itself
	since     time.Time // a task that ended earlier is not meant
}

// finishTask follows the task of a step to its end, unless it is to start later.
func (a *Admin) finishTask(ctx context.Context, s *Step, out Result, sent time.Time) (Result, error) {
	if !s.startAt.IsZero() {
		out.Task = a.taskID(ctx, s)
		return out, nil
	}
	if err := a.followTask(ctx, s, &out, sent); err != nil {
		out.After = a.readOr(ctx, s, out.Before)
		if e, ok := errors.AsType[*TaskError](err); ok {
			e.After = out.After
		}
		return out, err
	}
	return a.verify(ctx, s, out, sent)
}

// taskID returns the id of a step's task, or "" where it cannot be found.
func (a *Admin) taskID(ctx context.Context, s *Step) string {
	if k, err := a.taskOf(ctx, s, s.task); err == nil {
		return k.text("RowKey")
	}
	return ""
}

// taskOf finds a task, the newest if there are several.
func (a *Admin) taskOf(ctx context.Context, s *Step, ref taskRef) (row, error) {
	rows, err := a.list(ctx, s.Tenant, "ListScheduledItems", url.Values{"Name": {ref.name}})
	if err != nil {
		return row{}, err
	}
	var found row
	for _, r := range rows {
		at := r.time("ScheduledTime")
		switch {
		case !strings.EqualFold(r.text("Name"), ref.name), ref.reference != "" && r.text("Reference") != ref.reference:
		case at.Before(ref.since) && taskEnded(r.text("TaskState")):
		case found.fields == nil || at.After(found.time("ScheduledTime")):
			found = r
		}
	}
	return found, nil
}

func taskEnded(state string) bool { return state == "Completed" || strings.HasPrefix(state, "Failed") }

// taskDetails reads the state and all results of a task.
func (a *Admin) taskDetails(ctx context.Context, id string) (state string, said []string, err error) {
	rows, err := a.global(ctx, "ListScheduledItemDetails", url.Values{"RowKey": {id}})
	if rows, err = requireRows(rows, err, "task "+id); err != nil {
		return "", nil, err
	}
	for _, part := range rows[0].rows("Details") {
		for _, t := range resultTexts(part.fields["results"]) {
			said = append(said, redact(t))
		}
	}
	return rows[0].object("Task").text("TaskState"), said, nil
}

// resultTexts returns the results of a task as texts. They come as texts, objects with
// a text, lists of them, or any of these as JSON within a text. None is left out: what
// holds no text is returned as JSON.
func resultTexts(v jsontext.Value) []string {
	switch v.Kind() {
	case '"':
		text := textOf(v)
		if inner := jsontext.Value(text); text != "" && (inner.Kind() == '[' || inner.Kind() == '{') && inner.IsValid(tolerant) {
			return resultTexts(inner)
		}
		// PowerShell's notation of an object within a text.
		if inner, ok := strings.CutPrefix(text, "@{Results="); ok {
			text = strings.TrimSuffix(inner, "}")
		}
		if text != "" {
			return []string{text}
		}
	case '[':
		var out []string
		for _, one := range elements(v) {
			out = append(out, resultTexts(one)...)
		}
		return out
	case '{':
		r := parse(v)
		if inner, ok := r.fields["results"]; ok {
			return resultTexts(inner)
		}
		if text := r.text("resultText"); text != "" {
			return []string{text}
		}
		return []string{strings.Join(strings.Fields(string(v)), " ")}
	}
	return nil
}

// schedulerSlot is how often CIPP's scheduler looks for work.
const schedulerSlot = 15 * time.Minute

// followTask waits for the end of a step's task, and of the second task that it may
// schedule, and judges their sentences: a task is Completed whether it succeeded or
// not. Result.Said has every sentence.
func (a *Admin) followTask(ctx context.Context, s *Step, out *Result, sent time.Time) error {
	first, err := a.awaitTask(ctx, s, s.task, sent)
	out.Task, out.Said = first.Task, first.Said
	if err != nil || first.Task == "" {
		return err
	}
	failed := first.failures(s)
	if slices.ContainsFunc(first.Said, s.schedulesAnother) {
		second, err := a.awaitTask(ctx, s, taskRef{name: s.secondTask, since: first.scheduled}, time.Now())
		out.Said = append(out.Said, second.Said...)
		if err != nil {
			if e, ok := errors.AsType[*TaskError](err); ok {
				e.Said = append(failed, e.Said...)
			}
			return err
		}
		if late := second.failures(s); len(late) > 0 {
			first.Name, first.Task, failed = second.Name, second.Task, append(failed, late...)
		}
	}
	if len(failed) > 0 {
		first.Said = failed
		return &first.TaskError
	}
	return nil
}

// schedulesAnother reports whether a sentence of a step's task says that a second task
// was scheduled.
func (s *Step) schedulesAnother(said string) bool {
	return s.secondTask != "" && strings.HasPrefix(strings.ToLower(said), "scheduled license removal for")
}

// A taskOutcome is how a task ended; one that was never listed has no id.
type taskOutcome struct {
	TaskError
	scheduled time.Time
}

// failures returns the sentences that report a failure, without the expected ones.
func (f *taskOutcome) failures(s *Step) []string {
	return slices.DeleteFunc(slices.Clone(f.Said), func(t string) bool { return !cipp.SaysFailure(t) || s.expected != nil && s.expected(t) })
}

// awaitTask waits until a task is completed. A task that is never listed (CIPP clears
// its queues when it is updated, and older versions do the work at once) is judged by
// the step's wanted state.
func (a *Admin) awaitTask(ctx context.Context, s *Step, ref taskRef, sent time.Time) (taskOutcome, error) {
	f := taskOutcome{TaskError: TaskError{Step: s.Title, Name: ref.name}}
	failed := func() (taskOutcome, error) { e := f.TaskError; return f, &e }
	unseen := 2 * schedulerSlot
	if s.secondTask != "" && ref.reference != "" {
		unseen += 2 * schedulerSlot // for the second task
	}
	for {
		var err error
		if f.Task == "" {
			var k row
			if k, err = a.taskOf(ctx, s, ref); err == nil && k.fields != nil {
				f.Task, f.scheduled = k.text("RowKey"), k.time("ScheduledTime")
			}
		}
		if f.Task != "" {
			f.State, f.Said, err = a.taskDetails(ctx, f.Task)
		}
		switch {
		case ctx.Err() != nil:
			return f, context.Cause(ctx)
		case err != nil:
			a.opts.Progress("CIPP's scheduler cannot be read: " + err.Error())
		case f.State == "Completed":
			return f, nil
		case taskEnded(f.State):
			f.State = "Failed"
			return failed()
		}
		waited := time.Since(sent)
		if f.Task == "" && waited > schedulerSlot {
			if now, err := s.read(ctx); err == nil && s.reached(now) {
				return f, nil
			}
			if waited > unseen {
				return failed()
			}
		}
		if waited > a.opts.TaskTimeout {
			return failed()
		}
		state := strings.ToLower(f.State)
		if state == "" {
			state = "not listed yet"
		}
		a.opts.Progress(fmt.Sprintf("CIPP's scheduler: %s is %s", ref.name, state))
		if err := rest.Sleep(ctx, 30*time.Second); err != nil {
			return f, err
		}
	}
}
