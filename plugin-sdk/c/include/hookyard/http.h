// HTTP requests whose response the handler needs at once. They are outside the transaction: a request is
// sent even if the handler fails afterwards. Send requests that can wait through the outbox.
#pragma once
#include <hookyard/handler.h>

typedef struct {
  hy_string method;  // "POST", "PUT", …
  hy_string url;     // absolute; the operator must grant its origin: http = ["https://…"]
  hy_pairs headers;
  hy_string body;    // empty means no body
} hy_http_request;

typedef struct {
  uint16_t status;
  hy_pairs headers;
  hy_string body;
} hy_http_response;

// Sends a request and waits for the whole response, whatever its status. A connection that fails or is not
// allowed gives a failure that requests another attempt.
bool hy_fetch(const hy_http_request *request, hy_http_response *response, hy_failure *failure);
// The value of a header. The case of the name does not matter.
hy_optional hy_header(hy_pairs headers, hy_string name);
