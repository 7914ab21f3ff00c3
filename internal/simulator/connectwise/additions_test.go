package cwsim

import (
	"slices"
	"strings"
	"testing"
)

const path910 = "/finance/agreements/55/additions/910"

func TestPatchDialect(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults Faults
		body   string
		status int
		want   string // in the answer
		then   string // quantity, lessIncluded, serial number, cancelled at the end
	}{
		{"a bare path", Faults{}, `[{"op":"replace","path":"quantity","value":14}]`, 200, `"quantity":14.0`, "14 2  -"},
		{"a slashed path", Faults{}, `[{"op":"replace","path":"/quantity","value":14.5}]`, 200, `"quantity":14.5`, "14.5 2  -"},
		{"several members", Faults{}, `[{"op":"add","path":"serialNumber","value":"m1"},{"op":"replace","path":"cancelledDate","value":"2026-03-31T00:00:00Z"}]`, 200, `"cancelledDate":"2026-03-31T00:00:00Z"`, "12 2 m1 2026-03-31"},
		{"a time of day is lost", Faults{}, `[{"op":"replace","path":"cancelledDate","value":"2026-03-31T23:00:00Z"}]`, 200,
			`"2026-03-31T00:00:00Z"`, "12 2  2026-03-31"},
		{"remove clears", Faults{}, `[{"op":"remove","path":"lessIncluded"}]`, 200, `"billedQuantity":12.0`, "12 0  -"},
		{"null clears", Faults{}, `[{"op":"replace","path":"lessIncluded","value":null}]`, 200, `"billedQuantity":12.0`, "12 0  -"},
		{"an unknown member", Faults{}, `[{"op":"replace","path":"qty","value":14}]`, 400,
			"Could not find member 'qty' on object of type 'Addition'", "12 2  -"},
		{"a path in the wrong case", Faults{}, `[{"op":"replace","path":"Quantity","value":14}]`, 400, "Could not find member 'Quantity'",
			"12 2  -"},
		{"one bad operation spoils all", Faults{},
			`[{"op":"replace","path":"quantity","value":14},{"op":"replace","path":"qty","value":1}]`, 400, "qty", "12 2  -"},
		{"a path into a reference does nothing", Faults{}, `[{"op":"replace","path":"product/id","value":753}]`, 200,
			`"product":{"id":752`, "12 2  -"},
		{"a path into a reference that works", Faults{NestedPaths: true}, `[{"op":"replace","path":"product/id","value":753}]`, 400,
			"bundle", "12 2  -"},
		{"a reference replaced as a whole", Faults{}, `[{"op":"replace","path":"product","value":{"id":754}}]`, 400, "inactive", "12 2  -"},
		{"an op in upper case", Faults{}, `[{"op":"Replace","path":"quantity","value":14}]`, 400, "not an operation", "12 2  -"},
		{"an op in upper case, taken", Faults{AnyCaseOps: true}, `[{"op":"Replace","path":"quantity","value":14}]`, 200, "14.0", "14 2  -"},
		{"a number as text", Faults{}, `[{"op":"replace","path":"quantity","value":"14"}]`, 500,
			`Error converting value \"14\" to type 'System.Nullable`, "12 2  -"},
		{"a number as text, taken", Faults{CoerceText: true}, `[{"op":"replace","path":"quantity","value":"14"}]`, 200, "14.0", "14 2  -"},
		{"nonsense for a number", Faults{CoerceText: true}, `[{"op":"replace","path":"quantity","value":"many"}]`, 500,
			"Error converting value", "12 2  -"},
		{"a computed member", Faults{}, `[{"op":"replace","path":"extPrice","value":1}]`, 400, "read only", "12 2  -"},
		{"a computed member, ignored", Faults{IgnoreReadOnly: true}, `[{"op":"replace","path":"extPrice","value":1}]`, 200,
			`"extPrice":220.0`, "12 2  -"},
		{"too long a text", Faults{}, `[{"op":"replace","path":"serialNumber","value":"` + strings.Repeat("x", 51) + `"}]`, 400,
			"MaxLengthField", "12 2  -"},
		{"a required member cleared", Faults{}, `[{"op":"remove","path":"billCustomer"}]`, 400, "MissingRequiredField", "12 2  -"},
		{"a word that is no choice", Faults{}, `[{"op":"replace","path":"billCustomer","value":"Free"}]`, 500, "Error converting value",
			"12 2  -"},
		{"a date with an offset", Faults{}, `[{"op":"replace","path":"cancelledDate","value":"2026-03-31T00:00:00+02:00"}]`, 400,
			"InvalidDate", "12 2  -"},
		{"an object instead of an array", Faults{}, `{"op":"replace","path":"quantity","value":14}`, 400, "not a JSON array", "12 2  -"},
		{"no JSON", Faults{}, `[`, 400, "not valid JSON", "12 2  -"},
		{"a clamped quantity is a 200", Faults{MaxQuantity: num("13")}, `[{"op":"replace","path":"quantity","value":14}]`, 200,
			`"quantity":13.0`, "13 2  -"},
		{"a new price for a new quantity", Faults{Reprice: true}, `[{"op":"replace","path":"quantity","value":60}]`, 200,
			`"unitPrice":20.0`, "60 2  -"},
		{"the same price for a new quantity", Faults{}, `[{"op":"replace","path":"quantity","value":60}]`, 200, `"unitPrice":22.0`, "60 2  -"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, base := newSim(t, seed())
			s.SetFaults(tt.faults)
			do(t, base, "PATCH", path910, tt.body).want(t, tt.status, tt.want)
			a := s.World().Addition(910)
			cancelled := "-"
			if !a.CancelledDate.IsZero() {
				cancelled = a.CancelledDate.Format("2006-01-02")
			}
			got := strings.Join([]string{a.Quantity.String(), a.LessIncluded.String(), a.SerialNumber, cancelled}, " ")
			if got != tt.then {
				t.Errorf("got addition %q, want %q", got, tt.then)
			}
			by := "setup"
			if tt.status == 200 {
				by = "syncd"
			}
			if a.Info.UpdatedBy != by {
				t.Errorf("updatedBy: got %s, want %s", a.Info.UpdatedBy, by)
			}
		})
	}
}

func TestAnAdditionIsFoundInItsOwnAgreementOnly(t *testing.T) {
	_, base := newSim(t, seed())
	for _, path := range []string{"/finance/agreements/56/additions/910", "/finance/agreements/55/additions/999",
		"/finance/agreements/99999999999/additions/910"} {
		do(t, base, "GET", path, "").want(t, 404)
		do(t, base, "PATCH", path, `[]`).want(t, 404)
	}
}

func TestPostAddition(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		status     int
		want       []string
	}{
		{"the least", `{"product":{"id":752},"billCustomer":"Billable"}`, 201,
			[]string{`"id":912,`, `"quantity":1.0`, `"unitPrice":22.0`, `"unitCost":17.6`, `"effectiveDate":"2026-03-20T00:00:00Z"`,
				`"taxableFlag":true`, `"updatedBy":"syncd"`}},
		{"by identifier, with everything",
			`{"product":{"identifier":"m365-bp"},"billCustomer":"DoNotBill","quantity":12,"unitPrice":0,"effectiveDate":"2026-04-01T00:00:00Z","serialNumber":"syncd:1","customFields":[{"id":9,"value":"k1"}]}`, 201,
			[]string{`"quantity":12.0`, `"unitPrice":0.0`, `"effectiveDate":"2026-04-01T00:00:00Z"`, `"serialNumber":"syncd:1"`,
				`"caption":"Marker"`, `"value":"k1"`}},
		{"without the required", `{"quantity":12}`, 400,
			[]string{`"code":"InvalidObject"`, `"code":"MissingRequiredField"`, `"field":"product"`, `"field":"billCustomer"`}},
		{"an unknown member", `{"product":{"id":752},"billCustomer":"Billable","qty":1}`, 400,
			[]string{`"code":"ConnectWiseApi"`, "Could not find member 'qty'"}},
		{"an unknown member of a reference", `{"product":{"code":"x"},"billCustomer":"Billable"}`, 400,
			[]string{"Could not find member 'code' on object of type 'IvItemReference'"}},
		{"an unknown product", `{"product":{"id":1},"billCustomer":"Billable"}`, 400, []string{`"code":"NotFound"`, `"field":"product"`}},
		{"a bundle", `{"product":{"id":753},"billCustomer":"Billable"}`, 400, []string{"bundle"}},
		{"an inactive product", `{"product":{"id":754},"billCustomer":"Billable"}`, 400, []string{"inactive"}},
		{"an unknown custom field", `{"product":{"id":752},"billCustomer":"Billable","customFields":[{"id":1,"value":"x"}]}`, 400,
			[]string{"Custom field 1"}},
		{"an array", `[]`, 400, []string{"not a JSON object"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, base := newSim(t, seed())
			do(t, base, "POST", "/finance/agreements/55/additions", tt.body).want(t, tt.status, tt.want...)
			want := 2
			if tt.status == 201 {
				want = 3
			}
			if got := len(s.World().Additions); got != want {
				t.Errorf("got %d additions, want %d", got, want)
			}
		})
	}
}

func TestIdsGrowEvenAfterADelete(t *testing.T) {
	_, base := newSim(t, seed())
	body := `{"product":{"id":752},"billCustomer":"Billable"}`
	do(t, base, "POST", "/finance/agreements/55/additions", body).want(t, 201, `"id":912,`)
	do(t, base, "DELETE", "/finance/agreements/55/additions/912", "").want(t, 204)
	do(t, base, "GET", "/finance/agreements/55/additions/912", "").want(t, 404)
	do(t, base, "POST", "/finance/agreements/56/additions", body).want(t, 201, `"id":913,`)
	do(t, base, "GET", "/system/audittrail?type=AgreementAddition&id=912", "").want(t, 200, "has been created", "has been deleted",
		`"enteredBy":"syncd"`)
}

func TestPutLosesWhatItDoesNotCarry(t *testing.T) {
	s, base := newSim(t, seed())
	do(t, base, "PUT", path910, `{"id":910,"product":{"id":752},"billCustomer":"Billable","quantity":14,"extPrice":1}`).want(t, 200)
	a := s.World().Addition(910)
	if !a.UnitPrice.IsZero() || !a.LessIncluded.IsZero() || !a.EffectiveDate.IsZero() || !slices.Contains(a.Nulls, "unitPrice") {
		t.Errorf("got price %s, included %s, effective %s, want all of them lost", a.UnitPrice, a.LessIncluded, a.EffectiveDate)
	}
}

func TestCustomFieldsAreReplacedAsAWhole(t *testing.T) {
	s, base := newSim(t, seed())
	do(t, base, "PATCH", "/company/companies/250",
		`[{"op":"replace","path":"customFields","value":[{"id":8,"caption":"Tier","value":"Gold"}]}]`).want(t, 200, `"value":"Gold"`)
	if got := s.World().Company(250).Custom; len(got) != 1 || got[8] != "Gold" {
		t.Errorf("got %v, want field 8 alone: what a write leaves out is cleared", got)
	}
	do(t, base, "PATCH", "/company/companies/250", `[{"op":"replace","path":"types","value":[{"id":4}]}]`).want(t, 400)
}

func TestAPersonsEditCarriesTheirName(t *testing.T) {
	s, base := newSim(t, seed())
	do(t, base, "PATCH", path910, `[{"op":"replace","path":"quantity","value":14}]`).want(t, 200, `"updatedBy":"syncd"`)
	s.Edit("jdoe", func(w *World) { w.Addition(910).Quantity = num("11") })
	do(t, base, "GET", path910, "").want(t, 200, `"quantity":11.0`, `"updatedBy":"jdoe"`)
	do(t, base, "GET", "/finance/agreements/55/additions/911", "").want(t, 200, `"updatedBy":"setup"`)
	do(t, base, "GET", "/system/audittrail?type=AgreementAddition&id=910", "").want(t, 200, "quantity from 12 to 14",
		"Quantity has been changed", `"enteredBy":"jdoe"`)
	s.Edit("jdoe", func(w *World) {
		w.Additions = append(w.Additions, &Addition{AgreementID: 55, ProductID: 752, BillCustomer: "Billable"})
	})
	do(t, base, "GET", "/finance/agreements/55/additions/912", "").want(t, 200, `"enteredBy":"jdoe"`)
}

func TestARenamedProductShowsItsNewName(t *testing.T) {
	s, base := newSim(t, seed())
	s.Update(func(w *World) { w.Product(752).Identifier = "M365-BP-M" })
	do(t, base, "GET", path910, "").want(t, 200, `"identifier":"M365-BP-M"`, `"updatedBy":"setup"`)
}

func TestTheWorldIsACopy(t *testing.T) {
	s, _ := newSim(t, seed())
	s.World().Addition(910).Quantity = num("99")
	s.World().Company(250).Custom[7] = "x"
	w := s.World()
	if got := w.Addition(910).Quantity; !got.Equal(num("12")) || w.Company(250).Custom[7] != "7d1f0b7e" {
		t.Errorf("got quantity %s and field %v, want the simulator's own untouched", got, w.Company(250).Custom[7])
	}
}

func TestProrating(t *testing.T) {
	s, base := newSim(t, seed())
	s.Update(func(w *World) {
		w.Additions = append(w.Additions,
			&Addition{ID: 920, AgreementID: 56, ProductID: 752, Quantity: num("2"), UnitPrice: num("22"), BillCustomer: "Billable",
				EffectiveDate: Day(2026, 3, 15)})
	})
	do(t, base, "GET", "/finance/agreements/56/additions/920", "").want(t, 200, `"proratePrice":12.06`, `"extendedProratePrice":24.12`)
}

// The vendor's customers report: two units effective 15 March at 22.00,
// entered after March was invoiced, stand on the April invoice at 34.06 each.
func TestALateAdditionIsCaughtUpOnTheNextInvoice(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prorate bool
		want    string
	}{{"prorated", true, "34.06"}, {"not prorated", false, "22"}} {
		t.Run(tt.name, func(t *testing.T) {
			s, base := newSim(t, seed())
			s.Update(func(w *World) { w.Agreement(56).Prorate = tt.prorate })
			do(t, base, "POST", "/finance/agreements/56/invoice", "{}").want(t, 201, `"id":1,`)
			do(t, base, "POST", "/finance/agreements/56/additions",
				`{"product":{"id":752},"billCustomer":"Billable","quantity":2,"effectiveDate":"2026-03-15T00:00:00Z"}`).want(t, 201)
			i := s.Invoice(56, "billing")
			if len(i.Lines) != 1 || i.Lines[0].UnitPrice.String() != tt.want {
				t.Errorf("got lines %+v, want one of %s each", i.Lines, tt.want)
			}
			do(t, base, "GET", "/finance/agreementrecap/56", "").want(t, 200, `"lastInvoiceNumber":"10002"`,
				`"nextInvoiceDate":"2026-05-01T00:00:00Z"`)
			do(t, base, "GET", "/finance/invoices?conditions=type%3D%22Agreement%22+and+agreement%2Fid%3D56", "").want(t, 200, `"agreementAmount":`)
		})
	}
}

func TestAnInvoiceStaysAsItWasMade(t *testing.T) {
	s, base := newSim(t, seed())
	i := s.Invoice(55, "billing")
	if len(i.Lines) != 1 || !i.Total.Equal(num("220")) {
		t.Fatalf("got %+v, want one line of 10 × 22: ended additions do not bill, included units are free", i)
	}
	do(t, base, "PATCH", path910, `[{"op":"replace","path":"quantity","value":50}]`).want(t, 200)
	if got := s.World().InvoicesOf(55)[0].Total; !got.Equal(num("220")) {
		t.Errorf("got total %s, want 220", got)
	}
}

func TestPricing(t *testing.T) {
	s, base := newSim(t, seed())
	do(t, base, "POST", "/procurement/catalog/752/pricing", `{"quantity":49}`).want(t, 200, `"price":22.0`)
	do(t, base, "POST", "/procurement/catalog/752/pricing", `{"quantity":50}`).want(t, 200, `"price":20.0`)
	if n := len(s.Writes()); n != 0 {
		t.Errorf("got %d writes, want 0: a price enquiry changes nothing", n)
	}
}

func TestACallbackIsRegisteredOnce(t *testing.T) {
	_, base := newSim(t, seed())
	body := `{"url":"https://hooks.example/?recordId=","objectId":1,"type":"agreement","level":"owner"}`
	do(t, base, "POST", "/system/callbacks", body).want(t, 201, `"id":1,`)
	do(t, base, "POST", "/system/callbacks", body).want(t, 400, "ObjectExists")
	do(t, base, "POST", "/system/callbacks", `{}`).want(t, 400, "MissingRequiredField")
	do(t, base, "DELETE", "/system/callbacks/1", "").want(t, 204)
}
