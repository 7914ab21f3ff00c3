//go:build !linux && !darwin

package backup

func FreeSpace(string) (bytes int64, known bool) { return 0, false }

func sameDisk(string, string) bool { return false }

func explain(err error) error { return err }
