package scim

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"syncd/internal/plan"
	"syncd/internal/target"
)

// What an object remembers, among its Info, of how the provider treated it.
const (
	// infoTruncated is how many members of a group the provider shows at most.
	infoTruncated = "members_truncated"
	// infoUnseen is that the provider shows nobody who is in a group.
	infoUnseen = "members_unseen"
	// infoDeadEnd is what was refused for good; the next two say how.
	infoDeadEnd     = "dead_end"
	infoDeadEndCode = "dead_end_code"
	infoDeadEndSays = "dead_end_says"
	infoDeadEndTill = "dead_end_till" // where it may be tried again by itself
	infoDeadEndOf   = "dead_end_of"   // the provider's id that it clashes with
	// refusedMark begins the names of fields that the provider refused alone:
	// what was sent and until when it is not sent again; refusedSays what it said.
	refusedMark = "refused:"
	refusedSays = "refused_says:"
	// infoStopped is why no group of the account is touched any more, after the
	// ways in which members were to be removed; infoNoRemoval until when nobody is
	// taken out of a group, as the provider would not have it.
	infoStopped   = "members_stopped"
	infoNoRemoval = "members_not_removed_till"
	infoUPN       = "upn"
	// infoAccount says at which address and in which account an id was given: the
	// same id is somebody else elsewhere.
	infoAccount = "account"
)

// refusalTTL is how long one object, or one attribute of it, is left alone that
// a provider refuses while it takes others. Without it a single bad value would
// make every run fail, and in the end put the whole target into quarantine.
const refusalTTL = 24 * time.Hour

func (v *view) refusalExpiry() string {
	return v.account.client.options.Now().UTC().Add(refusalTTL).Format(time.RFC3339)
}

// expired reports whether a moment has passed; none never does.
func (v *view) expired(till string) bool {
	at, err := time.Parse(time.RFC3339, till)
	return err == nil && !v.account.client.options.Now().Before(at)
}

// fingerprintName and fingerprintValues are what a refusal holds for: a name, or every
// value that would be sent.
func fingerprintName(name string) string       { return fingerprint(plan.Value{strings.ToLower(name)}) }
func fingerprintValues(values []string) string { return fingerprint(values) }

// attributeRefused reports whether a field was refused by itself lately, with this
// value.
func (v *view) attributeRefused(key plan.Key, name string, want plan.Value) bool {
	sent, till, _ := strings.Cut(v.memory[key][refusedMark+name], " ")
	return sent != "" && sent == fingerprint(want) && !v.expired(till)
}

// membersStoppedBy is why an account's groups are left alone, as a record remembers it.
// Another profile is another story.
func (t *Target) membersStoppedBy(info map[string]string) string {
	ways, why, _ := strings.Cut(info[infoStopped], " ")
	if ways == "" || ways != fingerprint(t.profile.MemberRemove) {
		return ""
	}
	return why
}

// removalSuspended reports whether nobody is taken out of a group for now.
func (v *view) removalSuspended(key plan.Key) bool {
	till := v.memory[key][infoNoRemoval]
	return till != "" && !v.expired(till)
}

func fingerprint(v plan.Value) string {
	sum := sha256.Sum256([]byte(strings.Join(v, "\x00")))
	return hex.EncodeToString(sum[:6])
}

// deadEnd says that an object was refused for good, as long as what it was
// refused for is still so and nobody has said that it is cleared.
func (v *view) deadEnd(key plan.Key, reasons ...string) *plan.Violation {
	m := v.memory[key]
	if m[infoDeadEnd] == "" || !slices.Contains(reasons, m[infoDeadEnd]) || v.expired(m[infoDeadEndTill]) {
		return nil
	}
	if word, ok := v.settlement(key); ok && (word.How == plan.SettleRetry || word.How == plan.SettleCreate) {
		return nil
	}
	if id := m[infoDeadEndOf]; id != "" {
		v.contest(key, &resource{id: id})
	}
	return &plan.Violation{Code: m[infoDeadEndCode], Key: key.ID, NeedsRepair: true, Message: m[infoDeadEndSays]}
}

// refusedForGood is the outcome of a create that must not be tried again until
// a person cleared what is in its way: nothing is at the provider, which an
// object without a ref that counts as retired says, and the object remembers why.
func (v *view) refusedForGood(ch plan.Change, reason, till string, violation plan.Violation) target.Applied {
	o := plan.Object{Key: ch.Key, Label: ch.Label, Retired: true, Info: maps.Clone(ch.After.Info)}
	if o.Info == nil {
		o.Info = map[string]string{}
	}
	o.Info[infoDeadEnd], o.Info[infoDeadEndCode], o.Info[infoDeadEndSays] = reason, violation.Code, violation.Message
	if till != "" {
		o.Info[infoDeadEndTill] = till
	}
	violation.Kind, violation.Key, violation.NeedsRepair = ch.Key.Kind, ch.Key.ID, true
	return target.Applied{Object: o, Notes: []plan.Violation{violation}}
}

// sameAccount reports whether a record's id was given in this account.
func (v *view) sameAccount(r *plan.Record) bool {
	at := r.Info[infoAccount]
	return at == "" || at == v.account.fingerprint
}

// info is what an object that is there remembers.
func (v *view) info(key plan.Key) map[string]string {
	out := maps.Clone(v.memory[key])
	delete(out, infoDeadEnd)
	delete(out, infoDeadEndCode)
	delete(out, infoDeadEndSays)
	delete(out, infoDeadEndTill)
	delete(out, infoDeadEndOf)
	if out == nil {
		out = map[string]string{}
	}
	out[infoAccount] = v.account.fingerprint
	if one := v.users[key.ID]; key.Kind == kindUser && one != nil {
		out[infoUPN] = one.user.UPN
	}
	return out
}
