package plan

import (
	"encoding/json"
	"fmt"
)

// Remember is the private memory of a target, as an object carries it: whatever
// the target wants to know again of it, in a type of its own. Nothing to remember
// is nil.
func Remember(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data of the target's own; cannot fail
	}
	switch string(text) {
	case "null", "{}":
		return nil
	}
	return text
}

// Recall reads what the same target remembered of an object. What was never
// remembered leaves v as it is; what cannot be read is an error: to forget it would
// be to decide on half of what is known.
func (o *Object) Recall(v any) error {
	if len(o.Private) == 0 {
		return nil
	}
	if err := json.Unmarshal(o.Private, v); err != nil {
		return fmt.Errorf("what is remembered of %s cannot be read: %w", o.Key, err)
	}
	return nil
}
