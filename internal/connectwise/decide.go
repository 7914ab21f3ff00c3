package connectwise

import (
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

func (q *question) decide(rows []addition) finding {
	var f finding
	var open, silent, future []*addition
	for i := range rows {
		row := &rows[i]
		switch {
		case row.Product.ID != q.item.ID:
		case row.Cancelled == unreadable || row.Effective == unreadable:
			f.conflict = q.hold("bad_date", "%s has a line whose first or last day is no date (%s): correct it in ConnectWise", q.label, q.ref(row))
			return f
		case row.over(q.today):
		case row.Effective > q.today:
			future = append(future, row)
		case row.Bill != billable:
			silent = append(silent, row)
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
	case len(open) == 0 && len(silent) > 0:
		f.conflict = q.note("do_not_bill", "%s is on agreement %d as a line that is not billed (%s): it is left alone, and no line is made beside it",
			q.label, q.agreement.ID, q.lines(silent))
		return f
	case len(open) == 0 && len(future) > 0:
		f.conflict = q.hold("future_line", "%s is not billed yet on agreement %d: its line begins later (%s); bring its date forward, or wait",
			q.label, q.agreement.ID, q.lines(future))
		return f
	case len(open) == 0 && q.item.Inactive:
		f.wanted = q.note("product_inactive", "%s has no line on agreement %d, and none is made: product %s is inactive in ConnectWise; activate it, or name another product in the rule",
			q.label, q.agreement.ID, q.item.Identifier)
		return f
	case len(open) == 0:
		return f
	}
	if len(silent) > 0 {
		f.notes = append(f.notes, *q.note("do_not_bill", "%s has a line beside it that is not billed (%s): it is left alone", q.label, q.lines(silent)))
	}
	if len(open) > 1 {
		f.conflict = q.hold("duplicate_lines", "%s is billed by %d lines on agreement %d (%s): end all but one in ConnectWise, or say which one is to be kept in step (syncd matches accept)",
			q.label, len(open), q.agreement.ID, q.lines(open))
		for _, row := range open {
			f.conflict.Candidates = append(f.conflict.Candidates, plan.Candidate{Ref: q.ref(row), Label: fmt.Sprintf("%s since %s", row.Quantity, row.Effective)})
		}
		return f
	}
	if len(others) > 0 {
		f.notes = append(f.notes, *q.note("duplicate_lines", "%s is also billed by %s, which is left alone: a person accepted %s", q.label, q.lines(others), q.accepted))
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
	if q.cancels && line.Cancelled == periodEnd(q.agreement.NextInvoice.day, cycleMonths(q.agreement.cycle), q.today) {
		f.object.Retired = true
		f.notes = append(f.notes, *q.note("ending_line", "%s ends on %s (%s); take the date out in ConnectWise if its licence is to be billed after that",
			q.label, line.Cancelled, q.ref(line)))
		return f
	}
	f.unwanted = q.note("ending_line", "%s ends on %s on agreement %d (%s): its licence is gone, and it is left to end", q.label, line.Cancelled, q.agreement.ID, q.lines(open))
	f.notes = append(f.notes, *q.note("ending_line", "%s ends on %s on agreement %d (%s) and is kept in step until then: take the date out in ConnectWise if it is to go on, or make the line that follows it",
		q.label, line.Cancelled, q.agreement.ID, q.lines(open)))
	return f
}

// over reports whether a line has ended.
func (a *addition) over(today day) bool {
	return a.Cancelled != 0 && a.Cancelled != unreadable && a.Cancelled < today
}

// beside are the lines of the product that have not ended and are not the one
// that is kept in step: for people to see, never to be compared.
func (q *question) beside(rows []addition, kept *plan.Object) []plan.Object {
	var out []plan.Object
	for i := range rows {
		row := &rows[i]
		if row.Product.ID != q.item.ID || row.over(q.today) || kept != nil && kept.Ref == q.ref(row) {
			continue
		}
		o := q.object(row)
		if row.Effective != unreadable && row.Effective > q.today {
			o.Info[plan.InfoIdle] = "from " + row.Effective.String()
		}
		out = append(out, *o)
	}
	return out
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
		quantity := a.Quantity.String()
		if quantity == "" {
			quantity = "no quantity"
		}
		texts[i] = fmt.Sprintf("line %s: %s at %s", q.ref(a), quantity, a.UnitPrice)
		if !a.UnitPrice.set {
			texts[i] = fmt.Sprintf("line %s: %s without a price", q.ref(a), quantity)
		}
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

// The kind of object that this target holds, and its managed fields.
const (
	kindAddition   = "addition"
	fieldQuantity  = "quantity"
	fieldCancelled = "cancelled" // the last billed day, YYYY-MM-DD, or empty
)

// object shows a line as the loop sees it.
func (q *question) object(a *addition) *plan.Object {
	o := &plan.Object{Key: q.key, Label: q.label, Ref: q.ref(a), Info: q.info()}
	show(o, a, q.cancels)
	return o
}

// info are the facts about a line that come from its agreement and product.
func (q *question) info() map[string]string {
	info := agreementInfo(q.agreement)
	info["product"], info["product_id"] = q.item.Identifier, strconv.Itoa(q.item.ID)
	info["unit_price"] = q.item.Price.String()
	return info
}

func agreementInfo(a *agreement) map[string]string {
	info := make(map[string]string, 16)
	info["agreement"], info["agreement_name"] = strconv.Itoa(a.ID), a.Name
	info["company"], info["company_id"] = a.Company.Name, strconv.Itoa(a.Company.ID)
	info["cycle_months"] = cycleMonths(a.cycle)
	if code := a.Currency.code(); code != "" {
		info[plan.InfoCurrency] = code
	}
	if a.NextInvoice.day != 0 {
		info["next_invoice"] = a.NextInvoice.String()
	}
	return info
}

// show puts what a line says of itself into an object.
func show(o *plan.Object, a *addition, cancels bool) {
	o.Fields = plan.Fields{{Name: fieldCancelled, Value: plan.Value{a.Cancelled.String()}}, {Name: fieldQuantity, Value: plan.Value{a.Quantity.String()}}}
	n, whole := a.Quantity.whole()
	o.Retired = whole && n == 0 || cancels && a.Cancelled != 0
	if price := a.UnitPrice.String(); price != "" || o.Info["unit_price"] == "" {
		o.Info["unit_price"] = price // a line without a price keeps the catalogue's
	}
	o.Info["less_included"] = a.LessIncluded.String()
	o.Info["bill"], o.Info["effective"] = a.Bill, a.Effective.String()
	o.Info["updated_by"], o.Info["updated_at"] = a.Info.UpdatedBy, a.Info.LastUpdated
	o.Edited = a.edited()
}
