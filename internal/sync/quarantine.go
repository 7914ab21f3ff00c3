package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"syncd/internal/state"
)

// A quarantine is the growing pause after a target refused everything.
type quarantine struct {
	Failures int       `json:"failures"`
	Writes   bool      `json:"writes,omitempty"` // questions were answered, writes were refused
	Until    time.Time `json:"until"`
	Reason   string    `json:"reason"`
}

func quarantineDocument(target string) string { return "quarantine/" + target }

// longestPause bounds every quarantine. One that would last longer was noted by
// a clock that was ahead.
const longestPause = 6 * time.Hour

// pause is how long a target is left alone after so many runs without success.
func pause(failures int) time.Duration {
	return min(5*time.Minute<<min(failures-1, 10), longestPause)
}

// lasts reports whether the pause goes on.
func (q *quarantine) lasts(now time.Time) bool {
	return now.Before(q.Until) && q.Until.Sub(now) <= longestPause
}

// forgiven is how long after a pause a target that refused is a new story.
const forgiven = 24 * time.Hour

// quarantined returns an error while the target's pause lasts.
func (r *run) quarantined(ctx context.Context, target string) error {
	doc, err := r.Store.Document(ctx, quarantineDocument(target))
	if err != nil {
		return fmt.Errorf("reading whether %s is in quarantine: %w", target, err)
	}
	var q quarantine
	if len(doc.Body) == 0 || json.Unmarshal(doc.Body, &q) != nil || !q.lasts(r.Now()) {
		return nil
	}
	times := "once"
	if q.Failures > 1 {
		times = fmt.Sprintf("%d times", q.Failures)
	}
	return fmt.Errorf("%s refused everything %s and is left alone until %s; repair it and run syncd apply --target %s (last refusal: %s)",
		target, times, q.Until.Format(time.RFC3339), target, q.Reason)
}

// settleQuarantine notes which targets refused everything and which work again.
func (r *run) settleQuarantine(ctx context.Context, targets []*opened) {
	if r.mode != Apply {
		return
	}
	for _, t := range targets {
		if t.down != nil {
			continue
		}
		name := quarantineDocument(t.spec.Name)
		doc, err := r.Store.Document(ctx, name)
		var q quarantine
		if err == nil && len(doc.Body) > 0 {
			_ = json.Unmarshal(doc.Body, &q) // a damaged note counts as none
		}
		switch refused := t.access.refused(); {
		case !refused && (q.Failures == 0 || !t.access.works(q.Writes)):
			continue
		case !refused:
			q = quarantine{}
		default:
			if r.Now().Sub(q.Until) > forgiven {
				q.Failures = 0
			}
			q = quarantine{Failures: q.Failures + 1, Writes: t.access.answered > 0, Reason: r.Redact(t.access.why().Error())}
			q.Until = r.Now().UTC().Add(pause(q.Failures))
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
