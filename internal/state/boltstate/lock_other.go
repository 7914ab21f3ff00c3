//go:build windows || plan9 || solaris || aix || android

package boltstate

import (
	"os"
	"time"
)

// lock leaves it to bbolt: where locks belong to a handle or a process, taking
// one twice would wait for oneself.
func lock(*os.File, bool, time.Duration) error { return nil }

func unlock(*os.File) {}
