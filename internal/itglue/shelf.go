package itglue

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A shelf keeps the rows of one list, by organization, until their customer's
// turn comes. One listing serves all customers, and only those of a batch are
// unfolded at a time; the others wait packed, at a tenth of their size.
type shelf struct {
	of map[id]*stack
}

// packers are kept for the next list: each takes a megabyte.
var packers = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // fails for unknown levels only
	return w
}}

type stack struct {
	open   []byte   // rows, one a line
	packed [][]byte // earlier ones, deflated
}

// stackSize is how much is packed at once: the more, the smaller. What is left at
// the end and shorter than leastPacked is not worth the work.
const (
	stackSize   = 32 << 10
	leastPacked = 4 << 10
)

func newShelf() *shelf { return &shelf{of: map[id]*stack{}} }

func (s *shelf) add(organization id, row any) error {
	raw, err := json.Marshal(row, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return fmt.Errorf("itglue: keeping a row: %w", err)
	}
	at := s.of[organization]
	if at == nil {
		at = &stack{}
		s.of[organization] = at
	}
	at.open = append(append(at.open, raw...), '\n')
	if len(at.open) >= stackSize {
		s.pack(at)
	}
	return nil
}

func (s *shelf) pack(at *stack) {
	var b bytes.Buffer
	packer := packers.Get().(*flate.Writer)
	defer packers.Put(packer)
	packer.Reset(&b)
	packer.Write(at.open) // to memory: cannot fail
	packer.Close()
	at.packed = append(at.packed, bytes.Clone(b.Bytes()))
	at.open = at.open[:0]
}

// seal packs what is left, once the list is whole, and gives back what it does
// not need.
func (s *shelf) seal() {
	for _, at := range s.of {
		if len(at.open) < leastPacked {
			at.open = bytes.Clone(at.open)
			continue
		}
		s.pack(at)
		at.open = nil
	}
}

// size is how many bytes the shelf holds.
func (s *shelf) size() int {
	n := 0
	for _, at := range s.of {
		n += cap(at.open)
		for _, p := range at.packed {
			n += len(p)
		}
	}
	return n
}

// unfold returns the rows of an organization. The shelf keeps them: another
// customer may live in the same organization.
func unfold[T any](s *shelf, organization id) ([]*T, error) {
	at := s.of[organization]
	if at == nil {
		return nil, nil
	}
	var out []*T
	take := func(raw []byte) error {
		for line := range bytes.Lines(raw) {
			row := new(T)
			if err := json.Unmarshal(bytes.TrimSuffix(line, []byte("\n")), row, readOptions); err != nil {
				return fmt.Errorf("itglue: reading a kept row: %w", err)
			}
			out = append(out, row)
		}
		return nil
	}
	for _, p := range at.packed {
		raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(p)))
		if err != nil {
			return nil, fmt.Errorf("itglue: reading kept rows: %w", err)
		}
		if err := take(raw); err != nil {
			return nil, err
		}
	}
	return out, take(at.open)
}
