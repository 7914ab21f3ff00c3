package serving

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// A Fault happens to one request. The zero Fault is none.
type Fault struct {
	Kind       FaultKind
	Delay      time.Duration // before anything else happens
	RetryAfter int           // seconds, where the kind has such a header; 0 = what the vendor's Faults say
	RetryDate  bool          // Retry-After is an HTTP date instead of seconds
}

// FaultKind names what happens to a request. Each vendor has kinds of its own.
type FaultKind string

// What can happen to any connection. "Committed" means that the server has done
// what it was asked before it happens.
const (
	Dropped          FaultKind = "connection dropped before anything was done"
	DroppedCommitted FaultKind = "connection dropped, committed"
	CutBody          FaultKind = "connection dropped in the middle of the body, committed"
)

// End is how the answer to a request with this fault ends.
func (f Fault) End() End {
	switch f.Kind {
	case Dropped, DroppedCommitted:
		return Unsent
	case CutBody:
		return Cut
	}
	return Whole
}

// RetryAfter is the value of that header.
func RetryAfter(seconds int, date bool) string {
	if date {
		return time.Now().Add(time.Duration(seconds) * time.Second).UTC().Format(http.TimeFormat)
	}
	return strconv.Itoa(seconds)
}

// HTMLPage is what a gateway says, instead of the API behind it.
func HTMLPage(status int) []byte {
	return fmt.Appendf(nil, "<html>\r\n<head><title>%d %[2]s</title></head>\r\n<body><center><h1>%[1]d %[2]s</h1></center></body>\r\n</html>\r\n", status, http.StatusText(status))
}
