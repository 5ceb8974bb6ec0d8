// Package http has HTTP requests whose response the handler needs at once.
//
// A request is outside the handler's transaction: it is sent even if the handler fails afterwards, and again with every
// attempt. Send requests that can wait through package outbox. The operator must grant the origin (`http` in the
// plugin's section). The time of the request counts as the handler's. Package net/http does not work in a plugin.
package http

import (
	"encoding/json"
	"fmt"
	"strings"

	"hookyard/internal/host"
)

// A Header is a name and a value.
type Header = host.Pair

// A Request is an HTTP request.
type Request = host.Request

// An Error is the reason why there is no response. A handler that returns it requests another attempt, or rejects the
// delivery if the request is invalid or the operator has not granted its destination.
type Error = host.FetchError

// A Response is the response to a request.
type Response struct {
	// Status is the status code.
	Status int
	// Headers are names and values, as received.
	Headers []Header
	// Body is the whole body.
	Body []byte
}

// Get sends a GET request.
func Get(url string, headers ...Header) (*Response, error) {
	return Fetch(Request{Method: "GET", URL: url, Headers: headers})
}

// Fetch sends a request and waits for the whole response, whatever its status. Without one it returns an *Error.
func Fetch(request Request) (*Response, error) {
	if request.Method == "" {
		request.Method = "GET"
	}
	response, failed := host.Fetch(request)
	if failed != nil {
		// The query may have confidential data.
		url, _, _ := strings.Cut(request.URL, "?")
		return nil, &Error{Reason: fmt.Sprintf("%s %s: %s", request.Method, url, failed.Reason), Lasting: failed.Lasting}
	}
	return &Response{response.Status, response.Headers, response.Body}, nil
}

// IsSuccess tells whether the status is 200 to 299.
func (r *Response) IsSuccess() bool { return r.Status >= 200 && r.Status < 300 }

// Header returns the first header with this name, whose case does not matter, or "".
func (r *Response) Header(name string) string {
	for _, header := range r.Headers {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// Text returns the body as text. U+FFFD replaces bytes that are not UTF-8.
func (r *Response) Text() string { return strings.ToValidUTF8(string(r.Body), "\ufffd") }

// JSON decodes the body.
func (r *Response) JSON(into any) error { return json.Unmarshal(r.Body, into) }
