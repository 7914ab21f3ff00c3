package plan

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
)

// Digest names the plan by its scope and its changes only, money included:
// no times and no run ids, so that the same plan has the same digest tomorrow.
// What an approval must not cover unseen is part of it: that several outstanding periods
// would bill a change, that it may be billed in a closed month, that an invoice was
// deleted, and that its money is in another currency than the configured one. For which days a change counts
// otherwise is not.
// It is twelve hex digits, or empty for an empty plan. That of a part is that of the whole.
func (p *Plan) Digest() string {
	if p.Empty() {
		return ""
	}
	if p.Whole != nil {
		return p.With(p.Changes).Digest()
	}
	h := sha256.New()
	w := bufio.NewWriter(h)
	writeTexts(w, p.Scope.Customer, p.Scope.Target)
	for i := range p.Changes {
		c := &p.Changes[i]
		reason := c.Reason.Row()
		if reason == AttemptVanished {
			reason = NewAtSource // the same step, tried again under the same approval
		}
		writeTexts(w, string(c.Action), c.Key.Kind, c.Key.ID, c.Ref, string(reason), c.MonthlyDelta.StringFixed(4))
		if c.Currency != "" && c.Currency != p.In {
			writeTexts(w, "currency", c.Currency)
		}
		if c.Effect != nil && c.Effect.Periods > 1 {
			writeTexts(w, CodeOutstanding, strconv.Itoa(c.Effect.Periods))
		}
		if c.Effect != nil && c.Effect.Closed != "" {
			writeTexts(w, CodeMayBeClosed, c.Effect.Closed)
		}
		for _, f := range c.Fields {
			writeTexts(w, f.Name)
			writeTexts(w, f.Before...)
			writeTexts(w, f.After...)
		}
	}
	for _, key := range p.reopened {
		writeTexts(w, CodeReopened, key)
	}
	w.Flush()
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// writeTexts writes a list of texts unambiguously: their number, then each with its length.
func writeTexts(w io.Writer, texts ...string) {
	fmt.Fprintf(w, "%d:", len(texts))
	for _, t := range texts {
		fmt.Fprintf(w, "%d:%s", len(t), t)
	}
}
