package cipp

import (
	"regexp"
	"strings"
)

// CIPP answers 200, or calls a task Completed, and says in a sentence that it
// failed. Its source has a sentence of its own for each endpoint, mostly in the
// catch block; these are the ways in which they begin, …
var failureBegins = []string{
	"failed", "error", "could not", "unable", "cannot", "can't", "warning", "invalid", "insufficient",
	"we've failed", "we have failed", "we could not", "no valid", "you do not have permission", "access denied", "access to this",
	"task with name", "task failed", "task blocked", "the command '", "unexpected error", "an unexpected error", "an error", "something went wrong",
	"user not found", "mapping api failed", "function error", "graph error", "repository error",
}

// … or which stand somewhere within them: after the name of what failed
// ("Backup Creation failed: …", "contoso.com: Failed to …"), or after what went well
// ("Successfully removed … However, failed to remove …", "3 DIDs: 2 successful, 1 failed").
var failureWithin = regexp.MustCompile(strings.Join([]string{
	` not found in tenant `, `\bfailed(?::|\.|,| -| at the | on: | with status | for \S+: | \([^)]*\))`, `[:,.] (?:failed|error)\b`, ` - (?:failed|error)\b`,
	`\bcould not be (?:found|removed|added|deleted|updated|created|set)\b`, `\bwas not (?:deleted|removed|created|updated)\b`, `\bthe error is:`,
	`\b[1-9][0-9]* (?:failed|errored|failures)\b`, `\bfailures: [1-9]`,
}, "|"))

// SaysFailure reports whether a sentence of CIPP's, in an answer or among the
// results of a task, speaks of a failure. A success that is taken for a failure
// makes somebody look; a failure that is taken for a success, nobody.
func SaysFailure(sentence string) bool {
	low := strings.Join(strings.Fields(strings.ToLower(sentence)), " ")
	for _, word := range failureBegins {
		if strings.HasPrefix(low, word) {
			return true
		}
	}
	return failureWithin.MatchString(low)
}
