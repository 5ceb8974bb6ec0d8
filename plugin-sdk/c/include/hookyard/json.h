// Reading JSON. A value is the part of the text that it stands in; nothing is copied until it is asked
// for. Places within a value are JSON Pointers (RFC 6901): "/object/changes/0/name", "" for itself.
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

// Checks the whole text, and gives its value; false if it is not JSON or nested deeper than 128.
bool hy_json_parse(hy_string text, hy_json *value);

// The value at a place; of kind HY_JSON_MISSING where there is none.
hy_json hy_json_at(hy_json value, const char *pointer);
// The string at a place; none where there is another kind of value, or none.
hy_optional hy_json_string_at(hy_json value, const char *pointer);
// The whole number at a place, or the number within the string there; false where there is none.
bool hy_json_int_at(hy_json value, const char *pointer, int64_t *number);
// Whether `true` stands at a place.
bool hy_json_true_at(hy_json value, const char *pointer);

// One after the other, the members of an object or the items of an array, which have no name:
//   for (hy_json_member m = {0}; hy_json_next(object, &m);) …
typedef struct {
  hy_string name;
  hy_json value;
  size_t next; // where to go on
} hy_json_member;

bool hy_json_next(hy_json container, hy_json_member *member);
