package attribute

import (
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
)

// ann has everything, bo nothing but a name, and gil is a guest.
var (
	ann = &directory.User{ID: "22222222-0000-4000-8000-000000000001", UPN: "ann.berg@contoso.example", Name: "Ann Berg",
		GivenName: "Ann", Surname: "Berg",
		Mail: "ann@contoso.example", Aliases: []string{"ab@contoso.example"}, Enabled: true, JobTitle: "CTO", Department: "IT/Ops",
		Company: "Contoso", Office: "Malmö 3",
		MobilePhone: "+46 (70) 123-45", BusinessPhones: []string{"+46 40 1", "+46 40 2"}, City: "Malmö", Country: "Sweden",
		UsageLocation: "SE", EmployeeID: "0042",
		Created: time.Date(2026, 3, 1, 9, 0, 0, 0, time.FixedZone("CET", 3600)), Synced: true}
	bo  = &directory.User{UPN: "bo@contoso.example", Name: "Bo"}
	gil = &directory.User{UPN: "gil_a_example.org#ext#@contoso.onmicrosoft.com", Guest: true, Enabled: true}
)

func TestAnExpressionMakesAValueOfAnAccount(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		user       *directory.User
		want       string // empty: no value
	}{
		{"an attribute alone", "department", ann, "IT/Ops"},
		{"an attribute alone in another case", " DisplayName ", ann, "Ann Berg"},
		{"an attribute in brackets", "[jobTitle]", ann, "CTO"},
		{"an attribute without a value", "[jobTitle]", bo, ""},
		{"a constant", `"Consultant"`, bo, "Consultant"},
		{"a constant with quotes, a backslash and an accent", `"a \"b\" \\ é"`, bo, `a "b" \ é`},
		{"the empty constant is no value", `""`, bo, ""},
		{"truth", "accountEnabled", ann, "true"},
		{"no truth", "accountEnabled", bo, "false"},
		{"a time is in UTC", "createdDateTime", ann, "2026-03-01T08:00:00Z"},
		{"no time", "createdDateTime", bo, ""},
		{"the sort of account", "userType", gil, "Guest"},
		{"the address of a guest", "originalUserPrincipalName", gil, "gil_a@example.org"},
		{"Entra's name of the first business phone", "telephoneNumber", ann, "+46 40 1"},

		{"Join leaves out what has no value", `Join(" ", [givenName], [surname])`, bo, ""},
		{"Join", `Join(" ", [givenName], [surname])`, ann, "Ann Berg"},
		{"Join of a list and a text", `Join("; ", [businessPhones], [mobile])`, ann, "+46 40 1; +46 40 2; +46 (70) 123-45"},
		{"Join without separator", `Join("", [givenName], [surname])`, ann, "AnnBerg"},
		{"Append", `Append([employeeId], "@c")`, ann, "0042@c"},
		{"Append to nothing", `Append([employeeId], "@c")`, bo, ""},
		{"Coalesce takes the first that is there", `Coalesce([mail], [userPrincipalName])`, bo, "bo@contoso.example"},
		{"Coalesce of nothing", `Coalesce([mail], [city])`, bo, ""},
		{"functions in any case", `COALESCE(tolower([city]), "x")`, ann, "malmö"},
		{"IIF", `IIF([country]="Sweden", "home", "abroad")`, ann, "home"},
		{"IIF with nothing on the left", `IIF([country]="Sweden", "home", "abroad")`, bo, "abroad"},
		{"nothing is not different either", `IIF([country]<>"Sweden", "abroad", "?")`, bo, "?"},
		{"different", `IIF([country] <> "Norway", "abroad", "?")`, ann, "abroad"},
		{"text is compared exactly", `IIF([country] == "sweden", "home", "abroad")`, ann, "abroad"},
		{"truth is compared as Entra writes it", `IIF([accountEnabled] = "True", "on", "off")`, ann, "on"},
		{"an omitted branch is no value", `IIF([accountEnabled], , "off")`, ann, ""},
		{"an omitted last branch is no value", `IIF([accountEnabled], "on")`, bo, ""},
		{"IsPresent", `IIF(IsPresent([mail]), "yes", "no")`, bo, "no"},
		{"IsNullOrEmpty", `IIF(IsNullOrEmpty([mail]), "yes", "no")`, bo, "yes"},
		{"Not", `Not([accountEnabled])`, ann, "false"},
		{"a comparison is a value", `[usageLocation] = "SE"`, ann, "true"},
		{"Entra's own mapping of active", `Switch([IsSoftDeleted], , "False", "True", "True", "False")`, ann, "True"},
		{"and of somebody disabled", `Switch([IsSoftDeleted], , "False", "True", "True", "False")`, bo, "False"},
		{"Switch by text", `Switch([usageLocation], "Other", "NO", "Norge", "SE", "Sverige")`, ann, "Sverige"},
		{"Switch without a match", `Switch([usageLocation], "Other", "NO", "Norge")`, ann, "Other"},
		{"Switch of nothing", `Switch([usageLocation], "Other", "NO", "Norge")`, bo, "Other"},
		{"Switch of nothing with no default", `Switch([usageLocation], , "", "Norge")`, bo, ""},
		{"Switch to no value", `Switch([usageLocation], "Other", "SE")`, ann, ""},
		{"Left", `Left([city], 4)`, ann, "Malm"},
		{"Left of less", `Left([city], 40)`, ann, "Malmö"},
		{"Right", `Right([city], 2)`, ann, "mö"},
		{"Right of less", `Right([city], 20)`, ann, "Malmö"},
		{"Mid counts from one", `Mid([city], 5, 3)`, ann, "ö"},
		{"Mid behind the end", `Mid([city], 9, 3)`, ann, ""},
		{"Trim", `Trim("  a b ")`, bo, "a b"},
		{"StripSpaces", `StripSpaces([mobile])`, ann, "+46(70)123-45"},
		{"ToUpper", `ToUpper([city])`, ann, "MALMÖ"},
		{"NormalizeDiacritics", `NormalizeDiacritics([city])`, ann, "Malmo"},
		{"Item of Split", `Item(Split([userPrincipalName], "@"), 1)`, ann, "ann.berg"},
		{"Item counts from one", `Item([businessPhones], 0)`, ann, ""},
		{"Item behind the end", `Item([businessPhones], 3)`, ann, ""},
		{"Split by nothing is one", `Item(Split([city], ""), 1)`, ann, "Malmö"},
		{"the primary address is first", `Item([proxyAddresses], 1)`, ann, "SMTP:ann@contoso.example"},
		{"Count", `IIF(Count([businessPhones]) = 2, "two", "other")`, ann, "two"},
		{"Word", `Word([department], 2, " /")`, ann, "Ops"},
		{"Replace a text", `Replace([mail], "@contoso.example", , , "@c.example", , )`, ann, "ann@c.example"},
		{"Replace by nothing", `Replace([mail], "@contoso.example", , , "", , )`, ann, "ann"},
		{"Replace of nothing", `Replace([mail], "@contoso.example", , , "", , )`, bo, ""},
		{"Replace by pattern", `Replace([mobile], , "[()\\s-]*", , "", , )`, ann, "+467012345"},
		{"a pattern with one backslash", `Replace([mobile], , "\D", , "")`, ann, "467012345"},
		{"Replace a named group", `Replace([mail], , "(?<at>@)(?<domain>.*)", "domain", "c.example", , )`, ann, "ann@c.example"},
		{"Replace by an attribute", `Replace([mail], , "^(?<alias>[^@]*)", "alias", , [employeeId])`, ann, "0042@contoso.example"},
		{"Replace in a template", `Replace([employeeId], "{}", , , , , "nr {}, again {}")`, ann, "nr 0042, again 0042"},
		{"nested", `ToLower(Append(Left(NormalizeDiacritics(Coalesce([givenName], [displayName])), 1), Append(".", Coalesce([surname], "x"))))`, bo, "b.x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := Compile(tt.text)
			if err != nil {
				t.Fatalf("Compile(%s): %v", tt.text, err)
			}
			got, ok := e.Value(tt.user)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("%s: got %q, %t, want %q", tt.text, got, ok, tt.want)
			}
			again, err := Compile(e.String())
			if err != nil {
				t.Fatalf("%s was written as %s: %v", tt.text, e, err)
			}
			if got, _ := again.Value(tt.user); got != tt.want || again.String() != e.String() {
				t.Errorf("%s was written as %s and %s: got %q, want %q", tt.text, e, again, got, tt.want)
			}
		})
	}
}

func TestWhatCannotBeReadIsNamedWithItsPlace(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", " ", "the expression is empty: write an attribute such as department, a text in quotes, or a function such as Join"},
		{"a misspelled attribute", "departmnt",
			"at character 1: no attribute is called departmnt; did you mean department? (a constant text stands in double quotes)"},
		{"a misspelled attribute in brackets", `Join(" ", [givenNme])`,
			"at character 12: no attribute is called givenNme; did you mean givenName?"},
		{"an accent counts as one character", `Join("ö", [givenNme])`,
			"at character 12: no attribute is called givenNme; did you mean givenName?"},
		{"a misspelled function", `Jion(" ", [surname])`, "at character 1: no function is called Jion; did you mean Join?"},
		{"an attribute that is not read", "streetAddress",
			"at character 1: streetAddress is an attribute of Entra that is not read: fill it in at the target (a constant text stands in double quotes)"},
		{"a bare attribute within", `ToLower(mail)`, "at character 9: found mail; within an expression an attribute stands in brackets: [mail]"},
		{"curly quotes", `Join(“ ”, [surname])`,
			"at character 6: found “; text stands in straight double quotes; write an attribute as [department], a constant in double quotes, or a function such as Join(…)"},
		{"an open text", `Append([mail], "x)`, "at character 16: the text that begins here has no closing double quote"},
		{"an open bracket", `ToLower([mail)`, "at character 9: the attribute that begins here has no closing bracket"},
		{"an open call", `ToLower([mail]`, "at character 15: found the end; the arguments of ToLower are parted by commas and end with )"},
		{"a forgotten comma", `Join(" " [mail])`, `at character 10: found '['; the arguments of Join are parted by commas and end with )`},
		{"more behind the end", `[mail] [surname]`, "at character 8: found '[' where the expression should end"},
		{"too few arguments", `Left([mail])`, "at character 1: Left: has no length; it is written Left(source; length)"},
		{"too many arguments", `ToLower([mail], "en")`, "at character 17: ToLower: has more arguments than ToLower(source)"},
		{"an argument left empty", `Append(, "x")`, "at character 8: Append: has no source; it is written Append(source; suffix)"},
		{"a text for a number", `Left([mail], "3")`, "at character 14: Left: length is text, and a whole number is wanted"},
		{"a text for truth", `IIF([mail], "a", "b")`, "at character 5: IIF: condition is text, and true or false is wanted"},
		{"several values for one", `ToLower([proxyAddresses])`,
			`at character 9: ToLower: source comes to several values; choose one with Item(…, 1), or put them together with Join(", ", …)`},
		{"several values in the end", "businessPhones",
			"at character 1: businessPhones has several values; choose one with Item([businessPhones], 1)"},
		{"several values of a function", `Split([mail], "@")`,
			`at character 1: comes to several values; choose one with Item(…, 1), or put them together with Join(", ", …)`},
		{"several values compared", `IIF([businessPhones] = "1", "a", "b")`,
			"at character 22: several values cannot be compared; choose one with Item(…, 1)"},
		{"truth compared with a word", `IIF([accountEnabled] = "yes", "a", "b")`, `at character 22: compares true or false with "yes"`},
		{"an operator of programmers", `[givenName] + [surname]`,
			"at character 13: found '+'; comparisons are = and <>, and texts are put together with Join or Append"},
		{"an unknown comparison", `IIF([city] < "a", "a", "b")`, "at character 12: found <; comparisons are = and <>"},
		{"a key twice", `Switch([city], , "a", "1", "a", "2")`, `at character 1: Switch: has the key "a" twice`},
		{"a key that never comes", `Switch([IsSoftDeleted], , "no", "1")`, `at character 1: Switch: the source is true or false and never "no"`},
		{"a key that is no constant", `Switch([city], , [country], "1")`, `at character 18: Switch: key must be a constant in double quotes`},
		{"Replace without a replacement", `Replace([mail], "a", "b")`,
			`at character 1: Replace: has arguments that exclude one another; write Replace([mail], "old", , , "new") or Replace([mail], , "pattern", , "new")`},
		{"a pattern that is none", `Replace([mail], , "(", , "b")`,
			"at character 1: Replace: the pattern cannot be used: error parsing regexp: missing closing ): `(`"},
		{"a group that the pattern lacks", `Replace([mail], , "(?<a>x)", "b", "c")`,
			`at character 1: Replace: the pattern has no group called "b"; it is written (?<b>…)`},
		{"not UTF-8", "\"\xff\"", `"\"\xff\"" is not text in UTF-8`},
		{"without end", strings.Repeat("Not(", 60) + "true", "at character 201: is nested more than 50 deep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := Compile(tt.text)
			if err == nil {
				t.Fatalf("%s was read as %s", tt.text, e)
			}
			if err.Error() != tt.want {
				t.Errorf("%s:\ngot  %s\nwant %s", tt.text, err, tt.want)
			}
		})
	}
	_, err := Compile("zzz")
	for _, name := range Names() {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want it to name %s among what may be written", err, name)
		}
	}
}

func TestAnExpressionTellsWhatItReads(t *testing.T) {
	e, err := Compile(`Join(" ", [surname], [givenName], [SURNAME])`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := e.Names(), []string{"givenName", "surname"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEveryFunctionIsInOrderAndFound(t *testing.T) {
	if names := Functions(); !slices.IsSortedFunc(names,
		func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }) {
		t.Errorf("got %v, want them sorted", names)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`Switch([IsSoftDeleted], , "False", "True", "True", "False")`,
		`Replace([mobile], , "[()\\s-]*", , "", , )`, `IIF([a]="b",[c],)`,
		`Join("\"", Split([mail], ""), [proxyAddresses])`, "department", `Item(Coalesce([businessPhones]), 999999)`, `Mid("abc", 0, 2)`,
		`Word("a", 1, "")`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Compile(text)
		if err != nil {
			if strings.Contains(err.Error(), "\x00") {
				t.Errorf("the error holds a control character: %q", err)
			}
			return
		}
		again, err := Compile(e.String())
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, e, err)
		}
		for _, u := range []*directory.User{ann, bo, gil, {}} {
			got, ok := e.Value(u)
			if ok != (got != "") {
				t.Errorf("%q: got %q, %t", text, got, ok)
			}
			if same, _ := again.Value(u); same != got || again.String() != e.String() {
				t.Errorf("%q was written as %q and then %q: got %q, then %q", text, e, again, got, same)
			}
		}
	})
}
