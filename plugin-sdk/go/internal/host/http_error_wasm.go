package host

// The cases of the variant `error-code` of wasi:http/types.
const (
	codeDestinationProhibited = 4
	codeDenied                = 15
	codeMethodInvalid         = 18
	codeURIInvalid            = 19
	codeInternal              = 38
)

var codes = [...]string{
	"looking up the host's name took too long",
	"the host's name could not be looked up",
	"the destination was not found",
	"the destination is unavailable",
	"the destination's address is prohibited",
	"there is no route to the destination's address",
	"the connection was refused",
	"the connection was ended",
	"connecting took too long",
	"reading took too long",
	"writing took too long",
	"there are too many connections",
	"TLS failed",
	"the certificate is not valid",
	"the other side refused TLS",
	"the request was denied: is its origin granted?",
	"the other side requires the request's length",
	"the request's body is too large",
	"the method is not valid",
	"the URL is not valid",
	"the URL is too long",
	"the request's headers are too large",
	"a header of the request is too large",
	"the request's trailers are too large",
	"a trailer of the request is too large",
	"the response is incomplete",
	"the response's headers are too large",
	"a header of the response is too large",
	"the response's body is too large",
	"the response's trailers are too large",
	"a trailer of the response is too large",
	"the response's transfer coding is unknown",
	"the response's content coding is unknown",
	"the response took too long",
	"the protocol could not be changed",
	"the other side does not speak HTTP",
	"the request returned to where it began",
	"the host's configuration is wrong",
	"the host failed",
}

// gotErrorCode reads an `error-code`, whose values begin 8 bytes after its tag.
func gotErrorCode(offset uintptr) *FetchError {
	code := got8(offset)
	reason := "the request failed"
	switch {
	case code == codeInternal && got8(offset+8) != 0:
		reason = gotText(offset + 12)
	case int(code) < len(codes):
		reason = codes[code]
	}
	switch code {
	case codeDestinationProhibited, codeDenied, codeMethodInvalid, codeURIInvalid:
		return &FetchError{reason, true}
	}
	return &FetchError{reason, false}
}
