package abi

import (
	"fmt"
	"reflect"
	"strings"
)

// A Context describes the event and the attempt of a call.
type Context struct {
	// EventID is the id that the sender gave the event, unique within its source.
	EventID string `json:"eventId"`
	// EventType is the event's type as the sender writes it, such as "appointment.created".
	EventType string `json:"eventType"`
	// Source is the operator's name for the sender.
	Source string `json:"source"`
	// Created is the time of the event according to the sender, RFC 3339.
	Created string `json:"created"`
	// ReceivedAt is the time of receipt, in milliseconds since the Unix epoch.
	ReceivedAt uint64 `json:"receivedAt"`
	// IdempotencyKey is the same on every attempt of this delivery, and on no other delivery: 32 hexadecimal digits.
	// Pass it to systems that must not act twice.
	IdempotencyKey string `json:"idempotencyKey"`
	// Attempt is the number of this attempt of the delivery, from 1.
	Attempt uint32 `json:"attempt"`
}

// The beginning and the end of a name in the module by which `hookyard plugin build` finds what it exports.
const (
	markBegin = "\x01hookyard:export "
	markEnd   = "\x01"
)

// A Handler handles events.
type Handler struct {
	// Export is the name of the interface that has the handler, with its version.
	Export string
	// EventType is the type of its events, or "" for a handler of any type.
	EventType string
	// Patterns are the event types of a handler of any type.
	Patterns []string
	// Call handles an event whose payload has the handler's type, and returns whether it has that type.
	Call func(ctx Context, payload any) (isType bool, failure error)
	// Payload is the type of payloads.
	Payload reflect.Type
	// Takes tells whether a payload has the handler's type.
	Takes func(payload any) bool

	read func(r *Reader) func(Context) error
}

// Handlers are the registered handlers.
var Handlers []*Handler

// Handle registers the handler of an event type. The mark has the interface's name; the module contains it only if the
// plugin calls the function that has it.
func Handle[T any](mark, eventType string, read func(*Reader) T, handle func(Context, T) error) {
	register(mark, &Handler{
		EventType: eventType,
		Call: func(ctx Context, payload any) (bool, error) {
			value, isType := payload.(T)
			if !isType {
				return false, nil
			}
			return true, handle(ctx, value)
		},
		Payload: reflect.TypeFor[T](),
		Takes: func(payload any) bool {
			_, isType := payload.(T)
			return isType
		},
		read: func(r *Reader) func(Context) error {
			value := read(r)
			return func(ctx Context) error { return handle(ctx, value) }
		},
	})
}

// HandleAny registers the generic handler.
func HandleAny(patterns []string, handle func(Context, string) error) {
	Handle(markBegin+"hookyard:plugin/event-handler@0.1.0"+markEnd, "", (*Reader).String, handle)
	Handlers[len(Handlers)-1].Patterns = patterns
}

func register(mark string, handler *Handler) {
	handler.Export = strings.TrimSuffix(strings.TrimPrefix(mark, markBegin), markEnd)
	if findHandler(handler.Export) != nil {
		panic(fmt.Sprintf("hookyard: there are two handlers for %s", handler.Export))
	}
	Handlers = append(Handlers, handler)
}

func findHandler(export string) *Handler {
	for _, handler := range Handlers {
		if handler.Export == export {
			return handler
		}
	}
	return nil
}

func readContext(r *Reader) Context {
	return Context{
		EventID:        r.String(),
		EventType:      r.String(),
		Source:         r.String(),
		Created:        r.String(),
		ReceivedAt:     r.U64(),
		IdempotencyKey: r.String(),
		Attempt:        r.U32(),
	}
}
