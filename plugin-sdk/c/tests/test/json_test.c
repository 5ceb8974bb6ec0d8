#include <hookyard_test.h>

static hy_json parsed(const char *text) {
  hy_json value;
  EXPECT(hy_json_parse(hy_text(text), &value));
  return value;
}

HY_TEST(finds_values_by_their_place) {
  hy_json json = parsed("{\"id\": 7, \"list\": [1, [2, 3], {\"a/b\": \"x\", \"m~n\": null}], \"yes\": true, \"\": \"empty\"}");
  int64_t number;
  EXPECT(hy_json_int_at(json, "/id", &number) && number == 7);
  EXPECT(hy_json_int_at(json, "/list/1/1", &number) && number == 3);
  EXPECT_TEXT(hy_json_string_at(json, "/list/2/a~1b").value, "x");
  EXPECT(hy_json_at(json, "/list/2/m~0n").kind == HY_JSON_NULL);
  EXPECT_TEXT(hy_json_string_at(json, "/").value, "empty");
  EXPECT(hy_json_at(json, "").kind == HY_JSON_OBJECT);
  EXPECT(hy_json_true_at(json, "/yes"));
}

HY_TEST(what_is_not_there_is_missing) {
  hy_json json = parsed("{\"id\": 7, \"list\": [1], \"text\": \"x\"}");
  int64_t number;
  EXPECT(hy_json_at(json, "/no/where").kind == HY_JSON_MISSING);
  EXPECT(hy_json_at(json, "/list/1").kind == HY_JSON_MISSING);
  EXPECT(hy_json_at(json, "/list/x").kind == HY_JSON_MISSING);
  EXPECT(hy_json_at(json, "/list/-1").kind == HY_JSON_MISSING);
  EXPECT(!hy_json_string_at(json, "/id").is_some);
  EXPECT(!hy_json_int_at(json, "/text", &number));
  EXPECT(!hy_json_true_at(json, "/id"));
}

HY_TEST(numbers_may_stand_in_strings) {
  int64_t number;
  EXPECT(hy_json_int_at(parsed("{\"n\":\"-12\"}"), "/n", &number) && number == -12);
  EXPECT(!hy_json_int_at(parsed("{\"n\":1.5}"), "/n", &number));
  EXPECT_TEXT(hy_json_at(parsed("{\"n\":1.5e3}"), "/n").text, "1.5e3");
}

HY_TEST(of_two_members_with_one_name_the_last_counts) {
  EXPECT_TEXT(hy_json_string_at(parsed("{\"a\":\"1\",\"a\":\"2\"}"), "/a").value, "2");
}

HY_TEST(reads_every_escape) {
  hy_json json = parsed("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"");
  EXPECT_TEXT(hy_json_string_at(json, "").value, "\"\\/\b\f\n\r\tAé€😀");
  EXPECT_TEXT(hy_json_string_at(parsed("\"\\ud83d!\\ude00\\ud83d\\u0041\""), "").value, "\uFFFD!\uFFFD\uFFFDA");
}

HY_TEST(visits_members_and_items_in_their_order) {
  hy_buffer seen = {0};
  hy_json object = parsed("{ \"a\" : 1 , \"b\\n\" : [ ] ,\"c\":{}}");
  for (hy_json_member m = {0}; hy_json_next(object, &m);) {
    hy_append_format(&seen, "%.*s=%.*s;", HY_ARG(m.name), HY_ARG(m.value.text));
  }
  hy_json array = parsed("[ 1,\"x\" , null ]");
  for (hy_json_member m = {0}; hy_json_next(array, &m);) hy_append_format(&seen, "%.*s;", HY_ARG(m.value.text));
  EXPECT_TEXT(hy_appended(&seen), "a=1;b\n=[ ];c={};1;\"x\";null;");
}

HY_TEST(takes_nothing_that_is_not_json) {
  const char *wrong[] = {
      "", " ", "{", "}", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "01", "1.", ".5", "-", "+1", "1e", "tru",
      "nul", "'a'", "\"a", "\"\\x\"", "\"\\u12\"", "\"\n\"", "1 2", "[1 2]", "NaN", "{\"a\":1 \"b\":2}", "[", "\"\\",
  };
  hy_json value;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    if (hy_json_parse(hy_text(wrong[i]), &value)) hy_test_fail(__FILE__, __LINE__, "taken: %s", wrong[i]);
    EXPECT(value.kind == HY_JSON_MISSING);
  }
}

HY_TEST(takes_what_is_nested_up_to_the_limit) {
  char deep[2 * 200 + 1];
  for (size_t depth = 1; depth <= 200; depth++) {
    memset(deep, '[', depth);
    memset(deep + depth, ']', depth);
    hy_json value;
    EXPECT(hy_json_parse((hy_string){deep, 2 * depth}, &value) == (depth <= 129));
  }
}

HY_TEST(writes_objects_and_arrays) {
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  hy_put_string(&json, "text", hy_str("x"));
  hy_put_optional(&json, "none", hy_none());
  hy_put_optional(&json, "some", hy_some(hy_str("y")));
  hy_begin_array(&json, "list");
  hy_put_int(&json, NULL, INT64_MIN);
  hy_put_uint(&json, NULL, UINT64_MAX);
  hy_begin_object(&json, NULL);
  hy_end(&json);
  hy_put_bool(&json, NULL, false);
  hy_end(&json);
  hy_put_name(&json, hy_str("made"));
  hy_begin_array(&json, NULL);
  hy_end(&json);
  hy_put_strings(&json, "strings", HY_STRINGS(hy_str("a"), hy_str("b")));
  hy_put_json(&json, "json", hy_str("{\"a\":1}"));
  hy_put_null(&json, "null");
  hy_end(&json);
  EXPECT_TEXT(hy_written(&json),
              "{\"text\":\"x\",\"none\":null,\"some\":\"y\",\"list\":[-9223372036854775808,18446744073709551615,{},false],"
              "\"made\":[],\"strings\":[\"a\",\"b\"],\"json\":{\"a\":1},\"null\":null}");
}

static hy_string quoted(hy_string text) {
  hy_json_writer json = {0};
  hy_put_string(&json, NULL, text);
  return hy_written(&json);
}

HY_TEST(escapes_what_json_does_not_take_as_it_is) {
  EXPECT_TEXT(quoted(hy_str("a\"b\\c\nd\re\tf\b\x01\x1f/é😀\x7f")), "\"a\\\"b\\\\c\\nd\\re\\tf\\u0008\\u0001\\u001f/é😀\x7f\"");
  EXPECT_TEXT(quoted((hy_string){"a\0b", 3}), "\"a\\u0000b\"");
}

HY_TEST(what_is_no_utf8_becomes_the_replacement_character) {
  EXPECT_TEXT(quoted(hy_str("\xff" "a\xc3")), "\"\uFFFDa\uFFFD\"");
  EXPECT_TEXT(quoted(hy_str("\xc0\x80")), "\"\uFFFD\uFFFD\"");                       // overlong encoding
  EXPECT_TEXT(quoted(hy_str("\xed\xa0\x80")), "\"\uFFFD\uFFFD\uFFFD\"");             // lone surrogate
  EXPECT_TEXT(quoted(hy_str("\xf4\x90\x80\x80")), "\"\uFFFD\uFFFD\uFFFD\uFFFD\"");   // beyond U+10FFFF
}

HY_TEST(what_was_written_can_be_read) {
  for (unsigned c = 1; c < 0x110000; c += 61) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    hy_json value;
    hy_string escape = c < 0x10000 ? hy_format("\"\\u%04x\"", c)
                                   : hy_format("\"\\u%04x\\u%04x\"", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + (c & 0x3FF));
    EXPECT(hy_json_parse(escape, &value));
    hy_string character = hy_json_string_at(value, "").value;
    EXPECT(hy_json_parse(quoted(character), &value));
    EXPECT(hy_equal(hy_json_string_at(value, "").value, character));
  }
}
