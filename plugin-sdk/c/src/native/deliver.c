// Delivers events to the plugin's handlers, each in a transaction.
#include "world.h"

#include <stdlib.h>

// A plugin may have typed handlers only.
#pragma weak on_event

static hy_outcome outcome_of(bool done, hy_failure failure) {
  return done ? HY_DONE : failure.kind == HY_FAILURE_REJECT ? HY_REJECTED : HY_RETRY;
}

static void undo(const hy_test_world *before) {
  hy_world.entries = before->entries;
  hy_world.entry_count = before->entry_count;
  hy_world.effects = before->effects;
  hy_world.effect_count = before->effect_count;
}

// Calls the handler, and undoes its writes and effects unless it returns true.
static hy_delivery call(const hy_test_handler *handler, const hy_context *ctx, const void *payload) {
  hy_test_world before = hy_world;
  jmp_buf panic;
  hy_delivery delivery = {HY_PANICKED, {.reason = hy_str("the handler gave no reason")}};
  hy_world.panic = &panic;
  if (setjmp(panic) == 0) {
    delivery.outcome = outcome_of(handler->call(ctx, payload, &delivery.failure), delivery.failure);
  }
  hy_world.panic = NULL;
  if (delivery.outcome != HY_DONE) undo(&before);
  return delivery;
}

// The namespace of a package, which is the name of its source: "acme" for "acme:events".
static hy_string namespace_of(const char *package) {
  if (package == NULL) return hy_str("test");
  return hy_slice(hy_text(package), 0, (size_t)(strchr(package, ':') - package));
}

hy_delivery hy_test_deliver_in(hy_context ctx, const hy_test_handler *handler, const void *payload) {
  ctx.event_type = hy_text(handler->event_type);
  if (ctx.source.len == 0) ctx.source = namespace_of(handler->package);
  const char *component = hy_test_component();
  return component != NULL ? hy_test_attempt(component, handler, &ctx, payload) : call(handler, &ctx, payload);
}

hy_delivery hy_test_deliver(const hy_test_handler *handler, const void *payload) {
  return hy_test_deliver_in(hy_world.context, handler, payload);
}

static bool generic(const hy_context *ctx, const void *data, hy_failure *failure) {
  return on_event(ctx, hy_text(data), failure);
}

void hy_test_put_data(hy_json_writer *json, const void *data) {
  hy_put_json(json, NULL, hy_text(data));
}

hy_delivery hy_test_deliver_data(hy_context ctx, const char *event_type, const char *data) {
  HY_ASSERT(on_event != NULL);
  hy_test_handler handler = {.event_type = event_type, .call = generic, .put = hy_test_put_data};
  return hy_test_deliver_in(ctx, &handler, data);
}

hy_delivery hy_deliver_event(const char *event_type, const char *json) {
  return hy_test_deliver_data(hy_world.context, event_type, json);
}
