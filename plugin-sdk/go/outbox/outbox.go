// Package outbox has effects: HTTP requests, emails and events that the host sends after the event is handled.
//
// No effect leaves while a handler runs. If the handler returns nil, the host commits its transaction and then attempts
// each effect, at least once, with the same `Idempotency-Key` on every attempt. Every function returns that key, or a
// *RefusedError.
package outbox

import (
	"encoding/json"
	"fmt"

	"hookyard/internal/host"
)

// A Header is a name and a value.
type Header = host.Pair

// An Attachment is a file of an email.
type Attachment = host.Attachment

// An Email is an email. The operator must grant its recipients (`email` in the plugin's section).
type Email = host.Email

// A Request is an HTTP request. The operator must grant its origin (`http` in the plugin's section).
type Request struct {
	// Method is "POST", "PUT", …
	Method string
	// URL is absolute, http or https.
	URL string
	// Headers are names and values.
	Headers []Header
	// Body is empty if there is none.
	Body []byte
}

// SendHTTP queues a request.
func SendHTTP(request Request) (string, error) {
	key, err := host.SendHTTP(host.Request{
		Method: request.Method, URL: request.URL, Headers: request.Headers, Body: request.Body,
	})
	return refused(key, err)
}

// SendJSON queues a POST with this value as JSON.
func SendJSON(url string, value any, headers ...Header) (string, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("the body of a request to %s: %w", url, err)
	}
	headers = append([]Header{{Name: "Content-Type", Value: "application/json"}}, headers...)
	return SendHTTP(Request{Method: "POST", URL: url, Headers: headers, Body: body})
}

// SendEmail queues an email.
func SendEmail(email Email) (string, error) {
	key, err := host.SendEmail(email)
	return refused(key, err)
}

// EmitEvent emits an event with this value as JSON, which the host stores and routes like a received one. The operator
// must grant its type (`emit` in the plugin's section). A json.RawMessage is taken as it is.
func EmitEvent(eventType string, data any) (string, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return "", fmt.Errorf("the data of an event %s: %w", eventType, err)
	}
	key, err := host.EmitEvent(eventType, string(text))
	return refused(key, err)
}

func refused(key string, err error) (string, error) {
	if err != nil {
		return "", &RefusedError{err.Error()}
	}
	return key, nil
}

// A RefusedError is the reason why the host refused an effect: a destination without a grant, a malformed request, or a
// limit. Another attempt would not help, so a handler that returns it rejects the delivery.
type RefusedError struct {
	// Reason is the host's reason.
	Reason string
}

// Error returns the reason.
func (e *RefusedError) Error() string { return e.Reason }

// IsLasting is true: another attempt would not help.
func (e *RefusedError) IsLasting() bool { return true }
