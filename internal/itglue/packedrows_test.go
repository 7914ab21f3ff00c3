package itglue

import (
	"fmt"
	"strings"
	"testing"
)

// Rows come back as they went in, a few as well as more than one packing takes.
func TestPackedRowsComeBack(t *testing.T) {
	for _, n := range []int{0, 1, 3, 200, 1000} {
		p := newPackedRows()
		for i := range n {
			if err := p.add(id(2+i%2), &nativeDomain{ID: id(i + 1), Name: strings.Repeat("x", 90) + fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, sealed := range []bool{false, true} {
			if sealed {
				p.seal()
			}
			got, err := rowsOf[nativeDomain](p, 2)
			if err != nil || len(got) != (n+1)/2 {
				t.Fatalf("%d rows, sealed %t: got %d of organization 2 and %v", n, sealed, len(got), err)
			}
			for i, d := range got {
				if d.ID != id(2*i+1) || !strings.HasSuffix(d.Name, "x"+fmt.Sprint(2*i)) {
					t.Fatalf("%d rows, sealed %t: row %d is %+v", n, sealed, i, d)
				}
			}
		}
		if n == 1000 && p.size() > 1000*100/4 {
			t.Errorf("%d rows wait in %d bytes", n, p.size())
		}
	}
}

// size is how many bytes the rows take.
func (p *packedRows) size() int {
	n := 0
	for _, rows := range p.byOrganization {
		n += cap(rows.unpacked)
		for _, block := range rows.packed {
			n += len(block)
		}
	}
	return n
}
