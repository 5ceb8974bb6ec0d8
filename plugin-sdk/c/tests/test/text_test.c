#include <hookyard_test.h>

HY_TEST(compares_by_bytes_and_then_by_length) {
  EXPECT(hy_equal(hy_str(""), (hy_string){0}));
  EXPECT(!hy_equal(hy_str("a"), hy_str("ab")));
  EXPECT(hy_compare(hy_str("a"), hy_str("ab")) < 0);
  EXPECT(hy_compare(hy_str("b"), hy_str("ab")) > 0);
  EXPECT(hy_compare(hy_str("é"), hy_str("z")) > 0);
  EXPECT(hy_starts_with(hy_str("appointment.created"), hy_str("appointment.")));
  EXPECT(!hy_ends_with(hy_str("d"), hy_str("created")));
}

HY_TEST(cuts_within_the_string) {
  EXPECT_TEXT(hy_slice(hy_str("hello"), 1, 3), "ell");
  EXPECT_TEXT(hy_slice(hy_str("hello"), 3, 100), "lo");
  EXPECT_TEXT(hy_slice(hy_str("hello"), 9, 1), "");
  EXPECT_TEXT(hy_trimmed(hy_str(" \t a b\r\n")), "a b");
  EXPECT_TEXT(hy_trimmed(hy_str("  ")), "");
}

HY_TEST(splits_a_list_that_people_have_written) {
  hy_strings parts = hy_split(hy_str("a@example.gn, b@example.gn ,,c "), ',');
  EXPECT_INT(parts.count, 3);
  EXPECT_TEXT(parts.items[0], "a@example.gn");
  EXPECT_TEXT(parts.items[1], "b@example.gn");
  EXPECT_TEXT(parts.items[2], "c");
  EXPECT_INT(hy_split(hy_str(""), ',').count, 0);
}

HY_TEST(sorts_strings) {
  hy_strings strings = HY_STRINGS(hy_str("b"), hy_str("é"), hy_str("a"), hy_str("aa"));
  hy_sort(strings);
  EXPECT_TEXT(strings.items[0], "a");
  EXPECT_TEXT(strings.items[1], "aa");
  EXPECT_TEXT(strings.items[2], "b");
  EXPECT_TEXT(strings.items[3], "é");
}

static bool parses(const char *text, int64_t expected) {
  int64_t number = 0;
  return hy_parse_int(hy_text(text), &number) && number == expected;
}

HY_TEST(parses_whole_numbers_up_to_the_largest) {
  int64_t number;
  EXPECT(parses("0", 0) && parses("-7", -7) && parses("+7", 7));
  EXPECT(parses("9223372036854775807", INT64_MAX) && parses("-9223372036854775808", INT64_MIN));
  const char *wrong[] = {"", "-", "7 ", "0x1", "1.0", "9223372036854775808", "-9223372036854775809", "--1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) EXPECT(!hy_parse_int(hy_text(wrong[i]), &number));
}

HY_TEST(text_grows_as_it_is_appended_to) {
  hy_buffer buffer = {0};
  for (int i = 0; i < 1000; i++) hy_append_format(&buffer, "%d,", i);
  EXPECT_INT(hy_appended(&buffer).len, 10 * 2 + 90 * 3 + 900 * 4);
  EXPECT(hy_ends_with(hy_appended(&buffer), hy_str("998,999,")));
}

HY_TEST(headers_have_names_in_any_case) {
  hy_pairs headers = HY_PAIRS({hy_str("Content-Type"), hy_str("text/plain")}, {hy_str("X-Test"), hy_str("yes")});
  EXPECT_TEXT(hy_header(headers, hy_str("x-test")).value, "yes");
  EXPECT(!hy_header(headers, hy_str("x-tes")).is_some);
}
