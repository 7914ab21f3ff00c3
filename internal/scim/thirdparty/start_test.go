package thirdparty_test

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"syncd/internal/scim/thirdparty"
)

func TestMain(m *testing.M) {
	status := m.Run()
	if err := thirdparty.End(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func TestAServerAnswersToItsTokenOnly(t *testing.T) {
	for _, name := range thirdparty.Names() {
		t.Run(name, func(t *testing.T) {
			base, token := thirdparty.Start(t, name)
			if !strings.HasPrefix(base, "http://127.0.0.1:") || !strings.HasSuffix(base, "/v2") {
				t.Errorf("got %s, want a base on the loopback interface that ends in /v2", base)
			}
			for shown, want := range map[string]int{token: http.StatusOK, "another": http.StatusUnauthorized} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/Users?count=1", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+shown)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("got %d, want %d", resp.StatusCode, want)
				}
			}
		})
	}
}

// A recordingTB is a test that ends where it is skipped or fails, and says which.
type recordingTB struct {
	testing.TB
	skipped, failed string
}

func (w *recordingTB) Helper() {}

func (w *recordingTB) Skip(args ...any) {
	w.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}

func (w *recordingTB) Fatalf(format string, args ...any) {
	w.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// started says how a test fares that wants a server.
func started(t *testing.T, name string) *recordingTB {
	w := &recordingTB{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		thirdparty.Start(w, name)
	}()
	<-done
	return w
}

func TestWithoutNodeATestSaysThatItDoesNotRun(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	w := started(t, thirdparty.SCIMMY)
	if want := "Node.js is not installed: third-party SCIM servers are not exercised"; w.skipped != want || w.failed != "" {
		t.Errorf("got %q, %q, want it to be skipped: %s", w.skipped, w.failed, want)
	}
}

func TestAServerThatThereIsNotFailsTheTest(t *testing.T) {
	w := started(t, "scummy")
	if want := `there is no server called "scummy", only scimmy, scimmy unpaged, scimmy put, scimpatch, betterauth, betterauth limited`; w.failed != want || w.skipped != "" {
		t.Errorf("got %q, %q, want it to fail: %s", w.failed, w.skipped, want)
	}
}
