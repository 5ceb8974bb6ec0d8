// Functions that build on the capabilities. They are the same in a plugin and in its tests.
#include <hookyard/config.h>
#include <hookyard/log.h>
#include <hookyard/outbox.h>

void hy_log(hy_level level, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  hy_log_line(level, hy_format_list(format, arguments));
  va_end(arguments);
}

bool hy_config_required(hy_string key, hy_string *value, hy_failure *failure) {
  hy_optional set = hy_config(key);
  if (!set.is_some) return hy_reject(failure, "the operator has not set `%.*s` in the plugin's config", HY_ARG(key));
  *value = set.value;
  return true;
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool same_name(hy_string a, hy_string b) {
  if (a.len != b.len) return false;
  for (size_t i = 0; i < a.len; i++) {
    if (lower(a.ptr[i]) != lower(b.ptr[i])) return false;
  }
  return true;
}

hy_optional hy_header(hy_pairs headers, hy_string name) {
  for (size_t i = 0; i < headers.count; i++) {
    if (same_name(headers.items[i].name, name)) return hy_some(headers.items[i].value);
  }
  return hy_none();
}

bool hy_send_json(hy_string method, hy_string url, hy_string token, hy_string json, hy_string *key, hy_failure *failure) {
  hy_pairs headers = HY_PAIRS({hy_str("Content-Type"), hy_str("application/json")},
                              {hy_str("Authorization"), hy_format("Bearer %.*s", HY_ARG(token))});
  if (token.len == 0) headers.count = 1;
  hy_http_request request = {.method = method, .url = url, .headers = headers, .body = json};
  return hy_send_http(&request, key, failure);
}
