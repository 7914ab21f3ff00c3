package state

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/zeebo/xxh3"
)

// Same reports whether two spans say the same, whenever they were and however
// they are known: where they do, nothing changed. So do two that know nothing, for
// whatever reasons.
func (s *Span) Same(o *Span) bool {
	return bytes.Equal(s.appendTo(nil), o.appendTo(nil))
}

// SpansDigest names what some spans say. Two lists of spans have the same digest where each
// span is the Same as the one in its place.
func SpansDigest(spans []Span) string {
	buf := make([]byte, 0, 4096)
	for i := range spans {
		buf = spans[i].appendTo(buf)
	}
	sum := xxh3.Hash128(buf).Bytes()
	return hex.EncodeToString(sum[:])
}

// appendTo spells what of a span is compared, so that no two are spelled alike: every text
// and every list goes with its length.
func (s *Span) appendTo(buf []byte) []byte {
	w := speller{buf}
	w.text(s.Scope.Customer, s.Scope.Target, s.Key.Kind, s.Key.ID, s.Product, s.Label, s.Purchased, s.Assigned, s.Due, s.Billed, s.Price, s.Currency,
		s.LessIncluded, s.Cycle, s.Ref, s.Agreement, s.AgreementName, s.NextInvoice, s.Cost, s.Held, s.Counted, s.Grace)
	w.flag(s.Known, s.NotBilled, s.NamesUnknown)
	w.length(len(s.Rules))
	for i := range s.Rules {
		r := &s.Rules[i]
		w.text(r.Customer, r.SKU, r.Part, r.Name, r.Product, r.Count, r.Who, r.Subscriptions, r.Weight, r.Minimum, r.Maximum, r.Floor, r.Status, r.Reason)
	}
	w.flag(s.Override != nil)
	if o := s.Override; o != nil {
		w.text(o.Quantity, o.Minimum, o.Maximum, o.Reason, o.By)
		w.time(o.Until)
	}
	w.flag(s.Explanation != nil)
	if e := s.Explanation; e != nil {
		w.text(e.Code, e.Subscription, e.Date, e.Source, e.Together)
		w.length(len(e.People))
		w.text(e.People...)
	}
	w.length(len(s.Names))
	w.text(s.Names...)
	w.length(len(s.Subscriptions))
	for i := range s.Subscriptions {
		x := &s.Subscriptions[i]
		w.text(x.ID, x.CommerceID, x.SKU, x.Status, x.State, x.Units, x.Owner)
		w.flag(x.Trial)
		w.time(x.Created)
		w.time(x.Until)
	}
	return w.buf
}

type speller struct{ buf []byte }

func (w *speller) length(n int) { w.buf = binary.AppendUvarint(w.buf, uint64(n)) }

func (w *speller) text(all ...string) {
	for _, s := range all {
		w.length(len(s))
		w.buf = append(w.buf, s...)
	}
}

func (w *speller) flag(all ...bool) {
	for _, b := range all {
		c := byte('-')
		if b {
			c = '+'
		}
		w.buf = append(w.buf, c)
	}
}

func (w *speller) time(t time.Time) {
	w.buf = binary.AppendVarint(w.buf, t.Unix())
	w.length(t.Nanosecond())
}
