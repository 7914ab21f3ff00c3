package replay

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What is billed is what an independent model says, whatever happens to customers:
// purchases, renewals, lapses, suspensions, units that vanish, edits of people,
// answers that prove nothing, killed runs, freezes and invoices. SEED repeats one.
// Long histories are lived by bench -money; here each kind of event must occur.
func TestWhatIsBilledIsWhatTheModelSays(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("SEED=%d", seed)
	r, err := Run(20, 300, 7, seed)
	if err != nil {
		t.Fatal(err)
	}
	if r.Kills == 0 || r.Holds == 0 || r.Approvals == 0 || r.Invoices == 0 || 50*r.Guesses > r.Runs*len(r.customers) {
		t.Errorf("the histories show too little: %d runs, %d kills, %d holds, %d approvals, %d invoices, %d guesses", r.Runs, r.Kills, r.Holds, r.Approvals, r.Invoices, r.Guesses)
	}
	var happened strings.Builder
	for _, c := range r.customers {
		happened.WriteString(strings.Join(c.Log, "\n"))
	}
	for _, event := range []string{"bought ", " => ", " -> ", " Warning ", " Suspended ", "jane sets ", "killed", "unread true", "frozen true", "approved;"} {
		if !strings.Contains(happened.String(), event) {
			t.Errorf("in %d customer-months nothing is %q", r.Months, event)
		}
	}
}
