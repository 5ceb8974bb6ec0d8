// HTTP now, for an answer that the handler needs. It is outside the transaction: what the request did
// stays done, even if the handler then fails. What may wait belongs in the outbox.
#pragma once
#include <hookyard/handler.h>

typedef struct {
  hy_string method;  // "POST", "PUT", …
  hy_string url;     // absolute; the operator has to grant its origin: http = ["https://…"]
  hy_pairs headers;
  hy_string body;    // empty: none
} hy_http_request;

typedef struct {
  uint16_t status;
  hy_pairs headers;
  hy_string body;
} hy_http_response;

// Sends a request and waits for the whole response, whatever its status. A connection that fails or is
// not allowed is a failure that asks for another try.
bool hy_fetch(const hy_http_request *request, hy_http_response *response, hy_failure *failure);
// The value of a header, by its name in any case.
hy_optional hy_header(hy_pairs headers, hy_string name);
