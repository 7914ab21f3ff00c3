package statetest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// RunBackup checks that a backup, taken during writes, can be opened and holds what
// was stored when it began. The suite writes the backup to a file and opens that.
func RunBackup(t *testing.T, open Open) {
	store := openForTest(t, open, name(t))
	for i := range 50 {
		commit(t, store, step(contoso, i), step(fabrikam, i))
	}
	commit(t, store, &state.Commit{Scope: contoso, Hold: hold(contoso, "d1", 6), Spans: []state.Span{span(contoso, "a", "12", 1), span(contoso, "a", "14", 2)}})
	want := recall(t, store, contoso)

	// The first byte of the backup is asked for when the copy has begun; what is
	// written from then on is not in it.
	var backup bytes.Buffer
	begun := false
	err := store.Backup(t.Context(), writerFunc(func(p []byte) (int, error) {
		if !begun {
			begun = true
			commit(t, store, step(contoso, 99), &state.Commit{Scope: fabrikam, Drop: []plan.Key{key("user", "a")}})
		}
		return backup.Write(p)
	}))
	if err != nil {
		t.Fatalf("backing up: %v", err)
	}
	path := name(t)
	if err := os.WriteFile(path, backup.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	copied := openForTest(t, open, path)
	n, err := copied.Verify(t.Context())
	if wantN := (state.Counts{Scopes: 2, Records: 2, Holds: 1, Entries: 100, Spans: 2}); err != nil || n != wantN {
		t.Errorf("got %+v, %v from the backup, want %+v", n, err, wantN)
	}
	wantEqual(t, "memory in the backup", recall(t, copied, contoso), want)
	commit(t, copied, step(contoso, 100)) // it is a store like any other
	if got := recall(t, store, contoso).Cursor.Objects; got != 99 {
		t.Errorf("got step %d in the store that was backed up, want 99", got)
	}

	full := errors.New("no room")
	if err := store.Backup(t.Context(), writerFunc(func([]byte) (int, error) { return 0, full })); err == nil {
		t.Error("backing up to a writer that refuses: got no error")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Damage says how to break what lies at a path that no store has open.
type Damage struct {
	FlipEntry  func(t *testing.T, path string, seq uint64) // one byte of a journal line
	FakeEntry  func(t *testing.T, path string, seq uint64) // the line's money, by somebody who knows the format but not the chain
	DropEntry  func(t *testing.T, path string, seq uint64)
	FlipRecord func(t *testing.T, path string, scope plan.Scope, k plan.Key) // one byte inside its value
	FlipSpan   func(t *testing.T, path string, s *state.Span)                // one byte inside its value
}

// RunDamage checks that Verify finds damage and names the place.
func RunDamage(t *testing.T, open Open, damage Damage) {
	const lines = 5
	for _, tt := range []struct {
		what   string
		breaks func(t *testing.T, path string)
		place  []string // each is in the error
	}{
		{"a flipped byte in a journal line", func(t *testing.T, path string) { damage.FlipEntry(t, path, 3) }, []string{"3"}},
		{"a flipped byte in the last line", func(t *testing.T, path string) { damage.FlipEntry(t, path, lines) }, []string{strconv.Itoa(lines)}},
		{"a line that was rewritten", func(t *testing.T, path string) { damage.FakeEntry(t, path, 2) }, []string{"2"}},
		{"a removed line", func(t *testing.T, path string) { damage.DropEntry(t, path, 3) }, []string{"3"}},
		{"a removed first line", func(t *testing.T, path string) { damage.DropEntry(t, path, 1) }, []string{"1"}},
		{"a removed last line", func(t *testing.T, path string) { damage.DropEntry(t, path, lines) }, []string{strconv.Itoa(lines)}},
		{"a flipped byte in a record", func(t *testing.T, path string) { damage.FlipRecord(t, path, contoso, key("user", "a")) }, []string{"contoso", "user a"}},
		{"a flipped byte in a span", func(t *testing.T, path string) { s := span(contoso, "a", "1", 1); damage.FlipSpan(t, path, &s) }, []string{"contoso", "addition a"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			path := name(t)
			store := openForTest(t, open, path)
			for i := range lines {
				commit(t, store, step(contoso, i))
			}
			commit(t, store, &state.Commit{Scope: contoso, Spans: []state.Span{span(contoso, "a", "1", 1)}})
			if _, err := store.Verify(t.Context()); err != nil {
				t.Fatalf("before: %v", err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			tt.breaks(t, path)
			_, err := openForTest(t, open, path).Verify(t.Context())
			if !errors.Is(err, state.ErrCorrupt) {
				t.Fatalf("got %v, want ErrCorrupt", err)
			}
			for _, place := range tt.place {
				if !strings.Contains(err.Error(), place) {
					t.Errorf("got %q, want it to name %q", err, place)
				}
			}
		})
	}
}

const childPath = "STATETEST_KILLED_PATH"

// RunKilled starts a child process that commits without pause and kills it, again and
// again: what was acknowledged must be stored, and what was under way must be stored
// whole or not at all. It runs the test binary again,
// so it must be all that its test does.
func RunKilled(t *testing.T, open Open) {
	if path := os.Getenv(childPath); path != "" {
		writeUntilKilled(t, open, path)
		return
	}
	const kills = 12
	path := name(t)
	last := -1
	for round := range kills {
		// An odd number of lines stops the child between a line that says a
		// commit begins and the one that says it is done.
		acknowledged := killAfter(t, path, 7+round*6)
		if acknowledged <= last {
			t.Fatalf("round %d: got nothing acknowledged after %d", round, last)
		}
		store := openForTest(t, open, path)
		n, err := store.Verify(t.Context())
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		m := recall(t, store, contoso)
		if m.Cursor == nil {
			t.Fatalf("round %d: got no cursor, want that of step %d", round, acknowledged)
		}
		if err := checkStep(m); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		last = m.Cursor.Objects
		if last < acknowledged || last > acknowledged+1 {
			t.Errorf("round %d: got step %d, want %d, which was acknowledged, or the one after it", round, last, acknowledged)
		}
		if n.Entries != last+1 {
			t.Errorf("round %d: got %d journal lines, want one a step: %d", round, n.Entries, last+1)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killAfter starts the child process, kills it once it printed that many lines, and
// returns the last step that it printed as done.
func killAfter(t *testing.T, path string, lines int) (acknowledged int) {
	t.Helper()
	var pattern []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+part+"$")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+strings.Join(pattern, "/"))
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged = -1
	said := 0
	var rest []string
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		var n int
		switch line := scanner.Text(); {
		case scanLine(line, "begin %d", &n):
			said++
		case scanLine(line, "done %d", &n):
			said++
			acknowledged = n
		default:
			rest = append(rest, line)
		}
		if said == lines {
			_ = cmd.Process.Kill() // what it said meanwhile is still read
		}
	}
	err = cmd.Wait()
	if said < lines {
		t.Fatalf("the child ended by itself: %v\n%s", err, strings.Join(rest, "\n"))
	}
	return acknowledged
}

func scanLine(line, format string, n *int) bool {
	_, err := fmt.Sscanf(line, format, n)
	return err == nil
}

func writeUntilKilled(t *testing.T, open Open, path string) {
	store := open(t, path)
	n := 0
	if c := recall(t, store, contoso).Cursor; c != nil {
		n = c.Objects + 1
	}
	bulk := strings.Repeat("x", 2000)
	for ; t.Context().Err() == nil; n++ {
		c := step(contoso, n)
		c.Entries[0].Message = bulk // enough for pages to be moved and files to grow
		printLine("begin", n)
		commit(t, store, c)
		printLine("done", n)
	}
}

// printLine writes one line to the parent in one write, before anything else happens.
func printLine(what string, n int) {
	_, _ = io.WriteString(os.Stdout, fmt.Sprintf("%s %d\n", what, n))
}
