// Writes JSON (RFC 8259) from UTF-8 to UTF-8.
#include <hookyard/json_writer.h>
#include <hookyard/memory.h>

static void begin_value(hy_json_writer *json) {
  if (json->has_members) hy_append(&json->buffer, hy_str(","));
  json->has_members = true;
}

// The length of the character here in bytes; 0 if it is not valid UTF-8.
static size_t character(const unsigned char *at, size_t left) {
  size_t len = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF5 ? 4 : 0;
  if (len == 0 || len > left) return 0;
  for (size_t i = 1; i < len; i++) {
    if ((at[i] & 0xC0) != 0x80) return 0;
  }
  if (at[0] == 0xE0 && at[1] < 0xA0) return 0; // overlong encoding
  if (at[0] == 0xED && at[1] > 0x9F) return 0; // lone surrogate
  if (at[0] == 0xF0 && at[1] < 0x90) return 0; // overlong encoding
  if (at[0] == 0xF4 && at[1] > 0x8F) return 0; // beyond U+10FFFF
  return len;
}

static void put_escaped(hy_buffer *out, unsigned char c) {
  switch (c) {
    case '"': hy_append(out, hy_str("\\\"")); break;
    case '\\': hy_append(out, hy_str("\\\\")); break;
    case '\n': hy_append(out, hy_str("\\n")); break;
    case '\r': hy_append(out, hy_str("\\r")); break;
    case '\t': hy_append(out, hy_str("\\t")); break;
    default: hy_append_format(out, "\\u%04x", c); break;
  }
}

static void put_quoted(hy_buffer *out, hy_string value) {
  const unsigned char *bytes = (const unsigned char *)value.ptr;
  size_t plain = 0; // the start of the run without escapes
  hy_append(out, hy_str("\""));
  for (size_t i = 0; i < value.len;) {
    size_t len = character(bytes + i, value.len - i);
    if (len > 0 && bytes[i] >= 0x20 && bytes[i] != '"' && bytes[i] != '\\') {
      i += len;
      continue;
    }
    hy_append(out, hy_slice(value, plain, i - plain));
    if (len == 0) hy_append(out, hy_str("\uFFFD"));
    else put_escaped(out, bytes[i]);
    plain = ++i;
  }
  hy_append(out, hy_slice(value, plain, value.len));
  hy_append(out, hy_str("\""));
}

void hy_put_name(hy_json_writer *json, hy_string name) {
  begin_value(json);
  put_quoted(&json->buffer, name);
  hy_append(&json->buffer, hy_str(":"));
  json->has_members = false; // the value follows without a comma
}

static void begin(hy_json_writer *json, const char *name) {
  if (name != NULL) hy_put_name(json, hy_text(name));
  begin_value(json);
}

static void open(hy_json_writer *json, const char *name, char opening, char closing) {
  begin(json, name);
  HY_ASSERT(json->depth < HY_JSON_DEPTH_MAX);
  hy_append(&json->buffer, (hy_string){&opening, 1});
  json->closing[json->depth++] = closing;
  json->has_members = false;
}

void hy_begin_object(hy_json_writer *json, const char *name) {
  open(json, name, '{', '}');
}

void hy_begin_array(hy_json_writer *json, const char *name) {
  open(json, name, '[', ']');
}

void hy_end(hy_json_writer *json) {
  HY_ASSERT(json->depth > 0);
  hy_append(&json->buffer, (hy_string){&json->closing[--json->depth], 1});
  json->has_members = true;
}

void hy_put_json(hy_json_writer *json, const char *name, hy_string value) {
  begin(json, name);
  hy_append(&json->buffer, value);
}

void hy_put_string(hy_json_writer *json, const char *name, hy_string value) {
  begin(json, name);
  put_quoted(&json->buffer, value);
}

void hy_put_optional(hy_json_writer *json, const char *name, hy_optional value) {
  if (value.is_some) hy_put_string(json, name, value.value);
  else hy_put_null(json, name);
}

void hy_put_strings(hy_json_writer *json, const char *name, hy_strings values) {
  hy_begin_array(json, name);
  for (size_t i = 0; i < values.count; i++) hy_put_string(json, NULL, values.items[i]);
  hy_end(json);
}

void hy_put_int(hy_json_writer *json, const char *name, int64_t value) {
  hy_put_json(json, name, hy_format("%jd", (intmax_t)value));
}

void hy_put_uint(hy_json_writer *json, const char *name, uint64_t value) {
  hy_put_json(json, name, hy_format("%ju", (uintmax_t)value));
}

void hy_put_bool(hy_json_writer *json, const char *name, bool value) {
  hy_put_json(json, name, value ? hy_str("true") : hy_str("false"));
}

void hy_put_null(hy_json_writer *json, const char *name) {
  hy_put_json(json, name, hy_str("null"));
}

hy_string hy_written(const hy_json_writer *json) {
  HY_ASSERT(json->depth == 0);
  return hy_appended(&json->buffer);
}
