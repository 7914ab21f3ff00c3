package app

import "fmt"

// A UsageError is a mistake in what was asked for or configured: nothing was done.
type UsageError struct{ error }

// Usage returns a UsageError.
func Usage(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

func (e UsageError) Unwrap() error { return e.error }
