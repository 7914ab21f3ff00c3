package mapping

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/xrash/smetrics"
	"golang.org/x/text/unicode/norm"
)

// ligatures are letters that Unicode does not decompose into a letter and a mark.
var ligatures = strings.NewReplacer("ß", "ss", "ø", "o", "æ", "ae", "œ", "oe", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ı", "i")

// umlauts are written in two ways, "ü" and "ue". Reading both as "u" costs a
// few true diphthongs, on both sides alike; to tell them apart needs a dictionary.
var umlauts = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u", "aa", "a")

var (
	initials = regexp.MustCompile(`(^|[^\p{L}])((?:\p{L}\.)+\p{L})(\.|[^\p{L}.]|$)`)  // S.p.A., B.V.
	spZoo    = regexp.MustCompile(`(^|[^\p{L}])sp\.? ?z\.? ?o\.? ?o(\.|[^\p{L}.]|$)`) // Sp. z o.o.
	slashed  = strings.NewReplacer("a/s", "as", "i/s", "is", "&", " and ", "+", " and ")
)

// legalForms are legal forms of companies, as they end a name.
var legalForms = set(`gmbh mbh ggmbh ag kg kgaa ohg ug ev eg gbr se co company ltd limited llc llp lp plc inc incorporated
	corp corporation bv nv vof ab as asa oy oyj aps is srl srls spa sa sas sasu sarl eurl sl slu ltda pty pte sdn bhd
	sro doo zoo kft zrt kk pc pllc lc lda mb uab sia ou haftungsbeschrankt`)

// fillerWords are words without meaning in a name.
var fillerWords = set("the and und et og och")

// abbreviations are short words with their long form.
var abbreviations = map[string]string{
	"st": "saint", "intl": "international", "int": "international", "bros": "brothers", "mfg": "manufacturing",
	"svc": "services", "svcs": "services", "mgmt": "management", "mgt": "management", "assoc": "associates",
	"assocs": "associates", "natl": "national", "univ": "university", "ctr": "center", "centre": "center",
	"grp": "group", "gruppe": "group", "mt": "mount", "ft": "fort", "tech": "technology", "technologies": "technology",
	"eng": "engineering", "constr": "construction", "hosp": "hospital", "ins": "insurance", "dept": "department",
}

// genericWords say what a company does rather than which it is.
var genericWords = set(`group holding holdings international services service solutions consulting management partners
	associates technology systems global national center company trust foundation of for in`)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		out[w] = true
	}
	return out
}

// foldASCII returns text in lower case, in ASCII letters where it can: without marks,
// ligatures and compatibility forms.
func foldASCII(text string) string {
	text = ligatures.Replace(strings.ToLower(norm.NFKC.String(text)))
	var b strings.Builder
	for _, r := range norm.NFKD.String(text) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// nameWords returns what is left of a company's name once spelling, legal
// form and abbreviation are taken away. Names of such words alone keep them.
func nameWords(name string) []string {
	text := spZoo.ReplaceAllString(slashed.Replace(foldASCII(name)), "$1 zoo ")
	text = initials.ReplaceAllStringFunc(text, func(m string) string { return strings.ReplaceAll(m, ".", "") })
	text = strings.NewReplacer("'", "", "’", "", "`", "").Replace(text)
	all := strings.FieldsFunc(umlauts.Replace(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var words []string
	for _, w := range all {
		if !fillerWords[w] {
			words = append(words, w)
		}
	}
	last := len(words)
	for last > 1 && legalForms[words[last-1]] {
		last--
	}
	words = words[:last]
	for i, w := range words {
		if long, ok := abbreviations[w]; ok {
			words[i] = umlauts.Replace(long)
		}
	}
	if len(words) == 0 {
		return all
	}
	return words
}

// similarity of two lists of words, from 0 to 1, in any order: each word is compared
// with the most similar one of the other list.
func similarity(a, b []string) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	if strings.Join(a, "") == strings.Join(b, "") {
		return 1
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	weight := func(w string) float64 {
		if genericWords[w] {
			return 0.4
		}
		return 1
	}
	var total, matched float64
	for _, w := range slices.Concat(a, b) {
		total += weight(w)
	}
	taken := make([]bool, len(b))
	significant := false
	for _, w := range a {
		best, at := 0.0, -1
		for i, x := range b {
			if s := wordSimilarity(w, x); !taken[i] && s > best {
				best, at = s, i
			}
		}
		if at >= 0 {
			taken[at] = true
			matched += best * (weight(w) + weight(b[at]))
			significant = significant || !genericWords[w]
		}
	}
	if !significant {
		return 0
	}
	return matched / total
}

// wordSimilarity of two words, from 0 to 1; 0 below a threshold.
func wordSimilarity(a, b string) float64 {
	if a == b {
		return 1
	}
	// In short words and numbers one letter makes another word.
	if min(len(a), len(b)) <= 3 || strings.ContainsAny(a+b, "0123456789") {
		return 0
	}
	if s := smetrics.JaroWinkler(a, b, 0.7, 4); s >= 0.88 {
		return s
	}
	return 0
}
