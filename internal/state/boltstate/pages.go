package boltstate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"syncd/internal/state"
)

// This file reads bbolt's format (internal/common/{meta,page,inode}.go there)
// from the file itself, with every bound checked. bbolt's own check follows
// the offsets that it finds through its mapping, in a goroutine of its own: on
// a damaged file it can end the process instead of reporting.

const (
	pageHeader  = 16 // id 8, flags 2, count 2, overflow 4
	elementSize = 16 // branch: pos 4, ksize 4, page 8; leaf: flags 4, pos 4, ksize 4, vsize 4
	bucketSize  = 16 // root 8, sequence 8

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf element

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSum     = 56 // what the checksum covers
	noFreelist  = ^uint64(0)
)

// The format is in the byte order of the machine.
var native = binary.NativeEndian

// meta is what a meta page says of the file.
type meta struct {
	pageSize int64
	root     uint64
	freelist uint64
	pages    uint64 // how many the file has
	txid     uint64
}

func corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", state.ErrCorrupt, fmt.Errorf(format, args...))
}

// parseMeta reads a meta page; ok is false where it is none or its checksum is wrong.
func parseMeta(page []byte) (m meta, magic, ok bool) {
	if len(page) < pageHeader+metaSum+8 {
		return m, false, false
	}
	b := page[pageHeader:]
	magic = native.Uint32(b) == metaMagic
	h := fnv.New64a()
	h.Write(b[:metaSum])
	if !magic || native.Uint32(b[4:]) != metaVersion || native.Uint64(b[metaSum:]) != h.Sum64() {
		return m, magic, false
	}
	m = meta{
		pageSize: int64(native.Uint32(b[8:])),
		root:     native.Uint64(b[16:]),
		freelist: native.Uint64(b[32:]),
		pages:    native.Uint64(b[40:]),
		txid:     native.Uint64(b[48:]),
	}
	// A right checksum does not prove right values.
	sane := m.pageSize >= 1024 && m.pageSize <= 1<<24 && m.pageSize&(m.pageSize-1) == 0 && m.pages < 1<<40
	return m, magic, sane
}

// validMetas returns the valid meta pages of a file. One is enough: a process that
// was killed while it wrote the other leaves it half written.
func validMetas(r io.ReaderAt, size int64) ([]meta, error) {
	if size == 0 {
		return nil, corruptf("the file is empty; where it never held anything, remove it and syncd makes a new one")
	}
	var found []meta
	known := false
	buf := make([]byte, 4096)
	try := func(at int64) bool {
		n, err := r.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return false
		}
		m, magic, ok := parseMeta(buf[:n])
		known = known || magic
		if ok {
			found = append(found, m)
		}
		return ok
	}
	if try(0) {
		try(found[0].pageSize)
		return found, nil
	}
	// Where the second one starts stands in the first; so look at every size.
	for at := int64(1024); at <= 1<<24 && at < size; at *= 2 {
		if try(at) {
			return found, nil
		}
	}
	if !known {
		return nil, corruptf("it is not a state file")
	}
	return nil, corruptf("neither of its first two pages is whole")
}

// inspect checks what bbolt trusts when it opens a file.
func inspect(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	found, err := validMetas(f, info.Size())
	if err != nil {
		return err
	}
	m := found[0]
	for _, other := range found[1:] {
		if other.txid > m.txid {
			m = other
		}
	}
	_, err = freePages(f, m, info.Size())
	return err
}

// freePages checks the extent of the file and returns its free list.
func freePages(r io.ReaderAt, m meta, size int64) ([]uint64, error) {
	if want := int64(m.pages) * m.pageSize; size < want {
		return nil, corruptf("it is cut short: %d bytes of %d are left", size, want)
	}
	if m.root < 2 || m.root >= m.pages {
		return nil, corruptf("its root page %d does not exist", m.root)
	}
	if m.freelist == noFreelist {
		return nil, nil
	}
	page, err := readPage(r, m, m.freelist)
	if err != nil {
		return nil, fmt.Errorf("free list: %w", err)
	}
	if page.flags != flagFreelist {
		return nil, corruptf("page %d is no free list", m.freelist)
	}
	n, ids := uint64(page.count), page.raw[pageHeader:]
	if n == 0xFFFF { // the count did not fit its field
		n, ids = native.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return nil, corruptf("free list: %d pages do not fit it", n)
	}
	free := make([]uint64, n)
	for i := range free {
		free[i] = native.Uint64(ids[8*i:])
		if free[i] < 2 || free[i] >= m.pages {
			return nil, corruptf("free list: page %d does not exist", free[i])
		}
	}
	return free, nil
}

type page struct {
	id    uint64
	flags uint16
	count int
	raw   []byte // header and overflow pages included
}

func readPage(r io.ReaderAt, m meta, id uint64) (page, error) {
	if id < 2 || id >= m.pages {
		return page{}, corruptf("page %d does not exist", id)
	}
	raw := make([]byte, m.pageSize)
	if _, err := r.ReadAt(raw, int64(id)*m.pageSize); err != nil {
		return page{}, corruptf("page %d: %w", id, err)
	}
	p := page{id: native.Uint64(raw), flags: native.Uint16(raw[8:]), count: int(native.Uint16(raw[10:])), raw: raw}
	if p.id != id {
		return p, corruptf("page %d calls itself %d", id, p.id)
	}
	more := uint64(native.Uint32(raw[12:]))
	if more == 0 {
		return p, nil
	}
	if id+more >= m.pages {
		return p, corruptf("page %d goes on past the end", id)
	}
	p.raw = make([]byte, int64(more+1)*m.pageSize)
	if _, err := r.ReadAt(p.raw, int64(id)*m.pageSize); err != nil {
		return p, corruptf("page %d: %w", id, err)
	}
	return p, nil
}

// element returns the i-th key of a page, and its value or the page below.
func (p *page) element(i int) (key, value []byte, flags uint32, child uint64, err error) {
	at := pageHeader + i*elementSize
	if at+elementSize > len(p.raw) {
		return nil, nil, 0, 0, corruptf("page %d: element %d does not fit it", p.id, i)
	}
	e := p.raw[at:]
	var pos, ksize, vsize uint64
	if p.flags == flagBranch {
		pos, ksize, child = uint64(native.Uint32(e)), uint64(native.Uint32(e[4:])), native.Uint64(e[8:])
	} else {
		flags = native.Uint32(e)
		pos, ksize, vsize = uint64(native.Uint32(e[4:])), uint64(native.Uint32(e[8:])), uint64(native.Uint32(e[12:]))
	}
	if pos+ksize+vsize > uint64(len(e)) {
		return nil, nil, 0, 0, corruptf("page %d: element %d points past its end", p.id, i)
	}
	return e[pos : pos+ksize], e[pos+ksize : pos+ksize+vsize], flags, child, nil
}

// A walker follows every page from the root and marks them.
type walker struct {
	ctx  context.Context
	r    io.ReaderAt
	m    meta
	seen []uint64 // a bit a page
}

// checkPages checks that every page in use is whole, sorted, and in use once,
// and that no free page is in use: bbolt would write over it.
func checkPages(ctx context.Context, r io.ReaderAt, m meta, size int64) error {
	free, err := freePages(r, m, size)
	if err != nil {
		return err
	}
	w := &walker{ctx, r, m, make([]uint64, m.pages/64+1)}
	if err := w.page(m.root, nil, nil); err != nil {
		return err
	}
	for _, id := range free {
		if w.mark(id) {
			return corruptf("page %d is in use, or free, twice", id)
		}
	}
	return nil
}

func (w *walker) mark(id uint64) (before bool) {
	before = w.seen[id/64]&(1<<(id%64)) != 0
	w.seen[id/64] |= 1 << (id % 64)
	return before
}

// page checks the page id and those below it. Its keys lie in [from, to); nil
// is no bound.
func (w *walker) page(id uint64, from, to []byte) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	p, err := readPage(w.r, w.m, id)
	if err != nil {
		return err
	}
	for i := range uint64(len(p.raw)) / uint64(w.m.pageSize) {
		if w.mark(id + i) {
			return corruptf("page %d is in use twice", id+i)
		}
	}
	return w.elements(&p, from, to)
}

func (w *walker) elements(p *page, from, to []byte) error {
	if p.flags != flagBranch && p.flags != flagLeaf || p.flags == flagBranch && p.count == 0 {
		return corruptf("page %d holds neither keys nor pages", p.id)
	}
	var last []byte
	for i := range p.count {
		key, value, flags, child, err := p.element(i)
		if err != nil {
			return err
		}
		if i > 0 && bytes.Compare(last, key) >= 0 || from != nil && bytes.Compare(key, from) < 0 || to != nil && bytes.Compare(key, to) >= 0 {
			return corruptf("page %d: key %d (%q) is out of order", p.id, i, key)
		}
		last = key
		switch {
		case p.flags == flagBranch:
			end := to
			if i+1 < p.count {
				if end, _, _, _, err = p.element(i + 1); err != nil {
					return err
				}
			}
			if err := w.page(child, key, end); err != nil {
				return err
			}
		case flags&flagBucket != 0:
			if err := w.bucket(p.id, key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucket checks a nested bucket, which has pages of its own or, while it is
// small, a page inside its value.
func (w *walker) bucket(id uint64, name, value []byte) error {
	if len(value) < bucketSize {
		return corruptf("page %d: bucket %q is cut short", id, name)
	}
	if root := native.Uint64(value); root != 0 {
		return w.page(root, nil, nil)
	}
	raw := value[bucketSize:]
	if len(raw) < pageHeader {
		return corruptf("page %d: bucket %q is cut short", id, name)
	}
	inner := page{id: id, flags: native.Uint16(raw[8:]), count: int(native.Uint16(raw[10:])), raw: raw}
	if inner.flags != flagLeaf {
		return corruptf("page %d: bucket %q is broken", id, name)
	}
	return w.elements(&inner, nil, nil)
}
