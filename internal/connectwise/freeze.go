package connectwise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/money"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// codeFreeze is the note that nothing is written while invoices are made.
const codeFreeze = "freeze"

// frozen says why nothing is written to agreements of a type today, or nil.
func (c *Client) frozen(byHand []money.HandFreeze, agreementType string) *target.Later {
	until, why, frozen := money.Frozen(c.config.Freeze, byHand, agreementType, c.today().time())
	if !frozen {
		return nil
	}
	return &target.Later{Code: codeFreeze, Until: until.Format(time.DateOnly), Why: fmt.Sprintf("nobody writes to agreements of type %s until the end of %s: %s; the next run after that goes on",
		agreementType, until.Format("2 January 2006"), why)}
}

// gate asks right before each write whether a freeze began: at midnight, or because a
// person said so, since the plan was made, and whether anybody decided against the plan.
func (c *Client) gate(agreementType string) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := target.Gate(ctx); err != nil {
			return err
		}
		var byHand []money.HandFreeze
		if c.options.Freezes != nil {
			var err error
			if byHand, err = c.options.Freezes(ctx); err != nil {
				return fmt.Errorf("nothing was sent, since it cannot be told whether a freeze began: %w", err)
			}
		}
		if later := c.frozen(byHand, agreementType); later != nil {
			return later
		}
		return nil
	}
}

// halfDone is the error of a change of which something was sent before it was put off.
// The announcement stays, and the next run finds out what arrived.
func halfDone(err error) error {
	if later, ok := errors.AsType[*target.Later](err); ok {
		return fmt.Errorf("%w: a part of the change was sent before: %s", rest.ErrOutcomeUnknown, later.Why)
	}
	return err
}

// checkFreezes compares the types that are frozen with those there are: a freeze of a
// type that nobody has keeps nobody from writing.
func (c *Client) checkFreezes(there []string) []target.Finding {
	var out []target.Finding
	for _, f := range c.config.Freeze {
		for _, pattern := range f.AgreementTypes {
			finding := target.Finding{Name: "freeze of " + pattern, OK: true, Detail: "fits an agreement type"}
			if !fitsAny(pattern, there) {
				finding.OK, finding.Detail = false, "ConnectWise has no agreement type that fits, or the role hides it: nothing is frozen by it"
				finding.Remedy = "write one of these, or a pattern that fits one, under connectwise.freeze: " + strings.Join(there, ", ")
			}
			out = append(out, finding)
		}
	}
	return out
}

func fitsAny(pattern string, there []string) bool {
	return slices.ContainsFunc(there, func(name string) bool { return directory.MatchesAny([]string{pattern}, strings.TrimSpace(name)) })
}

// FrozenTypes says whether a pattern fits an agreement type, and which there are.
func (c *Client) FrozenTypes(ctx context.Context, pattern string) (fit bool, there []string, err error) {
	if there, err = c.agreementTypes(ctx); err != nil {
		return false, nil, err
	}
	return fitsAny(pattern, there), there, nil
}
