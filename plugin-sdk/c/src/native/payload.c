// Makes payloads of samples, and writes them as their senders do.
#include "world.h"

#include <stdio.h>

void *hy_test_copy_items(const void *items, size_t size) {
  return memcpy(hy_alloc(size), items, size);
}

void hy_test_put_float(hy_json_writer *json, double value) {
  char text[32]; // a double has at most 24 characters
  int len = snprintf(text, sizeof text, "%.17g", value);
  hy_string number = {text, (size_t)len};
  if (value - value == 0) hy_put_json(json, NULL, number);
  else hy_put_string(json, NULL, value != value ? hy_str("NaN") : value > 0 ? hy_str("Infinity") : hy_str("-Infinity"));
}

void hy_test_put_char(hy_json_writer *json, uint32_t c) {
  char bytes[4] = {0};
  size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = len; i > 1; i--, c >>= 6) bytes[i - 1] = (char)(0x80 | (c & 0x3F));
  bytes[0] = (char)(first[len] | c);
  hy_put_string(json, NULL, (hy_string){bytes, len});
}

void hy_test_put_bytes(hy_json_writer *json, hy_string bytes) {
  hy_begin_array(json, NULL);
  for (size_t i = 0; i < bytes.len; i++) hy_put_uint(json, NULL, (uint8_t)bytes.ptr[i]);
  hy_end(json);
}
