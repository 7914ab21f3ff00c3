package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/cipp"
	"syncd/internal/directory"
	"syncd/internal/secret"
)

// A Field is one value of a State.
type Field struct{ Name, Value string }

// A State is the part of an object that a write changes, as it is read: the same names in
// the same order each time. A set is its members in order, joined by commas.
type State []Field

// Get returns the value of a name, or "".
func (s State) Get(name string) string {
	for _, f := range s {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// holds reports whether s has every value of want.
func (s State) holds(want State) bool {
	return !slices.ContainsFunc(want, func(f Field) bool { return s.Get(f.Name) != f.Value })
}

// equal reports whether two reads returned the same.
func (s State) equal(o State) bool { return len(s) == len(o) && s.holds(o) }

func (s State) String() string {
	var parts []string
	for _, f := range s {
		v := f.Value
		if v == "" {
			v = "–"
		}
		parts = append(parts, f.Name+" "+v)
	}
	return strings.Join(parts, "; ")
}

func set(all []string) string {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return strings.Join(slices.Compact(all), ", ")
}

// A Step is one write that was not sent yet. Only the operations of this package make
// one, after they have read the present state; changing its exported fields changes what
// is shown and not what is sent.
type Step struct {
	ID       string // stable: the same write of the same thing has the same one
	Title    string // what will be done, in words
	Tenant   directory.Tenant
	Endpoint string // CIPP's endpoint
	Body     any    // as it is sent, with the tenant and as a list where the endpoint takes one; passwords left out
	Danger   string // what cannot be taken back, or is easily overlooked; may be empty
	Before   State  // what was read when the step was made
	Wanted   State  // what will be read when it is done; names of Before

	// Done: the wanted state is there already, and Run would send nothing.
	Done bool

	call       Call
	read       func(context.Context) (State, error)
	done       func(now State) bool // nil: now holds Wanted
	lag        time.Duration        // how long the change may take to be visible
	task       taskRef              // the queued task that does the work; without a reference the call itself does it
	secondTask string               // the name of a second task that the first may schedule for a part of the work
	resumable  bool                 // an earlier attempt may have queued the task
	startAt    time.Time            // when the task is to run; zero = now
	// expected reports whether a failure was announced before the step; nil: none was.
	expected        func(sentence string) bool
	returnsPassword bool          // the answer has the only copy of a new password
	unverifiable    bool          // reading back cannot show whether it was done
	password        secret.String // the password to send, kept apart from the body; may be empty
	before          State         // Before, which the caller cannot change
	wanted          State
}

// seal completes a step and keeps copies that the caller cannot change.
func (s Step) seal() Step {
	s.before, s.wanted = slices.Clone(s.Before), slices.Clone(s.Wanted)
	s.Endpoint = s.call.Endpoint
	s.Body = cipp.Redact(s.call.Body) // a copy to its depth
	if p, err := s.call.Preview(); err == nil {
		s.Body = p.Body
	}
	if body, ok := s.Body.(map[string]any); ok && !s.password.Empty() {
		body["password"] = secret.Redacted
	}
	s.Done = s.done == nil && s.task.reference == "" && s.before.holds(s.wanted)
	return s
}

func (s *Step) reached(now State) bool {
	if s.done != nil {
		return s.done(now)
	}
	return now.holds(s.wanted)
}

// A Result is the result of a step.
type Result struct {
	Before, After State
	Said          []string // CIPP's sentences, passwords left out
	// Verified: the wanted state was read back. It is false where nothing can be
	// read back, and for a task that starts later.
	Verified bool
	Already  bool   // the wanted state was there before; nothing was sent
	Task     string // id of CIPP's task that did it, or will
	// Password is the new password; it is stored nowhere else.
	Password secret.String
}

// A RefusedError says that CIPP accepted the call and did not do it, or not all of it:
// the status was 200, and sentences in the answer report a failure.
type RefusedError struct {
	Step  string
	Said  []string // what failed
	After State    // what is there now
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s: CIPP says: %s; now: %s", e.Step, strings.Join(e.Said, " · "), e.After)
}

// A MovedError says that the state changed since the step was made, so that it would
// not do what was shown. Nothing was sent.
type MovedError struct {
	Step         string
	Planned, Now State
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("%s: nothing was done, for something changed meanwhile: was %s; is %s; look at it again", e.Step, e.Planned, e.Now)
}

// An UnverifiedError says that CIPP reported success and reading back does not show it.
type UnverifiedError struct {
	Step        string
	Wanted, Now State
	After       time.Duration // of waiting
}

func (e *UnverifiedError) Error() string {
	return fmt.Sprintf("%s: CIPP reported success, but after %s it does not show: wanted %s; is %s; look into CIPP's logbook", e.Step, e.After, e.Wanted, e.Now)
}

// A PasswordLostError says that a step set a new password, or may have, and that CIPP's
// answer with it was lost. CIPP does not answer with it again.
type PasswordLostError struct {
	Step string
	Seen bool // reading back shows that it was done
	err  error
}

func (e *PasswordLostError) Error() string {
	if e.Seen {
		return e.Step + ": it is done, but CIPP's answer with the password was lost, so nobody knows it; set another: syncd cipp users reset-password"
	}
	return e.Step + ": whether it was done is not known: CIPP's answer was lost, and reading back does not show it; if it was, nobody knows the new password: look, and set another: syncd cipp users reset-password"
}

// Unwrap returns what became of the call; it is rest.ErrOutcomeUnknown.
func (e *PasswordLostError) Unwrap() error { return e.err }

// A TaskError says that a queued task failed, or did not end in time.
type TaskError struct {
	Step  string
	Name  string   // the task's name in CIPP
	Task  string   // its id in CIPP; empty where it was never listed
	State string   // CIPP's word, or empty
	Said  []string // what failed
	After State
}

func (e *TaskError) Error() string {
	switch {
	case e.Task == "":
		return fmt.Sprintf("%s: CIPP accepted it, but its task %q is not to be seen; look at CIPP's scheduler before trying again; now: %s",
			e.Step, e.Name, e.After)
	case e.State != "Completed" && e.State != "Failed":
		return fmt.Sprintf("%s: the task %q (%s) in CIPP's scheduler is still %s; follow it there; now: %s", e.Step, e.Name, e.Task,
			strings.ToLower(e.State), e.After)
	}
	return fmt.Sprintf("%s: the task %q (%s) ended as %s: %s; now: %s", e.Step, e.Name, e.Task, strings.ToLower(e.State),
		strings.Join(e.Said, " · "), e.After)
}
