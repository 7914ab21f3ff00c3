package cwsim

import (
	"maps"
	"slices"
	"time"

	"syncd/internal/simulator/serving"
)

// Clone returns a copy that shares nothing with w but what stands inside the
// values of Other.
func (w *World) Clone() *World {
	c := *w
	c.Companies = serving.Copies(w.Companies, (*Company).deepen)
	c.Contacts = serving.Copies(w.Contacts, func(o *Contact) {
		o.Communications = slices.Clone(o.Communications)
		o.Custom, o.Other = maps.Clone(o.Custom), maps.Clone(o.Other)
	})
	c.Boards = serving.Copies(w.Boards, nil)
	c.BoardStatuses = serving.Copies(w.BoardStatuses, nil)
	c.Priorities = serving.Copies(w.Priorities, nil)
	c.TicketNotes = serving.Copies(w.TicketNotes, nil)
	c.Tickets = serving.Copies(w.Tickets, func(o *Ticket) { o.Other = maps.Clone(o.Other) })
	c.Agreements = serving.Copies(w.Agreements, func(o *Agreement) {
		o.Custom, o.Other = maps.Clone(o.Custom), maps.Clone(o.Other)
	})
	c.Additions = serving.Copies(w.Additions, (*Addition).deepen)
	c.Products = serving.Copies(w.Products, func(o *Product) {
		o.PriceBreaks = slices.Clone(o.PriceBreaks)
		o.Custom, o.Other = maps.Clone(o.Custom), maps.Clone(o.Other)
	})
	c.Invoices = serving.Copies(w.Invoices, (*Invoice).deepen)
	c.Roles = serving.Copies(w.Roles, func(o *Role) {
		o.Settings, o.AgreementTypes = slices.Clone(o.Settings), slices.Clone(o.AgreementTypes)
	})
	c.CompanyStatuses = serving.Copies(w.CompanyStatuses, nil)
	c.CompanyTypes = serving.Copies(w.CompanyTypes, nil)
	c.AgreementTypes = serving.Copies(w.AgreementTypes, nil)
	c.BillingCycles = serving.Copies(w.BillingCycles, nil)
	c.Members = serving.Copies(w.Members, nil)
	c.Callbacks = serving.Copies(w.Callbacks, nil)
	c.Fields = serving.Copies(w.Fields, nil)
	c.Audit = serving.Copies(w.Audit, nil)
	return &c
}

func (o *Company) deepen() {
	o.TypeIDs = slices.Clone(o.TypeIDs)
	o.Custom, o.Other = maps.Clone(o.Custom), maps.Clone(o.Other)
}

func (a *Addition) deepen() {
	a.Nulls = slices.Clone(a.Nulls)
	a.Custom, a.Other = maps.Clone(a.Custom), maps.Clone(a.Other)
}

func (i *Invoice) deepen() { i.Lines = slices.Clone(i.Lines) }

// assignIDs gives ids to objects that have none and notes to objects without
// them. Lists are ordered by id, as the server's are.
func (w *World) assignIDs(now time.Time, by string) {
	number(w.Companies, func(o *Company) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.CompanyStatuses, setupParts, now, by)
	number(w.CompanyTypes, setupParts, now, by)
	number(w.Contacts, func(o *Contact) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.Boards, setupParts, now, by)
	number(w.BoardStatuses, func(o *BoardStatus) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.Priorities, setupParts, now, by)
	number(w.TicketNotes, func(o *TicketNote) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.Tickets, func(o *Ticket) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.Agreements, func(o *Agreement) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.AgreementTypes, func(o *AgreementType) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.BillingCycles, func(o *BillingCycle) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.Additions, func(o *Addition) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.Products, func(o *Product) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.Invoices, func(o *Invoice) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.Roles, func(o *Role) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.Callbacks, func(o *Callback) (*int, *Info) { return &o.ID, &o.Info }, now, by)
	number(w.Members, func(o *Member) (*int, *Info) { return &o.ID, nil }, now, by)
	number(w.Fields, func(o *Field) (*int, *Info) { return &o.ID, nil }, now, by)
}

func setupParts(o *Setup) (*int, *Info) { return &o.ID, &o.Info }

func number[T any](all []*T, parts func(*T) (*int, *Info), now time.Time, by string) {
	for _, o := range all {
		id, info := parts(o)
		if *id == 0 {
			*id = next(all, func(o *T) int { id, _ := parts(o); return *id })
		}
		if info == nil || !info.LastUpdated.IsZero() {
			continue
		}
		if info.DateEntered.IsZero() {
			info.DateEntered, info.EnteredBy = now, by
		}
		info.LastUpdated, info.UpdatedBy = now, by
	}
	slices.SortStableFunc(all, func(a, b *T) int {
		x, _ := parts(a)
		y, _ := parts(b)
		return *x - *y
	})
}

// next returns the id after the largest, so ids only grow while nothing is
// deleted by hand.
func next[T any](all []*T, key func(*T) int) int {
	n := 0
	for _, o := range all {
		n = max(n, key(o))
	}
	return n + 1
}
