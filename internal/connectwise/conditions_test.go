package connectwise

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	cwsim "syncd/internal/simulator/connectwise"
)

func TestConditionsAsTheServerReadsThem(t *testing.T) {
	text := func(c condition, ok bool) string {
		if !ok {
			return "cannot be written"
		}
		return c.text
	}
	for got, want := range map[string]string{
		isInt(fieldCompanyID, 250).text:                                                       `company/id=250`,
		isBool(fieldDeleted, false).text:                                                      `deletedFlag=false`,
		inInts(fieldID, []int{1, 2, 3}).text:                                                  `id in (1,2,3)`,
		inTexts(fieldIdentifier, []string{"a", `b"c`}).text:                                   `identifier in ("a",'b"c')`,
		inInts(fieldID, []int{1}).or(inInts(fieldID, []int{2})).text:                          `(id in (1) or id in (2))`,
		inInts(fieldID, []int{1}).or(isInt(fieldID, 2)).and(isBool(fieldDeleted, false)).text: `((id in (1) or id=2) and deletedFlag=false)`,
		condition{}.and(isInt(fieldID, 2)).or(condition{}).text:                               `id=2`,
		text(isText(fieldName, "it's")):                                                       `name="it's"`,
		text(isText(fieldName, `a "b"`)):                                                      `name='a "b"'`,
		text(isText(fieldName, `it's "b"`)):                                                   "cannot be written",
		text(isText(fieldName, "line\nbreak")):                                                "cannot be written",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestChunksFitAndLoseNothing(t *testing.T) {
	var ids []int
	for i := range 5000 {
		ids = append(ids, 1_000_000+i)
	}
	var seen []int
	n := 0
	for part, where := range chunks(ids, func(ids []int) condition { return inInts(fieldID, ids) }) {
		if size := len(url.QueryEscape(where.text)); size > longestCondition {
			t.Errorf("chunk %d: got %d characters, want %d at most", n, size, longestCondition)
		}
		seen = append(seen, part...)
		n++
	}
	if !slices.Equal(seen, ids) {
		t.Errorf("got %d ids, want all %d in order", len(seen), len(ids))
	}
	if n > 40 {
		t.Errorf("got %d chunks, want no more than are needed", n)
	}
	long := strings.Repeat("x", 3000)
	for part := range chunks([]string{long, "a"}, func(s []string) condition { return inTexts(fieldIdentifier, s) }) {
		if len(part) != 1 {
			t.Errorf("got %d values beside one that is too long, want it alone", len(part))
		}
	}
	for range chunks(nil, func(ids []int) condition { return inInts(fieldID, ids) }) {
		t.Error("got a condition for nothing")
	}
}

// Whatever stands in a text, the server must read it as that text and nothing
// else: it finds the one product that is called so, and never another.
func FuzzTextsStayTexts(f *testing.F) {
	for _, s := range []string{"M365-BP", `a"b`, `it's`, `" or id>0 or identifier="`, `') or (id>0`, `%`, `*`, `[x]`, `\`, `\"`, "ä ß", "a,b", "null", "true", "2026-01-01", "\x00", "\xff", " "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !quotable(text) || len(url.QueryEscape(text)) > 1000 {
			return // such a text is never asked for: see resolve
		}
		w := seed()
		w.Products = append(w.Products, &cwsim.Product{ID: 800, Identifier: text, Description: "the one"})
		h := newHarness(t, w, rules())
		rows, err := list[item](t.Context(), h.client, request{at: epCatalogue}, inTexts(fieldIdentifier, []string{text, "nobody is called so"}))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, row := range rows {
			if !strings.EqualFold(row.Identifier, text) {
				t.Errorf("%q: got product %q", text, row.Identifier)
			}
		}
		if text != "" && !slices.ContainsFunc(rows, func(i item) bool { return i.ID == 800 }) {
			t.Errorf("%q: got %d products, want the one called so", text, len(rows))
		}
	})
}
