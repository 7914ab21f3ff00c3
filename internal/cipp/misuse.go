package cipp

import (
	"errors"
	"fmt"
)

// ErrMisuse is in the error of a call or an operation that is wrong whatever CIPP holds:
// an unknown word, two options that exclude each other, a tenant that is not the one the
// call is about. Nothing was sent.
var ErrMisuse = errors.New("wrong usage")

// Misuse returns an error that is ErrMisuse, with this text.
func Misuse(format string, args ...any) error { return misuse{fmt.Sprintf(format, args...)} }

type misuse struct{ text string }

func (e misuse) Error() string        { return e.text }
func (e misuse) Is(target error) bool { return target == ErrMisuse }
