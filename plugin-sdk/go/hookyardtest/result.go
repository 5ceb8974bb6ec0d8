//go:build !wasm

package hookyardtest

import (
	"time"

	"hookyard/internal/host"
)

// An Outcome is how a delivery ended.
type Outcome string

// The outcomes of a delivery.
const (
	// Done means that writes and effects are committed.
	Done Outcome = "done"
	// Retry means that the handler requested another attempt.
	Retry Outcome = "retry"
	// Rejected means that the delivery is a dead letter.
	Rejected Outcome = "rejected"
	// Trapped means that the handler panicked, or left goroutines behind. The host makes another attempt.
	Trapped Outcome = "trapped"
)

// A Result is what a delivery did. It has effects only if the outcome is done.
type Result struct {
	// Outcome is how it ended.
	Outcome Outcome
	// Reason is the reason of a failure.
	Reason string
	// After is the shortest delay before the next attempt that the handler requested.
	After time.Duration
	// Logs are the log lines, each as "LEVEL text".
	Logs []string
	// Requests are the HTTP requests in the outbox.
	Requests []host.Request
	// Emails are the emails in the outbox.
	Emails []host.Email
	// Events are the emitted events.
	Events []Event
	// Fetched are the immediate requests. They are outside the transaction, so they do not depend on the outcome.
	Fetched []host.Request
}

// An Event is an emitted event.
type Event struct {
	// Type is its type.
	Type string
	// Data is its payload, JSON.
	Data string
}
