package plan

import "slices"

// A record must hold nothing but ours. A person's value that got into one would
// pass for what we left there, and be written over as soon as the source has
// another. So a record takes from the target what was sent, and what both sides
// agreed on; a field that only a blank or an edit lets us have (fill, keep) and
// that was not sent stays out of it, as does everything of the kind in what is
// announced. A field that is held (hold) stays in as it was seen: there a record
// of what was there is what shows the next edit.

// Remembered returns what to remember of the change once the target holds answer. Of
// an object that was there before, only what was sent is taken from the answer:
// whatever else in it is not as planned is a person's edit of the moment.
func (c *Change) Remembered(answer Object) Object {
	if c.Action == Create || c.After == nil {
		return answer
	}
	fields := c.After.Fields
	for _, f := range c.Fields {
		if v, ok := answer.Fields.Get(f.Name); ok {
			fields = fields.With(f.Name, v)
		}
	}
	answer.Fields = fields.over(c.Kept)
	return spare(answer, c.last, c.spared)
}

// Announced returns what to remember of the change while its request is on its
// way, until an answer comes. before is what was remembered until then.
func (c *Change) Announced(before *Record) Record {
	var r Record
	switch {
	case before != nil:
		r = *before
	case c.Before != nil: // an adoption that writes: taken on first, then changed
		r = Record{Object: spare(*c.Before, nil, c.spared), Origin: Adopted}
		r.Fields = r.Fields.over(c.Kept)
	default:
		r = Record{Object: *c.After}
	}
	r.Pending = c.sent()
	if c.Before != nil {
		for _, f := range c.Fields { // as it was seen: who edits it before the request arrives is seen, too
			if _, known := r.Fields.Get(f.Name); !known {
				r.Fields = r.Fields.With(f.Name, f.Before)
			}
		}
	}
	if c.Action == Create {
		r.Attempts++
	}
	return r
}

// sent is what the target should show once the change got through: the fields
// that it sends and no others. Where the target keeps nothing of a deleted
// thing, that is the thing marked as retired.
func (c *Change) sent() *Object {
	if c.After == nil {
		gone := *c.Before
		gone.Retired, gone.Fields = true, nil
		return &gone
	}
	o := *c.After
	o.Fields = make(Fields, 0, len(c.Fields))
	for _, f := range c.Fields {
		o.Fields = append(o.Fields, Field{f.Name, f.After})
	}
	o.Fields = o.Fields.sorted()
	return &o
}

// confirmed returns what we left as far as the target shows it: a field that
// shows what was pending counts as that, since the request got through, in whole
// or in part. It is the record's own object where nothing of it shows.
func (r *Record) confirmed(observed *Object) *Object {
	if r.Pending == nil || observed == nil {
		return &r.Object
	}
	last, all, some := r.Object, true, false
	for _, f := range r.Pending.Fields {
		switch now, there := observed.Fields.Get(f.Name); {
		case now.Equal(f.Value), !there && f.Value.Blank():
			last.Fields, some = last.Fields.With(f.Name, f.Value), true
		case there:
			all = false
		}
	}
	if !all && !some {
		return &r.Object
	}
	if all {
		last.Label, last.Ref, last.Retired = r.Pending.Label, r.Pending.Ref, r.Pending.Retired
	}
	return &last
}

// theirs lists the fields of what was observed that are ours only while nobody
// else fills them, and that neither were sent nor agree with the source.
func (k *Kind) theirs(observed *Object, m *merged) []string {
	if observed == nil || k.Owner != Fill && k.Owner != Keep && len(k.Fields) == 0 {
		return nil
	}
	var names []string
	for _, f := range observed.Fields {
		if owner := k.owner(f.Name); owner != Fill && owner != Keep {
			continue
		}
		if m.desired != nil {
			if _, asked := m.desired.Fields.Get(f.Name); asked {
				continue // sent, kept or agreed
			}
		}
		if !slices.ContainsFunc(m.fields, func(c FieldChange) bool { return c.Name == f.Name }) {
			names = append(names, f.Name)
		}
	}
	return names
}

// spare returns o with the named fields as they were remembered before.
func spare(o Object, before *Object, names []string) Object {
	if len(names) == 0 {
		return o
	}
	o.Fields = slices.DeleteFunc(slices.Clone(o.Fields), func(f Field) bool { return slices.Contains(names, f.Name) })
	if before != nil {
		for _, name := range names {
			if v, known := before.Fields.Get(name); known {
				o.Fields = o.Fields.With(name, v)
			}
		}
	}
	return o
}
