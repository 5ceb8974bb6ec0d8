// Actions that use the host's capabilities.
#include "actions.h"

bool do_echo(const order *order, hy_failure *failure) {
  hy_info("%.*s", HY_ARG(order->text));
  return store_result("echo", order->text, failure);
}

bool do_context(const order *order, hy_failure *failure) {
  const hy_context *ctx = order->ctx;
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  hy_put_string(&json, "eventId", ctx->event_id);
  hy_put_string(&json, "eventType", ctx->event_type);
  hy_put_string(&json, "source", ctx->source);
  hy_put_string(&json, "created", ctx->created);
  hy_put_uint(&json, "receivedAt", ctx->received_at);
  hy_put_string(&json, "idempotencyKey", ctx->idempotency_key);
  hy_put_uint(&json, "attempt", ctx->attempt);
  hy_end(&json);
  return store_result("context", hy_written(&json), failure);
}

static void put_pairs(hy_json_writer *json, const char *name, hy_pairs pairs) {
  hy_begin_object(json, name);
  for (size_t i = 0; i < pairs.count; i++) {
    hy_put_name(json, pairs.items[i].name);
    hy_put_string(json, NULL, pairs.items[i].value);
  }
  hy_end(json);
}

bool do_config(const order *order, hy_failure *failure) {
  (void)order;
  hy_json_writer json = {0};
  put_pairs(&json, NULL, hy_config_all());
  return store_result("config", hy_written(&json), failure);
}

bool do_metadata(const order *order, hy_failure *failure) {
  (void)order;
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  hy_put_optional(&json, "contentType", hy_content_type());
  hy_put_optional(&json, "subject", hy_attribute(hy_str("subject")));
  put_pairs(&json, "attributes", hy_attributes());
  hy_end(&json);
  return store_result("metadata", hy_written(&json), failure);
}

bool do_fetch(const order *order, hy_failure *failure) {
  hy_http_request request = {.method = hy_str("GET"), .url = string_of(order, "/url")};
  hy_http_response response;
  if (!hy_fetch(&request, &response, failure)) return false;
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  hy_put_uint(&json, "status", response.status);
  hy_put_string(&json, "body", response.body);
  hy_end(&json);
  return store_result("fetch", hy_written(&json), failure);
}

bool do_clock(const order *order, hy_failure *failure) {
  (void)order;
  uint64_t before = hy_monotonic_ns();
  HY_ASSERT(hy_monotonic_ns() >= before);
  return store_result("clock", hy_format("%" PRIu64, hy_now_ms()), failure);
}

bool do_random(const order *order, hy_failure *failure) {
  (void)order;
  unsigned char bytes[16];
  hy_buffer hex = {0};
  hy_random_bytes(bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof bytes; i++) hy_append_format(&hex, "%02x", bytes[i]);
  return store_result("random", hy_appended(&hex), failure);
}

bool do_large(const order *order, hy_failure *failure) {
  return store_result("large", hy_format("%zu", order->text.len), failure);
}

// Without a C library there is no stdio, so this action logs.
bool do_print(const order *order, hy_failure *failure) {
  (void)order, (void)failure;
  hy_info("to stdout");
  hy_error("to stderr");
  return true;
}
