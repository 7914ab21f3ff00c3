package itglue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"

	"syncd/internal/plan"
	"syncd/internal/rest"
)

// Tags link both ways by themselves, so related items are made only where a
// type has lost the tag field for it: from a user's asset to the contact, in
// that direction alone.

// relatedMark is the note by which a related item is known as ours.
const relatedMark = "linked by syncd"

type relatedItem struct {
	Type label `json:"asset-type"`
	To   id    `json:"resource-id"`
}

// relate links a user's asset to the contact, unless a tag or a link does so
// already. A note says what hindered it; it never fails the change.
func (t *Target) relate(ctx context.Context, v *view, l *layout, key plan.Key, n id) *plan.Violation {
	if _, tagged := l.fields["contact"]; tagged {
		return nil
	}
	c := v.contactOf(key.ID)
	if c == nil {
		return nil
	}
	err := t.session.link(ctx, n, c.ID)
	if err == nil || errors.Is(err, rest.ErrOutcomeUnknown) { // the next look shows it
		return nil
	}
	return &plan.Violation{Code: "not_related", Key: key.ID, Note: true,
		Message: fmt.Sprintf("asset %s is not linked to contact %s: %v", n, c.ID, err)}
}

// link makes a related item from an asset to a contact, if there is none. IT
// Glue itself may take the same link twice.
// GET /flexible_assets/{id}?include=related_items,
// POST /flexible_assets/{id}/relationships/related_items.
func (s *session) link(ctx context.Context, from, contact id) error {
	resp, err := s.do(ctx, request{at: epAsset, ids: []id{from}, query: url.Values{"include": {"related_items"}}})
	if err != nil {
		return err
	}
	row, err := single[assetWire](resp)
	if err != nil {
		return err
	}
	for _, in := range row.Included {
		var item relatedItem
		if in.Type == "related-items" && json.Unmarshal(in.Attributes, &item, readOptions) == nil && item.Type == "contact" &&
			item.To == contact {
			return nil
		}
	}
	_, err = s.do(ctx, request{method: http.MethodPost, at: epRelated, ids: []id{from},
		body: outgoing("related_items", map[string]any{"destination-type": "Contact", "destination-id": contact.String(), "notes": relatedMark})})
	return err
}
