//go:build !wasm

package hookyardtest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"

	"hookyard/internal/host"
)

// world gives a host's capabilities to the plugin's code.
type world struct{ host *Host }

var levels = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"}

// Headers that belong to the connection.
var connectionHeaders = []string{
	"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
}

func (w world) Log(level uint32, message string) {
	w.host.call.logs = append(w.host.call.logs, levels[level]+" "+message)
}

func (w world) ConfigGet(key string) (string, bool) {
	value, isSet := w.host.Config[key]
	return value, isSet
}

func (w world) ConfigAll() []host.Pair { return sorted(w.host.Config) }

// sorted returns the names and values of a map, by name.
func sorted(values map[string]string) []host.Pair {
	all := []host.Pair{}
	for name, value := range values {
		all = append(all, host.Pair{Name: name, Value: value})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

func (w world) ContentType() (string, bool) { return w.host.ContentType, w.host.ContentType != "" }

func (w world) Attribute(name string) (string, bool) {
	value, isThere := w.host.Attributes[name]
	return value, isThere
}

func (w world) Attributes() []host.Pair { return sorted(w.host.Attributes) }

func (w world) Now() time.Time {
	if w.host.Now.IsZero() {
		return time.Now().UTC()
	}
	return w.host.Now.UTC()
}

func (w world) RandomBytes(count int) []byte {
	bytes := make([]byte, count)
	// It never fails.
	_, _ = rand.Read(bytes)
	return bytes
}

func (w world) Get(bucket, key string) ([]byte, bool) {
	value, isThere := w.host.store[storeKey{bucket, key}]
	return slices.Clone(value), isThere
}

func (w world) Set(bucket, key string, value []byte) {
	w.host.store[storeKey{bucket, key}] = append([]byte{}, value...)
}

func (w world) Delete(bucket, key string) { delete(w.host.store, storeKey{bucket, key}) }

func (w world) Keys(bucket string) []string { return w.host.Keys(bucket) }

func (w world) Increment(bucket, key string, delta int64) (int64, error) {
	value, isThere := w.Get(bucket, key)
	number, err := int64(0), error(nil)
	if isThere {
		number, err = strconv.ParseInt(string(value), 10, 64)
	}
	sum := number + delta
	if err != nil || (sum > number) != (delta > 0) && delta != 0 {
		return 0, fmt.Errorf("the value of %q cannot be incremented", key)
	}
	w.Set(bucket, key, []byte(strconv.FormatInt(sum, 10)))
	return sum, nil
}

func (w world) SendHTTP(request host.Request) (string, error) {
	if !isToken(request.Method) {
		return "", fmt.Errorf("%q is no HTTP method", request.Method)
	}
	if !isURL(request.URL) {
		return "", fmt.Errorf("%q is no http(s) URL", request.URL)
	}
	for _, header := range request.Headers {
		if !isToken(header.Name) || strings.ContainsAny(header.Value, "\r\n\x00") {
			return "", fmt.Errorf("the header %q is malformed", header.Name)
		}
		if slices.Contains(connectionHeaders, strings.ToLower(header.Name)) {
			return "", fmt.Errorf("the header %q belongs to the connection", header.Name)
		}
	}
	return w.ask(func(call *call) { call.requests = append(call.requests, request) })
}

func (w world) SendEmail(email host.Email) (string, error) {
	recipients := slices.Concat(email.To, email.CC, email.BCC)
	if len(recipients) == 0 {
		return "", errors.New("the email has no recipient")
	}
	for _, address := range recipients {
		if !isAddress(address) {
			return "", fmt.Errorf("%q is no email address", address)
		}
	}
	return w.ask(func(call *call) { call.emails = append(call.emails, email) })
}

func (w world) EmitEvent(eventType, data string) (string, error) {
	fits := func(c rune) bool { return !unicode.IsSpace(c) && !unicode.IsControl(c) && c != '*' }
	if eventType == "" || strings.ContainsFunc(eventType, func(c rune) bool { return !fits(c) }) {
		return "", fmt.Errorf("%q is no event type", eventType)
	}
	if !json.Valid([]byte(data)) {
		return "", errors.New("the data of the event is no JSON")
	}
	return w.ask(func(call *call) { call.events = append(call.events, Event{eventType, data}) })
}

func (w world) ask(add func(*call)) (string, error) {
	if w.host.Refuse != "" {
		return "", errors.New(w.host.Refuse)
	}
	call := &w.host.call
	add(call)
	call.effects++
	return fmt.Sprintf("%s.%d", call.context.IdempotencyKey, call.effects), nil
}

func (w world) Fetch(request host.Request) (host.Response, *host.FetchError) {
	request.Headers = slices.Clone(request.Headers)
	for at := range request.Headers { // as the host passes them on
		request.Headers[at].Name = strings.ToLower(request.Headers[at].Name)
	}
	w.host.call.fetched = append(w.host.call.fetched, request)
	if !isURL(request.URL) {
		return host.Response{}, &host.FetchError{Reason: "it has no absolute URL of http or https", Lasting: true}
	}
	response, isThere := w.host.Answers[request.Method+" "+request.URL]
	if !isThere {
		return host.Response{}, &host.FetchError{Reason: "this test has no answer to it"}
	}
	return response, nil
}

func isURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != ""
}

// isAddress tells whether a text is `user@host` or `Name <user@host>`.
func isAddress(text string) bool {
	if begin := strings.LastIndexByte(text, '<'); begin >= 0 && strings.HasSuffix(text, ">") {
		text = text[begin+1 : len(text)-1]
	}
	user, domain, isAddress := strings.Cut(text, "@")
	return isAddress && user != "" && domain != "" && !strings.ContainsAny(text, " ,\r\n")
}

func isToken(text string) bool {
	isOther := func(c rune) bool {
		return !(c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("!#$%&'*+-.^_`|~", c)))
	}
	return text != "" && !strings.ContainsFunc(text, isOther)
}
