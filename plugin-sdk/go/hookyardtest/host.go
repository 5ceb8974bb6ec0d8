//go:build !wasm

// Package hookyardtest has a host in memory for the tests of a plugin. A delivery is a transaction there too.
package hookyardtest

import (
	"encoding/json"
	"maps"
	"sort"
	"strings"
	"sync"
	"time"

	"hookyard"
	"hookyard/abi"
	"hookyard/internal/host"
)

// TB is what a Host needs of a *testing.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// A Host is a host for one test. Its store lasts from one delivery to the next.
type Host struct {
	// Config has the values of the operator's `config` and `secrets`.
	Config map[string]string
	// ContentType is the media type of the content that the payloads of the events were made of. "" is JSON.
	ContentType string
	// Attributes are those of the events, which are CloudEvents.
	Attributes map[string]string
	// Now is the time. The zero value is the machine's.
	Now time.Time
	// Refuse is the reason for which effects are refused. "" grants every destination.
	Refuse string
	// Answers are the responses to immediate requests, by method and URL: "GET https://…". A request without one fails.
	Answers map[string]Response

	test  TB
	store map[storeKey][]byte
	call  call
}

// A Response is a response to an immediate request.
type Response = host.Response

// A Header is a name and a value.
type Header = host.Pair

type storeKey struct{ bucket, key string }

// call is what the current delivery has done so far.
type call struct {
	context  hookyard.Context
	logs     []string
	requests []host.Request
	emails   []host.Email
	events   []Event
	fetched  []host.Request
	effects  int
}

// New returns a host with an empty store and an empty configuration.
func New(test TB) *Host {
	return &Host{
		Config:     map[string]string{},
		Attributes: map[string]string{},
		Answers:    map[string]Response{},
		test:       test,
		store:      map[storeKey][]byte{},
	}
}

// Context returns the context of a first attempt.
func Context(eventType string) hookyard.Context {
	return hookyard.Context{
		EventID:        "evt_sample",
		EventType:      eventType,
		Source:         "moncreneau",
		Created:        "2026-01-21T14:30:00Z",
		ReceivedAt:     1_769_005_801_000,
		IdempotencyKey: "00000000000000000000000000000000",
		Attempt:        1,
	}
}

// Deliver runs the registered handler of an event type, as the host does: the typed one, or else the generic one. The
// payload has the typed handler's type. For the generic one it is any value, which is encoded as JSON, or JSON itself
// as a json.RawMessage.
func (h *Host) Deliver(eventType string, payload any) Result {
	h.test.Helper()
	return h.DeliverIn(Context(eventType), payload)
}

// DeliverIn does so in this context.
func (h *Host) DeliverIn(ctx hookyard.Context, payload any) Result {
	h.test.Helper()
	for _, handler := range abi.Handlers {
		if handler.EventType == ctx.EventType {
			return h.deliver(handler, ctx, payload)
		}
	}
	for _, handler := range abi.Handlers {
		for _, pattern := range handler.Patterns {
			if matches(pattern, ctx.EventType) {
				text, err := json.Marshal(payload)
				// Marshal would change its spaces.
				if raw, isRaw := payload.(json.RawMessage); isRaw && err == nil {
					text = raw
				}
				if err != nil {
					h.test.Fatalf("the payload is no JSON: %v", err)
				}
				return h.deliver(handler, ctx, string(text))
			}
		}
	}
	h.test.Fatalf("the plugin has no handler for %s", ctx.EventType)
	return Result{}
}

func matches(pattern, eventType string) bool {
	prefix, isPrefix := strings.CutSuffix(pattern, "*")
	return pattern == eventType || isPrefix && strings.HasPrefix(eventType, prefix)
}

func (h *Host) deliver(handler *abi.Handler, ctx hookyard.Context, payload any) Result {
	h.test.Helper()
	isType := true
	if componentFile != "" {
		if !handler.Takes(payload) {
			h.test.Fatalf("the payload of %s cannot be a %T", ctx.EventType, payload)
		}
		return h.attempt(handler, ctx, payload)
	}
	result := h.run(ctx, func() (err error) {
		isType, err = handler.Call(ctx, payload)
		return err
	})
	if !isType {
		h.test.Fatalf("the payload of %s cannot be a %T", ctx.EventType, payload)
	}
	return result
}

// Run calls a function that is no registered handler, as a delivery.
func (h *Host) Run(function func() error) Result { return h.run(Context("test.run"), function) }

// One test at a time has the capabilities.
var running sync.Mutex

func (h *Host) run(ctx hookyard.Context, function func() error) Result {
	running.Lock()
	defer running.Unlock()
	host.Current = world{h}
	defer func() { host.Current = nil }()
	before := maps.Clone(h.store)
	h.call = call{context: ctx}
	failure, bug := abi.Run(function)
	result := Result{Outcome: Done, Logs: h.call.logs, Fetched: h.call.fetched}
	switch {
	case bug != "":
		result.Outcome, result.Reason = Trapped, bug
	case failure != nil:
		of := abi.FailureOf(failure)
		result.Outcome, result.Reason, result.After = Retry, of.Reason, of.After
		if of.Rejected {
			result.Outcome, result.After = Rejected, 0
		}
	}
	if result.Outcome != Done {
		h.store = before
		return result
	}
	result.Requests, result.Emails, result.Events = h.call.requests, h.call.emails, h.call.events
	return result
}

// Get returns a value of the store, and whether there is one.
func (h *Host) Get(bucket, key string) (string, bool) {
	value, isThere := h.store[storeKey{bucket, key}]
	return string(value), isThere
}

// Set sets a value of the store.
func (h *Host) Set(bucket, key, value string) { h.store[storeKey{bucket, key}] = []byte(value) }

// Keys returns the keys of a bucket, sorted.
func (h *Host) Keys(bucket string) []string {
	keys := []string{}
	for at := range h.store {
		if at.bucket == bucket {
			keys = append(keys, at.key)
		}
	}
	sort.Strings(keys)
	return keys
}
