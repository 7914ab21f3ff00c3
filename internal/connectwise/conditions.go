package connectwise

import (
	"iter"
	"net/url"
	"strconv"
	"strings"
)

// A condition is a filter in ConnectWise's own language. It is made only by
// the functions below, from fields that are constants of this file and from
// values that are numbers, booleans or quoted texts: a filter that says
// something else than was meant moves money.
//
// https://developer.connectwise.com/Best_Practices/PSA_API_Requests (Conditions)
type condition struct{ text string }

// A field is a member that a GET returns and conditions may name.
type field struct{ name string }

var (
	fieldID          = field{"id"}
	fieldIdentifier  = field{"identifier"}
	fieldName        = field{"name"}
	fieldCompanyID   = field{"company/id"}
	fieldProductID   = field{"product/id"}
	fieldAgreementID = field{"agreement/id"}
	fieldApplyToID   = field{"applyToId"}
	fieldDeleted     = field{"deletedFlag"}
	fieldExternalRef = field{"externalXRef"}
	fieldClosed      = field{"closedFlag"}
)

func isBool(f field, v bool) condition { return condition{f.name + "=" + strconv.FormatBool(v)} }
func isInt(f field, v int) condition   { return condition{f.name + "=" + strconv.Itoa(v)} }

// isText compares with a text; ok is false where the text cannot be written.
func isText(f field, v string) (c condition, ok bool) {
	q, ok := quoted(v)
	return condition{f.name + "=" + q}, ok
}

// contains holds of a text that has another one in it; ok is false where that cannot be
// written. What stands for any text in patterns is none here.
func contains(f field, v string) (c condition, ok bool) {
	q, ok := quoted(v)
	return condition{f.name + " contains " + q}, ok && v != "" && !strings.ContainsAny(v, "%*_")
}

// inInts holds of a member that is one of the numbers. Only conditions know
// "in"; childConditions and customFieldConditions do not.
func inInts(f field, vs []int) condition {
	b := make([]byte, 0, len(f.name)+6+7*len(vs))
	b = append(append(b, f.name...), " in ("...)
	for i, v := range vs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(v), 10)
	}
	return condition{string(append(b, ')'))}
}

// inTexts holds of a member that is one of the texts, each of which must be
// one that quotable accepts.
func inTexts(f field, vs []string) condition {
	list := make([]string, 0, len(vs))
	for _, v := range vs {
		if q, ok := quoted(v); ok {
			list = append(list, q)
		}
	}
	return condition{f.name + " in (" + strings.Join(list, ",") + ")"}
}

func (c condition) and(o condition) condition { return join(c, " and ", o) }
func (c condition) or(o condition) condition  { return join(c, " or ", o) }

func join(a condition, word string, b condition) condition {
	switch {
	case a.text == "":
		return b
	case b.text == "":
		return a
	}
	return condition{"(" + a.text + word + b.text + ")"}
}

// quotable reports whether a text can stand in a condition at all.
func quotable(v string) bool {
	_, ok := quoted(v)
	return ok
}

// quoted writes a text between quotes. The vendor documents no way to write
// the quote itself, and clients disagree on whether a backslash escapes it; an
// opening bracket begins a pattern. A text that would need any of this is not
// written: its rows are found by reading more and comparing here.
func quoted(v string) (string, bool) {
	for _, r := range v {
		if r < ' ' || r == 0x7f || r == '[' || r == ']' || r == '\\' || r == '\uFFFD' {
			return "", false
		}
	}
	if !strings.Contains(v, `"`) {
		return `"` + v + `"`, true
	}
	if !strings.Contains(v, `'`) {
		return `'` + v + `'`, true
	}
	return "", false
}

// longestCondition is how many characters of a URL a condition may take, as
// it is written there. The vendor advises 2,000 for the whole URL, of which a
// long host name and the path need some.
const longestCondition = 1700

// fits reports whether a condition leaves room for the rest of the URL.
func (c condition) fits() bool { return len(url.QueryEscape(c.text)) <= longestCondition }

// chunks splits values so that each condition made from a run of them fits.
// Where one value alone does not fit it is yielded alone: the server refuses
// it, and says so.
func chunks[T any](vs []T, make func([]T) condition) iter.Seq2[[]T, condition] {
	return func(yield func([]T, condition) bool) {
		for len(vs) > 0 {
			n := len(vs)
			c := make(vs)
			for n > 1 && !c.fits() {
				// The length grows evenly with the count, so one guess is near enough.
				n = max(1, min(n-1, n*longestCondition/len(url.QueryEscape(c.text))))
				c = make(vs[:n])
			}
			if !yield(vs[:n], c) {
				return
			}
			vs = vs[n:]
		}
	}
}
