package app

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What was built since is told of no more as something that is not there yet.
func TestASettingThatIsNotThereYetIsNot(t *testing.T) {
	for _, s := range laterSettings {
		at := reflect.TypeFor[Config]()
		for name := range strings.SplitSeq(s.path, ".") {
			if i := slices.IndexFunc(Systems, func(l Line) bool { return l.Section == name }); i >= 0 && name != s.path {
				at = reflect.TypeOf(Systems[i].New().Config())
			} else {
				at = settingOf(at, name)
			}
		}
		if at != nil {
			t.Errorf("%s is built, and stands in laterSettings", s.path)
		}
	}
}

// settingOf is the type of a setting in a group, or nil.
func settingOf(group reflect.Type, name string) reflect.Type {
	for group != nil && group.Kind() == reflect.Pointer {
		group = group.Elem()
	}
	if group == nil || group.Kind() != reflect.Struct {
		return nil
	}
	for f := range group.Fields() {
		tag, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if tag == name {
			return f.Type
		}
		if strings.Contains(options, "inline") {
			if t := settingOf(f.Type, name); t != nil {
				return t
			}
		}
	}
	return nil
}
