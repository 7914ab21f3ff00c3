package config_test

import (
	"maps"
	"testing"

	"syncd/internal/config"
)

func TestEachSettingOfATypeIsVisitedWithItsPath(t *testing.T) {
	type Inner struct {
		Token hidden `yaml:"token"`
	}
	in := struct {
		Inner  `yaml:",inline"`
		Other  *Inner            `yaml:"other"`
		None   *Inner            `yaml:"none"`
		List   []Inner           `yaml:"list"`
		ByName map[string]hidden `yaml:"by_name"`
		Left   hidden            `yaml:"-"`
	}{Inner{hidden{"a"}}, &Inner{hidden{"b"}}, nil, []Inner{{hidden{"c"}}, {hidden{"d"}}}, map[string]hidden{"x": {"e"}}, hidden{"f"}}
	got := map[string]string{}
	config.Each(&in, func(path string, h *hidden) {
		got[path] = h.text
		h.text += "!"
	})
	want := map[string]string{"token": "a", "other.token": "b", "list[0].token": "c", "list[1].token": "d", "by_name.x": "e"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if in.Token.text != "a!" || in.Other.Token.text != "b!" || in.List[1].Token.text != "d!" || in.ByName["x"].text != "e!" || in.Left.text != "f" {
		t.Errorf("what was made of a setting is not kept: %+v", in)
	}
}
