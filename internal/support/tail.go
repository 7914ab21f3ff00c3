package support

import (
	"bytes"
	"sync"
)

// What a Tail keeps at most.
const (
	tailLines = 2000
	tailBytes = 1 << 20
)

// A Tail keeps the newest lines of what is written to it. The zero value is empty.
type Tail struct {
	mu    sync.Mutex
	lines [][]byte
	bytes int
}

// Write takes whole lines.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range bytes.Lines(p) {
		t.lines = append(t.lines, bytes.Clone(line))
		t.bytes += len(line)
	}
	first := 0
	for len(t.lines)-first > tailLines || t.bytes > tailBytes {
		t.bytes -= len(t.lines[first])
		first++
	}
	clear(t.lines[:first]) // or they would be kept until the list is copied
	t.lines = t.lines[first:]
	return len(p), nil
}

// Lines are those that are kept, the oldest first. A nil Tail has none.
func (t *Tail) Lines() []string {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for _, line := range t.lines {
		out = append(out, string(bytes.TrimRight(line, "\n")))
	}
	return out
}
