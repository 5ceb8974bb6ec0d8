#include <hookyard_test.h>
#include <limits.h>
#include <stdio.h>

// The results must equal those of the C library.
#define EXPECT_AS_PRINTF(...)                            \
  do {                                                   \
    char expected[256];                                  \
    snprintf(expected, sizeof expected, __VA_ARGS__);    \
    EXPECT_TEXT(hy_format(__VA_ARGS__), expected);       \
  } while (0)

HY_TEST(formats_integers_as_printf_does) {
  EXPECT_AS_PRINTF("%d %i %u", 0, -42, 42u);
  EXPECT_AS_PRINTF("%d %d", INT_MIN, INT_MAX);
  EXPECT_AS_PRINTF("%lld %llu", LLONG_MIN, ULLONG_MAX);
  EXPECT_AS_PRINTF("%ld %lu %zu %zd %jd %td", LONG_MIN, ULONG_MAX, SIZE_MAX, (ptrdiff_t)-1, INTMAX_MIN, (ptrdiff_t)9);
  EXPECT_AS_PRINTF("%hd %hhd %hu %hhu", (short)-3, (signed char)-4, (unsigned short)65535, (unsigned char)255);
  EXPECT_AS_PRINTF("%x %X %lx", 0xbeefu, 0xBEEFu, 0xfeedbeefL);
  EXPECT_AS_PRINTF("%" PRId64 " %" PRIu64 " %" PRIx64, INT64_MIN, UINT64_MAX, UINT64_MAX);
}

HY_TEST(formats_widths_and_precisions_as_printf_does) {
  EXPECT_AS_PRINTF("[%5d][%-5d][%05d][%05d]", 42, 42, 42, -42);
  EXPECT_AS_PRINTF("[%.3d][%6.3d][%-6.3d][%.0d]", 7, 7, -7, 0);
  EXPECT_AS_PRINTF("[%*d][%-*d][%*d]", 5, 1, 5, 2, -5, 3);
  EXPECT_AS_PRINTF("[%8s][%-8s][%.2s][%8.2s]", "text", "text", "text", "text");
  EXPECT_AS_PRINTF("[%c][%3c][%-3c]%%", 'a', 'b', 'c');
  EXPECT_AS_PRINTF("[%.*s]", 3, "not zero terminated within it");
}

HY_TEST(formats_strings_that_have_no_zero_at_the_end) {
  char exact[4] = {'a', 'b', 'c', 'd'};
  hy_string string = {exact, sizeof exact};
  EXPECT_TEXT(hy_format("<%.*s>", HY_ARG(string)), "<abcd>");
  EXPECT_TEXT(hy_format("<%.*s>", HY_ARG(hy_str(""))), "<>");
  EXPECT_TEXT(hy_format("<%.*s>", HY_ARG(((hy_string){0}))), "<>");
}
