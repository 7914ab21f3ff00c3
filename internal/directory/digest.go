package directory

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
)

// Proven returns why one of the wanted collections is unknown, or nil.
func (s *Snapshot) Proven(want Kinds) error {
	for _, c := range collections {
		if !want.Has(c.kind) {
			continue
		}
		if err := c.of(s).known(); err != nil {
			return err
		}
	}
	return nil
}

// Counts returns how many rows each wanted collection has, by name; of a sum also those
// of each tenant, since one that shrinks is hidden by the others.
func (s *Snapshot) Counts(want Kinds) map[string]int {
	counts := map[string]int{}
	for _, c := range collections {
		if want.Has(c.kind) {
			counts[c.name] = c.of(s).Proof().Rows
		}
	}
	for _, of := range s.Of {
		for name, n := range of.Counts(want) {
			counts[name+" of tenant "+string(of.Tenant.ID)] = n
		}
	}
	return counts
}

// AsOf returns when the source read each wanted collection that is proven, by name.
func (s *Snapshot) AsOf(want Kinds) map[string]time.Time {
	ages := map[string]time.Time{}
	for _, c := range collections {
		if want.Has(c.kind) && c.of(s).known() == nil {
			ages[c.name] = c.of(s).Proof().AsOf
		}
	}
	return ages
}

// Oldest returns the proof of the wanted collection that is oldest at the source.
func (s *Snapshot) Oldest(want Kinds) (oldest Proof) {
	found := false
	for _, c := range collections {
		if !want.Has(c.kind) {
			continue
		}
		if p := c.of(s).Proof(); !found || p.AsOf.Before(oldest.AsOf) {
			oldest, found = p, true
		}
	}
	return oldest
}

// collections are the lists of a snapshot, whatever they list.
var collections = [...]struct {
	kind Kinds
	name string
	of   func(*Snapshot) collection
}{
	{Licences, "licences", func(s *Snapshot) collection { return &s.Licences }},
	{Users, "users", func(s *Snapshot) collection { return &s.Users }},
	{Groups, "groups", func(s *Snapshot) collection { return &s.Groups }},
	{Domains, "domains", func(s *Snapshot) collection { return &s.Domains }},
	{Mailboxes, "mailboxes", func(s *Snapshot) collection { return &s.Mailboxes }},
	{Holders, "holders", func(s *Snapshot) collection { return &s.Holders }},
}

// A collection is a List of any rows.
type collection interface {
	known() error
	Proof() Proof
}

// known is nil for a list that is proven.
func (l List[T]) known() error {
	_, err := l.Items()
	return err
}

// Digest names what the wanted collections say, whatever the order of their
// rows. Equal digests mean that a target would be given the same. What changes
// by itself and would make every digest a new one is not in it: the last
// sign-in, the size of a mailbox, and when a domain was checked with what
// score; nor are the names of licences. An unknown collection gives an empty
// digest, which equals nothing.
func (s *Snapshot) Digest(want Kinds) string {
	if s.Proven(want) != nil {
		return ""
	}
	buf := make([]byte, 0, 4096)
	if want.Has(Licences) {
		items, _ := s.Licences.Items()
		items = sorted(items, func(a, b Licence) int { return strings.Compare(a.SKU, b.SKU) })
		for _, l := range items {
			buf = append(buf, l.SKU...)
			for _, n := range []int{l.Purchased, l.Assigned, l.Trial, l.Grace, l.Suspended} {
				buf = strconv.AppendInt(append(buf, ' '), int64(n), 10)
			}
			buf = append(append(append(append(append(buf, ' '), l.Disputed...), ' '), l.Unread...), '\n')
			subscriptions := l.Subscriptions
			if d := l.Divided; d != nil {
				buf = fmt.Appendf(buf, "%d %d %d %d %t %s\n", d.Whole.Purchased, d.Whole.Assigned, d.Held, d.Taken, d.Rest, d.Unsure)
				subscriptions = d.Whole.Subscriptions
			}
			for _, b := range sorted(subscriptions, func(a, b Subscription) int { return strings.Compare(a.ID, b.ID) }) {
				buf = append(append(append(append(append(append(buf, b.ID...), ' '), b.CommerceID...), ' '), b.Status...), ' ')
				buf = append(strconv.AppendBool(append(strconv.AppendInt(buf, int64(b.Total), 10), ' '), b.Trial), ' ')
				buf = strconv.AppendInt(append(append(buf, b.Owner...), ' '), b.Created.Unix(), 10)
				buf = append(strconv.AppendInt(append(buf, ' '), b.Renews.Unix(), 10), '\n')
			}
		}
	}
	if want.Has(Users) {
		buf = appendRows(buf, Users, s.Users, (*rowHasher).user)
	}
	if want.Has(Groups) {
		buf = appendRows(buf, Groups, s.Groups, (*rowHasher).group)
	}
	if want.Has(Domains) {
		buf = appendRows(buf, Domains, s.Domains, (*rowHasher).domain)
	}
	if want.Has(Mailboxes) {
		buf = appendRows(buf, Mailboxes, s.Mailboxes, (*rowHasher).mailbox)
	}
	if want.Has(Holders) {
		buf = appendRows(buf, Holders, s.Holders, (*rowHasher).holder)
	}
	sum := xxh3.Hash128(buf).Bytes()
	return hex.EncodeToString(sum[:])
}

// sorted returns rows in order, and leaves those that are shared as they are.
func sorted[T any](rows []T, compare func(a, b T) int) []T {
	if !slices.IsSortedFunc(rows, compare) {
		rows = slices.Clone(rows)
		slices.SortFunc(rows, compare)
	}
	return rows
}

// appendRows adds the sum of each row, in the order of the sums. Sorting
// sixteen bytes a row instead of the rows leaves the list, which is shared, as
// it is, and costs no copy of it.
func appendRows[T any](buf []byte, kind Kinds, l List[T], write func(*rowHasher, *T)) []byte {
	items, _ := l.Items()
	sums := make([]xxh3.Uint128, len(items))
	w := rowHasher{make([]byte, 0, 1024)}
	for i := range items {
		w.buf = w.buf[:0]
		write(&w, &items[i])
		sums[i] = xxh3.Hash128(w.buf)
	}
	slices.SortFunc(sums, func(a, b xxh3.Uint128) int { return cmp.Or(cmp.Compare(a.Hi, b.Hi), cmp.Compare(a.Lo, b.Lo)) })
	buf = binary.AppendUvarint(buf, uint64(kind))
	buf = binary.AppendUvarint(buf, uint64(len(sums)))
	for _, sum := range sums {
		buf = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(buf, sum.Hi), sum.Lo)
	}
	return buf
}

// A rowHasher spells one row so that no two rows are spelled alike: every text
// goes with its length.
type rowHasher struct{ buf []byte }

func (w *rowHasher) text(all ...string) {
	for _, s := range all {
		w.buf = append(binary.AppendUvarint(w.buf, uint64(len(s))), s...)
	}
}

func (w *rowHasher) flag(all ...bool) {
	for _, b := range all {
		c := byte('-')
		if b {
			c = '+'
		}
		w.buf = append(w.buf, c)
	}
}

// list writes texts whose order says something.
func (w *rowHasher) list(all []string) {
	w.buf = binary.AppendUvarint(w.buf, uint64(len(all)))
	w.text(all...)
}

// set writes texts whose order says nothing: as the sum of their sums.
func (w *rowHasher) set(all []string) {
	var hi, lo uint64
	for _, s := range all {
		sum := xxh3.HashString128(s)
		hi, lo = hi+sum.Hi, lo+sum.Lo
	}
	w.buf = binary.AppendUvarint(w.buf, uint64(len(all)))
	w.buf = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(w.buf, hi), lo)
}

func (w *rowHasher) time(t time.Time) {
	if t.IsZero() {
		w.buf = append(w.buf, '-')
		return
	}
	w.buf = binary.LittleEndian.AppendUint64(append(w.buf, '+'), uint64(t.Unix()))
}

func (w *rowHasher) holder(h *Holder) {
	w.text(h.ID, h.UPN)
	w.set(h.Licences)
}

func (w *rowHasher) user(u *User) {
	w.text(u.ID, u.UPN, u.Name, u.GivenName, u.Surname, u.Mail, u.JobTitle, u.Department, u.Company, u.Office,
		u.MobilePhone, u.City, u.Country, u.UsageLocation, u.EmployeeID, u.MailNickname, u.ManagerID, string(u.MFA), u.Unread)
	w.flag(u.Enabled, u.Guest, u.Resource, u.Synced)
	w.time(u.Created)
	w.time(u.Hired)
	w.list(u.BusinessPhones)
	w.set(u.Aliases)
	w.set(u.OtherMails)
	w.set(u.Licences)
}

// group leaves the members out where they are not known, and says so: what
// there is of them changes with the reason.
func (w *rowHasher) group(g *Group) {
	w.text(g.ID, g.Name, g.Description, g.Mail, string(g.Kind), g.Visibility, g.Rule, g.Unread)
	w.flag(g.Team, g.Synced, g.OwnersUnknown == "", g.Members.Unknown == "")
	w.time(g.Created)
	w.set(g.Licences)
	if g.OwnersUnknown == "" {
		w.set(g.Owners)
	}
	if g.Members.Unknown == "" {
		w.set(g.Members.IDs)
	}
}

func (w *rowHasher) domain(d *Domain) {
	w.text(d.Name, d.Authentication)
	w.flag(d.Verified, d.Default, d.Initial, d.Health.Known)
	w.set(d.Services)
	if h := &d.Health; h.Known {
		w.text(h.MailProvider, h.SPF, h.DMARC)
		w.flag(h.SPFPass, h.DKIM, h.DNSSEC)
		w.set(h.MX)
	}
}

func (w *rowHasher) mailbox(m *Mailbox) {
	w.text(m.ID, m.UserID, m.UPN, m.Name, m.Address, m.Kind, m.Forwarding)
	w.flag(m.Archive, m.Hidden, m.Synced, m.RightsUnknown == "")
	w.set(m.Aliases)
	if m.RightsUnknown != "" {
		return
	}
	w.set(m.FullAccess)
	w.set(m.SendAs)
	w.set(m.SendOnBehalf)
	w.buf = binary.AppendUvarint(w.buf, uint64(len(m.Calendar)))
	for i := range m.Calendar {
		w.text(m.Calendar[i].Who, m.Calendar[i].Rights, m.Calendar[i].Folder)
	}
}
