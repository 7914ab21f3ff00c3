package cwsim

import (
	"net/http"
	"slices"
	"strings"

	"syncd/internal/simulator/serving"
)

// An operation is one entry of a PATCH: a member and the value it gets; nil
// clears it.
type operation struct {
	member *member
	value  any
}

// operations reads ConnectWise's dialect of JSON Patch: an array of {op, path,
// value}, paths bare or with a leading slash and case-sensitive, references
// replaced as a whole. A path into a reference is answered 200 and changes
// nothing, unless Faults.NestedPaths is set.
func (c *call) operations(s *schema) ([]operation, *apiError) {
	v, err := decode(c.body)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, refuse(http.StatusBadRequest, "ConnectWiseApi", "The request body is not a JSON array of patch operations.")
	}
	var out []operation
	for _, entry := range list {
		object, ok := entry.(map[string]any)
		if !ok {
			return nil, refuse(http.StatusBadRequest, "ConnectWiseApi", "A patch operation is not a JSON object.")
		}
		for name := range object {
			if name != "op" && name != "path" && name != "value" {
				return nil, unknownMember(name, "PatchOperation")
			}
		}
		op, _ := object["op"].(string)
		if c.faults.AnyCaseOps {
			op = strings.ToLower(op)
		}
		if !slices.Contains([]string{"add", "replace", "remove"}, op) {
			return nil, invalid("PatchOperation", "InvalidValue", "op", "The value '%v' is not an operation; use add, replace or remove.",
				object["op"])
		}
		path, _ := object["path"].(string)
		o, err := c.operation(s, op, strings.TrimPrefix(path, "/"), object["value"])
		if err != nil {
			return nil, err
		}
		if o != nil {
			out = append(out, *o)
		}
	}
	return out, nil
}

// operation is nil where the server says yes and does nothing.
func (c *call) operation(s *schema, op, path string, v any) (*operation, *apiError) {
	name, inner, nested := strings.Cut(path, "/")
	m := s.byName[name]
	if m == nil {
		return nil, unknownMember(path, s.name)
	}
	if m.readOnly {
		if c.faults.IgnoreReadOnly {
			return nil, nil
		}
		return nil, readOnly(s, m)
	}
	if nested {
		if m.kind != kindRef || m.of.byName[inner] == nil {
			return nil, unknownMember(path, s.name)
		}
		if !c.faults.NestedPaths {
			return nil, nil
		}
		v, err := c.value(m.of, m.of.byName[inner], v)
		if err != nil {
			return nil, err
		}
		return &operation{m, record{inner: v}}, nil
	}
	if op == "remove" {
		v = nil
	}
	value, err := c.value(s, m, v)
	if err != nil {
		return nil, err
	}
	if value == nil && m.required {
		return nil, invalid(s.name, "MissingRequiredField", m.name, "The %s field is required.", m.name)
	}
	return &operation{m, value}, nil
}

// patchCompany changes a company: the few members the simulator knows, and
// its custom fields.
func (c *call) patchCompany() (*answer, *apiError) {
	old := c.view.companies[c.id(0)]
	if old == nil || !c.visible("Company", companyMaintenance, old) {
		return nil, notFound("Company")
	}
	s := schemas["Company"]
	ops, err := c.operations(s)
	if err != nil {
		return nil, err
	}
	changed := serving.Copies([]*Company{old}, (*Company).deepen)[0]
	for _, op := range ops {
		if err := c.setCompany(changed, op); err != nil {
			return nil, err
		}
	}
	if !c.discardWrite {
		changed.Info.LastUpdated, changed.Info.UpdatedBy = c.now, c.member()
		*old = *changed
		c.changed = true
		c.view.audit("Company", old.ID, c.now, c.member(), "Update", "Company has been changed: "+names(ops)+".")
	}
	if c.discardWrite && !c.echoWrite {
		changed = old
	}
	return c.object(http.StatusOK, s, changed.render(c.view)), nil
}

func (c *call) setCompany(o *Company, op operation) *apiError {
	switch v := op.value; op.member.name {
	case "identifier":
		o.Identifier = text(v)
	case "name":
		o.Name = text(v)
	case "website":
		o.Website = text(v)
	case "accountNumber":
		o.AccountNumber = text(v)
	case "vendorIdentifier":
		o.VendorIdentifier = text(v)
	case "deletedFlag":
		o.Deleted, _ = v.(bool)
	case "status":
		r, _ := v.(record)
		id, _ := r["id"].(int)
		if c.view.statuses[id] == nil {
			return invalid("Company", "NotFound", "status", "Status %d was not found.", id)
		}
		o.StatusID = id
	case "types":
		return readOnly(schemas["Company"], op.member) // settable on POST only
	case "customFields":
		values, err := c.customValues("Company", v)
		if err != nil {
			return err
		}
		o.Custom = values
	default:
		if op.member.kind == kindRef {
			return invalid("Company", "NotFound", op.member.name, "%s was not found.", op.member.of.name)
		}
		if o.Other == nil {
			o.Other = map[string]any{}
		}
		o.Other[op.member.name] = op.value
	}
	return nil
}

// names lists what operations touch.
func names(ops []operation) string {
	var all []string
	for _, o := range ops {
		all = append(all, o.member.name)
	}
	return strings.Join(all, ", ")
}
