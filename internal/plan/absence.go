package plan

// A share of few means nothing, but that everything goes at once means something
// at any size: the source failed to list it, or a filter is wrong. So where all of
// a kind would go, or all but one, a person looks first; and where a group would
// lose all its members, or all but one. A single thing may go by itself: with two
// left, one who leaves is no more than that.

// nearlyAll reports whether taking n of a population takes all of it, or all but one.
func nearlyAll(n, population int) bool { return n > 1 && n >= population-1 }

// shares reports whether the ceiling limits shares at all.
func (c Ceiling) shares() bool { return c.Percent >= 0 && c.Percent < 100 }

// A population is how many of a kind there are.
type population struct {
	kind string
	n    int
}

// lives counts an object that is there; objects come sorted by kind.
func (p *Plan) lives(kind string) {
	if n := len(p.living); n == 0 || p.living[n-1].kind != kind {
		p.living = append(p.living, population{kind: kind})
	}
	p.living[len(p.living)-1].n++
}

// checkAbsence holds a plan that takes all there is of a kind, or all but one, or
// all members of a group.
func (p *Plan) checkAbsence(hold func(string, string, ...any), wayOn string) {
	for _, all := range p.living {
		n := 0
		for i := range p.Changes {
			if c := &p.Changes[i]; c.Held == "" && c.Key.Kind == all.kind && c.takes() {
				n++
			}
		}
		if nearlyAll(n, all.n) {
			hold("deletes", "%d of %d objects of the kind %s would be deleted: all of them, or all but one, at once (limits.deletes.percent); %s", n, all.n, all.kind, wayOn)
			return
		}
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Held != "" || c.Action == Create || c.Action == Delete || !c.Writes() {
			continue
		}
		for _, f := range c.Fields {
			if gone := f.gone(); f.Set && nearlyAll(gone, len(f.Before)) {
				hold("deletes", "%s would lose %d of its %d %s: all of them, or all but one, at once (limits.deletes.percent); %s", c.Label, gone, len(f.Before), f.Name, wayOn)
				return
			}
		}
	}
}
