package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Each visits every setting of type T in what into points to, with its path as the file has
// it, and takes over what visit makes of it.
func Each[T any](into any, visit func(path string, setting *T)) {
	each(reflect.ValueOf(into).Elem(), "", visit)
}

func each[T any](v reflect.Value, path string, visit func(path string, setting *T)) {
	if v.Type() == reflect.TypeFor[T]() {
		visit(path, v.Addr().Interface().(*T))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			each(v.Elem(), path, visit)
		}
	case reflect.Struct:
		for f, field := range v.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			switch {
			case !f.IsExported() || name == "-":
			case strings.Contains(options, "inline"):
				each(field, path, visit)
			case name != "":
				each(field, strings.TrimPrefix(path+"."+name, "."), visit)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			each(v.Index(i), fmt.Sprintf("%s[%d]", path, i), visit)
		}
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return
		}
		for _, key := range v.MapKeys() {
			entry := reflect.New(v.Type().Elem()).Elem() // entries of a map cannot be written in their place
			entry.Set(v.MapIndex(key))
			each(entry, strings.TrimPrefix(path+"."+key.String(), "."), visit)
			v.SetMapIndex(key, entry)
		}
	}
}
