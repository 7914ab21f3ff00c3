package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// syntax turns the YAML library's errors into problems. None of them repeats
// what stands in the file: half of a broken line may be a secret.
func syntax(err error, text []byte) []Problem {
	if line := second(text); line > 0 && strings.Contains(err.Error(), "multiple") {
		return []Problem{{Line: line, Message: "begins a second document with ---; a configuration is one"}}
	}
	if many, ok := errors.AsType[*yaml.LoadErrors](err); ok {
		var list []Problem
		for _, e := range many.Errors {
			list = append(list, Problem{Line: e.Mark.Line, Message: "cannot be used here; compare it with config.example.yaml"})
		}
		return list
	}
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		p := Problem{Line: e.Mark.Line, Message: sentence(e.Message)}
		if e.ContextMark.Line > 0 && e.ContextMark.Line < p.Line && (strings.Contains(p.Message, "never closed") || strings.Contains(p.Message, "no \"name: value\"")) {
			p.Line = e.ContextMark.Line // where it began; where it was noticed helps nobody
		}
		if lines := bytes.Split(text, []byte("\n")); p.Line > 0 && p.Line <= len(lines) {
			// Any complaint about a line that is indented by a tab is about the tab.
			line := lines[p.Line-1]
			if indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]; bytes.ContainsRune(indent, '\t') {
				p.Message = "is indented with a tab; YAML takes spaces only"
			}
		}
		return []Problem{p}
	}
	return []Problem{{Message: "cannot be read as YAML; compare it with config.example.yaml"}}
}

// second finds the line that separates two documents.
func second(text []byte) int {
	found, content := 0, false
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		switch {
		case bytes.HasPrefix(line, []byte("---")):
			if content && found == 0 {
				found = i + 1
			}
			content = true
		case len(line) > 0 && line[0] != '#' && line[0] != '%':
			content = true
		}
	}
	return found
}

// sentence says in plain words what the library's scanner and parser complain of.
func sentence(message string) string {
	for _, s := range []struct{ theirs, ours string }{
		{"mapping values are not allowed", "has a \": \" too many: put a value that holds one in quotes, or correct the indentation of this line or the one above"},
		{"block sequence entries are not allowed", "a \"- \" cannot stand here: begin the list on a line of its own, or put the value in quotes"},
		{"cannot start any token", "a value that begins with @, %, ` or a tab must stand in quotes"},
		{"did not find expected ',' or '}'", "a { is never closed with }, or a comma is missing"},
		{"did not find expected ',' or ']'", "a [ is never closed with ], or a comma is missing"},
		{"did not find expected node content", "there is a bracket or comma too many, or a value is missing"},
		{"did not find expected key", "is not a \"name: value\" line in step with those above: correct its indentation, or close the quotes before it"},
		{"did not find expected '-' indicator", "is not an entry of the list above: begin it with \"- \" in the same column, or correct its indentation"},
		{"could not find expected ':'", "is no \"name: value\" line: the colon and a space after it are missing"},
		{"unexpected end of stream", "a quote is never closed"},
		{"unexpected document indicator", "a quote is never closed before ---"},
		{"unknown escape character", "has a \\ in double quotes that YAML does not know: write \\\\, or use single quotes"},
		{"hexadecimal number", "has a \\x or \\u in double quotes without its digits: write \\\\, or use single quotes"},
		{"Unicode character escape", "has a \\u in double quotes that is no character: write \\\\, or use single quotes"},
		{"unknown anchor", "a text that begins with * must stand in quotes"},
		{"alphabetic or numeric character", "a text that begins with * or & must stand in quotes"},
		{"expected '>'", "a text that begins with ! must stand in quotes"},
		{"expected whitespace or line break", "a text that begins with ! must stand in quotes"},
		{"directive", "a line cannot begin with %: put the value in quotes"},
		{"tab", "is indented with a tab; YAML takes spaces only"},
		{"<document start>", "does not belong to the settings above it: correct its indentation, or close what is open there"},
		{"max depth", "is nested deeper than any setting; name the right file with --config"},
		{"alias", "repeats parts of itself (* and &) beyond measure; write the settings out"},
		{"control characters", "holds bytes that are no text; save the file as UTF-8"},
		{"invalid", "holds bytes that are no text; save the file as UTF-8"},
	} {
		if strings.Contains(message, s.theirs) {
			return s.ours
		}
	}
	return "cannot be read as YAML: check quotes, brackets and indentation here and in the line above"
}

// innermost is the message of the error that began it, without the wrapping
// of the libraries it came through.
func innermost(err error) string {
	for {
		if many, ok := err.(*yaml.LoadErrors); ok && len(many.Errors) > 0 {
			err = many.Errors[0]
		}
		next := errors.Unwrap(err)
		if next == nil {
			break
		}
		err = next
	}
	if _, ok := err.(*yaml.LoadError); ok {
		return "cannot be used here; compare it with config.example.yaml"
	}
	return fmt.Sprint(err)
}
