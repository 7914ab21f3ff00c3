package state_test

import (
	"testing"

	"syncd/internal/state"
)

func TestTheResultOfARun(t *testing.T) {
	for _, c := range []struct {
		name string
		run  state.Run
		want string
	}{
		{"all in step", state.Run{Totals: map[string]int{"in_step": 2, "held": 1}}, state.RunSuccess},
		{"nobody is linked", state.Run{Totals: map[string]int{"unmapped": 2}}, state.RunSuccess},
		{"not proven for some", state.Run{Totals: map[string]int{"in_step": 1, "incomplete": 1}}, state.RunSuccess},
		{"proven for nobody", state.Run{Totals: map[string]int{"unmapped": 1, "incomplete": 2}}, state.RunFailed},
		{"some failed", state.Run{Totals: map[string]int{"in_step": 1, "failed": 1}}, state.RunPartial},
		{"some partly done", state.Run{Totals: map[string]int{"in_step": 1, "partial": 1}}, state.RunPartial},
		{"all failed", state.Run{Totals: map[string]int{"failed": 2}}, state.RunFailed},
		{"ended early", state.Run{Totals: map[string]int{"in_step": 1}, Error: "the secret expired"}, state.RunFailed},
		{"stopped", state.Run{Error: "context canceled", Stopped: true}, state.RunStopped},
	} {
		if got := c.run.Result(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
