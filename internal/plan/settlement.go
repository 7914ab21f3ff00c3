package plan

// The ways to settle an object.
const (
	SettleAccept = "accept" // it is the object with this ref
	SettleCreate = "create" // none of the candidates: make a new one
	SettleIgnore = "ignore" // it is left as it is
	SettleRetry  = "retry"  // the dead end at the target is cleared
)

// A Settlement is what a person decided of one object.
type Settlement struct {
	Key    Key    `json:"key"`
	How    string `json:"how"`
	Ref    string `json:"ref,omitempty"`
	Reason string `json:"reason,omitempty"`
}
