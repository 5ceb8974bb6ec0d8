//go:build !wasm

package hookyardtest

import (
	"bytes"
	"encoding/json"
	stderrors "errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"hookyard"
	"hookyard/abi"
	"hookyard/internal/host"
)

// Deliveries run on the built component if HOOKYARD_WASM names its file: HOOKYARD is the program that runs it, by default
// the `hookyard` of the path.
var (
	componentFile = os.Getenv("HOOKYARD_WASM")
	program       = os.Getenv("HOOKYARD")
)

// The case of `hookyard plugin attempt`, and its report.
type (
	attemptCase struct {
		Event    attemptEvent                      `json:"event"`
		Attempt  uint32                            `json:"attempt"`
		Config   map[string]string                 `json:"config"`
		Store    map[string]map[string]sentContent `json:"store"`
		Refusals []*string                         `json:"refusals"`
		Answers  []any                             `json:"answers"`
	}
	attemptEvent struct {
		Source        string            `json:"source"`
		ID            string            `json:"id"`
		Type          string            `json:"type"`
		Created       string            `json:"created"`
		ReceivedAt    uint64            `json:"received_at"`
		Package       *string           `json:"package"`
		ContentType   string            `json:"content_type,omitempty"`
		Attributes    map[string]string `json:"attributes,omitempty"`
		Payload       string            `json:"payload"`
		PayloadIsText bool              `json:"payload_is_text"`
	}
	sentContent struct {
		Base64 []byte `json:"base64"`
	}
	// content has bytes as base64, or as the text that they are.
	content struct {
		Base64 []byte
		Text   string
	}
	answer struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
		Body    sentContent `json:"body"`
	}
	attemptReport struct {
		Outcome      Outcome
		Cause        string
		Reason       string
		AfterMS      int64 `json:"after_ms"`
		Logs         []string
		Requests     []attemptRequest
		Asked        []attemptEffect
		IsUnanswered bool `json:"is_unanswered"`
		Writes       []struct {
			Bucket, Key, Value string
			Base64             []byte
			Deleted            bool
		}
		Effects []attemptEffect
	}
	attemptRequest struct {
		Method, URL string
		Headers     [][2]string
		Body        content
	}
	attemptEffect struct {
		attemptRequest
		Kind          string
		To, CC, BCC   []string
		ReplyTo       string `json:"reply_to"`
		Subject, Text string
		HTML          string
		Attachments   []struct {
			Filename    string
			ContentType string `json:"content_type"`
			Content     content
		}
		EventType string `json:"event_type"`
		Data      string
	}
)

// attempt makes an attempt of the built component. When the handler sends a request of its own, or asks for an effect
// that is refused, it is made again with the answer or the refusal, as if nothing had happened. What it asks for is
// decided in its order.
func (h *Host) attempt(handler *abi.Handler, ctx hookyard.Context, payload any) Result {
	h.test.Helper()
	if !h.Now.IsZero() {
		h.test.Fatalf("a component has the machine's clock: this test sets Now")
	}
	made := h.caseOf(ctx)
	if handler.EventType == "" {
		made.Event.Payload = payload.(string)
	} else {
		name, _, _ := strings.Cut(handler.Export, "/")
		made.Event.Package = &name
		text, err := sentJSON(payload)
		if err != nil {
			h.test.Fatalf("the payload of %s has no JSON: %v", ctx.EventType, err)
		}
		made.Event.Payload = text
	}
	for checked := 0; ; {
		report := h.runAttempt(made)
		isSame := true
		for isSame && checked < len(report.Asked) {
			asked := report.Asked[checked]
			checked++
			isSame = h.accept(made, asked, report.IsUnanswered && checked == len(report.Asked))
		}
		if isSame {
			return h.take(report)
		}
	}
}

// accept decides about what the handler asked for, in its order. It returns whether the attempt went on with the same
// decision, so that it need not be made again.
func (h *Host) accept(made *attemptCase, asked attemptEffect, isUnanswered bool) bool {
	if asked.Kind == "request" {
		if isUnanswered {
			made.Answers = append(made.Answers, h.answer(asked.attemptRequest))
		}
		return !isUnanswered
	}
	if h.Refuse == "" {
		made.Refusals = append(made.Refusals, nil)
		return true
	}
	made.Refusals = append(made.Refusals, &h.Refuse)
	return false
}

func (h *Host) caseOf(ctx hookyard.Context) *attemptCase {
	store := map[string]map[string]sentContent{}
	for at, value := range h.store {
		if store[at.bucket] == nil {
			store[at.bucket] = map[string]sentContent{}
		}
		store[at.bucket][at.key] = asContent(value)
	}
	return &attemptCase{
		Event: attemptEvent{
			Source: ctx.Source, ID: ctx.EventID, Type: ctx.EventType, Created: ctx.Created, ReceivedAt: ctx.ReceivedAt,
			ContentType: h.ContentType, Attributes: h.Attributes, PayloadIsText: true,
		},
		Attempt:  ctx.Attempt,
		Config:   h.Config,
		Store:    store,
		Refusals: []*string{},
		Answers:  []any{},
	}
}

func (h *Host) runAttempt(made *attemptCase) attemptReport {
	h.test.Helper()
	input, err := json.Marshal(made)
	if err != nil {
		h.test.Fatalf("the attempt has no JSON: %v", err)
	}
	output, errors, err := runProgram([]string{"plugin", "attempt", componentFile}, input)
	if err != nil {
		h.test.Fatalf("hookyard plugin attempt: %v: %s", err, errors)
	}
	var report attemptReport
	if err := json.Unmarshal(output, &report); err != nil {
		h.test.Fatalf("hookyard plugin attempt: its report: %v", err)
	}
	return report
}

// runProgram runs the host's own program with this standard input, and returns its output and its messages.
func runProgram(arguments []string, input []byte) (output []byte, messages string, err error) {
	name := program
	if name == "" {
		name = "hookyard"
	}
	command := exec.Command(name, arguments...)
	var errors bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(input), &errors
	output, err = command.Output()
	var ended *exec.ExitError
	switch {
	case err != nil && !stderrors.As(err, &ended):
		err = fmt.Errorf("%s does not start (%w): the test needs the host's own program; put it in the path, or name it in HOOKYARD", name, err)
	case strings.Contains(errors.String(), "unrecognized subcommand"):
		err = fmt.Errorf("%s is older than this SDK: update it", name)
	}
	return output, errors.String(), err
}

func (h *Host) answer(request attemptRequest) any {
	response, isThere := Response{}, false
	for asked, answer := range h.Answers {
		method, address, _ := strings.Cut(asked, " ")
		if method == request.Method && normalURL(address) == normalURL(request.URL) {
			response, isThere = answer, true
		}
	}
	if !isThere {
		return map[string]string{"failure": "this test has no answer to it"}
	}
	headers := [][2]string{}
	for _, header := range response.Headers {
		headers = append(headers, [2]string{header.Name, header.Value})
	}
	return answer{Status: response.Status, Headers: headers, Body: asContent(response.Body)}
}

// normalURL writes a URL as the host does.
func normalURL(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		return text
	}
	parsed.Scheme, parsed.Host, parsed.Fragment = strings.ToLower(parsed.Scheme), strings.ToLower(parsed.Host), ""
	if port := parsed.Port(); parsed.Scheme == "https" && port == "443" || parsed.Scheme == "http" && port == "80" {
		parsed.Host = strings.TrimSuffix(parsed.Host, ":"+port)
	}
	if parsed.Path == "" {
		parsed.Path = "/"
	}
	return parsed.String()
}

// take takes what a component's attempt did.
func (h *Host) take(report attemptReport) Result {
	result := Result{Outcome: report.Outcome, Reason: report.Reason, Logs: report.Logs}
	for _, request := range report.Requests {
		result.Fetched = append(result.Fetched, request.toHost())
	}
	switch {
	case result.Outcome == Done:
	case result.Outcome == Retry && report.Cause != "handler":
		result.Outcome = Trapped
		return result
	default:
		result.After = time.Duration(report.AfterMS) * time.Millisecond
		return result
	}
	for _, write := range report.Writes {
		at := storeKey{write.Bucket, write.Key}
		switch {
		case write.Deleted:
			delete(h.store, at)
		case write.Base64 != nil:
			h.store[at] = write.Base64
		default:
			h.store[at] = []byte(write.Value)
		}
	}
	for _, effect := range report.Effects {
		switch effect.Kind {
		case "http":
			result.Requests = append(result.Requests, effect.toHost())
		case "email":
			result.Emails = append(result.Emails, effect.toEmail())
		default:
			result.Events = append(result.Events, Event{effect.EventType, effect.Data})
		}
	}
	return result
}

func (e attemptEffect) toEmail() host.Email {
	email := host.Email{
		To: e.To, CC: e.CC, BCC: e.BCC, ReplyTo: e.ReplyTo, Subject: e.Subject, Text: e.Text, HTML: e.HTML,
	}
	for _, file := range e.Attachments {
		made := host.Attachment{Filename: file.Filename, ContentType: file.ContentType, Content: file.Content.bytes()}
		email.Attachments = append(email.Attachments, made)
	}
	return email
}

func (r attemptRequest) toHost() host.Request {
	request := host.Request{Method: r.Method, URL: r.URL, Body: r.Body.bytes()}
	for _, header := range r.Headers {
		request.Headers = append(request.Headers, host.Pair{Name: header[0], Value: header[1]})
	}
	return request
}

// asContent never has no bytes, which would be null.
func asContent(bytes []byte) sentContent { return sentContent{append([]byte{}, bytes...)} }

func (c content) bytes() []byte {
	if c.Base64 != nil {
		return c.Base64
	}
	return []byte(c.Text)
}
