// Package hookyard is the SDK for plugins of hookyard. README.md describes it.
package hookyard

import (
	"fmt"
	"time"

	"hookyard/abi"
)

// A Context describes the event and the attempt of a call.
type Context = abi.Context

// A Failure is the reason why an event was not handled. Retry, RetryAfter and Reject make one.
type Failure = abi.Failure

// OnEvent makes a function the generic handler: for events of these types, with the payload as JSON text. A pattern is
// "appointment.created" for one type, "appointment.*" for all types with that prefix, or "*" for all. A typed handler
// of the same plugin for the same event has precedence. Call it in an init function.
func OnEvent(patterns []string, handle func(ctx Context, data string) error) {
	abi.HandleAny(patterns, handle)
}

// Retry returns a failure that requests another attempt after the operator's backoff.
func Retry(format string, args ...any) error {
	return &Failure{Reason: fmt.Sprintf(format, args...)}
}

// RetryAfter returns a failure that requests another attempt after at least this delay.
func RetryAfter(delay time.Duration, format string, args ...any) error {
	return &Failure{Reason: fmt.Sprintf(format, args...), After: delay}
}

// Reject returns a failure that makes the delivery a dead letter at once, because another attempt would not help.
func Reject(format string, args ...any) error {
	return &Failure{Reason: fmt.Sprintf(format, args...), Rejected: true}
}

// Some returns a pointer to a value, for optional fields.
func Some[T any](value T) *T { return &value }

// A Char is a character.
type Char = abi.Char

// A Pair is an entry of a map, in the order in which the sender wrote it.
type Pair[K, V any] = abi.Pair[K, V]

// A Tuple1 is a tuple.
type Tuple1[A any] = abi.Tuple1[A]

// A Tuple2 is a tuple.
type Tuple2[A, B any] = abi.Tuple2[A, B]

// A Tuple3 is a tuple.
type Tuple3[A, B, C any] = abi.Tuple3[A, B, C]

// A Tuple4 is a tuple.
type Tuple4[A, B, C, D any] = abi.Tuple4[A, B, C, D]
