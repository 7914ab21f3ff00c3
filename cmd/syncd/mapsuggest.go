package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/report"
)

func suggestLinksCommand(a *cli) *cobra.Command {
	return &cobra.Command{Use: "suggest", Short: "Propose links, with scores and evidence; links nothing", Args: cobra.NoArgs,
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			suggestions, err := w.SuggestLinks(ctx)
			if err != nil {
				return err
			}
			return a.print(app.SuggestionList{Suggestions: app.Listed(suggestions)}, func(out io.Writer) error { return writeLinkSuggestions(a.page(out), suggestions) })
		})}
}

func writeLinkSuggestions(p *page, suggestions []mapping.Suggestion) error {
	s := report.Sheet{Columns: []report.Column{{Name: "Tenant"}, {Name: "Domain"}, {Name: "Link"}, {Name: "Id"}, {Name: "Name"}, {Name: "Score", Number: true}, {Name: "Evidence"}}}
	sure := 0
	suggestions = slices.Clone(suggestions)
	slices.SortStableFunc(suggestions, func(a, b mapping.Suggestion) int {
		return strings.Compare(strings.ToLower(a.TenantName), strings.ToLower(b.TenantName))
	})
	for _, x := range suggestions {
		if x.Acceptable(mapping.DefaultAccept) {
			sure++
		}
		for i, row := range candidates(x.Candidates, x.Ambiguous) {
			who, domain, system := x.Tenant.Name, x.Tenant.DefaultDomain, app.LinkNoun(x.Column)
			if i > 0 {
				who, domain, system = "", "", ""
			}
			s.Rows = append(s.Rows, append([]string{who, domain, system}, row...))
		}
	}
	if len(s.Rows) > 0 {
		if err := s.Table(p.w, p.width); err != nil {
			return err
		}
	}
	p.flow("", fmt.Sprintf("nothing is linked yet. syncd map accept links the %d that score %.2f or more; syncd map accept CUSTOMER links one; syncd map export FILE for the rest", sure, mapping.DefaultAccept))
	if p.err == nil {
		p.err = writeChoices(p.w, suggestions)
	}
	return p.err
}

// writeChoices writes, for each suggestion that a person must decide on, the
// commands from which to take one.
func writeChoices(out io.Writer, suggestions []mapping.Suggestion) error {
	var lines []string
	for _, x := range suggestions {
		if x.Acceptable(mapping.DefaultAccept) {
			continue
		}
		for i, c := range x.Candidates {
			if i > 0 && x.Ambiguous == "" {
				break
			}
			lines = append(lines, fmt.Sprintf("  syncd map accept %s %s %s   # %s", typed(x.TenantID, x.TenantName, suggestions), x.Column, c.ID, clean(c.Name)))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "to decide, take the right ones of:\n%s\n", strings.Join(lines, "\n"))
	return err
}

// typed is a customer as a shell takes it: by name, or by key where another has
// the same name.
func typed(key, name string, among []mapping.Suggestion) string {
	for _, other := range among {
		if other.TenantID != key && strings.EqualFold(other.TenantName, name) {
			return key
		}
	}
	if clean(name) != name || name == "" || strings.HasPrefix(name, "-") {
		return key
	}
	return quoted(name)
}

// quoted puts text into quotes where a shell would take it apart.
func quoted(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._/@+", r)
	}) {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}

// candidates are the lines of one suggestion: the clear one, or all of those
// between which a person must choose.
func candidates(of []mapping.Candidate, ambiguous string) [][]string {
	var rows [][]string
	for i, c := range of {
		evidence := strings.Join(c.Evidence, "; ")
		if ambiguous != "" && i == 0 {
			evidence = "ambiguous, " + ambiguous + ": " + evidence
		}
		rows = append(rows, []string{c.ID, c.Name, fmt.Sprintf("%.2f", c.Score), evidence})
		if ambiguous == "" {
			break
		}
	}
	return rows
}
