package replay

import (
	"os"
	"strconv"
	"testing"
)

// What is billed is what an independent model says, whatever happens to customers:
// purchases, renewals, lapses, suspensions, units that vanish, people who come and go,
// edits and overrides, answers that prove nothing, killed runs, freezes and invoices. The
// histories are those of one seed, in which each kind of event occurs; SEED chooses others,
// and bench -money lives long ones of a new seed each time.
func TestWhatIsBilledIsWhatTheModelSays(t *testing.T) {
	seed := uint64(3)
	if text := os.Getenv("SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("SEED=%d", seed)
	r, err := Run(300, 7, seed)
	if err != nil {
		t.Fatal(err)
	}
	if r.Kills == 0 || r.Holds == 0 || r.Approvals == 0 || r.Overrides == 0 || r.Invoices == 0 || r.Deleted == 0 || r.Closed == 0 || r.Refused == 0 || r.Packs == 0 || 50*r.Guesses > r.Runs*customersOfEstate {
		t.Errorf("the histories show too little: %+v", *r)
	}
	for _, event := range Events {
		if r.Happened[event] == 0 {
			t.Errorf("in %d customer-months nothing is %q", r.Months, event)
		}
	}
}
