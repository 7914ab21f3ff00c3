package pages

import (
	"slices"

	"syncd/internal/plan"
)

// A why is a reason why plans wait, by which they are told apart.
type why struct {
	name  string // in an address
	text  string // of the box
	tone  string
	codes []string // of violations
	open  bool     // whether a plan that waits for this is shown with its lines
}

// reasons are the reasons why plans wait, what carries a decision first. A code that stands
// nowhere is something to settle.
var reasons = []why{
	{"edit", "somebody edited it", "trouble", []string{"changed_at_target", "removed_at_target", "another_at_target"}, true},
	{"unexplained", "decrease nobody can explain", "attention", []string{"decrease_unexplained"}, true},
	{"money", "more money than the limit", "attention", []string{"money_increase", "money_decrease", "money_unknown", "run_limit"}, true},
	{"periods", "more than one invoice", "attention", []string{plan.CodeOutstanding, plan.CodeClosed, plan.CodeMayBeClosed, plan.CodeInvoiced, "period_reopened"}, true},
	{"many", "many changes at once", "attention", []string{"creates", "updates", "deletes", "source_shrink"}, true},
	{"revert", "way back", "attention", []string{"revert", "reverted"}, true},
	{"restored", "after a restore", "attention", []string{"restored"}, true},
	{"settle", "to be settled", "attention", nil, true},
	{"settings", "rules or links changed", "plain", []string{"settings_changed"}, true},
	{"first", "first plan", "plain", []string{"first_plan"}, false},
	{"approval", "waits for a word", "", []string{"approval", "rejected", plan.CodeHalves}, false},
}

// toSettle is the reason of every code that stands nowhere else.
var toSettle = slices.IndexFunc(reasons, func(r why) bool { return r.name == "settle" })

// whys are the reasons why a plan waits, each once.
func whys(vs []plan.Violation) []why {
	found := make([]bool, len(reasons))
	for i := range vs {
		if vs[i].Note {
			continue
		}
		at := slices.IndexFunc(reasons, func(r why) bool { return slices.Contains(r.codes, vs[i].Code) })
		if at < 0 {
			at = toSettle
		}
		found[at] = true
	}
	var out []why
	for i, r := range reasons {
		if found[i] {
			out = append(out, r)
		}
	}
	return out
}

// reasonNames are the reasons in an address.
func reasonNames() []string {
	names := make([]string, len(reasons))
	for i := range reasons {
		names[i] = reasons[i].name
	}
	return names
}
