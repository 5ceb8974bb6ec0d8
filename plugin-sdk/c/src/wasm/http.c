// Implements hy_fetch with wasi:http. It drops every handle, also after a failure.
#include <hookyard.h>

#include "../../bindings/fetch.h"
#include "bindings.h"
#include "http_error.h"

SAME_SIZE(hy_string, fetch_string_t);
SAME_SIZE(hy_pair, wasi_http_types_tuple2_field_name_field_value_t);
SAME_FIELD(hy_pair, value, wasi_http_types_tuple2_field_name_field_value_t, f1);
SAME_SIZE(hy_pairs, wasi_http_types_list_tuple2_field_name_field_value_t);

#define AS_STRING(string) ((fetch_string_t *)&(string))
#define AS_BYTES(string) ((fetch_list_u8_t *)&(string))

enum { WRITE_MAX = 4096, READ_MAX = 65536 }; // the limit of one write, and the size of one read

typedef struct {
  hy_string scheme, authority, path;
} url_parts;

static size_t find(hy_string text, const char *any_of, size_t from) {
  for (; from < text.len; from++) {
    if (strchr(any_of, text.ptr[from]) != NULL) break;
  }
  return from;
}

static bool split_url(hy_string url, url_parts *parts) {
  size_t colon = find(url, ":", 0);
  if (!hy_starts_with(hy_slice(url, colon, 3), hy_str("://"))) return false;
  size_t authority = colon + 3, path = find(url, "/?#", authority), end = find(url, "#", path);
  parts->scheme = hy_slice(url, 0, colon);
  parts->authority = hy_slice(url, authority, path - authority);
  parts->path = hy_slice(url, path, end - path);
  if (!hy_starts_with(parts->path, hy_str("/"))) parts->path = hy_format("/%.*s", HY_ARG(parts->path));
  return parts->authority.len > 0;
}

static wasi_http_types_method_t method_of(hy_string name) {
  static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  for (uint8_t tag = 0; tag < sizeof names / sizeof *names; tag++) {
    if (hy_equal(name, hy_text(names[tag]))) return (wasi_http_types_method_t){.tag = tag};
  }
  return (wasi_http_types_method_t){.tag = WASI_HTTP_TYPES_METHOD_OTHER, .val = {.other = *AS_STRING(name)}};
}

static wasi_http_types_scheme_t scheme_of(hy_string name) {
  if (hy_equal(name, hy_str("http"))) return (wasi_http_types_scheme_t){.tag = WASI_HTTP_TYPES_SCHEME_HTTP};
  if (hy_equal(name, hy_str("https"))) return (wasi_http_types_scheme_t){.tag = WASI_HTTP_TYPES_SCHEME_HTTPS};
  return (wasi_http_types_scheme_t){.tag = WASI_HTTP_TYPES_SCHEME_OTHER, .val = {.other = *AS_STRING(name)}};
}

static bool append_header(wasi_http_types_own_fields_t fields, hy_pair header, hy_failure *failure) {
  wasi_http_types_header_error_t error;
  wasi_http_types_borrow_fields_t borrowed = wasi_http_types_borrow_fields(fields);
  wasi_http_types_field_name_t *name = AS_STRING(header.name);
  wasi_http_types_field_value_t *value = (wasi_http_types_field_value_t *)&header.value;
  if (wasi_http_types_method_fields_append(borrowed, name, value, &error)) {
    return true;
  }
  return hy_reject(failure, "HTTP request: the header `%.*s` is not valid or not allowed", HY_ARG(header.name));
}

static bool make_fields(const hy_http_request *request, wasi_http_types_own_fields_t *fields, hy_failure *failure) {
  *fields = wasi_http_types_constructor_fields();
  bool good = true;
  for (size_t i = 0; good && i < request->headers.count; i++) {
    good = append_header(*fields, request->headers.items[i], failure);
  }
  bool say_length = request->body.len > 0 && !hy_header(request->headers, hy_str("Content-Length")).is_some;
  if (good && say_length) {
    hy_pair length = {hy_str("Content-Length"), hy_format("%zu", request->body.len)};
    good = append_header(*fields, length, failure);
  }
  if (!good) wasi_http_types_fields_drop_own(*fields);
  return good;
}

static bool make_request(const hy_http_request *request, wasi_http_types_own_outgoing_request_t *made,
                         hy_failure *failure) {
  url_parts url;
  wasi_http_types_own_fields_t fields;
  if (!split_url(request->url, &url)) {
    return hy_reject(failure, "HTTP request: `%.*s` is no absolute URL", HY_ARG(request->url));
  }
  if (!make_fields(request, &fields, failure)) return false;
  *made = wasi_http_types_constructor_outgoing_request(fields);
  wasi_http_types_borrow_outgoing_request_t borrowed = wasi_http_types_borrow_outgoing_request(*made);
  wasi_http_types_method_t method = method_of(request->method);
  wasi_http_types_scheme_t scheme = scheme_of(url.scheme);
  if (wasi_http_types_method_outgoing_request_set_method(borrowed, &method) &&
      wasi_http_types_method_outgoing_request_set_scheme(borrowed, &scheme) &&
      wasi_http_types_method_outgoing_request_set_authority(borrowed, AS_STRING(url.authority)) &&
      wasi_http_types_method_outgoing_request_set_path_with_query(borrowed, AS_STRING(url.path))) {
    return true;
  }
  wasi_http_types_outgoing_request_drop_own(*made);
  return hy_reject(failure, "HTTP request: the method or the URL `%.*s` is not valid", HY_ARG(request->url));
}

static void drop_stream_error(wasi_io_streams_stream_error_t error) {
  if (error.tag == WASI_IO_STREAMS_STREAM_ERROR_LAST_OPERATION_FAILED) {
    wasi_io_error_error_drop_own(error.val.last_operation_failed);
  }
}

// Ignores errors of the write: the response or its failure determines the result.
static void write_body(wasi_http_types_own_outgoing_body_t body, hy_string content) {
  wasi_http_types_own_output_stream_t stream;
  wasi_io_streams_stream_error_t stream_error;
  wasi_http_types_error_code_t error;
  if (wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream)) {
    wasi_io_streams_borrow_output_stream_t borrowed = wasi_io_streams_borrow_output_stream(stream);
    for (size_t at = 0; at < content.len; at += WRITE_MAX) {
      hy_string part = hy_slice(content, at, WRITE_MAX);
      if (wasi_io_streams_method_output_stream_blocking_write_and_flush(borrowed, AS_BYTES(part), &stream_error)) {
        continue;
      }
      drop_stream_error(stream_error);
      break;
    }
    wasi_io_streams_output_stream_drop_own(stream);
  }
  wasi_http_types_static_outgoing_body_finish(body, NULL, &error);
}

static bool read_body(wasi_http_types_own_incoming_response_t response, hy_string *content) {
  wasi_http_types_own_incoming_body_t body;
  wasi_http_types_own_input_stream_t stream;
  hy_buffer buffer = {0};
  bool whole = false;
  if (!wasi_http_types_method_incoming_response_consume(wasi_http_types_borrow_incoming_response(response), &body)) {
    return false;
  }
  if (wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &stream)) {
    wasi_io_streams_borrow_input_stream_t borrowed = wasi_io_streams_borrow_input_stream(stream);
    wasi_io_streams_stream_error_t error;
    fetch_list_u8_t part;
    while (wasi_io_streams_method_input_stream_blocking_read(borrowed, READ_MAX, &part, &error)) {
      hy_append(&buffer, (hy_string){(const char *)part.ptr, part.len});
    }
    whole = error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
    drop_stream_error(error);
    wasi_io_streams_input_stream_drop_own(stream);
  }
  wasi_http_types_incoming_body_drop_own(body);
  *content = hy_appended(&buffer);
  return whole;
}

static bool read_response(wasi_http_types_own_incoming_response_t incoming, hy_http_response *response,
                          hy_failure *failure) {
  wasi_http_types_borrow_incoming_response_t borrowed = wasi_http_types_borrow_incoming_response(incoming);
  response->status = wasi_http_types_method_incoming_response_status(borrowed);
  wasi_http_types_own_fields_t fields = wasi_http_types_method_incoming_response_headers(borrowed);
  wasi_http_types_list_tuple2_field_name_field_value_t *entries =
      (wasi_http_types_list_tuple2_field_name_field_value_t *)&response->headers;
  wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(fields), entries);
  wasi_http_types_fields_drop_own(fields);
  bool whole = read_body(incoming, &response->body);
  wasi_http_types_incoming_response_drop_own(incoming);
  return whole || hy_retry(failure, "HTTP request: the response broke off");
}

static bool wait_for_response(wasi_http_types_own_future_incoming_response_t future, hy_http_response *response,
                              hy_failure *failure) {
  wasi_http_types_borrow_future_incoming_response_t borrowed = wasi_http_types_borrow_future_incoming_response(future);
  fetch_poll_own_pollable_t ready = wasi_http_types_method_future_incoming_response_subscribe(borrowed);
  fetch_poll_method_pollable_block(fetch_poll_borrow_pollable(ready));
  fetch_poll_pollable_drop_own(ready);
  wasi_http_types_result_result_own_incoming_response_error_code_void_t got;
  bool there = wasi_http_types_method_future_incoming_response_get(borrowed, &got) && !got.is_err;
  wasi_http_types_future_incoming_response_drop_own(future);
  if (!there) return hy_retry(failure, "HTTP request: there is no response");
  if (got.val.ok.is_err) {
    hy_string reason = hy_http_error_text(&got.val.ok.val.err);
    return hy_retry(failure, "HTTP request: %.*s", HY_ARG(reason));
  }
  return read_response(got.val.ok.val.ok, response, failure);
}

bool hy_fetch(const hy_http_request *request, hy_http_response *response, hy_failure *failure) {
  *response = (hy_http_response){0};
  wasi_http_types_own_outgoing_request_t outgoing;
  wasi_http_types_own_outgoing_body_t body;
  wasi_http_types_own_future_incoming_response_t future;
  wasi_http_types_error_code_t error;
  if (!make_request(request, &outgoing, failure)) return false;
  HY_ASSERT(wasi_http_types_method_outgoing_request_body(wasi_http_types_borrow_outgoing_request(outgoing), &body));
  if (!wasi_http_outgoing_handler_handle(outgoing, NULL, &future, &error)) {
    wasi_http_types_outgoing_body_drop_own(body);
    hy_string reason = hy_http_error_text(&error);
    return hy_retry(failure, "HTTP request to %.*s: %.*s", HY_ARG(request->url), HY_ARG(reason));
  }
  write_body(body, request->body);
  return wait_for_response(future, response, failure);
}
