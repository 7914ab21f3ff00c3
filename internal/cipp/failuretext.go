package cipp

import (
	"regexp"
	"strings"
)

// failureBegins are the beginnings of the sentences with which CIPP reports a failure in
// a 200, or in the results of a task that is Completed. Its source has another sentence
// for each endpoint, mostly in the catch block.
var failureBegins = []string{
	"failed", "error", "could not", "unable", "cannot", "can't", "warning", "invalid", "insufficient",
	"we've failed", "we have failed", "we could not", "no valid", "you do not have permission", "access denied", "access to this",
	"task with name", "task failed", "task blocked", "the command '", "unexpected error", "an unexpected error", "an error",
	"something went wrong",
	"user not found", "mapping api failed", "function error", "graph error", "repository error",
}

// failureWithin matches failures within a sentence: after the name of what failed
// ("Backup Creation failed: …", "contoso.com: Failed to …"), or after what succeeded
// ("Successfully removed … However, failed to remove …", "3 DIDs: 2 successful, 1 failed").
var failureWithin = regexp.MustCompile(strings.Join([]string{
	` not found in tenant `, `\bfailed(?::|\.|,| -| at the | on: | with status | for \S+: | \([^)]*\))`, `[:,.] (?:failed|error)\b`,
	` - (?:failed|error)\b`,
	`\bcould not be (?:found|removed|added|deleted|updated|created|set)\b`, `\bwas not (?:deleted|removed|created|updated)\b`, `\bthe error is:`,
	`\b[1-9][0-9]* (?:failed|errored|failures)\b`, `\bfailures: [1-9]`,
	`\baadsts[0-9]+`, `\bauthorization_requestdenied\b`, `\bdoes not indicate success\b`,
	`\b[45][0-9]{2} \(?(?:access denied|forbidden|unauthorized|bad request|not found|conflict|too many requests|internal server error|bad gateway|service unavailable|gateway time-?out)\b`,
}, "|"))

// succeeds matches the beginning of a success. A name in it may look like a failure: "Successfully created policy MFA required for guests".
var succeeds = regexp.MustCompile(`^(?:success|added|created|deleted|disabled|edited|enabled|enforced|removed|saved|scheduled|set|updated)`)

// noneFailed matches a count of no failures: "Successfully set 3 mailbox(es) to … management. Failed: 0".
var noneFailed = regexp.MustCompile(`\bfailed: 0(?:$|[ .,;])`)

// SaysFailure reports whether a sentence of CIPP's, in an answer or among the
// results of a task, reports a failure. In doubt it does: a success that is taken for a
// failure gets noticed, a failure that is taken for a success does not.
func SaysFailure(sentence string) bool {
	low := strings.Join(strings.Fields(strings.ToLower(sentence)), " ")
	for _, word := range failureBegins {
		if strings.HasPrefix(low, word) {
			return true
		}
	}
	return failureWithin.MatchString(noneFailed.ReplaceAllString(low, "")) || !succeeds.MatchString(low) && classOf(low) != fine
}
