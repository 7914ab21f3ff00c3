package statetest

import (
	"bytes"
	"errors"
	"testing"

	"syncd/internal/state"
)

func (s *suite) documents(t *testing.T) {
	path := name(t)
	store := openForTest(t, s.open, path)
	read := func(name string) state.Document {
		t.Helper()
		d, err := store.Document(t.Context(), name)
		if err != nil {
			t.Fatalf("reading %s: %v", name, err)
		}
		return d
	}
	write := func(name string, version int, body string) error {
		return store.PutDocument(t.Context(), state.Document{Name: name, Version: version, Body: []byte(body)})
	}

	wantEqual(t, "a table that is not there", read("links"), state.Document{Name: "links"})
	if err := write("links", 1, "x"); !errors.Is(err, state.ErrConflict) {
		t.Errorf("writing over a version that never was: got %v, want ErrConflict", err)
	}
	if err := write("links", 0, "one"); err != nil {
		t.Fatalf("writing the first: %v", err)
	}
	for _, stale := range []int{0, 2, -1} {
		if err := write("links", stale, "x"); !errors.Is(err, state.ErrConflict) {
			t.Errorf("writing at version %d over 1: got %v, want ErrConflict", stale, err)
		}
	}
	binary := string([]byte{0, 0xff, '\n', '"'}) // bodies are bytes
	if err := write("links", 1, binary); err != nil {
		t.Fatalf("writing the second: %v", err)
	}
	if err := write("products", 0, ""); err != nil {
		t.Fatalf("writing an empty one: %v", err)
	}
	if err := write("", 0, "x"); err == nil {
		t.Error("a table without a name: got no error")
	}
	store = reopen(t, s.open, store, path)
	wantEqual(t, "links", read("links"), state.Document{Name: "links", Version: 2, Body: []byte(binary)})
	wantEqual(t, "products", read("products"), state.Document{Name: "products", Version: 1})

	// Nobody shares memory with the store.
	large := bytes.Repeat([]byte("x"), 300_000)
	if err := store.PutDocument(t.Context(), state.Document{Name: "large", Body: large}); err != nil {
		t.Fatalf("writing a large one: %v", err)
	}
	large[0] = 'y'
	read("large").Body[1] = 'z'
	if got := read("large").Body; string(got[:2]) != "xx" || len(got) != 300_000 {
		t.Errorf("got %d bytes that start with %q, want 300000 that start with \"xx\"", len(got), got[:2])
	}
}
