package state

import "syncd/internal/plan"

// An Image is an object as a line of the journal shows it: not what is known of it
// today, but what people saw then. A line is hashed over its JSON, so that an image
// reads back exactly as it was written, by whatever version of syncd that was.
type Image struct {
	plan.Key
	Label   string            `json:"label,omitempty"`
	Ref     string            `json:"ref,omitempty"`
	Retired bool              `json:"retired,omitempty"`
	Fields  plan.Fields       `json:"fields,omitempty"`
	Facts   map[string]string `json:"info,omitempty"` // see plan.Object.Shown
}

// ImageOf is the image of an object; nil is none.
func ImageOf(o *plan.Object) *Image {
	if o == nil {
		return nil
	}
	return &Image{Key: o.Key, Label: o.Label, Ref: o.Ref, Retired: o.Retired, Fields: o.Fields, Facts: o.Shown()}
}

// Quantity is what an invoice line billed; empty where there was none, or no number.
func (i *Image) Quantity() string {
	if i == nil {
		return ""
	}
	return i.Fields.Text(plan.FieldQuantity)
}
