package mapping

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"syncd/internal/directory"
)

// A SKU is a Microsoft licence as it was seen over all tenants.
type SKU struct {
	ID          string // a GUID in lower case
	Part        string // part number, such as SPB
	Name        string // product name for people
	Tenants     int    // how many hold it
	Purchased   int    // over all of them
	Assigned    int
	FreeOrTrial bool // nobody pays for it
}

// RuleHeader is the header of the product table.
var RuleHeader = []string{"sku_id", "sku", "name", "product", "count", "minimum", "maximum", "status", "reason"}

// unsupported are columns and ways of counting that the table has and syncd does not
// support: a table that leaves them empty is as good as one without them.
var unsupported = map[string]string{
	"customer":      "a rule for one customer alone is not there yet: leave it empty, and the rule holds for all",
	"who":           "counting some people only is not there yet: leave it empty, and all count",
	"subscriptions": "counting some subscriptions only is not there yet: leave it empty, and all count",
	"weight":        "weighing a licence is not there yet: leave it empty, and each counts once",
	"floor":         "a floor is not there yet: leave it empty, or write a minimum",
	"larger":        "counting the larger of both is not there yet: write purchased or assigned",
	"people":        "counting people is not there yet: write purchased or assigned",
}

// ruleColumns are the columns that an import takes.
var ruleColumns = []string{"customer", "sku_id", "sku", "name", "product", "count", "who", "subscriptions", "weight", "minimum", "maximum", "floor", "status", "reason"}

// maxUnits is more units of one licence than a customer can have: a larger limit is a
// typing error.
const maxUnits = 1_000_000

// ExportRules writes the product table as CSV for Excel, by name: a line a
// rule, and one for every SKU that was seen and not settled, product and
// status empty.
func ExportRules(w io.Writer, rules Rules, seen []SKU) error {
	bySKU := map[string][]Rule{}
	for _, r := range rules.Rules {
		bySKU[r.SKU] = append(bySKU[r.SKU], r)
	}
	held := map[string]bool{}
	for _, sku := range seen {
		held[sku.ID] = true
		if len(bySKU[sku.ID]) == 0 {
			bySKU[sku.ID] = []Rule{{SKU: sku.ID}}
		}
		for i, r := range bySKU[sku.ID] {
			bySKU[sku.ID][i].Part, bySKU[sku.ID][i].Name = cmp.Or(sku.Part, r.Part), cmp.Or(sku.Name, r.Name)
		}
	}
	var all []Rule
	for _, of := range bySKU {
		settled := slices.ContainsFunc(of, func(r Rule) bool { return r.Status != "" })
		for i, r := range of {
			switch {
			case r.Status != "":
				all = append(all, r)
			case !settled && i == 0 && (held[r.SKU] || r.Reason != ""):
				// Of an undecided SKU only names and reason are written: a product without a
				// status would be billed by the next import.
				all = append(all, Rule{SKU: r.SKU, Part: r.Part, Name: r.Name, Reason: r.Reason})
			}
		}
	}
	slices.SortFunc(all, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(foldName(a.Name), foldName(b.Name)), compareRules(a, b))
	})
	lines := [][]string{RuleHeader}
	for _, r := range all {
		count := r.Count
		if r.Status == Bill {
			count = cmp.Or(count, Purchased)
		}
		lines = append(lines, []string{r.SKU, r.Part, r.Name, r.Product, count, formatLimit(r.Minimum), formatLimit(r.Maximum), r.Status, r.Reason})
	}
	return writeSheet(w, lines)
}

// compareRules orders the product table.
func compareRules(a, b Rule) int {
	return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Product, b.Product))
}

func formatLimit(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// ImportRules reads an edited product table and returns current with its
// lines in place, sorted by SKU and product, and what changes. The lines of a
// SKU replace all its rules; SKUs that the file does not name keep theirs. A
// column that the file does not have keeps its values where SKU and product are
// as before. A SKU whose line names no product and no status is left undecided.
//
// seen are the SKUs that tenants hold: with them a line may name a SKU by its
// part number. Where any line is bad it returns current as it is and an *ImportError.
func ImportRules(r io.Reader, current Rules, seen []SKU) (Rules, []Edit, error) {
	s, err := readSheet(r, ruleColumns, "sku_id", "sku")
	if err != nil {
		return current, nil, err
	}
	in := &ruleImport{sheet: s, current: current, seen: seen, bySKU: map[string][]ruleLine{}}
	for _, l := range s.lines {
		in.addLine(l)
	}
	in.checkDuplicates()
	if err := s.err(); err != nil {
		return current, nil, err
	}
	var next []Rule
	for _, r := range current.Rules {
		if in.bySKU[r.SKU] == nil {
			next = append(next, r)
		}
	}
	var edits []Edit
	for _, sku := range in.order {
		after, first := in.bySKU[sku], in.bySKU[sku][0].line
		settled := slices.ContainsFunc(after, func(x ruleLine) bool { return x.Status != "" })
		after = slices.DeleteFunc(after, func(x ruleLine) bool {
			return x.Status == "" && (settled || x.Reason == "")
		})
		for _, x := range after {
			next = append(next, x.Rule)
		}
		edits = append(edits, in.edits(sku, first, after)...)
	}
	slices.SortStableFunc(next, compareRules)
	return Rules{Rules: next}, edits, nil
}

// A ruleLine is a rule and the line it came from.
type ruleLine struct {
	Rule
	line line
}

type ruleImport struct {
	*sheet
	current Rules
	seen    []SKU
	bySKU   map[string][]ruleLine // the rules of the file, by SKU
	order   []string              // the SKUs of the file
}

// AsksForSKUs reports whether only the tenants' own licences can tell which SKUs
// a product table means: a line has a part number and no id, or a pair of both
// that neither the table as it is nor Microsoft's list knows.
func AsksForSKUs(r io.Reader, current Rules) bool {
	s, err := readSheet(r, ruleColumns, "sku_id", "sku")
	if err != nil {
		return false // the import says why
	}
	return slices.ContainsFunc(s.lines, func(l line) bool {
		id, _ := s.trimmed(l, "sku_id")
		part, _ := s.trimmed(l, "sku")
		return part != "" && !strings.EqualFold(directory.PartNumber(id), part) &&
			!slices.ContainsFunc(current.Rules, func(r Rule) bool { return strings.EqualFold(r.SKU, id) && strings.EqualFold(r.Part, part) })
	})
}

// addLine adds the rule of one line.
func (in *ruleImport) addLine(l line) {
	for _, column := range []string{"customer", "who", "subscriptions", "weight", "floor"} {
		if text, _ := in.trimmed(l, column); text != "" {
			in.report(l, column, "%q: %s", text, unsupported[column])
		}
	}
	sku, ok := in.findSKU(l)
	if !ok {
		return
	}
	if in.bySKU[sku.ID] == nil {
		in.order = append(in.order, sku.ID)
	}
	product, hasProduct := in.trimmed(l, "product")
	before := in.ruleBefore(sku.ID, product, hasProduct)
	rule := before
	rule.SKU, rule.Part, rule.Name = sku.ID, sku.Part, sku.Name
	if hasProduct {
		rule.Product = product
	}
	if err := checkCell(rule.Product); err != nil {
		in.report(l, "product", "%v", err)
	}
	if text, there := in.trimmed(l, "count"); there {
		rule.Count = strings.ToLower(text)
	}
	rule.Minimum = in.parseLimit(l, "minimum", before.Minimum)
	rule.Maximum = in.parseLimit(l, "maximum", before.Maximum)
	if text, there := in.trimmed(l, "status"); there || rule.Product != before.Product {
		rule.Status = strings.ToLower(text)
	}
	if text, there := in.cell(l, "reason"); there {
		rule.Reason = text
	}

	if rule.Minimum != nil && rule.Maximum != nil && *rule.Minimum > *rule.Maximum {
		in.report(l, "minimum", "%d is more than the maximum of %d: swap them", *rule.Minimum, *rule.Maximum)
	}
	switch rule.Count {
	case "", Purchased, Assigned:
	case "larger", "people":
		in.report(l, "count", "%q: %s", rule.Count, unsupported[rule.Count])
	default:
		in.report(l, "count", "%q is no way of counting: write %s or %s", rule.Count, Purchased, Assigned)
	}
	switch rule.Status {
	case Bill, "":
		if rule.Product != "" {
			rule.Status, rule.Count = Bill, cmp.Or(rule.Count, Purchased)
		} else if rule.Status == Bill {
			in.report(l, "product", "empty: write the catalogue identifier or id of the product to bill, or %s under status", Ignore)
		} else if rule.Minimum != nil || rule.Maximum != nil {
			in.report(l, "product", "empty, with a minimum or a maximum: write the product to bill")
		} else {
			rule.Count = ""
		}
	case Propose:
		if rule.Product == "" {
			in.report(l, "product", "empty: write the product that is suggested, or leave the status empty")
		}
		rule.Count = cmp.Or(rule.Count, Purchased)
	case Ignore:
	default:
		in.report(l, "status", "%q is no status: write %s, %s or %s, or leave it empty", rule.Status, Bill, Propose, Ignore)
	}
	in.bySKU[sku.ID] = append(in.bySKU[sku.ID], ruleLine{rule, l})
}

// findSKU finds the SKU of a line: by its id, or by its part number alone.
func (in *ruleImport) findSKU(l line) (SKU, bool) {
	text, _ := in.trimmed(l, "sku_id")
	part, _ := in.trimmed(l, "sku")
	name, _ := in.cell(l, "name")
	byPart := in.skusByPart(part)
	id := strings.ToLower(text)
	if text == "" {
		switch {
		case part == "":
			in.report(l, "sku_id", "empty: write the SKU's id (a GUID) or its part number under sku")
		case len(byPart) == 0:
			in.report(l, "sku_id", "empty, and neither a tenant nor Microsoft's list has a SKU with the part number %q: write the SKU's id (a GUID)", part)
		case len(byPart) > 1:
			in.report(l, "sku_id", "empty, and %d SKUs have the part number %q (%s, %s): write the id", len(byPart), part, byPart[0].ID, byPart[1].ID)
		default:
			return byPart[0], true
		}
		return SKU{}, false
	}
	if !directory.IsGUID(id) {
		meant := ""
		if len(byPart) == 1 {
			meant = fmt.Sprintf(" (did you mean %s, %s?)", byPart[0].ID, byPart[0].Name)
		}
		in.report(l, "sku_id", "%q is not a SKU id (a GUID)%s", text, meant)
		return SKU{}, false
	}
	known := in.skuByID(id)
	switch {
	case part == "", strings.EqualFold(known.Part, part):
	case known.Part != "":
		in.report(l, "sku", "%s is %s%s, and %s is %s: were some columns sorted without the others? Correct one of the two, or export again",
			id, known.Part, inParentheses(known.Name), part, firstSKU(byPart))
		return SKU{}, false
	case len(byPart) > 0 && !slices.ContainsFunc(byPart, func(s SKU) bool { return s.ID == id }):
		in.report(l, "sku", "%s is the part number of %s, not of %s: correct one of the two, or export again", part, firstSKU(byPart), id)
		return SKU{}, false
	}
	sku := SKU{ID: id, Part: cmp.Or(known.Part, part), Name: cmp.Or(known.Name, name)}
	if i := slices.IndexFunc(in.current.Rules, func(r Rule) bool { return r.SKU == id }); i >= 0 {
		sku.Part, sku.Name = cmp.Or(sku.Part, in.current.Rules[i].Part), cmp.Or(sku.Name, in.current.Rules[i].Name)
	}
	return sku, true
}

// skusByPart returns the SKUs with a part number: those that tenants hold, or else
// the one that Microsoft lists.
func (in *ruleImport) skusByPart(part string) []SKU {
	if part == "" {
		return nil
	}
	held := slices.DeleteFunc(slices.Clone(in.seen), func(s SKU) bool { return !strings.EqualFold(s.Part, part) })
	if id, name := directory.SKUOf(part); len(held) == 0 && id != "" {
		held = append(held, SKU{ID: id, Part: strings.ToUpper(part), Name: name})
	}
	return held
}

// skuByID returns a SKU as tenants show it, or else as Microsoft's list has it.
func (in *ruleImport) skuByID(id string) SKU {
	if i := slices.IndexFunc(in.seen, func(s SKU) bool { return s.ID == id }); i >= 0 {
		sku := in.seen[i]
		sku.Part = cmp.Or(sku.Part, directory.PartNumber(id))
		return sku
	}
	return SKU{ID: id, Part: directory.PartNumber(id)}
}

func inParentheses(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

func firstSKU(skus []SKU) string {
	if len(skus) == 0 {
		return "no SKU that anybody here holds"
	}
	return skus[0].ID + inParentheses(skus[0].Name)
}

// ruleBefore returns the rule that a line edits, or an empty one.
func (in *ruleImport) ruleBefore(sku, product string, hasProduct bool) Rule {
	var of []Rule
	for _, r := range in.current.Rules {
		if r.SKU == sku && (!hasProduct || strings.EqualFold(r.Product, product)) {
			of = append(of, r)
		}
	}
	if len(of) != 1 {
		return Rule{}
	}
	return of[0]
}

func (in *ruleImport) parseLimit(l line, column string, before *int) *int {
	text, there := in.trimmed(l, column)
	if !there {
		return before
	}
	if text == "" {
		return nil
	}
	digits := text
	if m := wholeNumber.FindStringSubmatch(text); m != nil {
		digits = m[1]
	}
	n, err := strconv.Atoi(digits)
	switch {
	case err != nil:
		in.report(l, column, "%q is not a whole number without separators", text)
	case n < 0:
		in.report(l, column, "%d is below zero: write 0 or more, or leave it empty", n)
	case n > maxUnits:
		in.report(l, column, "%d is more than anybody has: write %d or less", n, maxUnits)
	}
	return &n
}

// checkDuplicates reports lines of one SKU that contradict each other.
func (in *ruleImport) checkDuplicates() {
	for _, sku := range in.order {
		rules := in.bySKU[sku]
		for i, r := range rules {
			for _, earlier := range rules[:i] {
				if strings.EqualFold(earlier.Product, r.Product) && (earlier.Status == r.Status || r.Product != "" && earlier.Status != Ignore && r.Status != Ignore) {
					in.report(r.line, "product", "SKU %s with product %q is on line %d already: keep one of the two lines", sku, r.Product, earlier.line.number)
					break
				}
				if earlier.Status != r.Status && earlier.Decided() && r.Decided() {
					in.report(r.line, "status", "SKU %s is %s here and %s on line %d: it cannot be both", sku, r.Status, earlier.Status, earlier.line.number)
					break
				}
			}
		}
	}
}

// edits says what the file changes about a SKU.
func (in *ruleImport) edits(sku string, first line, after []ruleLine) []Edit {
	var out []Edit
	add := func(l line, r Rule, column, was, is string) {
		if was != is {
			if r.Product != "" && column != "product" {
				column = r.Product + " " + column
			}
			out = append(out, Edit{l.number, sku, cmp.Or(r.Name, r.Part, sku), column, was, is})
		}
	}
	same := func(a, b Rule) bool { return strings.EqualFold(a.Product, b.Product) }
	for _, x := range after {
		var before Rule
		if i := slices.IndexFunc(in.current.Rules, func(r Rule) bool { return r.SKU == sku && same(r, x.Rule) }); i >= 0 {
			before = in.current.Rules[i]
		}
		if before.Status == Bill {
			before.Count = cmp.Or(before.Count, Purchased)
		}
		add(x.line, x.Rule, "product", before.Product, x.Product)
		for _, column := range []struct{ name, was, is string }{
			{"count", before.Count, x.Count},
			{"minimum", formatLimit(before.Minimum), formatLimit(x.Minimum)},
			{"maximum", formatLimit(before.Maximum), formatLimit(x.Maximum)},
			{"status", before.Status, x.Status},
			{"reason", before.Reason, x.Reason},
		} {
			add(x.line, x.Rule, column.name, column.was, column.is)
		}
	}
	for _, r := range in.current.Rules {
		if r.SKU == sku && !slices.ContainsFunc(after, func(x ruleLine) bool { return same(x.Rule, r) }) {
			if r.Product != "" {
				add(first, r, "product", r.Product, "")
			} else {
				add(first, r, "status", r.Status, "")
				add(first, r, "reason", r.Reason, "")
			}
		}
	}
	return out
}
