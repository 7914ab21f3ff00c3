package replay

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// What is billed is what an independent model says, whatever happens to customers:
// purchases, renewals, lapses, suspensions, units that vanish, edits of people,
// answers that prove nothing, killed runs, freezes and invoices. SEED repeats one.
func TestWhatIsBilledIsWhatTheModelSays(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	for half := range uint64(2) {
		t.Run(strconv.FormatUint(seed+half, 10), func(t *testing.T) {
			t.Parallel()
			r, err := Run(2500, 14, seed+half)
			if err != nil {
				t.Fatal(err)
			}
			if r.Kills == 0 || r.Approvals == 0 || r.Invoices == 0 || 50*r.Guesses > r.Runs*len(r.customers) {
				t.Errorf("the histories show too little: %d runs, %d kills, %d approvals, %d invoices, %d guesses", r.Runs, r.Kills, r.Approvals, r.Invoices, r.Guesses)
			}
		})
	}
}
