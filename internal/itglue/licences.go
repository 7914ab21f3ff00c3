package itglue

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/plan"
)

// steps are the limits between which sizes are shown, in GB.
var steps = []int64{1, 2, 5, 10, 25, 50, 100}

const gigabyte = 1 << 30

// stepAt is the i-th step: its limits in GB and how it is shown.
func stepAt(i int) (low, high int64, text string) {
	switch {
	case i == 0:
		return 0, steps[0], fmt.Sprintf("under %d GB", steps[0])
	case i == len(steps):
		return steps[i-1], 1 << 20, fmt.Sprintf("over %d GB", steps[i-1])
	}
	return steps[i-1], steps[i], fmt.Sprintf("%d-%d GB", steps[i-1], steps[i])
}

// bucket shows a size in steps. A size that is only just beyond the step shown
// now stays there: one that wavers about a limit would be written every night.
func bucket(bytes int64, now string) string {
	for i := range len(steps) + 1 {
		if low, high, text := stepAt(i); text == now && bytes >= low*gigabyte/100*95 && bytes < high*gigabyte/100*105 {
			return text
		}
	}
	i := 0
	for i < len(steps) && bytes >= steps[i]*gigabyte {
		i++
	}
	_, _, text := stepAt(i)
	return text
}

func (w *wishList) licences() error {
	licences, err := w.snapshot.Licences.Items()
	if err != nil {
		return err
	}
	bought, assigned, free, disputed, unread := 0, 0, 0, false, false
	var products []string
	renewals := map[string]int{}
	var next time.Time
	for i := range licences {
		l := &licences[i]
		name := cmp.Or(oneLine(l.Name), directory.ProductName(l.SKU, l.PartNumber))
		w.products[strings.ToLower(l.SKU)] = name
		var remarks []string
		remark := func(n int, what string) {
			if n > 0 {
				remarks = append(remarks, itoa(n)+" "+what)
			}
		}
		remark(l.Trial, "trial")
		remark(l.Grace, "in grace")
		remark(l.Suspended, "suspended")
		have, used, left := itoa(l.Purchased), itoa(l.Assigned), itoa(l.Unassigned())
		switch {
		case l.Unread != "":
			have, used, left, disputed, unread = "?", "?", "?", true, true
			remarks = append(remarks, "what the source says of it makes no sense")
		case l.Disputed != "":
			have, left, disputed = "?", "?", true
			remarks = append(remarks, "Microsoft's own answers disagree")
		}
		bought, assigned, free = bought+l.Purchased, assigned+l.Assigned, free+l.Unassigned()
		products = append(products, row(name, l.PartNumber, have, used, left, strings.Join(remarks, ", ")))
		for _, s := range l.Subscriptions {
			day := "-"
			if !s.Renews.IsZero() {
				day = s.Renews.UTC().Format(time.DateOnly)
				if s.Status == "Enabled" && !s.Trial && s.Renews.After(w.snapshot.TakenAt) && (next.IsZero() || s.Renews.Before(next)) {
					next = s.Renews
				}
			}
			status := s.Status
			if s.Trial {
				status += " (trial)"
			}
			renewals[row(name, status, itoa(s.Total), day)]++
		}
	}
	var subscriptions []string
	for text, n := range renewals {
		if n > 1 { // a set holds each row once
			text += " (" + itoa(n) + " times)"
		}
		subscriptions = append(subscriptions, text)
	}
	v := values{
		fieldTitle:     plan.Value{"Microsoft 365 licences"},
		"products":     setValue(products),
		"renewals":     setValue(subscriptions),
		"next_renewal": dateValue(next),
	}
	if !unread {
		v["assigned"] = numberValue(assigned)
	}
	if !disputed {
		v["bought"], v["free"] = numberValue(bought), numberValue(free)
	}
	w.add(kindLicences, w.customer.Key, "Microsoft 365 licences", nil, v)
	return nil
}
