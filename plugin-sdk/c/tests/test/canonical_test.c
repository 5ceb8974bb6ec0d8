// Tests of the readers of decoded payloads.
#include <hookyard_test.h>
#include <math.h>

static hy_json parsed(const char *text) {
  hy_json value;
  EXPECT(hy_json_parse(hy_text(text), &value));
  return value;
}

HY_TEST(integers_are_exact_at_their_limits) {
  EXPECT(hy_test_read_uint(parsed("\"18446744073709551615\""), UINT64_MAX) == UINT64_MAX);
  EXPECT(hy_test_read_int(parsed("\"-9223372036854775808\""), INT64_MIN, INT64_MAX) == INT64_MIN);
  EXPECT(hy_test_read_uint(parsed("255"), UINT8_MAX) == 255 && hy_test_read_int(parsed("-128"), INT8_MIN, INT8_MAX) == -128);
}

HY_TEST(floats_are_exact_and_may_be_no_numbers) {
  EXPECT(hy_test_read_f32(parsed("0.1")) == 0.1f && hy_test_read_f64(parsed("0.1")) == 0.1);
  EXPECT(hy_test_read_f64(parsed("1.7976931348623157e308")) == 0x1.fffffffffffffp1023);
  EXPECT(isnan(hy_test_read_f64(parsed("\"NaN\""))) && isinf(hy_test_read_f32(parsed("\"-Infinity\""))));
}

HY_TEST(characters_and_texts_may_be_of_any_plane) {
  EXPECT(hy_test_read_char(parsed("\"A\"")) == 'A' && hy_test_read_char(parsed("\"\\u0000\"")) == 0);
  EXPECT(hy_test_read_char(parsed("\"é\"")) == 0xE9 && hy_test_read_char(parsed("\"€\"")) == 0x20AC);
  EXPECT(hy_test_read_char(parsed("\"\\ud83d\\ude00\"")) == 0x1F600);
  EXPECT(hy_equal(hy_test_read_string(parsed("\"a\\u0000😀\"")), hy_str("a\0😀")));
  EXPECT(hy_equal(hy_test_read_bytes(parsed("[0,255]")), hy_str("\0\xff")));
}

HY_TEST(fields_have_the_order_of_their_names) {
  hy_json fields[2], parts[2], value;
  hy_test_read_fields(parsed("{\"b\":2,\"a\":null}"), (const char *const[]){"a", "b"}, fields, 2);
  EXPECT(fields[0].kind == HY_JSON_NULL && hy_test_read_uint(fields[1], 2) == 2);
  hy_test_read_tuple(parsed("[1,\"x\"]"), parts, 2);
  EXPECT_TEXT(hy_test_read_string(parts[1]), "x");
  EXPECT_INT((int64_t)hy_test_read_case(parsed("{\"b\":3}"), (const char *const[]){"a", "b"}, 2, &value), 1);
  EXPECT(hy_test_read_uint(value, 3) == 3 && hy_test_read_some(parsed("{\"some\":null}")).kind == HY_JSON_NULL);
}

HY_TEST(a_long_list_is_read_in_time) {
  enum { COUNT = 200000 };
  hy_json_writer json = {0};
  hy_begin_array(&json, NULL);
  for (int i = 0; i < COUNT; i++) hy_put_uint(&json, NULL, (uint8_t)i);
  hy_end(&json);
  hy_json list;
  EXPECT(hy_json_parse(hy_written(&json), &list));
  hy_string bytes = hy_test_read_bytes(list);
  EXPECT(bytes.len == COUNT && bytes.ptr[COUNT - 1] == (char)(uint8_t)(COUNT - 1));
}
