package scim

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"syncd/internal/scim/attribute"
)

// A Profile says what is peculiar about a provider. Profiles are data: one file
// each in profiles/, named as the configuration names them. An explicit setting
// beats what discovery says, and that beats the default.
type Profile struct {
	Name  string `yaml:"-"`
	Title string `yaml:"title"`

	// DiscoveryWithout is cut out of the URL to get where discovery stands.
	DiscoveryWithout string   `yaml:"discovery_without"`
	ConfigPaths      []string `yaml:"config_paths"` // of the service provider's configuration, tried in this order
	PageSize         int      `yaml:"page_size"`
	Pagination       string   `yaml:"pagination"` // auto, index or cursor
	Filter           string   `yaml:"filter"`     // auto, eq or none
	// UnquotedFilter allows a filter whose value stands without quotes, where
	// the quoted one was refused.
	UnquotedFilter  bool   `yaml:"unquoted_filter"`
	Patch           string `yaml:"patch"` // auto, yes or no
	ETag            string `yaml:"etag"`  // auto, yes or no
	PutGroups       bool   `yaml:"put_groups"`
	TitleCaseOps    bool   `yaml:"title_case_ops"` // Add, Replace, Remove as Entra sends them
	GroupIDOnCreate bool   `yaml:"group_id_on_create"`
	DeleteUsers     string `yaml:"delete_users"`  // destroys, or disconnects: the user stays, inactive
	DeleteGroups    string `yaml:"delete_groups"` // destroys, or unlinks: what the group stands for stays
	// MemberRemove are the ways to take one member out, in the order in which they are tried.
	MemberRemove []string          `yaml:"member_remove"`
	MemberBatch  int               `yaml:"member_batch"` // most members in one request
	MatchUsers   []string          `yaml:"match_users"`
	MatchGroups  []string          `yaml:"match_groups"`
	Required     []string          `yaml:"required"`   // of a new user
	Immutable    []string          `yaml:"immutable"`  // set on creation and never again
	Unverified   []string          `yaml:"unverified"` // sent, and not expected to be read back
	Extensions   []string          `yaml:"extensions"` // URNs that are sent whatever /Schemas says
	Attributes   map[string]string `yaml:"attributes"`
	// KnownExtensions are attributes that a configuration may ask for by name.
	KnownExtensions map[string]Extension `yaml:"known_extensions" json:"-"`
	// Hints are sentences for people: refused, duplicate, renamed, group_renamed, role.
	Hints map[string]string `yaml:"hints"`
}

// An Extension is an attribute beyond the core schema, and what it is made from.
type Extension struct {
	Path string `yaml:"path"`
	From string `yaml:"from"`
}

// What a profile's switches may say.
const (
	auto = "auto"
	yes  = "yes"
	no   = "no"

	pagesIndex  = "index"
	pagesCursor = "cursor"

	filterEq   = "eq"
	filterNone = "none"

	destroys    = "destroys"
	disconnects = "disconnects"
	unlinks     = "unlinks"

	removeByFilter = "path_filter"       // remove members[value eq "ID"]: RFC 7644
	removeByValue  = "entra_value_array" // remove members, with those to go in value: empties the group where the RFC is followed
	removeByVerb   = "member_operation"  // operation: Remove on the member: SCIM 1.1
)

//go:embed profiles/*.yaml
var profileFiles embed.FS

// profiles are the profiles by name.
var profiles = sync.OnceValue(func() map[string]*Profile {
	out := map[string]*Profile{}
	files, err := profileFiles.ReadDir("profiles")
	if err != nil {
		panic(err) // embedded
	}
	for _, f := range files {
		text, err := profileFiles.ReadFile("profiles/" + f.Name())
		if err != nil {
			panic(err) // embedded
		}
		p, err := readProfile(strings.TrimSuffix(f.Name(), path.Ext(f.Name())), text)
		if err != nil {
			panic(err) // a test reads them all
		}
		out[p.Name] = p
	}
	return out
})

// ProfileNames are the profiles that a configuration may name.
func ProfileNames() []string { return slices.Sorted(maps.Keys(profiles())) }

// readProfile reads a profile and fills in what it leaves to the default.
func readProfile(name string, text []byte) (*Profile, error) {
	p := &Profile{Name: name, ConfigPaths: []string{"ServiceProviderConfig", "ServiceProviderConfigs"}, PageSize: 100, Pagination: auto,
		Filter: auto, Patch: auto, ETag: auto, DeleteUsers: destroys, DeleteGroups: destroys, MemberRemove: []string{removeByFilter},
		MemberBatch: 100}
	if err := yaml.Load(text, p, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	for _, of := range []struct {
		key, value string
		allowed    []string
	}{
		{"pagination", p.Pagination, []string{auto, pagesIndex, pagesCursor}},
		{"filter", p.Filter, []string{auto, filterEq, filterNone}},
		{"patch", p.Patch, []string{auto, yes, no}},
		{"etag", p.ETag, []string{auto, yes, no}},
		{"delete_users", p.DeleteUsers, []string{destroys, disconnects}},
		{"delete_groups", p.DeleteGroups, []string{destroys, unlinks}},
	} {
		if !slices.Contains(of.allowed, of.value) {
			return nil, fmt.Errorf("profile %s: %s: %q is none of %s", name, of.key, of.value, strings.Join(of.allowed, ", "))
		}
	}
	for _, way := range p.MemberRemove {
		if !slices.Contains([]string{removeByFilter, removeByValue, removeByVerb}, way) {
			return nil, fmt.Errorf("profile %s: member_remove: %q is no way to remove a member", name, way)
		}
	}
	attributes := maps.Clone(p.Attributes)
	for _, e := range p.KnownExtensions {
		attributes[e.Path] = e.From
	}
	for path, text := range attributes {
		if at, err := readPath(p, path); err != nil || at.Trouble() != "" {
			return nil, fmt.Errorf("profile %s: attributes: %s %s: %w", name, path, at.Trouble(), err)
		}
		if _, err := attribute.Compile(text); err != nil {
			return nil, fmt.Errorf("profile %s: attributes: %s: %w", name, path, err)
		}
	}
	if p.PageSize < 1 || p.MemberBatch < 1 || len(p.MatchUsers) == 0 || len(p.MatchGroups) == 0 {
		return nil, fmt.Errorf("profile %s: page_size and member_batch must be at least 1, match_users and match_groups not empty", name)
	}
	return p, nil
}
