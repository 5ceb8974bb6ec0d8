// Effects: what is to happen outside once the event is handled. They go out if and only if the handler
// returns true, after its writes are kept; the host tries each until it succeeds, at least once, with
// the same idempotency key on every try.
//
// `key` gets that key, and may be NULL. A request that is malformed, a destination that the operator has
// not granted, or a limit rejects the event: asking again would not help.
#pragma once
#include <hookyard/http.h>

// The header Idempotency-Key is set by the host.
bool hy_send_http(const hy_http_request *request, hy_string *key, hy_failure *failure);
// A request with a JSON body. A token that is not empty goes as `Authorization: Bearer TOKEN`.
bool hy_send_json(hy_string method, hy_string url, hy_string token, hy_string json, hy_string *key, hy_failure *failure);

typedef struct {
  hy_string filename;     // as the recipient sees it
  hy_string content_type; // such as "application/pdf"
  hy_string content;
} hy_attachment;

typedef struct {
  const hy_attachment *items;
  size_t count;
} hy_attachments;

#define HY_ATTACHMENTS(...) \
  ((hy_attachments){(hy_attachment[]){__VA_ARGS__}, sizeof((hy_attachment[]){__VA_ARGS__}) / sizeof(hy_attachment)})

// The sender is the operator's. The recipients have to be granted: email = ["*@example.gn"].
typedef struct {
  hy_strings to; // "aissatou@example.gn" or "Aissatou Diallo <aissatou@example.gn>"
  hy_strings cc;
  hy_strings bcc;
  hy_optional reply_to;
  hy_string subject;
  hy_string text;
  hy_optional html;
  hy_attachments attachments;
} hy_email;

bool hy_send_email(const hy_email *email, hy_string *key, hy_failure *failure);

// An event of the plugin's own, routed to plugins like one that was received. `data` is JSON.
// Its type has to be granted: emit = ["visit.*"].
bool hy_emit_event(hy_string event_type, hy_string data, hy_string *key, hy_failure *failure);
