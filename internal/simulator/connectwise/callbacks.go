package cwsim

import (
	"net/http"
	"slices"
)

// createCallback registers a webhook. The same one twice is refused.
func (c *call) createCallback() (*answer, *apiError) {
	s := schemas["CallbackEntry"]
	body, err := c.bodyObject()
	if err != nil {
		return nil, err
	}
	values, err := c.members(s, body)
	if err != nil {
		return nil, err
	}
	if err := required(s, values); err != nil {
		return nil, err
	}
	object, _ := values["objectId"].(int)
	inactive, _ := values["inactiveFlag"].(bool)
	cb := &Callback{
		ID: next(c.world.Callbacks, (*Callback).key), Description: text(values["description"]), URL: text(values["url"]),
		ObjectID: object, Type: text(values["type"]), Level: text(values["level"]), MemberID: c.memberID(), Inactive: inactive,
		Info: Info{DateEntered: c.now, EnteredBy: c.member(), LastUpdated: c.now, UpdatedBy: c.member()},
	}
	if slices.ContainsFunc(c.world.Callbacks, func(o *Callback) bool {
		return o.URL == cb.URL && o.ObjectID == cb.ObjectID && o.Type == cb.Type && o.Level == cb.Level
	}) {
		return nil, invalid("CallbackEntry", "ObjectExists", "url", "The callback already exists.")
	}
	if !c.discardWrite {
		c.world.Callbacks = append(c.world.Callbacks, cb)
		c.changed = true
	}
	return c.object(http.StatusCreated, s, cb.render(c.view)), nil
}

func (c *call) deleteCallback() (*answer, *apiError) {
	id := c.id(0)
	i := slices.IndexFunc(c.world.Callbacks, func(o *Callback) bool { return o.ID == id })
	if i < 0 {
		return nil, notFound("CallbackEntry")
	}
	if !c.discardWrite {
		c.world.Callbacks = slices.Delete(c.world.Callbacks, i, i+1)
		c.changed = true
	}
	return c.empty(http.StatusNoContent), nil
}
