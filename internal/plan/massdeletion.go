package plan

// A share of few objects means nothing, but a deletion of all of them is suspect at any
// size: the source failed to list them, or a filter is wrong. So a plan is held where all
// objects of a kind would be deleted, or all but one, and where a group would lose all
// its members, or all but one. One deletion alone passes: of two users one may leave.

// nearlyAll reports whether n, more than one, is all of a population, or all but one.
func nearlyAll(n, population int) bool { return n > 1 && n >= population-1 }

// limitsShare reports whether the ceiling limits the share.
func (c Ceiling) limitsShare() bool { return c.Percent >= 0 && c.Percent < 100 }

// A population is how many of a kind there are.
type population struct {
	kind string
	size int
}

// countPopulation counts a managed object that is at the target and not retired. Objects
// must come sorted by kind.
func (p *Plan) countPopulation(kind string) {
	if n := len(p.populations); n == 0 || p.populations[n-1].kind != kind {
		p.populations = append(p.populations, population{kind: kind})
	}
	p.populations[len(p.populations)-1].size++
}

// checkMassDeletion holds a plan that deletes all objects of a kind, or all but one, or
// removes all members of a group, or all but one.
func (p *Plan) checkMassDeletion(hold func(string, string, ...any), approve string) {
	for _, all := range p.populations {
		n := 0
		for i := range p.Changes {
			if c := &p.Changes[i]; c.counted() && c.Key.Kind == all.kind && c.countsAsDelete() {
				n++
			}
		}
		if nearlyAll(n, all.size) {
			hold("deletes", "%d of %d objects of the kind %s would be deleted: all of them, or all but one, at once (limits.deletes.percent); %s", n, all.size, all.kind, approve)
			return
		}
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Held != "" || c.Action == Create || c.Action == Delete || !c.Writes() {
			continue
		}
		for _, f := range c.Fields {
			if gone := f.removed(); f.Set && nearlyAll(gone, len(f.Before)) {
				hold("deletes", "%s would lose %d of its %d %s: all of them, or all but one, at once (limits.deletes.percent); %s", c.Label, gone, len(f.Before), f.Name, approve)
				return
			}
		}
	}
}
