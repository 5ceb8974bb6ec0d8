package host

import (
	"strings"
	"unsafe"

	"hookyard/abi"
)

const (
	// The most that `blocking-write-and-flush` takes.
	writeMax = 4096
	// What one read asks for.
	readMax = 64 * 1024
)

//go:wasmimport wasi:http/types@0.2.12 [constructor]fields
func importFields() uint32

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]fields
func importDropFields(fields uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]fields.append
func importAppend(fields uint32, name, value string, answer unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]fields.entries
func importEntries(fields uint32, answer unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [constructor]outgoing-request
func importRequest(fields uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]outgoing-request
func importDropRequest(request uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-method
func importSetMethod(request, method uint32, other string) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-scheme
func importSetScheme(request, isSome, scheme uint32, other string) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-authority
func importSetAuthority(request, isSome uint32, authority string) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-path-with-query
func importSetPath(request, isSome uint32, path string) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.body
func importRequestBody(request uint32, answer unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-body.write
func importWrite(body uint32, answer unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [static]outgoing-body.finish
func importFinish(body, hasTrailers, trailers uint32, answer unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]outgoing-body
func importDropOutgoingBody(body uint32)

//go:wasmimport wasi:io/streams@0.2.12 [method]output-stream.blocking-write-and-flush
func importWriteAndFlush(stream uint32, content unsafe.Pointer, length uint32, answer unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.12 [resource-drop]output-stream
func importDropOutput(stream uint32)

//go:wasmimport wasi:http/types@0.2.12 [constructor]request-options
func importOptions() uint32

//go:wasmimport wasi:http/types@0.2.12 [method]request-options.set-connect-timeout
func importSetConnectTimeout(options, isSome uint32, nanoseconds uint64) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]request-options.set-first-byte-timeout
func importSetFirstByteTimeout(options, isSome uint32, nanoseconds uint64) uint32

//go:wasmimport wasi:http/outgoing-handler@0.2.12 handle
func importHandle(request, hasOptions, options uint32, answer unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]future-incoming-response.subscribe
func importSubscribe(future uint32) uint32

//go:wasmimport wasi:io/poll@0.2.12 [method]pollable.block
func importBlock(pollable uint32)

//go:wasmimport wasi:io/poll@0.2.12 [resource-drop]pollable
func importDropPollable(pollable uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]future-incoming-response.get
func importFutureGet(future uint32, answer unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]future-incoming-response
func importDropFuture(future uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.status
func importStatus(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.headers
func importHeaders(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.consume
func importConsume(response uint32, answer unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]incoming-response
func importDropResponse(response uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-body.stream
func importStream(body uint32, answer unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]incoming-body
func importDropIncomingBody(body uint32)

//go:wasmimport wasi:io/streams@0.2.12 [method]input-stream.blocking-read
func importRead(stream uint32, count uint64, answer unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.12 [resource-drop]input-stream
func importDropInput(stream uint32)

//go:wasmimport wasi:io/error@0.2.12 [resource-drop]error
func importDropError(err uint32)

// Fetch sends a request and waits for the whole response, whatever its status.
func Fetch(request Request) (Response, *FetchError) {
	begin()
	defer end()
	outgoing, problem := makeRequest(request)
	if problem != "" {
		return Response{}, &FetchError{problem, true}
	}
	body, hasBody := uint32(0), len(request.Body) > 0
	if hasBody {
		importRequestBody(outgoing, answerAt())
		body = got32(4)
	}
	hasOptions, options := makeOptions(request)
	importHandle(outgoing, hasOptions, options, answerAt())
	if got8(0) != 0 {
		failed := gotErrorCode(8)
		if hasBody {
			importDropOutgoingBody(body)
		}
		return Response{}, failed
	}
	future := got32(8)
	if hasBody {
		writeBody(body, request.Body)
	}
	response, failed := waitForResponse(future)
	if failed != nil {
		return Response{}, failed
	}
	defer importDropResponse(response)
	return readResponse(response)
}

// makeRequest returns a handle, or what is wrong with the request.
func makeRequest(request Request) (outgoing uint32, problem string) {
	scheme, rest, isAbsolute := strings.Cut(request.URL, "://")
	kind := uint32(0)
	switch strings.ToLower(scheme) {
	case "http":
	case "https":
		kind = 1
	default:
		isAbsolute = false
	}
	rest, _, _ = strings.Cut(rest, "#")
	at := strings.IndexAny(rest, "/?")
	if at < 0 {
		at = len(rest)
	}
	authority, path := rest[:at], rest[at:]
	if !isAbsolute || authority == "" {
		return 0, "it has no absolute URL of http or https"
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	fields, problem := makeFields(request)
	if problem != "" {
		return 0, problem
	}
	outgoing = importRequest(fields)
	method, other := methodOf(request.Method)
	switch {
	case importSetMethod(outgoing, method, abi.ValidText(other)) != 0:
		problem = "its method is not valid"
	case importSetScheme(outgoing, 1, kind, "") != 0,
		importSetAuthority(outgoing, 1, abi.ValidText(authority)) != 0,
		importSetPath(outgoing, 1, abi.ValidText(path)) != 0:
		problem = "its URL is not valid"
	}
	if problem != "" {
		importDropRequest(outgoing)
	}
	return outgoing, problem
}

func makeFields(request Request) (fields uint32, problem string) {
	fields = importFields()
	for _, header := range request.Headers {
		importAppend(fields, abi.ValidText(header.Name), header.Value, answerAt())
		if got8(0) != 0 {
			importDropFields(fields)
			return 0, "its header " + header.Name + " is malformed, or the host's own"
		}
	}
	if len(request.Body) > 0 {
		// A host that frames the body itself refuses this header, which does no harm.
		importAppend(fields, "content-length", decimal(len(request.Body)), answerAt())
	}
	return fields, ""
}

func decimal(number int) string {
	var digits [20]byte
	at := len(digits)
	for ; number > 0 || at == len(digits); number /= 10 {
		at--
		digits[at] = byte('0' + number%10)
	}
	return string(digits[at:])
}

// The cases of the variant `method`; the next one is any other.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

func methodOf(name string) (method uint32, other string) {
	for at, known := range methods {
		if known == name {
			return uint32(at), ""
		}
	}
	return uint32(len(methods)), name
}

func makeOptions(request Request) (hasOptions, options uint32) {
	if request.Timeout <= 0 {
		return 0, 0
	}
	options = importOptions()
	// A host without these limits applies its own.
	importSetConnectTimeout(options, 1, uint64(request.Timeout))
	importSetFirstByteTimeout(options, 1, uint64(request.Timeout))
	return 1, options
}

// writeBody ignores a failed write: the response, or its failure, decides.
func writeBody(body uint32, content []byte) {
	importWrite(body, answerAt())
	if got8(0) == 0 {
		stream := got32(4)
		for len(content) > 0 {
			length := min(len(content), writeMax)
			importWriteAndFlush(stream, unsafe.Pointer(unsafe.SliceData(content)), uint32(length), answerAt())
			if got8(0) != 0 {
				dropStreamError()
				break
			}
			content = content[length:]
		}
		importDropOutput(stream)
	}
	importFinish(body, 0, 0, answerAt())
	abi.FreeArena()
}

// dropStreamError drops the error that the answer has, if it is one with a handle.
func dropStreamError() {
	if got8(4) == 0 {
		importDropError(got32(8))
	}
}

func waitForResponse(future uint32) (uint32, *FetchError) {
	ready := importSubscribe(future)
	importBlock(ready)
	importDropPollable(ready)
	importFutureGet(future, answerAt())
	defer importDropFuture(future)
	if got8(0) == 0 || got8(8) != 0 {
		return 0, &FetchError{"the host has lost the response", false}
	}
	if got8(16) != 0 {
		return 0, gotErrorCode(24)
	}
	return got32(24), nil
}

func readResponse(incoming uint32) (Response, *FetchError) {
	response := Response{Status: int(importStatus(incoming))}
	fields := importHeaders(incoming)
	importEntries(fields, answerAt())
	response.Headers = gotPairs(0)
	importDropFields(fields)
	abi.FreeArena()
	importConsume(incoming, answerAt())
	if got8(0) != 0 {
		return Response{}, &FetchError{"the response has no body", false}
	}
	body := got32(4)
	defer importDropIncomingBody(body)
	importStream(body, answerAt())
	if got8(0) != 0 {
		return Response{}, &FetchError{"the response cannot be read", false}
	}
	stream := got32(4)
	defer importDropInput(stream)
	for {
		importRead(stream, readMax, answerAt())
		if got8(0) != 0 {
			break
		}
		response.Body = append(response.Body, gotBytes(4)...)
		abi.FreeArena()
	}
	if got8(4) == 0 {
		importDropError(got32(8))
		return Response{}, &FetchError{"the response broke off", false}
	}
	return response, nil
}
