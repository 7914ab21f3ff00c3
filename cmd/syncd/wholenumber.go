package main

import (
	"errors"
	"regexp"
	"strconv"

	"github.com/spf13/pflag"
)

// A wholeNumber is a flag's number as people write one, as in the tables: 010 is ten. The
// flags' own reading is that of source code, where 010 is eight.
type wholeNumber struct{ n *int }

// wholeVar adds a flag with a whole number.
func wholeVar(flags *pflag.FlagSet, n *int, name string, otherwise int, usage string) {
	*n = otherwise
	flags.Var(wholeNumber{n}, name, usage)
}

var plainDigits = regexp.MustCompile(`^-?[0-9]+$`)

func (w wholeNumber) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || !plainDigits.MatchString(text) {
		return errors.New("write a whole number without separators")
	}
	*w.n = n
	return nil
}

func (w wholeNumber) String() string {
	if w.n == nil {
		return ""
	}
	return strconv.Itoa(*w.n)
}

func (w wholeNumber) Type() string { return "int" }
