package abi

import (
	"errors"
	"time"
)

// A Failure is the reason why an event was not handled.
type Failure struct {
	// Reason is the text for the operator.
	Reason string
	// Rejected is true if another attempt would not help.
	Rejected bool
	// After is the shortest delay before the next attempt. With 0 the operator's backoff decides.
	After time.Duration
}

// Error returns the reason.
func (f *Failure) Error() string { return f.Reason }

// FailureOf returns the failure that an error of a handler means: itself, or a rejection if another attempt cannot
// help, or else a request for another attempt. The whole error is the reason.
func FailureOf(err error) Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return Failure{err.Error(), failure.Rejected, failure.After}
	}
	var lasting interface{ IsLasting() bool }
	isLasting := errors.As(err, &lasting) && lasting.IsLasting()
	return Failure{Reason: err.Error(), Rejected: isLasting}
}
