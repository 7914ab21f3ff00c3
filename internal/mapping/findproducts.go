package mapping

import (
	"cmp"
	"slices"
	"strings"
)

// FindProducts returns the products of a catalogue whose texts have every word of a text in
// them, those whose identifier is the text first. Bundles and inactive products, which cannot
// be a line, are left out.
func FindProducts(all []ProductEvidence, text string, most int) []ProductEvidence {
	words := strings.Fields(foldName(text))
	if len(words) == 0 {
		return nil
	}
	rank := func(p *ProductEvidence) int {
		switch identifier := foldName(p.Identifier); {
		case p.ID == strings.TrimSpace(text), identifier == foldName(text):
			return 0
		case strings.HasPrefix(identifier, words[0]):
			return 1
		}
		return 2
	}
	var found []ProductEvidence
	for _, p := range all {
		said := foldName(strings.Join([]string{p.ID, p.Identifier, p.Description, p.VendorSKU, p.ManufacturerPart}, " "))
		if !p.Inactive && !strings.EqualFold(p.Class, "Bundle") && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(said, word) }) {
			found = append(found, p)
		}
	}
	slices.SortStableFunc(found, func(a, b ProductEvidence) int {
		return cmp.Or(rank(&a)-rank(&b), strings.Compare(foldName(a.Identifier), foldName(b.Identifier)), strings.Compare(a.ID, b.ID))
	})
	return found[:min(len(found), most)]
}
