package itglue

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// A Target is IT Glue's documentation for one run. Its methods may be called
// from many goroutines.
type Target struct {
	session  *session
	config   *Config
	settings string

	lists accountLists // what the lists of this run say

	mu            sync.Mutex
	customersIn   map[id]int    // customers met in this run, by organization
	contactOwners map[id]string // contacts that this run found to be somebody's, and whose customer's
}

// batch is how many customers are observed at once. They cost no request of
// their own: one listing a type serves all. It is small because all that they
// have is held in memory meanwhile.
const batch = 4

// Open returns the target for one run.
func (c *Client) Open() *Target {
	return &Target{session: &session{Client: c, budget: int64(c.config.Budget)}, config: &c.config,
		settings: c.config.digest(c.options.Portal), customersIn: map[id]int{}, contactOwners: map[id]string{}}
}

// digest is of everything in the configuration that decides what is desired.
func (c *Config) digest(portal string) string {
	return target.SettingsDigest(json.Marshal([]any{c.PSAContactSync, c.LayoutPrefix, c.Users, c.Groups, c.Domains, c.Leavers, c.Fields, portal}))
}

// Spec says what the loop must know of the target.
func (t *Target) Spec() target.Spec {
	spec := target.Spec{
		Name:      "itglue",
		Needs:     directory.Licences | directory.Users | directory.Groups | directory.Domains | directory.Mailboxes,
		Link:      mapping.ITGlueOrganization,
		OneTenant: "every asset names the one tenant that it stands for: clear the column " + mapping.ITGlueOrganization + " on its lines",
		Batch:     batch,
		Settings:  t.settings,
	}
	for _, name := range creation {
		k := plan.Kind{Name: name, Sets: sets[name], Stamps: []string{fieldProven}, MayCreate: true, Retire: archive}
		k.Owner, k.Fields = t.config.owners(name)
		k.Leavers = &plan.Leavers{Absences: t.config.Leavers.Absences, After: time.Duration(t.config.Leavers.Days) * 24 * time.Hour,
			Never: t.config.Leavers.Then == ThenLeave}
		if t.config.Leavers.Then == ThenDelete {
			k.Retire = nil
		}
		if name == kindContact {
			// A contact is people's, and often the PSA's: it stays whatever happens
			// to the account.
			k.Leavers = &plan.Leavers{Never: true}
			k.Retire = func(before *plan.Object) *plan.Object { return before }
			k.MayCreate = t.config.PSAContactSync == SyncOff
			k.Missing = t.contactMissing
		}
		spec.Kinds = append(spec.Kinds, k)
	}
	return spec
}

// quietHours says that these are quiet hours, and which; nil where they are none.
func (t *Target) quietHours() *target.Later {
	window, quiet := t.config.InQuietHours(t.session.now())
	if !quiet {
		return nil
	}
	_, end, _ := strings.Cut(window, "-")
	return &target.Later{Code: "quiet_hours", Until: end, Why: "these are quiet hours (" + window + ", itglue.quiet_hours)"}
}

// archive is how an asset is left whose object is gone.
func archive(before *plan.Object) *plan.Object {
	after := *before
	after.Retired = true
	after.Fields = before.Fields.With(fieldArchived, boolValue(true))
	return &after
}

// contactMissing says why a person has no contact while the PSA is the one to bring it.
func (t *Target) contactMissing(o *plan.Object) plan.Violation {
	return plan.Violation{Code: "contact_missing", Message: fmt.Sprintf(
		"%s has no contact: with itglue.psa_contact_sync %s contacts come from the PSA; create the person there", o.Label,
		t.config.PSAContactSync)}
}
