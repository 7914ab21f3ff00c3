// Package deploy_test holds the rules and dashboards to what syncd exports.
package deploy_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// A metric is a line of the table in docs/metrics.md, which a test of cmd/syncd holds to
// what the program exports.
type metric struct {
	labels []string
	kind   string
}

var metricRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|([^|]*)\\| ([a-z]+) \\| ")

// attached are the labels that Prometheus adds to every series, or takes from it: without
// honor_labels a label job of ours arrives under another name.
var attached = []string{labels.MetricName, "instance", "job", "exported_job"}

// exported are the metrics of syncd, as series are called.
func exported(t *testing.T) map[string]metric {
	t.Helper()
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]metric{}
	for _, m := range metricRow.FindAllStringSubmatch(string(page), -1) {
		x := metric{slices.DeleteFunc(strings.Split(strings.NewReplacer("`", "", " ", "").Replace(m[2]), ","), func(s string) bool { return s == "" }), m[3]}
		if x.kind != "histogram" {
			all[m[1]] = x
			continue
		}
		all[m[1]+"_sum"], all[m[1]+"_count"] = x, x
		all[m[1]+"_bucket"] = metric{append(x.labels, "le"), x.kind}
	}
	if len(all) < 30 {
		t.Fatalf("got %d metrics of docs/metrics.md, want all of them", len(all))
	}
	return all
}

// wrong says what is wrong with an expression: it does not parse, names a metric that syncd
// does not export, or a label that the metric does not have.
func wrong(expr string, known map[string]metric) (problems []string, used []string) {
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return []string{err.Error()}, nil
	}
	has := slices.Clone(attached)
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		v, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		m, ok := known[v.Name]
		if !ok {
			problems = append(problems, "no such metric: "+v.Name)
			return nil
		}
		used = append(used, v.Name)
		has = append(has, m.labels...)
		for _, matcher := range v.LabelMatchers {
			if !slices.Contains(attached, matcher.Name) && !slices.Contains(m.labels, matcher.Name) {
				problems = append(problems, v.Name+" has no label "+matcher.Name)
			}
		}
		return nil
	})
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		var named []string
		switch x := node.(type) {
		case *parser.AggregateExpr:
			named = x.Grouping
		case *parser.BinaryExpr:
			if x.VectorMatching != nil {
				named = append(slices.Clone(x.VectorMatching.MatchingLabels), x.VectorMatching.Include...)
			}
		}
		for _, l := range named {
			if !slices.Contains(has, l) {
				problems = append(problems, "no metric of it has a label "+l)
			}
		}
		return nil
	})
	return problems, used
}

func TestAnExpressionThatNothingAnswersIsWrong(t *testing.T) {
	known := map[string]metric{"syncd_holds": {[]string{"target"}, "gauge"}}
	for expr, want := range map[string]string{
		`syncd_holds > 0`:                          "",
		`sum by (target) (syncd_holds)`:            "",
		`syncd_hold > 0`:                           "no such metric: syncd_hold",
		`syncd_holds{tenant="x"}`:                  "syncd_holds has no label tenant",
		`sum by (tenant) (syncd_holds)`:            "no metric of it has a label tenant",
		`syncd_holds > on (x) syncd_holds`:         "no metric of it has a label x",
		`syncd_holds >`:                            "unexpected end of input",
		`histogram_quantile(0.9, syncd_holds) + 1`: "",
	} {
		problems, _ := wrong(expr, known)
		if got := strings.Join(problems, "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", expr, got, want)
		}
	}
}
