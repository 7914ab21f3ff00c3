package connectwise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// Apply carries out one change. It costs three requests where all goes well: the live
// line, the write, and another look. Each look also reads how far the agreement is
// invoiced, in the same request.
func (t *view) Apply(ctx context.Context, ch plan.Change) (target.Applied, error) {
	switch ch.Action {
	case plan.Create:
		return t.create(ctx, ch)
	case plan.Update, plan.Delete, plan.Adopt:
		if ch.After == nil || ch.Before == nil {
			return target.Applied{}, fmt.Errorf("%s of %s: nothing says what the line should become", ch.Action, ch.Label)
		}
		return t.change(ctx, ch)
	}
	return target.Applied{}, fmt.Errorf("%s of %s asks nothing of ConnectWise", ch.Action, ch.Label)
}

// change writes the fields that differ, one PATCH each.
func (t *view) change(ctx context.Context, ch plan.Change) (target.Applied, error) {
	agreement, id, err := parseRef(ch.Before.Ref)
	if err != nil {
		return target.Applied{}, err
	}
	w := t.writing(new(billingOf(ch.Before)), agreement)
	seen, err := t.look(ctx, w, id, true)
	if rest.Gone(err) {
		return target.Applied{}, fmt.Errorf("%w: line %s is not there any more", target.ErrMoved, ch.Before.Ref)
	}
	if err != nil {
		return target.Applied{}, err
	}
	live := seen.line
	if moved := t.moved(ch.Before, live, agreement); moved != "" {
		return target.Applied{}, fmt.Errorf("%w: line %s: %s", target.ErrMoved, ch.Before.Ref, moved)
	}
	moved, err := t.judgedOtherwise(ctx, ch.Before, seen)
	if err != nil {
		return target.Applied{}, err
	}
	if moved != "" {
		return target.Applied{}, fmt.Errorf("%w: line %s: %s", target.ErrMoved, ch.Before.Ref, moved)
	}
	if err := w.reopened(); err != nil {
		return target.Applied{}, err
	}
	price := live.UnitPrice
	// The quantity comes before the last day: whatever ends this in between, the line
	// bills what it should.
	fields := slices.Clone(ch.Fields)
	slices.SortStableFunc(fields, func(a, b plan.FieldChange) int { return strings.Compare(b.Name, a.Name) })
	for i, f := range fields {
		field, err := fieldWriteOf(f)
		if err != nil {
			return target.Applied{}, err
		}
		if live, err = t.write(ctx, w, live, field); err != nil {
			if i > 0 {
				err = halfDone(err)
			}
			return target.Applied{}, fmt.Errorf("line %s: %w", ch.Before.Ref, err)
		}
	}
	applied := target.Applied{Object: *ch.Before}
	applied.Object.Label = ch.After.Label
	setLine(&applied.Object, live, t.client.config.Gone == GoneCancel)
	if slices.ContainsFunc(fields, func(f plan.FieldChange) bool { return f.Name == fieldCancelled }) {
		rememberEnd(&applied.Object)
	}
	applied.Notes = t.invoiced(ctx, w, &ch, ch.Before.Ref)
	// A pricing schedule may set another price for another quantity, and so may
	// the catalogue for lines that follow it.
	if live.UnitPrice.String() != price.String() {
		applied.Notes = append(applied.Notes, plan.Violation{Code: "price_changed", Key: ch.Key.ID, Note: true, Message: fmt.Sprintf(
			"ConnectWise changed the unit price of %s (line %s) from %s to %s with the quantity; check it before the next invoice",
			ch.Label, ch.Before.Ref, priceOrNone(price), priceOrNone(live.UnitPrice))})
	}
	return applied, nil
}

func numberOrNone(n number) string { return cmp.Or(n.String(), "none") }

func priceOrNone(n number) string { return cmp.Or(plan.Price(n.value()), "none") }

// moved says what of a line is no longer as the plan saw it, or is empty.
// What is not compared, such as texts, does not make the new quantity wrong.
func (t *Target) moved(before *plan.Object, live *addition, agreement int) string {
	var texts []string
	compare := func(what, was, is string) {
		if was != is {
			texts = append(texts, fmt.Sprintf("%s was %s and is %s", what, cmp.Or(was, "empty"), cmp.Or(is, "empty")))
		}
	}
	compare("quantity", before.Fields.Text(fieldQuantity), live.Quantity.String())
	compare("last day", before.Fields.Text(fieldCancelled), live.Cancelled.String())
	b := billingOf(before)
	compare("product", b.ProductID, strconv.Itoa(live.Product.ID))
	compare("billing", b.Bill, live.Bill)
	compare("first day", b.Effective, live.Effective.String())
	if live.AgreementID != 0 {
		compare("agreement", strconv.Itoa(agreement), strconv.Itoa(live.AgreementID))
	}
	today := t.client.today()
	if live.Cancelled != 0 && live.Cancelled < today {
		texts = append(texts, "it ended on "+live.Cancelled.String())
	}
	if live.Effective > today {
		texts = append(texts, "it begins only on "+live.Effective.String())
	}
	return strings.Join(texts, ", ")
}

// A fieldWrite is one field of a line and what it should become.
type fieldWrite struct {
	op   operation
	has  func(*addition) bool // the line holds what is wanted
	same func(a, b *addition) bool
	show func(*addition) string
	want string
}

func fieldWriteOf(f plan.FieldChange) (fieldWrite, error) {
	text := ""
	if len(f.After) > 0 {
		text = f.After[0]
	}
	switch f.Name {
	case fieldQuantity:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return fieldWrite{}, fmt.Errorf("%q is not a number of licences", text)
		}
		return fieldWrite{
			op:   operation{Op: "replace", Path: "quantity", Value: n},
			has:  func(a *addition) bool { return a.Quantity.String() == strconv.FormatInt(n, 10) },
			same: func(a, b *addition) bool { return a.Quantity.String() == b.Quantity.String() },
			show: func(a *addition) string { return "quantity " + numberOrNone(a.Quantity) },
			want: "quantity " + strconv.FormatInt(n, 10),
		}, nil
	case fieldCancelled:
		last, ok := parseDay([]byte(text))
		if text != "" && (!ok || len(text) != len("2006-01-02")) {
			return fieldWrite{}, fmt.Errorf("%q is not a day (YYYY-MM-DD)", text)
		}
		op := operation{Op: "replace", Path: "cancelledDate", Value: last.wire()}
		if text == "" {
			op = operation{Op: "remove", Path: "cancelledDate"}
		}
		return fieldWrite{
			op:   op,
			has:  func(a *addition) bool { return a.Cancelled == last },
			same: func(a, b *addition) bool { return a.Cancelled == b.Cancelled },
			show: func(a *addition) string { return "last day " + cmp.Or(a.Cancelled.String(), "empty") },
			want: "last day " + cmp.Or(text, "empty"),
		}, nil
	}
	return fieldWrite{}, fmt.Errorf("%s is not a field that is written", f.Name)
}

// maxPatchAttempts is how often one value is sent: an absolute value may be sent
// again, once a look has shown that it did not arrive.
const maxPatchAttempts = 3

// write brings one field of a line to what is wanted, and returns the line as
// ConnectWise then shows it.
//
// The answer to a PATCH proves nothing: it may repeat what was sent and keep
// what was there. The line is read again, always.
//
//	the PATCH                        the line then shows       what follows
//	answered                         what was wanted           done
//	                                 anything else             an error: ConnectWise kept its own value
//	lost, or failed after it left    what was wanted           done
//	                                 what was there before     sent again, twice at most
//	                                 anything else             target.ErrMoved
//	                                 cannot be read            rest.ErrOutcomeUnknown
//	refused                          –                         the refusal
func (t *Target) write(ctx context.Context, of *writing, before *addition, w fieldWrite) (*addition, error) {
	for sent := 1; ; sent++ {
		err := t.client.patchAddition(ctx, of.agreement, before.ID, w.op, of.gate)
		if stopped := halfDone(err); sent > 1 && stopped != err {
			return nil, stopped
		}
		lost := errors.Is(err, rest.ErrOutcomeUnknown)
		if err != nil && !lost {
			return nil, err
		}
		seen, look := t.look(ctx, of, before.ID, false)
		if look != nil {
			return nil, fmt.Errorf("%w: %s was sent and the line cannot be read (%v); the next run finds out", rest.ErrOutcomeUnknown, w.want, look)
		}
		live := seen.line
		switch {
		case w.has(live) && sameLine(live, before, of.agreement):
			return live, nil
		case !lost:
			return nil, fmt.Errorf(
				"ConnectWise answered that %s is written and holds %s: look at the line there, a rule of the instance may forbid it", w.want, w.show(live))
		case !w.same(live, before) || !sameLine(live, before, of.agreement):
			return nil, fmt.Errorf("%w: it holds %s, where we found %s and sent %s", target.ErrMoved, w.show(live), w.show(before), w.want)
		case sent == maxPatchAttempts:
			return nil, fmt.Errorf("%w: %s was sent %d times and did not arrive; the next run looks again", rest.ErrOutcomeUnknown, w.want, sent)
		}
	}
}

// sameLine reports whether an answer is about the line that was asked for.
func sameLine(answer, before *addition, agreement int) bool {
	return answer.ID == before.ID && answer.Product.ID == before.Product.ID && (answer.AgreementID == 0 || answer.AgreementID == agreement)
}

// create makes the line of a product that has none. Another look at the
// agreement comes first: a line made twice is billed twice. It is sent once; an
// end that nobody saw is left to the next run, which takes the line on.
func (t *Target) create(ctx context.Context, ch plan.Change) (target.Applied, error) {
	if ch.After == nil {
		return target.Applied{}, fmt.Errorf("create of %s: nothing says what to make", ch.Label)
	}
	if !t.client.config.CreateAdditions {
		return target.Applied{}, fmt.Errorf("create of %s: connectwise.create_additions is off", ch.Label)
	}
	planned := billingOf(ch.After)
	agreement, err := strconv.Atoi(planned.Agreement)
	if err != nil {
		return target.Applied{}, fmt.Errorf("create of %s: the agreement is not known: plan again", ch.Label)
	}
	productID, err := strconv.Atoi(planned.ProductID)
	if err != nil {
		return target.Applied{}, fmt.Errorf("create of %s: the product is not known: plan again", ch.Label)
	}
	quantity, err := strconv.ParseInt(ch.After.Fields.Text(fieldQuantity), 10, 32)
	if err != nil || quantity <= 0 {
		return target.Applied{}, fmt.Errorf("create of %s: %q is not a number of licences", ch.Label, ch.After.Fields.Text(fieldQuantity))
	}
	it, err := t.client.item(ctx, productID)
	switch {
	case rest.Gone(err):
		return target.Applied{}, fmt.Errorf("%w: product %d is not in the catalogue any more", target.ErrMoved, productID)
	case err != nil:
		return target.Applied{}, err
	case it.ID != productID || it.Inactive || it.Class == classBundle:
		return target.Applied{}, fmt.Errorf(
			"%w: product %s (%d) cannot be a new line any more: it is inactive or a bundle", target.ErrMoved, it.Identifier, productID)
	}
	lines, err := t.openLines(ctx, agreement, productID)
	if err != nil {
		return target.Applied{}, err
	}
	if len(lines) > 0 {
		return target.Applied{}, fmt.Errorf(
			"%w: agreement %d has line %s of product %s by now", target.ErrMoved, agreement, ref(agreement, lines[0].ID), it.Identifier)
	}
	n := newAddition{Bill: it.bill(), Quantity: quantity, Effective: t.client.today().wire()}
	n.Product.ID = productID
	made, err := t.client.addAddition(ctx, agreement, n, t.client.gate(planned.AgreementType))
	proves := func(a *addition) bool {
		return a.Product.ID == productID && (a.AgreementID == 0 || a.AgreementID == agreement) && a.Quantity.String() == strconv.FormatInt(quantity, 10)
	}
	if err != nil && !errors.Is(err, errUnconfirmed) {
		return target.Applied{}, fmt.Errorf("agreement %d: %w", agreement, err)
	}
	if err != nil || !proves(made) {
		lines, err := t.openLines(ctx, agreement, productID)
		if err != nil || len(lines) != 1 || !proves(&lines[0]) {
			return target.Applied{}, fmt.Errorf("%w: agreement %d: a line of product %s was asked for and cannot be found as asked; the next run finds out",
				rest.ErrOutcomeUnknown, agreement, it.Identifier)
		}
		made = &lines[0]
	}
	applied := target.Applied{Object: *ch.After}
	applied.Object.Ref = ref(agreement, made.ID)
	setLine(&applied.Object, made, t.client.config.Gone == GoneCancel)
	if made.UnitPrice.String() != plan.Number(planned.UnitPrice) {
		applied.Notes = append(applied.Notes, plan.Violation{Code: "price_changed", Key: ch.Key.ID, Note: true, Message: fmt.Sprintf(
			"the new line %s of %s costs %s a unit, where the catalogue says %s; check it before the next invoice",
			applied.Object.Ref, ch.Label, priceOrNone(made.UnitPrice), cmp.Or(plan.Price(planned.UnitPrice), "empty"))})
	}
	return applied, nil
}

// openLines reads the lines of a product that bill now or will.
func (t *Target) openLines(ctx context.Context, agreement, product int) ([]addition, error) {
	rows, err := t.client.additionsOf(ctx, agreement, product)
	if err != nil {
		return nil, err
	}
	today := t.client.today()
	out := rows[:0]
	for _, row := range rows {
		// The filter is the server's; what it lets through is looked at again.
		if row.Product.ID == product && (row.Cancelled == 0 || row.Cancelled >= today) {
			out = append(out, row)
		}
	}
	return out, nil
}
