package admin

import "syncd/internal/cipp"

// redact takes a password out of a sentence. CIPP's tasks and logbook repeat the
// sentences of a reset.
func redact(said string) string {
	clean, _ := cipp.Redact(said).(string)
	return clean
}

// redactRows takes passwords out of rows that may repeat such sentences.
func redactRows(rows []row) []row {
	for i, r := range rows {
		rows[i] = parse(cipp.RedactRow(r.raw))
	}
	return rows
}
