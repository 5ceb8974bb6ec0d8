#include <hookyard/outbox.h>

#include "capabilities.h"

#define SAME_IN_EMAIL(field) SAME_FIELD(hy_email, field, hookyard_plugin_outbox_email_t, field)
#define SAME_IN_REQUEST(field) SAME_FIELD(hy_http_request, field, hookyard_plugin_outbox_http_request_t, field)

SAME_SIZE(hy_http_request, hookyard_plugin_outbox_http_request_t);
SAME_IN_REQUEST(method);
SAME_IN_REQUEST(url);
SAME_IN_REQUEST(headers);
SAME_IN_REQUEST(body);
SAME_SIZE(hy_email, hookyard_plugin_outbox_email_t);
SAME_IN_EMAIL(to);
SAME_IN_EMAIL(cc);
SAME_IN_EMAIL(bcc);
SAME_IN_EMAIL(reply_to);
SAME_IN_EMAIL(subject);
SAME_IN_EMAIL(text);
SAME_IN_EMAIL(html);
SAME_IN_EMAIL(attachments);
SAME_SIZE(hy_attachment, hookyard_plugin_outbox_attachment_t);
SAME_FIELD(hy_attachment, filename, hookyard_plugin_outbox_attachment_t, filename);
SAME_FIELD(hy_attachment, content_type, hookyard_plugin_outbox_attachment_t, content_type);
SAME_FIELD(hy_attachment, content, hookyard_plugin_outbox_attachment_t, content);

static bool asked(bool good, const char *what, hy_string result, hy_string error, hy_string *key, hy_failure *failure) {
  if (!good) return hy_reject(failure, "%s: %.*s", what, HY_ARG(error));
  if (key != NULL) *key = result;
  return true;
}

bool hy_send_http(const hy_http_request *request, hy_string *key, hy_failure *failure) {
  hy_string result = {0}, error = {0};
  bool good = hookyard_plugin_outbox_send_http((hookyard_plugin_outbox_http_request_t *)request, AS_STRING(result),
                                               AS_STRING(error));
  return asked(good, "HTTP request", result, error, key, failure);
}

bool hy_send_email(const hy_email *email, hy_string *key, hy_failure *failure) {
  hy_string result = {0}, error = {0};
  bool good = hookyard_plugin_outbox_send_email((hookyard_plugin_outbox_email_t *)email, AS_STRING(result),
                                                AS_STRING(error));
  return asked(good, "email", result, error, key, failure);
}

bool hy_emit_event(hy_string event_type, hy_string data, hy_string *key, hy_failure *failure) {
  hy_string result = {0}, error = {0};
  bool good = hookyard_plugin_outbox_emit_event(AS_STRING(event_type), AS_STRING(data), AS_STRING(result),
                                                AS_STRING(error));
  return asked(good, "event", result, error, key, failure);
}
