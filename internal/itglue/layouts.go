package itglue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"syncd/internal/rest"
)

// assetType is a type of flexible assets.
type assetType struct {
	Name        label `json:"name"`
	Description label `json:"description"`
	Enabled     *bool `json:"enabled"`
}

// typeField is a field of a type.
type typeField struct {
	Order    int    `json:"order"`
	Name     label  `json:"name"`
	Kind     string `json:"kind"`
	Hint     label  `json:"hint"`
	Default  label  `json:"default-value"` // the options of a Select, one a line
	TagType  label  `json:"tag-type"`
	Required flag   `json:"required"`
	NameKey  string `json:"name-key"`
}

// A layout is a type of ours as the account has it now. Fields are resolved by
// the mark in their hint, so that people may rename them: the key under which
// a value stands in an asset may change with the name, and is read anew in
// every run.
type layout struct {
	spec     *layoutSpec
	typeID   id
	name     string
	disabled bool
	highest  int // order of the last field
	fields   map[string]layoutField
	foreign  map[string]typeField // fields of others, by key
	missing  []field              // fields of ours that are not there
	outdated []layoutField        // fields that explain themselves in the words of an earlier version
}

// layoutField is where a field of ours is.
type layoutField struct {
	field
	key            string
	id             id
	offeredOptions []string // options of a choice
	// requiredAs says that an administrator made the field required, and what it is
	// called now.
	requiredAs string
}

// mark is what makes a field or a type ours, whatever it is called. It carries
// the prefix: two installations on one account do not take each other's.
func (c *Config) mark(kind, name string) string {
	if name == "" {
		return fmt.Sprintf("(syncd:%s/%s)", c.LayoutPrefix, kind)
	}
	return fmt.Sprintf("(syncd:%s/%s.%s)", c.LayoutPrefix, kind, name)
}

// inventory is what the account holds of asset types.
type inventory struct {
	layouts   map[string]*layout // by kind; absent where there is none
	problems  map[string]string  // by kind: why a type of that name cannot be ours
	microsoft []string           // names of the vendor's own Microsoft types
}

// readLayouts finds our types: one list of types, and the fields of each of ours.
// GET /flexible_asset_types, GET /flexible_asset_types/{id}/relationships/flexible_asset_fields.
func (s *session) readLayouts(ctx context.Context) (*inventory, error) {
	types, _, err := listAll[assetType](ctx, s, request{at: epTypes, query: url.Values{"sort": {"id"}}}, maxPageSize)
	if err != nil {
		return nil, fmt.Errorf("reading the asset types: %w", err)
	}
	inv := &inventory{layouts: map[string]*layout{}, problems: map[string]string{}}
	for _, t := range types {
		if slices.Contains(reserved, strings.ToLower(strings.TrimSpace(string(t.Attributes.Name)))) {
			inv.microsoft = append(inv.microsoft, string(t.Attributes.Name))
		}
	}
	for i := range layouts {
		spec := &layouts[i]
		t, trouble := s.findType(spec, types)
		if trouble != "" {
			inv.problems[spec.kind] = trouble
		}
		if t == nil {
			continue
		}
		fields, _, err := listAll[typeField](ctx, s, request{at: epFieldsOfType, ids: []id{t.ID}}, maxPageSize)
		if err != nil {
			return nil, fmt.Errorf("reading the fields of %s: %w", t.Attributes.Name, err)
		}
		l := s.resolveFields(spec, t, fields)
		_, tenant := l.fields[fieldTenant]
		_, object := l.fields[fieldObject]
		if !tenant && !object {
			inv.problems[spec.kind] = fmt.Sprintf("the type %q (%s) has no fields Tenant ID and Object ID of ours: it is somebody else's; rename it, or choose another itglue.layout_prefix", l.name, t.ID)
			continue
		}
		inv.layouts[spec.kind] = l
	}
	return inv, nil
}

// findType finds the type of a layout: by its name, else by its mark, for one
// that people have renamed. Names are not unique.
func (s *session) findType(spec *layoutSpec, types []resource[assetType]) (*resource[assetType], string) {
	name, mark := s.config.typeName(spec.kind), s.config.mark(spec.kind, "")
	var named, marked []*resource[assetType]
	for i := range types {
		t := &types[i]
		isNamed := strings.EqualFold(strings.TrimSpace(string(t.Attributes.Name)), name)
		isMarked := strings.Contains(string(t.Attributes.Description), mark)
		switch {
		case isMarked:
			marked = append(marked, t)
		case isNamed:
			named = append(named, t)
		}
	}
	found := marked
	if len(found) == 0 {
		found = named
	}
	switch len(found) {
	case 0:
		return nil, ""
	case 1:
		return found[0], ""
	}
	var list []string
	for _, t := range found {
		list = append(list, t.ID.String())
	}
	return nil, fmt.Sprintf("there are %d types that may be %q (%s): rename all but the one that is in use, and take syncd's mark out of their descriptions", len(found), name, strings.Join(list, ", "))
}

// resolveFields finds our fields in a type: by the mark in the hint, else by name.
func (s *session) resolveFields(spec *layoutSpec, t *resource[assetType], fields []resource[typeField]) *layout {
	l := &layout{spec: spec, typeID: t.ID, name: string(t.Attributes.Name), disabled: t.Attributes.Enabled != nil && !*t.Attributes.Enabled,
		fields: map[string]layoutField{}, foreign: map[string]typeField{}}
	taken := map[id]bool{}
	find := func(f field, by func(typeField) bool) bool {
		for _, have := range fields {
			if taken[have.ID] || !by(have.Attributes) || have.Attributes.Kind != vendorKind[f.form] {
				continue
			}
			taken[have.ID] = true
			l.fields[f.name] = layoutField{field: f, key: have.Attributes.NameKey, id: have.ID,
				offeredOptions: optionsOf(string(have.Attributes.Default))}
			if says, ours := strings.CutSuffix(string(have.Attributes.Hint), " "+s.config.mark(spec.kind, f.name)); ours &&
				slices.Contains(formerHints, says) && says != f.hint {
				l.outdated = append(l.outdated, l.fields[f.name])
			}
			if bool(have.Attributes.Required) && f.name != fieldTitle && f.form != formCheckbox {
				at := l.fields[f.name]
				at.requiredAs = string(have.Attributes.Name)
				l.fields[f.name] = at
			}
			return true
		}
		return false
	}
	var unmarked []field
	for _, f := range spec.all() {
		mark := s.config.mark(spec.kind, f.name)
		if !find(f, func(have typeField) bool { return strings.Contains(string(have.Hint), mark) }) {
			unmarked = append(unmarked, f)
		}
	}
	for _, f := range unmarked {
		if f.addedLater || !find(f, func(have typeField) bool {
			name := strings.TrimSpace(string(have.Name))
			return (strings.EqualFold(name, f.label) || f.formerLabel != "" && strings.EqualFold(name, f.formerLabel)) &&
				!strings.Contains(string(have.Hint), "(syncd:")
		}) {
			l.missing = append(l.missing, f)
		}
	}
	for _, have := range fields {
		l.highest = max(l.highest, have.Attributes.Order)
		if !taken[have.ID] {
			l.foreign[have.Attributes.NameKey] = have.Attributes
		}
	}
	return l
}

func optionsOf(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// required are the fields that an asset must have a value in and that people
// fill, by key, and the label of each.
func (l *layout) required() map[string]string {
	out := map[string]string{}
	if notes, ok := l.fields[fieldNotes]; ok && notes.requiredAs != "" {
		out[notes.key] = notes.requiredAs
	}
	for key, f := range l.foreign {
		if bool(f.Required) && f.Kind != "Header" {
			out[key] = string(f.Name)
		}
	}
	return out
}

// ErrNoLayouts says that our asset types are not all there yet.
var ErrNoLayouts = errors.New("IT Glue has no asset types of ours yet")

// complete returns an error unless all our types can be used.
func (inv *inventory) complete(c *Config) error {
	var lacking []string
	for i := range layouts {
		kind := layouts[i].kind
		if why := inv.problems[kind]; why != "" {
			return fmt.Errorf("itglue: %s", why)
		}
		if inv.layouts[kind] == nil {
			lacking = append(lacking, c.typeName(kind))
		}
	}
	for _, l := range inv.layouts {
		for _, f := range l.missing {
			// Without these an asset cannot be found again, or has no name.
			if f.name == fieldTenant || f.name == fieldObject || f.name == fieldTitle {
				return fmt.Errorf("itglue: %q lacks the field %s: run syncd itglue layouts upgrade", l.name, f.label)
			}
		}
	}
	if len(lacking) > 0 {
		return fmt.Errorf("itglue: %w: %s: run syncd itglue layouts create", ErrNoLayouts, strings.Join(lacking, ", "))
	}
	return nil
}

// A Layout is one asset type of ours, and what creating or upgrading it would do.
type Layout struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"` // as it is called there, or would be
	ID      string   `json:"id,omitempty"`
	Missing []string `json:"missing,omitempty"` // fields that would be added; all of them where the type is not there
	// Outdated are fields whose hint would be renewed; one that people wrote stays.
	Outdated []string `json:"outdated,omitempty"`
	Notes    []string `json:"notes,omitempty"` // what somebody should know or repair
	// Trouble says why nothing can be done here; empty where all is well.
	Trouble string `json:"trouble,omitempty"`
}

// Exists reports whether the type is there.
func (l Layout) Exists() bool { return l.ID != "" }

// Layouts says which of our asset types are there, and what would change.
func (c *Client) Layouts(ctx context.Context) ([]Layout, error) {
	inv, err := c.unmetered().readLayouts(ctx)
	if err != nil {
		return nil, err
	}
	return inv.states(&c.config), nil
}

func (inv *inventory) states(c *Config) []Layout {
	var out []Layout
	for i := range layouts {
		spec := &layouts[i]
		state := Layout{Kind: spec.kind, Name: c.typeName(spec.kind), Trouble: inv.problems[spec.kind]}
		l := inv.layouts[spec.kind]
		if l == nil {
			if state.Trouble == "" {
				for _, f := range spec.all() {
					state.Missing = append(state.Missing, f.label)
				}
			}
			out = append(out, state)
			continue
		}
		state.ID, state.Name = l.typeID.String(), l.name
		for _, f := range l.missing {
			state.Missing = append(state.Missing, f.label)
		}
		for _, at := range l.outdated {
			state.Outdated = append(state.Outdated, at.label)
		}
		if l.disabled {
			state.Notes = append(state.Notes, "is disabled: its assets are hidden from people")
		}
		for _, name := range l.required() {
			state.Notes = append(state.Notes,
				fmt.Sprintf("an administrator made the field %q required: assets without it cannot be written; make it optional", name))
		}
		for name, at := range l.fields {
			if at.requiredAs != "" && name != fieldNotes && name != fieldTenant && name != fieldObject {
				state.Notes = append(state.Notes,
					fmt.Sprintf("an administrator made the field %q required: assets for which the source says nothing there cannot be written; make it optional", at.requiredAs))
			}
		}
		slices.Sort(state.Notes)
		out = append(out, state)
	}
	return out
}

// CreateLayouts creates the types that are not there, and returns how all of
// them then stand. It changes nothing about those that are.
func (c *Client) CreateLayouts(ctx context.Context) ([]Layout, error) {
	s := c.unmetered()
	inv, err := s.readLayouts(ctx)
	if err != nil {
		return nil, err
	}
	for i := range layouts {
		if why := inv.problems[layouts[i].kind]; why != "" {
			return inv.states(&c.config), fmt.Errorf("itglue: nothing was created: %s", why)
		}
	}
	for i := range layouts {
		spec := &layouts[i]
		if inv.layouts[spec.kind] != nil {
			continue
		}
		// A tag of assets needs the id of their type, so the list is read again
		// after each: it also shows what became of a request without an answer.
		if err := s.createType(ctx, spec, inv); err != nil && !errors.Is(err, rest.ErrOutcomeUnknown) {
			return inv.states(&c.config), fmt.Errorf("creating the type %s: %w", c.config.typeName(spec.kind), err)
		}
		if inv, err = s.readLayouts(ctx); err != nil {
			return nil, err
		}
		if inv.layouts[spec.kind] == nil {
			return inv.states(&c.config), fmt.Errorf("itglue: the type %s was asked for and cannot be found: run the command again",
				c.config.typeName(spec.kind))
		}
	}
	return inv.states(&c.config), nil
}

// createType makes a type with its fields. They go under relationships: the
// place that the vendor's table names (attributes.fields) ends in a 500.
// POST /flexible_asset_types.
func (s *session) createType(ctx context.Context, spec *layoutSpec, inv *inventory) error {
	var fields []any
	for i, f := range spec.all() {
		attributes, err := s.newField(spec, f, i+1, inv)
		if err != nil {
			return err
		}
		fields = append(fields, map[string]any{"type": "flexible_asset_fields", "attributes": attributes})
	}
	body := outgoing("flexible_asset_types",
		map[string]any{"name": s.config.typeName(spec.kind), "icon": spec.icon, "enabled": true, "show-in-menu": true,
			"description": spec.description + ", kept by syncd. " + s.config.mark(spec.kind, "")})
	body["data"].(map[string]any)["relationships"] = map[string]any{"flexible-asset-fields": map[string]any{"data": fields}}
	_, err := s.do(ctx, request{method: http.MethodPost, at: epTypes, body: body})
	return err
}

// hint is what people read below a field, and the mark by which it is found.
func (c *Config) hint(kind string, f field) string { return f.hint + " " + c.mark(kind, f.name) }

func (s *session) newField(spec *layoutSpec, f field, order int, inv *inventory) (map[string]any, error) {
	a := map[string]any{"order": order, "name": f.label, "kind": vendorKind[f.form], "hint": s.config.hint(spec.kind, f),
		"required": f.name == fieldTitle, "use-for-title": f.name == fieldTitle, "show-in-list": f.inList}
	switch f.form {
	case formSelect:
		a["default-value"] = strings.Join(f.options, "\n")
	case formNumber:
		a["decimals"] = 0
	case formDate:
		a["expiration"] = f.expires
	case formTag:
		a["tag-type"] = f.tag
		if layoutOf(f.tag) != nil {
			to := inv.layouts[f.tag]
			if to == nil {
				return nil, fmt.Errorf("the type %s, which it refers to, is not there", s.config.typeName(f.tag))
			}
			a["tag-type"] = "FlexibleAssetType: " + to.typeID.String()
		}
	}
	return a, nil
}

// UpgradeLayouts adds the fields of ours that types lack, and renews hints that an
// earlier version wrote. It deletes no field and changes nothing else of one: that
// would take the data of every asset along.
// POST /flexible_asset_fields, PATCH /flexible_asset_fields/{id}.
func (c *Client) UpgradeLayouts(ctx context.Context) ([]Layout, error) {
	s := c.unmetered()
	inv, err := s.readLayouts(ctx)
	if err != nil {
		return nil, err
	}
	for i := range layouts {
		l := inv.layouts[layouts[i].kind]
		if l == nil {
			return inv.states(&c.config), inv.complete(&c.config)
		}
		for n, f := range l.missing {
			attributes, err := s.newField(l.spec, f, l.highest+n+1, inv)
			if err != nil {
				return nil, err
			}
			attributes["flexible-asset-type-id"] = l.typeID
			_, err = s.do(ctx, request{method: http.MethodPost, at: epFields, body: outgoing("flexible_asset_fields", attributes)})
			if err != nil && !errors.Is(err, rest.ErrOutcomeUnknown) {
				return inv.states(&c.config), fmt.Errorf("adding the field %s to %s (a field of that name that is not syncd's must be renamed first): %w", f.label, l.name, err)
			}
		}
		for _, at := range l.outdated {
			_, err := s.do(ctx, request{method: http.MethodPatch, at: epField, ids: []id{at.id},
				body: outgoing("flexible_asset_fields", map[string]any{"hint": c.config.hint(l.spec.kind, at.field)})})
			if err != nil && !errors.Is(err, rest.ErrOutcomeUnknown) {
				return inv.states(&c.config), fmt.Errorf("explaining the field %s of %s: %w", at.label, l.name, err)
			}
		}
	}
	if inv, err = s.readLayouts(ctx); err != nil {
		return nil, err
	}
	states := inv.states(&c.config)
	for _, l := range states {
		if len(l.Missing) > 0 {
			return states, fmt.Errorf("itglue: %s still lacks %s: another field may have that name; rename it, and run the command again",
				l.Name, strings.Join(l.Missing, ", "))
		}
	}
	return states, nil
}
