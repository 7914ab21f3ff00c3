package plan

// A Trace is one field of one object on all three sides, with what was decided of it,
// for a person who asks why.
type Trace struct {
	Kind     string  `json:"kind"`
	Key      string  `json:"key"`
	Label    string  `json:"label"`
	Field    string  `json:"field"`
	Desired  *string `json:"desired"`
	Observed *string `json:"observed"`
	Recorded *string `json:"recorded"`
	Owner    string  `json:"owner"`
	Verdict  string  `json:"verdict"`
}

// The verdicts on a field that are no reason of a change.
const (
	verdictInStep    = "in step"
	verdictKept      = "a human's value, kept"
	verdictRewritten = "the target shows what it made of it; not sent again"
	verdictNotOurs   = "not ours to set"
)

// trace adds what was decided of an object's fields. It decides nothing itself.
func (p *Plan) trace(kinds []Kind, desired, observed *Object, record *Record, d decision) {
	var change *Change
	if d.change {
		change = &p.Changes[len(p.Changes)-1]
	}
	var recorded *Object
	if record != nil && record.Origin != Announced {
		recorded = &record.Object
	}
	seen := map[string]bool{}
	for _, side := range []*Object{desired, observed, recorded} {
		if side == nil {
			continue
		}
		kind := findKind(kinds, side.Kind)
		for _, f := range side.Fields {
			if seen[f.Name] || kind == nil {
				continue
			}
			seen[f.Name] = true
			p.Trace = append(p.Trace, Trace{Kind: side.Kind, Key: side.ID, Label: labelOf(desired, observed, record), Field: f.Name,
				Desired: fieldText(desired, f.Name), Observed: fieldText(observed, f.Name), Recorded: fieldText(recorded, f.Name),
				Owner: string(kind.owner(f.Name)), Verdict: d.verdictOf(f.Name, desired, change)})
		}
	}
}

// verdictOf says in words what was decided of a field.
func (d *decision) verdictOf(field string, desired *Object, change *Change) string {
	switch {
	case change == nil:
	case change.Action == Create && fieldText(desired, field) == nil:
		return verdictNotOurs
	case change.Action == Create, change.Action == Delete, change.Action == Forget:
		return string(change.Reason) // the object comes or goes as a whole
	}
	for i := range d.fields {
		switch {
		case d.fields[i].Name != field:
		case change.Action == Adopt, change.Reason == BackAtSource:
			return string(change.Reason)
		default:
			return string(d.fields[i].reason)
		}
	}
	_, kept := d.kept.Get(field)
	_, own := d.rewritten.Get(field)
	switch {
	case kept:
		return verdictKept
	case own:
		return verdictRewritten
	case d.verdict != "":
		return d.verdict
	case fieldText(desired, field) == nil:
		return verdictNotOurs
	}
	return verdictInStep
}

func fieldText(o *Object, field string) *string {
	if o == nil {
		return nil
	}
	v, ok := o.Fields.Get(field)
	if !ok {
		return nil
	}
	text := v.String()
	return &text
}
