package cwsim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// bundledResources are the names a bundle knows, all singular, each with the
// reads behind it.
var bundledResources = map[string]string{"agreement": "Agreement", "addition": "Addition"}

// bundle reads several lists in one request. Results are found by their
// sequence number, and each has its own success and status.
func (c *call) bundle() (*answer, *apiError) {
	if status := c.faults.BundlesUnavailable; status != 0 {
		if status == http.StatusForbidden {
			return nil, denied()
		}
		return nil, refuse(status, "NotFound", "No HTTP resource was found that matches the request URI '%s'.", c.path)
	}
	// Names are not case-sensitive here, which is what encoding/json does.
	var body struct {
		Requests []struct {
			Version        string
			SequenceNumber int
			ResourceType   string
			APIRequest     struct {
				ID       int
				ParentID int
				Fields   string
				Filters  struct{ Conditions, OrderBy, ChildConditions, CustomFieldConditions string }
				Page     struct{ Page, PageSize, PageID int }
			}
		}
	}
	if err := json.Unmarshal(c.body, &body); err != nil {
		return nil, refuse(http.StatusBadRequest, "ConnectWiseApi", "The request body is not a collection of bundled requests: %s", err)
	}
	if len(body.Requests) == 0 {
		return nil, invalid("BundleRequestsCollection", "MissingRequiredField", "requests", "The requests field is required.")
	}
	if limit := c.faults.BundleLimit; limit > 0 && len(body.Requests) > limit {
		return nil, invalid("BundleRequestsCollection", "OutOfRange", "requests", "A bundle holds %d requests at most.", limit)
	}
	var results []string
	for _, r := range body.Requests {
		q := query{
			conditions: r.APIRequest.Filters.Conditions, children: r.APIRequest.Filters.ChildConditions,
			custom: r.APIRequest.Filters.CustomFieldConditions, orderBy: r.APIRequest.Filters.OrderBy, fields: r.APIRequest.Fields,
		}
		if n := r.APIRequest.Page; n.PageSize != 0 || n.Page != 0 || n.PageID != 0 {
			q.pageSize, q.page, q.pageID = digits(n.PageSize), digits(n.Page), digits(n.PageID)
		}
		fault := c.faults.BundleEntries[r.APIRequest.ParentID]
		if fault.Missing {
			continue
		}
		rows, status, err := c.bundled(r.ResourceType, r.APIRequest.ParentID, r.APIRequest.ID, q)
		success := err == nil
		if err != nil {
			status = err.status
		}
		if fault.Status != 0 {
			rows, status, success = nil, fault.Status, fault.Lying
			err = refuse(fault.Status, "ConnectWiseApi", "%s", http.StatusText(fault.Status))
		}
		results = append(results, c.bundleResult(r.SequenceNumber, r.ResourceType, r.Version, success, status, rows, err))
	}
	if c.faults.BundleReversed {
		slices.Reverse(results)
	}
	return &answer{status: http.StatusOK, header: jsonHeader(), body: []byte(`{"results":[` + strings.Join(results, ",") + `]}`)}, nil
}

func digits(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// bundled reads one entry. A page size that is missing is 25 here too.
func (c *call) bundled(resource string, parent, id int, q query) ([]record, int, *apiError) {
	name := bundledResources[strings.ToLower(resource)]
	if name == "" {
		return nil, 0, refuse(http.StatusBadRequest, "ConnectWiseApi", "ResourceType '%s' is not supported.", resource)
	}
	if c.level(agreementsFunction, http.MethodGet) == "None" {
		return nil, 0, denied()
	}
	var rows []entity
	switch name {
	case "Agreement":
		rows = entities(c.world.Agreements)
	case "Addition":
		a := c.view.agreements[parent]
		if a == nil || !c.visible("Agreement", agreementsFunction, a) {
			return nil, 0, notFound("Agreement")
		}
		rows = entities(c.view.additions[parent])
	}
	if id != 0 {
		rows = slices.DeleteFunc(rows, func(o entity) bool { return o.key() != id })
	}
	page, _, err := c.page(name, agreementsFunction, schemas[name], rows, q, q.pageID != "")
	if err != nil {
		return nil, 0, err
	}
	if q.fields != "" {
		for i, r := range page {
			page[i] = project(r, q.fields)
		}
	}
	return page, http.StatusOK, nil
}

func (c *call) bundleResult(sequence int, resource, version string, success bool, status int, rows []record, err *apiError) string {
	e := c.encoder()
	var b strings.Builder
	fmt.Fprintf(&b, `{"sequenceNumber":%d,"resourceType":%s,"version":%s,"success":%t,"statusCode":%d`,
		sequence, must(json.Marshal(resource)), must(json.Marshal(cmp.Or(version, c.options.Version))), success, status)
	name := "entities"
	if c.faults.BundleData {
		name = "data"
	}
	if err == nil || success {
		fmt.Fprintf(&b, `,%q:%s,"count":%d`, name, e.list(schemas[bundledResources[strings.ToLower(resource)]], rows), len(rows))
	}
	if err != nil {
		fmt.Fprintf(&b, `,"error":%s`, err.answer(BodyJSON).body)
	}
	return b.String() + "}"
}
