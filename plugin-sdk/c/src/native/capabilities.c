// The in-memory config, metadata, log, HTTP, clock and randomness.
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

hy_optional hy_config(hy_string key) {
  for (size_t i = 0; i < hy_world.config.count; i++) {
    if (hy_equal(hy_world.config.items[i].name, key)) return hy_some(hy_world.config.items[i].value);
  }
  return hy_none();
}

hy_pairs hy_config_all(void) {
  return hy_world.config;
}

// Adds a pair to others that are sorted by name.
static void add_sorted(hy_pairs *pairs, const char *name, const char *value) {
  hy_pair *at = hy_test_push((void **)&pairs->items, &pairs->count, sizeof(hy_pair));
  for (; at > pairs->items && hy_compare(at[-1].name, hy_text(name)) > 0; at--) *at = at[-1];
  *at = (hy_pair){hy_text(name), hy_text(value)};
}

void hy_set_config(const char *key, const char *value) {
  add_sorted(&hy_world.config, key, value);
}

hy_optional hy_content_type(void) {
  return hy_world.content_type;
}

hy_optional hy_attribute(hy_string name) {
  for (size_t i = 0; i < hy_world.attributes.count; i++) {
    if (hy_equal(hy_world.attributes.items[i].name, name)) return hy_some(hy_world.attributes.items[i].value);
  }
  return hy_none();
}

hy_pairs hy_attributes(void) {
  return hy_world.attributes;
}

void hy_set_content_type(const char *content_type) {
  hy_world.content_type = hy_some(hy_text(content_type));
}

void hy_set_attribute(const char *name, const char *value) {
  add_sorted(&hy_world.attributes, name, value);
}

void hy_log_line(hy_level level, hy_string line) {
  static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"};
  hy_string *logged = hy_test_push((void **)&hy_world.lines.items, &hy_world.lines.count, sizeof(hy_string));
  *logged = hy_format("%s %.*s", names[level], HY_ARG(line));
}

hy_string hy_logged(size_t index) {
  return index < hy_world.lines.count ? hy_world.lines.items[index] : hy_str("");
}

size_t hy_logged_count(void) {
  return hy_world.lines.count;
}

_Noreturn void hy_panic_at(const char *file, int line, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  hy_string reason = hy_format_list(format, arguments);
  va_end(arguments);
  if (hy_world.panic == NULL) hy_test_fail(file, line, "%.*s", HY_ARG(reason)); // outside a handler, the test fails
  hy_log(HY_CRITICAL, "%s:%d: %.*s", file, line, HY_ARG(reason));
  longjmp(*hy_world.panic, 1);
}

void hy_set_answer(const char *url, uint16_t status, const char *body) {
  hy_test_answer *answer = hy_test_push((void **)&hy_world.answers, &hy_world.answer_count, sizeof *answer);
  *answer = (hy_test_answer){url, status, hy_text(body)};
}

bool hy_fetch(const hy_http_request *request, hy_http_response *response, hy_failure *failure) {
  for (size_t i = 0; i < hy_world.answer_count; i++) {
    hy_test_answer *answer = &hy_world.answers[i];
    if (!hy_equal(hy_text(answer->url), request->url)) continue;
    *response = (hy_http_response){.status = answer->status, .body = answer->body};
    return true;
  }
  return hy_retry(failure, "HTTP request to %.*s: the test has set no answer", HY_ARG(request->url));
}

uint64_t hy_now_ms(void) {
  return hy_world.now_ms;
}

uint64_t hy_monotonic_ns(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void hy_random_bytes(void *bytes, size_t count) {
  FILE *source = fopen("/dev/urandom", "rb");
  if (source == NULL || fread(bytes, 1, count, source) != count) abort();
  fclose(source);
}

uint64_t hy_random_u64(void) {
  uint64_t number;
  hy_random_bytes(&number, sizeof number);
  return number;
}
