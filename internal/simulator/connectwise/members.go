package cwsim

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed members.txt
var membersText string

// schemas says which members each object has. What is not in it is an unknown
// member in a body and an unknown name in a condition.
var schemas = parseSchemas(membersText)

type kind uint8

const (
	kindInt kind = iota
	kindNumber
	kindBool
	kindDate
	kindText
	kindEnum
	kindRef
	kindList
	kindInfo
	kindAny
)

type schema struct {
	name    string
	members []*member
	byName  map[string]*member
}

type member struct {
	name     string
	kind     kind
	longest  int      // of a text, in characters; 0 = no limit
	choices  []string // of an enum
	of       *schema  // of a reference, and of a list of objects
	item     kind     // of a list: kindText, kindInt or kindRef
	required bool     // a POST must carry it
	readOnly bool     // the server alone sets it
}

// parseSchemas reads members.txt. A mistake in it is a mistake in this
// package, so it panics.
func parseSchemas(text string) map[string]*schema {
	all := map[string]*schema{}
	named := func(name string) *schema {
		if all[name] == nil {
			all[name] = &schema{name: name, byName: map[string]*member{}}
		}
		return all[name]
	}
	var into *schema
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "  "):
			m := parseMember(strings.Fields(line), named)
			into.members = append(into.members, m)
			into.byName[m.name] = m
		default:
			into = named(line)
		}
	}
	for name, s := range all {
		if len(s.members) == 0 {
			panic("members.txt: nothing about " + name)
		}
	}
	return all
}

func parseMember(words []string, named func(string) *schema) *member {
	m := &member{name: words[0]}
	what, arg, _ := strings.Cut(words[1], ":")
	switch what {
	case "int":
		m.kind = kindInt
	case "number":
		m.kind = kindNumber
	case "bool":
		m.kind = kindBool
	case "date":
		m.kind = kindDate
	case "any":
		m.kind = kindAny
	case "info":
		m.kind = kindInfo
	case "text":
		m.kind = kindText
		if arg != "" {
			n, err := strconv.Atoi(arg)
			if err != nil {
				panic("members.txt: " + err.Error())
			}
			m.longest = n
		}
	case "enum":
		m.kind, m.choices = kindEnum, strings.Split(arg, "|")
	case "ref":
		m.kind, m.of = kindRef, named(arg)
	case "list":
		m.kind = kindList
		switch arg {
		case "text":
			m.item = kindText
		case "int":
			m.item = kindInt
		default:
			m.item, m.of = kindRef, named(arg)
		}
	default:
		panic(fmt.Sprintf("members.txt: %s: unknown kind %q", m.name, what))
	}
	for _, flag := range words[2:] {
		switch flag {
		case "required":
			m.required = true
		case "readonly":
			m.readOnly = true
		default:
			panic(fmt.Sprintf("members.txt: %s: unknown flag %q", m.name, flag))
		}
	}
	return m
}

// netType is how the vendor's own messages call the type of a member.
func (m *member) netType() string {
	switch m.kind {
	case kindInt:
		return "System.Nullable`1[System.Int32]"
	case kindNumber:
		return "System.Nullable`1[System.Double]"
	case kindBool:
		return "System.Nullable`1[System.Boolean]"
	case kindDate:
		return "System.Nullable`1[System.DateTimeOffset]"
	case kindEnum:
		return "System.Nullable`1[" + strings.ToUpper(m.name[:1]) + m.name[1:] + "]"
	case kindRef:
		return m.of.name
	case kindList:
		return "System.Collections.Generic.List`1"
	}
	return "System.String"
}
