// Tests of the harness, with a handler that acts as its payload says.
#include <hookyard_test.h>

HY_SUBSCRIBE("*");

bool on_event(const hy_context *ctx, hy_string data, hy_failure *failure) {
  hy_json json;
  hy_string key;
  if (!hy_json_parse(data, &json)) return hy_reject(failure, "no JSON");
  hy_string act = hy_or(hy_json_string_at(json, "/do"), hy_str(""));
  hy_info("%.*s: %.*s", HY_ARG(ctx->event_type), HY_ARG(act));
  if (hy_starts_with(ctx->event_type, hy_str("a."))) hy_info("%.*s %.*s", HY_ARG(ctx->event_id), HY_ARG(ctx->created));
  if (!hy_store_increment(hy_str("counts"), hy_str("calls"), 1, NULL, failure)) return false;
  if (!hy_emit_event(hy_str("test.emitted"), hy_str("{}"), &key, failure)) return false;
  if (hy_equal(act, hy_str("retry"))) return hy_retry_after(failure, 1500, "try %d again", 1);
  if (hy_equal(act, hy_str("reject"))) return hy_reject(failure, "never");
  if (hy_equal(act, hy_str("panic"))) hy_panic("at %s", "last");
  if (hy_equal(act, hy_str("fetch"))) {
    hy_http_response response;
    hy_http_request request = {.method = hy_str("GET"), .url = hy_str("https://example.gn/")};
    if (!hy_fetch(&request, &response, failure)) return false;
    hy_info("%u %.*s", response.status, HY_ARG(response.body));
  }
  return true;
}

HY_TEST(an_event_has_the_content_type_and_the_attributes_that_the_test_sets) {
  EXPECT(!hy_content_type().is_some && !hy_attribute(hy_str("subject")).is_some && hy_attributes().count == 0);
  hy_set_content_type("text/xml");
  hy_set_attribute("subject", "orders/7");
  hy_set_attribute("comexampleext", "1");
  EXPECT_TEXT(hy_content_type().value, "text/xml");
  EXPECT_TEXT(hy_attribute(hy_str("subject")).value, "orders/7");
  EXPECT(!hy_attribute(hy_str("other")).is_some);
  EXPECT_INT(hy_attributes().count, 2);
  EXPECT_TEXT(hy_attributes().items[0].name, "comexampleext");
}

HY_TEST(what_a_done_delivery_wrote_and_asked_for_stays) {
  EXPECT_DONE(hy_deliver_event("test.done", "{}"));
  EXPECT_DONE(hy_deliver_event("test.done", "{}"));
  EXPECT_TEXT(hy_stored("counts", "calls").value, "2");
  EXPECT_INT(hy_effect_count(), 2);
  EXPECT(hy_effect_at(1)->kind == HY_EVENT);
  EXPECT_TEXT(hy_effect_at(1)->event_type, "test.emitted");
  EXPECT_TEXT(hy_logged(0), "INFO test.done: ");
}

HY_TEST(a_delivery_that_fails_leaves_nothing_but_its_log) {
  hy_set_stored("counts", "calls", "5");
  hy_delivery retry = hy_deliver_event("test", "{\"do\":\"retry\"}");
  EXPECT_RETRY(retry, "try 1 again");
  EXPECT(retry.failure.has_after_ms && retry.failure.after_ms == 1500);
  EXPECT_REJECTED(hy_deliver_event("test", "{\"do\":\"reject\"}"), "never");
  EXPECT_PANIC(hy_deliver_event("test", "{\"do\":\"panic\"}"));
  EXPECT_TEXT(hy_stored("counts", "calls").value, "5");
  EXPECT_INT(hy_effect_count(), 0);
  EXPECT_INT(hy_logged_count(), 4);
  EXPECT(hy_ends_with(hy_logged(3), hy_str(": at last")));
  EXPECT(hy_starts_with(hy_logged(3), hy_str("CRITICAL test/delivery_test.c:")));
}

HY_TEST(an_answer_is_what_the_test_has_set) {
  EXPECT_RETRY(hy_deliver_event("test", "{\"do\":\"fetch\"}"),
               "HTTP request to https://example.gn/: the test has set no answer");
  hy_set_answer("https://example.gn/", 404, "not here");
  EXPECT_DONE(hy_deliver_event("test", "{\"do\":\"fetch\"}"));
  EXPECT_TEXT(hy_logged(2), "INFO 404 not here");
}

HY_TEST(a_whole_event_brings_its_type_id_and_payload) {
  EXPECT_DONE(hy_receive_event("{\"id\":\"evt_7\",\"type\":\"a.b\",\"created\":\"2026-02-01T00:00:00Z\","
                               "\"data\":{\"object\":{\"do\":\"1\"}}}"));
  EXPECT_TEXT(hy_logged(0), "INFO a.b: 1");
  EXPECT_TEXT(hy_logged(1), "INFO evt_7 2026-02-01T00:00:00Z");
  EXPECT_DONE(hy_receive_event("{\"type\":\"a.c\",\"data\":{\"do\":\"2\"}}"));
  EXPECT_TEXT(hy_logged(2), "INFO a.c: 2");
  EXPECT_TEXT(hy_logged(3), "INFO evt_sample 2026-01-21T14:30:00Z");
  EXPECT_REJECTED(hy_receive_event("{\"type\":\"a.d\",\"data\":{\"object\":{\"do\":\"reject\"}}}"), "never");
  EXPECT_DONE(hy_receive_event("{\"type\":\"a.e\"}"));
  EXPECT_TEXT(hy_test_context()->event_id, "evt_sample");
}

HY_TEST(each_test_begins_with_an_empty_world) {
  EXPECT(!hy_stored("counts", "calls").is_some);
  EXPECT_INT(hy_effect_count(), 0);
  EXPECT_INT(hy_logged_count(), 0);
  EXPECT_INT(hy_config_all().count, 0);
}

HY_TEST(config_is_found_by_its_whole_name) {
  hy_string value;
  hy_failure failure;
  hy_set_config("url", "https://example.gn");
  hy_set_config("sender", "Office");
  EXPECT_TEXT(hy_config(hy_str("url")).value, "https://example.gn");
  EXPECT(!hy_config(hy_str("URL")).is_some);
  EXPECT_TEXT(hy_config_all().items[0].name, "sender");
  EXPECT(!hy_config_required(hy_str("token"), &value, &failure));
  EXPECT(failure.kind == HY_FAILURE_REJECT);
}

HY_TEST(a_swap_happens_only_where_the_value_is_the_expected_one) {
  bool swapped;
  EXPECT(hy_store_compare_and_swap(hy_str("b"), hy_str("k"), hy_some(hy_str("")), hy_str("1"), &swapped, NULL) && !swapped);
  EXPECT(hy_store_compare_and_swap(hy_str("b"), hy_str("k"), hy_none(), hy_str("1"), &swapped, NULL) && swapped);
  EXPECT(hy_store_compare_and_swap(hy_str("b"), hy_str("k"), hy_none(), hy_str("2"), &swapped, NULL) && !swapped);
  EXPECT(hy_store_compare_and_swap(hy_str("b"), hy_str("k"), hy_some(hy_str("1")), hy_str("2"), &swapped, NULL) && swapped);
  EXPECT_TEXT(hy_stored("b", "k").value, "2");
}
