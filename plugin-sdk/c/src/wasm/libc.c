// The functions of a C library that compilers and authors expect. It is compiled with -fno-builtin, because
// a loop here could otherwise become a call of its own function. WebAssembly has instructions to copy and fill.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  return __builtin_memcpy(to, from, size);
}

void *memmove(void *to, const void *from, size_t size) {
  return __builtin_memmove(to, from, size);
}

void *memset(void *memory, int byte, size_t size) {
  return __builtin_memset(memory, byte, size);
}

int memcmp(const void *a, const void *b, size_t size) {
  const unsigned char *x = a, *y = b;
  for (; size > 0; size--, x++, y++) {
    if (*x != *y) return *x - *y;
  }
  return 0;
}

void *memchr(const void *memory, int byte, size_t size) {
  const unsigned char *at = memory;
  for (; size > 0; size--, at++) {
    if (*at == (unsigned char)byte) return (void *)at;
  }
  return NULL;
}

size_t strlen(const char *text) {
  size_t len = 0;
  while (text[len] != 0) len++;
  return len;
}

int strcmp(const char *a, const char *b) {
  for (; *a != 0 && *a == *b; a++, b++) {
  }
  return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t size) {
  for (; size > 0 && *a != 0 && *a == *b; a++, b++, size--) {
  }
  return size == 0 ? 0 : (unsigned char)*a - (unsigned char)*b;
}

char *strchr(const char *text, int byte) {
  for (; *text != (char)byte; text++) {
    if (*text == 0) return NULL;
  }
  return (char *)text;
}

_Noreturn void abort(void) {
  __builtin_trap();
}

static void swap(char *a, char *b, size_t size) {
  for (; size > 0; size--, a++, b++) {
    char c = *a;
    *a = *b;
    *b = c;
  }
}

static void sink(char *items, size_t root, size_t count, size_t size, int (*compare)(const void *, const void *)) {
  for (size_t child; (child = 2 * root + 1) < count; root = child) {
    if (child + 1 < count && compare(items + child * size, items + (child + 1) * size) < 0) child++;
    if (compare(items + root * size, items + child * size) >= 0) return;
    swap(items + root * size, items + child * size, size);
  }
}

// A heap sort: in place, without recursion, and fast in the worst case.
void qsort(void *memory, size_t count, size_t size, int (*compare)(const void *, const void *)) {
  char *items = memory;
  for (size_t root = count / 2; root > 0; root--) sink(items, root - 1, count, size, compare);
  for (size_t end = count; end > 1; end--) {
    swap(items, items + (end - 1) * size, size);
    sink(items, 0, end - 1, size, compare);
  }
}

// clang calls this to multiply 64-bit numbers with an overflow check. It multiplies 128-bit numbers by halves.
typedef unsigned __int128 u128;

static u128 multiplied(uint64_t a, uint64_t b) {
  uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
  uint64_t low = a_low * b_low, cross = a_high * b_low + (low >> 32), other = a_low * b_high + (uint32_t)cross;
  uint64_t high = a_high * b_high + (cross >> 32) + (other >> 32);
  return (u128)high << 64 | other << 32 | (uint32_t)low;
}

__int128 __multi3(__int128 a, __int128 b);
__int128 __multi3(__int128 a, __int128 b) {
  uint64_t a_low = (uint64_t)a, b_low = (uint64_t)b;
  uint64_t a_high = (uint64_t)((u128)a >> 64), b_high = (uint64_t)((u128)b >> 64);
  return (__int128)(multiplied(a_low, b_low) + ((u128)(a_high * b_low + a_low * b_high) << 64));
}
