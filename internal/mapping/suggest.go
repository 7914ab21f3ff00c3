package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// DefaultAccept is the least score that accepting in bulk takes when nobody
// says otherwise. A name alone never reaches it.
const DefaultAccept = 0.9

// minLead is by how much the best candidate's score must exceed the next one's.
const minLead = 0.1

// The strength of evidence. The steps are as wide as minLead, so that a tenant id
// in a record decides where two records have the same website.
const (
	scoreTenantID      = 1.0  // somebody wrote it down
	scoreInitialDomain = 0.97 // the same, by the …onmicrosoft.com name
	scoreFieldDomain   = 0.92 // a verified domain, written down
	scoreWebsite       = 0.9
	scoreSubdomain     = 0.8 // the website stands below a verified domain
	scoreContacts      = 0.6 // …and up to 0.2 more by their share
	scoreName          = 0.7 // the very same name
	minSimilarity      = 0.6 // below, names do not count
)

// TenantEvidence is what of a tenant may stand in a company's record, too.
type TenantEvidence struct {
	Tenant  directory.Tenant
	Domains []string // verified, of any kind
	Names   []string // besides Tenant.Name, which may be an alias
}

// CompanyEvidence is what a company's record says: of ConnectWise, or an
// organization of IT Glue.
type CompanyEvidence struct {
	ID             string
	Name           string
	Identifier     string
	Website        string
	CustomFields   map[string]string // by caption
	Texts          []string          // other texts: account number, vendor identifier, user-defined fields, note
	Domains        []string          // that the record itself manages
	ContactDomains map[string]int    // how many contacts have mail there
	Deleted        bool              // in the recycle bin
	Inactive       bool              // by the status the operator counts out
	// Derived are links that follow from tenants' links at another system.
	Derived map[directory.TenantID]Derivation
}

// A Derivation is a link that follows from another system's.
type Derivation struct {
	Score float64
	Text  string
}

// A Candidate is one entity that may be the right link.
type Candidate struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Score    float64  `json:"score"` // from 0 to 1, in hundredths
	Evidence []string `json:"evidence"`
}

// A Suggestion is what a tenant may be linked to. It is in force only once a
// person accepts it.
type Suggestion struct {
	Tenant     directory.Tenant `json:"-"`
	TenantID   string           `json:"tenant_id"`
	TenantName string           `json:"tenant"`
	Column     string           `json:"column"`
	Candidates []Candidate      `json:"candidates"` // best first, never empty
	// Ambiguous says why a person must choose; empty where the first candidate is clear.
	Ambiguous string `json:"ambiguous,omitempty"`
}

// Acceptable reports whether accepting everything from this score up takes the suggestion.
func (s Suggestion) Acceptable(least float64) bool {
	return s.Ambiguous == "" && s.Candidates[0].Score >= least
}

// Row returns before, the tenant's row, with the suggestion in it: suggested,
// not in force. Where the row has other links, suggested or in force, a
// suggestion that is not sure stands beside them: it must not take the sure
// ones down with it. It is false where somebody settled the link already, or where the
// suggestion is ambiguous: a row has room for one.
func (s Suggestion) Row(before Row) (Row, bool) {
	if s.Ambiguous != "" || before.Status == Ignored || before.Status == Linked && before.Links[s.Column] != "" {
		return before, false
	}
	best := s.Candidates[0]
	evidence := strings.Join(best.Evidence, "; ")
	row := before
	beside := before.Status == Suggested && before.Links[s.Column] == "" && len(before.Links) > 0
	if row.Status == Linked || beside && best.Score < DefaultAccept && best.Score < before.Score() {
		row.Proposed = maps.Clone(before.Proposed)
		if row.Proposed == nil {
			row.Proposed = map[string]Proposal{}
		}
		row.Proposed[s.Column] = Proposal{Value: best.ID, Score: best.Score, Reason: evidence}
		return row, true
	}
	row.TenantID, row.Tenant = s.Tenant.ID, s.Tenant.Name
	score := best.Score
	row.Links = Links{s.Column: best.ID}
	if beside {
		maps.Copy(row.Links, before.Links)
		score = min(score, before.Score())
		_, said, _ := strings.Cut(before.Reason, ": ")
		evidence = said + "; " + s.Column + ": " + evidence
	}
	row.Status, row.Reason = Suggested, fmt.Sprintf("%.2f: %s", score, evidence)
	return row, true
}

// A Draft is a link table while systems propose links for it, one after another:
// each sees what those before it proposed.
type Draft struct {
	Tenants     []directory.Tenant
	Evidence    []TenantEvidence
	Table       Table
	Suggestions []Suggestion
}

// Add takes suggestions on, and into the table, where they are not in force.
func (d *Draft) Add(suggestions []Suggestion) {
	var rows []Row
	for _, s := range suggestions {
		before, _ := d.Table.Row(s.Tenant.ID)
		if row, ok := s.Row(before); ok {
			rows = append(rows, row)
		}
	}
	d.Table = d.Table.With(rows...)
	d.Suggestions = append(d.Suggestions, suggestions...)
}

// SuggestCompanies suggests ConnectWise companies for tenants.
func SuggestCompanies(tenants []TenantEvidence, companies []CompanyEvidence, table Table) []Suggestion {
	return SuggestLinks(ConnectWiseCompany, tenants, companies, table)
}

// SuggestLinks suggests a link of one column for every tenant that has none
// and is not ignored nor adds up with others, best first by score, then by name; tenants for which
// nothing speaks are left out. What is linked already is suggested to nobody,
// nor is anything to the partner's own tenant. What holds a domain of a tenant
// that is settled already may be that one's: nobody but a person gives it away.
func SuggestLinks(column string, tenants []TenantEvidence, companies []CompanyEvidence, table Table) []Suggestion {
	linked := map[string]bool{}
	for _, row := range table.Rows {
		if row.Status == Linked && row.Links[column] != "" {
			linked[row.Links[column]] = true
		}
	}
	sides := make([]company, 0, len(companies))
	for _, c := range companies {
		if !c.Deleted && !c.Inactive && !linked[c.ID] {
			sides = append(sides, newCompany(c))
		}
	}
	var open []*Suggestion
	owners := map[string]owner{}
	for _, t := range tenants {
		row, _ := table.Row(t.Tenant.ID)
		if t.Tenant.Partner || table.Made(t.Tenant.ID) || row.Status == Ignored || row.Status == Linked && row.Links[column] != "" {
			name := t.Tenant.Name
			t.Tenant.Name, t.Names = "", nil // names are typed freely: only domains show whose a company is
			for _, c := range candidatesFor(t, sides) {
				if by, held := owners[c.ID]; !held || c.Score > by.score || c.Score == by.score && t.Tenant.ID < by.id {
					owners[c.ID] = owner{name, t.Tenant.ID, c.Score}
				}
			}
			continue
		}
		if c := candidatesFor(t, sides); len(c) > 0 {
			open = append(open, &Suggestion{Tenant: t.Tenant, TenantID: string(t.Tenant.ID), TenantName: t.Tenant.Name, Column: column, Candidates: c})
		}
	}
	suggestions := assign(open)
	for i := range suggestions {
		s := &suggestions[i]
		if by := owners[s.Candidates[0].ID]; s.Ambiguous == "" && by.score > 0 && tooClose(s.Candidates[0].Score, by.score) {
			s.Ambiguous = fmt.Sprintf("as much speaks for tenant %s, which is settled already", by.tenant)
		}
	}
	return suggestions
}

// An owner is a settled tenant whose domains stand in a company's record.
type owner struct {
	tenant string
	id     directory.TenantID
	score  float64
}

// assign gives every company to the tenant with the highest score, and marks what is not
// clear as ambiguous.
func assign(open []*Suggestion) []Suggestion {
	var out []Suggestion
	contested := map[string]string{} // by company: the tenant of an ambiguous suggestion with it
	for len(open) > 0 {
		slices.SortFunc(open, func(a, b *Suggestion) int {
			return cmp.Or(cmp.Compare(b.Candidates[0].Score, a.Candidates[0].Score),
				cmp.Compare(foldName(a.Tenant.Name), foldName(b.Tenant.Name)), cmp.Compare(a.Tenant.ID, b.Tenant.ID))
		})
		next := open[0]
		open = open[1:]
		best := next.Candidates[0]
		var rivals []string
		for _, c := range next.Candidates[1:] {
			if tooClose(best.Score, c.Score) {
				rivals = append(rivals, c.Name)
			}
		}
		wanted := contested[best.ID]
		for _, other := range open {
			if c := other.Candidates[0]; c.ID == best.ID && tooClose(best.Score, c.Score) {
				wanted = cmp.Or(wanted, other.Tenant.Name)
			}
		}
		switch {
		case len(rivals) > 0:
			next.Ambiguous = "nearly as much speaks for " + strings.Join(rivals, ", ")
		case wanted != "":
			next.Ambiguous = fmt.Sprintf("tenant %s may be %s too", wanted, best.Name)
		}
		if next.Ambiguous != "" {
			contested[best.ID] = cmp.Or(contested[best.ID], next.Tenant.Name)
			for _, c := range next.Candidates[1 : 1+len(rivals)] {
				contested[c.ID] = cmp.Or(contested[c.ID], next.Tenant.Name)
			}
		} else {
			// Clear: no other tenant gets it as a candidate.
			for _, other := range open {
				other.Candidates = slices.DeleteFunc(other.Candidates, func(c Candidate) bool { return c.ID == best.ID })
			}
			open = slices.DeleteFunc(open, func(c *Suggestion) bool { return len(c.Candidates) == 0 })
		}
		out = append(out, *next)
	}
	slices.SortStableFunc(out, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(b.Candidates[0].Score, a.Candidates[0].Score),
			cmp.Compare(foldName(a.TenantName), foldName(b.TenantName)), cmp.Compare(a.TenantID, b.TenantID))
	})
	return out
}

// tooClose reports whether two scores, in hundredths, are too close to choose between.
func tooClose(a, b float64) bool { return math.Round((a-b)*100) < math.Round(minLead*100) }

// company is a company made ready to be compared.
type company struct {
	CompanyEvidence
	texts    []text
	host     string
	words    [][]string
	contacts int // with mail anywhere but at a public provider
}

type text struct{ where, text string }

func newCompany(c CompanyEvidence) company {
	s := company{CompanyEvidence: c, host: host(c.Website)}
	for _, caption := range slices.Sorted(maps.Keys(c.CustomFields)) {
		s.texts = append(s.texts, text{fmt.Sprintf("the field %q", caption), strings.ToLower(c.CustomFields[caption])})
	}
	for _, t := range c.Texts {
		s.texts = append(s.texts, text{"the company's record", strings.ToLower(t)})
	}
	for _, name := range []string{c.Name, c.Identifier} {
		if w := nameWords(name); len(w) > 0 {
			s.words = append(s.words, w)
		}
	}
	for domain, n := range c.ContactDomains {
		if !publicMail(domain) {
			s.contacts += n
		}
	}
	return s
}

// candidatesFor returns the companies with any evidence for being the tenant's, best
// first.
func candidatesFor(t TenantEvidence, companies []company) []Candidate {
	var domains []string
	for _, d := range append([]string{t.Tenant.DefaultDomain, t.Tenant.InitialDomain}, t.Domains...) {
		if d = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(d), ".")); d != "" && !slices.Contains(domains, d) && !publicMail(d) {
			domains = append(domains, d)
		}
	}
	var names [][]string
	for _, name := range append([]string{t.Tenant.Name}, t.Names...) {
		if w := nameWords(name); len(w) > 0 {
			names = append(names, w)
		}
	}
	var out []Candidate
	for i := range companies {
		c := &companies[i]
		score, evidence := c.score(t.Tenant, domains, names)
		if score > 0 {
			out = append(out, Candidate{ID: c.ID, Name: c.Name, Score: math.Round(score*100) / 100, Evidence: evidence})
		}
	}
	slices.SortFunc(out, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(foldName(a.Name), foldName(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// score collects the evidence for a company being the tenant's.
func (s *company) score(t directory.Tenant, domains []string, names [][]string) (score float64, evidence []string) {
	say := func(worth float64, format string, args ...any) {
		score = max(score, worth)
		evidence = append(evidence, fmt.Sprintf(format, args...))
	}
	if d, ok := s.Derived[t.ID]; ok {
		say(d.Score, "%s", d.Text)
	}
	for _, x := range s.texts {
		if strings.Contains(x.text, string(t.ID)) {
			say(scoreTenantID, "%s holds the tenant id", x.where)
			break
		}
	}
	for _, d := range domains {
		worth := scoreFieldDomain
		if strings.HasSuffix(d, ".onmicrosoft.com") {
			worth = scoreInitialDomain
		}
		if i := slices.IndexFunc(s.texts, func(x text) bool { return containsDomain(x.text, d) }); i >= 0 {
			say(worth, "%s holds the domain %s", s.texts[i].where, d)
		}
	}
	likeness := 0.0
	for _, name := range names {
		for _, other := range s.words {
			likeness = max(likeness, similarity(name, other))
		}
	}
	contacts := 0
	for _, d := range domains {
		if strings.HasSuffix(d, ".onmicrosoft.com") {
			continue
		}
		if slices.ContainsFunc(s.Domains, func(own string) bool { return strings.EqualFold(own, d) }) {
			say(scoreWebsite, "the verified domain %s is on record for it", d)
		}
		switch {
		case s.host == d:
			say(scoreWebsite, "the verified domain %s is the company's website", d)
		case strings.HasSuffix(s.host, "."+d):
			say(scoreSubdomain, "the company's website %s is below the verified domain %s", s.host, d)
		}
		contacts += s.ContactDomains[d]
	}
	if contacts > 0 {
		share := float64(contacts) / float64(s.contacts)
		worth := scoreContacts + 0.2*share
		if likeness >= minSimilarity {
			worth += 0.1 * likeness // independent evidence
		}
		say(worth, "%d of %d contacts have mail at the tenant's domains", contacts, s.contacts)
	}
	switch {
	case likeness == 1:
		say(scoreName, "the names are the same but for spelling")
	case likeness >= minSimilarity:
		say(scoreName*likeness, "the names are alike (%d %%)", int(likeness*100))
	}
	return score, evidence
}

// containsDomain reports whether a text contains a domain as a word of its own:
// "contoso.com" is not in "mycontoso.com" nor in "contoso.com.au".
func containsDomain(text, domain string) bool {
	word := func(r rune) bool {
		return r != '.' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	}
	for w := range strings.FieldsFuncSeq(text, word) {
		if strings.TrimPrefix(strings.Trim(w, "."), "www.") == domain {
			return true
		}
	}
	return false
}

// host returns the host of a website as people write it, without www.
func host(website string) string {
	website = strings.ToLower(strings.TrimSpace(website))
	if website == "" {
		return ""
	}
	if !strings.Contains(website, "://") {
		website = "http://" + website
	}
	u, err := url.Parse(website)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSuffix(u.Hostname(), "."), "www.")
}

// mailProviders are domains at which anybody may have a mailbox.
var mailProviders = set(`gmail.com googlemail.com icloud.com me.com mac.com msn.com aol.com ymail.com rocketmail.com
	web.de t-online.de freenet.de arcor.de email.de mail.de posteo.de proton.me protonmail.com protonmail.ch pm.me
	zoho.com mail.com mail.ru inbox.com hey.com fastmail.com tutanota.com tuta.io hushmail.com
	orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr libero.it virgilio.it tiscali.it alice.it tin.it
	btinternet.com sky.com virginmedia.com talktalk.net ntlworld.com blueyonder.co.uk tiscali.co.uk
	comcast.net verizon.net att.net bellsouth.net sbcglobal.net cox.net charter.net earthlink.net optonline.net
	shaw.ca rogers.com telus.net sympatico.ca bell.net bigpond.com bigpond.net.au optusnet.com.au xtra.co.nz
	bluewin.ch ziggo.nl kpnmail.nl planet.nl home.nl xs4all.nl telenet.be skynet.be seznam.cz centrum.cz
	wp.pl o2.pl onet.pl interia.pl telia.com online.no qq.com 163.com 126.com naver.com daum.net rediffmail.com`)

// mailFamilies are mail providers with a domain in every country.
var mailFamilies = set("outlook hotmail live yahoo gmx yandex")

// publicMail reports whether a domain is a public mail provider's.
func publicMail(domain string) bool {
	domain = strings.ToLower(domain)
	first, rest, _ := strings.Cut(domain, ".")
	country := strings.TrimPrefix(strings.TrimPrefix(rest, "co."), "com.")
	return mailProviders[domain] || mailFamilies[first] && len(country) <= 3 && !strings.Contains(country, ".")
}
