package signin

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestAHashAndItsLookalikeCostTheSameWork(t *testing.T) {
	if Cost < 12 {
		t.Errorf("a hash costs %d, want 12 at least", Cost)
	}
	defer func(was int) { Cost = was }(Cost)
	for _, Cost = range []int{bcrypt.MinCost, bcrypt.MinCost + 1} {
		hash, err := Hash("correct horse battery")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := bcrypt.Cost([]byte(hash)); err != nil || got != Cost {
			t.Errorf("a hash costs %d, %v; want %d", got, err, Cost)
		}
		for _, users := range []Users{nil, {{Name: "ada", Hash: hash}}} {
			if got, err := bcrypt.Cost([]byte(users.nobody())); err != nil || got != Cost {
				t.Errorf("with %d users nobody costs %d, %v; want %d", len(users), got, err, Cost)
			}
		}
		if bcrypt.CompareHashAndPassword([]byte(hash), []byte("correct horse battery")) != nil {
			t.Error("a hash does not fit its password")
		}
	}
	for _, password := range []string{"", strings.Repeat("a", 73)} {
		if _, err := Hash(password); err == nil {
			t.Errorf("a password of %d bytes is taken", len(password))
		}
	}
}
