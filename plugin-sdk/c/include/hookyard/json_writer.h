// Writes JSON. Begin with {0}. A member of an object has a name; an item of an array has NULL:
//   hy_json_writer json = {0};
//   hy_begin_object(&json, NULL);
//   hy_put_string(&json, "name", appointment->name);
//   hy_end(&json);
//   hy_written(&json) → {"name":"Aïssatou"}
#pragma once
#include <hookyard/text.h>

enum { HY_JSON_DEPTH_MAX = 32 };

typedef struct {
  hy_buffer buffer;
  unsigned depth;
  bool has_members;               // at the current depth
  char closing[HY_JSON_DEPTH_MAX]; // the closing bracket of each depth
} hy_json_writer;

void hy_begin_object(hy_json_writer *json, const char *name);
void hy_begin_array(hy_json_writer *json, const char *name);
// Ends the innermost open object or array.
void hy_end(hy_json_writer *json);

// Bytes that are not UTF-8 become U+FFFD.
void hy_put_string(hy_json_writer *json, const char *name, hy_string value);
// Writes null if the value is none.
void hy_put_optional(hy_json_writer *json, const char *name, hy_optional value);
void hy_put_strings(hy_json_writer *json, const char *name, hy_strings values);
void hy_put_int(hy_json_writer *json, const char *name, int64_t value);
void hy_put_uint(hy_json_writer *json, const char *name, uint64_t value);
void hy_put_bool(hy_json_writer *json, const char *name, bool value);
void hy_put_null(hy_json_writer *json, const char *name);
// Inserts existing JSON text.
void hy_put_json(hy_json_writer *json, const char *name, hy_string value);
// Sets the name of the next member if it is not a constant. That member's own name is then NULL.
void hy_put_name(hy_json_writer *json, hy_string name);

// The written text. Ends the call if an object or array is still open.
hy_string hy_written(const hy_json_writer *json);
