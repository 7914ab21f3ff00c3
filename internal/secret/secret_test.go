package secret_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/rs/zerolog"
	"github.com/sethvargo/go-envconfig"
	"go.yaml.in/yaml/v4"

	"syncd/internal/secret"
)

const plain = "hunter2-0x7f"

type holder struct {
	Name  string
	Token secret.String
	inner secret.String
}

func TestNoWayOfPrintingShowsTheSecret(t *testing.T) {
	s := secret.New(plain)
	h := &holder{Name: "n", Token: s, inner: s}
	ways := map[string]func() string{
		"Sprint":  func() string { return fmt.Sprint(s) },
		"pointer": func() string { return fmt.Sprint(&s) },
		"slice": func() string {
			return fmt.Sprintf("%v %+v %#v", []secret.String{s}, []secret.String{s}, []secret.String{s})
		},
		"map key":       func() string { return fmt.Sprint(map[secret.String]int{s: 1}) },
		"struct":        func() string { return fmt.Sprintf("%v %+v %#v", *h, *h, *h) },
		"error":         func() string { return fmt.Errorf("token %v: %w", s, errors.New("x")).Error() },
		"encoding/json": func() string { b, _ := json.Marshal(h); return string(b) },
		"json v2":       func() string { b, _ := jsonv2.Marshal(h); return string(b) },
		"json map key":  func() string { b, _ := json.Marshal(map[secret.String]int{s: 1}); return string(b) },
		"yaml":          func() string { b, _ := yaml.Dump(h); return string(b) },
		"zerolog": func() string {
			var b bytes.Buffer
			l := zerolog.New(&b)
			l.Info().Object("a", s).Interface("b", s).Any("c", h).Stringer("d", s).EmbedObject(s).Msg("x")
			return b.String()
		},
		"slog": func() string {
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, nil)).Info("x", "a", s, "b", h)
			slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "a", s, "b", h)
			return b.String()
		},
	}
	for _, verb := range "vsqxXdtbcoUeEfFgGp" {
		ways["%"+string(verb)] = func() string { return fmt.Sprintf("%"+string(verb)+" %#"+string(verb)+" %+10"+string(verb), s, s, s) }
	}
	for name, way := range ways {
		got := way()
		for _, leak := range []string{plain, "hunter2", fmt.Sprintf("%x", plain), "104 117 110"} {
			if strings.Contains(got, leak) {
				t.Errorf("%s: got %s, which shows %q", name, got, leak)
			}
		}
		// fmt does not ask a value about %p; it prints the handle's address.
		if name != "%p" && !strings.Contains(got, secret.Redacted) {
			t.Errorf("%s: got %s, want %s in it", name, got, secret.Redacted)
		}
	}
}

func TestAnEmptySecretPrintsAsNothing(t *testing.T) {
	var s secret.String
	b, err := json.Marshal(s)
	if got := fmt.Sprintf("%v%s%#v", s, s, s); got != "" || string(b) != `""` || err != nil {
		t.Errorf("got %q and %s (%v), want nothing and \"\"", got, b, err)
	}
	if !s.Empty() || s.Reveal() != "" || s != secret.New("") {
		t.Errorf("the zero value is not empty: %q", s.Reveal())
	}
	if got, want := secret.New(plain), secret.New(strings.Clone(plain)); got != want || !reflect.DeepEqual(got, want) || got.Empty() {
		t.Error("two secrets of one text are not equal")
	}
}

func TestYAMLReadsSecretsAsTheyAreWritten(t *testing.T) {
	for in, want := range map[string]string{
		"token: hunter2":              "hunter2",
		"token: 0123":                 "0123",
		"token: 1e5":                  "1e5",
		"token: true":                 "true",
		`token: "a: b # c"`:           "a: b # c",
		"token: |-\n  line1\n  line2": "line1\nline2",
		"token:":                      "",
		"token: ~":                    "",
		`token: ""`:                   "",
		"base: &x s3\ntoken: *x":      "s3",
	} {
		var got struct {
			Base  string
			Token secret.String
		}
		if err := yaml.Load([]byte(in), &got); err != nil {
			t.Errorf("%q: %v", in, err)
		} else if got.Token.Reveal() != want {
			t.Errorf("%q: got %q, want %q", in, got.Token.Reveal(), want)
		}
	}
}

func TestWhatIsNoSecretIsRefusedWithoutRepeatingIt(t *testing.T) {
	for in, want := range map[string]string{
		"token: [hunter2]":    "not a single text",
		"token: {hunter2: x}": "not a single text",
		`token: "[redacted]"`: "write the secret itself",
	} {
		var got struct{ Token secret.String }
		err := yaml.Load([]byte(in), &got)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got error %v, want one with %q", in, err, want)
		}
	}
}

func TestEnvironmentAndJSONFillASecret(t *testing.T) {
	var c struct {
		Token secret.String `env:"TOKEN, overwrite"`
	}
	c.Token = secret.New("old")
	err := envconfig.ProcessWith(context.Background(), &envconfig.Config{Target: &c, Lookuper: envconfig.MapLookuper(map[string]string{"TOKEN": plain})})
	if err != nil || c.Token.Reveal() != plain {
		t.Errorf("environment: got %q, %v; want %q", c.Token.Reveal(), err, plain)
	}
	var s secret.String
	if err := json.Unmarshal([]byte(`"a\"b"`), &s); err != nil || s.Reveal() != `a"b` {
		t.Errorf("json: got %q, %v", s.Reveal(), err)
	}
}
