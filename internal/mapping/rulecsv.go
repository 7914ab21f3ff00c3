package mapping

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

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
	FreeOrTrial bool // nothing that anybody is billed for
}

// RuleHeader is the head of the product table.
var RuleHeader = []string{"customer", "sku_id", "sku", "name", "product", "count", "who", "subscriptions", "weight", "minimum", "maximum", "floor", "status", "reason"}

// Known is what an import of rules can be held against.
type Known struct {
	SKUs      []SKU           // those that tenants hold: with them a line may name one by its part number
	Customers map[string]bool // keys of customers; nil where nobody looked
}

// MaxUnits is more of one licence than a customer can have: beyond it a limit
// is a slip of the finger.
const MaxUnits = 1_000_000

// ExportRules writes the product table as CSV for Excel, by name: a line a
// rule, and one for every SKU that was seen and not settled, product and
// status empty.
func ExportRules(w io.Writer, rules Rules, seen []SKU) (n int, err error) {
	bySubject := map[group][]Rule{}
	for _, r := range rules.Rules {
		bySubject[r.group()] = append(bySubject[r.group()], r)
	}
	named := map[string]SKU{}
	for _, sku := range seen {
		named[sku.ID] = sku
		if all := (group{subject: sku.ID}); len(bySubject[all]) == 0 {
			bySubject[all] = []Rule{{SKU: sku.ID}}
		}
	}
	var all []Rule
	for _, of := range bySubject {
		for i, r := range of {
			of[i].Part, of[i].Name = cmp.Or(named[r.SKU].Part, r.Part), cmp.Or(named[r.SKU].Name, r.Name)
		}
		settled := slices.ContainsFunc(of, func(r Rule) bool { return r.Status != "" })
		for i, r := range of {
			switch {
			case r.Status != "":
				all = append(all, r)
			case !settled && i == 0 && (named[r.SKU].ID != "" || r.Reason != ""):
				// Of what nobody decided nothing is shown but the words: a product
				// without a status would be billed by the next import.
				all = append(all, Rule{Customer: r.Customer, SKU: r.SKU, Part: r.Part, Name: r.Name, Reason: r.Reason})
			}
		}
	}
	slices.SortFunc(all, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Customer, b.Customer), cmp.Compare(foldName(a.Name), foldName(b.Name)), compareRules(a, b))
	})
	lines := [][]string{RuleHeader}
	for _, r := range all {
		lines = append(lines, r.Cells())
	}
	return len(all), writeSheet(w, lines)
}

// Cells are the rule as a line of the product table, in the order of RuleHeader.
func (r *Rule) Cells() []string {
	counted := r.Count
	if r.Status == Bill {
		counted = cmp.Or(counted, Purchased)
	}
	return []string{r.Customer, r.SKU, r.Part, r.Name, r.Product, counted, r.Who, r.Subscriptions, r.Weight,
		Number(r.Minimum), Number(r.Maximum), r.Floor, r.Status, r.Reason}
}

// WriteRules writes lines of the product table, each in the order of RuleHeader, as a person
// would have edited them.
func WriteRules(w io.Writer, lines [][]string) error {
	return writeSheet(w, append([][]string{RuleHeader}, lines...))
}

// Number is a number as the tables have it, and empty where there is none.
func Number(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// compareRules orders the product table.
func compareRules(a, b Rule) int {
	return cmp.Or(cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Product, b.Product),
		cmp.Compare(a.Who, b.Who), cmp.Compare(a.Subscriptions, b.Subscriptions))
}

// A group is what an import replaces as a whole: the rules of one customer, or for
// all, about one subject.
type group struct{ customer, subject string }

func (r *Rule) group() group { return group{r.Customer, r.subject()} }

// twin reports whether two rules of a group are the same line of the table, edited.
func (r *Rule) twin(other *Rule) bool {
	return strings.EqualFold(r.Product, other.Product) && r.Who == other.Who && r.Subscriptions == other.Subscriptions
}

// ImportRules reads an edited product table and returns current with its
// lines in place, sorted by customer, SKU and product, and what changes. The lines
// of a customer's SKU replace all its rules; those that the file does not name keep
// theirs. A column that the file does not have keeps its values where customer, SKU
// and product are as before. A SKU whose line names no product and no status is
// left undecided.
//
// Where any line is bad it returns current as it is and an *ImportError.
func ImportRules(r io.Reader, current Rules, known Known) (Rules, []Edit, error) {
	s, err := readSheet(r, RuleHeader, "sku_id", "sku")
	if err != nil {
		return current, nil, err
	}
	in := &ruleImport{sheet: s, current: current, known: known, byGroup: map[group][]ruleLine{}}
	for _, l := range s.lines {
		in.addLine(l)
	}
	in.checkDuplicates()
	if err := s.err(); err != nil {
		return current, nil, err
	}
	var next []Rule
	for _, r := range current.Rules {
		if in.byGroup[r.group()] == nil {
			next = append(next, r)
		}
	}
	var edits []Edit
	for _, g := range in.order {
		after, first := in.byGroup[g], in.byGroup[g][0].line
		settled := slices.ContainsFunc(after, func(x ruleLine) bool { return x.Status != "" })
		after = slices.DeleteFunc(after, func(x ruleLine) bool {
			return x.Status == "" && (settled || x.Reason == "")
		})
		for _, x := range after {
			next = append(next, x.Rule)
		}
		edits = append(edits, in.edits(g, first, after)...)
	}
	slices.SortStableFunc(next, compareRules)
	return Rules{Rules: next}, edits, nil
}

// ruleLine is a rule and the line it came from.
type ruleLine struct {
	Rule
	line line
}

type ruleImport struct {
	*sheet
	current Rules
	known   Known
	byGroup map[group][]ruleLine // the rules of the file
	order   []group              // of the file
}

// AsksForSKUs reports whether only the tenants' own licences can tell which SKUs
// a product table means: a line has a part number and no id, or a pair of both
// that neither the table as it is nor Microsoft's list knows.
func AsksForSKUs(r io.Reader, current Rules) bool {
	s, err := readSheet(r, RuleHeader, "sku_id", "sku")
	if err != nil {
		return false // the import says why
	}
	return slices.ContainsFunc(s.lines, func(l line) bool {
		id, _ := s.trimmed(l, "sku_id")
		part, _ := s.trimmed(l, "sku")
		text, _ := s.cell(l, "who")
		if who, err := ParseWho(text); err == nil && len(who.unknownLicences(nil)) > 0 {
			return true
		}
		return part != "" && !strings.EqualFold(directory.PartNumber(id), part) &&
			!slices.ContainsFunc(current.Rules, func(r Rule) bool { return strings.EqualFold(r.SKU, id) && strings.EqualFold(r.Part, part) })
	})
}

// NamesCustomers reports whether a product table has rules of single customers.
func NamesCustomers(r io.Reader) bool {
	s, err := readSheet(r, RuleHeader, "sku_id", "sku")
	if err != nil {
		return false // the import says why
	}
	return slices.ContainsFunc(s.lines, func(l line) bool {
		text, _ := s.trimmed(l, "customer")
		return text != ""
	})
}

// addLine adds the rule of one line.
func (in *ruleImport) addLine(l line) {
	customer := in.customer(l)
	product, hasProduct := in.trimmed(l, "product")
	count, hasCount := in.trimmed(l, "count")
	count = strings.ToLower(count)
	var sku SKU
	if !in.blank(l, "sku_id") || !in.blank(l, "sku") || count != People {
		var ok bool
		if sku, ok = in.findSKU(l); !ok {
			return
		}
	} else {
		sku.Name, _ = in.cell(l, "name")
	}
	rule := in.ruleBefore(l, customer, sku.ID, product, hasProduct)
	before := rule
	rule.Customer, rule.SKU, rule.Part, rule.Name = customer, sku.ID, sku.Part, sku.Name
	if hasProduct {
		rule.Product = product
	}
	if err := checkCell(rule.Product); err != nil {
		in.report(l, "product", "%v", err)
	}
	if hasCount {
		rule.Count = count
	}
	rule.Who = in.who(l, rule.Who)
	rule.Subscriptions = in.subscriptions(l, rule.Subscriptions)
	rule.Weight = in.weight(l, rule.Weight)
	rule.Minimum = in.parseLimit(l, "minimum", before.Minimum)
	rule.Maximum = in.parseLimit(l, "maximum", before.Maximum)
	if text, there := in.trimmed(l, "floor"); there {
		rule.Floor = strings.ToLower(text)
	}
	if text, there := in.trimmed(l, "status"); there || rule.Product != before.Product {
		rule.Status = strings.ToLower(text)
	}
	if text, there := in.cell(l, "reason"); there {
		rule.Reason = text
	}
	in.check(l, &rule)
	g := rule.group()
	if in.byGroup[g] == nil {
		in.order = append(in.order, g)
	}
	in.byGroup[g] = append(in.byGroup[g], ruleLine{rule, l})
}

// check reports what of a rule does not fit together, and fills in how it counts.
func (in *ruleImport) check(l line, rule *Rule) {
	if rule.Minimum != nil && rule.Maximum != nil && *rule.Minimum > *rule.Maximum {
		in.report(l, "minimum", "%d is more than the maximum of %d: swap them", *rule.Minimum, *rule.Maximum)
	}
	switch rule.Count {
	case "", Purchased, Assigned, Larger, People:
	default:
		in.report(l, "count", "%q is no way of counting: write %s, %s, %s or %s", rule.Count, Purchased, Assigned, Larger, People)
	}
	switch {
	case rule.Who != "" && (rule.Count == Purchased || rule.Count == "" && rule.Product != ""):
		in.report(l, "who", "%s counts units, whoever has them: write %s or %s under count, or leave who empty", Purchased, Assigned, People)
	case rule.Subscriptions != "" && rule.Count == People:
		in.report(l, "subscriptions", "%s are no subscriptions: leave it empty, or write %s under count", People, Purchased)
	}
	switch rule.Floor {
	case "":
	case Purchased:
		if rule.SKU == "" {
			in.report(l, "floor", "a rule without a SKU has nothing that is bought: write a minimum")
		}
	default:
		in.report(l, "floor", "%q is no floor: write %s, or leave it empty and write a minimum", rule.Floor, Purchased)
	}
	switch rule.Status {
	case Bill, "":
		switch {
		case rule.Product != "":
			rule.Status, rule.Count = Bill, cmp.Or(rule.Count, Purchased)
		case rule.Status == Bill:
			in.report(l, "product", "empty: write the catalogue identifier or id of the product to bill, or %s under status", Ignore)
		case rule.Minimum != nil || rule.Maximum != nil:
			in.report(l, "product", "empty, with a minimum or a maximum: write the product to bill")
		case rule.SKU == "":
			in.report(l, "product", "empty: write the catalogue identifier or id of the product to bill")
		default:
			rule.Count = ""
		}
	case Propose:
		if rule.Product == "" {
			in.report(l, "product", "empty: write the product that is suggested, or leave the status empty")
		}
		rule.Count = cmp.Or(rule.Count, Purchased)
	case Ignore:
		if rule.SKU == "" && rule.Product == "" {
			in.report(l, "product", "empty, and so is the SKU: write the product of people that is not billed")
		}
	default:
		in.report(l, "status", "%q is no status: write %s, %s or %s, or leave it empty", rule.Status, Bill, Propose, Ignore)
	}
}

// blank reports whether a cell is empty or not there.
func (in *ruleImport) blank(l line, column string) bool {
	text, _ := in.trimmed(l, column)
	return text == ""
}

// customer is the key of the one customer that a line is for; empty = all.
func (in *ruleImport) customer(l line) string {
	key, _ := in.trimmed(l, "customer")
	if id := strings.ToLower(key); directory.IsGUID(id) {
		key = id
	}
	had := func(r Rule) bool { return r.Customer == key } // one who is no customer any more
	if key != "" && in.known.Customers != nil && !in.known.Customers[key] && !slices.ContainsFunc(in.current.Rules, had) {
		in.report(l, "customer", "%q is no customer's key: syncd status --json lists the keys; leave it empty for a rule that holds for all", key)
	}
	return key
}

func (in *ruleImport) who(l line, before string) string {
	text, there := in.cell(l, "who")
	if !there {
		return before
	}
	w, err := ParseWho(text)
	if err != nil {
		in.report(l, "who", "%v", err)
	}
	if w.String() == before {
		return before // it was known when it was written
	}
	for _, value := range w.unknownLicences(in.known.SKUs) { // whoever holds it is nobody, and would be billed so
		in.report(l, "who", "licence=%s: neither a tenant nor Microsoft's list has a SKU with this part number: correct it, or write the SKU's id (a GUID)", value)
	}
	return w.String()
}

func (in *ruleImport) subscriptions(l line, before string) string {
	text, there := in.cell(l, "subscriptions")
	if !there {
		return before
	}
	p, err := ParsePicker(text)
	if err != nil {
		in.report(l, "subscriptions", "%v", err)
	}
	return p.String()
}

// mostWeight is more than any licence is worth of another.
const mostWeight = 1000

// weight is what each unit counts, as a decimal with a point.
func (in *ruleImport) weight(l line, before string) string {
	text, there := in.trimmed(l, "weight")
	if !there {
		return before
	}
	if text == "" {
		return ""
	}
	n, err := decimal.NewFromString(text)
	switch {
	case err != nil || strings.ContainsAny(text, "eE"):
		in.report(l, "weight", "%q is no decimal number: write it with a point, such as 0.5", text)
	case !n.IsPositive():
		in.report(l, "weight", "%s counts nothing: write more than 0, or %s under status", text, Ignore)
	case n.GreaterThan(decimal.NewFromInt(mostWeight)):
		in.report(l, "weight", "%s is more than anything weighs: write %d or less", text, mostWeight)
	case n.Equal(decimal.NewFromInt(1)):
		return ""
	}
	return n.String()
}

// findSKU finds which SKU a line is about: by its id, or by its part number alone.
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
	held := slices.DeleteFunc(slices.Clone(in.known.SKUs), func(s SKU) bool { return !strings.EqualFold(s.Part, part) })
	if id, name := directory.SKUOf(part); len(held) == 0 && id != "" {
		held = append(held, SKU{ID: id, Part: strings.ToUpper(part), Name: name})
	}
	return held
}

// skuByID returns what is known of an id: what tenants say, or else Microsoft's list.
func (in *ruleImport) skuByID(id string) SKU {
	if i := slices.IndexFunc(in.known.SKUs, func(s SKU) bool { return s.ID == id }); i >= 0 {
		sku := in.known.SKUs[i]
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
func (in *ruleImport) ruleBefore(l line, customer, sku, product string, hasProduct bool) Rule {
	var of []Rule
	for _, r := range in.current.Rules {
		if r.Customer != customer || r.SKU != sku || hasProduct && !strings.EqualFold(r.Product, product) || sku == "" && !hasProduct {
			continue
		}
		of = append(of, r)
	}
	if len(of) > 1 { // several lines with one product differ in these
		for _, column := range []struct {
			name string
			of   func(*Rule) string
		}{{"who", func(r *Rule) string { return r.Who }}, {"subscriptions", func(r *Rule) string { return r.Subscriptions }}} {
			if text, there := in.cell(l, column.name); there {
				of = slices.DeleteFunc(of, func(r Rule) bool { return !strings.EqualFold(column.of(&r), strings.TrimSpace(text)) })
			}
		}
	}
	if len(of) != 1 {
		return Rule{}
	}
	return of[0]
}

// parseLimit returns a number of units, or before where the line lacks the column.
func (s *sheet) parseLimit(l line, column string, before *int) *int {
	text, there := s.trimmed(l, column)
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
		s.report(l, column, "%q is not a whole number without separators", text)
	case n < 0:
		s.report(l, column, "%d is below zero: write 0 or more, or leave it empty", n)
	case n > MaxUnits:
		s.report(l, column, "%d is more than anybody has: write %d or less", n, MaxUnits)
	}
	return &n
}

// checkDuplicates reports lines of one group that cannot both hold.
func (in *ruleImport) checkDuplicates() {
	for _, g := range in.order {
		rules := in.byGroup[g]
		subject := "SKU " + rules[0].SKU
		if rules[0].SKU == "" {
			subject = "the rule without a SKU"
		}
		for i, r := range rules {
			for _, earlier := range rules[:i] {
				if earlier.twin(&r.Rule) && (earlier.Status == r.Status || r.Product != "" && earlier.Status != Ignore && r.Status != Ignore) {
					in.report(r.line, "product", "%s with product %q is on line %d already: keep one of the two lines", subject, r.Product, earlier.line.number)
					break
				}
				if earlier.Status != r.Status && earlier.Decided() && r.Decided() && !earlier.leavesOut() && !r.leavesOut() {
					in.report(r.line, "status", "%s is %s here and %s on line %d: it cannot be both", subject, r.Status, earlier.Status, earlier.line.number)
					break
				}
			}
		}
	}
}

// edits says what the file changes about a group.
func (in *ruleImport) edits(g group, first line, after []ruleLine) []Edit {
	var out []Edit
	add := func(l line, r Rule, column, was, is string) {
		if was != is {
			if r.Product != "" && column != "product" {
				column = r.Product + " " + column
			}
			if r.Customer != "" {
				column = r.Customer + " " + column
			}
			out = append(out, Edit{l.number, cmp.Or(r.SKU, r.Product), cmp.Or(r.Name, r.Part, r.SKU, r.Product), column, was, is})
		}
	}
	for _, x := range after {
		var before Rule
		if i := slices.IndexFunc(in.current.Rules, func(r Rule) bool { return r.group() == g && x.twin(&r) }); i >= 0 {
			before = in.current.Rules[i]
		}
		if before.Status == Bill {
			before.Count = cmp.Or(before.Count, Purchased)
		}
		add(x.line, x.Rule, "product", before.Product, x.Product)
		for _, column := range []struct{ name, was, is string }{
			{"count", before.Count, x.Count},
			{"who", before.Who, x.Who},
			{"subscriptions", before.Subscriptions, x.Subscriptions},
			{"weight", before.Weight, x.Weight},
			{"minimum", Number(before.Minimum), Number(x.Minimum)},
			{"maximum", Number(before.Maximum), Number(x.Maximum)},
			{"floor", before.Floor, x.Floor},
			{"status", before.Status, x.Status},
			{"reason", before.Reason, x.Reason},
		} {
			add(x.line, x.Rule, column.name, column.was, column.is)
		}
	}
	for _, r := range in.current.Rules {
		if r.group() == g && !slices.ContainsFunc(after, func(x ruleLine) bool { return x.twin(&r) }) {
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
