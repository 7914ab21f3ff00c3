package plan

// A Trace is one field of one object as all three sides know it, for a person
// who asks why.
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

// Explain says field by field what Make compares. It does not change the sides.
func Explain(kinds []Kind, s Sides) []Trace {
	type three struct{ desired, observed, recorded *Object }
	all := map[Key]*three{}
	var order []Key
	at := func(k Key) *three {
		if all[k] == nil {
			all[k] = &three{}
			order = append(order, k)
		}
		return all[k]
	}
	for i := range s.Desired {
		at(s.Desired[i].Key).desired = &s.Desired[i]
	}
	for i := range s.Observed {
		at(s.Observed[i].Key).observed = &s.Observed[i]
	}
	for i := range s.Records {
		if s.Records[i].Origin != Announced {
			at(s.Records[i].Key).recorded = &s.Records[i].Object
		}
	}
	var out []Trace
	for _, key := range order {
		kind, t := find(kinds, key.Kind), all[key]
		if kind == nil {
			continue
		}
		names := map[string]bool{}
		for _, side := range []*Object{t.desired, t.observed, t.recorded} {
			if side == nil {
				continue
			}
			for _, f := range side.Fields {
				if names[f.Name] {
					continue
				}
				names[f.Name] = true
				d, o, r := known(t.desired, f.Name), known(t.observed, f.Name), known(t.recorded, f.Name)
				out = append(out, Trace{Kind: key.Kind, Key: key.ID, Label: side.Label, Field: f.Name,
					Desired: d, Observed: o, Recorded: r, Owner: string(kind.owner(f.Name)), Verdict: verdict(kind.owner(f.Name), d, o, r)})
			}
		}
	}
	return out
}

func known(o *Object, field string) *string {
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

func verdict(owner Ownership, desired, observed, recorded *string) string {
	same := func(a, b *string) bool { return a != nil && b != nil && *a == *b }
	switch {
	case desired == nil:
		return "not ours to set"
	case observed == nil:
		return "not at the target"
	case same(desired, observed):
		return "in step"
	case (owner == Keep || owner == Fill) && !same(observed, recorded) && (recorded != nil || *observed != ""):
		return "a human's value, kept"
	case recorded == nil:
		return "differs; not managed yet"
	case same(observed, recorded):
		return string(ChangedAtSource)
	case same(desired, recorded):
		return string(ChangedAtTarget)
	}
	return string(ChangedAtBoth)
}
