package admin

import "syncd/internal/cipp"

// redact removes a password from a sentence: CIPP's tasks and logbook repeat the
// sentences of a password reset.
func redact(said string) string {
	clean, _ := cipp.Redact(said).(string)
	return clean
}

// redactRows removes passwords from rows that may repeat such sentences.
func redactRows(rows []row) []row {
	for i, r := range rows {
		rows[i] = parse(cipp.RedactRow(r.raw))
	}
	return rows
}
