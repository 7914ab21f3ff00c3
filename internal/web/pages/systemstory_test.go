package pages_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"syncd/internal/app"
	"syncd/internal/web/pages/pagestest"
)

// A technician finds a tenant that CIPP may not read, checks every system and reads what to do.
func TestTheSystemIsChecked(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle(), w.Play("failing-tenant"))
	viewer := w.Serve(pagestest.Somebody("Vera Lind", app.RoleViewer))
	for _, scripts := range []bool{true, false} {
		pagestest.Must(t, b.Scripts(scripts), b.Open(viewer+"/system"))
		pagestest.Must(t, b.See("h1", "are not proven"), b.See("main", "Look in CIPP whether the tenant is excluded"))
		pagestest.Must(t, b.Click("a[href='/system/check']"))
		pagestest.Must(t, b.See("h1", "found something wrong"), b.See("main", "it may be excluded, or its GDAP relationship may have ended"))
	}
	// A program gets the same, and who asks again at once gets the same check.
	var first, second app.Checked
	for _, into := range []*app.Checked{&first, &second} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, viewer+"/system/check", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(answer.Body).Decode(into)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(err, answer.Status)
		}
	}
	if len(first.Checks) < 20 || !first.At.Equal(second.At) {
		t.Errorf("got %+v, then one of %s", first, second.At)
	}
}
