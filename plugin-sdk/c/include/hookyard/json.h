// Parses JSON. A value refers to its part of the text and copies nothing. Places within a value are JSON
// Pointers (RFC 6901): "/object/changes/0/name", or "" for the value itself.
#pragma once
#include <hookyard/text.h>

typedef enum {
  HY_JSON_MISSING, // there is no such value
  HY_JSON_NULL,
  HY_JSON_BOOL,
  HY_JSON_NUMBER,
  HY_JSON_STRING,
  HY_JSON_ARRAY,
  HY_JSON_OBJECT,
} hy_json_kind;

typedef struct {
  hy_json_kind kind;
  hy_string text; // as written
} hy_json;

// Checks the whole text and returns its value; false if it is not JSON or is nested deeper than 128.
bool hy_json_parse(hy_string text, hy_json *value);

// The value at a place; its kind is HY_JSON_MISSING if there is none.
hy_json hy_json_at(hy_json value, const char *pointer);
// The string at a place; none if there is no value or a value of another kind.
hy_optional hy_json_string_at(hy_json value, const char *pointer);
// The whole number at a place, or the number in a string there; false if there is none.
bool hy_json_int_at(hy_json value, const char *pointer, int64_t *number);
// Whether the value at a place is `true`.
bool hy_json_true_at(hy_json value, const char *pointer);

// Iterates over the members of an object or the items of an array, which have no name:
//   for (hy_json_member m = {0}; hy_json_next(object, &m);) …
typedef struct {
  hy_string name;
  hy_json value;
  size_t next; // the position of the next member
} hy_json_member;

bool hy_json_next(hy_json container, hy_json_member *member);
