package plan

import (
	"fmt"
	"slices"
)

// noteUnmanaged notes the objects that were managed under the record and are at the
// target unmanaged, and reports whether the record's own object is one of them.
func (p *Plan) noteUnmanaged(record *Record, observed *Object) (own bool) {
	if record == nil || len(p.unmanaged) == 0 {
		return false
	}
	for i := range p.unmanaged {
		o := &p.unmanaged[i]
		is := o.Ref == record.Ref && (observed == nil || observed.Ref != record.Ref)
		if !is && !slices.Contains(record.FormerRefs, o.Ref) {
			continue
		}
		own = own || is && observed == nil
		if o.costsNothing() {
			continue
		}
		p.Violations = append(p.Violations, Violation{Code: LeftBehind, Kind: record.Key.Kind, Key: record.Key.ID, Note: true, Message: fmt.Sprintf(
			"%s (%s%s) lives on and is no longer kept in step: a rule or a link changed; end it at the target if nobody is to pay for it any more", o.Label, o.Ref, filledFields(o.Fields))})
	}
	return own
}

// costsNothing reports whether an invoice line bills nothing any more, such as one of an
// agreement that was cancelled.
func (o *Object) costsNothing() bool { return o.Billing != nil && o.Billing.Idle != "" }

// filledFields lists the fields that are not blank, each after a comma.
func filledFields(f Fields) string {
	text := ""
	for _, x := range f {
		if !x.Value.Blank() {
			text += ", " + x.Name + " " + x.Value.String()
		}
	}
	return text
}
