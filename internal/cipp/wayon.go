package cipp

import "strings"

// waysOn are what to do about a tenant that was not read whole, by what the error says; the first
// that fits counts.
var waysOn = []struct{ says, do string }{
	{"Loading data", "Wait: CIPP is still reading this tenant, and the next run asks again. If this stays so for a day, refresh the tenant's cache in CIPP."},
	{"queued", "Wait: CIPP is still reading this tenant, and the next run asks again."},
	{"source no longer lists", "If the tenant has left, ignore it on the mapping page with a reason. If not, look in CIPP whether it is excluded, or whether its GDAP relationship ended."},
	{"answer is empty", "Look in CIPP whether the tenant is excluded, or whether its GDAP relationship ended."},
	{"at all where it listed", "Run CIPP's permission check for the tenant: this is how it answers when it may not read one."},
	{"organization was not answered", "Run CIPP's permission check for the tenant: CIPP does not say whose data it sent."},
	{"makes no sense", "Look at the user or group in Microsoft 365, and refresh the tenant's cache in CIPP."},
	{"", "Run CIPP's permission check for the tenant and refresh its cache; the next run looks again."},
}

// WayOn is what somebody does about a tenant of which an error says that it was not read whole. What the
// error says to do itself comes first: it is behind the last semicolon.
func WayOn(why string) string {
	if _, do, ok := cutLast(why, "; "); ok {
		for _, verb := range []string{"check ", ": check ", "run ", "reset ", "refresh "} {
			if strings.Contains(do, verb) {
				return do
			}
		}
	}
	for _, w := range waysOn {
		if strings.Contains(why, w.says) {
			return w.do
		}
	}
	return ""
}

func cutLast(text, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}
