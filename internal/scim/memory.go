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
	// infoPlace says at which address and in which account an id was given: the
	// same id is somebody else elsewhere.
	infoPlace = "account"
)

// refusedFor is how long one object, or one attribute of it, is left alone that
// a provider refuses while it takes others. Without it a single bad value would
// make every run fail, and in the end put the whole target into quarantine.
const refusedFor = 24 * time.Hour

func (p *place) till() string {
	return p.account.client.options.Now().UTC().Add(refusedFor).Format(time.RFC3339)
}

// over reports whether a moment has passed; none never does.
func (p *place) over(till string) bool {
	at, err := time.Parse(time.RFC3339, till)
	return err == nil && !p.account.client.options.Now().Before(at)
}

// reasonName and reasonValues are what a refusal holds for: a name, or every
// value that would be sent.
func reasonName(name string) string       { return fingerprint(plan.Value{strings.ToLower(name)}) }
func reasonValues(values []string) string { return fingerprint(values) }

// refusedAlone reports whether a field was refused by itself lately, with this
// value.
func (p *place) refusedAlone(key plan.Key, name string, want plan.Value) bool {
	sent, till, _ := strings.Cut(p.memory[key][refusedMark+name], " ")
	return sent != "" && sent == fingerprint(want) && !p.over(till)
}

// stoppedBy is why an account's groups are left alone, as a record remembers it.
// Another profile is another story.
func (t *Target) stoppedBy(info map[string]string) string {
	ways, why, _ := strings.Cut(info[infoStopped], " ")
	if ways == "" || ways != fingerprint(t.profile.MemberRemove) {
		return ""
	}
	return why
}

// keepsMembers reports whether nobody is taken out of a group for now.
func (p *place) keepsMembers(key plan.Key) bool {
	till := p.memory[key][infoNoRemoval]
	return till != "" && !p.over(till)
}

func fingerprint(v plan.Value) string {
	sum := sha256.Sum256([]byte(strings.Join(v, "\x00")))
	return hex.EncodeToString(sum[:6])
}

// deadEnd says that an object was refused for good, as long as what it was
// refused for is still so and nobody has said that it is cleared.
func (p *place) deadEnd(key plan.Key, reasons ...string) *plan.Violation {
	m := p.memory[key]
	if m[infoDeadEnd] == "" || !slices.Contains(reasons, m[infoDeadEnd]) || p.over(m[infoDeadEndTill]) {
		return nil
	}
	if word, ok := p.word(key); ok && (word.How == plan.SettleRetry || word.How == plan.SettleCreate) {
		return nil
	}
	if id := m[infoDeadEndOf]; id != "" {
		p.contest(key, &resource{id: id})
	}
	return &plan.Violation{Code: m[infoDeadEndCode], Key: key.ID, NeedsRepair: true, Message: m[infoDeadEndSays]}
}

// refusedForGood is the outcome of a create that must not be tried again until
// a person cleared what is in its way: nothing is at the provider, which an
// object without a ref that counts as retired says, and the object remembers why.
func (p *place) refusedForGood(ch plan.Change, reason, till string, v plan.Violation) target.Applied {
	o := plan.Object{Key: ch.Key, Label: ch.Label, Retired: true, Info: maps.Clone(ch.After.Info)}
	if o.Info == nil {
		o.Info = map[string]string{}
	}
	o.Info[infoDeadEnd], o.Info[infoDeadEndCode], o.Info[infoDeadEndSays] = reason, v.Code, v.Message
	if till != "" {
		o.Info[infoDeadEndTill] = till
	}
	v.Kind, v.Key, v.NeedsRepair = ch.Key.Kind, ch.Key.ID, true
	return target.Applied{Object: o, Notes: []plan.Violation{v}}
}

// here reports whether a record's id was given in this account.
func (p *place) here(r *plan.Record) bool {
	at := r.Info[infoPlace]
	return at == "" || at == p.account.place
}

// info is what an object that is there remembers.
func (p *place) info(key plan.Key) map[string]string {
	out := maps.Clone(p.memory[key])
	delete(out, infoDeadEnd)
	delete(out, infoDeadEndCode)
	delete(out, infoDeadEndSays)
	delete(out, infoDeadEndTill)
	delete(out, infoDeadEndOf)
	if out == nil {
		out = map[string]string{}
	}
	out[infoPlace] = p.account.place
	if one := p.people[key.ID]; key.Kind == kindUser && one != nil {
		out[infoUPN] = one.user.UPN
	}
	return out
}
