package main

import "testing"

func TestTheFormatOfAFileIsThatOfItsEnding(t *testing.T) {
	for _, c := range []struct{ named, path, want string }{
		{"", "", "table"},
		{"csv", "", "csv"},
		{"", "licences.xlsx", "xlsx"},
		{"", "Licences.XLSX", "xlsx"},
		{"xlsx", "licences.xlsx", "xlsx"},
		{"", "licences.csv", "csv"},
		{"", "licences.json", "json"},
		{"", "licences.txt", "table"},
		{"csv", "licences.txt", "csv"},
		{"csv", "licences.data", "csv"},
		{"", "licences", "table"},
		{"json", "/dev/stdout.csv", "json"},
		{"csv", "-", "csv"},
		{"csv", "licences.xlsx", "<licences.xlsx is to be csv, and its ending says xlsx; change one of the two>"},
		{"json", "licences.csv", "<licences.csv is to be json, and its ending says csv; change one of the two>"},
		{"", "licences.pdf", "<nothing of this is written as .pdf; let the file end in .csv, .json, .txt, .xlsx>"},
		{"pdf", "", `<"pdf" is no format; write csv, xlsx, json, table>`},
		{"html", "", "<HTML is not there yet; write csv, xlsx, json, table>"},
		{"", "licences.html", "<HTML is not there yet; write csv, xlsx, json, table>"},
	} {
		got, err := formatOf(c.named, c.path, "table", formats...)
		if err != nil {
			got = "<" + err.Error() + ">"
		}
		if got != c.want {
			t.Errorf("--format %q --out %q: got %s, want %s", c.named, c.path, got, c.want)
		}
	}
}
