package itglue

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"syncd/internal/plan"
)

func TestHTMLIsComparedByWhatItShows(t *testing.T) {
	for _, tt := range []struct {
		form form
		in   string
		want []string
	}{
		{formList, `<ul><li>a</li><li>b &amp; c</li></ul>`, []string{"a", "b & c"}},
		{formList, "<UL CLASS='x'>\n<LI STYLE=\"a>b\">b&nbsp;&amp; c</LI>\n<li>a<!-- no --></li></UL>\n", []string{"a", "b & c"}},
		{formList, `a<br>b<br/>  <script>alert(1)</script>`, []string{"a", "b"}},
		{formLong, `<p>one</p><div>two  <b>three</b></div>`, []string{"one\ntwo three"}},
		{formRows, `<table><thead><tr><th>Head</th><th>Er</th></tr></thead><tbody><tr><td>1</td><td>2 | 3</td></tr></tbody></table>`,
			[]string{"1 | 2 | 3"}},
		{formRows, "<table>\n<tr><td><p>1</p></td>\n<td>2</td></tr>\n<tr><td>0</td><td> </td></tr></table>", []string{"0", "1 | 2"}},
		{formList, `a<style>p > b { }</style><!-- <p>no</p> --><p title="x>y">b`, []string{"a", "b"}},
		{formList, `a<script>if (1 < 2) { b`, []string{"a"}},
		{formLong, `<h2>one</h2>&#116;wo&hellip; <unknown>three</unknown><!DOCTYPE html>`, []string{"one\ntwo… three"}},
		{formList, `5 < 6 and <notatag`, []string{"5 < 6 and <notatag"}},
	} {
		raw, err := json.Marshal(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := observedValue(tt.form, raw); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

// Whatever a list holds: what is written reads back as what was wanted.
func TestWhatIsWrittenReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.String()).Draw(t, "texts")
		cells := rapid.SliceOf(rapid.SliceOfN(rapid.String(), 1, 4)).Draw(t, "cells")
		var rows []string
		for _, c := range cells {
			rows = append(rows, row(c...))
		}
		for _, tt := range []struct {
			form form
			want plan.Value
		}{{formList, setValue(texts)}, {formLong, longValue(strings.Join(texts, "\n"))}, {formRows, setValue(rows)}, {formText,
			textValue(strings.Join(texts, " "))}} {
			text := ""
			if tt.form == formText {
				if len(tt.want) > 0 {
					text = tt.want[0]
				}
			} else {
				text = writeHTML(field{form: tt.form, head: []string{"A"}}, tt.want)
			}
			raw, err := json.Marshal(text, jsontext.AllowInvalidUTF8(true))
			if err != nil {
				t.Fatal(err)
			}
			if got := observedValue(tt.form, raw); !got.Equal(tt.want) {
				t.Fatalf("%s: got %q, want %q", tt.form, got, tt.want)
			}
		}
	})
}

func TestLongListsAreCutWithAPlainStatement(t *testing.T) {
	var many []string
	for i := range 4821 {
		many = append(many, fmt.Sprintf("Somebody %04d (somebody%04d@contoso.example)", i, i))
	}
	v := setValue(many)
	if len(v) != longestList+1 || !slices.Contains(v, "… and 4321 more in Microsoft 365") {
		t.Errorf("got %d entries, the last %q", len(v), v[len(v)-1])
	}
	if html := writeHTML(field{form: formList}, v); len(html) > longestTextbox || !strings.HasSuffix(html, "more in Microsoft 365</li></ul>") {
		t.Errorf("got %d bytes", len(html))
	}
	for i := range many {
		many[i] = strings.Repeat("&", 200) + many[i]
	}
	v = setValue(many)
	if html := writeHTML(field{form: formList}, v); len(html) > longestTextbox || len(v) >= longestList {
		t.Errorf("got %d bytes in %d entries, want fewer", len(html), len(v))
	}
	var labels []string
	for i := range 4821 {
		labels = append(labels, tagLabel("Somebody", id(i+1)))
	}
	if got := len(tagValue(labels)); got != maxTags {
		t.Errorf("got %d tags, want %d", got, maxTags)
	}
}

func TestPhonesAreComparedByDigits(t *testing.T) {
	for in, want := range map[string]string{"+1 (310) 555-0100": "13105550100", "0044 20 7946 0958": "442079460958",
		"310.555.0100 ext. 12": "3105550100 x12", "": "", "none": ""} {
		got := phoneValue(in, "")
		if got.String() != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
	if got := phoneValue("3105550100", "12"); got.String() != "3105550100 x12" {
		t.Errorf("got %q", got)
	}
}

func TestSizesThatWaverStayInTheirStep(t *testing.T) {
	for _, tt := range []struct {
		bytes int64
		now   string
		want  string
	}{
		{500 << 20, "", "under 1 GB"}, {3 << 30, "", "2-5 GB"}, {5 << 30, "", "5-10 GB"}, {5 << 30, "2-5 GB", "2-5 GB"},
		{(5 << 30) - 1, "5-10 GB", "5-10 GB"},
		{6 << 30, "2-5 GB", "5-10 GB"}, {200 << 30, "", "over 100 GB"}, {200 << 30, "nonsense", "over 100 GB"},
	} {
		if got := sizeText(tt.bytes, tt.now); got != tt.want {
			t.Errorf("%d with %q: got %q, want %q", tt.bytes, tt.now, got, tt.want)
		}
	}
}

func TestTagsOfEveryShape(t *testing.T) {
	for in, want := range map[string]string{
		`{"type":"Contacts","values":[{"id":1,"name":"a"},{"id":null,"name":"b"},{"id":"123456789012345678"}]}`: "[1 123456789012345678]",
		`[3,"4"]`: "[3 4]", `[{"id":5}]`: "[5]", `7`: "[7]", `"8"`: "[8]", `null`: "[]", `{}`: "[]",
	} {
		if got := fmt.Sprint(tagIDs(jsontext.Value(in))); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
