// Actions that queue effects.
#include "actions.h"

static bool send_http(const order *order, hy_string *key, hy_failure *failure) {
  hy_http_request request = {
      .method = hy_str("POST"),
      .url = string_of(order, "/url"),
      .headers = HY_PAIRS({hy_str("X-Test"), hy_str("yes")}),
      .body = order->text,
  };
  return hy_send_http(&request, key, failure);
}

static bool send_email(const order *order, hy_string *key, hy_failure *failure) {
  hy_attachment attachment = {
      .filename = hy_str("attachment.txt"),
      .content_type = hy_str("text/plain; charset=utf-8"),
      .content = order->text,
  };
  hy_email email = {
      .to = HY_STRINGS(string_of(order, "/to")),
      .subject = order->text,
      .text = order->text,
      .html = hy_some(hy_format("<p>%.*s</p>", HY_ARG(order->text))),
      .attachments = {&attachment, 1},
  };
  return hy_send_email(&email, key, failure);
}

static bool emit_event(const order *order, hy_string *key, hy_failure *failure) {
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  hy_put_string(&json, "do", hy_str("echo"));
  hy_put_string(&json, "text", order->text);
  hy_end(&json);
  return hy_emit_event(hy_str("conformance.emitted"), hy_written(&json), key, failure);
}

bool do_outbox(const order *order, hy_failure *failure) {
  hy_string keys[3];
  if (!send_http(order, &keys[0], failure) || !send_email(order, &keys[1], failure)) return false;
  if (!emit_event(order, &keys[2], failure)) return false;
  hy_json_writer json = {0};
  hy_put_strings(&json, NULL, (hy_strings){keys, 3});
  return store_result("effects", hy_written(&json), failure);
}

bool do_refused(const order *order, hy_failure *failure) {
  (void)order;
  hy_http_request request = {.method = hy_str("POST"), .url = hy_str("http://169.254.169.254/")};
  hy_failure refused;
  HY_ASSERT(!hy_send_http(&request, NULL, &refused));
  return store_result("refused", refused.reason, failure);
}
