// Deliveries: each handler that the plugin may define, in a transaction.
#include "world.h"

// A plugin defines some of these.
#pragma weak on_event
#pragma weak on_appointment_created
#pragma weak on_appointment_updated
#pragma weak on_appointment_cancelled
#pragma weak on_appointment_validated
#pragma weak on_appointment_completed

static hy_outcome outcome_of(bool done, hy_failure failure) {
  return done ? HY_DONE : failure.kind == HY_FAILURE_REJECT ? HY_REJECTED : HY_RETRY;
}

// Calls a handler with `failure`, and undoes what it did unless it is done.
#define DELIVER(type, handler, call)                                                                \
  HY_ASSERT(handler != NULL);                                                                       \
  hy_test_world before = hy_world;                                                                  \
  jmp_buf panic;                                                                                    \
  hy_delivery delivery = {HY_PANICKED, {.reason = hy_str("the handler gave no reason")}};           \
  hy_failure *failure = &delivery.failure;                                                          \
  hy_world.context.event_type = type;                                                               \
  hy_world.panic = &panic;                                                                          \
  if (setjmp(panic) == 0) delivery.outcome = outcome_of(call, *failure);                            \
  hy_world.panic = NULL;                                                                            \
  if (delivery.outcome != HY_DONE) undo(&before);                                                   \
  return delivery

static void undo(const hy_test_world *before) {
  hy_world.entries = before->entries;
  hy_world.entry_count = before->entry_count;
  hy_world.effects = before->effects;
  hy_world.effect_count = before->effect_count;
}

#define DELIVER_APPOINTMENT(event)                                                                       \
  hy_delivery hy_deliver_appointment_##event(const hy_appointment_##event *appointment) {                                        \
    DELIVER(hy_str("appointment." #event), on_appointment_##event,                                       \
            on_appointment_##event(&hy_world.context, appointment, failure));                            \
  }

DELIVER_APPOINTMENT(created)
DELIVER_APPOINTMENT(updated)
DELIVER_APPOINTMENT(cancelled)
DELIVER_APPOINTMENT(validated)
DELIVER_APPOINTMENT(completed)

hy_delivery hy_deliver_event(const char *event_type, const char *json) {
  DELIVER(hy_text(event_type), on_event, on_event(&hy_world.context, hy_text(json), failure));
}
