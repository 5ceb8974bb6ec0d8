// Runs deliveries on the built component, by `hookyard plugin attempt`.
#include "base64.h"
#include "program.h"
#include "world.h"

#include <stdlib.h>

const char *hy_test_component(void) {
  const char *file = getenv("HOOKYARD_WASM");
  return file != NULL && *file != 0 ? file : NULL;
}

// ---- The case

static void put_content(hy_json_writer *json, const char *name, hy_string bytes) {
  hy_begin_object(json, name);
  hy_put_string(json, "base64", hy_base64_encode(bytes));
  hy_end(json);
}

static void put_pairs(hy_json_writer *json, const char *name, hy_pairs pairs) {
  hy_begin_object(json, name);
  for (size_t i = 0; i < pairs.count; i++) {
    hy_put_name(json, pairs.items[i].name);
    hy_put_string(json, NULL, pairs.items[i].value);
  }
  hy_end(json);
}

static void put_event(hy_json_writer *json, const hy_test_handler *handler, const hy_context *ctx, const void *payload) {
  hy_json_writer sent = {0};
  handler->put(&sent, payload);
  hy_begin_object(json, "event");
  hy_put_string(json, "source", ctx->source);
  hy_put_string(json, "id", ctx->event_id);
  hy_put_string(json, "type", ctx->event_type);
  hy_put_string(json, "created", ctx->created);
  hy_put_uint(json, "received_at", ctx->received_at);
  hy_put_optional(json, "package", handler->package == NULL ? hy_none() : hy_some(hy_text(handler->package)));
  hy_put_string(json, "payload", hy_written(&sent));
  hy_put_bool(json, "payload_is_text", true);
  hy_put_optional(json, "content_type", hy_world.content_type);
  put_pairs(json, "attributes", hy_world.attributes);
  hy_end(json);
}

static bool is_first_of_bucket(size_t at) {
  for (size_t i = 0; i < at; i++) {
    if (hy_equal(hy_world.entries[i].bucket, hy_world.entries[at].bucket)) return false;
  }
  return true;
}

static void put_store(hy_json_writer *json) {
  hy_begin_object(json, "store");
  for (size_t i = 0; i < hy_world.entry_count; i++) {
    if (!is_first_of_bucket(i)) continue;
    hy_put_name(json, hy_world.entries[i].bucket);
    hy_begin_object(json, NULL);
    for (size_t j = i; j < hy_world.entry_count; j++) {
      if (!hy_equal(hy_world.entries[j].bucket, hy_world.entries[i].bucket)) continue;
      hy_put_name(json, hy_world.entries[j].key);
      put_content(json, NULL, hy_world.entries[j].value);
    }
    hy_end(json);
  }
  hy_end(json);
}

static hy_string answer_to(hy_string url) {
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  const hy_test_answer *answer = NULL;
  for (size_t i = 0; i < hy_world.answer_count && answer == NULL; i++) {
    if (hy_equal(hy_text(hy_world.answers[i].url), url)) answer = &hy_world.answers[i];
  }
  if (answer == NULL) {
    hy_put_string(&json, "failure", hy_str("the test has set no answer"));
  } else {
    hy_put_uint(&json, "status", answer->status);
    put_content(&json, "body", answer->body);
  }
  hy_end(&json);
  return hy_written(&json);
}

// The case, with answers to the handler's own requests.
static hy_string case_of(const hy_test_handler *handler, const hy_context *ctx, const void *payload, hy_strings answers) {
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  put_event(&json, handler, ctx, payload);
  hy_put_uint(&json, "attempt", ctx->attempt);
  put_pairs(&json, "config", hy_world.config);
  put_store(&json);
  hy_begin_array(&json, "answers");
  for (size_t i = 0; i < answers.count; i++) hy_put_json(&json, NULL, answers.items[i]);
  hy_end(&json);
  hy_end(&json);
  return hy_written(&json);
}

// ---- The report

static hy_string text_at(hy_json value, const char *pointer) {
  return hy_or(hy_json_string_at(value, pointer), hy_str(""));
}

// {"text": "…"} or {"base64": "…"}, also with another name for the text.
static hy_string content_at(hy_json value, const char *text, const char *base64) {
  hy_optional encoded = hy_json_string_at(value, base64);
  return encoded.is_some ? hy_base64_decode(encoded.value) : text_at(value, text);
}

static hy_strings strings_at(hy_json value, const char *pointer) {
  hy_strings strings = {0};
  hy_json array = hy_json_at(value, pointer);
  for (hy_json_member item = {0}; hy_json_next(array, &item);) {
    hy_string *next = hy_test_push((void **)&strings.items, &strings.count, sizeof *next);
    *next = text_at(item.value, "");
  }
  return strings;
}

static hy_http_request request_of(hy_json effect) {
  hy_http_request request = {.method = text_at(effect, "/method"), .url = text_at(effect, "/url")};
  hy_json headers = hy_json_at(effect, "/headers");
  for (hy_json_member header = {0}; hy_json_next(headers, &header);) {
    hy_pair *next = hy_test_push((void **)&request.headers.items, &request.headers.count, sizeof *next);
    *next = (hy_pair){text_at(header.value, "/0"), text_at(header.value, "/1")};
  }
  request.body = content_at(effect, "/body/text", "/body/base64");
  return request;
}

static hy_attachments attachments_of(hy_json effect) {
  hy_attachment *items = NULL;
  size_t count = 0;
  hy_json files = hy_json_at(effect, "/attachments");
  for (hy_json_member file = {0}; hy_json_next(files, &file);) {
    hy_attachment *next = hy_test_push((void **)&items, &count, sizeof *next);
    *next = (hy_attachment){text_at(file.value, "/filename"), text_at(file.value, "/content_type"),
                            content_at(file.value, "/content/text", "/content/base64")};
  }
  return (hy_attachments){items, count};
}

static hy_effect effect_of(hy_json effect) {
  hy_string kind = text_at(effect, "/kind"), key = text_at(effect, "/key");
  if (hy_equal(kind, hy_str("http"))) return (hy_effect){.kind = HY_HTTP_REQUEST, .key = key, .request = request_of(effect)};
  if (hy_equal(kind, hy_str("event"))) {
    return (hy_effect){
        .kind = HY_EVENT, .key = key, .event_type = text_at(effect, "/event_type"), .data = text_at(effect, "/data")};
  }
  hy_email email = {
      .to = strings_at(effect, "/to"),
      .cc = strings_at(effect, "/cc"),
      .bcc = strings_at(effect, "/bcc"),
      .reply_to = hy_json_string_at(effect, "/reply_to"),
      .subject = text_at(effect, "/subject"),
      .text = text_at(effect, "/text"),
      .html = hy_json_string_at(effect, "/html"),
      .attachments = attachments_of(effect),
  };
  return (hy_effect){.kind = HY_EMAIL, .key = key, .email = email};
}

static void take_write(hy_json write) {
  hy_string bucket = text_at(write, "/bucket"), key = text_at(write, "/key");
  if (hy_json_true_at(write, "/deleted")) hy_store_delete(bucket, key, NULL);
  else hy_store_set(bucket, key, content_at(write, "/value", "/base64"), NULL);
}

static hy_delivery delivery_of(hy_json report) {
  int64_t after_ms = 0;
  bool has_after_ms = hy_json_int_at(report, "/after_ms", &after_ms);
  hy_delivery delivery = {
      .failure = {.reason = text_at(report, "/reason"), .has_after_ms = has_after_ms, .after_ms = (uint64_t)after_ms}};
  hy_string outcome = text_at(report, "/outcome");
  if (hy_equal(outcome, hy_str("done"))) {
    delivery.outcome = HY_DONE;
  } else if (hy_equal(outcome, hy_str("rejected"))) {
    delivery.outcome = HY_REJECTED;
    delivery.failure.kind = HY_FAILURE_REJECT;
  } else {
    delivery.outcome = hy_equal(text_at(report, "/cause"), hy_str("handler")) ? HY_RETRY : HY_PANICKED;
  }
  return delivery;
}

static hy_delivery take(hy_json report) {
  hy_json logs = hy_json_at(report, "/logs"), writes = hy_json_at(report, "/writes");
  hy_json effects = hy_json_at(report, "/effects");
  for (hy_json_member line = {0}; hy_json_next(logs, &line);) {
    hy_string *next = hy_test_push((void **)&hy_world.lines.items, &hy_world.lines.count, sizeof *next);
    *next = text_at(line.value, "");
  }
  hy_delivery delivery = delivery_of(report);
  if (delivery.outcome != HY_DONE) return delivery;
  for (hy_json_member write = {0}; hy_json_next(writes, &write);) take_write(write.value);
  for (hy_json_member effect = {0}; hy_json_next(effects, &effect);) {
    hy_effect *next = hy_test_push((void **)&hy_world.effects, &hy_world.effect_count, sizeof *next);
    *next = effect_of(effect.value);
  }
  return delivery;
}

static hy_string run_attempt(const char *component, hy_string attempt_case) {
  hy_program_result result = hy_run_program((const char *const[]){"plugin", "attempt", component, NULL}, attempt_case);
  if (!result.is_ok) hy_test_fail(__FILE__, __LINE__, "hookyard plugin attempt: %.*s", HY_ARG(result.errors));
  return result.output;
}

// A request of the handler's own gets its answer in another attempt, as if nothing had happened.
hy_delivery hy_test_attempt(const char *component, const hy_test_handler *handler, const hy_context *ctx,
                            const void *payload) {
  hy_strings answers = {0};
  for (;;) {
    hy_json report;
    hy_string output = run_attempt(component, case_of(handler, ctx, payload, answers));
    if (!hy_json_parse(output, &report)) hy_test_fail(__FILE__, __LINE__, "hookyard plugin attempt: no report");
    if (!hy_json_true_at(report, "/is_unanswered")) return take(report);
    hy_string last = hy_str("");
    hy_json requests = hy_json_at(report, "/requests");
    for (hy_json_member request = {0}; hy_json_next(requests, &request);) last = text_at(request.value, "/url");
    hy_string *answer = hy_test_push((void **)&answers.items, &answers.count, sizeof *answer);
    *answer = answer_to(last);
  }
}
