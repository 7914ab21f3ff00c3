package mapping

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const (
	premiumID  = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	standardID = "f245ecc8-75af-4f8e-b61f-27d8114de5f3"
	e3ID       = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	flowID     = "f30db892-07e9-47e9-837c-80727f46fd3d"
	contosoKey = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	lostID     = "11111111-2222-4333-8444-555566667777"
)

var seenSKUs = []SKU{
	{ID: premiumID, Part: "SPB", Name: "Microsoft 365 Business Premium"},
	{ID: standardID, Part: "O365_BUSINESS_PREMIUM", Name: "Microsoft 365 Business Standard"},
	{ID: e3ID, Part: "SPE_E3", Name: "Microsoft 365 E3"},
	{ID: flowID, Part: "FLOW_FREE", Name: "Microsoft Power Automate Free", FreeOrTrial: true},
}

func number(n int) *int { return &n }

func settledRules() Rules {
	return Rules{Rules: []Rule{
		{SKU: lostID, Part: "OLD", Name: "Something, retired", Product: "OLD-1", Count: Assigned, Status: Bill},
		{SKU: premiumID, Part: "SPB", Name: "Microsoft 365 Business Premium", Product: "BACKUP", Count: Assigned, Status: Bill, Reason: "=copies the count"},
		{SKU: premiumID, Part: "SPB", Name: "Microsoft 365 Business Premium", Product: "M365-BP", Count: Purchased, Minimum: number(5), Maximum: number(50), Status: Bill},
		{SKU: flowID, Part: "FLOW_FREE", Name: "Microsoft Power Automate Free", Status: Ignore, Reason: "free"},
	}}
}

func exportRules(t interface{ Fatalf(string, ...any) }, rules Rules, seen []SKU) string {
	var b bytes.Buffer
	if _, err := ExportRules(&b, rules, seen); err != nil {
		t.Fatalf("export: %v", err)
	}
	return b.String()
}

func TestTheExportedProductTableShowsEverySKU(t *testing.T) {
	golden(t, "products.csv", exportRules(t, settledRules(), seenSKUs))
}

func TestAnUneditedProductTableChangesNothing(t *testing.T) {
	rules := settledRules()
	first := exportRules(t, rules, seenSKUs)
	got, edits, err := ImportRules(strings.NewReader(first), rules, Known{SKUs: seenSKUs})
	if err != nil || len(edits) > 0 {
		t.Fatalf("import of the export: edits %v, %v; want none", edits, err)
	}
	if diff := cmp.Diff(rules, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestAProductTableSurvivesTheRoundTrip(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		piece := rapid.OneOf(rapid.SampledFrom([]string{"'", "=", "+", "-", "@", "\t", "\r\n", `"`, ",", ";", " ", "é"}), rapid.String())
		return strings.ReplaceAll(strings.ToValidUTF8(strings.Join(rapid.SliceOfN(piece, 0, 4).Draw(t, "pieces"), ""), ""), "\x00", "")
	})
	rapid.Check(t, func(t *rapid.T) {
		var rules Rules
		var seen []SKU
		for i := range rapid.IntRange(1, 5).Draw(t, "skus") {
			sku := SKU{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), Part: fmt.Sprintf("PART_%d", i), Name: text.Draw(t, "name")}
			if rapid.Bool().Draw(t, "seen") {
				seen = append(seen, sku)
			}
			base := Rule{SKU: sku.ID, Part: sku.Part, Name: sku.Name, Reason: text.Draw(t, "reason")}
			switch status := rapid.SampledFrom([]string{Bill, Propose, Ignore, "", "none"}).Draw(t, "status"); status {
			case Bill, Propose:
				for j := range rapid.IntRange(1, 3).Draw(t, "rules") {
					r := base
					r.Status, r.Product, r.Count = status, fmt.Sprintf("=P-%d", j), rapid.SampledFrom([]string{Purchased, Assigned}).Draw(t, "count")
					if rapid.Bool().Draw(t, "limited") {
						r.Minimum, r.Maximum = number(rapid.IntRange(0, 5).Draw(t, "minimum")), number(rapid.IntRange(5, MaxUnits).Draw(t, "maximum"))
					}
					rules.Rules = append(rules.Rules, r)
				}
			case Ignore:
				base.Status = Ignore
				rules.Rules = append(rules.Rules, base)
			case "":
				rules.Rules = append(rules.Rules, base) // a word on what nobody decided
			}
		}
		first := exportRules(t, rules, seen)
		for name, into := range map[string]Rules{"the same table": rules, "an empty table": {}} {
			got, edits, err := ImportRules(strings.NewReader(first), into, Known{SKUs: seen})
			if err != nil || len(edits) > 0 && name == "the same table" {
				t.Fatalf("%s: edits %q, %v\n%q", name, edits, err, first)
			}
			if second := exportRules(t, got, seen); second != first {
				t.Fatalf("%s: got %q, want %q", name, second, first)
			}
		}
	})
}

func TestALineOfTheProductTable(t *testing.T) {
	const head = "sku_id,sku,name,product,count,minimum,maximum,status,reason"
	for _, c := range []struct {
		name, head, lines string
		sku, want         string // the SKU's rules, or the problem in angle brackets
	}{
		{"a product and no status", head, e3ID + ",,,M365-E3,,,,,", e3ID, "bill M365-E3 purchased"},
		{"all columns", head, strings.ToUpper(e3ID) + ",SPE_E3,,M365-E3,ASSIGNED,1,9.0,Bill,x", e3ID, "bill M365-E3 assigned 1-9"},
		{"a part number for an id", head, ",spe_e3,,M365-E3,,,,,", e3ID, "bill M365-E3 purchased"},
		{"ignored", head, e3ID + ",,,,,,,ignore,paid elsewhere", e3ID, "ignore"},
		{"two products of one SKU", head, e3ID + ",,,A,,,,,\n" + e3ID + ",,,B,,,,,", e3ID, "bill A purchased, bill B purchased"},
		{"undecided again", head, flowID + ",,,,,,,,", flowID, ""},
		{"the lines of a SKU replace its rules", head, premiumID + ",,,NEW,,,,,", premiumID, "bill NEW purchased"},
		{"a short line", head, e3ID + ",SPE_E3,,M365-E3", e3ID, "bill M365-E3 purchased"},
		{"columns left out keep their values", "sku_id,product,minimum", premiumID + ",M365-BP,6\n" + premiumID + ",BACKUP,", premiumID, "bill BACKUP assigned, bill M365-BP purchased 6-50"},
		{"a SKU nobody holds", head, lostID + ",NEW_PART,New,N-1,,,,,", lostID, "bill N-1 purchased"},

		{"no product", head, e3ID + ",,,,,,,bill,", "", "<line 2: product: empty: write the catalogue identifier or id of the product to bill, or ignore under status>"},
		{"a minimum of nothing", head, e3ID + ",,,,,3,,,", "", "<line 2: product: empty, with a minimum or a maximum: write the product to bill>"},
		{"no GUID", head, "SPB1,SPB,,X,,,,,", "", `<line 2: sku_id: "SPB1" is not a SKU id (a GUID) (did you mean cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46, Microsoft 365 Business Premium?)>`},
		{"nothing", head, ",,Business Premium,X,,,,,", "", "<line 2: sku_id: empty: write the SKU's id (a GUID) or its part number under sku>"},
		{"an unknown part number", head, ",SPB_PLUS,,X,,,,,", "", `<line 2: sku_id: empty, and neither a tenant nor Microsoft's list has a SKU with the part number "SPB_PLUS": write the SKU's id (a GUID)>`},
		{"a part number that Microsoft lists", head, ",ems,,X,,,,,", "efccb6f7-5641-4e0e-bd10-b4976e1bf68e", "bill X purchased"},
		{"sorted alone", head, premiumID + ",SPE_E3,,X,,,,,", "", "<line 2: sku: cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46 is SPB (Microsoft 365 Business Premium), and SPE_E3 is 05e9a617-0261-4cee-bb44-138d3ef5d965 (Microsoft 365 E3): were some columns sorted without the others? Correct one of the two, or export again>"},
		{"an id with another's part number, which nobody holds", head, premiumID + ",SPE_E5,,X,,,,,", "", "<line 2: sku: cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46 is SPB (Microsoft 365 Business Premium), and SPE_E5 is 06ebc4ee-1bb5-47dd-8120-11324bc54e06 (Microsoft 365 E5): were some columns sorted without the others? Correct one of the two, or export again>"},
		{"an id with a part number that is none", head, premiumID + ",SPD,,X,,,,,", "", "<line 2: sku: cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46 is SPB (Microsoft 365 Business Premium), and SPD is no SKU that anybody here holds: were some columns sorted without the others? Correct one of the two, or export again>"},
		{"an id that nobody knows with another's part number", head, "99999999-2222-4333-8444-555566667777,SPB,,X,,,,,", "", "<line 2: sku: SPB is the part number of cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46 (Microsoft 365 Business Premium), not of 99999999-2222-4333-8444-555566667777: correct one of the two, or export again>"},
		{"a suggestion", head, e3ID + ",,,M365-E3,,,,Suggested,", e3ID, "suggested M365-E3 purchased"},
		{"a suggestion beside what is billed", head, e3ID + ",,,A,,,,bill,\n" + e3ID + ",,,B,,,,suggested,", e3ID, "bill A purchased, suggested B purchased"},
		{"a suggestion of nothing", head, e3ID + ",,,,,,,suggested,", "", "<line 2: product: empty: write the product that is suggested, or leave the status empty>"},
		{"one product billed and suggested", head, e3ID + ",,,A,,,,bill,\n" + e3ID + ",,,A,,,,suggested,", "", `<line 3: product: SKU 05e9a617-0261-4cee-bb44-138d3ef5d965 with product "A" is on line 2 already: keep one of the two lines>`},
		{"the larger", head, e3ID + ",,,A,larger,,,,", e3ID, "bill A larger"},
		{"people who hold it", "sku_id,product,count,who", e3ID + ",A,people,department=Sales*; enabled=TRUE", e3ID, "bill A people who(department=Sales*; enabled=TRUE)"},
		{"people without a SKU", "sku_id,product,count,who", ",BACKUP,people,type=member", "", "bill BACKUP people who(type=member)"},
		{"for one customer", "customer,sku_id,product,count", strings.ToUpper(contosoKey) + "," + e3ID + ",B,", e3ID, "bill B purchased for(" + contosoKey + ")"},
		{"for nobody", "customer,sku_id,product", "contoso," + e3ID + ",B", "", `<line 2: customer: "contoso" is no customer's key: syncd status --json lists the keys; leave it empty for a rule that holds for all>`},
		{"ignored for one customer", "customer,sku_id,status", contosoKey + "," + e3ID + ",ignore", e3ID, "ignore for(" + contosoKey + ")"},
		{"subscriptions by term", "sku_id,product,subscriptions", e3ID + ",A,term=Annual\n" + e3ID + ",B,term=monthly|triennial", e3ID, "bill A purchased of(term=annual), bill B purchased of(term=monthly|triennial)"},
		{"one product, twice, of other subscriptions", "sku_id,product,count,subscriptions,weight", e3ID + ",A,,term=annual,\n" + e3ID + ",A,,term=monthly,1.50", e3ID, "bill A purchased of(term=annual), bill A purchased of(term=monthly) by(1.5)"},
		{"a weight of one", "sku_id,product,weight", e3ID + ",A,1.0", e3ID, "bill A purchased"},
		{"a floor", "sku_id,product,count,floor", e3ID + ",A,assigned,Purchased", e3ID, "bill A assigned floor(purchased)"},
		{"a floor of a number", "sku_id,product,count,floor", e3ID + ",A,assigned,3", "", `<line 2: floor: "3" is no floor: write purchased, or leave it empty and write a minimum>`},
		{"a floor of what is bought, of no SKU", "sku_id,product,count,who,floor", ",A,people,type=member,purchased", "", "<line 2: floor: a rule without a SKU has nothing that is bought: write a minimum>"},
		{"nothing counted", "sku_id,product,weight", e3ID + ",A,0", "", "<line 2: weight: 0 counts nothing: write more than 0, or ignore under status>"},
		{"a weight with a comma", "sku_id;product;weight", e3ID + ";A;1,5", "", `<line 2: weight: "1,5" is no decimal number: write it with a point, such as 0.5>`},
		{"a weight beyond belief", "sku_id,product,weight", e3ID + ",A,5000", "", "<line 2: weight: 5000 is more than anything weighs: write 1000 or less>"},
		{"a word that no filter has", "sku_id,product,count,who", e3ID + ",A,people,team=x", "", `<line 2: who: "team" is no word of a filter: write one of licence, group, domain, department, office, type, enabled, name>`},
		{"a licence that nobody knows", "sku_id,product,count,who", e3ID + ",A,people,licence=SPB|SPBB", "", "<line 2: who: licence=SPBB: neither a tenant nor Microsoft's list has a SKU with this part number: correct it, or write the SKU's id (a GUID)>"},
		{"a licence by its id", "sku_id,product,count,who", e3ID + ",A,people,licence=" + lostID, e3ID, "bill A people who(licence=" + lostID + ")"},
		{"whom, and what is bought", "sku_id,product,count,who", e3ID + ",A,,type=member", "", "<line 2: who: purchased counts units, whoever has them: write assigned or people under count, or leave who empty>"},
		{"people, by subscription", "sku_id,product,count,subscriptions", e3ID + ",A,people,term=annual", "", "<line 2: subscriptions: people are no subscriptions: leave it empty, or write purchased under count>"},
		{"a term that is none", "sku_id,product,subscriptions", e3ID + ",A,term=weekly", "", "<line 2: subscriptions: term=weekly: write monthly or annual or triennial>"},
		{"an owner that is none", "sku_id,product,subscriptions", e3ID + ",A,owner=pax8", "", "<line 2: subscriptions: owner=pax8: write the partner's tenant id (a GUID), or none>"},
		{"a subscription that is none", "sku_id,product,subscriptions", e3ID + ",A,sub-1", "", `<line 2: subscriptions: "sub-1" is neither a subscription's id (a GUID) nor term=… nor owner=…>`},
		{"count", head, e3ID + ",,,X,users,,,,", "", `<line 2: count: "users" is no way of counting: write purchased, assigned, larger or people>`},
		{"status", head, e3ID + ",,,X,,,,yes,", "", `<line 2: status: "yes" is no status: write bill, suggested or ignore, or leave it empty>`},
		{"below zero", head, e3ID + ",,,X,,-1,,,", "", "<line 2: minimum: -1 is below zero: write 0 or more, or leave it empty>"},
		{"absurd", head, e3ID + ",,,X,,,5000000,,", "", "<line 2: maximum: 5000000 is more than anybody has: write 1000000 or less>"},
		{"half", head, e3ID + ",,,X,,1.5,,,", "", `<line 2: minimum: "1.5" is not a whole number without separators>`},
		{"crossed", head, e3ID + ",,,X,,9,3,,", "", "<line 2: minimum: 9 is more than the maximum of 3: swap them>"},
		{"cut short", head, e3ID + ",,,1.82E+03,,,,,", "", `<line 2: product: "1.82E+03" is a number that a spreadsheet cut short: format the column as text and write the id again>`},
		{"twice", head, e3ID + ",,,X,,,,,\n" + strings.ToUpper(e3ID) + ",,,x,,,,,", "", `<line 3: product: SKU 05e9a617-0261-4cee-bb44-138d3ef5d965 with product "x" is on line 2 already: keep one of the two lines>`},
		{"billed and ignored", head, e3ID + ",,,X,,,,,\n" + e3ID + ",,,,,,,ignore,", "", "<line 3: status: SKU 05e9a617-0261-4cee-bb44-138d3ef5d965 is ignore here and bill on line 2: it cannot be both>"},
		{"no column to go by", "product,status", "X,bill", "", "<line 1: no column sku_id or sku: the first line must name the columns, of customer, sku_id, sku, name, product, count, who, subscriptions, weight, minimum, maximum, floor, status, reason>"},
	} {
		rules := settledRules()
		got, _, err := ImportRules(strings.NewReader(c.head+"\n"+c.lines+"\n"), rules, Known{SKUs: seenSKUs, Customers: map[string]bool{contosoKey: true}})
		if err != nil {
			if text := "<" + err.Error() + ">"; text != c.want || !cmp.Equal(got, settledRules()) {
				t.Errorf("%s: got  %s\nwant %s, and the rules as they were: %v", c.name, text, c.want, got)
			}
			continue
		}
		var parts []string
		for _, r := range got.Rules {
			if r.SKU != c.sku {
				continue
			}
			text := strings.Join(strings.Fields(r.Status+" "+r.Product+" "+r.Count), " ")
			if r.Minimum != nil && r.Maximum != nil {
				text += fmt.Sprintf(" %d-%d", *r.Minimum, *r.Maximum)
			}
			for _, x := range []struct{ name, value string }{{"who", r.Who}, {"of", r.Subscriptions}, {"by", r.Weight}, {"floor", r.Floor}, {"for", r.Customer}} {
				if x.value != "" {
					text += " " + x.name + "(" + x.value + ")"
				}
			}
			parts = append(parts, text)
		}
		if text := strings.Join(parts, ", "); text != c.want {
			t.Errorf("%s: got %s, want %s", c.name, text, c.want)
		}
		for _, before := range settledRules().Rules {
			if before.SKU != c.sku && len(got.Of(before.SKU)) == 0 && before.Status != "" && !strings.Contains(c.lines, before.SKU) {
				t.Errorf("%s: the rules of %s, not in the file, are gone", c.name, before.SKU)
			}
		}
	}
}

// The tenants are asked only where nobody else can tell what a line means.
func TestWhenATableAsksForSKUs(t *testing.T) {
	for _, c := range []struct {
		name, lines string
		want        bool
	}{
		{"by id", premiumID + ",", false},
		{"by part number", ",SPB", true},
		{"a pair that Microsoft lists", premiumID + ",spb", false},
		{"a pair of the table", lostID + ",OLD", false},
		{"a pair that nobody knows", lostID + ",NEW", true},
		{"a pair that contradicts itself", premiumID + ",SPE_E3", true},
	} {
		if got := AsksForSKUs(strings.NewReader("sku_id,sku\n"+c.lines+"\n"), settledRules()); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestAnImportSaysWhatItChanges(t *testing.T) {
	file := "sku_id,product,count,minimum,maximum,status,reason\n" +
		premiumID + ",M365-BP,assigned,5,,bill,\n" +
		e3ID + ",M365-E3,,,,,\n" +
		flowID + ",,,,,,\n"
	_, edits, err := ImportRules(strings.NewReader(file), settledRules(), Known{SKUs: seenSKUs})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range edits {
		got = append(got, e.String())
	}
	want := []string{
		`Microsoft 365 Business Premium: M365-BP count: "purchased" -> "assigned"`,
		`Microsoft 365 Business Premium: M365-BP maximum: "50" -> ""`,
		`Microsoft 365 Business Premium: product: "BACKUP" -> ""`,
		`Microsoft 365 E3: product: "" -> "M365-E3"`,
		`Microsoft 365 E3: M365-E3 count: "" -> "purchased"`,
		`Microsoft 365 E3: M365-E3 status: "" -> "bill"`,
		`Microsoft Power Automate Free: status: "ignore" -> ""`,
		`Microsoft Power Automate Free: reason: "free" -> ""`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("edits (-want +got):\n%s", diff)
	}
}

// A download or a copy may break off: what is left of the last line would be a rule.
func TestAFileThatBreaksOffIsNotTaken(t *testing.T) {
	const head = "sku_id,product,count,minimum\n"
	for _, c := range []struct{ name, lines, want string }{
		{"whole, without the last line's end", e3ID + ",M365-E3,purchased,5", ""},
		{"a short line, ended", e3ID + ",M365-E3\r\n", ""},
		{"within a cell", premiumID + ",M365-BP,purchased,\n" + e3ID + ",M36", "line 3: the file breaks off here, after 2 of 4 cells and without the end of the line: export or copy it again, or end the line if it is whole"},
		{"within quotes", e3ID + ",\"M365", "line 2: a quote is opened and never closed: write \" inside a cell as \"\""},
	} {
		_, _, err := ImportRules(strings.NewReader(head+c.lines), settledRules(), Known{SKUs: seenSKUs})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func FuzzImportRules(f *testing.F) {
	f.Add([]byte(exportRules(f, settledRules(), seenSKUs)))
	f.Add([]byte("sku;product;status\nSPB;X;\n"))
	f.Add([]byte("sku_id,minimum\n" + premiumID + ",\"7\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		rules := settledRules()
		got, edits, err := ImportRules(bytes.NewReader(file), rules, Known{SKUs: seenSKUs})
		if !cmp.Equal(rules, settledRules()) {
			t.Fatalf("the rules that were given changed: %v", rules)
		}
		if err != nil {
			if !cmp.Equal(got, rules) || len(edits) > 0 {
				t.Fatalf("partly imported: %v, %v after %v", got, edits, err)
			}
			return
		}
		out := exportRules(t, got, seenSKUs)
		again, edits, err := ImportRules(strings.NewReader(out), got, Known{SKUs: seenSKUs})
		if err != nil || len(edits) > 0 || exportRules(t, again, seenSKUs) != out {
			t.Fatalf("not stable: edits %q, %v\n%q", edits, err, out)
		}
	})
}
