package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// ProductEvidence is a product as the catalogue describes it.
type ProductEvidence struct {
	ID                  string
	Identifier          string
	Description         string
	CustomerDescription string
	VendorSKU           string
	ManufacturerPart    string
	XRef                string // integrationXRef
	Class               string // Agreement, Bundle, Inventory, NonInventory, Service
	Inactive            bool
}

// A ProductSuggestion is what a SKU may be billed as, or that it need not be.
// It is in force only once a person accepts it.
type ProductSuggestion struct {
	SKU        SKU         `json:"-"`
	SKUID      string      `json:"sku_id"`
	Part       string      `json:"sku"`
	Name       string      `json:"name"`
	Candidates []Candidate `json:"candidates"` // by product id and description, best first; empty where Ignore says why
	// Ignore says why the SKU may be left out; empty where it should be billed.
	Ignore string `json:"ignore,omitempty"`
	// Ambiguous says why a person must choose.
	Ambiguous string `json:"ambiguous,omitempty"`
	products  map[string]string
}

// Acceptable reports whether accepting everything from this score up takes the suggestion.
func (s ProductSuggestion) Acceptable(least float64) bool {
	return s.Ambiguous == "" && (s.Ignore != "" || len(s.Candidates) > 0 && s.Candidates[0].Score >= least)
}

// Product is a candidate's product as rules write it, by its id.
func (s ProductSuggestion) Product(id string) string { return s.products[id] }

// Rule returns the suggestion as a line of the product table, which does nothing
// until a person writes bill under its status: it counts what was purchased. It
// is false where the suggestion is ambiguous.
func (s ProductSuggestion) Rule() (Rule, bool) {
	rule := Rule{SKU: s.SKU.ID, Part: s.SKU.Part, Name: s.SKU.Name}
	switch {
	case s.Ambiguous != "":
		return Rule{}, false
	case s.Ignore != "":
		rule.Status, rule.Reason = Ignore, s.Ignore
	default:
		best := s.Candidates[0]
		rule.Status, rule.Count, rule.Product = Propose, Purchased, s.products[best.ID]
		rule.Reason = fmt.Sprintf("%.2f: %s", best.Score, strings.Join(best.Evidence, "; "))
	}
	return rule, true
}

// The strength of evidence for a product.
const (
	scoreSKUID           = 1.0  // Microsoft's own id
	scorePart            = 0.95 // the part number, and nothing else
	scorePartTerm        = 0.9  // …with a word for its term
	scoreContradicts     = 0.5  // the part number, but described as another plan
	scoreProductName     = 0.8  // the very same name
	minProductSimilarity = 0.55
)

// SuggestProducts suggests products for the SKUs that nobody settled, best
// first by score, then by name. SKUs for which nothing speaks are left out.
// Several SKUs may be suggested one product: their counts add up. Bundles
// (which cannot be an addition) and inactive products are never suggested.
func SuggestProducts(seen []SKU, products []ProductEvidence, rules Rules) []ProductSuggestion {
	var sides []product
	for _, p := range products {
		if !p.Inactive && !strings.EqualFold(p.Class, "Bundle") {
			sides = append(sides, newProduct(p))
		}
	}
	var out []ProductSuggestion
	for _, sku := range seen {
		if rules.Settled(sku.ID) {
			continue
		}
		s := ProductSuggestion{SKU: sku, SKUID: sku.ID, Part: sku.Part, Name: sku.Name, products: map[string]string{}}
		sold := map[string]string{} // the term of each candidate
		names := skuNames(sku)
		for i := range sides {
			p := &sides[i]
			if score, evidence := p.score(sku, names); score > 0 {
				s.Candidates = append(s.Candidates, Candidate{p.ID, cmp.Or(p.Description, p.Identifier), math.Round(score*100) / 100, evidence})
				s.products[p.ID] = cmp.Or(p.Identifier, p.ID)
				sold[p.ID] = p.term
			}
		}
		slices.SortFunc(s.Candidates, func(a, b Candidate) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(foldName(a.Name), foldName(b.Name)), cmp.Compare(a.ID, b.ID))
		})
		switch {
		case len(s.Candidates) > 0:
			s.Ambiguous = ambiguity(s.Candidates, s.products, sold)
		case sku.FreeOrTrial || directory.FreeSKU(sku.Part):
			s.Ignore = "free or trial: nothing is paid for it"
		default:
			continue
		}
		out = append(out, s)
	}
	best := func(s ProductSuggestion) float64 {
		if len(s.Candidates) == 0 {
			return 0
		}
		return s.Candidates[0].Score
	}
	slices.SortFunc(out, func(a, b ProductSuggestion) int {
		return cmp.Or(cmp.Compare(best(b), best(a)), cmp.Compare(foldName(a.Name), foldName(b.Name)), cmp.Compare(a.SKUID, b.SKUID))
	})
	return out
}

// ambiguity says why the best candidate is not clear, or is empty.
func ambiguity(candidates []Candidate, products, sold map[string]string) string {
	best := candidates[0]
	var names []string
	different := map[string]bool{sold[best.ID]: true}
	for _, c := range candidates[1:] {
		if tooClose(best.Score, c.Score) {
			names = append(names, products[c.ID])
			different[sold[c.ID]] = true
		}
	}
	switch {
	case len(names) == 0:
		return ""
	case len(different) == len(names)+1:
		return fmt.Sprintf("several terms of one product: %s, %s; the licence does not say which was bought", products[best.ID], strings.Join(names, ", "))
	default:
		return "nearly as much speaks for " + strings.Join(names, ", ")
	}
}

// product is a product made ready to be compared.
type product struct {
	ProductEvidence
	refs  []ref
	names []productName
	term  string // monthly, annual; empty where it says nothing
}

type ref struct{ where, text string }

func newProduct(p ProductEvidence) product {
	s := product{ProductEvidence: p}
	for _, r := range []ref{{"vendor SKU", p.VendorSKU}, {"manufacturer part number", p.ManufacturerPart}, {"integration reference", p.XRef}, {"identifier", p.Identifier}} {
		if r.text = strings.ToLower(strings.TrimSpace(r.text)); r.text != "" {
			s.refs = append(s.refs, r)
		}
	}
	// The customer's description may be pages long; its first line is a name.
	first, _, _ := strings.Cut(p.CustomerDescription, "\n")
	for _, name := range []string{p.Description, first, p.Identifier} {
		s.term = cmp.Or(s.term, termOf(name))
		if n := newProductName(name); len(n.words) > 0 && len(name) <= 120 {
			s.names = append(s.names, n)
		}
	}
	for _, r := range s.refs {
		s.term = cmp.Or(s.term, termOf(r.text))
	}
	return s
}

// skuNames returns what the SKU is called, Microsoft's own name first.
func skuNames(sku SKU) []productName {
	var out []productName
	for _, name := range []string{directory.ProductName(sku.ID, ""), sku.Name} {
		if n := newProductName(name); name != "" && name != sku.Part && len(n.words) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// score collects the evidence for the SKU being billed as the product.
func (s *product) score(sku SKU, names []productName) (score float64, evidence []string) {
	say := func(worth float64, format string, args ...any) {
		score = max(score, worth)
		evidence = append(evidence, fmt.Sprintf(format, args...))
	}
	part := strings.ToLower(sku.Part)
	for _, r := range s.refs {
		switch rest, found := cutPart(r.text, part); {
		case strings.Contains(r.text, sku.ID):
			say(scoreSKUID, "the %s holds the SKU id", r.where)
		case part == "" || !found:
		case rest == "":
			say(scorePart, "the %s is the part number %s", r.where, sku.Part)
		case termsOnly(rest):
			say(scorePartTerm, "the %s is the part number %s and a term", r.where, sku.Part)
		}
	}
	likeness, against := 0.0, ""
	for _, name := range names {
		for _, other := range s.names {
			l, quarrel := name.similarity(other)
			likeness = max(likeness, l)
			against = cmp.Or(against, quarrel)
		}
	}
	if against != "" {
		// O365_BUSINESS_PREMIUM is Business Standard. A product with
		// that part number and "Premium" in its name may be either.
		if score > scoreContradicts && score < scoreSKUID {
			score = scoreContradicts
			evidence = append(evidence, fmt.Sprintf("but %s: %s", against, cmp.Or(s.Description, s.Identifier)))
		}
		return score, evidence
	}
	switch {
	case likeness == 1:
		say(scoreProductName, "the names are the same but for spelling")
	case likeness >= minProductSimilarity/scoreProductName:
		say(scoreProductName*likeness, "the names are alike (%d %%)", int(likeness*100))
	}
	return score, evidence
}

// cutPart removes a part number, in lower case, from a reference that contains it as a
// word, and returns the rest.
func cutPart(text, part string) (rest string, found bool) {
	before, after, found := strings.Cut(text, part)
	if !found || part == "" || before != "" && isPartChar(before[len(before)-1]) || after != "" && isPartChar(after[0]) {
		return "", false
	}
	return strings.TrimSpace(before + " " + after), true
}

func isPartChar(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z'
}

func isSeparator(r rune) bool { return r > 127 || !isPartChar(byte(r)) }

// terms are the words for how long and how a licence is paid.
var terms = map[string]string{
	"m": "monthly", "mm": "monthly", "mo": "monthly", "mth": "monthly", "mtm": "monthly", "month": "monthly", "monthly": "monthly",
	"p1m": "monthly", "1m": "monthly", "monatlich": "monthly", "flex": "monthly",
	"a": "annual", "aa": "annual", "y": "annual", "yr": "annual", "1y": "annual", "1yr": "annual", "12m": "annual", "p1y": "annual",
	"year": "annual", "yearly": "annual", "annual": "annual", "annually": "annual", "jahr": "annual", "jahrlich": "annual",
	"am": "annual, paid monthly", "p3y": "three years", "3y": "three years", "3yr": "three years", "36m": "three years", "triennial": "three years",
}

// resellerWords are words that resellers add to a product's name.
var resellerWords = set(`microsoft ms msft nce csp legacy license licenses licence licences lic subscription seat seats user users per
	commitment term billed billing paid prepaid upfront month plan edition the a of commercial corp corporate new commerce experience online`)

func termOf(text string) string {
	words := strings.FieldsFunc(strings.ReplaceAll(foldASCII(text), "_", " "), isSeparator)
	// "Annual, paid monthly" is annual.
	found := ""
	for i, w := range words {
		switch t := terms[w]; {
		case len(w) == 1 && (i == 0 || i < len(words)-1): // "-M" ends an identifier; elsewhere a letter is a letter
		case t == "monthly" && found == "annual", t == "annual" && found == "monthly":
			found = "annual, paid monthly"
		case t != "":
			found = t
		}
	}
	return found
}

// termsOnly reports whether what is left of a reference only says how it is
// sold.
func termsOnly(rest string) bool {
	for w := range strings.FieldsFuncSeq(rest, isSeparator) {
		if _, ok := terms[w]; !ok && !resellerWords[w] && w != "m365" && w != "o365" {
			return false
		}
	}
	return true
}

// A productName is a parsed name of a Microsoft product.
type productName struct {
	family   string          // m365, o365; empty where the name gives none
	plan     string          // e3, p1, business premium; empty where the name gives none
	variants map[string]bool // no teams, nonprofit, student…: another product of that name
	words    []string
}

var (
	productSpellings = strings.NewReplacer(
		"azure active directory premium", "entra id", "azure ad premium", "entra id", "aad premium", "entra id",
		"azure active directory", "entra id", "azure ad", "entra id",
		"office365", "o365", "office 365", "o365", "microsoft365", "m365", "microsoft 365", "m365", "ms365", "m365", "ms 365", "m365",
		"business voice", "businessvoice", "power bi", "powerbi", "power apps", "powerapps", "power automate", "powerautomate",
		"without teams", "no teams", "non profit", "nonprofit", "non-profit", "nonprofit", "charity", "nonprofit", "donation", "nonprofit",
		"advanced threat protection", "defender", "add-on", "addon", "add on", "addon", "enterprise mobility + security", "ems",
		"enterprise mobility and security", "ems", "enterprise mobility & security", "ems",
	)
	planNumber = regexp.MustCompile(`\bplan\s*([1-9])\b`)
	planLetter = regexp.MustCompile(`\b([efagpkb][1-9])\b`)
	planTier   = regexp.MustCompile(`\b(basic|standard|premium|essentials|pro|kiosk|starter|apps for business|apps for enterprise|frontline)\b`)
	noTeams    = regexp.MustCompile(`\bno[ _-]teams\b`)
	noAudio    = regexp.MustCompile(`\bwithout audio conferencing\b`)
)

// variantWords name variants of a product, which are products of their own.
var variantWords = map[string]string{
	"nonprofit": "nonprofit", "student": "student", "students": "student", "faculty": "faculty", "edu": "education", "education": "education",
	"gcc": "government", "government": "government", "eea": "EEA", "trial": "trial", "preview": "preview", "copilot": "Copilot",
	"addon": "add-on", "archiving": "archiving", "unattended": "unattended", "device": "device", "devices": "device", "server": "server", "servers": "server",
	"audio": "audio conferencing", "international": "international", "security": "security", "compliance": "compliance",
}

func newProductName(name string) productName {
	text := productSpellings.Replace(foldASCII(strings.ReplaceAll(name, "_", " ")))
	n := productName{variants: map[string]bool{}}
	cut := func(re *regexp.Regexp, kind string) {
		if re.MatchString(text) {
			n.variants[kind] = true
			text = re.ReplaceAllString(text, " ")
		}
	}
	cut(noTeams, "no Teams")
	cut(noAudio, "without audio conferencing")
	text = planNumber.ReplaceAllString(text, "p$1")
	var plans []string
	for _, re := range []*regexp.Regexp{planLetter, planTier} {
		plans = append(plans, re.FindAllString(text, -1)...)
		text = re.ReplaceAllString(text, " ")
	}
	slices.Sort(plans)
	n.plan = strings.Join(slices.Compact(plans), " ")
	for _, w := range strings.FieldsFunc(text, isSeparator) {
		_, isTerm := terms[w]
		switch {
		case w == "m365" || w == "o365":
			n.family = w
		case variantWords[w] != "":
			n.variants[variantWords[w]] = true
		case !isTerm && !resellerWords[w]:
			n.words = append(n.words, w)
		}
	}
	// "Microsoft 365 E3" has no other word, and "Exchange Online (Plan 1)" is
	// more than its plan: the parts count as words of the name too.
	n.words = append(n.words, strings.Fields(n.family+" "+n.plan)...)
	return n
}

// similarity of two names from 0 to 1, or how they contradict each other. Plans and
// families are equal or not: E3 is no more similar to E5 than to F1.
func (n productName) similarity(other productName) (likeness float64, quarrel string) {
	switch {
	case n.plan != "" && other.plan != "" && n.plan != other.plan:
		return 0, fmt.Sprintf("it is described as %q, not %q", other.plan, n.plan)
	case n.family != "" && other.family != "" && n.family != other.family:
		return 0, fmt.Sprintf("it is described as %s, not %s", strings.ToUpper(other.family), strings.ToUpper(n.family))
	}
	likeness = similarity(n.words, other.words)
	if n.plan != other.plan || !maps.Equal(n.variants, other.variants) {
		likeness /= 2
	}
	return likeness, ""
}
