package replay

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"syncd/bench/model"
	"syncd/internal/app"
	"syncd/internal/simulator/connectwise"
	"syncd/internal/state"
)

// jane is the one who decides.
var jane = app.Operator{Name: "jane", Identified: "by the history"}

// edit lets a person at the PSA change some lines.
func (e *estate) edit() {
	for i, c := range e.customers {
		if e.random.IntN(40) != 0 {
			continue
		}
		j := e.random.IntN(len(model.Products))
		l := c.Lines[model.Products[j].ID]
		quantity := 1 + e.random.IntN(60)
		if quantity == l.Billed {
			continue
		}
		l.Edit(quantity)
		e.stood[additionID(i, j)] = decimal.NewFromInt(int64(quantity))
		c.Note(e.today, "jane sets %s to %d", model.Products[j].ID, l.Billed)
		e.sim.Edit("jane", func(w *cwsim.World) { w.Addition(additionID(i, j)).Quantity = decimal.NewFromInt(int64(l.Billed)) })
	}
}

// override lets a person set some quantities, and take some back.
func (e *estate) override() error {
	for i, c := range e.customers {
		if e.random.IntN(20) != 0 {
			continue
		}
		p := model.Products[e.random.IntN(len(model.Products))]
		if at := slices.IndexFunc(model.Products, func(p model.Product) bool { return c.Override(p, e.today) != nil }); at >= 0 && e.random.IntN(2) == 0 {
			p = model.Products[at]
			if _, err := e.app.EndOverride(context.Background(), jane, e.key(i), p.ID, nil); err != nil {
				return fmt.Errorf("ending the override of %s of %s: %w", p.ID, c.Name, err)
			}
			delete(c.Overrides, p.ID)
			c.Note(e.today, "jane ends the override of %s", p.ID)
			continue
		}
		o := &model.Override{Kind: []string{model.Exactly, model.AtLeast, model.AtMost}[e.random.IntN(3)], Units: e.random.IntN(70), Until: e.today.AddDate(0, 0, e.random.IntN(150))}
		said := app.OverrideWord{Customer: e.key(i), Product: p.ID, Until: o.Until.Format(time.DateOnly), Reason: "agreed, " + strconv.Itoa(e.random.IntN(100))}
		switch o.Kind {
		case model.Exactly:
			said.Quantity = &o.Units
		case model.AtLeast:
			said.Minimum = &o.Units
		default:
			said.Maximum = &o.Units
		}
		if _, err := e.app.SetOverride(context.Background(), jane, said); err != nil && c.Unread() {
			continue // whether there is such a line was not known, and could not be looked up
		} else if err != nil {
			return fmt.Errorf("setting %s of %s: %w", p.ID, c.Name, err)
		}
		e.Overrides++
		c.Overrides[p.ID] = o
		c.Note(e.today, "jane sets %s to %s %d until %s", p.ID, o.Kind, o.Units, o.Until.Format(time.DateOnly))
	}
	return nil
}

// approve lets a person approve some of what waits, and the next run write it.
func (e *estate) approve() error {
	var holds []state.Hold
	for h, err := range e.store.Holds(context.Background()) {
		if err != nil {
			return err
		}
		holds = append(holds, h)
	}
	approved := map[int]bool{}
	for _, h := range holds {
		i := slices.IndexFunc(e.customers, func(c *model.Customer) bool { return h.Scope.Customer == e.key(slices.Index(e.customers, c)) })
		if h.Digest == "" || i < 0 || !e.customers[i].Waits(e.today) {
			continue
		}
		e.Holds++
		if e.random.IntN(3) != 0 {
			continue
		}
		if _, err := e.app.Decide(context.Background(), jane, true, "as agreed", []state.Hold{h}); err != nil {
			return err
		}
		e.Approvals++
		approved[i] = true
	}
	if len(approved) == 0 {
		return nil
	}
	e.Runs++
	if err := e.apply(context.Background()); err != nil {
		return err
	}
	for i, c := range e.customers {
		c.Ran(e.today)
		if approved[i] {
			c.Approved(e.today)
			c.Note(e.today, "approved; %s", e.lines(c))
		}
	}
	return e.compare("an approval")
}

// invoice makes most of the invoices that are due, and checks each to the cent.
func (e *estate) invoice() error {
	for i, c := range e.customers {
		for c.Agreement.Next.Before(e.today.AddDate(0, 0, 1)) && e.random.IntN(8) != 0 {
			made := e.sim.Invoice(agreementID(i), "billing")
			if want := total(c); !made.Total.Equal(want) {
				return fmt.Errorf("the invoice of %s comes to %s, the model says %s\n%s", c.Name, made.Total, want, e.story(i))
			}
			a := &c.Agreement
			a.Invoices = append(a.Invoices, model.Invoice{ID: made.ID, Period: a.Next, Made: e.today, Total: made.Total.StringFixed(2)})
			a.Next = a.Next.AddDate(0, 1, 0)
			c.Note(e.today, "invoiced until %s", a.Next.Format(time.DateOnly))
			e.Invoices++
		}
	}
	return nil
}

// total is what an invoice of a customer comes to now.
func total(c *model.Customer) decimal.Decimal {
	sum := decimal.Zero
	for _, p := range c.Products() {
		sum = sum.Add(decimal.RequireFromString(p.Price).Mul(decimal.NewFromInt(int64(c.Lines[p.ID].Billed))))
	}
	return sum
}

// reopen lets a person delete some of the last invoices; they are made again in their turn.
func (e *estate) reopen() {
	for _, c := range e.customers {
		a := &c.Agreement
		for len(a.Invoices) > 0 && e.random.IntN(12) == 0 {
			last := a.Invoices[len(a.Invoices)-1]
			e.sim.DeleteInvoice(last.ID, "billing")
			a.Invoices, a.Next = a.Invoices[:len(a.Invoices)-1], last.Period
			c.Note(e.today, "the invoice from %s is deleted", a.Next.Format(time.DateOnly))
			e.Deleted++
		}
	}
}
