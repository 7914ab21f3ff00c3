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

// packedRows keeps the rows of one list, by organization, until their customer's
// turn comes. One listing serves all customers, and only those of a batch are
// unpacked at a time; the others wait packed, at a tenth of their size.
type packedRows struct {
	byOrganization map[id]*organizationRows
}

// deflaters are kept for the next list: each takes a megabyte.
var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // fails for unknown levels only
	return w
}}

type organizationRows struct {
	unpacked []byte   // rows, one a line
	packed   [][]byte // earlier ones, deflated
}

// blockSize is how much is packed at once: the more, the smaller. What is left at
// the end and shorter than minPackedSize is not worth the work.
const (
	blockSize     = 32 << 10
	minPackedSize = 4 << 10
)

func newPackedRows() *packedRows { return &packedRows{byOrganization: map[id]*organizationRows{}} }

func (p *packedRows) add(organization id, row any) error {
	raw, err := json.Marshal(row, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return fmt.Errorf("itglue: keeping a row: %w", err)
	}
	rows := p.byOrganization[organization]
	if rows == nil {
		rows = &organizationRows{}
		p.byOrganization[organization] = rows
	}
	rows.unpacked = append(append(rows.unpacked, raw...), '\n')
	if len(rows.unpacked) >= blockSize {
		p.pack(rows)
	}
	return nil
}

func (p *packedRows) pack(rows *organizationRows) {
	var b bytes.Buffer
	packer := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(packer)
	packer.Reset(&b)
	packer.Write(rows.unpacked) // to memory: cannot fail
	packer.Close()
	rows.packed = append(rows.packed, bytes.Clone(b.Bytes()))
	rows.unpacked = rows.unpacked[:0]
}

// seal packs what is left, once the list is whole, and gives back what it does
// not need.
func (p *packedRows) seal() {
	for _, rows := range p.byOrganization {
		if len(rows.unpacked) < minPackedSize {
			rows.unpacked = bytes.Clone(rows.unpacked)
			continue
		}
		p.pack(rows)
		rows.unpacked = nil
	}
}

// rowsOf returns the rows of an organization. They stay packed: another
// customer may live in the same organization.
func rowsOf[T any](p *packedRows, organization id) ([]*T, error) {
	rows := p.byOrganization[organization]
	if rows == nil {
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
	for _, block := range rows.packed {
		raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(block)))
		if err != nil {
			return nil, fmt.Errorf("itglue: reading kept rows: %w", err)
		}
		if err := take(raw); err != nil {
			return nil, err
		}
	}
	return out, take(rows.unpacked)
}
