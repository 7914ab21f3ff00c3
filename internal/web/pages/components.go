package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"syncd/internal/visible"
)

// A tag is a word in a box. Tone is trouble, attention, good or plain.
type tag struct{ Text, Tone string }

// A pager leads through the pages of a list.
type pager struct {
	From, To, Total int    // Total is 0 where nobody counted them
	Former, Next    string // addresses; empty where there are none
}

// More reports whether the list has more than one page.
func (p pager) More() bool { return p.Former != "" || p.Next != "" }

// pageField is the part of an address that says which page of a list is shown.
const pageField = "page"

// paged is the part of a list of so many items that a request asks for, first to last, and
// the way to the others.
func paged(r *http.Request, total, size int) (first, last int, p pager) {
	n := max(1, min(pageAsked(r), (total+size-1)/size))
	first, last = (n-1)*size, min(n*size, total)
	p = pager{From: min(first+1, total), To: last, Total: total}
	if n > 1 {
		p.Former = otherPage(r, n-1)
	}
	if last < total {
		p.Next = otherPage(r, n+1)
	}
	return first, last, p
}

// mostPages is more than any list has.
const mostPages = 1_000_000

// wrongPage refuses a page of a list that is none.
func wrongPage(r *http.Request) error {
	text := r.URL.Query().Get(pageField)
	if n, err := strconv.Atoi(text); text != "" && (err != nil || n < 1 || n > mostPages) {
		return fail(http.StatusUnprocessableEntity, "%s: %q is no page of a list; the first is 1", pageField, visible.Clip(text, 40))
	}
	return nil
}

// wrongChoice refuses a choice of a filter that there is none of: shown as if nothing was chosen, it
// would be more than was asked for.
func (q *request) wrongChoice(name string, known ...string) error {
	if v := q.URL.Query().Get(name); v != "" && !slices.Contains(known, v) {
		return fail(http.StatusUnprocessableEntity, "%s: there is no %q; one of %s", name, visible.Clip(v, 40), strings.Join(known, ", "))
	}
	return nil
}

// pageAsked is the page of a list that a request asks for; the first is 1.
func pageAsked(r *http.Request) int {
	n, _ := strconv.Atoi(r.URL.Query().Get(pageField))
	return max(1, n)
}

// uncounted is the pager of a list of which a page was read, so many items after the first
// ones, and which nobody counted.
func uncounted(r *http.Request, first, items int, more bool) (p pager) {
	p = pager{From: first + 1, To: first + items}
	if n := pageAsked(r); n > 1 {
		p.Former = otherPage(r, n-1)
	}
	if more {
		p.Next = otherPage(r, pageAsked(r)+1)
	}
	return p
}

// otherPage is the address of another page of the list.
func otherPage(r *http.Request, n int) string {
	query := url.Values{}
	for name, values := range r.URL.Query() {
		if name != noticeField && name != pageField {
			query[name] = values
		}
	}
	if n > 1 {
		query.Set(pageField, strconv.Itoa(n))
	}
	return (&url.URL{Path: r.URL.Path, RawQuery: query.Encode()}).String()
}

// An asking is a form behind a button that asks for something, a reason at most, before it is sent.
type asking struct {
	Button, Do string // what opens it, what sends it
	To         string // the address that takes it
	Hidden     []field
	Fields     []field
	Quiet      bool
}

// A field of a form.
type field struct {
	Name, Label, Value string
	Type               string // of HTML; a text by default
	Min                string
	Required           bool
}
