package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one thing wrong with the configuration.
type Problem struct {
	Line    int    // in the file; 0 where the value did not come from it
	Path    string // such as connectwise.rate.burst, or the environment variable
	Message string
}

// Problems is everything wrong with the configuration; as an error it names
// the file and every line.
type Problems struct {
	File string
	List []Problem
}

// most is how many problems are printed. A file of another kind is wrong in
// every line, and nobody reads past the first screen.
const most = 50

// Add notes a problem.
func (p *Problems) Add(line int, path, format string, args ...any) {
	p.List = append(p.List, Problem{line, path, fmt.Sprintf(format, args...)})
}

// Covers reports whether a problem is known at a path, above it or below it:
// what else is found there is a consequence.
func (p *Problems) Covers(path string) bool {
	return slices.ContainsFunc(p.List, func(x Problem) bool { return below(x.Path, path) || below(path, x.Path) })
}

// below reports whether path is root or lies in it.
func below(path, root string) bool {
	rest, ok := strings.CutPrefix(path, root)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Err returns p, in the order of the lines, where it holds anything.
func (p *Problems) Err() error {
	if len(p.List) == 0 {
		return nil
	}
	slices.SortStableFunc(p.List, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	p.List = slices.Compact(p.List)
	return p
}

func (p *Problems) Error() string {
	var b strings.Builder
	for i, x := range p.List {
		if i > 0 {
			b.WriteString("\n")
		}
		if i == most {
			fmt.Fprintf(&b, "%s: and %d problems more", p.File, len(p.List)-most)
			break
		}
		switch {
		case strings.HasPrefix(x.Path, Prefix):
			b.WriteString("environment")
		case x.Line > 0:
			fmt.Fprintf(&b, "%s:%d", p.File, x.Line)
		default:
			b.WriteString(p.File)
		}
		b.WriteString(": ")
		if x.Path != "" {
			b.WriteString(x.Path + ": ")
		}
		b.WriteString(x.Message)
	}
	return b.String()
}
