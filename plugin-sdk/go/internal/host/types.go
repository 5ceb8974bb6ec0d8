// Package host has the host's functions: in a plugin its imports, and in tests those of package hookyardtest.
package host

import "time"

// A Pair is a name and a value, as in headers.
type Pair struct {
	// Name is the name.
	Name string
	// Value is the value.
	Value string
}

// An Entry is a key of a store and its value.
type Entry struct {
	// Key is the key.
	Key string
	// Value is the value.
	Value []byte
}

// A Request is an HTTP request.
type Request struct {
	// Method is "POST", "PUT", …
	Method string
	// URL is absolute, http or https.
	URL string
	// Headers are names and values.
	Headers []Pair
	// Body is empty if there is none.
	Body []byte
	// Timeout limits the connection, and again the start of the response, of an immediate request.
	Timeout time.Duration
}

// A Response is the response to an immediate request.
type Response struct {
	// Status is the status code.
	Status int
	// Headers are names and values.
	Headers []Pair
	// Body is the whole body.
	Body []byte
}

// An Attachment is a file of an email.
type Attachment struct {
	// Filename is the name that the recipient sees.
	Filename string
	// ContentType is the media type.
	ContentType string
	// Content is the content of the file.
	Content []byte
}

// An Email is an email.
type Email struct {
	// To are the addresses.
	To []string
	// CC are more recipients, visible to all.
	CC []string
	// BCC are more recipients, visible to no other recipient.
	BCC []string
	// ReplyTo is the address for replies. Without it, replies go to the sender.
	ReplyTo string
	// Subject is the subject.
	Subject string
	// Text is the plain text.
	Text string
	// HTML is the same text as HTML, if there is one.
	HTML string
	// Attachments are its files.
	Attachments []Attachment
}

// A FetchError is the reason why there is no response.
type FetchError struct {
	// Reason is the text for the operator.
	Reason string
	// Lasting is true if another attempt would not help.
	Lasting bool
}

// Error returns the reason.
func (e *FetchError) Error() string { return e.Reason }

// IsLasting tells whether another attempt would not help.
func (e *FetchError) IsLasting() bool { return e.Lasting }
