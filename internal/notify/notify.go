// Package notify decides what people are told, and in which words: of every cause once,
// again when what matters of it changed, and that it is solved. It sends nothing and keeps
// no clock: package channel sends, and internal/app remembers what was told.
package notify

import (
	"time"
)

// A Kind is what a message is about; each message is about one.
type Kind string

// The kinds, in the order in which their messages are sent.
const (
	Waiting     Kind = "waiting"     // plans that wait for a person
	Failing     Kind = "failing"     // customers that could not be brought into step for a day
	Month       Kind = "month"       // a month that can be closed
	Renewals    Kind = "renewals"    // terms of subscriptions that end
	Credentials Kind = "credentials" // secrets that end
	Test        Kind = "test"        // somebody tries a channel
)

// Kinds are those that a configuration may name.
var Kinds = []Kind{Waiting, Failing, Month, Renewals, Credentials}

// A Cause is one thing that people are told of, as long as it is true. It names customers, and
// no people.
type Cause struct {
	Kind     Kind      `json:"kind"`
	Key      string    `json:"key"`              // the same as long as it is the same cause
	Mark     string    `json:"mark,omitempty"`   // when it changes, people are told again
	Customer *Customer `json:"customer"`         // nil where it is about none
	Target   string    `json:"target,omitempty"` // as people call it
	What     string    `json:"what"`             // it is about, where that is no customer
	Text     string    `json:"text"`             // what there is to say of it, without its money
	Money    []Money   `json:"money,omitempty"`  // a line a currency: they are never added
	Since    time.Time `json:"since,omitzero"`   // when it began to be true; zero where nobody knows
	Path     string    `json:"path"`             // of the page that shows it
}

// A Customer is whom a cause is about.
type Customer struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// Facts are what is true now.
type Facts struct {
	Known  map[Kind]bool // kinds of which everything is known; of another one nothing is concluded
	Causes []Cause       // the most important first
}

// Told are the causes that a channel was told of and not yet that they are solved, by kind and key.
type Told map[string]Cause

func (c *Cause) id() string { return string(c.Kind) + " " + c.Key }

// A Message is what is to be said of one kind.
type Message struct {
	Kind    Kind
	New     []Cause
	Changed []Cause // told before, with another mark
	Solved  []Cause // as they were told
}

// rules is what is peculiar to a kind.
var rules = map[Kind]struct {
	patience time.Duration // how long it must be true before people are told
	passes   bool          // its end is a day that people were told, and no news
}{
	Failing:  {patience: 24 * time.Hour},
	Renewals: {passes: true},
}

// Decide says what a channel is to be told, a message a kind, and of what it was told and need
// not be remembered any more, because nothing will be said of it:
//
//	told before        true now                        said      remembered
//	-----------------  ------------------------------  --------  --------------
//	no                 no                              nothing   –
//	no                 not for as long as it takes     nothing   –
//	no                 yes                             new       once sent
//	yes                yes, with the same mark         nothing   still
//	yes                yes, with another mark          changed   once sent
//	yes                no, and its end is news         solved    until sent
//	yes                no, and its end was foretold    nothing   no longer
//	yes, another       nobody is told of the kind      nothing   no longer
//	any                unknown                         nothing   still
//
// What is sent is remembered with Told.After.
func Decide(told Told, f Facts, kinds []Kind, now time.Time) (messages []Message, kept Told) {
	by := map[Kind]*Message{}
	wanted := map[Kind]bool{}
	for _, k := range kinds {
		wanted[k], by[k] = true, &Message{Kind: k}
	}
	isTrue := map[string]bool{}
	for _, c := range f.Causes {
		m := by[c.Kind]
		if m == nil || !f.Known[c.Kind] || isTrue[c.id()] {
			continue
		}
		isTrue[c.id()] = true
		before, wasTold := told[c.id()]
		switch {
		case !wasTold && now.Sub(c.Since) < rules[c.Kind].patience:
		case !wasTold:
			m.New = append(m.New, c)
		case before.Mark != c.Mark:
			m.Changed = append(m.Changed, c)
		}
	}
	kept = Told{}
	for id, c := range told {
		switch {
		case !wanted[c.Kind]:
		case isTrue[id] || !f.Known[c.Kind]:
			kept[id] = c
		case !rules[c.Kind].passes:
			kept[id] = c
			by[c.Kind].Solved = append(by[c.Kind].Solved, c)
		}
	}
	for _, k := range Kinds {
		if m := by[k]; m != nil && len(m.New)+len(m.Changed)+len(m.Solved) > 0 {
			sortByName(m.Solved)
			messages = append(messages, *m)
		}
	}
	return messages, kept
}

// After is what a channel was told once it took a message.
func (t Told) After(m Message) Told {
	after := Told{}
	for id, c := range t {
		after[id] = c
	}
	for _, list := range [][]Cause{m.New, m.Changed} {
		for _, c := range list {
			after[c.id()] = c
		}
	}
	for _, c := range m.Solved {
		delete(after, c.id())
	}
	return after
}

// Since dates causes that do not say since when they are true: from when they were first seen. It
// returns the dates to remember, of what is true and of what nobody knows.
func Since(first map[string]time.Time, f Facts, now time.Time) (dated Facts, remember map[string]time.Time) {
	dated, remember = Facts{Known: f.Known}, map[string]time.Time{}
	for _, c := range f.Causes {
		if c.Since.IsZero() {
			if c.Since = first[c.id()]; c.Since.IsZero() {
				c.Since = now.UTC()
			}
			remember[c.id()] = c.Since
		}
		dated.Causes = append(dated.Causes, c)
	}
	for id, at := range first {
		if kind := kindOf(id); !f.Known[kind] {
			remember[id] = at
		}
	}
	return dated, remember
}
