#include <hookyard/handler.h>

static void fail(hy_failure *failure, hy_failure how, const char *format, va_list arguments) {
  if (failure != NULL) {
    how.reason = hy_format_list(format, arguments);
    *failure = how;
  }
}

bool hy_retry(hy_failure *failure, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fail(failure, (hy_failure){.kind = HY_FAILURE_RETRY}, format, arguments);
  va_end(arguments);
  return false;
}

bool hy_retry_after(hy_failure *failure, uint64_t after_ms, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fail(failure, (hy_failure){.kind = HY_FAILURE_RETRY, .has_after_ms = true, .after_ms = after_ms}, format, arguments);
  va_end(arguments);
  return false;
}

bool hy_reject(hy_failure *failure, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fail(failure, (hy_failure){.kind = HY_FAILURE_REJECT}, format, arguments);
  va_end(arguments);
  return false;
}
