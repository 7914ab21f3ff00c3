package money

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"syncd/internal/directory"
)

// A Freeze is the days around the invoice run of each month in which nobody writes
// to agreements of some types.
type Freeze struct {
	AgreementTypes []string `yaml:"agreement_types" json:"agreement_types"` // shell patterns; none = all
	InvoiceRun     string   `yaml:"invoice_run" json:"invoice_run"`         // a day of the month, last, or last-business
	Before         int      `yaml:"before" json:"before"`                   // days before the run
	After          int      `yaml:"after" json:"after"`                     // days after it
}

// The words for the day of an invoice run.
const (
	RunLast         = "last"          // the last day of the month
	RunLastBusiness = "last-business" // the last day of the month that is no Saturday or Sunday
)

// A HandFreeze is one that a person began.
type HandFreeze struct {
	AgreementType string    `json:"agreement_type,omitempty"` // a shell pattern; empty = all
	From          time.Time `json:"from"`
	Until         time.Time `json:"until"` // the last day, at midnight UTC
	Reason        string    `json:"reason"`
	By            string    `json:"by"`
}

// maxFreezeDays is how far a freeze reaches to either side of its run, in days.
const maxFreezeDays = 27

// Check says what is wrong with a freeze, or nil.
func (f Freeze) Check() error {
	if _, ok := f.invoiceRun(2026, time.January); !ok {
		return fmt.Errorf("invoice_run: %q is no day of the month (1 to 31), %s or %s", f.InvoiceRun, RunLast, RunLastBusiness)
	}
	if f.Before < 0 || f.After < 0 || f.Before > maxFreezeDays || f.After > maxFreezeDays {
		return fmt.Errorf("before and after are days, 0 to %d each: got %d and %d", maxFreezeDays, f.Before, f.After)
	}
	for _, pattern := range f.AgreementTypes {
		if err := directory.CheckPattern(pattern); err != nil {
			return fmt.Errorf("agreement_types: %w", err)
		}
	}
	return nil
}

// NeverOpen names an agreement type that some freezes leave no open day, and
// whether there is one.
func NeverOpen(freezes []Freeze) (agreementType string, never bool) {
	names := []string{"*"}
	for _, f := range freezes {
		names = append(names, f.AgreementTypes...)
	}
	first := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range names {
		open := false
		for day := first; !open && day.Before(first.AddDate(1, 2, 0)); day = day.AddDate(0, 0, 1) {
			_, frozen := freezeReason(freezes, nil, name, day)
			open = !frozen
		}
		if !open {
			return name, true
		}
	}
	return "", false
}

// invoiceRun is the day of the invoice run of a month.
func (f Freeze) invoiceRun(year int, month time.Month) (time.Time, bool) {
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC)
	switch f.InvoiceRun {
	case RunLast:
		return last, true
	case RunLastBusiness:
		for last.Weekday() == time.Saturday || last.Weekday() == time.Sunday {
			last = last.AddDate(0, 0, -1)
		}
		return last, true
	}
	n, err := strconv.Atoi(f.InvoiceRun)
	if err != nil || n < 1 || n > 31 {
		return time.Time{}, false
	}
	return time.Date(year, month, min(n, last.Day()), 0, 0, 0, 0, time.UTC), true
}

// frozenUntil is the last day of the freeze that a day lies in.
func (f Freeze) frozenUntil(day time.Time) (until time.Time, frozen bool) {
	for months := -1; months <= 1; months++ {
		run, ok := f.invoiceRun(day.Year(), day.Month()+time.Month(months))
		if !ok {
			continue
		}
		if from, to := run.AddDate(0, 0, -f.Before), run.AddDate(0, 0, f.After); !day.Before(from) && !day.After(to) && to.After(until) {
			until, frozen = to, true
		}
	}
	return until, frozen
}

// Frozen says whether nobody writes to agreements of a type on a day, at midnight
// UTC, until which day (the last one), and why. Freezes that follow each other
// without an open day are one.
func Frozen(freezes []Freeze, byHand []HandFreeze, agreementType string, day time.Time) (until time.Time, why string, frozen bool) {
	why, frozen = freezeReason(freezes, byHand, agreementType, day)
	if !frozen {
		return until, "", false
	}
	for until = day; until.Before(day.AddDate(3, 0, 0)); until = until.AddDate(0, 0, 1) {
		if _, still := freezeReason(freezes, byHand, agreementType, until.AddDate(0, 0, 1)); !still {
			break
		}
	}
	return until, why, true
}

func freezeReason(freezes []Freeze, byHand []HandFreeze, agreementType string, day time.Time) (why string, frozen bool) {
	for _, h := range byHand {
		if !day.Before(h.From) && !day.After(h.Until) && typeMatches([]string{h.AgreementType}, agreementType) {
			return fmt.Sprintf("%s froze it: %s", h.By, h.Reason), true
		}
	}
	for _, f := range freezes {
		if _, ok := f.frozenUntil(day); ok && typeMatches(f.AgreementTypes, agreementType) {
			return "invoices are made (connectwise.freeze)", true
		}
	}
	return "", false
}

// typeMatches reports whether an agreement type fits one of some patterns; no pattern,
// and an empty one, fit all.
func typeMatches(patterns []string, agreementType string) bool {
	return len(patterns) == 0 || slices.Contains(patterns, "") || directory.MatchesAny(patterns, strings.TrimSpace(agreementType))
}

// Window is the freeze that a day lies in, or the next one after it.
func (f Freeze) Window(day time.Time) (from, until time.Time) {
	for months := -1; months <= 2; months++ {
		run, ok := f.invoiceRun(day.Year(), day.Month()+time.Month(months))
		if !ok {
			break
		}
		if from, until = run.AddDate(0, 0, -f.Before), run.AddDate(0, 0, f.After); !until.Before(day) {
			return from, until
		}
	}
	return time.Time{}, time.Time{}
}
