#include <hookyard/memory.h>
#include <hookyard/text.h>
#include <stdlib.h>
#include <string.h>

hy_string hy_text(const char *zero_terminated) {
  return (hy_string){zero_terminated, strlen(zero_terminated)};
}

const char *hy_zero_terminated(hy_string string) {
  char *copy = hy_alloc(string.len + 1);
  if (string.len > 0) memcpy(copy, string.ptr, string.len);
  return copy;
}

bool hy_equal(hy_string a, hy_string b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int hy_compare(hy_string a, hy_string b) {
  size_t shorter = a.len < b.len ? a.len : b.len;
  int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool hy_starts_with(hy_string string, hy_string start) {
  return string.len >= start.len && hy_equal(hy_slice(string, 0, start.len), start);
}

bool hy_ends_with(hy_string string, hy_string end) {
  return string.len >= end.len && hy_equal(hy_slice(string, string.len - end.len, end.len), end);
}

hy_string hy_slice(hy_string string, size_t from, size_t len) {
  if (from >= string.len) return hy_str("");
  size_t rest = string.len - from;
  return (hy_string){string.ptr + from, len < rest ? len : rest};
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

hy_string hy_trimmed(hy_string string) {
  while (string.len > 0 && is_space(string.ptr[0])) string = hy_slice(string, 1, string.len);
  while (string.len > 0 && is_space(string.ptr[string.len - 1])) string.len--;
  return string;
}

hy_strings hy_split(hy_string string, char separator) {
  size_t most = 1;
  for (size_t i = 0; i < string.len; i++) most += string.ptr[i] == separator;
  hy_strings parts = {hy_alloc(most * sizeof(hy_string)), 0};
  for (size_t start = 0, i = 0; i <= string.len; i++) {
    if (i < string.len && string.ptr[i] != separator) continue;
    hy_string part = hy_trimmed(hy_slice(string, start, i - start));
    if (part.len > 0) parts.items[parts.count++] = part;
    start = i + 1;
  }
  return parts;
}

static int compare_items(const void *a, const void *b) {
  return hy_compare(*(const hy_string *)a, *(const hy_string *)b);
}

void hy_sort(hy_strings strings) {
  if (strings.count > 1) qsort(strings.items, strings.count, sizeof(hy_string), compare_items);
}

hy_optional hy_some(hy_string value) {
  return (hy_optional){true, value};
}

hy_optional hy_none(void) {
  return (hy_optional){0};
}

hy_string hy_or(hy_optional optional, hy_string otherwise) {
  return optional.is_some ? optional.value : otherwise;
}

bool hy_parse_int(hy_string string, int64_t *number) {
  bool negative = hy_starts_with(string, hy_str("-"));
  if (negative || hy_starts_with(string, hy_str("+"))) string = hy_slice(string, 1, string.len);
  if (string.len == 0) return false;
  int64_t value = 0; // negative while parsing, because the smallest number has no positive counterpart
  for (size_t i = 0; i < string.len; i++) {
    if (string.ptr[i] < '0' || string.ptr[i] > '9') return false;
    if (__builtin_mul_overflow(value, 10, &value)) return false;
    if (__builtin_sub_overflow(value, string.ptr[i] - '0', &value)) return false;
  }
  if (!negative && value == INT64_MIN) return false;
  *number = negative ? value : -value;
  return true;
}

void hy_append(hy_buffer *buffer, hy_string string) {
  if (string.len == 0) return;
  size_t needed;
  HY_ASSERT(!__builtin_add_overflow(buffer->len, string.len, &needed));
  if (needed > buffer->capacity) {
    size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
    while (capacity < needed) capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    buffer->ptr = hy_resize(buffer->ptr, buffer->capacity, capacity);
    buffer->capacity = capacity;
  }
  memcpy(buffer->ptr + buffer->len, string.ptr, string.len);
  buffer->len = needed;
}

hy_string hy_appended(const hy_buffer *buffer) {
  return (hy_string){buffer->ptr, buffer->len};
}
