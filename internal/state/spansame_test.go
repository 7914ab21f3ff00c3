package state

import (
	"reflect"
	"testing"
	"time"

	"syncd/internal/plan"
)

func spanOfEverything() *Span {
	return &Span{Override: &SpanOverride{}, Explanation: &plan.Explanation{People: []string{""}}, Names: []string{""},
		Rules: []SpanRule{{}}, Subscriptions: []SpanSubscription{{}}}
}

func TestSpansAreComparedByAllThatTheySay(t *testing.T) {
	unread := map[string]bool{"From": true, "To": true, "Why": true, "CountedAt": true, "Proof": true}
	seen := map[string]string{SpansDigest([]Span{*spanOfEverything()}): "nothing"}
	changed := func(what string, x *Span, same bool) {
		if got := spanOfEverything().Same(x); got != same {
			t.Errorf("%s changed: got same %t, want %t", what, got, same)
		}
		digest := SpansDigest([]Span{*x})
		if other, met := seen[digest]; met != same {
			t.Errorf("%s changed: got the digest of %q, want that only where nothing is compared", what, other)
		}
		seen[digest] = what
	}
	n := 0
	for _, name := range fields(reflect.TypeFor[Span](), nil, "") {
		x := spanOfEverything()
		set(t, reflect.ValueOf(x).Elem(), name.index)
		changed(name.path, x, unread[reflect.TypeFor[Span]().Field(name.index[0]).Name])
		n++
	}
	if n < 60 {
		t.Errorf("got %d fields, want all of them", n)
	}
	for what, change := range map[string]func(*Span){
		"no override": func(x *Span) { x.Override = nil }, "no explanation": func(x *Span) { x.Explanation = nil },
		"no names": func(x *Span) { x.Names = nil }, "no rules": func(x *Span) { x.Rules = nil },
		"no subscriptions": func(x *Span) { x.Subscriptions = nil }, "nobody gone": func(x *Span) { x.Explanation.People = nil },
		"a second name": func(x *Span) { x.Names = append(x.Names, "") },
	} {
		x := spanOfEverything()
		change(x)
		changed(what, x, false)
	}
}

func TestAnEmptyListSaysWhatNoneSays(t *testing.T) {
	none, empty := &Span{}, &Span{Rules: []SpanRule{}, Names: []string{}, Subscriptions: []SpanSubscription{}}
	if !none.Same(empty) {
		t.Error("got a change, want none")
	}
}

type field struct {
	path  string
	index []int
}

// fields are the paths to every plain field; a pointer and a list count as what they hold.
func fields(of reflect.Type, index []int, path string) (out []field) {
	if of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of == reflect.TypeFor[time.Time]() {
		return []field{{path, index}}
	}
	for i := range of.NumField() {
		f := of.Field(i)
		out = append(out, fields(f.Type, append(index[:len(index):len(index)], i), path+"."+f.Name)...)
	}
	return out
}

// set puts another value into a field.
func set(t *testing.T, v reflect.Value, index []int) {
	for {
		switch v.Kind() {
		case reflect.Pointer:
			v = v.Elem()
			continue
		case reflect.Slice:
			v = v.Index(0)
			continue
		}
		if len(index) == 0 {
			break
		}
		v, index = v.Field(index[0]), index[1:]
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1, 1)))
	case v.Kind() == reflect.String:
		v.SetString("x")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Int:
		v.SetInt(1)
	default:
		t.Fatalf("a field of type %s is not known here", v.Type())
	}
}
