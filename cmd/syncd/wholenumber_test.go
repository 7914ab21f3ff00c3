package main

import "testing"

func TestAFlagsNumberIsReadAsPeopleWriteIt(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "12": 12, "010": 10, "08": 8, "-5": -5, "0x10": -1, "0b11": -1, "0o17": -1, "1_000": -1, "+5": -1, " 5": -1, "1.5": -1, "": -1, "٣": -1, "99999999999999999999": -1} {
		n := -1
		err := wholeNumber{&n}.Set(text)
		if (err != nil) != (want == -1) || n != want {
			t.Errorf("%q: got %d, %v, want %d", text, n, err, want)
		}
	}
}
