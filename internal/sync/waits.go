package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"syncd/internal/rest"
)

// Quarantined returns the targets in quarantine, with the reason: scheduled runs
// leave them alone until then.
func (e *Engine) Quarantined(ctx context.Context) ([]rest.Pause, error) {
	var waits []rest.Pause
	for _, name := range slices.Sorted(maps.Keys(e.Targets)) {
		doc, err := e.Store.Document(ctx, quarantineDocument(name))
		if err != nil {
			return nil, fmt.Errorf("reading whether %s is in quarantine: %w", name, err)
		}
		var q quarantine
		if len(doc.Body) > 0 && json.Unmarshal(doc.Body, &q) == nil && q.lasts(e.Now()) {
			waits = append(waits, rest.Pause{System: name, Until: q.Until, Why: "it refused everything: " + q.Reason})
		}
	}
	return waits, nil
}
