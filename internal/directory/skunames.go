package directory

import (
	_ "embed"
	"encoding/csv"
	"strings"
	"sync"
)

// skuList holds well-known SKUs: id, part number, product name, and "free"
// where nobody pays for it. From Microsoft's "Product names and service plan
// identifiers for licensing"; only what is certain is in it.
//
//go:embed skus.csv
var skuList string

type skuName struct {
	id, part, name string
	free           bool
}

var skus = sync.OnceValues(func() (byID, byPart map[string]skuName) {
	byID, byPart = map[string]skuName{}, map[string]skuName{}
	rows, err := csv.NewReader(strings.NewReader(skuList)).ReadAll()
	if err != nil {
		panic("directory: skus.csv: " + err.Error()) // built in: a test reads it
	}
	for _, row := range rows[1:] {
		s := skuName{row[0], row[1], row[2], row[3] == "free"}
		byID[row[0]] = s
		byPart[strings.ToUpper(s.part)] = s
	}
	return byID, byPart
})

// ProductName returns what Microsoft calls a SKU, by its id (a GUID in any
// case). Of a SKU that is not well known it returns the part number. Part
// numbers are not looked up: they mislead, and a tenant's own answer is better.
func ProductName(sku, part string) string {
	byID, _ := skus()
	if s, ok := byID[strings.ToLower(sku)]; ok {
		return s.name
	}
	return part
}

// IsFree reports whether a licence costs nothing: a free product, or nothing
// but trials.
func (l *Licence) IsFree() bool {
	return FreeSKU(l.PartNumber) || l.Purchased == 0 && l.Trial > 0
}

// FreeSKU reports whether a part number is known to be one that nobody pays
// for: free, viral (self-service) or trial. False means not known to be so.
func FreeSKU(part string) bool {
	_, byPart := skus()
	part = strings.ToUpper(strings.TrimSpace(part))
	if s, ok := byPart[part]; ok {
		return s.free
	}
	return strings.HasSuffix(part, "_VIRAL") || strings.HasSuffix(part, "_TRIAL") || strings.Contains(part, "_VTRIAL")
}

// PartNumber returns the part number of a well-known SKU, or nothing.
func PartNumber(sku string) string {
	byID, _ := skus()
	return byID[strings.ToLower(sku)].part
}

// SKUOf returns the id and the name of the well-known SKU with a part number, or nothing.
func SKUOf(part string) (id, name string) {
	_, byPart := skus()
	s := byPart[strings.ToUpper(strings.TrimSpace(part))]
	return s.id, s.name
}
