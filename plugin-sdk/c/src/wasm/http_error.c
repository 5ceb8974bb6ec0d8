#include "http_error.h"

static const char *const names[] = {
    [WASI_HTTP_TYPES_ERROR_CODE_DNS_TIMEOUT] = "looking up the host's name took too long",
    [WASI_HTTP_TYPES_ERROR_CODE_DNS_ERROR] = "the host's name could not be looked up",
    [WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_NOT_FOUND] = "the destination was not found",
    [WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_UNAVAILABLE] = "the destination is unavailable",
    [WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_IP_PROHIBITED] = "the destination's address is prohibited",
    [WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_IP_UNROUTABLE] = "there is no route to the destination's address",
    [WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_REFUSED] = "the connection was refused",
    [WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_TERMINATED] = "the connection was ended",
    [WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_TIMEOUT] = "connecting took too long",
    [WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_READ_TIMEOUT] = "reading took too long",
    [WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_WRITE_TIMEOUT] = "writing took too long",
    [WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_LIMIT_REACHED] = "there are too many connections",
    [WASI_HTTP_TYPES_ERROR_CODE_TLS_PROTOCOL_ERROR] = "TLS failed",
    [WASI_HTTP_TYPES_ERROR_CODE_TLS_CERTIFICATE_ERROR] = "the certificate is not valid",
    [WASI_HTTP_TYPES_ERROR_CODE_TLS_ALERT_RECEIVED] = "the other side refused TLS",
    [WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_DENIED] = "the request was denied: is its origin granted?",
    [WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_BODY_SIZE] = "the request's body is too large",
    [WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_METHOD_INVALID] = "the method is not valid",
    [WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_URI_INVALID] = "the URL is not valid",
    [WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_URI_TOO_LONG] = "the URL is too long",
    [WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_INCOMPLETE] = "the response is incomplete",
    [WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_BODY_SIZE] = "the response's body is too large",
    [WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TIMEOUT] = "the response took too long",
    [WASI_HTTP_TYPES_ERROR_CODE_HTTP_PROTOCOL_ERROR] = "the other side does not speak HTTP",
    [WASI_HTTP_TYPES_ERROR_CODE_CONFIGURATION_ERROR] = "the host's configuration is wrong",
};

hy_string hy_http_error_text(const wasi_http_types_error_code_t *error) {
  if (error->tag == WASI_HTTP_TYPES_ERROR_CODE_INTERNAL_ERROR && error->val.internal_error.is_some) {
    fetch_string_t text = error->val.internal_error.val;
    return (hy_string){(const char *)text.ptr, text.len};
  }
  const char *name = error->tag < sizeof names / sizeof *names ? names[error->tag] : NULL;
  if (name != NULL) return hy_text(name);
  return hy_format("it failed with error-code %u of wasi:http", error->tag);
}
