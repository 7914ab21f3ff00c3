package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// An Override is what a person set for one customer and product, as it is listed.
type Override struct {
	Customer sync.CustomerRef `json:"customer"`
	Product  string           `json:"product"`
	Quantity *string          `json:"quantity"` // one of the three is there
	Minimum  *string          `json:"minimum"`
	Maximum  *string          `json:"maximum"`
	Until    string           `json:"until"` // the last day on which it counts
	Reason   string           `json:"reason"`
	By       string           `json:"by"`
	Ending   bool             `json:"ending"`         // within 14 days
	Idle     string           `json:"idle,omitempty"` // why it counts for nothing

	What string `json:"-"` // it sets, in words
	Seen string `json:"-"` // tells it from what is set later (SeenOverride)
}

// An OverrideWord is what a person says of one product of a customer, each part as typed.
type OverrideWord struct {
	Customer, Product          string
	Quantity, Minimum, Maximum *int
	Until, Reason              string
	// Seen is what was set for the customer where the person looked (SeenOverride); nil where nobody looked.
	Seen []string
}

// today is the day it is where the MSP is, at midnight UTC.
func (w *App) today() time.Time {
	y, m, d := w.Now().In(w.Location).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// overrides are those that count today, and the version of their table.
func (w *App) overrides(ctx context.Context) (money.Overrides, int, error) {
	all, version, err := Document[money.Overrides](ctx, w.Store, OverridesDocument)
	return all.InForce(w.today()), version, err
}

// Overrides lists what counts today.
func (w *App) Overrides(ctx context.Context) ([]Override, error) {
	lasting, _, err := w.overrides(ctx)
	if err != nil {
		return nil, err
	}
	names, err := w.customerNames(ctx)
	if err != nil {
		return nil, err
	}
	return w.listed(ctx, lasting.Overrides, names)
}

// CustomerOverrides lists what counts today for one customer.
func (w *App) CustomerOverrides(ctx context.Context, customer, name string) ([]Override, error) {
	lasting, _, err := w.overrides(ctx)
	if err != nil {
		return nil, err
	}
	lasting.Overrides = slices.DeleteFunc(lasting.Overrides, func(o money.CustomerOverride) bool { return o.Customer != customer })
	return w.listed(ctx, lasting.Overrides, map[string]string{customer: name})
}

// listed are overrides as they are listed, of customers with these names.
func (w *App) listed(ctx context.Context, lasting []money.CustomerOverride, names map[string]string) ([]Override, error) {
	idle, err := w.idle(ctx)
	if err != nil {
		return nil, err
	}
	number := func(n *int) *string {
		if n == nil {
			return nil
		}
		return new(strconv.Itoa(*n))
	}
	out := []Override{}
	for _, o := range lasting {
		out = append(out, Override{Customer: sync.CustomerRef{Key: o.Customer, Name: cmp.Or(names[o.Customer], o.Customer)}, Product: o.Product,
			Quantity: number(o.Quantity), Minimum: number(o.Minimum), Maximum: number(o.Maximum), Until: o.Until.Format(time.DateOnly), Reason: o.Reason, By: o.By,
			Ending: o.Ending(w.today()), What: o.String(), Seen: SeenOverride(&o), Idle: idle(&o)})
	}
	return out, nil
}

// idle says of an override why it counts for nothing; empty where it counts.
func (w *App) idle(ctx context.Context) (func(*money.CustomerOverride) string, error) {
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	links, err := w.Links(ctx)
	if err != nil {
		return nil, err
	}
	return func(x *money.CustomerOverride) string {
		if now := links.TakenOver(x.Customer); now != "" {
			return "it is part of " + now + " now"
		}
		own := rules.For(x.Customer)
		for text, of := range own.Billed() {
			for i := range of {
				if x.Matches(x.Customer, of[i].ProductID, text, of[i].Product) || x.ProductID != 0 && strconv.Itoa(x.ProductID) == text {
					return ""
				}
			}
		}
		return "no rule bills the product"
	}, nil
}

// customerNames are the names of those whom the state knows, by key.
func (w *App) customerNames(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		names[c.Scope.Customer] = c.Name
	}
	return names, nil
}

// SetOverride takes a person's word on a product of a customer, in place of an earlier one.
func (w *App) SetOverride(ctx context.Context, by Operator, said OverrideWord) ([]mapping.Edit, error) {
	c, err := w.known(ctx, said.Customer)
	if err != nil {
		return nil, err
	}
	in := overrideChange{App: w, by: by}
	if err := in.read(ctx); err != nil {
		return nil, err
	}
	switch column, problem, err := in.set(ctx, c, said, 0); {
	case err != nil:
		return nil, err
	case column == "customer" || column == "product":
		return nil, Usage("nothing was set: %s", problem)
	case problem != "":
		return nil, Usage("nothing was set: --%s: %s", column, problem)
	}
	return in.put(ctx)
}

// EndOverride lets the rule count again. Seen is as in an OverrideWord; what was seen and is over already
// is no error then.
func (w *App) EndOverride(ctx context.Context, by Operator, customer, product string, seen []string) ([]mapping.Edit, error) {
	in := overrideChange{App: w, by: by}
	if err := in.read(ctx); err != nil {
		return nil, err
	}
	of := func(key string) bool {
		return slices.ContainsFunc(in.next.Overrides, func(x money.CustomerOverride) bool { return x.Customer == key })
	}
	c := mapping.Customer{Key: customer, Name: customer}
	if !of(customer) { // a key whom the source lists no longer is one all the same
		var err error
		if c, err = w.known(ctx, customer); err != nil {
			return nil, err
		}
	}
	was := in.next.Find(w.today(), c.Key, 0, product)
	if was == nil && slices.ContainsFunc(seen, func(text string) bool { return seenOf(text, product) }) {
		return nil, nil
	}
	if was == nil {
		return nil, Usage("nothing was set for product %q of %s; syncd override lists what was", product, c.Name)
	}
	if err := in.unmovedOverride(ctx, by, c.Key, c.Name, was.Product, was, seen); err != nil {
		return nil, err
	}
	var key plan.Key
	if b, there := in.biller(); there {
		all, err := in.recordedProducts(ctx, c, b.Targets()[0])
		if err != nil {
			return nil, err
		}
		if p := all.find(was.Product); p != nil {
			key = p.key
		}
	}
	in.next = in.next.Without(*was)
	in.noteEdit(c, was, nil, key, 0)
	return in.put(ctx)
}

// ExportOverrides writes what counts today as CSV, and returns how many lines it has.
func (w *App) ExportOverrides(ctx context.Context, out io.Writer) (lines int, err error) {
	lasting, _, err := w.overrides(ctx)
	if err != nil {
		return 0, err
	}
	var table []mapping.OverrideLine
	for _, o := range lasting.Overrides {
		table = append(table, mapping.OverrideLine{Customer: o.Customer, Product: o.Product, Quantity: o.Quantity, Minimum: o.Minimum, Maximum: o.Maximum,
			Until: o.Until.Format(time.DateOnly), Reason: o.Reason})
	}
	if err := mapping.ExportOverrides(out, table); err != nil {
		return 0, fmt.Errorf("writing the overrides: %w", err)
	}
	return len(table), nil
}

// ImportOverrides reads overrides from the CSV text of a file: all of it or nothing. What
// the file does not name stays as it is.
func (w *App) ImportOverrides(ctx context.Context, by Operator, file string, text []byte) ([]mapping.Edit, error) {
	in := overrideChange{App: w, by: by, file: file}
	if err := in.read(ctx); err != nil {
		return nil, err
	}
	err := mapping.ImportOverrides(bytes.NewReader(text), func(lines []mapping.OverrideLine) error { return in.checkLines(ctx, lines) })
	if err != nil {
		return nil, importRefused(file, err)
	}
	return in.put(ctx)
}

// overrideChange makes one table of overrides out of another.
type overrideChange struct {
	*App
	by      Operator
	file    string // from which they come; empty where a person typed one
	version int
	next    money.Overrides
	edits   []mapping.Edit
	entries []state.Entry
	billed  map[string]*billedProducts // what was looked at, by customer
}

func (in *overrideChange) read(ctx context.Context) (err error) {
	in.next, in.version, err = in.overrides(ctx)
	return err
}

func (in *overrideChange) put(ctx context.Context) ([]mapping.Edit, error) {
	if len(in.edits) == 0 {
		return in.edits, nil
	}
	return in.edits, Put(ctx, in.Store, OverridesDocument, in.version, in.next, in.entries...)
}

func (in *overrideChange) checkLines(ctx context.Context, lines []mapping.OverrideLine) error {
	seen := map[[2]string]int{}
	for i := range lines {
		l := &lines[i]
		if l.Customer == "" {
			l.Report("customer", "empty: write the customer's key; syncd status --json lists the keys")
			continue
		}
		if id := [2]string{l.Customer, strings.ToLower(l.Product)}; seen[id] == 0 && in.isSet(l) {
			seen[id] = l.Number()
			continue // also of one who is no customer any more
		}
		c, err := in.known(ctx, l.Customer)
		if err != nil || !strings.EqualFold(c.Key, l.Customer) {
			l.Report("customer", "%q is no customer's key: syncd status --json lists the keys", l.Customer)
			continue
		}
		id := [2]string{c.Key, strings.ToLower(l.Product)}
		if first := seen[id]; first != 0 {
			l.Report("product", "product %q of this customer is on line %d already: keep one of the two lines", l.Product, first)
			continue
		}
		seen[id] = l.Number()
		column, problem, err := in.set(ctx, c, OverrideWord{
			Product: l.Product, Quantity: l.Quantity, Minimum: l.Minimum, Maximum: l.Maximum, Until: l.Until,
			Reason: l.Reason,
		}, l.Number())
		if err != nil {
			return err
		}
		if problem != "" {
			l.Report(column, "%s", problem)
		}
	}
	return nil
}

// isSet reports whether a line says what is set already.
func (in *overrideChange) isSet(l *mapping.OverrideLine) bool {
	said := money.Override{Quantity: l.Quantity, Minimum: l.Minimum, Maximum: l.Maximum}
	was := in.next.Find(in.today(), l.Customer, 0, l.Product)
	return was != nil && was.Equal(&said) && was.Until.Format(time.DateOnly) == l.Until && was.Reason == strings.TrimSpace(l.Reason)
}

// set takes over one word, or says what is wrong with it and in which column.
func (in *overrideChange) set(ctx context.Context, c mapping.Customer, said OverrideWord, line int) (column, problem string, err error) {
	x := money.CustomerOverride{Customer: c.Key, Override: money.Override{Quantity: said.Quantity, Minimum: said.Minimum, Maximum: said.Maximum,
		Reason: strings.TrimSpace(said.Reason), By: in.by.Name}}
	for _, n := range []struct {
		column string
		units  *int
	}{{"quantity", said.Quantity}, {"minimum", said.Minimum}, {"maximum", said.Maximum}} {
		if n.units != nil && (*n.units < 0 || *n.units > mapping.MaxUnits) {
			return n.column, fmt.Sprintf("%d is not between 0 and %d", *n.units, mapping.MaxUnits), nil
		}
	}
	if said.Until != "" {
		if x.Until, err = time.Parse(time.DateOnly, said.Until); err != nil {
			return "until", fmt.Sprintf("%q is not a day: write it as %s", said.Until, in.today().AddDate(0, 3, 0).Format(time.DateOnly)), nil
		}
	}
	if column, problem = x.Check(in.today()); problem != "" {
		return column, problem, nil
	}
	if said.Product == "" {
		return "product", "empty: write the catalogue identifier of the product", nil
	}
	p, problem, err := in.productOf(ctx, c, said.Product)
	if problem != "" || err != nil {
		return "product", problem, err
	}
	x.Product, x.ProductID = p.name, p.id
	was := in.next.Find(in.today(), c.Key, x.ProductID, x.Product)
	if was != nil && was.Equal(&x.Override) && was.Until.Equal(x.Until) && was.Reason == x.Reason {
		return "", "", nil
	}
	if err := in.unmovedOverride(ctx, in.by, c.Key, c.Name, x.Product, was, said.Seen); err != nil {
		return "", "", err
	}
	in.noteEdit(c, was, &x, p.key, line)
	in.next = in.next.With(x)
	return "", "", nil
}

// noteEdit keeps what changes: for the person, and for the journal.
func (in *overrideChange) noteEdit(c mapping.Customer, was, is *money.CustomerOverride, key plan.Key, line int) {
	text := func(x *money.CustomerOverride) string {
		if x == nil {
			return ""
		}
		return fmt.Sprintf("%s until %s: %s", &x.Override, x.Until.Format(time.DateOnly), x.Reason)
	}
	image := func(x *money.CustomerOverride) *state.Image {
		if x == nil {
			return nil
		}
		fields := plan.Set("until", x.Until.Format(time.DateOnly), "reason", x.Reason, "by", x.By)
		for name, n := range map[string]*int{"quantity": x.Quantity, "minimum": x.Minimum, "maximum": x.Maximum} {
			if n != nil {
				fields = fields.With(name, plan.Value{strconv.Itoa(*n)})
			}
		}
		return &state.Image{Key: key, Fields: fields}
	}
	about := cmp.Or(is, was)
	if key.ID == "" {
		key = plan.Key{Kind: OverridesDocument, ID: about.Product}
	}
	in.edits = append(in.edits, mapping.Edit{Line: line, Key: c.Key, Name: c.Name, Column: about.Product, Before: text(was), After: text(is)})
	e := in.decisionEntry(in.by, state.ActionOverride, plan.Scope{Customer: c.Key}, c.Name)
	if b, there := in.biller(); there {
		e.Scope.Target = b.Targets()[0]
	}
	e.Key, e.Before, e.After = key, image(was), image(is)
	e.Concerns = []state.Concern{{Customer: c.Key, Product: about.Product}}
	e.Label = "override of " + about.Product + " ended"
	if is != nil {
		e.Label, e.Why = "override of "+about.Product+": "+is.String(), is.Reason
	}
	if in.file != "" {
		e.Label += " from " + in.file
	}
	word, _ := json.Marshal([]*money.CustomerOverride{was, is}) // plain texts and numbers; cannot fail
	sum := sha256.Sum256(word)
	e.Digest = hex.EncodeToString(sum[:])
	in.entries = append(in.entries, e)
}
