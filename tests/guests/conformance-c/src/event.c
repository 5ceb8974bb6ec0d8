// The conformance guest in C; every SDK has one with the same behaviour. The generic handler performs the action
// that the payload names ({"do": ACTION, …}), and the typed handlers store their payloads.
#include <hookyard/event.h>

#include "actions.h"

HY_SUBSCRIBE("conformance.*");

static const struct {
  const char *name;
  action *run;
} actions[] = {
    {"echo", do_echo},         {"context", do_context}, {"config", do_config}, {"store", do_store},
    {"outbox", do_outbox},     {"refused", do_refused}, {"fetch", do_fetch},   {"clock", do_clock},
    {"random", do_random},     {"retry", do_retry},     {"reject", do_reject}, {"trap", do_trap},
    {"loop", do_loop},         {"memory", do_memory},   {"large", do_large},   {"print", do_print},
    {"metadata", do_metadata},
};

bool store_result(const char *key, hy_string value, hy_failure *failure) {
  return hy_store_set(RESULTS, hy_text(key), value, failure);
}

hy_string string_of(const order *order, const char *pointer) {
  return hy_or(hy_json_string_at(order->payload, pointer), hy_str(""));
}

bool on_event(const hy_context *ctx, hy_string data, hy_failure *failure) {
  order order = {.ctx = ctx};
  if (!hy_json_parse(data, &order.payload)) return hy_reject(failure, "the payload is no JSON");
  order.text = string_of(&order, "/text");
  hy_string name = string_of(&order, "/do");
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
    if (hy_equal(name, hy_text(actions[i].name))) return actions[i].run(&order, failure);
  }
  return hy_reject(failure, "there is no action `%.*s`", HY_ARG(name));
}
