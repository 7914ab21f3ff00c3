package connectwise

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"syncd/internal/plan"
)

// What the lines of one product in one agreement mean. A line is
//
//	ended     its last day (cancelledDate) was before today
//	future    its first day (effectiveDate) is after today
//	open      otherwise; today is the first day of one and the last of another
//
// and bills if billCustomer is Billable. The first row that fits decides:
//
//	lines of the product                       what becomes of it
//	any with a first or last day that is no date   conflict bad_date
//	any, ended                                 history: as if it were not there
//	any, open, not Billable                    left alone, with the note do_not_bill
//	none open and Billable, one open that is not   nothing: no line is made beside it
//	none open, one future                      conflict future_line
//	none at all                                missing; an inactive product is not made (note product_inactive)
//	two or more open and Billable              conflict duplicate_lines, unless a person accepted one of them: then that one, and a note on the others
//	one open and Billable, quantity absent, negative or broken   conflict bad_quantity
//	one open and Billable, that ends by itself the line that is kept in step while it lasts, with the note ending_line
//	one open and Billable                      the line that is kept in step
//
// Where a licence that is gone is cancelled at the end of the period, a line
// that ends exactly then is one that we left so: it is retired, and its
// quantity goes on being kept while it lasts.
//
// A product that the catalogue does not settle (resolveAmong) is frozen: its
// lines cannot be told from others.

// A finding is what decide makes of one product in one agreement.
type finding struct {
	object   *plan.Object    // the line that is kept in step
	conflict *plan.Violation // frozen, whatever the source says
	// wanted freezes the product where its licence is there, unwanted where it
	// is not; the object is nil or must then not be touched.
	wanted, unwanted *plan.Violation
	notes            []plan.Violation
}

// A question is one product of the rules in one agreement.
type question struct {
	key       plan.Key
	label     string
	agreement *agreement
	item      *item
	accepted  string // ref of the line that a person accepted as the one, or empty
	today     day
	cancels   bool // gone is cancel-at-period-end
}

// codeEnding is the code of the note on a line that ends by itself.
const codeEnding = "ending_line"

func (q *question) decide(rows []addition) finding {
	var f finding
	var open, notBillable, future []*addition
	for i := range rows {
		row := &rows[i]
		switch {
		case row.Product.ID != q.item.ID:
		case row.Cancelled == unreadable || row.Effective == unreadable:
			f.conflict = q.hold("bad_date", "%s has a line whose first or last day is no date (%s): correct it in ConnectWise", q.label, q.ref(row))
			return f
		case row.ended(q.today):
		case row.Effective > q.today:
			future = append(future, row)
		case row.Bill != billable:
			notBillable = append(notBillable, row)
		default:
			open = append(open, row)
		}
	}
	var others []*addition
	if len(open) > 1 && q.accepted != "" {
		i := slices.IndexFunc(open, func(a *addition) bool { return q.ref(a) == q.accepted })
		if i >= 0 {
			others = slices.Delete(slices.Clone(open), i, i+1)
			open = open[i : i+1]
		}
	}
	switch {
	case len(open) == 0 && len(notBillable) > 0:
		f.conflict = q.note(plan.DoNotBill, "%s is on agreement %d as a line that is not billed (%s): it is left alone, and no line is made beside it",
			q.label, q.agreement.ID, q.lines(notBillable))
		return f
	case len(open) == 0 && len(future) > 0:
		f.conflict = q.hold("future_line", "%s is not billed yet on agreement %d: its line begins later (%s); bring its date forward, or wait",
			q.label, q.agreement.ID, q.lines(future))
		return f
	case len(open) == 0 && q.item.Inactive:
		f.wanted = q.note("product_inactive",
			"%s has no line on agreement %d, and none is made: product %s is inactive in ConnectWise; activate it, or name another product in the rule",
			q.label, q.agreement.ID, q.item.Identifier)
		return f
	case len(open) == 0:
		return f
	}
	if len(notBillable) > 0 {
		f.notes = append(f.notes, *q.note(plan.DoNotBill,
			"%s has a line beside it that is not billed (%s): it is left alone", q.label, q.lines(notBillable)))
	}
	if len(open) > 1 {
		f.conflict = q.hold("duplicate_lines",
			"%s is billed by %d lines on agreement %d (%s): end all but one in ConnectWise, or say which one is to be kept in step (syncd matches accept)",
			q.label, len(open), q.agreement.ID, q.lines(open))
		for _, row := range open {
			label := fmt.Sprintf("%s since %s", row.units(), row.Effective)
			f.conflict.Candidates = append(f.conflict.Candidates, plan.Candidate{Ref: q.ref(row), Label: label})
		}
		return f
	}
	if len(others) > 0 {
		f.notes = append(f.notes, *q.note("duplicate_lines",
			"%s is also billed by %s, which is left alone: a person accepted %s", q.label, q.lines(others), q.accepted))
	}
	line := open[0]
	if n, whole := line.Quantity.whole(); !whole || n < 0 {
		f.conflict = q.hold("bad_quantity", "%s has a quantity that is no number of licences on %s: correct it in ConnectWise", q.label, q.lines(open))
		return f
	}
	f.object = q.object(line)
	if line.Cancelled == 0 {
		return f
	}
	if q.cancels && line.Cancelled == periodEnd(q.agreement.next, q.agreement.cycle.months(), q.today) {
		f.object.Retired = true
		f.notes = append(f.notes, *q.note(codeEnding, "%s ends on %s (%s); take the date out in ConnectWise if its licence is to be billed after that",
			q.label, line.Cancelled, q.ref(line)))
		return f
	}
	f.unwanted = q.note(codeEnding,
		"%s ends on %s on agreement %d (%s): its licence is gone, and it is left to end", q.label, line.Cancelled, q.agreement.ID, q.lines(open))
	f.notes = append(f.notes, *q.note(codeEnding,
		"%s ends on %s on agreement %d (%s) and is kept in step until then: take the date out in ConnectWise if it is to go on, or make the line that follows it",
		q.label, line.Cancelled, q.agreement.ID, q.lines(open)))
	return f
}

// ended reports whether a line has ended.
func (a *addition) ended(today day) bool {
	return a.Cancelled != 0 && a.Cancelled != unreadable && a.Cancelled < today
}

// otherLines are the lines of the product that have not ended and are not the one
// that is kept in step: for people to see, never to be compared.
func (q *question) otherLines(rows []addition, kept *plan.Object) []plan.Object {
	var out []plan.Object
	for i := range rows {
		row := &rows[i]
		if row.Product.ID != q.item.ID || row.ended(q.today) || kept != nil && kept.Ref == q.ref(row) {
			continue
		}
		o := q.object(row)
		if row.Effective != unreadable && row.Effective > q.today {
			o.Billing.Idle = "from " + row.Effective.String()
		}
		out = append(out, *o)
	}
	return out
}

// has reports whether a line is one of the product.
func (q *question) has(rows []addition, ref string) bool {
	return slices.ContainsFunc(rows, func(a addition) bool { return a.Product.ID == q.item.ID && q.ref(&a) == ref })
}

func (q *question) ref(a *addition) string { return ref(q.agreement.ID, a.ID) }

func (q *question) hold(code, format string, args ...any) *plan.Violation {
	return &plan.Violation{Code: code, Key: q.key.ID, NeedsRepair: true, Message: fmt.Sprintf(format, args...)}
}

func (q *question) note(code, format string, args ...any) *plan.Violation {
	return &plan.Violation{Code: code, Key: q.key.ID, Note: true, Message: fmt.Sprintf(format, args...)}
}

// lines lists lines with what tells them apart.
func (q *question) lines(rows []*addition) string {
	texts := make([]string, len(rows))
	for i, a := range rows {
		texts[i] = fmt.Sprintf("line %s: %s", q.ref(a), a.units())
		if a.Bill != billable {
			texts[i] += ", " + a.Bill
		}
		if a.Effective > q.today {
			texts[i] += ", from " + a.Effective.String()
		}
		if a.Cancelled != 0 {
			texts[i] += ", until " + a.Cancelled.String()
		}
	}
	return strings.Join(texts, "; ")
}

// units are what a line bills of what.
func (a *addition) units() string {
	quantity := cmp.Or(a.Quantity.String(), "no quantity")
	if !a.UnitPrice.set {
		return quantity + " without a price"
	}
	return fmt.Sprintf("%s at %s", quantity, plan.Price(a.UnitPrice.value()))
}

// The kind of object that this target holds, and its managed fields.
const (
	kindAddition   = "addition"
	fieldQuantity  = plan.FieldQuantity
	fieldCancelled = plan.FieldCancelled
)

// object shows a line as the loop sees it.
func (q *question) object(a *addition) *plan.Object {
	o := &plan.Object{Key: q.key, Label: q.label, Ref: q.ref(a), Billing: q.billing(), Facts: q.agreement.facts()}
	setLine(o, a, q.cancels)
	return o
}

// billing is what a line's agreement and product say of it.
func (q *question) billing() *plan.Billing {
	b := q.agreement.billing()
	b.Product, b.ProductID, b.UnitPrice = q.item.Identifier, strconv.Itoa(q.item.ID), q.item.Price.value()
	return b
}

// billing is what an agreement says of its lines.
func (a *agreement) billing() *plan.Billing {
	b := &plan.Billing{
		Agreement: strconv.Itoa(a.ID), AgreementName: a.Name, AgreementType: a.Type.Name, Cycle: a.cycle.months(), Currency: a.Currency.code(),
		NextInvoice: a.next.String(), Prorates: a.Prorate, Unclear: a.unclear(),
	}
	if a.Parent != nil {
		b.Parent = strconv.Itoa(a.Parent.ID)
	}
	return b
}

// facts are what people are shown of a line's company.
func (a *agreement) facts() []plan.Fact {
	return []plan.Fact{{Name: "company", Value: a.Company.Name}, {Name: "company_id", Value: strconv.Itoa(a.Company.ID)}}
}

// billingOf is an object's billing; empty where it says nothing.
func billingOf(o *plan.Object) plan.Billing {
	if o.Billing == nil {
		return plan.Billing{}
	}
	return *o.Billing
}

// setLine puts what a line says of itself into an object.
func setLine(o *plan.Object, a *addition, cancels bool) {
	o.Fields = plan.Fields{
		{Name: fieldCancelled, Value: plan.Value{a.Cancelled.String()}},
		{Name: fieldQuantity, Value: plan.Value{a.Quantity.String()}},
	}
	n, whole := a.Quantity.whole()
	o.Retired = whole && n == 0 || cancels && a.Cancelled != 0
	b := billingOf(o) // a copy: the plan keeps what it saw
	if price := a.UnitPrice.value(); price != nil {
		b.UnitPrice = price // a line without a price keeps the catalogue's
	}
	b.UnitCost = a.UnitCost.value()
	b.LessIncluded, b.Effective = a.LessIncluded.value(), a.Effective.String()
	b.Bill, b.Billable = a.Bill, a.Bill == billable
	o.Billing, o.Edited = &b, a.edited()
}
