// Reads canonical JSON, the one strict form in which the host's program prints what it decoded.
#include "world.h"

#include <stdlib.h>

enum { SHOWN_MAX_BYTES = 200 };

static _Noreturn void fail(hy_json json) {
  hy_string shown = hy_slice(json.text, 0, SHOWN_MAX_BYTES);
  const char *help = "`hookyard plugin build` generates its types again";
  hy_test_fail(__FILE__, __LINE__, "%.*s has another type than the plugin expects: %s", HY_ARG(shown), help);
}

static void expect(hy_json json, hy_json_kind kind) {
  if (json.kind != kind) fail(json);
}

bool hy_test_read_bool(hy_json json) {
  expect(json, HY_JSON_BOOL);
  return hy_json_true_at(json, "");
}

hy_string hy_test_read_string(hy_json json) {
  expect(json, HY_JSON_STRING);
  return hy_json_string_at(json, "").value;
}

uint32_t hy_test_read_char(hy_json json) {
  hy_string text = hy_test_read_string(json);
  uint8_t first = text.len == 0 ? 0 : (uint8_t)text.ptr[0];
  size_t len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.len != len) fail(json);
  uint32_t code_point = len == 1 ? first : first & (0x7Fu >> len);
  for (size_t i = 1; i < len; i++) code_point = code_point << 6 | ((uint8_t)text.ptr[i] & 0x3Fu);
  return code_point;
}

// ---- Numbers: those that a double could round are strings

static hy_string digits_of(hy_json json) {
  return json.kind == HY_JSON_NUMBER ? json.text : hy_test_read_string(json);
}

uint64_t hy_test_read_uint(hy_json json, uint64_t max) {
  hy_string digits = digits_of(json);
  uint64_t number = 0;
  bool fits = digits.len > 0;
  for (size_t i = 0; i < digits.len && fits; i++) {
    fits = digits.ptr[i] >= '0' && digits.ptr[i] <= '9' && !__builtin_mul_overflow(number, 10, &number) &&
           !__builtin_add_overflow(number, (uint64_t)(digits.ptr[i] - '0'), &number);
  }
  if (!fits || number > max) fail(json);
  return number;
}

int64_t hy_test_read_int(hy_json json, int64_t min, int64_t max) {
  int64_t number;
  if (!hy_parse_int(digits_of(json), &number) || number < min || number > max) fail(json);
  return number;
}

float hy_test_read_f32(hy_json json) {
  char *end;
  const char *text = hy_zero_terminated(digits_of(json));
  float number = strtof(text, &end); // takes "NaN" and "-Infinity", too
  if (end == text || *end != 0) fail(json);
  return number;
}

double hy_test_read_f64(hy_json json) {
  char *end;
  const char *text = hy_zero_terminated(digits_of(json));
  double number = strtod(text, &end);
  if (end == text || *end != 0) fail(json);
  return number;
}

// ---- Lists and tuples

void *hy_test_read_items(hy_json json, size_t size, size_t *count) {
  expect(json, HY_JSON_ARRAY);
  *count = 0;
  for (hy_json_member item = {0}; hy_json_next(json, &item);) ++*count;
  return hy_alloc(*count * size);
}

hy_string hy_test_read_bytes(hy_json json) {
  size_t count, at = 0;
  char *bytes = hy_test_read_items(json, 1, &count);
  for (hy_json_member item = {0}; hy_json_next(json, &item);) bytes[at++] = (char)hy_test_read_uint(item.value, UINT8_MAX);
  return (hy_string){bytes, count};
}

void hy_test_read_tuple(hy_json json, hy_json *items, size_t count) {
  expect(json, HY_JSON_ARRAY);
  size_t at = 0;
  for (hy_json_member item = {0}; hy_json_next(json, &item); at++) {
    if (at < count) items[at] = item.value;
  }
  if (at != count) fail(json);
}

// ---- Names

static size_t position_of(hy_string name, const char *const *names, size_t count, hy_json json) {
  for (size_t i = 0; i < count; i++) {
    if (hy_equal(name, hy_text(names[i]))) return i;
  }
  fail(json);
}

size_t hy_test_read_name(hy_json json, const char *const *names, size_t count) {
  return position_of(hy_test_read_string(json), names, count, json);
}

void hy_test_read_fields(hy_json json, const char *const *names, hy_json *fields, size_t count) {
  expect(json, HY_JSON_OBJECT);
  memset(fields, 0, count * sizeof *fields);
  for (hy_json_member field = {0}; hy_json_next(json, &field);) {
    fields[position_of(field.name, names, count, json)] = field.value;
  }
  for (size_t i = 0; i < count; i++) {
    if (fields[i].kind == HY_JSON_MISSING) fail(json);
  }
}

size_t hy_test_read_case(hy_json json, const char *const *names, size_t count, hy_json *value) {
  hy_json_member member = {0};
  expect(json, HY_JSON_OBJECT);
  if (!hy_json_next(json, &member)) fail(json);
  *value = member.value;
  return position_of(member.name, names, count, json);
}

hy_json hy_test_read_some(hy_json json) {
  hy_json value;
  hy_test_read_case(json, (const char *const[]){"some"}, 1, &value);
  return value;
}
