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

// A memory is what an object remembers of how the provider treated it: the private
// part of its record, by the names below.
type memory map[string]string

const (
	// memoryTruncated is how many members of a group the provider shows at most.
	memoryTruncated = "members_truncated"
	// memoryUnseen is that the provider shows nobody who is in a group.
	memoryUnseen = "members_unseen"
	// memoryDeadEnd is what was refused for good; the next two say how.
	memoryDeadEnd     = "dead_end"
	memoryDeadEndCode = "dead_end_code"
	memoryDeadEndSays = "dead_end_says"
	memoryDeadEndTill = "dead_end_till" // where it may be tried again by itself
	memoryDeadEndOf   = "dead_end_of"   // the provider's id that it clashes with
	// refusedMark begins the names of fields that the provider refused alone:
	// what was sent and until when it is not sent again; refusedSays what it said.
	refusedMark = "refused:"
	refusedSays = "refused_says:"
	// memoryStopped is why no group of the account is touched any more, after the
	// ways in which members were to be removed; memoryNoRemoval until when nobody is
	// taken out of a group, as the provider would not have it.
	memoryStopped   = "members_stopped"
	memoryNoRemoval = "members_not_removed_till"
	// memoryAccount says at which address and in which account an id was given: the
	// same id is somebody else elsewhere.
	memoryAccount = "account"
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
func (t *Target) membersStoppedBy(m memory) string {
	ways, why, _ := strings.Cut(m[memoryStopped], " ")
	if ways == "" || ways != fingerprint(t.profile.MemberRemove) {
		return ""
	}
	return why
}

// removalSuspended reports whether nobody is taken out of a group for now.
func (v *view) removalSuspended(key plan.Key) bool {
	till := v.memory[key][memoryNoRemoval]
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
	if m[memoryDeadEnd] == "" || !slices.Contains(reasons, m[memoryDeadEnd]) || v.expired(m[memoryDeadEndTill]) {
		return nil
	}
	if word, ok := v.settlement(key); ok && (word.How == plan.SettleRetry || word.How == plan.SettleCreate) {
		return nil
	}
	if id := m[memoryDeadEndOf]; id != "" {
		v.contest(key, &resource{id: id})
	}
	return &plan.Violation{Code: m[memoryDeadEndCode], Key: key.ID, NeedsRepair: true, Message: m[memoryDeadEndSays]}
}

// refusedForGood is the outcome of a create that must not be tried again until
// a person cleared what is in its way: nothing is at the provider, which an
// object without a ref that counts as retired says, and the object remembers why.
func (v *view) refusedForGood(ch plan.Change, reason, till, clash string, violation plan.Violation) target.Applied {
	m := memory{memoryDeadEnd: reason, memoryDeadEndCode: violation.Code, memoryDeadEndSays: violation.Message}
	if till != "" {
		m[memoryDeadEndTill] = till
	}
	if clash != "" {
		m[memoryDeadEndOf] = clash
	}
	violation.Kind, violation.Key, violation.NeedsRepair = ch.Key.Kind, ch.Key.ID, true
	return target.Applied{Object: plan.Object{Key: ch.Key, Label: ch.Label, Retired: true, UPN: ch.After.UPN, Private: plan.Remember(m)}, Notes: []plan.Violation{violation}}
}

// remember reads what a record remembers of an object.
func (v *view) remember(r *plan.Record) error {
	var m memory
	if err := r.Recall(&m); err != nil {
		return err
	}
	if len(m) > 0 {
		v.recorded[r.Key], v.memory[r.Key] = m, maps.Clone(m)
	}
	return nil
}

// sameAccount reports whether a record's id was given in this account.
func (v *view) sameAccount(r *plan.Record) bool {
	at := v.recorded[r.Key][memoryAccount]
	return at == "" || at == v.account.fingerprint
}

// memoryOf is what an object that is there is to remember.
func (v *view) memoryOf(key plan.Key) memory {
	out := maps.Clone(v.memory[key])
	maps.DeleteFunc(out, func(name, _ string) bool {
		return slices.Contains([]string{memoryDeadEnd, memoryDeadEndCode, memoryDeadEndSays, memoryDeadEndTill, memoryDeadEndOf}, name)
	})
	if out == nil {
		out = memory{}
	}
	out[memoryAccount] = v.account.fingerprint
	return out
}

// upnOf is the UPN of the person that an object stands for, as the source has it,
// or else as it was remembered.
func (v *view) upnOf(key plan.Key) string {
	if one := v.users[key.ID]; key.Kind == kindUser && one != nil {
		return one.user.UPN
	}
	if r := v.records[key]; r != nil {
		return r.UPN
	}
	return ""
}
