package itglue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/plan"
)

// An asset is a flexible asset of one of our types. Traits are kept as they
// came: what we do not know is written back as it was.
type asset struct {
	ID           id                        `json:"i"`
	Organization id                        `json:"o"`
	TypeID       id                        `json:"-"`
	Archived     bool                      `json:"a,omitempty"`
	Created      string                    `json:"c,omitempty"`
	Updated      int64                     `json:"u,omitempty"` // seconds; whose edit it was IT Glue does not tell
	Traits       map[string]jsontext.Value `json:"t"`
}

type assetWire struct {
	Organization id                        `json:"organization-id"`
	Type         id                        `json:"flexible-asset-type-id"`
	Archived     flag                      `json:"archived"`
	Created      label                     `json:"created-at"`
	Updated      label                     `json:"updated-at"`
	Traits       map[string]jsontext.Value `json:"traits"`
}

func (w *assetWire) asset(n id) *asset {
	return &asset{ID: n, Organization: w.Organization, TypeID: w.Type, Archived: bool(w.Archived), Created: string(w.Created),
		Updated: seconds(w.Updated), Traits: w.Traits}
}

// assets lists the assets of a type, archived ones included; of one
// organization where one is given.
// GET /flexible_assets?filter[flexible-asset-type-id]=….
func (s *session) assets(ctx context.Context, l *layout, organization id, begin func(), yield func(*asset) error) error {
	q := url.Values{"filter[flexible-asset-type-id]": {l.typeID.String()}, "sort": {"created_at"}}
	if organization != 0 {
		q.Set("filter[organization-id]", organization.String())
	}
	err := list(ctx, s, request{at: epAssets, query: q}, assetPageSize, begin, func(row resource[assetWire], _ []included) error {
		a := row.Attributes.asset(row.ID)
		if a.TypeID != 0 && a.TypeID != l.typeID || organization != 0 && a.Organization != organization {
			return nil // a filter that was not minded
		}
		return yield(a)
	})
	if err != nil {
		return fmt.Errorf("listing the assets of %s: %w", l.name, err)
	}
	return nil
}

// asset reads one asset.
// GET /flexible_assets/{id}.
func (s *session) asset(ctx context.Context, n id) (*asset, error) {
	resp, err := s.do(ctx, request{at: epAsset, ids: []id{n}})
	if err != nil {
		return nil, err
	}
	row, err := single[assetWire](resp)
	if err != nil {
		return nil, err
	}
	if row.ID != n {
		return nil, fmt.Errorf("itglue: asked for asset %s, got %s", n, row.ID)
	}
	return row.Attributes.asset(row.ID), nil
}

// patchAsset writes an asset. Traits are replaced as a whole: what they leave
// out is erased.
// PATCH /flexible_assets/{id}.
func (s *session) patchAsset(ctx context.Context, n id, archived bool, traits map[string]any) (*asset, error) {
	resp, err := s.do(ctx, request{method: http.MethodPatch, at: epAsset, ids: []id{n},
		body: outgoing("flexible-assets", map[string]any{"archived": archived, "traits": traits})})
	if err != nil {
		return nil, err
	}
	row, err := single[assetWire](resp)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnconfirmed, err)
	}
	return row.Attributes.asset(row.ID), nil
}

// postAsset creates an asset.
// POST /flexible_assets.
func (s *session) postAsset(ctx context.Context, organization, typeID id, traits map[string]any) (*asset, error) {
	resp, err := s.do(ctx, request{method: http.MethodPost, at: epAssets,
		body: outgoing("flexible-assets", map[string]any{"organization-id": organization, "flexible-asset-type-id": typeID, "traits": traits})})
	if err != nil {
		return nil, err
	}
	row, err := single[assetWire](resp)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnconfirmed, err)
	}
	return row.Attributes.asset(row.ID), nil
}

// text is a trait of ours as one line, or nothing.
func (a *asset) text(l *layout, name string) string {
	at, ok := l.fields[name]
	if !ok {
		return ""
	}
	v := observedValue(formText, a.Traits[at.key])
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

// keyOf returns the tenant and the id at the source that an asset stands for.
func (a *asset) keyOf(l *layout) (tenant, object string) {
	return strings.ToLower(a.text(l, fieldTenant)), strings.ToLower(a.text(l, fieldObject))
}

// carries says what in an asset would be lost by writing it: a file would have
// to be uploaded anew with each PATCH, and a password cannot be written back.
func (a *asset) carries(l *layout) string {
	for key, f := range l.foreign {
		raw, ok := a.Traits[key]
		if !ok || empty(raw) {
			continue
		}
		switch f.Kind {
		case "Upload":
			return fmt.Sprintf("a file in the field %q", f.Name)
		case "Password":
			return fmt.Sprintf("a password in the field %q", f.Name)
		}
	}
	for key, raw := range a.Traits {
		// A field that was made after the type was read: its kind is not known.
		if _, known := l.foreign[key]; !known && !l.owns(key) && !empty(raw) {
			return fmt.Sprintf("a value in the field %q, which came while syncd was at work", key)
		}
	}
	return ""
}

func (l *layout) owns(key string) bool {
	for _, at := range l.fields {
		if at.key == key {
			return true
		}
	}
	return false
}

// empty reports whether a raw trait holds nothing.
func empty(raw jsontext.Value) bool {
	switch string(raw) {
	case "", "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// fields are what plans compare of an asset. labels names what tags lead to.
func (a *asset) fields(l *layout, labels func(f *field, t taggedRecord) string) plan.Fields {
	out := make(plan.Fields, 0, len(l.fields))
	managed := l.spec.managed()
	for i := range managed {
		f := &managed[i]
		at, ok := l.fields[f.name]
		if !ok {
			continue
		}
		raw := a.Traits[at.key]
		if f.form != formTag {
			out = append(out, plan.Field{Name: f.name, Value: observedValue(f.form, raw)})
			continue
		}
		var v []string
		for _, t := range tagsOf(raw) {
			v = append(v, labels(f, t))
		}
		out = append(out, plan.Field{Name: f.name, Value: setOf(v)})
	}
	out = append(out, plan.Field{Name: fieldArchived, Value: boolValue(a.Archived)})
	return sorted(out)
}

// errUnconfirmed says that a write was answered, and that the answer does not
// show the record.
var errUnconfirmed = errors.New("the answer does not show what was written")

// seconds is a time as rows keep it, 0 where it cannot be read.
func seconds(l label) int64 {
	at, err := time.Parse(time.RFC3339, string(l))
	if err != nil {
		return 0
	}
	return at.Unix()
}

// edited is the last edit of something that changed at a time that rows keep.
func edited(seconds int64) plan.Edit {
	if seconds == 0 {
		return plan.Edit{}
	}
	return plan.Edit{At: time.Unix(seconds, 0).UTC()}
}
