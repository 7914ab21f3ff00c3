package connectwise

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"syncd/internal/rest"
)

const (
	// agreementsPerBundle is how many agreements are read in one request. The vendor
	// names no limit; products in use send 50.
	agreementsPerBundle = 25
	// maxBundleRows is the largest page: an entry that is full may have more.
	maxBundleRows = 1000
	// maxConcurrentReads is how many reads of one batch are under way; the bucket decides
	// how many really go at once.
	maxConcurrentReads = 4
)

// https://developer.connectwise.com/Best_Practices/Bundled_Requests
type bundleRequest struct {
	Version        string
	SequenceNumber int
	ResourceType   string
	ApiRequest     struct { //nolint:revive // the vendor's spelling
		ParentID int            `json:"parentId,omitzero"`
		Filters  *bundleFilters `json:"filters,omitempty"`
		Page     struct {
			Page     int `json:"page"`
			PageSize int `json:"pageSize"`
		} `json:"page"`
	}
}

type bundleFilters struct {
	Conditions string `json:"conditions"`
}

type bundleResult struct {
	Sequence int        `json:"sequenceNumber"`
	Success  *bool      `json:"success"`
	Status   int        `json:"statusCode"`
	Count    *int       `json:"count"`
	Entities []addition `json:"entities"`
	Data     []addition `json:"data"` // some releases' name for entities
}

// rows returns what an entry proves, or false where it proves nothing.
func (r *bundleResult) rows(agreement int) ([]addition, bool) {
	rows := r.Entities
	if rows == nil {
		rows = r.Data
	}
	proven := r.Success != nil && *r.Success && r.Status >= 200 && r.Status < 300 &&
		rows != nil && len(rows) < maxBundleRows && (r.Count == nil || *r.Count == len(rows)) && rowOfOther(rows, agreement) < 0
	return rows, proven
}

// lines are all additions of an agreement, or why they are not known.
type lines struct {
	rows []addition
	err  error
}

// additions reads the lines of many agreements: bundles first, and one by one
// what a bundle did not prove. Its error concerns the whole instance.
func (c *Client) additions(ctx context.Context, agreements []int) (map[int]lines, error) {
	out := make(map[int]lines, len(agreements))
	single := agreements
	if c.bundlesWork.Load() {
		single = nil
		parts := slices.Collect(slices.Chunk(agreements, agreementsPerBundle))
		found := make([]map[int][]addition, len(parts))
		group, gctx := errgroup.WithContext(ctx)
		group.SetLimit(maxConcurrentReads)
		for i, part := range parts {
			group.Go(func() (err error) {
				found[i], err = c.bundle(gctx, part)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, fmt.Errorf("reading additions: %w", err)
		}
		for i, part := range parts {
			for _, id := range part {
				if rows, ok := found[i][id]; ok {
					out[id] = lines{rows: rows}
				} else {
					single = append(single, id)
				}
			}
		}
	}
	read := make([]lines, len(single))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrentReads)
	for i, id := range single {
		group.Go(func() error {
			read[i].rows, read[i].err = c.additionsOf(gctx, id, 0)
			if concernsInstance(read[i].err) {
				return read[i].err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, id := range single {
		out[id] = read[i]
	}
	return out, nil
}

// bundle reads the lines of at most perBundle agreements in one request, and
// returns those that the answer proves. An agreement that is not in the result
// is unknown, not empty.
// POST /system/bundles.
func (c *Client) bundle(ctx context.Context, agreements []int) (map[int][]addition, error) {
	var body struct {
		Requests []bundleRequest `json:"requests"`
	}
	for i, id := range agreements {
		r := bundleRequest{Version: c.version(epAdditions), SequenceNumber: i + 1, ResourceType: "addition"}
		r.ApiRequest.ParentID, r.ApiRequest.Page.Page, r.ApiRequest.Page.PageSize = id, 1, maxBundleRows
		body.Requests = append(body.Requests, r)
	}
	r := request{method: http.MethodPost, at: epBundles, body: body, read: true}
	resp, err := c.do(ctx, r)
	if refused, ok := errors.AsType[*rest.Error](err); ok && bundlesRefused(refused.Status) {
		c.noteBundlesRefused(refused.Status)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	answer, err := decode[struct {
		Results []bundleResult `json:"results"`
	}](r, resp)
	if err != nil {
		c.log.Warn().Err(err).Msg("bundle not understood; its agreements are read one at a time")
		return nil, nil
	}
	out := make(map[int][]addition, len(agreements))
	answered := map[int]int{}
	for i := range answer.Results {
		answered[answer.Results[i].Sequence]++
	}
	for i := range answer.Results {
		result := &answer.Results[i]
		if result.Sequence < 1 || result.Sequence > len(agreements) || answered[result.Sequence] > 1 {
			continue
		}
		id := agreements[result.Sequence-1]
		if rows, proven := result.rows(id); proven {
			out[id] = rows
		}
	}
	return out, nil
}

func (c *Client) noteBundlesRefused(status int) {
	if c.bundlesWork.CompareAndSwap(true, false) {
		c.log.Warn().Int("status", status).Msg("bundled requests refused; additions are read one agreement at a time")
	}
}

// bundlesRefused reports whether a status means that bundles as such cannot be had.
func bundlesRefused(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return true
	}
	return false
}

// concernsInstance reports whether an error concerns the instance and not one record of it.
func concernsInstance(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, rest.ErrBreakerOpen) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	refused, ok := errors.AsType[*rest.Error](err)
	return ok && (refused.Unauthorised || refused.Forbidden)
}
