package signin

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/state"
)

// over asks a handler without a network, so that time may be simulated.
func over(h http.Handler, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, bytes.NewBufferString(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestASessionEndsByTime(t *testing.T) {
	file := usersFile(t, "ada", "right")
	st := store(t)
	synctest.Test(t, func(t *testing.T) {
		h := gate(t, Options{Mode: Basic, Store: st, Basic: BasicOptions{file}}).Handler(inside)
		enter := func() func() int {
			w := over(h, "POST", "/signin", "user=ada&password=right")
			cookie := w.Result().Cookies()[0]
			return func() int { return over(h, "GET", "/", "", func(r *http.Request) { r.AddCookie(cookie) }).Code }
		}
		for _, c := range []struct {
			name  string
			every time.Duration // between requests
			lasts time.Duration
		}{
			{"used now and then", 50 * time.Minute, 11*time.Hour + 40*time.Minute}, // the next would be at 12:30
			{"used all the time", time.Minute, 12*time.Hour - time.Minute},
			{"left alone", time.Hour, 0},
			{"left alone for less", 59 * time.Minute, 11*time.Hour + 48*time.Minute},
		} {
			ask, began := enter(), time.Now()
			for {
				time.Sleep(c.every)
				if ask() != 200 {
					break
				}
			}
			if got := time.Since(began) - c.every; got != c.lasts {
				t.Errorf("%s: it lasted %s, want %s", c.name, got, c.lasts)
			}
		}
		// What ended is gone from the state with the next sign-in.
		enter()
		if all, _, err := read[session](t.Context(), st, state.SessionsDocument); err != nil || len(all) != 1 {
			t.Errorf("got %d sessions, %v", len(all), err)
		}
		oldest := enter()
		for range mostOpen {
			enter()
		}
		if oldest() == 200 {
			t.Error("one person has more sessions than there may be")
		}
	})
}

func TestGuessingIsSlow(t *testing.T) {
	file := usersFile(t, "ada", "right", "bob", "right")
	st := store(t)
	synctest.Test(t, func(t *testing.T) {
		h := gate(t, Options{Mode: Basic, Store: st, Basic: BasicOptions{file}}).Handler(inside)
		try := func(user, password, from string) (int, int) {
			w := over(h, "POST", "/signin", url.Values{"user": {user}, "password": {password}}.Encode(), func(r *http.Request) { r.RemoteAddr = from })
			wait, _ := strconv.Atoi(w.Header().Get("Retry-After"))
			return w.Code, wait
		}
		expect := func(what, user, password, from string, status, wait int) {
			t.Helper()
			if got, after := try(user, password, from); got != status || after != wait {
				t.Errorf("%s: got %d, wait %d; want %d, wait %d", what, got, after, status, wait)
			}
		}
		for i := range 10 {
			expect("wrong from many addresses", "ada", "wrong", "10.0.0."+strconv.Itoa(i)+":1", 401, 0)
			time.Sleep(time.Second)
		}
		expect("the eleventh", "ada", "wrong", "10.0.0.99:1", 429, 50)
		expect("the right one, then", " ADA ", "right", "10.0.0.99:1", 429, 50)
		expect("somebody else", "bob", "right", "10.0.0.99:1", 303, 0)
		time.Sleep(50 * time.Second)
		expect("a minute after the first", "ada", "right", "10.0.0.99:1", 303, 0)
		time.Sleep(time.Minute)
		for range 10 {
			expect("many names from one address", "user"+time.Now().String(), "wrong", "[2001:db8::1]:1", 401, 0)
			time.Sleep(time.Millisecond)
		}
		expect("another address of the same network", "bob", "right", "[2001:db8::2]:1", 429, 60)
		expect("another network", "bob", "right", "[2001:db8:1::2]:1", 303, 0)
		time.Sleep(time.Minute)
		for range 30 {
			expect("right ones are not counted", "bob", "right", "10.0.0.1:1", 303, 0)
		}
		// Those that come at the same time are no more than others.
		codes := make(chan int)
		for range 40 {
			go func() { code, _ := try("ada", "wrong", "10.0.0.1:1"); codes <- code }()
		}
		count := map[int]int{}
		for range 40 {
			count[<-codes]++
		}
		if count[401] != 10 || count[429] != 30 {
			t.Errorf("at the same time: got %v", count)
		}
	})
}

func TestAThrottleForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle{now: time.Now}
		for i := range mostKeys {
			th.attempt(strconv.Itoa(i))
		}
		if _, wait := th.attempt("one more"); wait == 0 {
			t.Error("more keys are remembered than there may be")
		}
		time.Sleep(within)
		if _, wait := th.attempt("one more"); wait != 0 || len(th.wrong) != 1 {
			t.Errorf("got %s, %d keys", wait, len(th.wrong))
		}
	})
}

func TestATokenLastsUntilItExpiresOrIsRevoked(t *testing.T) {
	st := store(t)
	synctest.Test(t, func(t *testing.T) {
		g := gate(t, Options{Mode: None, Store: st})
		h := g.Handler(inside)
		made, text, err := g.tokens.Create(t.Context(), Token{Name: "n8n", Role: "approver", By: "Olga", Expires: time.Now().Add(48 * time.Hour)}, none)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(scheme, text string) *httptest.ResponseRecorder {
			return over(h, "GET", "/", "", func(r *http.Request) { r.Header.Set("Authorization", scheme+" "+text) })
		}
		if w := ask("Bearer", text); w.Code != 200 || !strings.Contains(w.Body.String(), `"Role":"approver"`) || !strings.Contains(w.Body.String(), `"How":"token n8n, created by Olga"`) {
			t.Errorf("got %d: %s", w.Code, w.Body)
		}
		if w := ask("bearer", text); w.Code != 200 {
			t.Errorf("a scheme has no case: got %d", w.Code)
		}
		for _, wrong := range []string{text[:len(text)-1], text + "x", strings.ToUpper(text), made.Digest, made.ID, ""} {
			if w := ask("Bearer", wrong); w.Code != 401 {
				t.Errorf("%q: got %d", wrong, w.Code)
			}
		}
		version := func() int {
			d, err := st.Document(t.Context(), state.TokensDocument)
			if err != nil || strings.Contains(string(d.Body), text) {
				t.Fatalf("the state holds the token, or %v", err)
			}
			return d.Version
		}
		before := version()
		for range 100 {
			ask("Bearer", text)
			time.Sleep(time.Minute)
		}
		if writes := version() - before; writes > 2 {
			t.Errorf("a hundred uses cost %d writes", writes)
		}
		time.Sleep(47 * time.Hour)
		if w := ask("Bearer", text); w.Code != 401 {
			t.Errorf("expired: got %d", w.Code)
		}
		second, text, err := g.tokens.Create(t.Context(), Token{Role: "viewer", Expires: time.Now().Add(time.Hour)}, none)
		if err != nil || ask("Bearer", text).Code != 200 {
			t.Fatal(err)
		}
		if _, err := g.tokens.Revoke(t.Context(), second.ID, none); err != nil || ask("Bearer", text).Code != 401 {
			t.Errorf("revoked: %v", err)
		}
		if all, err := g.tokens.List(t.Context()); err != nil || len(all) != 1 || all[0].ID != made.ID || all[0].LastUsed.IsZero() {
			t.Errorf("got %+v, %v", all, err)
		}
	})
}
