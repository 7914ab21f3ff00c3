package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"syncd/internal/rest"
	"syncd/internal/state"
)

// A quarantine is the pause, growing with each failure, of a target that refused
// every request of a run.
type quarantine struct {
	Failures int       `json:"failures"`
	Writes   bool      `json:"writes,omitempty"` // reads were answered, writes were refused
	Until    time.Time `json:"until"`
	Reason   string    `json:"reason"`
}

func quarantineDocument(target string) string { return "quarantine/" + target }

// longestPause bounds every quarantine. A longer one was stored by a clock that
// was ahead.
const longestPause = 6 * time.Hour

// pauseAfter is how long scheduled runs leave a target out after so many runs in a
// row that it refused.
func pauseAfter(failures int) time.Duration {
	return min(5*time.Minute<<min(failures-1, 10), longestPause)
}

// active reports whether the pause lasts at that time.
func (q *quarantine) active(now time.Time) bool {
	return now.Before(q.Until) && q.Until.Sub(now) <= longestPause
}

// failuresForgottenAfter is how long after a pause a refusal counts as the first
// one again.
const failuresForgottenAfter = 24 * time.Hour

// quarantined returns an error while the target's pause lasts.
func (r *run) quarantined(ctx context.Context, target string) error {
	doc, err := r.Store.Document(ctx, quarantineDocument(target))
	if err != nil {
		return fmt.Errorf("reading whether %s is in quarantine: %w", target, err)
	}
	var q quarantine
	if len(doc.Body) == 0 || json.Unmarshal(doc.Body, &q) != nil || !q.active(r.Now()) {
		return nil
	}
	times := "once"
	if q.Failures > 1 {
		times = fmt.Sprintf("%d times", q.Failures)
	}
	return fmt.Errorf("%s refused everything %s and is left alone until %s; repair it and run syncd apply --target %s (last refusal: %s)",
		target, times, q.Until.Format(time.RFC3339), target, q.Reason)
}

// updateQuarantine stores which targets refused everything in this run, and ends
// the quarantine of those that work again.
func (r *run) updateQuarantine(ctx context.Context, targets []*openTarget) {
	if r.mode != Apply {
		return
	}
	for _, t := range targets {
		if t.unusable != nil {
			continue
		}
		name := quarantineDocument(t.spec.Name)
		doc, err := r.Store.Document(ctx, name)
		var q quarantine
		if err == nil && len(doc.Body) > 0 {
			_ = json.Unmarshal(doc.Body, &q) // a damaged note counts as none
		}
		switch refusedAll := t.access.refusedAll(); {
		case !refusedAll && (q.Failures == 0 || !t.access.working(q.Writes)):
			continue
		case !refusedAll:
			q = quarantine{}
		default:
			if r.Now().Sub(q.Until) > failuresForgottenAfter {
				q.Failures = 0
			}
			q = quarantine{Failures: q.Failures + 1, Writes: t.access.observed > 0, Reason: r.Redact(t.access.err().Error())}
			q.Until = r.Now().UTC().Add(pauseAfter(q.Failures))
			r.log.Error().Str("target", t.spec.Name).Int("failures", q.Failures).Time("until", q.Until).Str("reason", q.Reason).Msg("target quarantined")
		}
		if err == nil {
			err = r.Store.PutDocument(ctx, state.Document{Name: name, Version: doc.Version, Body: encode(q)})
		}
		if err != nil {
			r.log.Error().Err(err).Str("target", t.spec.Name).Msg("quarantine not noted")
		}
	}
}

// Quarantined returns the targets in quarantine, until when and why: scheduled runs
// leave them out until then.
func (e *Engine) Quarantined(ctx context.Context) ([]rest.Pause, error) {
	var pauses []rest.Pause
	for _, name := range slices.Sorted(maps.Keys(e.Targets)) {
		doc, err := e.Store.Document(ctx, quarantineDocument(name))
		if err != nil {
			return nil, fmt.Errorf("reading whether %s is in quarantine: %w", name, err)
		}
		var q quarantine
		if len(doc.Body) > 0 && json.Unmarshal(doc.Body, &q) == nil && q.active(e.Now()) {
			pauses = append(pauses, rest.Pause{System: name, Until: q.Until, Why: "it refused everything: " + q.Reason})
		}
	}
	return pauses, nil
}
