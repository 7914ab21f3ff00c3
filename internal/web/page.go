package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// How much the page shows at most: it has the same size for ten customers and for a
// thousand. Commands show everything.
const (
	maxHolds   = 25
	maxLines   = 8 // of one hold
	maxTrouble = 50
	maxOthers  = 50
	maxRuns    = 10
	maxCell    = 300 // characters of one cell
)

// view is what the status page shows.
type view struct {
	Version  string
	Practice bool
	Now      time.Time
	Ready    error
	Failing  []state.Failure // jobs whose last run failed as a whole
	Waits    []Pause
	Jobs     []Job
	Totals   []total
	Holds    []heldPlan
	Held     int // of them in all
	Trouble  []scope
	Troubled int     // of them in all
	Others   []scope // neither held nor in trouble
	Rest     int     // of them in all
	Runs     []state.Run
}

// A heldPlan is a hold with its plan as lines.
type heldPlan struct {
	state.Hold
	Standing string
	PutOff   string // until when nothing is written, as the last run says
	Money    string
	Currency string
	Lines    []line
	More     int // lines that are not shown
	absMoney decimal.Decimal
}

type line struct {
	Action, Label, What, Reason, Money string
}

type total struct {
	Standing string
	N        int
}

// scope is one that is not in step.
type scope struct {
	state.Cursor
	Standing string
	PutOff   string // why nothing is written yet, where it is put off
}

func (s *server) status(w http.ResponseWriter, r *http.Request) {
	v, err := s.view(r.Context())
	if r.Context().Err() != nil {
		return // the client hung up
	}
	if err != nil {
		s.Log.Error().Err(err).Msg("status page not shown")
		http.Error(w, "the state could not be read: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := s.page.Execute(visible.Writer(w), v); err != nil {
		s.Log.Debug().Err(err).Msg("status page cut off")
	}
}

func (s *server) view(ctx context.Context) (*view, error) {
	v := &view{Version: s.Version, Practice: s.Practice, Now: s.Now(), Ready: s.Ready(), Jobs: s.Jobs(), Waits: s.pauses()}
	var err error
	if v.Failing, err = s.failing(ctx); err != nil {
		return nil, err
	}
	standings := map[plan.Scope]string{}
	for h, err := range s.Store.Holds(ctx) {
		if err != nil {
			return nil, err
		}
		standings[h.Scope] = h.Standing()
		v.Held++
		v.Holds = firstN(append(v.Holds, newHeldPlan(h)), maxHolds, func(a, b heldPlan) int {
			return cmp.Or(rank(a.Standing)-rank(b.Standing), b.absMoney.Cmp(a.absMoney), byName(a.Name, b.Name))
		})
	}
	counts, putOff := map[string]int{}, map[plan.Scope]string{}
	for c, err := range s.Store.Cursors(ctx) {
		if err != nil {
			return nil, err
		}
		standing := c.Standing(standings[c.Scope])
		counts[standing]++
		if until := plan.PutOff(c.Violations); until != "" {
			putOff[c.Scope] = until
		}
		switch standing {
		case state.StandsFailed, state.StandsPartlyDone, state.StandsNotRead:
			v.Troubled++
			v.Trouble = firstN(append(v.Trouble, scope{Cursor: c, Standing: standing}), maxTrouble, byStanding)
		case state.StandsNeedsRepair, state.StandsNeedsApproval, state.StandsRejected, state.StandsApproved: // shown with what is held
		default:
			v.Rest++
			v.Others = firstN(append(v.Others, newOther(c, standing)), maxOthers, byStanding)
		}
	}
	for _, standing := range state.Standings {
		if counts[standing] > 0 {
			v.Totals = append(v.Totals, total{standing, counts[standing]})
		}
	}
	for run, err := range s.Store.Runs(ctx) {
		if err != nil {
			return nil, err
		}
		if v.Runs = append(v.Runs, run); len(v.Runs) == maxRuns {
			break
		}
	}
	for i := range v.Holds {
		v.Holds[i].PutOff = putOff[v.Holds[i].Scope]
		v.Holds[i].unpack()
	}
	return v, nil
}

// firstN sorts items and keeps the first n, so that not all plans are in memory at once.
func firstN[T any](items []T, n int, order func(a, b T) int) []T {
	slices.SortStableFunc(items, order)
	return items[:min(n, len(items))]
}

// rank orders by how urgently a person must act.
func rank(standing string) int {
	if standing == state.StandsNeedsApproval { // only an approval is missing
		return -1
	}
	return slices.Index(state.Standings, standing)
}

func byStanding(a, b scope) int {
	return cmp.Or(rank(a.Standing)-rank(b.Standing), byName(a.Name, b.Name))
}

func byName(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }

// newOther is a scope that is neither held nor in trouble.
func newOther(c state.Cursor, standing string) scope {
	o := scope{Cursor: c, Standing: standing}
	for _, v := range c.Violations {
		if v.PutOff != "" {
			o.PutOff = v.Code + ": " + v.Message
			break
		}
	}
	return o
}

// newHeldPlan reads from a hold what it is ordered by. The money stands before the changes
// in the plan's JSON, and nothing after it is read.
func newHeldPlan(h state.Hold) heldPlan {
	w := heldPlan{Hold: h, Standing: h.Standing()}
	in := jsontext.NewDecoder(bytes.NewReader(h.Plan))
	if start, err := in.ReadToken(); err != nil || start.Kind() != '{' {
		return w
	}
	for w.Money == "" || w.Currency == "" {
		name, err := in.ReadToken()
		if err != nil || name.Kind() != '"' {
			break
		}
		switch name.String() {
		case "monthly_delta", "currency":
			field := name.String()
			value, err := in.ReadToken()
			if err != nil || value.Kind() != '"' {
				return w
			}
			if field == "currency" {
				w.Currency = value.String()
			} else {
				w.Money = value.String()
			}
		default:
			if in.SkipValue() != nil {
				return w
			}
		}
	}
	delta, err := decimal.NewFromString(w.Money)
	if w.absMoney = delta.Abs(); err != nil || delta.IsZero() {
		w.Money = ""
	}
	return w
}

// unpack reads the plan of a hold, as plan --json wrote it, and keeps the lines with the
// most money.
func (w *heldPlan) unpack() {
	var scope struct {
		Changes []plan.Change `json:"changes"`
	}
	if json.Unmarshal(w.Plan, &scope) != nil {
		return // shown without its lines
	}
	slices.SortStableFunc(scope.Changes, func(a, b plan.Change) int { return b.MonthlyDelta.Abs().Cmp(a.MonthlyDelta.Abs()) })
	for i := range scope.Changes {
		c := &scope.Changes[i]
		if i == maxLines {
			w.More = len(scope.Changes) - i
			break
		}
		l := line{Action: string(c.Action), Label: c.Label, Reason: string(c.Reason)}
		if c.Explanation != nil {
			l.Reason += ": " + c.Explanation.Text()
		}
		if !c.MonthlyDelta.IsZero() {
			l.Money = c.MonthlyDelta.StringFixed(2)
		}
		var parts []string
		for _, f := range c.Fields {
			parts = append(parts, fmt.Sprintf("%s %s → %s", f.Name, cmp.Or(f.Before.String(), "–"), cmp.Or(f.After.String(), "–")))
		}
		l.What = strings.Join(parts, ", ")
		w.Lines = append(w.Lines, l)
	}
	w.Plan = nil
}

func (o Options) funcs() template.FuncMap {
	return template.FuncMap{
		"when": func(t time.Time) string {
			if t.IsZero() {
				return "never"
			}
			return t.In(o.Location).Format("2006-01-02 15:04")
		},
		"words": func(outcome string) string {
			if outcome == "skipped" { // which of them it was is not kept with the run
				return state.StandsUnchanged + " or " + state.StandsPutOff
			}
			return state.Standing(outcome, nil, nil)
		},
		"count":   state.Counted,
		"class":   func(standing string) string { return strings.ReplaceAll(standing, " ", "_") },
		"cut":     func(text string) string { return visible.Clip(text, maxCell) },
		"less":    func(all int, shown int) int { return all - shown },
		"failure": func(f state.Failure) string { return f.String(o.Location) },
	}
}
