package pages_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
	"syncd/internal/web/pages/pagestest"
)

// What a person set in ConnectWise on a line is kept until a day, or the line is left alone: either way the
// next run does not want to write over it any more.
func TestAPersonsEditIsKeptOrLeftAlone(t *testing.T) {
	var w *pagestest.World
	for _, c := range []struct {
		name, action string
		form         url.Values
		want         int
	}{
		{"kept until a day that was", "keep", url.Values{"until": {"2020-01-01"}, "reason": {"a project"}}, http.StatusUnprocessableEntity},
		{"left alone without a reason", "leave", url.Values{}, http.StatusUnprocessableEntity},
		{"kept", "keep", url.Values{"until": {time.Now().AddDate(0, 2, 0).Format(time.DateOnly)}, "reason": {"a project"}}, http.StatusSeeOther},
		{"left alone", "leave", url.Values{"reason": {"theirs"}}, http.StatusSeeOther},
	} {
		if w == nil { // what was refused changed nothing
			w = pagestest.Begun(t)
			w.App.Jobs = slices.DeleteFunc(w.App.Jobs, func(j sync.Job) bool { return !slices.Contains(j.Targets, "connectwise") })
			pagestest.Must(t, w.Settle(), w.Play("human-edit"))
		}
		hold, key := theEdit(t, w)
		if hold == nil {
			t.Fatal("no plan would write over an edit")
		}
		c.form.Set("kind", key.Kind)
		c.form.Set("key", key.ID)
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/holds/"+hold.Digest+"/"+c.action, strings.NewReader(c.form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := httptest.NewRecorder()
		w.Handler(pagestest.Somebody("Mara Weiss", app.RoleMapper)).ServeHTTP(answer, r)
		if answer.Code != c.want {
			t.Errorf("%s: got %d: %s", c.name, answer.Code, answer.Body)
			continue
		}
		if _, err := w.Apply(); err != nil {
			t.Fatal(err)
		}
		if _, still := theEdit(t, w); (still == key) != (c.want != http.StatusSeeOther) {
			t.Errorf("%s: the next run would write over %v", c.name, still)
		}
		if c.want == http.StatusSeeOther {
			w = nil
		}
	}
}

// theEdit is the first plan that would write over a person's edit, and the object.
func theEdit(t *testing.T, w *pagestest.World) (*state.Hold, plan.Key) {
	t.Helper()
	holds, err := w.App.Holds(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range holds {
		vs := holds[i].Violations
		if j := slices.IndexFunc(vs, func(v plan.Violation) bool { return v.OverwritesEdit() }); j >= 0 {
			return &holds[i], plan.Key{Kind: vs[j].Kind, ID: vs[j].Key}
		}
	}
	return nil, plan.Key{}
}
