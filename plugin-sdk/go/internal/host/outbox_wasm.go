package host

import (
	"unsafe"

	"hookyard/abi"
)

//go:wasmimport hookyard:plugin/outbox@0.1.0 send-http
func importSendHTTP(method, url string, headers unsafe.Pointer, headerCount uint32, body unsafe.Pointer, bodyLength uint32, answer unsafe.Pointer)

//go:wasmimport hookyard:plugin/outbox@0.1.0 send-email
func importSendEmail(email, answer unsafe.Pointer)

//go:wasmimport hookyard:plugin/outbox@0.1.0 emit-event
func importEmitEvent(eventType, data string, answer unsafe.Pointer)

// option is an optional text.
type option struct {
	isSome uint8
	text   list
}

func lowerOption(text string) option {
	if text == "" {
		return option{}
	}
	return option{1, lowerText(text)}
}

// The record `email` of wit/hookyard-plugin-0.1.0/outbox.wit.
type loweredEmail struct {
	to, cc, bcc   list
	replyTo       option
	subject, text list
	html          option
	attachments   list
}

// SendHTTP queues a request and returns its idempotency key.
func SendHTTP(request Request) (string, error) {
	begin()
	defer end()
	headers := make([][2]list, len(request.Headers))
	for at, header := range request.Headers {
		headers[at] = lowerPair(header)
	}
	arguments = append(arguments, headers, request.Body)
	importSendHTTP(abi.ValidText(request.Method), abi.ValidText(request.URL),
		unsafe.Pointer(unsafe.SliceData(headers)), uint32(len(headers)),
		unsafe.Pointer(unsafe.SliceData(request.Body)), uint32(len(request.Body)), answerAt())
	return gotResult()
}

// SendEmail queues an email and returns its idempotency key.
func SendEmail(email Email) (string, error) {
	begin()
	defer end()
	lowered := &loweredEmail{
		to:      lowerList(email.To, lowerText),
		cc:      lowerList(email.CC, lowerText),
		bcc:     lowerList(email.BCC, lowerText),
		replyTo: lowerOption(email.ReplyTo),
		subject: lowerText(email.Subject),
		text:    lowerText(email.Text),
		html:    lowerOption(email.HTML),
		attachments: lowerList(email.Attachments, func(file Attachment) [3]list {
			return [3]list{lowerText(file.Filename), lowerText(file.ContentType), lowerBytes(file.Content)}
		}),
	}
	arguments = append(arguments, lowered)
	importSendEmail(unsafe.Pointer(lowered), answerAt())
	return gotResult()
}

// EmitEvent emits an event and returns its id.
func EmitEvent(eventType, data string) (string, error) {
	begin()
	defer end()
	importEmitEvent(abi.ValidText(eventType), abi.ValidText(data), answerAt())
	return gotResult()
}
