// Parses JSON (RFC 8259) in place.
#include <hookyard/json.h>
#include <hookyard/memory.h>
#include <string.h>

enum { DEPTH_MAX = 128 };

typedef struct {
  const char *at, *end;
} reader;

static void skip_space(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

static bool take(reader *r, char c) {
  if (r->at == r->end || *r->at != c) return false;
  r->at++;
  return true;
}

static bool take_word(reader *r, const char *word) {
  size_t len = strlen(word);
  if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0) return false;
  r->at += len;
  return true;
}

static bool take_digits(reader *r) {
  const char *start = r->at;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
  return r->at > start;
}

static bool take_number(reader *r) {
  take(r, '-');
  if (!take(r, '0') && !take_digits(r)) return false;
  if (take(r, '.') && !take_digits(r)) return false;
  if (!take(r, 'e') && !take(r, 'E')) return true;
  if (!take(r, '+')) take(r, '-');
  return take_digits(r);
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool take_hex(reader *r, unsigned *unit) {
  *unit = 0;
  for (int i = 0; i < 4; i++, r->at++) {
    int digit = r->at < r->end ? hex_digit(*r->at) : -1;
    if (digit < 0) return false;
    *unit = *unit * 16 + (unsigned)digit;
  }
  return true;
}

static size_t put_utf8(char *out, unsigned code) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  out[0] = (char)((0xFF00 >> (more + 1) & 0xFF) | code >> 6 * more); // one leading bit per byte
  for (size_t i = 1; i <= more; i++) out[i] = (char)(0x80 | (code >> 6 * (more - i) & 0x3F));
  return more + 1;
}

// Decodes \uXXXX, or a surrogate pair of two. A lone surrogate becomes U+FFFD.
static bool take_unicode(reader *r, unsigned *code) {
  if (!take_hex(r, code)) return false;
  if (*code < 0xD800 || *code > 0xDFFF) return true;
  reader ahead = *r;
  unsigned low;
  if (*code <= 0xDBFF && take_word(&ahead, "\\u") && take_hex(&ahead, &low) && low >= 0xDC00 && low <= 0xDFFF) {
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    *r = ahead;
  } else {
    *code = 0xFFFD;
  }
  return true;
}

// Decodes a string into `out`, unless that is NULL. `out` must have room for the string as written.
static bool take_string(reader *r, char *out, size_t *len) {
  static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  char scratch[4];
  size_t written = 0;
  if (!take(r, '"')) return false;
  while (r->at < r->end && *r->at != '"') {
    char *to = out == NULL ? scratch : out + written;
    if ((unsigned char)*r->at < 0x20) return false;
    if (*r->at != '\\') {
      *to = *r->at++;
      written++;
      continue;
    }
    r->at++;
    if (r->at == r->end) return false;
    char c = *r->at++;
    const char *escape = memchr(escapes, c, sizeof escapes - 1);
    unsigned code;
    if (c == 'u') {
      if (!take_unicode(r, &code)) return false;
      written += put_utf8(to, code);
    } else if (escape != NULL) {
      *to = meanings[escape - escapes];
      written++;
    } else {
      return false;
    }
  }
  if (len != NULL) *len = written;
  return take(r, '"');
}

static bool take_value(reader *r, hy_json *value, int depth);

static bool take_members(reader *r, bool object, int depth) {
  char close = object ? '}' : ']';
  r->at++;
  skip_space(r);
  if (take(r, close)) return true;
  do {
    skip_space(r);
    if (object) {
      if (!take_string(r, NULL, NULL)) return false;
      skip_space(r);
      if (!take(r, ':')) return false;
    }
    if (!take_value(r, NULL, depth + 1)) return false;
    skip_space(r);
  } while (take(r, ','));
  return take(r, close);
}

static bool take_value(reader *r, hy_json *value, int depth) {
  skip_space(r);
  if (r->at == r->end || depth > DEPTH_MAX) return false;
  const char *start = r->at;
  hy_json_kind kind;
  bool good;
  switch (*start) {
    case '{': kind = HY_JSON_OBJECT, good = take_members(r, true, depth); break;
    case '[': kind = HY_JSON_ARRAY, good = take_members(r, false, depth); break;
    case '"': kind = HY_JSON_STRING, good = take_string(r, NULL, NULL); break;
    case 't': kind = HY_JSON_BOOL, good = take_word(r, "true"); break;
    case 'f': kind = HY_JSON_BOOL, good = take_word(r, "false"); break;
    case 'n': kind = HY_JSON_NULL, good = take_word(r, "null"); break;
    default: kind = HY_JSON_NUMBER, good = take_number(r); break;
  }
  if (good && value != NULL) *value = (hy_json){kind, {start, (size_t)(r->at - start)}};
  return good;
}

static reader reader_of(hy_string text) {
  return (reader){text.ptr, text.ptr + text.len};
}

static hy_string string_of(hy_json value) {
  char *out = hy_alloc(value.text.len);
  size_t len = 0;
  reader r = reader_of(value.text);
  take_string(&r, out, &len);
  return (hy_string){out, len};
}

bool hy_json_parse(hy_string text, hy_json *value) {
  *value = (hy_json){0};
  if (text.len == 0) return false;
  reader r = reader_of(text);
  hy_json parsed;
  if (!take_value(&r, &parsed, 0)) return false;
  skip_space(&r);
  if (r.at != r.end) return false;
  *value = parsed;
  return true;
}

bool hy_json_next(hy_json container, hy_json_member *member) {
  bool object = container.kind == HY_JSON_OBJECT;
  if (!object && container.kind != HY_JSON_ARRAY) return false;
  reader r = reader_of(container.text);
  r.at += member->next == 0 ? 1 : member->next;
  skip_space(&r);
  if (take(&r, ',')) skip_space(&r);
  member->name = hy_str("");
  if (object) {
    hy_json name;
    if (!take_value(&r, &name, 0)) return false;
    member->name = string_of(name);
    skip_space(&r);
    take(&r, ':');
  }
  if (!take_value(&r, &member->value, 0)) return false;
  member->next = (size_t)(r.at - container.text.ptr);
  return true;
}

// Decodes one step of a pointer with the escapes of RFC 6901.
static hy_string step_of(const char **pointer) {
  hy_buffer step = {0};
  const char *at = *pointer + 1;
  for (; *at != 0 && *at != '/'; at++) {
    if (at[0] == '~' && (at[1] == '0' || at[1] == '1')) {
      hy_append(&step, *++at == '0' ? hy_str("~") : hy_str("/"));
    } else {
      hy_append(&step, (hy_string){at, 1});
    }
  }
  *pointer = at;
  return hy_appended(&step);
}

static hy_json member_of(hy_json container, hy_string step) {
  int64_t wanted = -1, index = 0;
  bool object = container.kind == HY_JSON_OBJECT;
  hy_json found = {0};
  if (!object && !hy_parse_int(step, &wanted)) return found;
  for (hy_json_member m = {0}; hy_json_next(container, &m); index++) {
    if (object ? hy_equal(m.name, step) : index == wanted) found = m.value; // the last of repeated keys counts
  }
  return found;
}

hy_json hy_json_at(hy_json value, const char *pointer) {
  while (*pointer != 0) {
    HY_ASSERT(*pointer == '/');
    value = member_of(value, step_of(&pointer));
  }
  return value;
}

hy_optional hy_json_string_at(hy_json value, const char *pointer) {
  hy_json found = hy_json_at(value, pointer);
  return found.kind == HY_JSON_STRING ? hy_some(string_of(found)) : hy_none();
}

bool hy_json_int_at(hy_json value, const char *pointer, int64_t *number) {
  hy_json found = hy_json_at(value, pointer);
  if (found.kind == HY_JSON_NUMBER) return hy_parse_int(found.text, number);
  return found.kind == HY_JSON_STRING && hy_parse_int(string_of(found), number);
}

bool hy_json_true_at(hy_json value, const char *pointer) {
  hy_json found = hy_json_at(value, pointer);
  return found.kind == HY_JSON_BOOL && found.text.ptr[0] == 't';
}
