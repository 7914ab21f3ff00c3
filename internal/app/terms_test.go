package app

import "testing"

// A subscription has an id at Microsoft and one that distributors use: a claim about
// the one is a claim about the other.
func TestASubscriptionIsOneUnderBothItsIDs(t *testing.T) {
	o := observed{other: map[string]string{"commerce-1": "sub-1"}}
	for text, want := range map[string]string{"Commerce-1": "sub-1", "SUB-1": "sub-1", "sub-2": "sub-2"} {
		if got := o.id(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
