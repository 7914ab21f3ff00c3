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

// licences documents what is bought, and apart from it what nobody pays for.
func (w *wishList) licences() error {
	licences, err := w.snapshot.Licences.Items()
	if err != nil {
		return err
	}
	bought, assigned, unassigned, gratis := 0, 0, 0, 0
	disputed, unread, gratisUnread := false, false, false
	var products, free, among []string
	for i := range licences {
		l := &licences[i]
		name := cmp.Or(oneLine(l.Name), directory.ProductName(l.SKU, l.PartNumber))
		w.products[strings.ToLower(l.SKU)] = name
		have, used, left := itoa(l.Purchased), itoa(l.Assigned), itoa(l.Unassigned())
		gratis += l.Trial
		gratisUnread = gratisUnread || l.Unread != ""
		if l.NobodyPays() {
			gratis += l.Purchased
			if have = itoa(l.Purchased + l.Trial); l.Unread != "" {
				have, used = "?", "?"
			}
			free = append(free, row(name, l.PartNumber, have, used, remarks(l)))
			among = append(among, row(name, l.PartNumber, "-", used, "-", strings.TrimPrefix(remarks(l)+", free of charge", ", ")))
			continue
		}
		switch {
		case l.Unread != "":
			have, used, left, disputed, unread = "?", "?", "?", true, true
		case l.Disputed != "":
			have, left, disputed = "?", "?", true
		}
		bought, assigned, unassigned = bought+l.Purchased, assigned+l.Assigned, unassigned+l.Unassigned()
		products = append(products, row(name, l.PartNumber, have, used, left, remarks(l)))
	}
	subscriptions, next := w.subscriptions(licences)
	v := values{
		fieldTitle:        plan.Value{"Microsoft 365 licences"},
		"products":        setValue(products),
		"gratis_products": setValue(free),
		"renewals":        setValue(subscriptions),
		"next_renewal":    dateValue(next),
		fieldLinks:        w.licencesLinks(),
	}
	if !unread {
		v["assigned"] = numberValue(assigned)
	}
	if !disputed {
		v["bought"], v["free"] = numberValue(bought), numberValue(unassigned)
	}
	if !gratisUnread {
		v["gratis"] = numberValue(gratis)
	}
	if !w.has(kindLicences, "gratis_products") { // until the upgrade they stand among the others
		v["products"] = setValue(append(products, among...))
	}
	w.add(kindLicences, w.customer.Key, "Microsoft 365 licences", nil, v)
	return nil
}

// remarks are what is worth knowing of a product's units.
func remarks(l *directory.Licence) string {
	var out []string
	for _, r := range []struct {
		n    int
		what string
	}{{l.Trial, "trial"}, {l.Grace, "in grace"}, {l.Suspended, "suspended"}} {
		if r.n > 0 {
			out = append(out, itoa(r.n)+" "+r.what)
		}
	}
	switch {
	case l.Unread != "":
		out = append(out, "what the source says of it makes no sense")
	case l.Disputed != "":
		out = append(out, "Microsoft's own answers disagree")
	}
	return strings.Join(out, ", ")
}

// subscriptions are the rows of all purchases, and when the next paid one ends.
func (w *wishList) subscriptions(licences []directory.Licence) (rows []string, next time.Time) {
	times := map[string]int{}
	for i := range licences {
		for _, s := range licences[i].Subscriptions {
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
			times[row(w.products[strings.ToLower(licences[i].SKU)], status, itoa(s.Total), day)]++
		}
	}
	for text, n := range times {
		if n > 1 { // a set holds each row once
			text += " (" + itoa(n) + " times)"
		}
		rows = append(rows, text)
	}
	return rows, next
}
