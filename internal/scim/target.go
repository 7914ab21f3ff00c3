package scim

import (
	"strings"
	"sync"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/scim/attribute"
	"syncd/internal/target"
)

// The kinds of objects, in the order in which they are made.
const (
	kindUser  = "user"
	kindGroup = "group"
)

// A Target is a provider for one run. Its methods may be called from many
// goroutines.
type Target struct {
	*Client
	filter   *attribute.ScopingFilter
	settings string

	mu    sync.Mutex
	lists map[*connection]*accountLists // what the lists of this run say
}

// batch is how many customers are observed at once: where they share an
// account, one listing serves all, and each knows what belongs to the others.
const batch = 200

// Open returns the target for one run.
func (c *Client) Open() *Target {
	return &Target{Client: c, filter: c.config.scopingFilter(), settings: c.config.digest(c.profile), lists: map[*connection]*accountLists{}}
}

// Spec says what the loop must know of the target.
func (t *Target) Spec() target.Spec {
	spec := target.Spec{Name: t.Name(), Needs: directory.Users, Also: directory.Domains, Link: mapping.SCIMColumn(t.config.Name),
		Batch: batch, Settings: t.settings,
		OwnCredentials: strings.Contains(t.config.URL, account)}
	if t.config.withGroups() || len(t.config.Users.Groups) > 0 {
		spec.Needs |= directory.Groups
	}
	leavers := &plan.Leavers{Absences: t.config.Leavers.Absences, After: time.Duration(t.config.Leavers.Days) * 24 * time.Hour,
		Never: t.config.Leavers.Then == ThenLeave}
	user := plan.Kind{Name: kindUser, MayCreate: true, Leavers: leavers, Retire: disabled}
	group := plan.Kind{Name: kindGroup, MayCreate: true, Leavers: leavers, Retire: emptied, Sets: []string{pathMembers}}
	if t.config.Leavers.Then == ThenDelete {
		user.Retire = nil
	}
	if t.config.Leavers.Then == ThenDelete || t.profile.DeleteGroups == unlinks {
		group.Retire = nil
	}
	spec.Kinds = []plan.Kind{user, group}
	return spec
}

// disabled is how a user is left who is gone.
func disabled(before *plan.Object) *plan.Object {
	after := *before
	after.Retired = true
	after.Fields = before.Fields.With(pathActive, plan.Value{"false"})
	return &after
}

// emptied is how a group is left that is gone, where it can be no more than
// deleted otherwise.
func emptied(before *plan.Object) *plan.Object {
	after := *before
	after.Retired = true
	after.Fields = before.Fields.With(pathMembers, nil)
	return &after
}

// accountLists are what the lists of one account say in one run, read once.
type accountLists struct {
	mu            sync.Mutex
	read          bool
	caps          *capabilities
	layout        *layout        // without extensions that the provider does not know
	confirmedGone map[string]int // of the linked ones that a list does not have, how many are gone for certain
	users         index
	groups        index
	assigned      map[resourceRef]string // what this run gave to whom
}

// An index finds resources of one type.
type index struct {
	listing
	byID         map[string]*resource
	byExternalID map[string][]*resource
	byName       map[string][]*resource // userName or displayName, in small letters
	byEmail      map[string][]*resource
}

func newIndex() index {
	return index{byID: map[string]*resource{}, byExternalID: map[string][]*resource{}, byName: map[string][]*resource{},
		byEmail: map[string][]*resource{}}
}

// A view is a customer's part of an account, as a run looked at it.
type view struct {
	target      *Target
	err         error  // why it could not be looked at
	only        string // the object that a person asks after
	observed    target.Observed
	customer    string
	account     *connection
	lists       *accountLists
	layout      *layout
	settlements []plan.Settlement
	owners      *owners

	// What Compare adds.
	listFaults           []string // what was found out about lists that seemed whole
	missingScopingGroups []string // names in users.groups that no group of the tenant has
	leftInFormerAccount  int      // objects that were kept in another account before
	membersHidden        bool     // the provider never shows who is in a group
	keptByMissingGroups  int      // users who are there, and in scope only by one of those
	missingGroups        []string // names in groups.include and groups.roles, likewise
	records              map[plan.Key]*plan.Record
	users                map[string]*tenantUser  // by object id: all accounts of the tenant
	groups               map[string]*tenantGroup // by object id: groups in scope
	resources            map[plan.Key]*resource
	objectIDs            map[string]string     // provider's user id → object id
	recorded             map[plan.Key]memory   // as the records have it
	memory               map[plan.Key]memory   // as it became in this run
	pendingReferences    map[string][]plan.Key // by the object id of one who is yet to be created: who points to him
	claimedBy            map[string]plan.Key   // provider's id → whose it is
	contestedBy          map[string]plan.Key   // provider's id of a user → whose conflict names it
}

// listsOf returns what is kept of an account in this run.
func (t *Target) listsOf(a *connection) *accountLists {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lists[a]
	if l == nil {
		l = &accountLists{assigned: map[resourceRef]string{}, confirmedGone: map[string]int{}}
		t.lists[a] = l
	}
	return l
}

// settlement is a person's last word on an object.
func (v *view) settlement(key plan.Key) (plan.Settlement, bool) {
	for _, s := range v.settlements {
		if s.Key == key {
			return s, true
		}
	}
	return plan.Settlement{}, false
}
