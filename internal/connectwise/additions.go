package connectwise

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"syncd/internal/plan"
)

// An addition is a line of an agreement.
type addition struct {
	ID           int       `json:"id"`
	AgreementID  int       `json:"agreementId"`
	Product      reference `json:"product"`
	Quantity     number    `json:"quantity"`
	LessIncluded number    `json:"lessIncluded"`
	UnitPrice    number    `json:"unitPrice"`
	UnitCost     number    `json:"unitCost"`
	Bill         string    `json:"billCustomer"`
	Effective    day       `json:"effectiveDate"` // first billed day
	Cancelled    day       `json:"cancelledDate"` // last billed day
	Info         struct {
		LastUpdated string `json:"lastUpdated"`
		UpdatedBy   string `json:"updatedBy"`
	} `json:"_info"`
}

// edited is who changed the line last and when. A time that cannot be read is
// left out: it is for people, and decides nothing.
func (a *addition) edited() plan.Edit {
	at, _ := time.Parse(time.RFC3339, a.Info.LastUpdated)
	return plan.Edit{By: a.Info.UpdatedBy, At: at}
}

// billable is how ConnectWise calls a line that is charged for.
const billable = "Billable"

// ref names a line for ever.
func ref(agreement, addition int) string {
	return strconv.Itoa(agreement) + "/" + strconv.Itoa(addition)
}

func parseRef(text string) (agreement, addition int, err error) {
	a, b, ok := strings.Cut(text, "/")
	agreement, err1 := strconv.Atoi(a)
	addition, err2 := strconv.Atoi(b)
	if !ok || err1 != nil || err2 != nil || agreement <= 0 || addition <= 0 {
		return 0, 0, fmt.Errorf("%q does not name a line (agreement/addition)", text)
	}
	return agreement, addition, nil
}

// additionsOf reads all lines of one agreement, in any state; product 0 means all products.
// GET /finance/agreements/{id}/additions.
//
// They are not filtered by date: cancelledDate=null would miss lines that end
// in the future and bill until then.
func (c *Client) additionsOf(ctx context.Context, agreement, product int) ([]addition, error) {
	var where condition
	if product != 0 {
		where = isInt(fieldProductID, product)
	}
	rows, err := list[addition](ctx, c, request{at: epAdditions, ids: []int{agreement}}, where)
	if err != nil {
		return nil, fmt.Errorf("reading the additions of agreement %d: %w", agreement, err)
	}
	if i := rowOfOther(rows, agreement); i >= 0 {
		return nil, fmt.Errorf("connectwise: the additions of agreement %d came with one of agreement %d among them", agreement, rows[i].AgreementID)
	}
	return rows, nil
}

// rowOfOther returns the index of a row that belongs to another agreement, or -1.
func rowOfOther(rows []addition, agreement int) int {
	for i := range rows {
		if rows[i].AgreementID != 0 && rows[i].AgreementID != agreement {
			return i
		}
	}
	return -1
}

// addition reads one line.
// GET /finance/agreements/{id}/additions/{id}.
func (c *Client) addition(ctx context.Context, agreement, id int) (*addition, error) {
	a, err := one[addition](ctx, c, request{at: epAddition, ids: []int{agreement, id}})
	if err == nil && a.ID != id {
		err = fmt.Errorf("connectwise: asked for addition %d of agreement %d, got %d", id, agreement, a.ID)
	}
	return a, err
}

// errUnconfirmed says that a write was answered, and that the answer does not
// show what was written.
var errUnconfirmed = errors.New("the answer does not show what was written")

// An operation is one step of a PATCH. One is sent at a time: whether several
// are all or nothing is not documented.
//
// The path is bare and its case matters; a nested one, such as product/id, may
// be answered with 200 and change nothing.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// patchAddition changes one field of a line. The answer is not looked at: it
// may repeat what was sent and keep what was there.
// PATCH /finance/agreements/{id}/additions/{id}. It is sent once: an answer
// that is lost gives rest.ErrOutcomeUnknown.
func (c *Client) patchAddition(ctx context.Context, agreement, id int, op operation, gate func(context.Context) error) error {
	resp, err := c.do(ctx, request{method: http.MethodPatch, at: epAddition, ids: []int{agreement, id}, body: []operation{op}, gate: gate})
	if err != nil {
		return err
	}
	c.log.Info().Int("agreement", agreement).Int("addition", id).Str("field", op.Path).Interface("value", op.Value).
		Str("request_id", resp.Header.Get("x-cw-request-id")).Msg("addition written")
	return nil
}

// A newAddition is a line to be made: only members that the schema lists, and
// no nulls, since an unknown one is refused.
type newAddition struct {
	Product struct {
		ID int `json:"id"`
	} `json:"product"`
	Bill      string `json:"billCustomer"`
	Quantity  int64  `json:"quantity"`
	Effective string `json:"effectiveDate"`
}

// addAddition makes a line. POST /finance/agreements/{id}/additions; never
// repeated.
func (c *Client) addAddition(ctx context.Context, agreement int, n newAddition, gate func(context.Context) error) (*addition, error) {
	r := request{method: http.MethodPost, at: epAdditions, ids: []int{agreement}, body: n, gate: gate}
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	c.log.Info().Int("agreement", agreement).Int("product", n.Product.ID).Int64("quantity", n.Quantity).
		Str("request_id", resp.Header.Get("x-cw-request-id")).Msg("addition made")
	a, err := decode[*addition](r, resp)
	if err != nil || a == nil || a.ID == 0 {
		return nil, errUnconfirmed
	}
	return a, nil
}
