package secret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/secret"
)

// A place gives what was put there.
type place struct {
	mu    sync.Mutex
	text  string
	err   error
	reads int
}

func (p *place) put(text string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.err = text, err
}

func (p *place) read(context.Context) (string, time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	return p.text, time.Time{}, p.err
}

func TestAKeptSecretIsWhatLiesThereNow(t *testing.T) {
	gone := errors.New("it is gone")
	p := &place{text: "the-first"}
	s := secret.Keep(secret.Place{Name: "/run/secrets/x", Read: p.read})
	if s.Empty() || s.Place() != "/run/secrets/x" || secret.New("x").Place() != "" {
		t.Fatal("a kept secret is not known as one")
	}
	redact := secret.NewRedactor(s, secret.New("an-unkept"))
	var told []string
	s.Tell(func(err error) { told = append(told, fmt.Sprint(err)+" "+redact.Text("of the-second")) })
	for _, c := range []struct {
		what, lies string
		err        error
		want       string
		told       int
	}{
		{"the first reading is no news", "the-first", nil, "the-first", 0},
		{"another one is taken", "the-second", nil, "the-second", 1},
		{"one that cannot be read is not", "", gone, "the-second", 2},
		{"and is told once", "", gone, "the-second", 2},
		{"nothing is no secret", "", nil, "the-second", 3},
		{"the same as before is none", "the-second", nil, "the-second", 3},
		{"a third one", "the-third", nil, "the-third", 4},
	} {
		p.put(c.lies, c.err)
		if got := s.Reveal(); got != c.want || len(told) != c.told {
			t.Errorf("%s: got %s, told %q; want %s, told %d times", c.what, got, told, c.want, c.told)
		}
		if bad := c.err != nil || c.lies == ""; bad != (s.Trouble() != nil) {
			t.Errorf("%s: got trouble %v", c.what, s.Trouble())
		}
	}
	if got := s.Former(); got != "the-second" {
		t.Errorf("got %q as the former one", got)
	}
	if got, want := redact.Text("the-first, the-second, the-third, an-unkept"), strings.TrimSuffix(strings.Repeat("[redacted], ", 4), ", "); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(format, struct{ s secret.String }{s}); strings.Contains(got, "the-") || strings.Contains(got, fmt.Sprintf("%x", "the-third")) {
			t.Errorf("%s shows %s", format, got)
		}
	}
	if !strings.Contains(told[0], "of [redacted]") {
		t.Errorf("got %q: who is told of a secret repeats it", told[0])
	}
}

func TestARemoteSecretIsReadWhereSomebodyRenewsIt(t *testing.T) {
	p := &place{text: "the-first"}
	s := secret.Keep(secret.Place{Name: "vault", Remote: true, Read: p.read})
	if got := s.Reveal(); got != "" || p.reads != 0 || s.Empty() {
		t.Errorf("got %q after %d readings, want none", got, p.reads)
	}
	if err := s.Renew(t.Context()); err != nil || s.Reveal() != "the-first" || p.reads != 1 {
		t.Errorf("got %q, %v", s.Reveal(), err)
	}
	p.put("", errors.New("the vault is locked"))
	if err := s.Renew(t.Context()); err == nil || s.Reveal() != "the-first" || s.Trouble() == nil {
		t.Errorf("got %v and %q, want what is in the way and the former", err, s.Reveal())
	}
}

func TestManyWhoRenewAtOnceShareAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		s := secret.Keep(secret.Place{Name: "vault", Remote: true, Read: func(context.Context) (string, time.Time, error) {
			reads++
			time.Sleep(time.Second)
			return "text", time.Time{}, nil
		}})
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { _ = s.Renew(t.Context()) })
		}
		group.Wait()
		if reads > 2 { // the one under way when they asked, and one that began later
			t.Errorf("got %d readings for 50 who asked at once", reads)
		}
	})
}

func TestAKeptSecretIsSharedByMany(t *testing.T) {
	p := &place{text: "the-first"}
	s := secret.Keep(secret.Place{Name: "file", Read: p.read})
	redact := secret.NewRedactor(s)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 200 {
				if i == 0 {
					p.put(fmt.Sprintf("number-%d", n%4), nil) // no more than are looked for
				}
				if text := s.Reveal(); redact.Text(text) != secret.Redacted {
					t.Errorf("%q is shown", text)
				}
			}
		})
	}
	group.Wait()
}
