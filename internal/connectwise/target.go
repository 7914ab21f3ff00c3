package connectwise

import (
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// A Target is ConnectWise billing for one run, with the product rules of that
// moment. Its methods may be called from many goroutines.
type Target struct {
	client   *Client
	tables   money.Tables
	rulesets map[string]*ruleset // see rulesets
	settings string

	catalogueMu sync.Mutex
	catalogue   map[string]resolution // by product as the rules write it; nil until read

	mu         sync.Mutex
	filledFrom map[int]mapping.Customer // agreement → the customer that it is filled from
}

// A view is a customer as Observe saw it. It knows where a missing line would go,
// and what must not be touched while its licence is there.
type view struct {
	*Target
	*ruleset
	customer  string
	items     map[string]resolution // what the products are, see Target.resolved
	agreement *agreement            // nil where none could be looked at
	states    []productState        // of each product, as the ruleset has them; nil where none was looked at
	observed  target.Observed
	err       error // why the customer could not be looked at
}

// A productState is what of a finding decides what is wanted.
type productState struct {
	hasLine                    bool             // there is one that is kept in step
	unit                       *decimal.Decimal // what a unit on it costs a month; nil where there is none or nobody knows
	conflict, wanted, unwanted *plan.Violation
}

// Open returns the target for one run.
func (c *Client) Open(tables money.Tables) *Target {
	return &Target{
		client: c, tables: tables, rulesets: rulesets(tables.Rules), filledFrom: map[int]mapping.Customer{},
		settings: settingsDigest(tables.Rules.Rules, &c.config),
	}
}

// settingsDigest is about what decides for all customers; see own for the rest.
func settingsDigest(rules []mapping.Rule, c *Config) string {
	all := slices.DeleteFunc(slices.Clone(rules), func(r mapping.Rule) bool { return r.Customer != "" })
	types := slices.Clone(c.AgreementTypes)
	for i := range types {
		types[i] = strings.ToLower(strings.TrimSpace(types[i]))
	}
	slices.Sort(types)
	settings := []any{deciding(all), types, c.Gone, c.CreateAdditions}
	if c.Grace != money.GraceBill { // the default was there before there was a choice
		settings = append(settings, c.Grace)
	}
	return target.SettingsDigest(json.Marshal(settings))
}

// Spec says what the loop must know of the target.
func (t *Target) Spec() target.Spec {
	return target.Spec{
		Name: "connectwise",
		Kinds: []plan.Kind{{
			Name: kindAddition,
			// Money: a quantity that a person changed is not changed back unasked.
			Owner: plan.Hold,
			Delta: money.MonthlyDelta,
			Effect: func(before, after *plan.Object) *plan.Effect {
				return money.EffectOf(before, after, t.client.today().time())
			},
			Retire:    t.retire,
			Undo:      t.undo,
			MayCreate: t.client.config.CreateAdditions,
			Missing:   unbilled,
			Priced:    money.Priced,
		}},
		Needs:    directory.Licences,
		Also:     t.rulesets[""].also(t.client.options.Names),
		Own:      t.own(),
		Link:     mapping.ConnectWiseCompany,
		Parts:    true,
		Batch:    batch,
		Settings: t.settings,
		Claims:   t.tables.Claims,
	}
}

// retire is how a line is left whose licence is gone: never deleted, since the
// history of an agreement is what invoices are explained by.
func (t *Target) retire(before *plan.Object) *plan.Object {
	after := *before
	after.Retired = true
	if t.client.config.Gone == GoneCancel {
		b := billingOf(before)
		next, _ := parseDay([]byte(b.NextInvoice))
		last := periodEnd(next, b.Cycle, t.client.today())
		after.Fields = before.Fields.With(fieldCancelled, plan.Value{last.String()})
		rememberEnd(&after)
		return &after
	}
	after.Fields = before.Fields.With(fieldQuantity, plan.Value{"0"})
	return &after
}

// undo is how a line is left that a run made and a person takes back: it bills nothing
// and ends with the period, whatever becomes of a line whose licence is gone.
func (t *Target) undo(before *plan.Object) *plan.Object {
	after := *before
	after.Retired = true
	b := billingOf(before)
	next, _ := parseDay([]byte(b.NextInvoice))
	last := periodEnd(next, b.Cycle, t.client.today())
	after.Fields = before.Fields.With(fieldCancelled, plan.Value{last.String()}).With(fieldQuantity, plan.Value{"0"})
	rememberEnd(&after)
	return &after
}
