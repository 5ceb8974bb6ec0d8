// Delivers whole events, as their senders post them. The host's own program decodes the payloads of typed handlers, so
// that values, errors and notes are those of a real host.
#define _POSIX_C_SOURCE 200809L
#include "program.h"
#include "world.h"

#include <unistd.h>

static hy_json parse(const char *event) {
  hy_json json;
  if (!hy_json_parse(hy_text(event), &json)) hy_test_fail(__FILE__, __LINE__, "the event is no JSON");
  return json;
}

static hy_string type_of(hy_json event) {
  hy_optional type = hy_json_string_at(event, "/type");
  if (!type.is_some) hy_test_fail(__FILE__, __LINE__, "the event has no `type`");
  return type.value;
}

// The test's context, with the id and the time of the event.
static hy_context context_of(hy_json event) {
  hy_context ctx = hy_world.context;
  ctx.event_id = hy_or(hy_json_string_at(event, "/id"), ctx.event_id);
  ctx.created = hy_or(hy_json_string_at(event, "/created"), ctx.created);
  return ctx;
}

// `data.object`, or else `data`, as JSON text.
static const char *payload_of(hy_json event) {
  hy_json data = hy_json_at(event, "/data"), object = hy_json_at(data, "/object");
  hy_json payload = object.kind != HY_JSON_MISSING ? object : data;
  return payload.kind != HY_JSON_MISSING ? hy_zero_terminated(payload.text) : "null";
}

hy_delivery hy_receive_event(const char *event) {
  hy_json json = parse(event);
  return hy_test_deliver_data(context_of(json), hy_zero_terminated(type_of(json)), payload_of(json));
}

// A payload that does not fit is rejected, as by a host. Any other error fails the test.
static hy_delivery rejection(hy_string errors) {
  hy_string error = hy_trimmed(errors), mark = hy_str("error: ");
  if (!hy_starts_with(error, hy_str("error: payload"))) {
    hy_test_fail(__FILE__, __LINE__, "hookyard wit decode: %.*s", HY_ARG(error));
  }
  return (hy_delivery){HY_REJECTED, {.kind = HY_FAILURE_REJECT, .reason = hy_slice(error, mark.len, error.len)}};
}

// The log lines of the program's warnings.
static hy_strings notes_of(hy_string errors) {
  hy_string mark = hy_str("warning: ");
  hy_strings lines = hy_split(errors, '\n'), notes = {hy_alloc(lines.count * sizeof(hy_string)), 0};
  for (size_t i = 0; i < lines.count; i++) {
    hy_string line = lines.items[i];
    if (!hy_starts_with(line, mark)) continue;
    notes.items[notes.count++] = hy_format("WARN hookyard: %.*s", HY_ARG(hy_slice(line, mark.len, line.len)));
  }
  return notes;
}

// Delivers the payload as it was sent: the host decodes it itself. Its notes also name the handler; they get the form of
// native tests.
static hy_delivery deliver_to_component(hy_json event, const hy_test_handler *handler, hy_strings notes) {
  size_t first = hy_world.lines.count;
  hy_test_handler sent = *handler;
  sent.put = hy_test_put_data;
  hy_delivery delivery = hy_test_deliver_in(context_of(event), &sent, payload_of(event));
  for (size_t i = 0; i < notes.count && first + i < hy_world.lines.count; i++) {
    hy_string *line = &hy_world.lines.items[first + i];
    if (hy_starts_with(*line, hy_str("WARN hookyard: "))) *line = notes.items[i];
  }
  return delivery;
}

static hy_delivery deliver_natively(hy_json event, const hy_test_handler *handler, hy_strings notes,
                                    hy_json canonical) {
  for (size_t i = 0; i < notes.count; i++) {
    hy_string *line = hy_test_push((void **)&hy_world.lines.items, &hy_world.lines.count, sizeof *line);
    *line = notes.items[i];
  }
  void *payload = hy_alloc(handler->payload_size);
  handler->read(canonical, payload);
  return hy_test_deliver_in(context_of(event), handler, payload);
}

hy_delivery hy_test_receive(const hy_test_handler *handler, const char *event) {
  hy_json json = parse(event), canonical;
  hy_string type = type_of(json);
  if (!hy_equal(type, hy_text(handler->event_type))) {
    hy_test_fail(__FILE__, __LINE__, "the event has the type %.*s, and the handler %s", HY_ARG(type),
                 handler->event_type);
  }
  // The package is the plugin's own, or one that the program knows.
  bool is_own = access(handler->folder, F_OK) == 0;
  const char *arguments[] = {"wit", "decode", "--type", handler->event_type, is_own ? "--wit" : NULL, "wit", NULL};
  hy_program_result decoded = hy_run_program(arguments, hy_text(event));
  if (!decoded.is_ok) return rejection(decoded.errors);
  hy_strings notes = notes_of(decoded.errors);
  if (hy_test_component() != NULL) return deliver_to_component(json, handler, notes);
  if (!hy_json_parse(decoded.output, &canonical)) hy_test_fail(__FILE__, __LINE__, "hookyard wit decode: no JSON");
  return deliver_natively(json, handler, notes, canonical);
}
