package pages

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/mapping"
)

// productsPage is which licences are in use, and what they are billed as.
var productsPage = page{name: "Products", path: "/products", routes: []route{
	{pattern: "GET /products", role: app.RoleViewer, handle: showProducts},
	{pattern: "GET /products/rule", role: app.RoleViewer, handle: showRule},
	{pattern: "GET /products/export", role: app.RoleViewer, handle: exportRules},
	{pattern: "GET /products/import", role: app.RoleMapper, handle: askForRules},
	{pattern: "POST /products/import", role: app.RoleMapper, handle: importRules, body: maxRules},
	{pattern: "POST /products/look", role: app.RoleMapper, handle: lookAtProducts},
	{pattern: "POST /products/plans", role: app.RoleMapper, handle: planRule},
	{pattern: "GET /products/plans/{plan}", role: app.RoleViewer, handle: showRulePlan},
	{pattern: "GET /products/plans/{plan}/progress", role: app.RoleViewer, handle: followRulePlan},
	{pattern: "POST /products/plans/{plan}/save", role: app.RoleMapper, handle: saveRulePlan},
}}

// productsShown is how many licences the page lists.
const productsShown = 50

// A productsView is what the page shows.
type productsView struct {
	Uses   []useLine
	Pager  pager
	Filter productFilter
	People []ruleLine // rules of people, and of licences that nobody uses
	Look   lookView
}

// A lookView is the last reading of what all tenants hold, or the one under way.
type lookView struct {
	app.Working
	Last *app.ProductLook
}

// Text is how far the reading is.
func (v lookView) Text() string { return workingText(v.Working) }

// A productFilter is which licences are shown.
type productFilter struct{ Name, Show string }

func (f productFilter) fits(u *app.ProductUse) bool {
	if f.Show != "" && u.Stands() != f.Show {
		return false
	}
	if f.Name == "" {
		return true
	}
	texts := []string{u.Name, u.Part, u.ID}
	for i := range u.Rules {
		texts = append(texts, u.Rules[i].Product)
	}
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(fold(text), fold(f.Name)) })
}

// Shows are the choices of the filter.
func (f productFilter) Shows() []string {
	return []string{app.UseUnruled, app.UseSuggested, app.UseBilled, app.UseIgnored, app.UseFree}
}

// A useLine is a licence with its rules, those for all first.
type useLine struct {
	*app.ProductUse
	Stands tag
	Open   bool // whether a rule is to be written
	Money  string
	Rules  []ruleLine
	Offer  *offer
	Write  string // where a rule is written
	Ignore *asking
}

// A ruleLine is a rule in words.
type ruleLine struct {
	mapping.Rule
	What     string
	Lone     string // the licence, where the rule is shown without it
	Customer string // its name; empty for all
	Edit     string // where it is edited
}

// An offer is a product that a licence may be billed as.
type offer struct {
	Product string // with its score; empty where a person must choose
	Why     string
	Others  []offer
	Take    string // where it is looked at before it is saved
}

// useTones are the tones of the states of a licence.
var useTones = map[string]string{app.UseUnruled: "trouble", app.UseSuggested: "attention", app.UseBilled: "good", app.UseIgnored: "plain", app.UseFree: "plain"}

func showProducts(q *request) (answer, error) {
	if err := q.wrongChoice("show", productFilter{}.Shows()...); err != nil {
		return answer{}, err
	}
	if q.wantsJSON() {
		lines, left, err := q.app.Products(q.Context(), func(int, int, string) {})
		if err != nil {
			return answer{}, err
		}
		return answer{json: app.ProductList{Products: lines, LeftOut: app.LeftOutTexts(left)}}, nil
	}
	board, err := q.products.get(q.Context(), "")
	if err == nil && board.Look != q.app.LastProductLook() { // whoever waits for a reading sees it at once
		q.products.forget()
		board, err = q.products.get(q.Context(), "")
	}
	if err != nil {
		return answer{}, err
	}
	v := &productsView{Filter: productFilter{q.URL.Query().Get("name"), q.URL.Query().Get("show")}, Look: lookView{q.app.LooksAtProducts(), board.Look}}
	var fit []*app.ProductUse
	for i := range board.Uses {
		if u := &board.Uses[i]; v.Filter.fits(u) {
			fit = append(fit, u)
		}
	}
	first, last, pager := paged(q.Request, len(fit), productsShown)
	v.Pager = pager
	for _, u := range fit[first:last] {
		v.Uses = append(v.Uses, newUseLine(board, u))
	}
	if last == len(fit) && v.Filter == (productFilter{}) {
		for i := range board.Rest[:min(len(board.Rest), productsShown)] {
			r := newRuleLine(board, &board.Rest[i])
			r.Lone = cmp.Or(r.Name, r.Part, r.SKU)
			v.People = append(v.People, r)
		}
	}
	a := answer{page: "products", title: "Products", data: v, commands: []string{"syncd products", "syncd products suggest", "syncd products export FILE", "syncd products import FILE"}}
	a.headline, a.sub, a.strip = productsHead(q, board)
	if f := v.Look.Failure; f != nil {
		a.trouble = append(a.trouble, trouble{What: "What the tenants hold could not be read.", Do: sentence(q.app.Config.Redactor().Text(f.Error()))})
	}
	if l := board.Look; l != nil && len(l.LeftOut) > 0 {
		a.trouble = append(a.trouble, trouble{What: spelled(len(l.LeftOut), "tenant") + " could not be read and is left out.",
			Do: app.Names(l.LeftOut[:min(3, len(l.LeftOut))], func(x app.LeftOut) string { return clipped(x.Tenant, maxName) }) + ".", Link: "/system"})
	}
	return a, nil
}

// productsHead is the answer to the page's question.
func productsHead(q *request, board *app.ProductBoard) (headline, sub string, strip []figure) {
	open, units, suggested, used := 0, 0, 0, 0
	for i := range board.Uses {
		u := &board.Uses[i]
		if u.Tenants > 0 {
			used++
		}
		switch u.Stands() {
		case app.UseUnruled:
			open++
			units += u.Left
		case app.UseSuggested:
			suggested++
		}
	}
	headline = "Every licence in use has a rule"
	switch {
	case open == 1:
		headline = "One licence in use has no rule"
	case open > 1:
		headline = spelled(open, "licence") + " in use have no rule"
	case board.Customers == 0 && board.Look == nil:
		headline = "No run looked at any licences yet"
	}
	sub = "Read when a run looks at the bills; “Read anew” asks CIPP for all tenants."
	if board.Customers > 0 {
		sub = plural(used, "licence") + " in use, as the last runs saw them at " + plural(board.Customers, "customer") + ", the first at " + whenZone(board.AsOf, q.app.Now(), q.app.Location) + "."
	}
	if board.Look != nil {
		sub += " All tenants were read " + whenZone(board.Look.At, q.app.Now(), q.app.Location) + "."
	}
	for _, currency := range slices.Sorted(maps.Keys(board.Bills)) {
		unit := currency + " billed a month by these rules"
		if board.Unpriced > 0 && len(strip) == 0 {
			unit += ", without " + plural(board.Unpriced, "line") + " of unknown money"
		}
		strip = append(strip, figure{amount(board.Bills[currency]), unit})
	}
	strip = append(strip[:min(2, len(strip))], figure{quantity(open), "licences without a rule"}, figure{quantity(units), "seats without a rule"})
	if suggested > 0 {
		strip = append(strip, figure{quantity(suggested), "rules only suggested"})
	}
	return headline, sub, strip[:min(4, len(strip))]
}

func newUseLine(board *app.ProductBoard, u *app.ProductUse) useLine {
	stands := u.Stands()
	l := useLine{ProductUse: u, Stands: tag{stands, useTones[stands]}, Money: sumsOf(u.Bills, u.Unpriced), Write: ruleAddress(nil, url.Values{"sku_id": {u.ID}})}
	l.Open = stands == app.UseUnruled || stands == app.UseSuggested
	if stands == app.UseUnruled && u.LeftTenants < u.Tenants {
		l.Stands.Text = fmt.Sprintf("no rule for %d of %s", u.LeftTenants, plural(u.Tenants, "customer"))
	}
	for i := range u.Rules {
		l.Rules = append(l.Rules, newRuleLine(board, &u.Rules[i]))
	}
	if l.Open {
		l.Offer = newOffer(u)
		l.Ignore = &asking{Button: "Ignore", Do: "See what that does", To: "/products/plans", Quiet: true, Hidden: []field{{Name: "sku_id", Value: u.ID},
			{Name: "name", Value: u.Name}, {Name: "sku", Value: u.Part}, {Name: "status", Value: mapping.Ignore}}, Fields: []field{{Name: "reason", Label: "Why it is not billed", Required: true}}}
	}
	return l
}

// newRuleLine says a rule in words.
func newRuleLine(board *app.ProductBoard, r *mapping.Rule) ruleLine {
	l := ruleLine{Rule: *r, What: ruleText(r), Edit: ruleAddress(new(app.Ref(r)), nil)}
	if r.Customer != "" {
		l.Customer = cmp.Or(board.Names[r.Customer], r.Customer)
	}
	return l
}

// ruleText says what a rule does.
func ruleText(r *mapping.Rule) string {
	if r.Status == mapping.Ignore {
		text := "not billed"
		if r.Subscriptions != "" {
			text = "subscriptions " + r.Subscriptions + " not billed"
		}
		return text
	}
	counts := map[string]string{"": "what is bought", mapping.Purchased: "what is bought", mapping.Assigned: "what is assigned", mapping.Larger: "the larger of bought and assigned", mapping.People: "people"}
	parts := []string{counts[r.Count]}
	for _, x := range []struct{ text, say string }{{r.Who, "who: "}, {r.Subscriptions, "subscriptions: "}, {r.Weight, "× "}, {mapping.Number(r.Minimum), "at least "},
		{mapping.Number(r.Maximum), "at most "}} {
		if x.text != "" {
			parts = append(parts, x.say+x.text)
		}
	}
	if r.Floor != "" {
		parts = append(parts, "never fewer than are bought")
	}
	return strings.Join(parts, ", ")
}

// newOffer is what is suggested for a licence; nil where nothing is.
func newOffer(u *app.ProductUse) *offer {
	s := u.Suggestion
	if s == nil {
		return nil
	}
	if s.Ignore != "" {
		return &offer{Product: "not to be billed", Why: s.Ignore, Take: ruleAddress(nil, url.Values{"sku_id": {u.ID}, "status": {mapping.Ignore}, "reason": {s.Ignore}})}
	}
	o := &offer{Why: s.Ambiguous}
	for i, c := range s.Candidates[:min(len(s.Candidates), 4)] {
		product := s.Product(c.ID)
		x := offer{Product: fmt.Sprintf("%s (%s) %.2f", product, c.Name, c.Score), Why: strings.Join(c.Evidence, "; "),
			Take: ruleAddress(nil, url.Values{"sku_id": {u.ID}, "choose": {product}, "reason": {fmt.Sprintf("%.2f: %s", c.Score, strings.Join(c.Evidence, "; "))}})}
		if i == 0 && s.Ambiguous == "" {
			o.Product, o.Why, o.Take = x.Product, x.Why, x.Take
			continue
		}
		o.Others = append(o.Others, x)
	}
	return o
}

// sumsOf is money by currency, and "–" where none of it is known.
func sumsOf(sums app.Sums, unpriced int) string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, amount(sums[currency])+" "+currency)
	}
	if len(parts) == 0 {
		return "–"
	}
	if unpriced > 0 {
		parts = append(parts, plural(unpriced, "line")+" unknown")
	}
	return strings.Join(parts, ", ")
}

// signedSums is money by currency that is more or less than before.
func signedSums(sums app.Sums, currency string) string {
	if len(sums) == 0 {
		return amount(decimal.Zero) + " " + currency
	}
	var parts []string
	for _, in := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, signed(sums[in])+" "+in)
	}
	return strings.Join(parts, ", ")
}

// ruleAddress is where a rule is edited, or a new one is written with some cells filled in.
func ruleAddress(was *app.RuleRef, cells url.Values) string {
	query := url.Values{}
	maps.Copy(query, cells)
	if was != nil {
		for name, value := range refFields(was) {
			query.Set(name, value)
		}
	}
	return "/products/rule?" + query.Encode()
}

// workingText is how far long work is.
func workingText(w app.Working) string {
	if w.Total == 0 {
		return "asking who there is"
	}
	return fmt.Sprintf("%d of %d", w.Done, w.Total)
}

func lookAtProducts(q *request) (answer, error) {
	if err := q.app.LookAtProducts(); err != nil {
		return answer{}, err
	}
	return answer{to: "/products", said: "What all tenants hold is being read. This page shows it, with suggestions, once that is done.", json: struct {
		Started bool `json:"started"`
	}{true}}, nil
}

// exportRules sends the product table, with a line for every licence that nobody settled.
func exportRules(q *request) (answer, error) {
	var body bytes.Buffer
	if _, err := q.app.ExportKnownProducts(q.Context(), &body); err != nil {
		return answer{}, err
	}
	return answer{file: func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="products.csv"`)
		_, err := body.WriteTo(w)
		return err
	}}, nil
}

// maxRules is the largest product table that is read here, in bytes.
const maxRules = 8 << 20

// problemsShown is how many lines that are wrong a page lists.
const problemsShown = 100

// An importView is the form that takes a file, with what was wrong in the last one.
type importView struct {
	Problems []mapping.Problem
	More     int
}

func askForRules(q *request) (answer, error) {
	return importAnswer(importView{}), nil
}

func importAnswer(v importView) answer {
	return answer{page: "productsimport", title: "Product rules from a file", headline: "Product rules from a CSV file",
		sub:  "All of it or nothing. What it would do to the bills is shown before it is saved.",
		data: v, json: struct{}{}, commands: []string{"syncd products import FILE"}}
}

func importRules(q *request) (answer, error) {
	file, head, err := q.FormFile("file")
	if err != nil {
		return answer{}, fail(http.StatusUnprocessableEntity, "choose a CSV file with product rules")
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return answer{}, unread(err, "the file")
	}
	name := clipped(head.Filename, maxName)
	draft, err := q.app.DraftRules(q.Context(), name, text, func(int, int, string) {})
	if problems := mapping.Problems(err); len(problems) > 0 && !q.wantsJSON() {
		a := importAnswer(importView{Problems: problems[:min(len(problems), problemsShown)], More: max(0, len(problems)-problemsShown)})
		a.status, a.headline = http.StatusUnprocessableEntity, "Nothing was imported from "+name
		return a, nil
	}
	if err != nil {
		return answer{}, err
	}
	return beginPlan(q, "rules from "+name, draft)
}
