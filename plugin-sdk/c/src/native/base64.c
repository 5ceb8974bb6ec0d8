#include "base64.h"

#include <hookyard/memory.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

hy_string hy_base64_encode(hy_string bytes) {
  size_t len = (bytes.len + 2) / 3 * 4;
  char *text = hy_alloc(len + 1);
  for (size_t i = 0, at = 0; i < bytes.len; i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; j++) group = group << 8 | (i + j < bytes.len ? (uint8_t)bytes.ptr[i + j] : 0);
    for (size_t j = 0; j < 4; j++) text[at++] = i + j > bytes.len ? '=' : digits[group >> (18 - 6 * j) & 63];
  }
  return (hy_string){text, len};
}

hy_string hy_base64_decode(hy_string text) {
  char *bytes = hy_alloc(text.len);
  size_t len = 0, bits = 0;
  uint32_t group = 0;
  for (size_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
    const char *digit = strchr(digits, text.ptr[i]);
    HY_ASSERT(digit != NULL);
    group = group << 6 | (uint32_t)(digit - digits);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[len++] = (char)(group >> bits);
  }
  return (hy_string){bytes, len};
}
