// Runs the registered tests and reports the failed ones.
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

enum { TESTS_MAX = 1024 };

static struct {
  const char *name;
  void (*run)(void);
} tests[TESTS_MAX];
static size_t test_count;
static jmp_buf failed;

void hy_test_add(const char *name, void (*run)(void)) {
  if (test_count == TESTS_MAX) abort();
  tests[test_count].name = name;
  tests[test_count++].run = run;
}

void hy_test_fail(const char *file, int line, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  hy_string text = hy_format_list(format, arguments);
  va_end(arguments);
  printf("%s:%d: %.*s\n", file, line, HY_ARG(text));
  for (size_t i = 0; i < hy_world.lines.count; i++) printf("  logged: %.*s\n", HY_ARG(hy_world.lines.items[i]));
  longjmp(failed, 1);
}

void hy_expect_text(const char *file, int line, hy_string actual, hy_string expected) {
  if (hy_equal(actual, expected)) return;
  hy_test_fail(file, line, "\n  expected: %.*s\n  actual:   %.*s", HY_ARG(expected), HY_ARG(actual));
}

void hy_expect_int(const char *file, int line, int64_t actual, int64_t expected) {
  if (actual != expected) hy_test_fail(file, line, "expected %" PRId64 ", actual %" PRId64, expected, actual);
}

void hy_expect_outcome(const char *file, int line, hy_delivery delivery, hy_outcome outcome, hy_optional reason) {
  static const char *const names[] = {"done", "retry", "rejected", "panic"};
  hy_string actual = delivery.outcome == HY_DONE ? hy_str("") : delivery.failure.reason;
  if (delivery.outcome != outcome) {
    hy_test_fail(file, line, "expected %s, actual %s: %.*s", names[outcome], names[delivery.outcome], HY_ARG(actual));
  }
  if (reason.is_some) hy_expect_text(file, line, actual, reason.value);
}

int main(void) {
  volatile size_t failures = 0;
  for (volatile size_t i = 0; i < test_count; i++) {
    hy_test_begin();
    fflush(stdout);
    if (setjmp(failed) == 0) {
      tests[i].run();
      printf("ok      %s\n", tests[i].name);
    } else {
      failures++;
      printf("FAILED  %s\n", tests[i].name);
    }
  }
  hy_test_begin(); // frees the memory of the last test
  printf("%zu tests, %zu failed\n", test_count, (size_t)failures);
  return failures > 0 || test_count == 0;
}
