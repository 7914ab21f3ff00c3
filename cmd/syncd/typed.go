package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/xrash/smetrics"
)

// What people type does what they mean, or says what to type.

func init() { cobra.EnableCaseInsensitive = true } // "syncd Plan" is no question

// meant are words that are no command, with what to type for them.
var meant = map[string]string{
	"licence": "syncd report licences", "licences": "syncd report licences", "license": "syncd report licences", "licenses": "syncd report licences",
	"diff": "syncd plan", "sync": "syncd apply", "run": "syncd apply", "journal": "syncd history", "log": "syncd history", "daemon": "syncd serve",
	"backup": "syncd state backup FILE", "restore": "syncd state restore FILE", "rules": "syncd products", "links": "syncd map", "tenants": "syncd cipp tenants list",
}

// licence spells a word as our commands and flags do: Microsoft says license.
func licence(word string) string { return strings.ReplaceAll(word, "license", "licence") }

// spellings are what a command's name is typed as besides.
func spellings(name string) []string {
	if licence := strings.TrimSuffix(name, "s"); licence == "licence" {
		return []string{"license", "licenses", licence}
	}
	return nil
}

// unknown complains of a word that is no command of cmd.
func unknown(cmd *cobra.Command, word string) error {
	did := ""
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	near := cmd.SuggestionsFor(word)
	switch instead := meant[strings.ToLower(word)]; {
	case instead != "" && !cmd.HasParent():
		did = "write " + instead + "; "
	case len(near) > 0:
		slices.SortFunc(near, func(a, b string) int { return distance(word, a) - distance(word, b) })
		did = fmt.Sprintf("did you mean %s %s? ", cmd.CommandPath(), near[0])
	}
	if !cmd.HasParent() {
		return usage("unknown command %q; %ssyncd --help lists them all", word, did)
	}
	return usage("unknown command %q for %q; %ssee %s --help", word, cmd.CommandPath(), did, cmd.CommandPath())
}

func distance(a, b string) int { return smetrics.WagnerFischer(strings.ToLower(a), b, 1, 1, 1) }

// badFlag complains of a flag.
func badFlag(cmd *cobra.Command, err error) error {
	if bad, is := errors.AsType[*pflag.InvalidValueError](err); is {
		return usage("--%s %q: %w; see %s --help", bad.GetFlag().Name, bad.GetValue(), misread(bad), cmd.CommandPath())
	}
	missing, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return usage("%w; see %s --help", err, cmd.CommandPath())
	}
	name := missing.GetSpecifiedName()
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Flags().Lookup(name) != nil {
			return usage("--%s belongs to %s; write %s --%s", name, sub.CommandPath(), sub.CommandPath(), name)
		}
	}
	best, least := "", 3
	look := func(f *pflag.Flag) {
		if d := distance(name, f.Name); !f.Hidden && d < least && len(name) > 1 {
			best, least = f.Name, d
		}
	}
	cmd.LocalFlags().VisitAll(look)
	cmd.InheritedFlags().VisitAll(look)
	if best != "" {
		return usage("%w; did you mean --%s? See %s --help", err, best, cmd.CommandPath())
	}
	return usage("%w; see %s --help", err, cmd.CommandPath())
}

// misread says what to write instead of a flag's value that is none.
func misread(bad *pflag.InvalidValueError) error {
	switch bad.GetFlag().Value.Type() {
	case "int":
		return errors.New("write a whole number")
	case "bool":
		return errors.New("write true or false, or nothing after the flag")
	case "duration":
		return errors.New("write a time such as 30s, 15m or 2h")
	}
	return bad.Unwrap()
}

// arranged puts flags that stand before the command, and belong to it, behind
// it: "syncd --yes cipp …" is what people type, and the library takes flags of
// the root alone there.
func arranged(root *cobra.Command, args []string) []string {
	var own, moved []string
	i := 0
	for i < len(args) && len(args[i]) > 1 && args[i][0] == '-' && args[i] != "--" {
		name, _, given := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		to := &own
		f := root.PersistentFlags().Lookup(name)
		if f == nil && len(name) == 1 {
			f = root.PersistentFlags().ShorthandLookup(name)
		}
		if f == nil {
			to, f = &moved, flagOfAny(root, name)
		}
		if f == nil {
			return args // the library says what is wrong with it
		}
		n := 1
		if !given && f.NoOptDefVal == "" {
			n = min(2, len(args)-i)
		}
		*to = append(*to, args[i:i+n]...)
		i += n
	}
	rest := args[i:]
	if len(moved) == 0 || len(rest) == 0 {
		return args
	}
	end := slices.Index(rest, "--")
	if end < 0 {
		end = len(rest)
	}
	return slices.Concat(own, rest[:end], moved, rest[end:])
}

// flagOfAny finds a flag of any command by its name; all flags of one name take
// a value, or none does.
func flagOfAny(cmd *cobra.Command, name string) *pflag.Flag {
	for _, set := range []*pflag.FlagSet{cmd.PersistentFlags(), cmd.Flags()} {
		if f := set.Lookup(name); f != nil {
			return f
		}
	}
	for _, sub := range cmd.Commands() {
		if f := flagOfAny(sub, name); f != nil {
			return f
		}
	}
	return nil
}

// once is a flag that says one thing: typed twice, the first would be lost
// without a word.
type once struct {
	value *string
	given bool
}

func (o *once) String() string {
	if o.value == nil {
		return ""
	}
	return *o.value
}

func (o *once) Type() string { return "string" }

func (o *once) Set(text string) error {
	if o.given {
		return fmt.Errorf("it is there twice; name one, and run the command again for the other")
	}
	*o.value, o.given = text, true
	return nil
}

func onceVar(flags *pflag.FlagSet, value *string, name, help string) {
	flags.Var(&once{value: value}, name, help)
}

func asIs(text string) string { return text }

// helpCommand says what a command does, and complains of one that is none.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{Use: "help [COMMAND]", Short: "Help about any command",
		ValidArgsFunction: func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			at, _, err := root.Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var known []string
			for _, c := range at.Commands() {
				if c.IsAvailableCommand() {
					known = append(known, c.Name())
				}
			}
			return beginning(known, typed), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			at := root
			for _, word := range args {
				next := slices.IndexFunc(at.Commands(), func(c *cobra.Command) bool {
					return strings.EqualFold(c.Name(), word) || slices.ContainsFunc(c.Aliases, func(a string) bool { return strings.EqualFold(a, word) })
				})
				if next < 0 {
					return unknown(at, word)
				}
				at = at.Commands()[next]
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		}}
}
