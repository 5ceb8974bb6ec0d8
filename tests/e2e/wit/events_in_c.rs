//! Whole events in the tests of plugins in C: the program decodes them, and generated code reads its canonical JSON.

use super::{repository, write};
use crate::support::HostDir;

/// Handlers of an event with every kind of value, of one of Moncreneau, and of any other.
const EVENT_HANDLERS: &str = r#"
#include "acme_kinds/thing_done.h"
#include "moncreneau/appointment_updated.h"
#include <hookyard/event.h>

HY_SUBSCRIBE("invoice.*");

static void put_inner(const char *name, acme_kinds_inner inner) {
  hy_info("%s %d %d %.*s", name, inner.a, inner.when.is_some, HY_ARG(inner.when.value));
  for (size_t i = 0; i < inner.colors.count; i++) hy_info("%.*s", HY_ARG(hy_name_of_acme_kinds_color(inner.colors.items[i])));
}

static void put_place(acme_kinds_place place) {
  hy_string name = hy_name_of_acme_kinds_place(place);
  switch (place.kind) {
    case ACME_KINDS_PLACE_SHOP: hy_info("%.*s %" PRIu32, HY_ARG(name), place.shop); break;
    case ACME_KINDS_PLACE_OTHER: hy_info("%.*s %.*s", HY_ARG(name), HY_ARG(place.other)); break;
    case ACME_KINDS_PLACE_PAIR: hy_info("%.*s %.*s %" PRIu64, HY_ARG(name), HY_ARG(place.pair.f0), place.pair.f1); break;
    default: hy_info("%.*s", HY_ARG(name));
  }
}

static void put_text(const char *name, hy_string text) {
  hy_buffer hex = {0};
  for (size_t i = 0; i < text.len; i++) hy_append_format(&hex, "%02x", (uint8_t)text.ptr[i]);
  hy_info("%s %.*s", name, HY_ARG(hy_appended(&hex)));
}

bool on_thing_done(const hy_context *ctx, const acme_kinds_thing *thing, hy_failure *failure) {
  (void)failure;
  put_text("name", thing->name);
  hy_info("%.*s %.*s %" PRIu64 " %" PRId64, HY_ARG(ctx->event_id), HY_ARG(ctx->source), thing->id, thing->sid);
  hy_info("%d %d %" PRIx32 " %d %d", thing->small, thing->flag, thing->letter, thing->ratio == 0.1, thing->single == 1.5f);
  hy_info("%d %" PRIu64 " %d", thing->ratio < -1.7e308, (uint64_t)(thing->single * 1e9), thing->note.is_some);
  hy_info("%d %d %" PRIu32, thing->deep.is_some, thing->deep.value.is_some, thing->deep.value.value);
  put_inner("inner", thing->inner);
  for (size_t i = 0; i < thing->inners.count; i++) put_inner("item", thing->inners.items[i]);
  for (size_t i = 0; i < thing->places.count; i++) put_place(thing->places.items[i]);
  put_place(thing->place);
  hy_info("%d %d %.*s", thing->marks, thing->marks == ACME_KINDS_MARKS_IS_GIFT, HY_ARG(hy_name_of_acme_kinds_color(thing->color)));
  put_text("bytes", thing->bytes);
  for (size_t i = 0; i < thing->pairs.count; i++) {
    hy_info("%.*s=%.*s", HY_ARG(thing->pairs.items[i].name), HY_ARG(thing->pairs.items[i].value));
  }
  for (size_t i = 0; i < thing->nested.count; i++) put_inner("nested", thing->nested.items[i].value);
  for (size_t i = 0; i < thing->opt_map.value.count; i++) hy_info("%" PRIu64, thing->opt_map.value.items[i].value);
  hy_info("%.*s %" PRIu32 " %d", HY_ARG(thing->triple.f0), thing->triple.f1, thing->triple.f2);
  hy_info("%zu %zu %" PRIu32, thing->maps.count, thing->maps.items[1].count, thing->maps.items[0].items[0].value);
  hy_info("%d", thing->map_of_map.items[0].value.items[0].value);
  return true;
}

bool on_appointment_updated(const hy_context *ctx, const moncreneau_updated *appointment, hy_failure *failure) {
  (void)ctx;
  return hy_reject(failure, "%.*s %.*s", HY_ARG(appointment->changes.value.items[0].name),
                   HY_ARG(hy_name_of_moncreneau_status(appointment->status)));
}

bool on_event(const hy_context *ctx, hy_string data, hy_failure *failure) {
  return hy_reject(failure, "%.*s %.*s", HY_ARG(ctx->event_id), HY_ARG(data));
}
"#;

/// Whole events have the values of the sample, and are rejected as by a host.
const EVENT_TEST: &str = r#"
#include <stdio.h>
#include "test/acme_kinds.h"
#include "test/moncreneau.h"

static const char *content_of(const char *name) {
  char text[8192];
  FILE *file = fopen(name, "rb");
  EXPECT(file != NULL);
  size_t len = fread(text, 1, sizeof text, file);
  fclose(file);
  return hy_zero_terminated((hy_string){text, len});
}

// The event with every kind of value, with one part of it replaced.
static const char *event_with(const char *part, const char *other) {
  const char *event = content_of("wit/acme-kinds-1.0.0/samples/thing.done.json");
  const char *at = strstr(event, part);
  EXPECT(at != NULL);
  return hy_zero_terminated(hy_format("%.*s%s%s", (int)(at - event), event, other, at + strlen(part)));
}

HY_TEST(an_event_has_the_values_of_the_sample) {
  acme_kinds_thing thing = hy_sample_thing_done();
  hy_test_context()->event_id = hy_str("e1");
  EXPECT_DONE(hy_deliver_thing_done(&thing));
  size_t count = hy_logged_count();
  EXPECT_TEXT(hy_logged(1), "INFO e1 acme 18446744073709551615 -9223372036854775808");
  EXPECT_TEXT(hy_logged(2), "INFO -8 1 e9 1 1");
  hy_test_context()->event_id = hy_str("");
  EXPECT_DONE(hy_receive_thing_done(event_with("thing.done", "thing.done")));
  EXPECT(count > 20 && hy_logged_count() == 2 * count);
  for (size_t i = 0; i < count; i++) EXPECT(hy_equal(hy_logged(i), hy_logged(count + i)));
}

HY_TEST(an_event_that_does_not_fit_is_rejected) {
  const char *event = event_with("\"small\":-8", "\"small\":128");
  EXPECT_REJECTED(hy_receive_thing_done(event), "payload.small: expected s8, found number 128");
  EXPECT_INT((int64_t)hy_logged_count(), 0);
}

HY_TEST(a_text_may_have_pairs_of_surrogates_and_zeros) {
  EXPECT_DONE(hy_receive_thing_done(event_with("a\\\"b\\\\ \\n", "\\ud83d\\ude00\\u0000x\\u0000")));
  EXPECT_TEXT(hy_logged(0), "INFO name f09f9880007800");
  EXPECT_DONE(hy_receive_thing_done(event_with("\"letter\":\"é\"", "\"letter\":\"\\ud83d\\ude00\"")));
  EXPECT(hy_starts_with(hy_logged(hy_logged_count() / 2 + 2), hy_str("INFO -8 1 1f600 ")));
}

HY_TEST(a_note_is_logged_before_the_handlers_lines) {
  EXPECT_DONE(hy_receive_thing_done(event_with("\"deep\":5", "\"deep\":\"x\"")));
  EXPECT_TEXT(hy_logged(0), "WARN hookyard: payload.deep: expected u32, found string \"x\"; taken as none");
  EXPECT(hy_starts_with(hy_logged(1), hy_str("INFO name ")));
  EXPECT_TEXT(hy_logged(5), "INFO 1 0 0");
}

HY_TEST(an_event_may_be_of_moncreneau_or_of_any_type) {
  const char *updated =
      "{\"type\":\"appointment.updated\",\"data\":{\"object\":{\"id\":1,\"departmentId\":2,\"dateTime\":\"2026-01-26T10:00:00\","
      "\"status\":\"NO_SHOW\",\"name\":\"Ada\",\"changes\":{\"dateTime\":{\"from\":\"a\",\"to\":null}}}}}";
  EXPECT_REJECTED(hy_receive_appointment_updated(updated), "dateTime no-show");
  EXPECT_REJECTED(hy_receive_event("{\"id\":\"e7\",\"type\":\"invoice.sent\",\"data\":{\"object\":{\"n\":1.10}}}"), "e7 {\"n\":1.10}");
}
"#;

#[test]
fn tests_in_c_get_whole_events_as_a_host_decodes_them() {
    let dir = HostDir::new("");
    let kinds = repository().join("tests/e2e/kinds").display().to_string();
    let new = ["plugin", "new", "desk", "--lang", "c", "--wit", &kinds, "--on", "thing.done"];
    let output = dir.run(&new);
    assert_eq!(output.code, 0, "{output:?}");
    write(&dir, "desk/Makefile", "CFLAGS = -Werror -pedantic\ninclude sdk/hookyard.mk\n");
    write(&dir, "desk/src/plugin.c", EVENT_HANDLERS);
    write(&dir, "desk/test/plugin_test.c", EVENT_TEST);
    for command in [&["plugin", "test", "desk"][..], &["plugin", "test", "desk", "--wasm"]] {
        let output = dir.run(command);
        assert_eq!(output.code, 0, "{output:?}");
    }
}
