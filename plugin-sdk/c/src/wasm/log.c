#include <hookyard/log.h>
#include <hookyard/memory.h>

#include "capabilities.h"

_Static_assert(HY_TRACE == WASI_LOGGING_LOGGING_LEVEL_TRACE && HY_CRITICAL == WASI_LOGGING_LOGGING_LEVEL_CRITICAL,
               "levels are not wasi:logging's");

void hy_log_line(hy_level level, hy_string line) {
  hy_string context = hy_str("");
  wasi_logging_logging_log((uint8_t)level, AS_STRING(context), AS_STRING(line));
}

_Noreturn void hy_panic_at(const char *file, int line, const char *format, ...) {
  static bool panicking;
  if (!panicking) { // avoids recursion if formatting the text panics
    panicking = true;
    va_list arguments;
    va_start(arguments, format);
    hy_buffer text = {0};
    hy_append_format(&text, "%s:%d: ", file, line);
    hy_append_format_list(&text, format, arguments);
    va_end(arguments);
    hy_log_line(HY_CRITICAL, hy_appended(&text));
  }
  __builtin_trap();
}
