package pages

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// inboxPage is what waits for a person; decide.go is how it is decided.
var inboxPage = page{name: "Inbox", path: "/", count: func(a *around) int { return a.waiting }, routes: []route{
	{pattern: "GET /{$}", role: app.RoleViewer, handle: showInbox},
	{pattern: "GET /holds/review", role: app.RoleViewer, handle: reviewChosen},
	{pattern: "POST /holds/approve", role: app.RoleApprover, handle: func(q *request) (answer, error) { return decideChosen(q, true) }},
	{pattern: "POST /holds/reject", role: app.RoleApprover, handle: func(q *request) (answer, error) { return decideChosen(q, false) }},
	{pattern: "POST /holds/{digest}/approve", role: app.RoleApprover, handle: func(q *request) (answer, error) { return decide(q, true) }},
	{pattern: "POST /holds/{digest}/reject", role: app.RoleApprover, handle: func(q *request) (answer, error) { return decide(q, false) }},
	{pattern: "POST /holds/{digest}/keep", role: app.RoleMapper, handle: keepEdit},
	{pattern: "POST /holds/{digest}/leave", role: app.RoleMapper, handle: leaveAlone},
	{pattern: "POST /apply", role: app.RoleOperator, handle: applyNow},
}}

// How much is shown: plans on a page, customers that one line names, and those in trouble.
const (
	cardsShown    = 25
	namesShown    = 200
	troublesNamed = 2
)

// An inbox is what the inbox shows.
type inbox struct {
	Filter   inboxFilter
	View     string // the choice and the page, as the forms send them
	Cards    []card
	Adopting *adopting
	Ticks    bool          // whether there is anything to tick
	Approved []app.Waiting // those that are carried out next
	Pager    pager
	Last     *app.RunState // where nothing waits
	Next     string
}

// An adopting is the plans that change nothing at a target, as one card.
type adopting struct {
	Plans []app.Waiting
	Sum   string // of their digests: what is approved is what was shown
	More  int    // that are not named
}

func showInbox(q *request) (answer, error) {
	all, err := q.app.Waiting(q.Context())
	if err != nil {
		return answer{}, err
	}
	if err := wrongFilter(q, all); err != nil {
		return answer{}, err
	}
	if q.wantsJSON() {
		holds, err := q.app.Holds(q.Context(), q.URL.Query().Get("customer"), q.URL.Query().Get("target"))
		return answer{json: app.HoldList{Holds: holds}}, err
	}
	a := answer{page: "inbox", title: "Inbox", commands: []string{"syncd holds", "syncd approve", "syncd reject"}}
	box := &inbox{Filter: newInboxFilter(q, all), View: q.view(), Next: nextWrites(q, targetsOf(all, state.StandsApproved)...)}
	a.data = box
	var up, down app.Sums
	waiting, writes, repairs := 0, 0, 0
	for i := range all {
		switch w := &all[i]; w.Stands {
		case state.StandsNeedsApproval:
			waiting++
			writes += w.Writes
			up.AddAll(w.Up)
			down.AddAll(w.Down)
		case state.StandsNeedsRepair:
			repairs++
		}
	}
	who, says := "an approver", "an approver says"
	if q.may(app.RoleApprover) {
		who, says = "you", "you say"
	}
	switch waiting {
	case 0:
		a.headline = "Nothing waits for you"
		if box.Last, err = lastRun(q); err != nil {
			return answer{}, err
		}
	case 1:
		a.headline = "One plan waits for " + who
	default:
		a.headline = spelled(waiting, "plan") + " wait for " + who
	}
	switch need := needs(repairs); {
	case repairs == 0:
	case waiting == 0:
		a.headline = spelled(repairs, "thing") + need + "a person"
	default:
		a.headline += "; " + strings.ToLower(spelled(repairs, "thing")) + need + "a repair"
	}
	targets := targetsOf(all, state.StandsNeedsApproval)
	if len(targets) == 0 {
		targets = targetsOf(all, state.StandsApproved)
	}
	a.sub = nextWrites(q, targets...)
	if r, err := lastRun(q); err != nil {
		return answer{}, err
	} else if r != nil && r.Progress != nil {
		a.sub = "A run of " + r.Job + " is under way: " + progressText(r.Progress) + ". " + a.sub
	}
	if waiting > 0 {
		a.sub += " Nothing is written before " + says + " so."
		a.strip = inboxStrip(up, down, writes, repairs)
	}
	if err := box.sort(q, all); err != nil {
		return answer{}, err
	}
	a.trouble, err = troubles(q.Context(), q.app)
	return a, err
}

// needs is the verb of a number of things.
func needs(n int) string {
	if n == 1 {
		return " needs "
	}
	return " need "
}

// inboxStrip is the money that is at stake, and what else there is to do.
func inboxStrip(up, down app.Sums, writes, repairs int) []figure {
	var strip []figure
	for _, currency := range slices.Sorted(maps.Keys(up)) {
		strip = append(strip, figure{signed(up[currency]), currency + " a month more, if all pass"})
	}
	for _, currency := range slices.Sorted(maps.Keys(down)) {
		strip = append(strip, figure{signed(down[currency]), currency + " a month less, if all pass"})
	}
	strip = append(strip, figure{thousands(fmt.Sprint(writes)), "changes written, if all pass"})
	if repairs > 0 {
		strip = append(strip, figure{thousands(fmt.Sprint(repairs)), "wait for a repair elsewhere"})
	}
	return strip[:min(4, len(strip))]
}

// sort parts what waits: plans that change nothing are one card, and what is decided stands
// for itself.
func (box *inbox) sort(q *request, all []app.Waiting) error {
	var open []app.Waiting
	adopts := &adopting{}
	for _, w := range all {
		switch {
		case w.Stands == state.StandsApproved:
			box.Approved = append(box.Approved, w)
		case !box.Filter.fits(&w):
		case w.Adopts() && w.InBulk():
			adopts.Plans = append(adopts.Plans, w)
		default:
			open = append(open, w)
		}
	}
	if len(adopts.Plans) > 0 {
		adopts.Sum = digestsSum(adopts.Plans)
		adopts.More = max(0, len(adopts.Plans)-namesShown)
		box.Adopting, box.Ticks = adopts, true
	}
	slices.SortStableFunc(open, func(a, b app.Waiting) int { return urgency(a.Stands) - urgency(b.Stands) })
	first, last, pager := paged(q.Request, len(open), cardsShown)
	box.Pager = pager
	apart, err := forOtherEyes(q, open[first:last])
	if err != nil {
		return err
	}
	for _, w := range open[first:last] {
		c := newCard(q, w)
		if c.Apart = apart[w.Digest]; c.Apart != "" {
			c.Bulk = false
		}
		box.Ticks = box.Ticks || c.Bulk
		box.Cards = append(box.Cards, c)
	}
	return nil
}

// forOtherEyes says of the plans that whoever looks may not approve why, and who may, by digest.
func forOtherEyes(q *request, shown []app.Waiting) (map[string]string, error) {
	if !q.app.Config.FourEyes || !q.may(app.RoleApprover) {
		return nil, nil
	}
	var holds []state.Hold
	for i := range shown {
		if shown[i].Digest != "" {
			holds = append(holds, shown[i].Hold)
		}
	}
	_, out, err := q.app.ForOthers(q.Context(), q.person.Operator, holds)
	apart := map[string]string{}
	for i := range out {
		apart[out[i].Digest] = sentence(out[i].Message)
	}
	return apart, err
}

// urgency orders what waits: first what only needs a word, then what must be repaired
// elsewhere, then what somebody rejected.
func urgency(stands string) int {
	return slices.Index([]string{state.StandsNeedsApproval, state.StandsNeedsRepair, state.StandsRejected}, stands)
}

// Shown are the plans that the card names.
func (a *adopting) Shown() []app.Waiting { return a.Plans[:min(namesShown, len(a.Plans))] }

// digestsSum is one digest of many.
func digestsSum(plans []app.Waiting) string {
	digests := make([]string, len(plans))
	for i := range plans {
		digests[i] = plans[i].Digest
	}
	slices.Sort(digests)
	sum := sha256.Sum256([]byte(strings.Join(digests, "\n")))
	return hex.EncodeToString(sum[:6])
}

// targetsOf are the targets of what stands so.
func targetsOf(all []app.Waiting, stands string) (targets []string) {
	for i := range all {
		if t := all[i].Scope.Target; all[i].Stands == stands && !slices.Contains(targets, t) {
			targets = append(targets, t)
		}
	}
	return targets
}

// nextWrite says when what is approved is written next: at one of the targets, or at any where none is given.
func nextWrite(q *request, targets ...string) string {
	var next *app.JobState
	jobs := q.app.Jobs()
	for i := range jobs {
		j := &jobs[i]
		if j.Policy == string(plan.Never) || j.Next.IsZero() || len(targets) > 0 && !slices.ContainsFunc(j.Targets, func(t string) bool { return slices.Contains(targets, t) }) {
			continue
		}
		if next == nil || j.Next.Before(next.Next) {
			next = j
		}
	}
	switch {
	case next == nil:
		return "written once somebody applies it: no job has a schedule"
	case next.Running:
		return "written now: " + next.Name + " runs"
	}
	now := q.app.Now()
	return "next write " + whenZone(next.Next, now, q.app.Location) + " (" + next.Name + ", " + until(next.Next.Sub(now)) + ")"
}

// nextWrites says it of each of the targets, in sentences: another job may write another one. Where none is
// given, it is of any.
func nextWrites(q *request, targets ...string) string {
	var whens []string
	same := true
	targets = slices.Sorted(slices.Values(targets))
	for _, target := range targets {
		whens = append(whens, nextWrite(q, target))
		same = same && whens[0] == whens[len(whens)-1]
	}
	if same {
		return sentence(nextWrite(q, targets...))
	}
	for i, target := range targets {
		whens[i] = sentence(q.app.Config.TargetTitle(target) + ": " + whens[i])
	}
	return strings.Join(whens, " ")
}

// lastRun is what the program did last, or does now.
func lastRun(q *request) (*app.RunState, error) {
	runs, _, err := q.app.Runs(q.Context(), 0, 1)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	return &runs[0], nil
}

// troubles are the jobs that failed and the customers who cannot be read or written, in one
// line each.
func troubles(ctx context.Context, w *app.Running) ([]trouble, error) {
	var all []trouble
	names := []string{}
	for _, j := range w.Jobs() {
		names = append(names, j.Name)
	}
	failing, err := state.Failing(w.Store.Runs(ctx), names)
	if err != nil {
		return nil, err
	}
	for i := range failing {
		all = append(all, trouble{What: sentence(failing[i].Short(w.Location)), Do: clip(sentence(failing[i].Why))})
	}
	unread, undone := bad{}, bad{}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, err
		}
		switch c.Standing("") {
		case state.StandsNotRead:
			unread.add(&c)
		case state.StandsFailed, state.StandsPartlyDone:
			undone.add(&c)
		}
	}
	if n := len(unread.customers); n > 0 {
		all = append(all, trouble{What: spelled(n, "tenant") + " cannot be read.", Do: unread.text() + " Their bills stay as they are.", Link: "/system"})
	}
	if n := len(undone.customers); n > 0 {
		all = append(all, trouble{What: "Not everything was written for " + plural(n, "customer") + ".", Do: undone.text(), Link: "/system"})
	}
	return all, nil
}

// bad are customers with something that does not work.
type bad struct {
	customers map[string]bool
	first     []string // the first of them, with why
}

func (b *bad) add(c *state.Cursor) {
	if b.customers == nil {
		b.customers = map[string]bool{}
	}
	if b.customers[c.Scope.Customer] {
		return
	}
	b.customers[c.Scope.Customer] = true
	if len(b.first) < troublesNamed {
		why := c.Error
		if i := strings.LastIndex(why, ": "); len(why) > 120 && i > 0 { // the cause stands last
			why = why[i+2:]
		}
		b.first = append(b.first, clipped(c.Name, maxName)+": "+strings.TrimSuffix(clip(why), ".")+".")
	}
}

func (b *bad) text() string {
	text := strings.Join(b.first, " ")
	if more := len(b.customers) - len(b.first); more > 0 {
		text += " And " + thousands(fmt.Sprint(more)) + " more."
	}
	return text
}

// An inboxFilter is which plans are shown.
type inboxFilter struct {
	Target, Reason, Size    string
	Targets, Reasons, Sizes []option
}

// An option is a line of a choice.
type option struct {
	Value, Text string
	Chosen      bool
}

// sizes are the amounts of money a month by which plans are parted.
var sizes = []string{"10", "100", "1000"}

func newInboxFilter(q *request, all []app.Waiting) inboxFilter {
	asked := q.URL.Query()
	f := inboxFilter{Target: asked.Get("target"), Reason: asked.Get("reason"), Size: asked.Get("size")}
	targets, found := map[string]bool{}, map[string]bool{}
	for i := range all {
		targets[all[i].Scope.Target] = true
		for _, r := range whys(all[i].Violations) {
			found[r.name] = true
		}
	}
	for _, t := range slices.Sorted(maps.Keys(targets)) {
		f.Targets = append(f.Targets, option{t, q.app.Config.TargetTitle(t), t == f.Target})
	}
	for _, r := range reasons {
		if found[r.name] {
			f.Reasons = append(f.Reasons, option{r.name, r.text, r.name == f.Reason})
		}
	}
	for _, s := range sizes {
		f.Sizes = append(f.Sizes, option{s, thousands(s) + " a month or more", s == f.Size})
	}
	return f
}

// wrongFilter refuses a choice that there is none of.
func wrongFilter(q *request, all []app.Waiting) error {
	targets := slices.Clone(q.app.Config.Targets())
	for i := range all { // also what waits at one that is configured no more
		targets = append(targets, all[i].Scope.Target)
	}
	slices.Sort(targets)
	return cmp.Or(q.wrongChoice("target", slices.Compact(targets)...), q.wrongChoice("reason", reasonNames()...), q.wrongChoice("size", sizes...))
}

func (f *inboxFilter) fits(w *app.Waiting) bool {
	if f.Target != "" && w.Scope.Target != f.Target {
		return false
	}
	if f.Reason != "" && !slices.ContainsFunc(whys(w.Violations), func(r why) bool { return r.name == f.Reason }) {
		return false
	}
	if least, err := decimal.NewFromString(f.Size); err == nil && w.Size().LessThan(least) {
		return false
	}
	return true
}

// Set reports whether not everything is shown.
func (f inboxFilter) Set() bool { return f.Target+f.Reason+f.Size != "" }

// writtenWhen says when an approval is carried out: at the next run, or when the target takes
// writes again.
func writtenWhen(q *request, target string, vs []plan.Violation) string {
	if putOff := plan.PutOff(vs); putOff != "" {
		return "put off until " + putOff
	}
	return nextWrite(q, target)
}

// ended says what became of a run.
func ended(r *app.RunState, now time.Time, zone *time.Location) string {
	var parts []string
	for _, outcome := range slices.Sorted(maps.Keys(r.Totals)) {
		if n := r.Totals[outcome]; n > 0 {
			stands := state.Standing(outcome, nil, nil)
			if outcome == "held" {
				stands = "held"
			}
			parts = append(parts, thousands(fmt.Sprint(n))+" "+stands)
		}
	}
	text := r.Job + " at " + whenZone(r.Started, now, zone)
	switch {
	case r.Stopped:
		text += " was stopped"
	case r.Error != "":
		text += " ended early: " + r.Error
	case r.Finished.IsZero():
		text += " is under way, or was cut off"
	}
	return text + ": " + cmp.Or(strings.Join(parts, ", "), "nothing to do")
}
