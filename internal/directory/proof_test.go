package directory

import (
	"errors"
	"testing"
	"time"
)

func TestOnlyAProvenListGivesItsItems(t *testing.T) {
	why := errors.New("200 with no rows")
	for _, c := range []struct {
		name string
		list List[int]
		want []int
		err  error
	}{
		{"proven", Proven([]int{1, 2}, Proof{}), []int{1, 2}, nil},
		{"proven empty", Proven([]int{}, Proof{}), []int{}, nil},
		{"unknown keeps its reason", Unknown[int](Proof{}, why), nil, why},
		{"never read", List[int]{}, nil, ErrIncomplete},
	} {
		got, err := c.list.Items()
		if !errors.Is(err, c.err) || len(got) != len(c.want) {
			t.Errorf("%s: got %v, %v; want %v, %v", c.name, got, err, c.want, c.err)
		}
		if c.err != nil && !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: %v is not ErrIncomplete", c.name, err)
		}
	}
}

func TestATenantIDIsALowerCaseGUID(t *testing.T) {
	for in, want := range map[string]TenantID{
		" 7D1F0B7E-2C55-4A39-9D0E-0B8F4B5F1A11 ": "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11",
		"AllTenants":                             "", "": "", "7d1f0b7e": "",
	} {
		got, err := ParseTenantID(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestEachCollectionSaysWhenItWasRead(t *testing.T) {
	early, late := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	s := &Snapshot{
		Licences:  Proven([]Licence{}, Proof{AsOf: late}),
		Mailboxes: Proven([]Mailbox{}, Proof{AsOf: early}),
		Groups:    Unknown[Group](Proof{AsOf: early}, errors.New("not proven")),
	}
	got := s.AsOf(Licences | Mailboxes | Groups)
	if len(got) != 2 || !got["licences"].Equal(late) || !got["mailboxes"].Equal(early) {
		t.Errorf("got %v; want each its own, and nothing of what is not proven", got)
	}
}
