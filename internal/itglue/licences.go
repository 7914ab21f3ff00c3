package itglue

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/plan"
)

// sizeSteps are the limits between which sizes are shown, in GB.
var sizeSteps = []int64{1, 2, 5, 10, 25, 50, 100}

const gigabyte = 1 << 30

// sizeStepAt is the i-th step: its limits in GB and how it is shown.
func sizeStepAt(i int) (low, high int64, text string) {
	switch {
	case i == 0:
		return 0, sizeSteps[0], fmt.Sprintf("under %d GB", sizeSteps[0])
	case i == len(sizeSteps):
		return sizeSteps[i-1], 1 << 20, fmt.Sprintf("over %d GB", sizeSteps[i-1])
	}
	return sizeSteps[i-1], sizeSteps[i], fmt.Sprintf("%d-%d GB", sizeSteps[i-1], sizeSteps[i])
}

// sizeText shows a size in steps. A size that is only just beyond the step shown
// now stays there: one that wavers about a limit would be written in every run.
func sizeText(bytes int64, now string) string {
	for i := range len(sizeSteps) + 1 {
		if low, high, text := sizeStepAt(i); text == now && bytes >= low*gigabyte/100*95 && bytes < high*gigabyte/100*105 {
			return text
		}
	}
	i := 0
	for i < len(sizeSteps) && bytes >= sizeSteps[i]*gigabyte {
		i++
	}
	_, _, text := sizeStepAt(i)
	return text
}

// licences documents what is bought, and apart from it what nobody pays for.
func (b *desiredBuilder) licences() error {
	licences, err := b.snapshot.Licences.Items()
	if err != nil {
		return err
	}
	bought, assigned, unassigned, gratis := 0, 0, 0, 0
	disputed, unread, gratisUnread := false, false, false
	var products, free, among []string
	for i := range licences {
		l := &licences[i]
		name := cmp.Or(oneLine(l.Name), directory.ProductName(l.SKU, l.PartNumber))
		b.productNames[strings.ToLower(l.SKU)] = name
		have, used, left := itoa(l.Purchased), itoa(l.Assigned), itoa(l.Unassigned())
		gratis += l.Trial
		gratisUnread = gratisUnread || l.Unread != ""
		if l.IsFree() {
			gratis += l.Purchased
			if have = itoa(l.Purchased + l.Trial); l.Unread != "" {
				have, used = "?", "?"
			}
			free = append(free, row(name, l.PartNumber, have, used, unitRemarks(l)))
			among = append(among, row(name, l.PartNumber, "-", used, "-", strings.TrimPrefix(unitRemarks(l)+", free of charge", ", ")))
			continue
		}
		switch {
		case l.Unread != "":
			have, used, left, disputed, unread = "?", "?", "?", true, true
		case l.Disputed != "":
			have, left, disputed = "?", "?", true
		}
		bought, assigned, unassigned = bought+l.Purchased, assigned+l.Assigned, unassigned+l.Unassigned()
		products = append(products, row(name, l.PartNumber, have, used, left, unitRemarks(l)))
	}
	subscriptions, next := b.subscriptions(licences)
	v := fieldValues{
		fieldTitle:        plan.Value{"Microsoft 365 licences"},
		"products":        setValue(products),
		"gratis_products": setValue(free),
		"renewals":        setValue(subscriptions),
		"next_renewal":    dateValue(next),
		fieldLinks:        b.licencesLinks(),
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
	if !b.hasField(kindLicences, "gratis_products") { // until the upgrade they stand among the others
		v["products"] = setValue(append(products, among...))
	}
	b.add(kindLicences, b.customer.Key, "Microsoft 365 licences", "", v)
	return nil
}

// unitRemarks are what is worth knowing of a product's units.
func unitRemarks(l *directory.Licence) string {
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
func (b *desiredBuilder) subscriptions(licences []directory.Licence) (rows []string, next time.Time) {
	times := map[string]int{}
	for i := range licences {
		for _, s := range licences[i].Subscriptions {
			day := "-"
			if !s.Renews.IsZero() {
				day = s.Renews.UTC().Format(time.DateOnly)
				if s.Status == "Enabled" && !s.Trial && s.Renews.After(b.snapshot.TakenAt) && (next.IsZero() || s.Renews.Before(next)) {
					next = s.Renews
				}
			}
			status := s.Status
			if s.Trial {
				status += " (trial)"
			}
			times[row(b.productNames[strings.ToLower(licences[i].SKU)], status, itoa(s.Total), day)]++
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
