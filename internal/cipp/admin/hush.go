package admin

import "syncd/internal/cipp"

// hush takes a password out of a sentence. CIPP's tasks and logbook repeat the
// sentences of a reset.
func hush(said string) string {
	clean, _ := cipp.Redact(said).(string)
	return clean
}

// quiet takes passwords out of rows that may repeat such sentences.
func quiet(rows []row) []row {
	for i, r := range rows {
		rows[i] = parse(cipp.RedactRow(r.raw))
	}
	return rows
}
