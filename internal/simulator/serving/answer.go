package serving

import (
	"context"
	"net/http"
	"time"
)

// Send writes an answer, or the first part bytes of its body.
func Send(w http.ResponseWriter, status int, header http.Header, body []byte, part int) {
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	if len(body) > 0 {
		w.Write(body[:part])
	}
	if part < len(body) {
		// Without a flush net/http would throw away what it has buffered.
		http.NewResponseController(w).Flush()
	}
}

// Pause lets time pass; false if the caller gave up meanwhile.
func Pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
