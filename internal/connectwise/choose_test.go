package connectwise

import (
	"errors"
	"strings"
	"testing"

	"syncd/internal/mapping"
	"syncd/internal/target"
)

// fit is an agreement against which nothing speaks; edits make it another.
func fit(id int, edits ...func(*agreement)) *agreement {
	a := &agreement{ID: id, Name: "Managed IT", Type: reference{ID: 3, Name: "Managed Services"}, Company: reference{ID: 250, Name: "Contoso Ltd"},
		Start: 20240101, NoEnd: true, Status: "Active", BillingCycle: shownCycle{reference{ID: 2, Name: "Monthly"}, true}, cycle: monthly}
	for _, edit := range edits {
		edit(a)
	}
	return a
}

func TestWhichAgreement(t *testing.T) {
	const today = day(20261121)
	child := func(a *agreement) { a.Parent = &reference{ID: 9, Name: "Parent"} }
	ofType := func(name string) func(*agreement) { return func(a *agreement) { a.Type.Name = name } }
	for _, tt := range []struct {
		name  string
		named int
		there []*agreement
		gone  bool // the company
		want  int
		code  string
		says  []string
	}{
		{name: "the company is gone", gone: true, there: []*agreement{fit(55)}, code: "company_gone", says: []string{"never means no customer"}},
		{name: "no agreement at all", code: "agreement_missing", says: []string{"no agreement at all", "connectwise_agreement"}},
		{name: "the only one that fits", there: []*agreement{fit(55)}, want: 55},
		{name: "the type's case does not matter", there: []*agreement{fit(55, ofType("managed services "))}, want: 55},
		{name: "one that fits among others", there: []*agreement{fit(54, ofType("Projects")), fit(55), fit(56, func(a *agreement) { a.Cancelled = true })}, want: 55},
		{name: "two that fit", there: []*agreement{fit(55), fit(56)}, code: "agreement_ambiguous", says: []string{`55 "Managed IT" (Managed Services, Active) fits`, `56 "Managed IT"`, "connectwise_agreement"}},
		{name: "a child beside one that fits", there: []*agreement{fit(55), fit(56, child)}, code: "agreement_ambiguous", says: []string{"child, billed on the invoice of agreement 9"}},
		{name: "only a child", there: []*agreement{fit(56, child)}, code: "agreement_ambiguous", says: []string{"only a child"}},
		{name: "only another type", there: []*agreement{fit(55, ofType("Projects"))}, code: "agreement_missing", says: []string{"agreement_types (Managed Services)", `55 "Managed IT" (Projects, Active)`}},
		{name: "only a cancelled one", there: []*agreement{fit(55, func(a *agreement) { a.Cancelled = true })}, code: "agreement_missing", says: []string{"it is cancelled"}},
		{name: "status cancelled without the flag", there: []*agreement{fit(55, func(a *agreement) { a.Status = "Cancelled" })}, code: "agreement_missing", says: []string{"it is cancelled"}},
		{name: "only one that begins tomorrow", there: []*agreement{fit(55, func(a *agreement) { a.Start = 20261122 })}, code: "agreement_missing", says: []string{"begins only on 2026-11-22"}},
		{name: "one that begins today", there: []*agreement{fit(55, func(a *agreement) { a.Start = 20261121 })}, want: 55},
		{name: "only one that ended yesterday", there: []*agreement{fit(55, func(a *agreement) { a.NoEnd, a.End = false, 20261120 })}, code: "agreement_missing", says: []string{"ended on 2026-11-20"}},
		{name: "one that ends today", there: []*agreement{fit(55, func(a *agreement) { a.NoEnd, a.End = false, 20261121 })}, want: 55},
		{name: "an old end with the flag that it has none", there: []*agreement{fit(55, func(a *agreement) { a.End = 20200101 })}, want: 55},
		{name: "expired by its status", there: []*agreement{fit(55, func(a *agreement) { a.Status = "Expired" })}, code: "agreement_missing", says: []string{"it has expired"}},
		{name: "inactive", there: []*agreement{fit(55, func(a *agreement) { a.Status = "Inactive" })}, code: "agreement_missing", says: []string{"its status is Inactive"}},
		{name: "a status nobody knows", there: []*agreement{fit(55, func(a *agreement) { a.Status = "Paused" })}, code: "agreement_missing", says: []string{"its status is Paused"}},
		{name: "no status: the dates decide", there: []*agreement{fit(55, func(a *agreement) { a.Status = "" })}, want: 55},
		{name: "an end that is no date", there: []*agreement{fit(55, func(a *agreement) { a.End = unreadable })}, code: "agreement_missing", says: []string{"is no date"}},
		{name: "billed one time", there: []*agreement{fit(55, func(a *agreement) { a.BillOneTime = true })}, code: "agreement_missing", says: []string{"bills only once"}},
		{name: "one-time", there: []*agreement{fit(55, func(a *agreement) { a.OneTime = true })}, code: "agreement_missing", says: []string{"bills only once"}},
		{name: "not recurring", there: []*agreement{fit(55, func(a *agreement) { a.cycle = notRecurring })}, code: "agreement_missing", says: []string{"no recurring billing cycle"}},
		{name: "a billing cycle nobody knows", there: []*agreement{fit(55, func(a *agreement) { a.cycle, a.BillingCycle.Name = "", "Lunar" })}, code: "agreement_missing", says: []string{`"Lunar" is not known`}},

		{name: "named and usable", named: 55, there: []*agreement{fit(55)}, want: 55},
		{name: "named, of another type", named: 55, there: []*agreement{fit(55, ofType("Projects"))}, want: 55},
		{name: "named, a child", named: 55, there: []*agreement{fit(55, child)}, want: 55},
		{name: "named, not there", named: 77, code: "agreement_missing", says: []string{"agreement 77"}},
		{name: "named, of another company", named: 55, there: []*agreement{fit(55, func(a *agreement) { a.Company = reference{ID: 300, Name: "Fabrikam"} })}, code: "agreement_foreign", says: []string{"company 300 (Fabrikam)"}},
		{name: "named, cancelled", named: 55, there: []*agreement{fit(55, func(a *agreement) { a.Cancelled = true })}, code: "agreement_unusable", says: []string{"it is cancelled"}},
		{name: "named, in the future", named: 55, there: []*agreement{fit(55, func(a *agreement) { a.Start = 20270101 })}, code: "agreement_unusable", says: []string{"begins only on 2027-01-01"}},
		{name: "named, ended", named: 55, there: []*agreement{fit(55, func(a *agreement) { a.NoEnd, a.End = false, 20261031 })}, code: "agreement_unusable", says: []string{"ended on 2026-10-31"}},
		{name: "named, expired", named: 55, there: []*agreement{fit(55, func(a *agreement) { a.Status = "Expired" })}, code: "agreement_unusable", says: []string{"it has expired"}},
		{name: "named, inactive", named: 55, there: []*agreement{fit(55, func(a *agreement) { a.Status = "Inactive" })}, code: "agreement_unusable", says: []string{"Inactive"}},
		{name: "named, one-time", named: 55, there: []*agreement{fit(55, func(a *agreement) { a.OneTime = true })}, code: "agreement_unusable", says: []string{"bills only once"}},
		{name: "named, not recurring", named: 55, there: []*agreement{fit(55, func(a *agreement) { a.cycle = notRecurring })}, code: "agreement_unusable", says: []string{"no recurring"}},
		{name: "named, in a company that is gone", named: 55, gone: true, there: []*agreement{fit(55)}, code: "company_gone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := &company{ID: 250, Name: "Contoso Ltd"}
			if tt.gone {
				at = nil
			}
			got, err := choose(link{company: 250, agreement: tt.named}, at, tt.there, []string{"Managed Services"}, today)
			if tt.code == "" {
				if err != nil || got.ID != tt.want {
					t.Fatalf("got %v and %v, want agreement %d", got, err, tt.want)
				}
				return
			}
			wantBlocked(t, err, tt.code, tt.says...)
		})
	}
}

// wantBlocked wants a hold that no approval cures, with a code and some words.
func wantBlocked(t *testing.T, err error, code string, says ...string) {
	t.Helper()
	held, ok := errors.AsType[*target.Blocked](err)
	if !ok || len(held.Violations) != 1 {
		t.Fatalf("got %v, want a hold %s", err, code)
	}
	v := held.Violations[0]
	if v.Code != code || !v.NeedsRepair || v.Note {
		t.Errorf("got %+v, want code %s that stays", v, code)
	}
	for _, words := range says {
		if !strings.Contains(v.Message, words) {
			t.Errorf("got %q, want it to say %q", v.Message, words)
		}
	}
}

func TestLongHistoriesAreCutInMessages(t *testing.T) {
	var many []*agreement
	for id := range 40 {
		many = append(many, fit(100+id, func(a *agreement) { a.Cancelled = true }))
	}
	many = append(many, fit(1), fit(2))
	_, err := choose(link{company: 250}, &company{ID: 250}, many, []string{"Managed Services"}, 20261121)
	wantBlocked(t, err, "agreement_ambiguous", `1 "Managed IT"`, `2 "Managed IT"`, "and 30 more that do not fit")
}

func TestLinksAreNumbers(t *testing.T) {
	for _, tt := range []struct {
		company, agreement string
		want               link
		bad                bool
	}{
		{"250", "", link{company: 250}, false},
		{" 250 ", "55", link{250, 55}, false},
		{"Contoso", "", link{}, true},
		{"250", "x", link{}, true},
		{"0", "", link{}, true},
		{"-5", "", link{}, true},
	} {
		got, err := linkOf(mapping.Links{mapping.ConnectWiseCompany: tt.company, mapping.ConnectWiseAgreement: tt.agreement})
		if tt.bad {
			wantBlocked(t, err, "link_bad")
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q %q: got %v and %v, want %v", tt.company, tt.agreement, got, err, tt.want)
		}
	}
}

func TestNamesOfBillingCycles(t *testing.T) {
	for name, want := range map[string]cycle{
		"Monthly": monthly, "Bi-Weekly": biWeekly, "bi monthly": biMonthly, "Annually": yearly, "Semi-Annual": semiAnnual,
		"None": notRecurring, "One Time": notRecurring, "Not Recurring": notRecurring, "Lunar": "",
	} {
		if got, _ := knownCycle(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
