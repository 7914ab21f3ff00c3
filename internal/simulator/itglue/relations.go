package itgluesim

import (
	"encoding/base64"
	"mime"
	"net/http"
	"path"
	"slices"
)

// Related items and attachments stand below the objects they belong to.
var (
	relatedItems = &resource{kind: "related-items"}
	attachments  = &resource{kind: "attachments"}
)

// destinations are the kinds of object that a related item may lead to, by
// the names they have there. Those with no kind are not simulated.
var destinations = map[string]string{
	"Contact": "contacts", "Flexible Asset": assetKind, "Domain": "domains", "Configuration": "configurations",
	"Location": "locations", "Organization": "organizations", "Password": "passwords", "User": "users",
	"Checklist": "", "Checklist Template": "", "Datto Device": "", "Document": "", "Document Folder": "",
	"SSL Certificate": "", "Ticket": "",
}

// owner is the object that the path of a relationship names.
func (c *call) owner(kind string) (entity, *apiError) {
	o, ok := c.index.any[Ref{kind, c.id(0)}]
	if !ok {
		return nil, notFound()
	}
	return o, nil
}

func createRelated(kind string) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) {
		owner, err := c.owner(kind)
		if err != nil {
			return nil, err
		}
		all, array, err := c.records("related-items")
		if err != nil {
			return nil, err
		}
		from := Ref{kind, *owner.key()}
		return c.write(http.StatusCreated, relatedItems, all, array, func(r *record) (change, *apiError) {
			c.allow(r, "destination-type", "destination-id", "notes", "via-copilot")
			n := &RelatedItem{From: from}
			var to string
			r.text("destination-type", &to)
			r.id("destination-id", &n.To.ID)
			r.text("notes", &n.Notes)
			known, ok := destinations[to]
			if !ok {
				r.refuse(invalid("destination-type", "%q is not a resource type", to))
			}
			n.To.Kind = known
			if err := r.err(); err != nil {
				return change{}, err
			}
			if _, ok := c.index.any[n.To]; !ok {
				return change{}, refuse(http.StatusNotFound, "/data/attributes/destination-id", "the destination could not be found")
			}
			if c.faults.RefuseDuplicates && slices.ContainsFunc(c.index.related[from], func(o *RelatedItem) bool {
				return o.From == n.To || o.To == n.To
			}) {
				return change{}, invalid("destination-id", "has already been taken")
			}
			return change{n, func() {
				n.ID = c.next()
				c.world.RelatedItems = append(c.world.RelatedItems, n)
				c.index.relate(n)
			}}, nil
		})
	}
}

func patchRelated(kind string) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) {
		o := find(c.world.RelatedItems, c.last())
		if o == nil || o.From != (Ref{kind, c.id(0)}) && o.To != (Ref{kind, c.id(0)}) {
			return nil, notFound()
		}
		return c.patchOne(relatedItems, o, func(_ entity, r *record) (change, *apiError) {
			c.allow(r, "notes")
			n := *o
			r.text("notes", &n.Notes)
			return change{o, func() { *o = n }}, r.err()
		})
	}
}

func deleteRelated(kind string) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) {
		owner, err := c.owner(kind)
		if err != nil {
			return nil, err
		}
		self := Ref{kind, *owner.key()}
		return c.deleteAll(relatedItems, func(id int64) entity {
			if o := find(c.world.RelatedItems, id); o != nil && (o.From == self || o.To == self) {
				return o
			}
			return nil
		})
	}
}

func createAttachment(kind string) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) {
		owner, err := c.owner(kind)
		if err != nil {
			return nil, err
		}
		all, array, err := c.records("attachments")
		if err != nil {
			return nil, err
		}
		return c.write(http.StatusCreated, attachments, all, array, func(r *record) (change, *apiError) {
			c.allow(r, "attachment")
			n := &Attachment{On: Ref{kind, *owner.key()}}
			file, _ := r.attributes["attachment"].(map[string]any)
			if file == nil {
				return change{}, blank("attachment")
			}
			u, err := upload(file)
			if err != nil {
				return change{}, invalid("attachment", "%s", err)
			}
			n.Name, n.FileName, n.Size, n.ContentType = u.Name, u.Name, u.Size, u.ContentType
			if err := r.err(); err != nil {
				return change{}, err
			}
			return change{n, func() {
				n.ID = c.next()
				c.world.Attachments = append(c.world.Attachments, n)
				c.index.attachments[n.On] = append(c.index.attachments[n.On], n)
			}}, nil
		})
	}
}

func patchAttachment(kind string) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) {
		o := find(c.world.Attachments, c.last())
		if o == nil || o.On != (Ref{kind, c.id(0)}) {
			return nil, notFound()
		}
		return c.patchOne(attachments, o, func(_ entity, r *record) (change, *apiError) {
			c.allow(r, "name")
			n := *o
			r.text("name", &n.Name)
			return change{o, func() { *o = n }}, r.err()
		})
	}
}

func deleteAttachments(kind string) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) {
		return c.deleteAll(attachments, func(id int64) entity {
			if o := find(c.world.Attachments, id); o != nil && o.On == (Ref{kind, c.id(0)}) {
				return o
			}
			return nil
		})
	}
}

type uploadError string

func (e uploadError) Error() string { return string(e) }

// upload reads a file as it is sent: strict base64 and a name.
func upload(file map[string]any) (*Upload, error) {
	content, ok1 := file["content"].(string)
	name, ok2 := file["file_name"].(string)
	if !ok1 || !ok2 || name == "" {
		return nil, uploadError("needs content and file_name")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(content)
	if err != nil {
		return nil, uploadError("content is not base64")
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	return &Upload{Name: name, Size: len(b), ContentType: kind}, nil
}
