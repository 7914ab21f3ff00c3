package cipp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"syncd/internal/cipp/endpoint"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

func TestEveryShapeOfAWriteIsJudgedByItsWords(t *testing.T) {
	withOperator(t, "admin", staff(), func(t *testing.T, f *fixture) {
		dental := f.tenant(t, dentalID)
		for _, c := range []struct {
			name, body string
			said       []string
			failed     []string
		}{
			{"one sentence", `{"Results":"Successfully revoked"}`, []string{"Successfully revoked"}, nil},
			{"several", `{"Results":["Done","Failed to remove the licence"]}`, []string{"Done", "Failed to remove the licence"}, []string{"Failed to remove the licence"}},
			{"objects with a state", `{"Results":[{"resultText":"saved","state":"success"},{"resultText":"Not saved","state":"error"}]}`, []string{"saved", "Not saved"}, []string{"Not saved"}},
			{"objects and sentences", `{"Results":[{"resultText":"saved","state":"success"},"Error - no such member"]}`, []string{"saved", "Error - no such member"}, []string{"Error - no such member"}},
			{"a state alone", `{"state":"error","resultText":"no such tenant"}`, []string{"no such tenant"}, []string{"no such tenant"}},
			{"a state alone that is good", `{"state":"success","resultText":"updated"}`, []string{"updated"}, nil},
			{"a message with a severity", `{"message":"already there","severity":"error"}`, []string{"already there"}, []string{"already there"}},
			{"a message alone", `{"Message":"GDAP relationship invite created.","Invite":{"RowKey":"x"}}`, []string{"GDAP relationship invite created."}, nil},
			{"a message alone that is a failure", `{"Message":"Error creating GDAP relationship request","Invite":null}`, []string{"Error creating GDAP relationship request"}, []string{"Error creating GDAP relationship request"}},
			{"an error", `{"error":"no conditions"}`, []string{"no conditions"}, []string{"no conditions"}},
			{"an error as Graph has it", `{"error":{"code":"Request_BadRequest","message":"bad"}}`, []string{"bad"}, []string{"bad"}},
			{"a task of that name", `{"Results":"Task with name x already exists"}`, []string{"Task with name x already exists"}, []string{"Task with name x already exists"}},
			{"a user that is not there", `{"Results":["User x not found in tenant y"]}`, []string{"User x not found in tenant y"}, []string{"User x not found in tenant y"}},
			{"an action that does not exist", `{"Results":"Invalid action"}`, []string{"Invalid action"}, []string{"Invalid action"}},
			{"a copy that failed in part", `{"Results":["Created New User."],"CopyFrom":{"Success":[],"Error":["group Sales"],"Skipped":[]},"User":{"id":"x"}}`, []string{"Created New User.", "group Sales"}, []string{"group Sales"}},
			{"a list of one sentence", `["Could not reach Exchange"]`, []string{"Could not reach Exchange"}, []string{"Could not reach Exchange"}},
			{"nothing", ``, nil, nil},
			{"null", `null`, nil, nil},
		} {
			shape := c.body
			if shape == "" {
				shape = "empty"
			}
			f.answering("AddContact", shape)
			got, err := f.client.Call(t.Context(), Call{Endpoint: "AddContact", Tenant: dental, Body: map[string]any{"displayName": "Reception"}})
			if got == nil {
				t.Errorf("%s: got no reply, %v", c.name, err)
				continue
			}
			if fmt.Sprintf("%q", got.Said) != fmt.Sprintf("%q", c.said) {
				t.Errorf("%s: got %q, want %q", c.name, got.Said, c.said)
			}
			failure, ok := errors.AsType[*FailedError](err)
			if ok != (c.failed != nil) || ok && fmt.Sprint(failure.Failed) != fmt.Sprint(c.failed) {
				t.Errorf("%s: got %v, want a failure with %q", c.name, err, c.failed)
			}
		}
	})
}

func TestEveryShapeOfAReadIsRowsOrAnError(t *testing.T) {
	withOperator(t, "admin", staff(), func(t *testing.T, f *fixture) {
		dental := f.tenant(t, dentalID)
		for _, c := range []struct {
			name, body string
			rows       string
			err        string
		}{
			{"a list", `[{"a":1},{"a":2}]`, `[{"a":1} {"a":2}]`, ""},
			{"an envelope", `{"Results":[{"a":1}],"Metadata":null}`, `[{"a":1}]`, ""},
			{"an envelope with one object", `{"Results":{"NewAlertsCount":1}}`, `[{"NewAlertsCount":1}]`, ""},
			{"an object", `{"displayName":"Fabrikam","state":"Hessen"}`, `[{"displayName":"Fabrikam","state":"Hessen"}]`, ""},
			{"names", `{"Results":["Users","Groups"]}`, `["Users" "Groups"]`, ""},
			{"a number", `{"Results":[131]}`, `[131]`, ""},
			{"nulls", `[null]`, `[]`, ""},
			{"nothing", `empty`, `[]`, ""},
			{"an empty list", `[]`, `[]`, ""},
			{"another case", `{"results":[{"a":1}]}`, `[{"a":1}]`, ""},
			{"one sentence in a list", `["No mailbox data found in reporting database."]`, ``, "No mailbox data found"},
			{"one error in a list", `["Could not connect to Exchange"]`, ``, "Could not connect to Exchange"},
			{"an error", `{"Error":"Failed","Details":"x"}`, ``, "Failed"},
			{"an error beside no rows", `{"Results":[],"Error":"Authorization_RequestDenied"}`, ``, "check its GDAP relationship"},
			{"a sentence of a failure", `{"Results":"Failed to retrieve"}`, ``, "Failed to retrieve"},
			{"a row that is an error", `[{"id":"1"},{"Tenant":"x","CippStatus":"Could not find"}]`, ``, "row 2 is not data"},
			{"a row that is a placeholder", `[{"id":"1"},{"UPN":"Loading data for all tenants. Please wait"},{"id":"2"}]`, ``, "row 2 is not data"},
			{"an endpoint that was given up", `[{"Message":"This function has been deprecated for all users, please use ListGraphRequest instead"}]`, ``, "has been deprecated"},
			{"a failed list of tenants", `[{"Results":"Failed to retrieve tenants: x","defaultDomainName":"","customerId":""}]`, ``, "Failed to retrieve tenants"},
			{"an empty collection that CIPP stumbled over", `[{"Tenant":"fabrikamdental.example","CippStatus":"Error: Cannot index into a null array."}]`, `[]`, ""},
			{"rows of a log that tell of failures", `[{"Tenant":"x","API":"ListMailboxes","Message":"Could not connect to Exchange"},{"Name":"task","Results":"Failed to run"}]`,
				`[{"Tenant":"x","API":"ListMailboxes","Message":"Could not connect to Exchange"} {"Name":"task","Results":"Failed to run"}]`, ""},
			{"rows with a text of their own", `[{"resultText":"passed","name":"test"}]`, `[{"resultText":"passed","name":"test"}]`, ""},
			{"an error that says there is none", `{"Results":[{"a":1}],"Error":false}`, `[{"a":1}]`, ""},
			{"a page", `<!DOCTYPE html>`, ``, "HTML"},
		} {
			f.answering("ListDevices", c.body)
			reply, err := f.client.Call(t.Context(), Call{Endpoint: "ListDevices", Tenant: dental})
			switch {
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("%s: got %v, want an error with %q", c.name, err, c.err)
			case c.err == "" && err != nil:
				t.Errorf("%s: %v", c.name, err)
			case c.err == "":
				if got := fmt.Sprint(reply.Rows); got != c.rows {
					t.Errorf("%s: got %s, want %s", c.name, got, c.rows)
				}
			}
		}
	})
}

func TestTextInPlaceOfJSONIsASentenceOfAWriteAndNoAnswerToARead(t *testing.T) {
	for _, body := range []string{"Ordered 2 licences", "12 licences were ordered", "null and more"} {
		o, err := openReply([]byte(body), true)
		if err != nil || len(o.messages) != 1 || o.messages[0].text != body {
			t.Errorf("got %+v and %v, want the sentence %q", o, err, body)
		}
		if _, err := openReply([]byte(body), false); !errors.Is(err, errNotJSON) {
			t.Errorf("got %v, want %v", err, errNotJSON)
		}
	}
	for _, body := range []string{`{"Results":[{"a":1}`, `[{"a":1}`, `{"a":`} {
		for _, write := range []bool{true, false} {
			if o, err := openReply([]byte(body), write); err == nil && len(o.messages) == 0 {
				t.Errorf("%s: got %+v, want an error: the answer breaks off", body, o)
			}
		}
	}
}

func TestABulkAnswerTellsWhichOfItsPartsFailed(t *testing.T) {
	withOperator(t, "admin", staff(), func(t *testing.T, f *fixture) {
		f.answering("ListGraphBulkRequest", `[{"id":"skus","status":200,"body":{"value":[]}},{"id":"users","status":403,"body":{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges"}}}]`)
		reply, err := f.client.Call(t.Context(), Call{Endpoint: "ListGraphBulkRequest", Tenant: f.tenant(t, dentalID), Body: map[string]any{"requests": []any{map[string]any{"id": "skus", "method": "GET", "url": "subscribedSkus"}}}})
		if err != nil {
			t.Fatal(err)
		}
		if len(reply.Rows) != 1 || len(reply.Troubles) != 1 || reply.Troubles[0] != (Trouble{"users", "403: Insufficient privileges"}) {
			t.Errorf("got rows %s and troubles %v, want skus alone and what became of users", reply.Rows, reply.Troubles)
		}
	})
}

func TestAnAnswerAboutAnotherTenantIsNoAnswer(t *testing.T) {
	withOperator(t, "admin", staff(), func(t *testing.T, f *fixture) {
		for _, body := range []string{
			`{"Results":[{"id":"1","Tenant":"northwind.example"}],"Metadata":{}}`,
			`{"Results":[{"id":"1"}],"Metadata":{"TenantFilter":"northwind.example"}}`,
		} {
			f.answering("ListGraphRequest", body)
			_, err := f.client.Call(t.Context(), Call{Endpoint: "ListGraphRequest", Tenant: f.tenant(t, dentalID), Query: map[string][]string{"Endpoint": {"users"}}})
			if !errors.Is(err, errForeign) {
				t.Errorf("%s: got %v, want %v", body, err, errForeign)
			}
		}
	})
}

func TestRedactHidesWhatIsNamedLikeASecretAndNothingElse(t *testing.T) {
	body := map[string]any{
		"username": "ada", "password": "Correct-Horse-9", "MustChangePass": true, "ResetPass": true, "passwordPolicies": "None",
		"passwordProfile":    map[string]any{"password": "x", "forceChangePasswordNextSignIn": true},
		"webhookAuthHeaders": []any{map[string]any{"name": "X-Key", "text": "abc"}},
		"refreshToken":       "0.AX", "appSecret": "s", "id": "7",
		"Results": []any{"Password: Pw-123!", "The new password is Pw-9. User must change password is set to True."},
	}
	got := fmt.Sprint(Redact(body))
	for _, hide := range []string{"Correct-Horse-9", "Pw-123!", "Pw-9", "0.AX", "abc"} {
		if strings.Contains(got, hide) {
			t.Errorf("got %s, want it without %q", got, hide)
		}
	}
	for _, keep := range []string{"username:ada", "MustChangePass:true", "ResetPass:true", "passwordPolicies:None", "forceChangePasswordNextSignIn:true", "id:7", "is set to True"} {
		if !strings.Contains(got, keep) {
			t.Errorf("got %s, want it with %q", got, keep)
		}
	}
	if body["password"] != "Correct-Horse-9" {
		t.Error("the caller's body was changed")
	}
	if got := string(RedactRow([]byte(`{"resultText":"Password: x1","copyField":"x1","n":12}`))); got != `{"resultText":"Password: [redacted]","copyField":"[redacted]","n":12}` {
		t.Errorf("got %s", got)
	}
}

func TestARowIsRedactedWhereItStands(t *testing.T) {
	for _, c := range []struct{ name, row, want string }{
		{"order and numbers stay", `{"z":12345678901234567890,"a":1.50,"b":null,"c":true}`, `{"z":12345678901234567890,"a":1.50,"b":null,"c":true}`},
		{"a header", `{"headers":{"Authorization":"Bearer abc","host":"h"}}`, `{"headers":{"Authorization":"[redacted]","host":"h"}}`},
		{"a list below a secret's name", `{"secrets":["a",{"b":"c","on":true}]}`, `{"secrets":["[redacted]",{"b":"[redacted]","on":true}]}`},
		{"JSON within a text", `{"LogData":"{\"password\":\"x1\",\"n\":1}"}`, `{"LogData":"{\"password\":\"[redacted]\",\"n\":1}"}`},
		{"a token within a sentence", `["sent with Bearer eyJ0eXAiOiJKV1Qi.eyJhdWQi.sig-1"]`, `["sent with Bearer [redacted]"]`},
		{"words that are none", `["Bearer tokens are accepted","the password is set to never expire"]`, `["Bearer tokens are accepted","the password is set to never expire"]`},
		{"what is no JSON", `{"password":"x1`, `"[redacted]"`},
	} {
		if got := string(RedactRow([]byte(c.row))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestARowOfATenantThatFailedSaysWhy(t *testing.T) {
	for _, c := range []struct{ row, tenant, why string }{
		{`{"Tenant":"a.example","CippStatus":"Failed","CippException":"{\"Message\":\"AADSTS50020: no\"}"}`, "a.example", "Failed: AADSTS50020: no"},
		{`{"Tenant":"a.example","CippStatus":"Failed","CippException":"AADSTS50020"}`, "a.example", "Failed: AADSTS50020"},
		{`{"CippException":"{\"Message\":\"no\"}","CippStatus":"Could not connect to tenant. no","Tenant":"a.example"}`, "a.example", "Could not connect to tenant. no"},
		{`{"Tenant":"a.example","CippStatus":"Could not connect to tenant. Cannot index into a null array.","CippException":"{\"Message\":\"Other\"}"}`, "a.example", "Could not connect to tenant. Cannot index into a null array."},
		{`{"Tenant":"a.example","CippException":"{}"}`, "a.example", "{}"},
		{`{"Tenant":"a.example","CippStatus":"Good"}`, "a.example", ""},
	} {
		if tenant, why := rowTenant([]byte(c.row)); tenant != c.tenant || why != c.why {
			t.Errorf("%s: got %q and %q, want %q and %q", c.row, tenant, why, c.tenant, c.why)
		}
	}
}

func FuzzAnAnswerOfAnyShapeIsTakenApart(f *testing.F) {
	for _, seed := range []string{`{"Results":[{"resultText":"Password: x","copyField":"x","state":"success"},"Failed",null,1]}`, `[["a"]]`, `{"Results":{"a":1},"Metadata":{"Queued":true}}`,
		`{"CopyFrom":{"Error":"x"}}`, `{"error":{"message":{"error":[]}}}`, "text", "\xef\xbb\xbf[]", `[{"Tenant":"Loading data for all tenants"}]`} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	e, err := endpoint.Find("AddUser")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, write bool) {
		o, err := openReply(body, write)
		if err != nil {
			return
		}
		reply := &Reply{}
		if write {
			o.addMessages(reply, e, secret.Redactor{})
		} else if err := o.collectRows(reply, e, call{scoped: true}); err != nil {
			return
		}
		for _, raw := range o.rows {
			if !RedactRow(raw).IsValid() && raw.IsValid() {
				t.Errorf("%s became %s", raw, RedactRow(raw))
			}
		}
		for _, s := range reply.Secrets {
			if v := s.Value.Reveal(); len(v) > 12 && strings.Contains(strings.Join(reply.Said, "\n"), v) && !strings.Contains("[redacted]", v) {
				t.Errorf("%q shows %q", reply.Said, v)
			}
		}
	})
}

func TestAnErrorLosesItsSecretsAndStaysWhatItIs(t *testing.T) {
	hide := secret.NewRedactor(secretsIn([]map[string]any{{"password": "Correct-Horse-9", "nested": []any{map[string]any{"appSecret": "Battery-Staple"}}}})...)
	for _, err := range []error{
		&TenantError{Endpoint: "AddUser", Text: "Correct-Horse-9 is too short"},
		fmt.Errorf("wrapped: %w", &TenantError{Text: "Battery-Staple"}),
		&rest.Error{System: "cipp", Message: "bad Correct-Horse-9", Err: rest.ErrOutcomeUnknown},
		&RightsError{Endpoint: "AddUser", Text: "Correct-Horse-9"},
	} {
		got := redactError(err, hide)
		if strings.Contains(got.Error(), "Horse") || strings.Contains(got.Error(), "Staple") || !strings.Contains(got.Error(), secret.Redacted) {
			t.Errorf("got %q, want it without the secret", got)
		}
		if errors.Is(err, ErrUnusable) != errors.Is(got, ErrUnusable) || errors.Is(err, rest.ErrOutcomeUnknown) != errors.Is(got, rest.ErrOutcomeUnknown) {
			t.Errorf("%v is no longer what it was", got)
		}
	}
	plain := errors.New("nothing to hide")
	if got := redactError(plain, hide); got != plain {
		t.Errorf("got %v, want the error itself", got)
	}
	if got := fmt.Sprint(Redact([]string{"Password: x"}), Redact(secret.New("x")), Redact([]map[string]any{{"token": "t", "n": 1}})); got != "[Password: [redacted]][redacted][map[n:1 token:[redacted]]]" {
		t.Errorf("got %s", got)
	}
	if got := string(RedactRow([]byte(`{"broken`))); got != `"[redacted]"` {
		t.Errorf("got %s, want nothing of it", got)
	}
}
