package connectwise

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"syncd/internal/mapping"
)

// An item is a product of the catalogue.
type item struct {
	ID          int    `json:"id"`
	Identifier  string `json:"identifier"`
	Description string `json:"description"`
	Class       string `json:"productClass"`
	Inactive    bool   `json:"inactiveFlag"`
	Price       number `json:"price"`
	Billable    string `json:"billableOption"`
}

// classBundle is the class of products that cannot be an addition.
const classBundle = "Bundle"

// bill is how a new line of the product is billed.
func (i *item) bill() string {
	if i.Billable == "" || i.Billable == "NoDefault" {
		return billable
	}
	return i.Billable
}

// A Product is an item of the catalogue, with the texts by which a Microsoft
// SKU could be recognised.
type Product struct {
	ID                     int
	Identifier             string
	Description            string
	CustomerDescription    string
	Class                  string // Agreement, Bundle, Inventory, NonInventory or Service
	Inactive               bool
	VendorSKU              string
	ManufacturerPartNumber string
	IntegrationXRef        string
}

type fullItem struct {
	item
	CustomerDescription    string `json:"customerDescription"`
	VendorSKU              string `json:"vendorSku"`
	ManufacturerPartNumber string `json:"manufacturerPartNumber"`
	IntegrationXRef        string `json:"integrationXRef"`
}

// Catalogue lists every product, inactive ones included, checked against the
// server's own count.
func (c *Client) Catalogue(ctx context.Context) ([]Product, error) {
	rows, err := listCounted[fullItem](ctx, c, request{at: epCatalogue}, request{at: epCatalogueCount}, condition{})
	if err != nil {
		return nil, fmt.Errorf("listing the catalogue: %w", err)
	}
	out := make([]Product, len(rows))
	for i := range rows {
		r := &rows[i]
		out[i] = Product{ID: r.ID, Identifier: r.Identifier, Description: r.Description, CustomerDescription: r.CustomerDescription,
			Class: r.Class, Inactive: r.Inactive, VendorSKU: r.VendorSKU, ManufacturerPartNumber: r.ManufacturerPartNumber, IntegrationXRef: r.IntegrationXRef}
	}
	return out, nil
}

// A resolution is what a product written in a rule turned out to be: an item,
// or a code and the sentence that says why it is none.
type resolution struct {
	item *item
	code string
	why  string
}

// resolve finds the products that rules name, by identifier or by id.
// GET /procurement/catalog, as few calls as the URL's length allows; where an
// identifier cannot be written in a condition, the whole catalogue.
//
// known is what some of the texts were found to mean before, as the id of the
// product; they mean it still, whatever it is called now.
func (c *Client) resolve(ctx context.Context, products []string, known map[string]int) (map[string]resolution, error) {
	if len(products) == 0 {
		return nil, nil
	}
	var rows []item
	if slices.ContainsFunc(products, func(p string) bool { return known[p] == 0 && !quotable(p) }) {
		all, err := listCounted[item](ctx, c, request{at: epCatalogue}, request{at: epCatalogueCount}, condition{})
		if err != nil {
			return nil, fmt.Errorf("reading the catalogue: %w", err)
		}
		rows = all
	} else {
		for _, where := range chunks(products, func(part []string) condition { return conditionOf(part, known) }) {
			part, err := list[item](ctx, c, request{at: epCatalogue}, where)
			if err != nil {
				return nil, fmt.Errorf("reading the catalogue: %w", err)
			}
			rows = append(rows, part...)
		}
	}
	return resolveAmong(products, rows, known), nil
}

// conditionOf holds of the products that texts may mean.
func conditionOf(products []string, known map[string]int) condition {
	var names []string
	var ids []int
	for _, p := range products {
		if id := known[p]; id != 0 {
			ids = append(ids, id)
			continue
		}
		names = append(names, p)
		if id, ok := asID(p); ok {
			ids = append(ids, id)
		}
	}
	switch {
	case len(names) == 0:
		return inInts(fieldID, ids)
	case len(ids) == 0:
		return inTexts(fieldIdentifier, names)
	}
	return inTexts(fieldIdentifier, names).or(inInts(fieldID, ids))
}

func asID(product string) (int, bool) {
	id, err := strconv.ParseInt(product, 10, 32)
	return int(id), err == nil && id > 0
}

// resolveAmong decides what each text means among the items that were found.
//
//	items that match the text                       what it is
//	its id is known, and it is there                that one, whatever it is called
//	its id is known, and it is gone                 product_unknown
//	none                                            product_unknown
//	one by identifier, another one by id            product_ambiguous
//	several by identifier, none in exact spelling   product_ambiguous
//	one that another text means too                 product_ambiguous, both texts
//	one, of class Bundle                            product_is_bundle
//	one                                             that one
func resolveAmong(products []string, rows []item, known map[string]int) map[string]resolution {
	out := make(map[string]resolution, len(products))
	byID := make(map[int]*item, len(rows))
	byName := map[string][]*item{}
	for i := range rows {
		row := &rows[i]
		if byID[row.ID] == nil { // two chunks may both have found it
			byID[row.ID] = row
			name := strings.ToLower(row.Identifier)
			byName[name] = append(byName[name], row)
		}
	}
	meant := map[int][]string{}
	for _, product := range products {
		r := matchProduct(product, byID, byName, known[product])
		if r.item != nil {
			meant[r.item.ID] = append(meant[r.item.ID], product)
		}
		out[product] = r
	}
	for _, id := range slices.Sorted(maps.Keys(meant)) {
		texts := meant[id]
		if len(texts) < 2 {
			continue
		}
		slices.Sort(texts)
		for _, text := range texts {
			out[text] = resolution{code: "product_ambiguous", why: fmt.Sprintf(
				"the rules write one product, %d (%s), in several ways (%s): write it one way, so that its licences add up",
				id, byID[id].Identifier, strings.Join(texts, ", "))}
		}
	}
	return out
}

func matchProduct(product string, byID map[int]*item, byName map[string][]*item, known int) resolution {
	if known != 0 {
		if byID[known] == nil {
			return resolution{code: "product_unknown", why: fmt.Sprintf(
				"%q means product %d, which is not in ConnectWise any more: correct it with syncd products", product, known)}
		}
		return usable(byID[known])
	}
	found := byName[strings.ToLower(product)]
	if len(found) > 1 {
		exact := slices.DeleteFunc(slices.Clone(found), func(i *item) bool { return i.Identifier != product })
		if len(exact) != 1 {
			return resolution{code: "product_ambiguous", why: fmt.Sprintf(
				"%q is the identifier of several products (%d and %d): write the id", product, found[0].ID, found[1].ID)}
		}
		found = exact
	}
	var it *item
	if len(found) == 1 {
		it = found[0]
	}
	if id, ok := asID(product); ok {
		switch other := byID[id]; {
		case other != nil && it != nil && other != it:
			return resolution{code: "product_ambiguous", why: fmt.Sprintf(
				"%q is the identifier of product %d and the id of product %s: write the identifier of the one and the id of the other", product, it.ID, other.Identifier)}
		case it == nil:
			it = other
		}
	}
	if it == nil {
		return resolution{code: "product_unknown", why: fmt.Sprintf(
			"%q is neither the identifier nor the id of a product in ConnectWise: correct it with syncd products, or make the product", product)}
	}
	return usable(it)
}

// usable is an item that was found, unless no line can be made of it.
func usable(it *item) resolution {
	if it.Class == classBundle {
		return resolution{code: "product_is_bundle", why: fmt.Sprintf(
			"product %s (%d) is a bundle, which cannot be a line of an agreement: name a product of another class", it.Identifier, it.ID)}
	}
	return resolution{item: it}
}

// ResolveProducts returns the ids of the products that texts mean, identifiers
// or ids; those that mean none, or several, are left out.
func (c *Client) ResolveProducts(ctx context.Context, texts []string) (map[string]int, error) {
	found, err := c.resolve(ctx, texts, nil)
	if err != nil {
		return nil, err
	}
	ids := map[string]int{}
	for text, r := range found {
		if r.item != nil {
			ids[text] = r.item.ID
		}
	}
	return ids, nil
}

// item reads one product.
// GET /procurement/catalog/{id}.
func (c *Client) item(ctx context.Context, id int) (*item, error) {
	it, err := one[item](ctx, c, request{at: epCatalogueItem, ids: []int{id}})
	if err != nil {
		return nil, fmt.Errorf("reading product %d: %w", id, err)
	}
	return it, nil
}

// LineKind is the kind of the objects that are lines of an invoice.
func (c *Client) LineKind() string { return kindAddition }

// ProductEvidence is what the catalogue says of the licences that its products may be.
func (c *Client) ProductEvidence(ctx context.Context) ([]mapping.ProductEvidence, error) {
	catalogue, err := c.Catalogue(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue: %w", err)
	}
	evidence := make([]mapping.ProductEvidence, len(catalogue))
	for i, p := range catalogue {
		evidence[i] = mapping.ProductEvidence{
			ID: strconv.Itoa(p.ID), Identifier: p.Identifier, Description: p.Description, CustomerDescription: p.CustomerDescription,
			VendorSKU: p.VendorSKU, ManufacturerPart: p.ManufacturerPartNumber, XRef: p.IntegrationXRef, Class: p.Class, Inactive: p.Inactive,
		}
	}
	return evidence, nil
}
