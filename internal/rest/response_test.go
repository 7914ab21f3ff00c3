package rest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type answer struct {
	ID    int      `json:"id"`
	Name  string   `json:"displayName"`
	Items []string `json:"items"`
}

func TestJSONIsReadAsVendorsWriteIt(t *testing.T) {
	before := answer{ID: 7, Name: "before"}
	for body, want := range map[string]answer{
		`{"id":1,"displayName":"a"}`:                 {ID: 1, Name: "a"},
		`{"ID":1,"DisplayName":"a"}`:                 {ID: 1, Name: "a"},
		`{"id":1,"id":2,"displayname":"a"}`:          {ID: 2, Name: "a"},
		`{"id":1,"displayName":"a","more":{"x":[]}}`: {ID: 1, Name: "a"},
		"\xef\xbb\xbf \r\n{\"id\":1}\n":              {ID: 1, Name: "before"},
		"{\"displayName\":\"a\xff\"}":                {ID: 7, Name: "a\ufffd"},
		`{"items":["x"]}`:                            {ID: 7, Name: "before", Items: []string{"x"}},
		"":                                           before,
		" \n":                                        before,
		"\xef\xbb\xbf":                               before,
	} {
		got := before
		if err := (&Response{Status: 200, Body: []byte(body)}).JSON(&got); err != nil {
			t.Errorf("%q: %v", body, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", body, diff)
		}
	}
}

func TestWhatIsNotJSONSaysWhy(t *testing.T) {
	for body, want := range map[string]string{
		"<!DOCTYPE html><title>Sign in</title>": "acme: GET /x: 200: HTML where JSON was due: wrong base URL, or a proxy in between",
		"\n <html>":                             "acme: GET /x: 200: HTML where JSON was due",
		`{"id":`:                                "acme: GET /x: 200: answer not understood: ",
		`{"id":"one"}`:                          "acme: GET /x: 200: answer not understood: ",
		`[1]`:                                   "acme: GET /x: 200: answer not understood: ",
		`Not JSON`:                              "acme: GET /x: 200: answer not understood: ",
	} {
		r, err := client(t, script(says(200, body))).Do(t.Context(), Get("x"))
		if err != nil {
			t.Fatal(err)
		}
		err = r.JSON(&answer{})
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, want %s…", body, err, want)
		} else if e := theError(t, err); e.Temporary {
			t.Errorf("%q: is called temporary", body)
		}
	}
}

func TestExcerptIsOneShortLine(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\n\tb\x00c\u2028d\u0085e": `a b\u0000c d e`,
		"  a  ":                       "a",
		"a\xff":                       "a?",
		strings.Repeat("é", 200):      strings.Repeat("é", 200),
		strings.Repeat("é", 201):      strings.Repeat("é", 200) + "…",
	} {
		if got := Excerpt(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestAnErrorReadsAsOneSentence(t *testing.T) {
	for want, e := range map[string]*Error{
		"connectwise: PATCH /finance/agreements/55/additions/910: 403: member syncd may not edit; grant the right": {
			System: "connectwise", Method: "PATCH", Path: "/finance/agreements/55/additions/910", Status: 403, Message: "member syncd may not edit", Remedy: "grant the right"},
		"a: GET /x: 404: Not Found":   {System: "a", Method: "GET", Path: "/x", Status: 404},
		"a: GET /x: 400: Code":        {System: "a", Method: "GET", Path: "/x", Status: 400, Code: "Code"},
		"a: GET /x: 400: Code: words": {System: "a", Method: "GET", Path: "/x", Status: 400, Code: "Code", Message: "words"},
		"a: GET /x: 400: Code: w":     {System: "a", Method: "GET", Path: "/x", Status: 400, Code: "Code", Message: "Code: w"},
		"words":                       {Message: "words"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	// Callers copy errors to add a remedy; what they are must survive that.
	_, err := client(t, script(fails(errReset))).Do(t.Context(), Request{Method: "POST", Path: "x"})
	named := *theError(t, err)
	named.Remedy = "look first"
	if !errors.Is(&named, ErrOutcomeUnknown) || !strings.HasSuffix(named.Error(), "; whether it took effect is not known; look first") {
		t.Errorf("got %v", &named)
	}
	if !slices.Equal(theError(t, err).Unwrap(), named.Unwrap()) {
		t.Error("a copy has other causes")
	}
}
