package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncd/internal/rest"
)

// errNoReplace means that neither PATCH nor PUT is there for a resource.
var errNoReplace = errors.New("the provider has neither PATCH nor PUT for this")

// resourcePath is the path of one resource, its id escaped.
func resourcePath(at, id string) string { return rest.Path(at+"/%s", id) }

// get reads one resource.
func (a *connection) get(ctx context.Context, at, id string) (document, error) {
	resp, err := a.do(ctx, request{path: resourcePath(at, id)})
	if err != nil {
		return nil, err
	}
	d, err := object(resp)
	if err != nil {
		return nil, err
	}
	if d == nil || d.text("id") == "" {
		return nil, &rest.Error{System: a.client.Name(), Method: http.MethodGet, Path: resp.Path, Status: resp.Status,
			Message: "the answer is no SCIM resource"}
	}
	return d, nil
}

// create sends a new resource, once. The answer may be empty or lack the id,
// and the Location be missing or relative: id is empty then.
func (a *connection) create(ctx context.Context, at string, body document) (d document, id string, err error) {
	resp, err := a.do(ctx, request{method: http.MethodPost, path: at, body: body})
	if err != nil {
		return nil, "", err
	}
	if d, err = object(resp); err != nil {
		// It was made all the same: what is no SCIM answers nothing, and the
		// resource is looked for.
		return nil, "", nil
	}
	if id = d.text("id"); id != "" {
		return d, id, nil
	}
	location := resp.Header.Get("Location")
	if u, err := url.Parse(location); err == nil && location != "" {
		last := u.EscapedPath()
		last = last[strings.LastIndexByte(last, '/')+1:]
		if id, err = url.PathUnescape(last); err == nil && id != "" && !strings.EqualFold(id, strings.TrimPrefix(at, "/")) {
			return d, id, nil
		}
	}
	return d, "", nil
}

// maxVersionAttempts is how often a write is tried whose version was overtaken.
const maxVersionAttempts = 3

// modify changes a resource by PATCH, or by PUT where there is no PATCH. The
// document that it returns is nil where the answer does not say what is there
// now. ops and overlay say the same in two ways.
func (a *connection) modify(ctx context.Context, at, id string, ops []operation, overlay func(document)) (document, error) {
	caps, err := a.capabilities(ctx)
	if err != nil {
		return nil, err
	}
	if caps.patch {
		d, err := a.patch(ctx, at, id, ops, caps)
		if !notSupported(err) {
			return d, err
		}
		if at == groupsAt && !a.client.profile.PutGroups {
			return nil, fmt.Errorf("%w: %w", errNoReplace, err)
		}
		a.amendCapabilities(func(c *capabilities) { c.patch = false })
	}
	if at == groupsAt && !a.client.profile.PutGroups {
		return nil, errNoReplace
	}
	return a.put(ctx, at, id, overlay, caps)
}

func (a *connection) patch(ctx context.Context, at, id string, ops []operation, caps *capabilities) (document, error) {
	for attempt := 1; ; attempt++ {
		version := ""
		if caps.etag {
			d, err := a.get(ctx, at, id)
			if err != nil {
				return nil, err
			}
			version = asDocument(d.get("meta")).text("version")
		}
		resp, err := a.do(ctx, request{method: http.MethodPatch, path: resourcePath(at, id),
			body: patchBody(ops, a.client.profile.TitleCaseOps), version: version})
		switch s := statusOf(err); {
		case (s == http.StatusPreconditionFailed || s == http.StatusPreconditionRequired) && attempt < maxVersionAttempts:
			if s == http.StatusPreconditionRequired {
				a.amendCapabilities(func(c *capabilities) { c.etag = true })
				withVersion := *caps
				withVersion.etag = true
				caps = &withVersion
			}
			continue
		case err != nil:
			return nil, err
		}
		return resourceInAnswer(resp), nil
	}
}

// put replaces a resource with itself and what is laid over it. What we do not
// know goes back as it came: what a PUT leaves out is cleared.
func (a *connection) put(ctx context.Context, at, id string, overlay func(document), caps *capabilities) (document, error) {
	for attempt := 1; ; attempt++ {
		d, err := a.get(ctx, at, id)
		if err != nil {
			return nil, err
		}
		version := ""
		if caps.etag {
			version = asDocument(d.get("meta")).text("version")
		}
		set(d, "meta", nil)
		if at == usersAt {
			set(d, "groups", nil) // read-only
		}
		overlay(d)
		resp, err := a.do(ctx, request{method: http.MethodPut, path: resourcePath(at, id), body: d, version: version})
		if statusOf(err) == http.StatusPreconditionFailed && attempt < maxVersionAttempts {
			continue
		}
		if notSupported(err) {
			return nil, fmt.Errorf("%w: %w", errNoReplace, err)
		}
		if err != nil {
			return nil, err
		}
		return resourceInAnswer(resp), nil
	}
}

// resourceInAnswer is an answer to a write that tells the resource as it is now; nil where
// it does not: 204, 202, a part, or nothing readable.
func resourceInAnswer(resp *rest.Response) document {
	if resp.Status == http.StatusAccepted || resp.Status == http.StatusNoContent {
		return nil
	}
	d, err := object(resp)
	if err != nil || d.text("id") == "" || !d.has("userName") && !d.has("displayName") {
		return nil
	}
	return d
}

// remove deletes a resource; one that is not there is deleted.
func (a *connection) remove(ctx context.Context, at, id string) error {
	caps, err := a.capabilities(ctx)
	if err != nil {
		return err
	}
	version := ""
	if caps.etag {
		d, err := a.get(ctx, at, id)
		if rest.Gone(err) {
			return nil
		}
		if err == nil {
			version = asDocument(d.get("meta")).text("version")
		}
	}
	_, err = a.do(ctx, request{method: http.MethodDelete, path: resourcePath(at, id), version: version})
	if err == nil || rest.Gone(err) {
		return nil
	}
	if s := statusOf(err); s >= 500 || outcomeUnknown(err) {
		// A second DELETE is a 500 with some: a look decides.
		d, look := a.get(ctx, at, id)
		if rest.Gone(look) {
			return nil
		}
		if look == nil && at == usersAt && a.client.profile.DeleteUsers == disconnects {
			if is, known := asBool(d.get("active")); known && !is {
				return nil // disconnected, which is how this provider deletes
			}
		}
		if look == nil && answered(err) {
			return definite(err, "it is still there")
		}
	}
	return err
}

// rereadDelays are the pauses before each look at something that was just written:
// replicas lag.
var rereadDelays = []time.Duration{0, time.Second, 4 * time.Second}

// awaitResource looks at a resource until ok says that it shows what was written, or
// patience ends; then it returns what is there.
func (a *connection) awaitResource(ctx context.Context, at, id string, ok func(document) bool) (document, error) {
	var last document
	for _, wait := range rereadDelays {
		if wait > 0 {
			if err := rest.Sleep(ctx, wait); err != nil {
				return last, err
			}
		}
		d, err := a.get(ctx, at, id)
		if err != nil {
			if rest.Gone(err) && wait == 0 {
				continue // not everywhere yet
			}
			return nil, err
		}
		if last = d; ok(d) {
			return d, nil
		}
	}
	if last == nil {
		return nil, fmt.Errorf("%s %s: it was written and is not to be seen", strings.TrimPrefix(at, "/"), id)
	}
	return last, nil
}

// An attributeValue is one thing to look a resource up by.
type attributeValue struct{ attribute, value string }

// lookup finds resources by the first of several attributes that has a hit:
// by filter, and where filters prove nothing, in the whole list. It is for the
// moments in which a listing of the run's beginning is no longer enough.
func (a *connection) lookup(ctx context.Context, at string, pairs []attributeValue) (hits []document, err error) {
	caps, err := a.capabilities(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		if p.value == "" {
			continue
		}
		s, err := a.findByFilter(ctx, at, caps, p.attribute, p.value)
		if err != nil {
			return nil, err
		}
		if len(s.hits) > 0 {
			return s.hits, nil
		}
	}
	// No hit by filter is no proof: some compare the case of letters.
	found := make([][]document, len(pairs))
	_, err = a.list(ctx, at, caps, func() { clear(found) }, func(d document) {
		for i, p := range pairs {
			if p.value != "" && matchesFilter(d, p.attribute, p.value) {
				found[i] = append(found[i], d)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for _, hits := range found {
		if len(hits) > 0 {
			return hits, nil
		}
	}
	return nil, nil
}

func contains(list []string, text string) bool {
	_, ok := slices.BinarySearch(list, text)
	return ok
}
