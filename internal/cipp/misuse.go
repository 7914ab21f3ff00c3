package cipp

import (
	"errors"
	"fmt"
)

// ErrMisuse is in the error of a call or an operation that asks for what can
// never be, whatever CIPP holds: a word that is none, two things that exclude
// each other, a tenant that is not the one the call is about. Nothing was sent.
var ErrMisuse = errors.New("wrong usage")

// Misuse makes an error that is ErrMisuse and says what it is told, no more.
func Misuse(format string, args ...any) error { return misuse{fmt.Sprintf(format, args...)} }

type misuse struct{ text string }

func (e misuse) Error() string        { return e.text }
func (e misuse) Is(target error) bool { return target == ErrMisuse }
