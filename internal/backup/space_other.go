//go:build !linux && !darwin

package backup

func freeSpace(string) (bytes int64, known bool) { return 0, false }

func sameDisk(string, string) bool { return false }

func explain(err error) error { return err }
