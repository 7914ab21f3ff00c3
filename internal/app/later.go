package app

import "syncd/internal/config"

// laterSettings are settings whose names are fixed already and that nothing reads yet.
// Whoever writes one is told so in plain words.
var laterSettings = []struct{ path, what string }{
	{"distributors", "distributors' files are not read yet"},
	{"connectwise.create", "when an added line begins cannot be chosen yet"},
	{"connectwise.prorate", "no prorated lines are made yet"},
	{"connectwise.usernames", "no names are written to lines yet"},
}

// refuseLater says of settings that are not there yet that they are not.
func refuseLater(doc *config.Document, problems *config.Problems) {
	for _, s := range laterSettings {
		doc.Refuse(s.path, "is not there yet: "+s.what+"; take it out", problems)
	}
}
