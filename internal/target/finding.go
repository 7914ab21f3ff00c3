package target

// A Finding is one line of the check of a system, for an operator.
type Finding struct {
	System string `json:"system"` // set by who asks several
	Name   string `json:"check"`  // what was checked
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`           // what was found
	Remedy string `json:"remedy,omitempty"` // what to do; empty where OK
}

// Found is the line of a check that ended with err: what was found where err is nil, or
// else what went wrong and what to do.
func Found(name, detail, remedy string, err error) Finding {
	if err != nil {
		return Finding{Name: name, Detail: err.Error(), Remedy: remedy}
	}
	return Finding{Name: name, OK: true, Detail: detail}
}
