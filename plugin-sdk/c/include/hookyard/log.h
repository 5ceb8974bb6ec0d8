// Log lines for the operator, which the host keeps with the attempt.
#pragma once
#include <hookyard/text.h>

typedef enum { HY_TRACE, HY_DEBUG, HY_INFO, HY_WARN, HY_ERROR, HY_CRITICAL } hy_level;

// Formats like hy_format.
__attribute__((format(printf, 2, 3))) void hy_log(hy_level level, const char *format, ...);

#define hy_trace(...) hy_log(HY_TRACE, __VA_ARGS__)
#define hy_debug(...) hy_log(HY_DEBUG, __VA_ARGS__)
#define hy_info(...) hy_log(HY_INFO, __VA_ARGS__)
#define hy_warn(...) hy_log(HY_WARN, __VA_ARGS__)
#define hy_error(...) hy_log(HY_ERROR, __VA_ARGS__)

// Logs a line without formatting.
void hy_log_line(hy_level level, hy_string line);
