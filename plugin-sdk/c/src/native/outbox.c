// The in-memory outbox, which keeps effects unchanged.
#include <hookyard/outbox.h>

#include "world.h"

static bool keep(hy_effect effect, hy_string *key) {
  hy_context *ctx = &hy_world.context;
  effect.key = hy_format("%.*s.%zu", HY_ARG(ctx->idempotency_key), hy_world.effect_count);
  hy_effect *kept = hy_test_push((void **)&hy_world.effects, &hy_world.effect_count, sizeof effect);
  *kept = effect;
  if (key != NULL) *key = effect.key;
  return true;
}

static hy_optional copy_optional(hy_optional optional) {
  return optional.is_some ? hy_some(hy_test_copy(optional.value)) : hy_none();
}

static hy_strings copy_strings(hy_strings strings) {
  hy_strings copies = {hy_alloc(strings.count * sizeof(hy_string)), strings.count};
  for (size_t i = 0; i < strings.count; i++) copies.items[i] = hy_test_copy(strings.items[i]);
  return copies;
}

static hy_pairs copy_pairs(hy_pairs pairs) {
  hy_pairs copies = {hy_alloc(pairs.count * sizeof(hy_pair)), pairs.count};
  for (size_t i = 0; i < pairs.count; i++) {
    copies.items[i] = (hy_pair){hy_test_copy(pairs.items[i].name), hy_test_copy(pairs.items[i].value)};
  }
  return copies;
}

static hy_attachments copy_attachments(hy_attachments attachments) {
  hy_attachment *copies = hy_alloc(attachments.count * sizeof *copies);
  for (size_t i = 0; i < attachments.count; i++) {
    const hy_attachment *from = &attachments.items[i];
    copies[i] = (hy_attachment){hy_test_copy(from->filename), hy_test_copy(from->content_type),
                                hy_test_copy(from->content)};
  }
  return (hy_attachments){copies, attachments.count};
}

static bool is_absolute(hy_string url) {
  return hy_starts_with(url, hy_str("http://")) || hy_starts_with(url, hy_str("https://"));
}

bool hy_send_http(const hy_http_request *request, hy_string *key, hy_failure *failure) {
  if (!is_absolute(request->url)) {
    return hy_reject(failure, "HTTP request: `%.*s` is no absolute URL", HY_ARG(request->url));
  }
  hy_http_request copy = {hy_test_copy(request->method), hy_test_copy(request->url), copy_pairs(request->headers),
                          hy_test_copy(request->body)};
  return keep((hy_effect){.kind = HY_HTTP_REQUEST, .request = copy}, key);
}

bool hy_send_email(const hy_email *email, hy_string *key, hy_failure *failure) {
  if (email->to.count + email->cc.count + email->bcc.count == 0) return hy_reject(failure, "email: no recipient");
  hy_email copy = {
      .to = copy_strings(email->to),
      .cc = copy_strings(email->cc),
      .bcc = copy_strings(email->bcc),
      .reply_to = copy_optional(email->reply_to),
      .subject = hy_test_copy(email->subject),
      .text = hy_test_copy(email->text),
      .html = copy_optional(email->html),
      .attachments = copy_attachments(email->attachments),
  };
  return keep((hy_effect){.kind = HY_EMAIL, .email = copy}, key);
}

bool hy_emit_event(hy_string event_type, hy_string data, hy_string *key, hy_failure *failure) {
  hy_json json;
  if (!hy_json_parse(data, &json)) return hy_reject(failure, "event: its data is no JSON");
  return keep((hy_effect){.kind = HY_EVENT, .event_type = hy_test_copy(event_type), .data = hy_test_copy(data)}, key);
}

size_t hy_effect_count(void) {
  return hy_world.effect_count;
}

const hy_effect *hy_effect_at(size_t index) {
  if (index >= hy_world.effect_count) {
    hy_test_fail(__FILE__, __LINE__, "there is no effect %zu of %zu", index, hy_world.effect_count);
  }
  return &hy_world.effects[index];
}
