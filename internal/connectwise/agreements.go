package connectwise

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/rest"
)

// An agreement is what deciding on its lines needs of one.
type agreement struct {
	ID           int        `json:"id"`
	Name         string     `json:"name"`
	Type         reference  `json:"type"`
	Company      reference  `json:"company"`
	Parent       *reference `json:"parentAgreement"`
	Start        day        `json:"startDate"`
	End          day        `json:"endDate"`
	NoEnd        bool       `json:"noEndingDateFlag"`
	Cancelled    bool       `json:"cancelledFlag"`
	OneTime      bool       `json:"oneTimeFlag"`
	BillOneTime  bool       `json:"billOneTimeFlag"`
	BillingCycle shownCycle `json:"billingCycle"`
	Status       string     `json:"agreementStatus"` // Active, Cancelled, Expired, Inactive; empty where absent
	NextInvoice  looseDay   `json:"nextInvoiceDate"`
	Currency     *currency  `json:"currency"`
	Prorate      *bool      `json:"prorateFlag"`
	AtOnce       bool       `json:"invoiceProratedAdditionsFlag"`
	PeriodType   string     `json:"periodType"`

	cycle cycle // BillingCycle, resolved
	next  day   // the first day not yet invoiced: NextInvoice, or the parent's; see resolveParents
}

// A shownCycle is the reference to a billing cycle as an agreement shows it: none is not
// the same as a member that is left out.
type shownCycle struct {
	reference
	shown bool
}

// UnmarshalJSONFrom reads a reference or null.
func (s *shownCycle) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	s.shown = true
	raw, err := dec.ReadValue()
	if err != nil || raw.Kind() == 'n' {
		return err
	}
	return json.Unmarshal(raw, &s.reference)
}

// unclear are settings that matter to the bill and that the vendor does not explain.
func (a *agreement) unclear() []string {
	var texts []string
	if a.Parent != nil && a.next == 0 {
		texts = append(texts, fmt.Sprintf("it is billed on the invoice of agreement %d (%s), which was not read", a.Parent.ID, a.Parent.Name))
	}
	if a.cycle == unsetCycle {
		texts = append(texts, "it has no billing cycle (billingCycle is empty), so for how long a price counts is not known either")
	}
	if a.cycle == monthly && !a.BillingCycle.shown {
		texts = append(texts, "its billing cycle is not shown (billingCycle is left out) and taken for a month")
	}
	if a.AtOnce && a.Prorate != nil && *a.Prorate {
		texts = append(texts, "whether a prorated line is billed at once (invoiceProratedAdditionsFlag) is not documented")
	}
	if t := strings.TrimSpace(a.PeriodType); t != "" && !strings.EqualFold(t, "Undefined") {
		texts = append(texts, fmt.Sprintf("whether it bills in advance or in arrears (periodType %s) is not documented", rest.Excerpt(t)))
	}
	return texts
}

// resolveParents finds the first day that is not yet invoiced. A child is billed on its
// parent's invoice, and its own date may be old: it is not known unless the parent is
// among the agreements or the parents that were read.
func resolveParents(agreements, parents []agreement) {
	own := make(map[int]day, len(agreements)+len(parents))
	for _, rows := range [][]agreement{agreements, parents} {
		for i := range rows {
			if a := &rows[i]; a.Parent == nil {
				own[a.ID] = a.NextInvoice.day
			}
		}
	}
	for i := range agreements {
		a := &agreements[i]
		if a.next = a.NextInvoice.day; a.Parent != nil {
			a.next = own[a.Parent.ID]
		}
	}
}

// A currency is what an agreement's prices are in.
type currency struct {
	Code       string `json:"currencyCode"`
	Identifier string `json:"currencyIdentifier"`
}

// code is the agreement's currency as three capital letters; empty where
// ConnectWise does not tell, as releases with one currency do not.
func (c *currency) code() string {
	if c == nil {
		return ""
	}
	for _, text := range []string{c.Code, c.Identifier} {
		if text = strings.ToUpper(strings.TrimSpace(text)); len(text) == 3 {
			return text
		}
	}
	return ""
}

// A cycle is how often an agreement bills, in the vendor's own words
// (billingOptions).
type cycle string

// The billing options.
const (
	weekly       cycle = "Weekly"
	biWeekly     cycle = "BiWeekly"
	monthly      cycle = "Monthly"
	biMonthly    cycle = "BiMonthly"
	quarterly    cycle = "Quarterly"
	semiAnnual   cycle = "SemiAnnual"
	yearly       cycle = "Yearly"
	notRecurring cycle = "NotRecurring"
	unsetCycle   cycle = "" // the agreement shows that it has none
)

// months is how many months a cycle has; empty where it bills nothing regularly.
func (c cycle) months() plan.Cycle {
	switch c {
	case weekly:
		return "12/52"
	case biWeekly:
		return "12/26"
	case monthly:
		return plan.Monthly
	case biMonthly:
		return "2"
	case quarterly:
		return "3"
	case semiAnnual:
		return "6"
	case yearly:
		return "12"
	}
	return ""
}

// periodEnd is the last day of the billing period that today lies in; next is the
// first day that is not yet invoiced, 0 where nobody knows it.
func periodEnd(next day, cycle plan.Cycle, today day) day {
	var from time.Time
	if next != 0 {
		from = next.time()
	}
	return dayOf(money.PeriodEnd(from, cycle, today.time()))
}

// knownCycles are the names of cycles as instances are delivered, without case,
// spaces and hyphens. An MSP may rename them; other names are looked up.
var knownCycles = map[string]cycle{
	"weekly": weekly, "biweekly": biWeekly, "monthly": monthly, "bimonthly": biMonthly, "quarterly": quarterly,
	"semiannual": semiAnnual, "semiannually": semiAnnual, "yearly": yearly, "annual": yearly, "annually": yearly,
	"notrecurring": notRecurring, "none": notRecurring, "onetime": notRecurring,
}

var cycleSpelling = strings.NewReplacer(" ", "", "-", "", "_", "")

func knownCycle(name string) (cycle, bool) {
	known, ok := knownCycles[cycleSpelling.Replace(strings.ToLower(name))]
	return known, ok
}

type billingCycle struct {
	ID     int    `json:"id"`
	Name   string `json:"name"`
	Option string `json:"billingOptions"`
}

// agreements reads all agreements of some companies, and some by their own id.
// The ended ones are among them: to say why none fits one must have seen them.
// GET /finance/agreements; one call where the ids fit into one URL.
func (c *Client) agreements(ctx context.Context, companies, ids []int) ([]agreement, error) {
	var conditions []condition
	var both condition
	if len(companies) > 0 {
		both = inInts(fieldCompanyID, companies)
	}
	if len(ids) > 0 {
		both = both.or(inInts(fieldID, ids))
	}
	if both.fits() {
		conditions = append(conditions, both)
	} else {
		for _, where := range chunks(companies, func(ids []int) condition { return inInts(fieldCompanyID, ids) }) {
			conditions = append(conditions, where)
		}
		for _, where := range chunks(ids, func(ids []int) condition { return inInts(fieldID, ids) }) {
			conditions = append(conditions, where)
		}
	}
	var out []agreement
	seen := map[int]bool{}
	for _, where := range conditions {
		if where.text == "" {
			continue // nobody was asked for: that is none, not all
		}
		rows, err := list[agreement](ctx, c, request{at: epAgreements}, where)
		if err != nil {
			return nil, fmt.Errorf("reading agreements: %w", err)
		}
		for _, row := range rows {
			if !seen[row.ID] {
				seen[row.ID] = true
				out = append(out, row)
			}
		}
	}
	parents, err := c.parentsOf(ctx, out)
	if err != nil {
		return nil, err
	}
	resolveParents(out, parents)
	return out, c.resolveCycles(ctx, out)
}

// parentsOf reads the parents of children that are not among the agreements: a child is
// billed on its parent's invoice. No call where there are none.
func (c *Client) parentsOf(ctx context.Context, agreements []agreement) ([]agreement, error) {
	read := map[int]bool{}
	for i := range agreements {
		read[agreements[i].ID] = true
	}
	var missing []int
	for i := range agreements {
		if p := agreements[i].Parent; p != nil && p.ID != 0 && !read[p.ID] {
			missing = append(missing, p.ID)
		}
	}
	var out []agreement
	for _, where := range chunks(distinct(missing), func(ids []int) condition { return inInts(fieldID, ids) }) {
		rows, err := list[agreement](ctx, c, request{at: epAgreements}, where)
		if err != nil {
			return nil, fmt.Errorf("reading the parents of agreements: %w", err)
		}
		out = append(out, rows...)
	}
	return out, nil
}

// resolveCycles finds out what the names of billing cycles mean. An agreement
// that leaves its cycle out is taken for a monthly one, as ConnectWise's default is, and
// every effect of a change under it says so: what does not recur says so in oneTimeFlag or
// in its cycle, and of longer cycles a month's price is the most. Of one that shows none
// nothing is known.
func (c *Client) resolveCycles(ctx context.Context, agreements []agreement) error {
	for i := range agreements {
		a := &agreements[i]
		if a.BillingCycle.ID == 0 && a.BillingCycle.Name == "" {
			if a.cycle = unsetCycle; !a.BillingCycle.shown {
				a.cycle = monthly
			}
			continue
		}
		if known, ok := knownCycle(a.BillingCycle.Name); ok {
			a.cycle = known
			continue
		}
		options, err := c.billingCycles(ctx)
		if err != nil {
			return err
		}
		a.cycle = options[a.BillingCycle.ID]
	}
	return nil
}

// billingCycles returns the billing option of each cycle, by its id, read once.
// GET /finance/billingCycles.
func (c *Client) billingCycles(ctx context.Context) (map[int]cycle, error) {
	c.cycleMu.Lock()
	defer c.cycleMu.Unlock()
	if c.cycles != nil {
		return c.cycles, nil
	}
	rows, err := list[billingCycle](ctx, c, request{at: epBillingCycles}, condition{})
	if err != nil {
		return nil, fmt.Errorf("reading the billing cycles: %w", err)
	}
	options := make(map[int]cycle, len(rows))
	for _, row := range rows {
		options[row.ID] = cycle(row.Option)
	}
	c.cycles = options
	return options, nil
}

// An Agreement is what a person needs to see of one to name it.
type Agreement struct {
	ID      int
	Name    string
	Type    string
	Status  string // as shown, derived from the dates where ConnectWise gives none
	Child   bool   // billed on its parent's invoice
	Company int
	// Why says why it is not chosen by itself; empty where nothing speaks against it.
	Why string
}

// Agreements lists the agreements of a company, the ended ones included.
func (c *Client) Agreements(ctx context.Context, company int) ([]Agreement, error) {
	rows, err := inventoryOf(ctx, c, company)
	if err != nil {
		return nil, err
	}
	out := make([]Agreement, 0, len(rows))
	for i := range rows {
		a := &rows[i]
		out = append(out, Agreement{ID: a.ID, Name: a.Name, Type: a.Type.Name, Status: a.status(c.today()), Child: a.Parent != nil,
			Company: a.Company.ID, Why: a.unfit(c.today(), c.config.AgreementTypes)})
	}
	slices.SortFunc(out, func(a, b Agreement) int { return a.ID - b.ID })
	return out, nil
}

func inventoryOf(ctx context.Context, c *Client, company int) ([]agreement, error) {
	rows, err := listCounted[agreement](ctx, c, request{at: epAgreements}, request{at: epAgreementCount}, isInt(fieldCompanyID, company))
	if err != nil {
		return nil, fmt.Errorf("listing the agreements of company %d: %w", company, err)
	}
	return rows, c.resolveCycles(ctx, rows)
}

// agreementTypes returns the names of the agreement types of the instance.
// GET /finance/agreements/types.
func (c *Client) agreementTypes(ctx context.Context) ([]string, error) {
	rows, err := list[reference](ctx, c, request{at: epAgreementTypes}, condition{})
	if err != nil {
		return nil, fmt.Errorf("listing the agreement types: %w", err)
	}
	names := make([]string, 0, len(rows))
	for _, row := range rows {
		names = append(names, row.Name)
	}
	return names, nil
}
