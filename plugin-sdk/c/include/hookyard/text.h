// Text and bytes: a pointer and a length, without a zero at the end.
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *ptr;
  size_t len;
} hy_string;

// A string that may be absent.
typedef struct {
  bool is_some;
  hy_string value;
} hy_optional;

typedef struct {
  hy_string *items;
  size_t count;
} hy_strings;

// A name and a value: a header, a key of the store with its value, a setting.
typedef struct {
  hy_string name;
  hy_string value;
} hy_pair;

typedef struct {
  hy_pair *items;
  size_t count;
} hy_pairs;

// A literal as a string: hy_str("visits").
#define hy_str(literal) ((hy_string){"" literal, sizeof(literal) - 1})

// For "%.*s" in formats: hy_info("welcome, %.*s", HY_ARG(appointment->name)).
#define HY_ARG(string) (int)(string).len, (string).ptr

// Literal lists: HY_STRINGS(hy_str("a"), hy_str("b")), HY_PAIRS({hy_str("Accept"), hy_str("*/*")}).
// They last as long as their block.
#define HY_STRINGS(...) ((hy_strings){(hy_string[]){__VA_ARGS__}, sizeof((hy_string[]){__VA_ARGS__}) / sizeof(hy_string)})
#define HY_PAIRS(...) ((hy_pairs){(hy_pair[]){__VA_ARGS__}, sizeof((hy_pair[]){__VA_ARGS__}) / sizeof(hy_pair)})

// Wraps a zero-terminated string without a copy.
hy_string hy_text(const char *zero_terminated);
// A zero-terminated copy.
const char *hy_zero_terminated(hy_string string);

bool hy_equal(hy_string a, hy_string b);
// Compares by bytes; returns a value less than 0, equal to 0, or greater than 0.
int hy_compare(hy_string a, hy_string b);
bool hy_starts_with(hy_string string, hy_string start);
bool hy_ends_with(hy_string string, hy_string end);
// The part from a byte on, at most `len` bytes and at most to the end of the string.
hy_string hy_slice(hy_string string, size_t from, size_t len);
// Removes spaces, tabs and line ends at both ends.
hy_string hy_trimmed(hy_string string);
// Splits at a separator and trims each part: "a, b" → "a", "b". It omits empty parts.
hy_strings hy_split(hy_string string, char separator);
// Sorts by bytes, in place.
void hy_sort(hy_strings strings);

hy_optional hy_some(hy_string value);
hy_optional hy_none(void);
// The value, or a default if there is none.
hy_string hy_or(hy_optional optional, hy_string otherwise);

// Parses a whole decimal number with an optional sign; false if it is not a number or is too large.
bool hy_parse_int(hy_string string, int64_t *number);

// Formats like printf, into memory of the call. It supports d i u x X c s p %%, the flags - and 0, width,
// precision (also *), and the lengths hh h l ll j z t. It does not support floating-point numbers. Any
// other format ends the call.
__attribute__((format(printf, 1, 2))) hy_string hy_format(const char *format, ...);
hy_string hy_format_list(const char *format, va_list arguments);

// A text buffer that grows, in memory of the call. Begin with {0}.
typedef struct {
  char *ptr;
  size_t len;
  size_t capacity;
} hy_buffer;

void hy_append(hy_buffer *buffer, hy_string string);
__attribute__((format(printf, 2, 3))) void hy_append_format(hy_buffer *buffer, const char *format, ...);
void hy_append_format_list(hy_buffer *buffer, const char *format, va_list arguments);
// The current content. Appending may move it.
hy_string hy_appended(const hy_buffer *buffer);
