package itglue

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"

	"syncd/internal/plan"
)

// IT Glue stores some texts in other words than it was sent: its sanitiser
// drops what it does not like, and other limits may exist than those we know.
// Sending such a text again would bring the same answer, night after night. So
// an object remembers, for each field that came back different, what was sent
// and what came; while both stay as they are the field counts as right.

// adaptedMark begins the names of these notes among an object's Info.
const adaptedMark = "came_back_as:"

func fingerprint(v plan.Value) string {
	sum := sha256.Sum256([]byte(strings.Join(v, "\x00")))
	return hex.EncodeToString(sum[:6])
}

// adapt notes the fields of want that came back different.
func adapt(info map[string]string, want, got plan.Fields) map[string]string {
	out := maps.Clone(info)
	maps.DeleteFunc(out, func(name, _ string) bool {
		field, ok := strings.CutPrefix(name, adaptedMark)
		if !ok {
			return false
		}
		_, rewritten := want.Get(field)
		return rewritten
	})
	for _, f := range want {
		now, _ := got.Get(f.Name)
		if now.Equal(f.Value) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[adaptedMark+f.Name] = fingerprint(f.Value) + " " + fingerprint(now)
	}
	return out
}

// recall takes over what a record remembers.
func (p *place) recall(r *plan.Record) {
	for name, v := range r.Info {
		if strings.HasPrefix(name, adaptedMark) || name == infoReadOnly {
			if p.adapted[r.Key] == nil {
				p.adapted[r.Key] = map[string]string{}
			}
			p.adapted[r.Key][name] = v
		}
	}
}

// remind puts what is remembered on an object that was observed, so that it is
// remembered on.
func (p *place) remind(o *plan.Object) {
	memory := p.adapted[o.Key]
	if len(memory) == 0 {
		return
	}
	info := maps.Clone(o.Info)
	if info == nil {
		info = map[string]string{}
	}
	maps.Copy(info, memory)
	o.Info = info
}

// settle makes the fields that came back different, and still stand so, what is
// wanted.
func (p *place) settle(o *plan.Object, now plan.Fields) {
	memory := p.adapted[o.Key]
	if len(memory) == 0 {
		return
	}
	for i := range o.Fields {
		f := &o.Fields[i]
		there, _ := now.Get(f.Name)
		if memory[adaptedMark+f.Name] == fingerprint(f.Value)+" "+fingerprint(there) {
			f.Value = there
		}
	}
}
