package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/state"
)

// A RuleRef names one line of the product table; without a product and a status it is a new
// one.
type RuleRef struct{ Customer, SKU, Product, Who, Subscriptions string }

func (ref RuleRef) is(r *mapping.Rule) bool {
	return ref == RuleRef{r.Customer, r.SKU, r.Product, r.Who, r.Subscriptions}
}

// Ref names the rule.
func Ref(r *mapping.Rule) RuleRef {
	return RuleRef{r.Customer, r.SKU, r.Product, r.Who, r.Subscriptions}
}

// A RuleEdit is what a person writes into one line of the product table.
type RuleEdit struct {
	Was    *RuleRef          // the line that is edited; nil for a new one
	Beside string            // of a new line: RulesOf its licence, as the person saw them; empty for none
	Cells  map[string]string // by column
	Remove bool              // the line goes
}

// Rule returns the line of the product table.
func (w *App) Rule(ctx context.Context, ref RuleRef) (mapping.Rule, error) {
	rules, err := w.Rules(ctx)
	if err != nil {
		return mapping.Rule{}, err
	}
	i := slices.IndexFunc(rules.Rules, func(r mapping.Rule) bool { return ref.is(&r) })
	if i < 0 {
		return mapping.Rule{}, fmt.Errorf("the rule is another one now, or gone: %w", state.ErrNotFound)
	}
	return rules.Rules[i], nil
}

// RulesOf tells the rules of a licence apart from any others that it may have later; it is
// empty where it has none.
func (w *App) RulesOf(ctx context.Context, sku string) (string, error) {
	rules, err := w.Rules(ctx)
	return rulesOf(&rules, sku), err
}

func rulesOf(rules *mapping.Rules, sku string) string {
	of := sha256.New()
	some := false
	for i := range rules.Rules {
		if r := &rules.Rules[i]; sku != "" && r.SKU == sku && r.Decided() {
			fmt.Fprintf(of, "%q\n", r.Cells())
			some = true
		}
	}
	if !some {
		return ""
	}
	return hex.EncodeToString(of.Sum(nil)[:8])
}

// DraftEdit drafts the edit of one rule: an import of all lines of its customer and licence,
// judged like one. It is state.ErrConflict where the rules are other ones than were seen.
func (w *App) DraftEdit(ctx context.Context, e RuleEdit, progress Progress) (*RuleDraft, error) {
	said := e
	said.Cells = maps.Clone(e.Cells)
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	if text := strings.TrimSpace(e.Cells["customer"]); text != "" {
		key, err := w.Remembered(ctx, text)
		if err != nil {
			return nil, err
		}
		e.Cells["customer"] = key
	}
	customer, sku := e.Cells["customer"], strings.ToLower(strings.TrimSpace(e.Cells["sku_id"]))
	var was mapping.Rule
	if e.Was != nil {
		if was, err = w.Rule(ctx, *e.Was); err != nil {
			return nil, err
		}
		customer, sku = was.Customer, was.SKU
	}
	if known, part := directory.PartNumber(sku), strings.TrimSpace(e.Cells["sku"]); known != "" && part != "" && !strings.EqualFold(known, part) && part != was.Part {
		return nil, Usage("sku: the licence %s is %s, and not %s: correct one of the two", sku, known, part)
	}
	var lines [][]string
	edited := cellsOf(e.Cells, was)
	for i := range rules.Rules {
		r := &rules.Rules[i]
		switch {
		case r.Customer != customer || r.SKU != sku || r.SKU == "" && !strings.EqualFold(r.Product, was.Product):
		case e.Was != nil && e.Was.is(r):
			if !e.Remove {
				lines = append(lines, edited)
			}
		case e.Was == nil && !r.Decided(): // what was only suggested gives way to a person's word
		default:
			lines = append(lines, cellsOf(nil, *r))
		}
	}
	if e.Was == nil {
		if now := rulesOf(&rules, sku); now != e.Beside {
			return nil, fmt.Errorf("the licence has other rules than those that were shown beside the new one; look at them, and then write it: %w", state.ErrConflict)
		}
		lines = append(lines, edited)
	}
	if len(lines) == 0 { // of this licence nothing is said any more
		if was.SKU == "" {
			return nil, Usage("a rule that counts people is not removed here: give it the status %s, with a reason", mapping.Ignore)
		}
		lines = append(lines, cellsOf(nil, mapping.Rule{Customer: was.Customer, SKU: was.SKU, Part: was.Part, Name: was.Name}))
	}
	var text bytes.Buffer
	if err := mapping.WriteRules(&text, lines); err != nil {
		return nil, err
	}
	d, err := w.DraftRules(ctx, "", text.Bytes(), progress)
	if d != nil {
		d.edit = &said
	}
	return d, err
}

// DraftAnew makes a draft of one rule again where somebody saved other rules since: with these, and as long
// as the rule itself is what the person saw. Otherwise it is state.ErrConflict. by is who saved them.
func (w *App) DraftAnew(ctx context.Context, d *RuleDraft) (anew *RuleDraft, by string, err error) {
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Limit: 200}) {
		if err != nil {
			return nil, "", fmt.Errorf("reading who saved rules: %w", err)
		}
		if e.Key.Kind == ProductsDocument {
			by = e.By
			break
		}
	}
	if d.edit == nil {
		return nil, by, fmt.Errorf("%s saved other rules since this file was read; send it again: %w", cmp.Or(by, "somebody"), state.ErrConflict)
	}
	if was := d.edit.Was; was != nil {
		seen := slices.IndexFunc(d.before.Rules, func(r mapping.Rule) bool { return was.is(&r) })
		now, err := w.Rule(ctx, *was)
		if err != nil || seen < 0 || !slices.Equal(now.Cells(), d.before.Rules[seen].Cells()) {
			return nil, by, fmt.Errorf("%s changed this very rule since it was shown; look at it, and then change it: %w", cmp.Or(by, "somebody"), state.ErrConflict)
		}
	}
	anew, err = w.DraftEdit(ctx, *d.edit, func(int, int, string) {})
	return anew, by, err
}

// cellsOf are the cells of a rule with some of them written anew. A part number that only
// the tenants know is left out, or all of them would be read to see whose it is.
func cellsOf(anew map[string]string, r mapping.Rule) []string {
	cells := r.Cells()
	for i, column := range mapping.RuleHeader {
		if text, there := anew[column]; there {
			cells[i] = text
		}
	}
	id, part := slices.Index(mapping.RuleHeader, "sku_id"), slices.Index(mapping.RuleHeader, "sku")
	if !strings.EqualFold(directory.PartNumber(cells[id]), cells[part]) && cells[part] != r.Part {
		cells[part] = ""
	}
	return cells
}
