package pages

import "testing"

// Whoever reads a page has no shell: what the program says names pages and buttons there.
func TestMessagesNamePagesInsteadOfCommands(t *testing.T) {
	const key = "651f7d6e-3b4e-429c-84ee-dc4c5e4adadf"
	for _, c := range []struct{ message, want, way string }{
		{"two fit; name one", "Two fit; name one.", ""},
		{"this is the first plan of this customer at this target; read it, then syncd approve --digest c64d7536badb", "This is the first plan of this customer at this target; read it.", ""},
		{"every plan of this job waits for a person (apply: approve); syncd approve --digest c64d7536badb", "Every plan of this job waits for a person (apply: approve).", ""},
		{"this is the way back from run 7; read it, then syncd approve --digest c64d7536badb, or syncd reject to leave things as they are", "This is the way back from run 7; read it.", ""},
		{"Bea rejected it: no; syncd approve --digest c64d7536badb takes it back", "Bea rejected it: no; approving it by itself takes it back.", ""},
		{"it would bill twice; end that first, or syncd approve --digest c64d7536badb allows it", "It would bill twice; end that first, or approving it by itself allows it.", ""},
		{"90 changes, 50 are allowed (limits.run); it waits for the next run, or syncd approve --digest c64d7536badb", "90 changes, 50 are allowed (limits.run); it waits for the next run, or for an approval.", ""},
		{"it belongs together with what waits of Kings (syncd approve --digest c64d7536badb): all of it is written in one run", "It belongs together with what waits of Kings: all of it is written in one run.", ""},
		{"end all but one, or say which one is to be kept in step (syncd matches accept)", "End all but one, or say which one is to be kept in step (under Matches).", "/matches"},
		{"repair it, or say which it is: syncd matches accept " + key + " scim/cinode 42 REF, or create", "Repair it, or say which it is: under Matches.", "/matches"},
		{"none until one is left (delete the others, or: syncd matches accept Some One itglue 42 REF)", "None until one is left (delete the others, or: under Matches).", "/matches"},
		{"find out why, then syncd matches retry", "Find out why, then “Try again” under Matches.", "/matches"},
		{"it waits until that changes, somebody approves it, or syncd matches retry lets it go", "It waits until that changes, somebody approves it, or “Try again” under Matches lets it go.", "/matches"},
		{"approve to overwrite the edit, or tell syncd to leave it alone (syncd matches ignore)", "Approve to overwrite the edit, or tell syncd to leave it alone (“Leave alone” under Matches).", "/matches"},
		{"it is not the id of a company (a number): correct it with syncd map", "It is not the id of a company (a number): correct it with Mapping.", "/map"},
		{"no product rule says what becomes of Visio (4): syncd products suggest", "No product rule says what becomes of Visio (4): write a rule under Products.", "/products"},
		{"everything is refused until noon; repair it and run syncd apply --target connectwise (last refusal: no)", "Everything is refused until noon; repair it and run “Apply now” (last refusal: no).", ""},
		{"open the month again (syncd report month --month 2026-10 --reopen --reason TEXT)", "Open the month again (the page of month 2026-10).", ""},
		{"--month 2026-12 is still to come", "Month 2026-12 is still to come.", ""},
		{"say why with --reason; somebody will ask", "Say why with reason; somebody will ask.", ""},
		{"x.csv: nothing was imported", "x.csv: nothing was imported.", ""},
		{"a4249291-7746-4b3c at connectwise knows no object", "a4249291-7746-4b3c at connectwise knows no object.", ""},
	} {
		if got := sentence(c.message); got != c.want {
			t.Errorf("%q is said as\n%q, want\n%q", c.message, got, c.want)
		}
		way := ""
		for _, w := range waysIn(c.message) {
			way += w.To
		}
		if way != c.way {
			t.Errorf("%q leads to %q, want %q", c.message, way, c.way)
		}
	}
}
