// Effects: HTTP requests, emails and events that the host sends after the event is handled. It sends them
// if and only if the handler returns true, after the commit. It attempts each effect at least once, with
// the same idempotency key on every attempt.
//
// `key` receives that key, and may be NULL. A malformed request, a destination without a grant, or a limit
// rejects the event, because another attempt would not help.
#pragma once
#include <hookyard/http.h>

// The host sets the header Idempotency-Key.
bool hy_send_http(const hy_http_request *request, hy_string *key, hy_failure *failure);
// Queues a request with a JSON body. A token that is not empty is sent as `Authorization: Bearer TOKEN`.
bool hy_send_json(hy_string method, hy_string url, hy_string token, hy_string json, hy_string *key, hy_failure *failure);

typedef struct {
  hy_string filename;     // the name that the recipient sees
  hy_string content_type; // such as "application/pdf"
  hy_string content;
} hy_attachment;

typedef struct {
  const hy_attachment *items;
  size_t count;
} hy_attachments;

#define HY_ATTACHMENTS(...) \
  ((hy_attachments){(hy_attachment[]){__VA_ARGS__}, sizeof((hy_attachment[]){__VA_ARGS__}) / sizeof(hy_attachment)})

// The operator configures the sender, and must grant the recipients: email = ["*@example.gn"].
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

// Emits an event, which the host stores and routes like a received one. `data` is JSON. The operator must
// grant its type: emit = ["visit.*"].
bool hy_emit_event(hy_string event_type, hy_string data, hy_string *key, hy_failure *failure);
