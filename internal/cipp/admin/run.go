package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"syncd/internal/cipp"
	"syncd/internal/rest"
)

// Run runs a step: it compares the state with the one when the step was made, sends the
// call once, judges the answer by its sentences, follows a queued task to its end, and
// reads back. The Result has the state afterwards even where there is an error, and a
// new password even if a later part of the step failed.
//
// Errors are *MovedError, *RefusedError, *UnverifiedError, *TaskError and
// *PasswordLostError, or those of the call. A write whose answer was lost is not
// sent again; it counts as done if reading back shows it, and otherwise the
// error is rest.ErrOutcomeUnknown.
func (a *Admin) Run(ctx context.Context, s Step) (Result, error) {
	if s.read == nil {
		return Result{}, errors.New("this step was not made by an operation")
	}
	now, err := s.read(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("%s: looking before: %w", s.Title, err)
	}
	out := Result{Before: now, After: now}
	if s.done == nil && now.holds(s.wanted) {
		out.Already, out.Verified = true, true
		return out, nil
	}
	if s.resumable {
		k, err := a.taskOf(ctx, &s, s.task)
		if err != nil {
			return out, fmt.Errorf("%s: looking for the task of an earlier attempt: %w", s.Title, err)
		}
		if k.fields != nil {
			return a.finishTask(ctx, &s, out, time.Now())
		}
	}
	if !now.equal(s.before) {
		return out, &MovedError{s.Title, s.before, now}
	}
	sent := time.Now()
	callErr := a.send(ctx, &s, &out)
	var failed []string
	if e, ok := errors.AsType[*cipp.FailedError](callErr); ok {
		failed, callErr = e.Failed, nil
	}
	if callErr != nil && !errors.Is(callErr, rest.ErrOutcomeUnknown) {
		// A refused call may have changed something: CIPP disables a synced user and
		// then reports a failure.
		out.After = a.readOr(ctx, &s, now)
		return out, fmt.Errorf("%s: %w", s.Title, callErr)
	}
	switch {
	case len(failed) > 0:
		out.After = a.readOr(ctx, &s, now)
		return out, &RefusedError{s.Title, failed, out.After}
	case s.task.reference != "":
		// The task shows whether a call with a lost answer queued it.
		out, err := a.finishTask(ctx, &s, out, sent)
		if callErr != nil && out.Task == "" && !out.Verified {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.Title, callErr))
		}
		return out, err
	case callErr == nil:
		out, err := a.verify(ctx, &s, out, sent)
		if err == nil && s.returnsPassword && out.Password.Empty() {
			err = &PasswordLostError{s.Title, true, rest.ErrOutcomeUnknown}
		}
		return out, err
	}
	return a.verifyLostAnswer(ctx, &s, out, callErr)
}

// send sends the call of a step once, and takes CIPP's sentences and the password from
// the answer.
func (a *Admin) send(ctx context.Context, s *Step, out *Result) error {
	call := s.call
	if !s.password.Empty() {
		call.Body = maps.Clone(call.Body)
		call.Body["password"] = s.password.Reveal()
	}
	reply, err := a.caller.Call(ctx, call)
	if reply == nil {
		return err
	}
	out.Said = reply.Said
	for _, password := range reply.Secrets {
		out.Password = password.Value
	}
	if !out.Password.Empty() {
		a.opts.OnPassword(*s, out.Password)
	}
	return err
}

// verifyLostAnswer reads back a write whose answer was lost: it counts as done if
// reading back shows it.
func (a *Admin) verifyLostAnswer(ctx context.Context, s *Step, out Result, lost error) (Result, error) {
	after, verified, _ := a.readBack(ctx, s)
	if after != nil {
		out.After = after
	}
	out.Verified = verified
	switch {
	case s.returnsPassword && s.password.Empty():
		return out, &PasswordLostError{s.Title, verified, lost}
	case !verified:
		return out, fmt.Errorf("%s: %w; reading back does not show it: %s", s.Title, lost, out.After)
	}
	out.Password = s.password
	return out, nil // the answer was lost, the write was not
}

// verify reads back what CIPP reported as done.
func (a *Admin) verify(ctx context.Context, s *Step, out Result, sent time.Time) (Result, error) {
	if s.unverifiable {
		out.After = a.readOr(ctx, s, out.Before)
		out.Verified = s.reached(out.After)
		return out, nil // CIPP's answer is the only evidence
	}
	after, seen, err := a.readBack(ctx, s)
	if after != nil {
		out.After = after
	}
	switch {
	case err != nil:
		return out, fmt.Errorf("%s: it was sent, but reading back: %w", s.Title, err)
	case !seen:
		return out, &UnverifiedError{s.Title, s.wanted, out.After, time.Since(sent).Round(time.Second)}
	}
	out.Verified = true
	return out, nil
}

// readOr reads the state once more, or returns the known one where that fails.
func (a *Admin) readOr(ctx context.Context, s *Step, known State) State {
	if now, err := s.read(ctx); err == nil {
		return now
	}
	return known
}

// readBack reads until the wanted state is reached or the time is up: CIPP and
// Microsoft both show the old state for a while.
func (a *Admin) readBack(ctx context.Context, s *Step) (now State, seen bool, err error) {
	limit := time.Now().Add(a.opts.ReadBackTimeout + s.lag)
	for pause := time.Second; ; pause = min(2*pause, 20*time.Second) {
		state, failure := s.read(ctx)
		if failure == nil {
			now, err = state, nil
			if s.reached(now) {
				return now, true, nil
			}
		} else {
			err = failure
		}
		if time.Now().Add(pause).After(limit) {
			return now, false, err
		}
		a.opts.Progress("waiting for it to show: " + s.Title)
		if err := rest.Sleep(ctx, pause); err != nil {
			return now, false, err
		}
	}
}
