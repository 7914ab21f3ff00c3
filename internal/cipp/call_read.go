package cipp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/cipp/endpoint"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

const (
	queueTimeout  = 30 * time.Minute
	queueInterval = 10 * time.Second // CIPP's own pages poll every 3 s
	queueMisses   = 6                // polls that find no queue before it counts as gone
	queueAttempts = 3                // runs that may get lost; a deploy clears them all
)

// A QueueError says that an AllTenants answer did not come. What the tenants
// hold is unknown then; asking for one after the other is the way on.
type QueueError struct {
	Endpoint string
	Queue    string // CIPP's id of it; empty where it gave none
	Text     string
}

func (e *QueueError) Error() string {
	s := "cipp: " + e.Endpoint + ": "
	if e.Queue != "" {
		s += "queue " + e.Queue + ": "
	}
	return s + e.Text + "; ask for one tenant after the other, or try again in an hour"
}

// readAny sends a read, follows its pages and queue, and separates data from what is not.
func (c *Client) readAny(ctx context.Context, e endpoint.Endpoint, k Call, w call) (*Reply, error) {
	progress := k.Progress
	if progress == nil {
		progress = func(Progress) {}
	}
	// CIPP follows pages by itself, in one call that Azure cuts off after 230 s.
	single := w.scoped && k.All && e.Takes("manualPagination")
	for _, own := range []string{"manualPagination", "NoPagination", "CountOnly", "nextLink"} {
		if _, ok := find(w.request.Query, own); ok {
			single = false
		}
	}
	if single {
		w.request.Query.Set("manualPagination", "true")
	}
	reply := &Reply{}
	for {
		o, err := c.readQueued(ctx, e, k, w, reply, progress)
		if err != nil {
			return nil, err
		}
		reply.Pages++
		if err := o.collectRows(reply, e, w); err != nil {
			return nil, err
		}
		if o.queued {
			reply.More = true
			return reply, nil
		}
		progress(Progress{Pages: reply.Pages, Rows: len(reply.Rows)})
		if o.next == "" {
			break
		}
		last, _ := find(w.request.Query, "nextLink")
		switch {
		case !k.All || !e.Takes("nextLink"):
			reply.More = true
			return reply, nil
		case slices.Contains(last, string(o.next)):
			return nil, fmt.Errorf("cipp: %s: a page names itself as the next one", e.Name)
		case reply.Pages >= maxPages:
			return nil, fmt.Errorf("cipp: %s: it has no last page", e.Name)
		}
		w.request.Query = maps.Clone(w.request.Query)
		w.request.Query.Set("manualPagination", "true")
		w.request.Query.Set("nextLink", string(o.next))
	}
	if k.AllTenants && k.All {
		reply.Missing = c.missingTenants(ctx, e, reply)
	}
	return reply, nil
}

// readOnce sends a read and decodes the answer.
func (c *Client) readOnce(ctx context.Context, e endpoint.Endpoint, w call) (*openedReply, error) {
	body, err := c.do(ctx, w)
	if err != nil {
		return nil, err
	}
	o, err := openReply(body, false)
	if err != nil {
		return nil, fmt.Errorf("cipp: %s: %w", e.Name, err)
	}
	if o.tenant != "" && w.scoped && w.filter.tenant.ID != "" && !w.filter.echoes(o.tenant) {
		return nil, fmt.Errorf("cipp: %s: %w: it speaks of %q", e.Name, errForeign, clip(string(o.tenant), 80))
	}
	// The sentence that stands in a row while a run is under way.
	if !o.queued && len(o.rows) > 0 && len(o.rows) <= 2 {
		if _, why := rowTenant(o.rows[0]); strings.HasPrefix(why, "Loading data") {
			o.queued = true
		}
	}
	return o, nil
}

// readQueued is readOnce, and once more after the queue has ended where CIPP queued the
// answer and the call follows queues.
func (c *Client) readQueued(ctx context.Context, e endpoint.Endpoint, k Call, w call, reply *Reply, progress func(Progress)) (*openedReply, error) {
	patience := k.QueueTimeout
	if patience <= 0 {
		patience = queueTimeout
	}
	limit := time.Now().Add(patience)
	o, err := c.readOnce(ctx, e, w)
	for run := 1; err == nil && o.queued && k.All; run++ {
		if o.queue == "" {
			// There is no queue to poll: ask again, and not often, because some endpoints
			// start another run with every call.
			if time.Now().After(limit) {
				return nil, &QueueError{e.Name, "", fmt.Sprintf("no data after %s", patience)}
			}
			if err := rest.Sleep(ctx, 3*queueInterval); err != nil {
				return nil, fmt.Errorf("cipp: %s: %w", e.Name, err)
			}
			o, err = c.readOnce(ctx, e, w)
			continue
		}
		id := string(o.queue)
		ended, waitErr := c.awaitQueue(ctx, e, id, limit, patience, func(p Progress) {
			p.Pages, p.Rows = reply.Pages, len(reply.Rows)
			progress(p)
		})
		if waitErr != nil {
			return nil, waitErr
		}
		again := w
		if e.Name == "ListGraphRequest" {
			// Only the rows of that run, not of one before it. ListLicensesReport
			// takes the parameter too and begins another run then: it does not store
			// the queue with its rows.
			again.request.Query = maps.Clone(w.request.Query)
			again.request.Query.Set("QueueId", id)
		}
		if o, err = c.readOnce(ctx, e, again); err != nil || !o.queued {
			return o, err
		}
		if ended && string(o.queue) == id {
			// Its rows are older than an hour, and CIPP begins no other run while it
			// remembers this one.
			return nil, &QueueError{e.Name, id, "it ended, and CIPP still puts the answer off"}
		}
		if run == queueAttempts {
			return nil, &QueueError{e.Name, id, "runs get lost before they end"}
		}
	}
	return o, err
}

// A queueRow is one row of ListCippQueue.
type queueRow struct {
	row
	Status    text   `json:"Status"`
	Total     number `json:"TotalTasks"`
	Completed number `json:"CompletedTasks"`
	Failed    number `json:"FailedTasks"`
}

// awaitQueue polls a queue until it has ended. It returns false where the queue was
// lost: the instance was restarted, which clears its queues.
func (c *Client) awaitQueue(ctx context.Context, e endpoint.Endpoint, id string, limit time.Time, patience time.Duration, progress func(Progress)) (bool, error) {
	for lost := 0; lost < queueMisses; {
		if err := rest.Sleep(ctx, queueInterval+rand.N(queueInterval/2)); err != nil {
			return false, fmt.Errorf("cipp: %s: waiting for queue %s: %w", e.Name, id, err)
		}
		look := global("ListCippQueue")
		look.request.Query = url.Values{"QueueId": {id}}
		a, err := c.ask(ctx, look)
		var rows []queueRow
		if err == nil {
			rows, err = rowsOf[queueRow](a.rows)
		}
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, ErrUnusable) || errors.Is(err, ErrNoEndpoint)):
			return false, fmt.Errorf("waiting for queue %s of %s: %w", id, e.Name, err)
		case err == nil && len(rows) > 0:
			lost = 0
			q := rows[0]
			progress(Progress{Done: q.Completed.n, Failed: q.Failed.n, Total: q.Total.n})
			switch status := strings.ToLower(q.Status.trimmed()); {
			case status == "failed":
				return false, &QueueError{e.Name, id, "it failed for every tenant"}
			case strings.HasPrefix(status, "completed"):
				return true, nil
			}
		default:
			lost++
		}
		if time.Now().After(limit) {
			return false, &QueueError{e.Name, id, fmt.Sprintf("it has not ended after %s", patience)}
		}
	}
	return false, nil
}

// collectRows adds the rows that are data to a reply. An answer about one tenant is all
// data or an error; in one about many tenants, each may fail by itself.
func (o *openedReply) collectRows(reply *Reply, e endpoint.Endpoint, w call) error {
	fail := func(words string) error {
		c := classOf(words)
		if c == fine {
			c = upstream
		}
		return errorOf(c, e.Name, w.filter.value, 200, clip(words, 300))
	}
	if failed := o.addMessages(reply, e, secret.Redactor{}); len(failed) > 0 {
		return fail(strings.Join(failed, "; "))
	}
	if o.queued {
		return nil
	}
	if o.bareSentence {
		if s := unquoted(o.rows[0]); strings.Contains(strings.TrimSpace(s), " ") {
			return fail(s)
		}
	}
	bulk := e.Name == "ListGraphBulkRequest"
	for i, raw := range o.rows {
		tenant, why := rowTenant(raw)
		if bulk && why == "" {
			tenant, why = bulkFailure(raw)
		}
		switch {
		case why == "":
			if w.scoped && e.Name == "ListGraphRequest" && w.filter.tenant.ID != "" && !w.filter.echoes(text(tenant)) {
				return fmt.Errorf("cipp: %s: %w: row %d speaks of %q", e.Name, errForeign, i+1, clip(tenant, 80))
			}
			if e.RepeatsSecrets() {
				raw = RedactRow(raw)
			}
			reply.Rows = append(reply.Rows, raw)
		case isEmptyCollection(why):
		case w.scoped && !bulk:
			return fmt.Errorf("row %d is not data: %w", i+1, fail(why))
		default:
			reply.Troubles = append(reply.Troubles, Trouble{tenant, why})
		}
	}
	if len(reply.Rows) == 0 && len(reply.Troubles) > 0 {
		return fail(reply.Troubles[0].Text)
	}
	return nil
}

// bulkFailure returns why a response within a bulk answer holds no data.
func bulkFailure(raw jsontext.Value) (id, why string) {
	var p struct {
		ID     text           `json:"id"`
		Status number         `json:"status"`
		Body   jsontext.Value `json:"body"`
	}
	if raw.Kind() != '{' || json.Unmarshal(raw, &p, tolerant) != nil || !p.Status.set || p.Status.n < 300 {
		return "", ""
	}
	words := errorWords(p.Body)
	if words == "" {
		words = "no reason given"
	}
	return string(p.ID), strconv.Itoa(p.Status.n) + ": " + words
}

// missingTenants are the tenants that CIPP lists and that no row and no trouble
// of a reply names: all of them where there is no row at all, unless the rows
// are of a table of CIPP's own, which may well be empty. nil where the rows do
// not say whose they are.
func (c *Client) missingTenants(ctx context.Context, e endpoint.Endpoint, reply *Reply) []string {
	mentioned := map[string]bool{}
	for _, raw := range reply.Rows {
		if tenant, _ := rowTenant(raw); tenant != "" {
			mentioned[strings.ToLower(tenant)] = true
		}
	}
	if len(mentioned) == 0 && (len(reply.Rows) > 0 || !e.NeedsTenant()) {
		return nil
	}
	for _, t := range reply.Troubles {
		mentioned[strings.ToLower(t.Tenant)] = true
	}
	list, err := c.Tenants(ctx)
	if err != nil {
		return nil
	}
	tenants, err := list.Items()
	if err != nil {
		return nil
	}
	var missing []string
	for _, t := range tenants {
		if !mentioned[strings.ToLower(t.DefaultDomain)] && !mentioned[strings.ToLower(t.InitialDomain)] && !mentioned[strings.ToLower(string(t.ID))] {
			missing = append(missing, t.DefaultDomain)
		}
	}
	slices.Sort(missing)
	return missing
}
