package cipp

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
)

func TestMailServersAreReadInEveryShape(t *testing.T) {
	for in, want := range map[string][]string{
		`["mx2.example", "mx1.example"]`:                               {"mx2.example", "mx1.example"},
		`[{"Hostname":"x.mail.protection.outlook.com.","Priority":0}]`: {"x.mail.protection.outlook.com"},
		`{"hostname":"one.example","priority":"10"}`:                   {"one.example"},
		`"one.example"`: {"one.example"},
		`[{"Priority":0}, null, {"Name":"zone","Exchange":"by.name.example"}]`: {"by.name.example"},
		`null`: nil,
		`[]`:   nil,
	} {
		var got hosts
		if err := json.Unmarshal([]byte(in), &got, tolerant); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
}
